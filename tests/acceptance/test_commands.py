"""The command line against the running gateway: every command for people and for machines."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from depesha.simulators.seos_documents import (
    REGISTERED,
    WAITING,
    Enclosure,
    RegistrationRequest,
)
from tests.support.acceptance import Stage, depesha, kinds, letter, until, word
from tests.support.country import IDS


def unknown() -> Enclosure:
    """A file of no known type: it is held for a person."""
    content = b"\x00\x01\xfe" + IDS.guid().encode() + bytes(range(256))
    return Enclosure(name="данни.bin", content=content, media_type="text/unknown")


async def sent(world: Stage, subject: str, *files: Enclosure) -> tuple[RegistrationRequest, str]:
    request = letter(subject, *files)
    assert word(await world.submit(request)) == WAITING
    return request, (await world.one(request))["id"]


async def test_inbox_and_show_tell_what_waits_and_why(world: Stage) -> None:
    """RCV-05, CHK-01, FLD-02."""
    settings = ("-c", world.gateway.settings)
    _, found = await sent(world, "Питане от гише")
    machine = await depesha("inbox", *settings, "--limit", "200", "--json")
    assert machine.status == 0, machine.err
    assert found in [m["id"] for m in machine.json["items"]]
    people = await depesha("inbox", *settings, "--limit", "200")
    assert found in people.text
    assert "Питане от гише" in people.text
    one = await depesha("show", *settings, found, "--events", "--json")
    assert one.json["state"] == "ADMITTED"
    assert "RECEIVED" in kinds(one.json["events"])
    shown = await depesha("show", *settings, found, "--events")
    for words in ("ADMITTED", "писмо.txt", "malware", "passed", "Община Извор", "RECEIVED"):
        assert words in shown.text


async def test_show_of_an_unknown_message_is_one_line(world: Stage) -> None:
    """AUD-05: an error is one line on stderr and a status."""
    done = await depesha("show", "-c", world.gateway.settings, "0" * 32)
    assert done.status == 1
    assert done.out == b""
    assert done.err.count("\n") == 1


async def test_a_held_message_is_released_from_the_command_line(world: Stage) -> None:
    """CHK-09, REF-03, AUD-05: the reason and the person's name stay in the journey."""
    settings = ("-c", world.gateway.settings)
    request, found = await sent(world, "Неизвестен вид", unknown())
    machine = await depesha("held", "list", *settings, "--json")
    assert found in [m["id"] for m in machine.json["items"]]
    people = await depesha("held", "list", *settings)
    assert found in people.text
    released = await depesha(
        "held", "release", *settings, found, "--reason", "Проверен на ръка", "--json"
    )
    assert released.json["state"] == "ADMITTED"
    await world.register(found, "ВХ-51")
    seen = await world.sender.wait_for_status(request.document.guid, REGISTERED, 10)
    assert seen.number is not None
    rows = await world.office.events(found)
    [row] = [r["body"] for r in rows if r["body"]["kind"] == "RELEASED"]
    assert row["actor"].startswith("token:commands-")


async def test_a_held_message_is_refused_from_the_command_line(world: Stage) -> None:
    """REF-02, REF-03."""
    settings = ("-c", world.gateway.settings)
    request, found = await sent(world, "Неизвестен вид", unknown())
    done = await depesha("held", "refuse", *settings, found, "--reason", "Нечетим файл")
    assert done.text == f"{found} is REFUSED.\n"
    seen = await world.sender.wait_for_status(request.document.guid, "DS_REJECTED", 10)
    assert seen.reason == "Нечетим файл"


async def test_parked_work_is_shown_and_tried_again(world: Stage) -> None:
    """RTE-01, LAT-02, law 8: a sender that denies its document; a person decides."""
    settings = ("-c", world.gateway.settings)
    request, found = await sent(world, "Отречен документ")
    denied = world.sender.books.sent.pop(request.document.guid)
    await world.register(found, "ВХ-52")

    async def parked() -> list[Any]:
        tasks = (await depesha("parked", "list", *settings, "--json")).json["items"]
        return [task for task in tasks if task["message_id"] == found]

    [task] = await until(parked)
    assert (task["kind"], task["reason"]) == ("NOTICE", "the sender does not know the document")
    people = await depesha("parked", "list", *settings)
    assert found in people.text
    assert (await world.office.message(found))["state"] == "REGISTERED"
    world.sender.books.sent[request.document.guid] = denied
    done = await depesha("parked", "retry", *settings, str(task["task_id"]))
    assert done.text == f"Task {task['task_id']} is due now.\n"
    assert (await world.reaches(found, "ACKNOWLEDGED"))["state"] == "ACKNOWLEDGED"
    assert await parked() == []


