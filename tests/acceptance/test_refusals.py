"""What is never registered, and how its sender and the office hear of it (S4, S5)."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from typing import Any

import pytest
from standardwebhooks import Webhook

from depesha.simulators import papers
from depesha.simulators.bodies import PRIMER
from depesha.simulators.registry import RegistryProblemError
from depesha.simulators.seos_documents import REJECTED, WAITING, Enclosure, StatusResponse
from tests.support.acceptance import (
    ATTACHMENT_LIMIT,
    MESSAGE_LIMIT,
    SECRET,
    Stage,
    check,
    failure,
    letter,
    status,
    until,
    word,
)
from tests.support.country import IDS


async def never_registered(world: Stage, message: dict[str, Any]) -> None:
    """REG-03: it stands refused, waits for nobody, and no number can be given."""
    assert message["state"] == "REJECTED"
    waiting = (await world.page("ADMITTED", "HELD"))["items"]
    assert message["id"] not in {m["id"] for m in waiting}
    assert message["possible"] == []
    with pytest.raises(RegistryProblemError) as late:
        await world.register(message["id"], "ВХ-666")
    assert late.value.status == 409


def zipped(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "in-a-zip"])
async def test_s4_malware_is_refused_with_its_cause_in_the_record(
    world: Stage, *, wrapped: bool
) -> None:
    """CHK-05, REG-03, REF-04, FLD-05, CHK-13, AUD-05."""
    name, content = "фактура.txt", papers.EICAR
    if wrapped:
        name, content = "фактури.zip", zipped(name, content)
    good = Enclosure(name="молба.txt", content=f"м {IDS.guid()}".encode(), media_type="text/plain")
    bad = Enclosure(name=name, content=content, media_type="text/unknown")
    request = letter("Фактури", good, bad)
    said = status(await world.submit(request))
    assert isinstance(said, StatusResponse), said
    assert said.status == REJECTED
    assert said.document.number is None
    assert "[MALWARE_FOUND]" in (said.reason or "")
    assert "Depesha.Test.EICAR" in (said.reason or "")
    message = await world.one(request)
    await never_registered(world, message)
    malware = check(message, "malware")
    assert malware["verdict"] == "rejected"
    assert malware["findings"][0]["facts"]["malware"].startswith("Depesha.Test.EICAR")
    received = (await world.office.events(message["id"]))[0]
    assert any("MALWARE_FOUND" in line for line in received["body"]["facts"]["checks"])
    with pytest.raises(RegistryProblemError) as withheld:
        await world.office.attachment(message["id"], 2)
    assert withheld.value.status == 410

    async def told() -> list[Any]:
        return world.hooks.about(message["id"], "message.rejected")

    [delivery] = await until(told)
    Webhook(SECRET).verify(delivery.body, delivery.headers)
    assert delivery.event["data"]["state"] == "REJECTED"
    assert "фактур" not in delivery.body.decode()


async def test_s5_too_large_an_attachment_is_refused_with_the_limit(world: Stage) -> None:
    """CHK-04, REG-03: exactly the limit passes, one byte more does not."""
    for extra, expected in ((0, WAITING), (1, REJECTED)):
        head = f"текст {IDS.guid()}\n".encode()
        content = head + b"a" * (ATTACHMENT_LIMIT - len(head) + extra)
        large = Enclosure(name="голям.txt", content=content, media_type="text/plain")
        request = letter("Голям файл", large)
        said = status(await world.submit(request))
        assert isinstance(said, StatusResponse), said
        assert said.status == expected
        reason = said.reason or ""
    assert "[ATTACHMENT_TOO_LARGE]" in reason
    message = await world.one(request)
    await never_registered(world, message)
    facts = check(message, "limits")["findings"][0]["facts"]
    assert (facts["size"], facts["limit"]) == (str(ATTACHMENT_LIMIT + 1), str(ATTACHMENT_LIMIT))


async def test_s5_too_large_a_message_is_refused_before_it_is_read(world: Stage) -> None:
    """CHK-04: nothing of it is kept, and the next caller is served."""
    big = tuple(
        Enclosure(name=f"{n}.txt", content=b"a" * ATTACHMENT_LIMIT, media_type="text/plain")
        for n in range(MESSAGE_LIMIT // ATTACHMENT_LIMIT)
    )
    request = letter("Много файлове", *big)
    answer = await world.submit(request)
    assert (answer.http_status, answer.trouble) in {(413, "HTTP 413"), (0, "broken off")}
    assert await world.stored(request) == []
    assert word(await world.submit(letter())) == WAITING


async def test_s5_wrongly_sent_is_told_to_its_sender_and_not_registered(world: Stage) -> None:
    """DUP-02, DUP-03, RCV-18, REG-03, REF-05."""
    request = letter("Писмо за друг")
    answer = await world.sender.submit(PRIMER.party, world.gateway.seos_url, request)
    assert "Получателят на съобщението" in failure(answer)
    assert "[RECIPIENT_NOT_OURS]" in failure(answer)
    await never_registered(world, await world.one(request))
    # The same document, sent to whom it is for, is no repeat of the wrongly sent one.
    assert word(await world.submit(request)) == WAITING


async def test_a_signature_that_does_not_hold_is_refused(world: Stage) -> None:
    """CHK-01, RCV-18: a word changed after signing."""
    request = letter()
    hand = replace(world.sender.quirks.hand, broken=True)
    answer = await world.submit(request, hand=hand)
    assert "Електронният подпис" in failure(answer)
    assert "[SIGNATURE_INVALID]" in failure(answer)
    await never_registered(world, await world.one(request))


async def test_an_unknown_sender_is_refused(world: Stage) -> None:
    """RCV-18: a good certificate and no place in the participants' register."""
    stranger = world.country.peers["stranger"]
    request = letter()
    answer = await world.submit(request, stranger)
    assert "активен участник" in failure(answer)
    await never_registered(world, await world.one(request))


async def test_a_refused_document_may_come_again_mended(world: Stage) -> None:
    """REF-02, DUP-01: the same document identity, without its virus, is no repeat."""
    bad = Enclosure(name="вирус.txt", content=papers.EICAR, media_type="text/plain")
    request = letter("Поправимо", bad)
    assert word(await world.submit(request)) == REJECTED
    good = replace(bad, content=f"чист текст {IDS.guid()}".encode())
    assert word(await world.submit(replace(request, enclosures=(good,)))) == WAITING
    states = [m["state"] for m in await world.stored(request)]
    assert sorted(states) == ["ADMITTED", "REJECTED"]