async def test_a_token_is_made_used_and_revoked(world: Stage) -> None:
    """ROL-02, ROL-04, AUD-05: with no more rights than given, and at once without any."""
    settings = ("-c", world.gateway.settings)
    api = ("--api", world.gateway.registry_api)
    name = f"reader-{IDS.guid()[:8]}"
    made = await depesha("token", "create", *settings, name, "--scope", "inbox:read", "--json")
    secret = made.json["token"]
    reading = await depesha("inbox", *api, "--token", secret, "--json")
    assert reading.status == 0, reading.err
    forbidden = await depesha("held", "list", *api, "--token", secret)
    assert forbidden.status == 1
    listed = await depesha("token", "list", *settings)
    assert name in listed.text
    assert secret not in listed.text
    gone = await depesha("token", "revoke", *settings, name)
    assert gone.text == f"{name} is revoked.\n"

    async def refused() -> bool:
        return (await depesha("inbox", *api, "--token", secret)).status == 1

    assert await until(refused, 10)


async def exported(world: Stage, folder: Path) -> tuple[str, Path]:
    request, found = await sent(world, "За доказване")
    await world.register(found, "ВХ-53")
    await world.reaches(found, "ACKNOWLEDGED")
    assert request.subject
    pack = folder / "pack"
    done = await depesha("evidence", "export", "-c", world.gateway.settings, found, "-o", pack)
    assert done.status == 0, done.err
    return found, pack


async def test_evidence_is_exported_and_verified_offline(world: Stage, tmp_path: Path) -> None:
    """AUD-01, AUD-05, RCV-03: with the public seal key alone, and no gateway."""
    found, pack = await exported(world, tmp_path)
    key = ("--key", world.gateway.seal_key)
    machine = await depesha("evidence", "verify", pack, *key, "--json")
    assert machine.status == 0, machine.err
    assert (machine.json["message_id"], machine.json["trusted"]) == (found, True)
    rows = [row["kind"] for row in machine.json["rows"]]
    assert [k for k in rows if k in {"RECEIVED", "REGISTERED", "NOTICE_TAKEN"}] == [
        "RECEIVED",
        "REGISTERED",
        "NOTICE_TAKEN",
    ]
    people = await depesha("evidence", "verify", pack, *key)
    assert found in people.text
    assert "hold" in people.text
    other = world.builtin.seal_key
    assert (await depesha("evidence", "verify", pack, "--key", other)).status == 1


async def test_a_pack_with_one_flipped_byte_does_not_verify(world: Stage, tmp_path: Path) -> None:
    """AUD-05: wherever in the pack it is."""
    _, pack = await exported(world, tmp_path)
    whole = await asyncio.to_thread(pack.read_bytes)
    places = [len(whole) * n // 5 for n in range(1, 5)]
    forged = []
    for place in places:
        flipped = tmp_path / f"flipped-{place}"
        data = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        await asyncio.to_thread(flipped.write_bytes, data)
        forged.append(flipped)
    key = ("--key", world.gateway.seal_key)
    done = await asyncio.gather(*(depesha("evidence", "verify", one, *key) for one in forged))
    assert [(one.status, one.err.count("\n")) for one in done] == [(1, 1)] * len(places)


async def test_the_doctor_examines_a_running_gateway(world: Stage) -> None:
    """CHK-01: keys, certificates with the days left, scanner, register, disk, ports."""
    settings = ("-c", world.gateway.settings)
    machine = await depesha("doctor", *settings, "--json")
    findings = {one["name"]: one for one in machine.json["findings"]}
    assert machine.json["well"] is (machine.status == 0)
    bad = {name: one["sentence"] for name, one in findings.items() if one["state"] == "bad"}
    assert bad == {}
    told = " ".join(findings)
    for part in ("certificate", "scanner", "register", "disk", "clock"):
        assert part in told
    people = await depesha("doctor", *settings)
    assert all(name in people.text for name in findings)


@pytest.mark.parametrize("words", [("inbox",), ("held", "list"), ("parked", "list")])
async def test_commands_say_that_nobody_answers(words: tuple[str, ...]) -> None:
    """Temporary troubles end with 75, so that scripts may try again."""
    done = await depesha(*words, "--api", "http://127.0.0.1:9", "--token", "x")
    assert done.status == 75
    assert done.err.startswith("depesha: no gateway answers")
