"""A document comes, is registered, and its number goes back by itself (S1, S3, S6)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime

import pytest

from depesha.errors import DepeshaError
from depesha.schemas.envelope import RegistrationNumber
from depesha.simulators.bodies import DOLINA, OBRAZETS, PRIMER, VRAH, Body
from depesha.simulators.registry import RegistryClient, RegistryProblemError
from depesha.simulators.seos_documents import (
    ALREADY_RECEIVED,
    CLOSED,
    REGISTERED,
    REJECTED,
    STOPPED,
    WAITING,
    DocumentId,
    Enclosure,
    StatusResponse,
)
from depesha.simulators.seos_quirks import Quirks
from tests.support.acceptance import Stage, check, kinds, letter, status, word
from tests.support.country import CLOCK, IDS


async def test_s1_the_number_goes_back_by_itself_and_both_times_are_kept(world: Stage) -> None:
    """RCV-01, RCV-03, RCV-12, REG-01, REG-04, REG-14, NUM-09, DDL-01."""
    request = letter("Заявление по образец")
    assert word(await world.submit(request)) == WAITING
    message = await world.one(request)
    assert (message["state"], message["registered_at"]) == ("ADMITTED", None)
    await world.register(message["id"], "ВХ-1")
    seen = await world.sender.wait_for_status(request.document.guid, REGISTERED, 10)
    assert seen.pushed
    today = CLOCK.now().date()
    assert seen.number == RegistrationNumber(number="ВХ-1", date=today)
    after = await world.reaches(message["id"], "ACKNOWLEDGED")
    assert after["state"] == "ACKNOWLEDGED"
    assert after["receipt"] == {"form": "electronic", "network": "seos"}
    assert after["envelope"]["document"]["number"]["number"] == f"РД-{request.document.guid[:8]}"
    assert after["received_at"] == message["received_at"]
    received, registered, told = (
        datetime.fromisoformat(after[key])
        for key in ("received_at", "registered_at", "acknowledged_at")
    )
    assert received < registered <= told


async def test_s1_a_number_stands_once_given(world: Stage) -> None:
    """REG-04: a repeat is the same, another number is a conflict that tells the first."""
    request = letter()
    await world.submit(request)
    message = await world.one(request)
    today = CLOCK.now().date()
    for _ in range(2):
        told = await world.office.register(message["id"], "ВХ-2", today)
        assert told["number"]["number"] == "ВХ-2"
    with pytest.raises(RegistryProblemError) as other:
        await world.office.register(message["id"], "ВХ-3", today)
    assert other.value.status == 409
    assert other.value.problem["number"] == "ВХ-2"


async def test_s3_duplicate_is_not_registered_again_and_is_told_the_first_number(
    world: Stage,
) -> None:
    """DUP-01, DUP-06: a new envelope, and the very same bytes."""
    request = letter()
    document = request.document.guid
    await world.submit(request)
    first = world.sender.books.sent[document].wire
    assert word(await world.submit(request)) == ALREADY_RECEIVED
    assert word(await world.sender.post(world.gateway.seos_url, first)) == WAITING
    message = await world.one(request)
    await world.register(message["id"], "ВХ-31")
    await world.reaches(message["id"], "ACKNOWLEDGED")
    for again in (
        await world.submit(request),
        await world.sender.post(world.gateway.seos_url, first),
    ):
        said = status(again)
        assert isinstance(said, StatusResponse), said
        assert said.status == REGISTERED
        assert said.document.number is not None
        assert said.document.number.number == "ВХ-31"
    assert len(await world.stored(request)) == 1
    journey = kinds(await world.office.events(message["id"]))
    assert journey.count("REPEATED") == 4
    assert journey.count("REGISTERED") == 1


async def test_s3_duplicate_content_under_another_guid_is_told_the_first_number(
    world: Stage,
) -> None:
    """DUP-01, DUP-06: its sender hears the number under both identities."""
    request = letter()
    other = replace(request, document=replace(request.document, guid=IDS.guid()))
    await world.submit(request)
    assert word(await world.submit(other)) == ALREADY_RECEIVED
    assert await world.stored(other) == []
    message = await world.one(request)
    assert message["other_documents"] == [other.document.guid]
    await world.register(message["id"], "ВХ-32")
    for document in (request.document.guid, other.document.guid):
        seen = await world.sender.wait_for_status(document, REGISTERED, 10)
        assert seen.number is not None
        assert seen.number.number == "ВХ-32"
    third = replace(request, document=replace(request.document, guid=IDS.guid()))
    said = status(await world.submit(third))
    assert isinstance(said, StatusResponse), said
    assert said.status == REGISTERED
    assert said.document.number is not None
    assert said.document.number.number == "ВХ-32"


async def test_s3_a_follow_up_in_the_same_case_is_no_duplicate(world: Stage) -> None:
    """DUP-04, REG-07: it names its parent and is registered by itself."""
    first = letter("Преписка, част първа")
    await world.submit(first)
    second = letter("Преписка, част втора", parent=first.document)
    assert word(await world.submit(second)) == WAITING
    message = await world.one(second)
    assert message["state"] == "ADMITTED"
    assert message["envelope"]["parent"]["guid"] == first.document.guid


async def test_s6_soft_defect_is_admitted_noted_and_warned(world: Stage) -> None:
    """RCV-21, CHK-02, CHK-03, REF-07: three annexes listed, two carried."""
    files = tuple(
        Enclosure(name=name, content=f"{name} {IDS.guid()}".encode(), media_type="text/unknown")
        for name in ("заявление.txt", "опис.txt")
    )
    request = letter("Молба. Приложения: 3", *files)
    assert word(await world.submit(request)) == WAITING
    message = await world.one(request)
    assert message["state"] == "ADMITTED"
    annexes = check(message, "annexes")
    assert annexes["verdict"] == "passed"
    [caution] = annexes["findings"]
    assert caution["reason"] == "ANNEX_MISSING"
    assert caution["facts"] == {"listed": "3", "present": "2"}
    assert "3" in caution["sentence"]
    reasons = {w["reason"] for w in message["warnings"]}
    assert {"ANNEX_MISSING", "NO_SIGNATURE_IN_FILES"} <= reasons
    [received] = [
        e for e in await world.office.events(message["id"]) if e["body"]["kind"] == "RECEIVED"
    ]
    assert any("ANNEX_MISSING" in line for line in received["body"]["facts"]["checks"])


async def test_a_refusal_of_the_registry_reaches_the_sender_with_its_reason(world: Stage) -> None:
    """REF-01, REF-02, RCV-25: DS_REJECTED, no number; the refused one cannot be registered."""
    request = letter()
    await world.submit(request)
    message = await world.one(request)
    reason = "Не е от компетентността на органа; изпратете до общината."
    await world.office.refuse(message["id"], reason)
    seen = await world.sender.wait_for_status(request.document.guid, REJECTED, 10)
    assert (seen.reason, seen.number, seen.pushed) == (reason, None, True)
    after = await world.reaches(message["id"], "REFUSAL_ACKNOWLEDGED")
    assert (after["state"], after["reason"]) == ("REFUSAL_ACKNOWLEDGED", reason)
    with pytest.raises(RegistryProblemError) as late:
        await world.register(message["id"], "ВХ-4")
    assert late.value.status == 409


@pytest.mark.parametrize(("finished", "told"), [(True, CLOSED), (False, STOPPED)])
async def test_the_end_of_a_case_is_told_after_its_number(
    world: Stage, *, finished: bool, told: str
) -> None:
    """LAT-05: DS_CLOSED or DS_STOPPED, with the number, never before it."""
    request = letter()
    await world.submit(request)
    message = await world.one(request)
    with pytest.raises(RegistryProblemError) as early:
        await world.office.close(message["id"], finished=finished, reason="рано")
    assert early.value.status == 409
    await world.register(message["id"], "ВХ-5")
    await world.reaches(message["id"], "ACKNOWLEDGED")
    await world.office.close(message["id"], finished=finished, reason="Изпълнено")
    seen = await world.sender.wait_for_status(request.document.guid, told, 10)
    assert seen.number is not None
    assert seen.number.number == "ВХ-5"
    heard = [s.status for s in world.sender.books.sent[request.document.guid].seen]
    assert heard == [WAITING, REGISTERED, told]


async def test_the_end_of_a_case_waits_for_its_number_to_be_taken(world: Stage) -> None:
    """LAT-05: both are asked for while the sender is away; it hears them in their order."""
    request = letter()
    await world.submit(request)
    message = await world.one(request)
    await world.sender.stop()
    try:
        await world.register(message["id"], "ВХ-6")
        await world.office.close(message["id"], finished=True, reason="Изпълнено")
    finally:
        await world.sender.start()
    await world.sender.wait_for_status(request.document.guid, CLOSED, 10)
    heard = [s.status for s in world.sender.books.sent[request.document.guid].seen]
    assert heard == [WAITING, REGISTERED, CLOSED]


async def test_the_builtin_registry_numbers_and_acknowledges_by_itself(world: Stage) -> None:
    """REG-01, REG-06, NUM-05, NUM-07: no registry software at all; numbers in order of arrival."""
    numbers = []
    for _ in range(2):
        request = letter()
        answer = await world.sender.submit(PRIMER.party, world.builtin.seos_url, request)
        assert word(answer) in {WAITING, REGISTERED}
        seen = await world.sender.wait_for_status(request.document.guid, REGISTERED, 10)
        assert seen.number is not None
        numbers.append(seen.number.number)
        assert seen.number.date.isoformat() in seen.number.number or "/" in seen.number.number
    serials = [int(number.split("-")[1].split("/")[0]) for number in numbers]
    assert serials[1] == serials[0] + 1
    async with RegistryClient(world.builtin.registry_api, world.country.tokens["primer"]) as own:
        assert await own.waiting() == []


async def test_a_registry_that_waits_is_told_at_once(world: Stage) -> None:
    """RCV-05: a long poll returns when the document is there, not when its time is up."""
    admitted = (await world.page("ADMITTED"))["items"]
    last = admitted[-1]["id"] if admitted else ""
    begun = CLOCK.monotonic()
    path = f"/inbox?wait=20&after={last}"
    asking = asyncio.create_task(world.office._json("GET", path, seconds=30))
    await asyncio.sleep(0.3)
    request = letter()
    await world.submit(request)
    page = await asking
    assert CLOCK.monotonic() - begun < 10
    guids = [m["envelope"]["document"]["guid"] for m in page["items"]]
    assert guids == [request.document.guid]


async def test_a_registry_takes_files_and_original_byte_for_byte(world: Stage) -> None:
    """RCV-08, RCV-03, REG-18, AUD-05: and every look is itself written down."""
    request = letter()
    await world.submit(request)
    message = await world.one(request)
    [sent] = request.enclosures
    assert await world.office.attachment(message["id"], 1) == sent.content
    original = await world.office.original(message["id"])
    assert original.decode() == world.sender.books.sent[request.document.guid].wire
    journey = kinds(await world.office.events(message["id"]))
    assert "HANDED_OVER" in journey
    assert journey.count("VIEWED") >= 2


@pytest.mark.parametrize(
    "quirks",
    [
        Quirks(php=True, certificates=1, no_action=True),
        Quirks(bom=True, declared_encoding="windows-1251"),
        Quirks(pretty=True),
        Quirks(cdata=True, certificates=2),
        Quirks(algorithm="rsa-sha256"),
        Quirks(algorithm="rsa-sha384"),
        Quirks(algorithm="rsa-sha512"),
        Quirks(send_twice=True),
    ],
    ids=["php", "bom", "pretty", "cdata", "sha256", "sha384", "sha512", "twice"],
)
async def test_odd_senders_are_admitted(world: Stage, quirks: Quirks) -> None:
    """RCV-02: what circulates on the network is taken as it is."""
    before = world.sender.quirks
    world.sender.quirks = replace(quirks, path=before.path)
    try:
        request = letter()
        assert word(await world.submit(request)) == WAITING
    finally:
        world.sender.quirks = before
    message = await world.one(request)
    assert message["state"] == "ADMITTED"
    assert message["signature"]["algorithm"] == quirks.algorithm


@pytest.mark.parametrize("body", [DOLINA, VRAH], ids=["php", "sha256"])
async def test_a_whole_exchange_with_an_odd_sender(world: Stage, body: Body) -> None:
    """REG-01, RCV-02: the notice goes to its own odd address and is understood."""
    peer = world.peer(body)
    request = letter()
    assert word(await world.submit(request, peer)) == WAITING
    message = await world.one(request)
    await world.register(message["id"], "ВХ-7")
    seen = await peer.wait_for_status(request.document.guid, REGISTERED, 10)
    assert seen.judgement.valid
    assert seen.judgement.algorithm == ("rsa-sha256" if body is VRAH else "rsa-sha1")


async def test_a_message_guid_used_again_for_other_content_is_an_error(world: Stage) -> None:
    """DUP-01: a reused identity is told by name, so that its sender does not wait in vain."""
    guid = IDS.guid()
    peer, url = world.sender, world.gateway.seos_url
    await peer.submit(OBRAZETS.party, url, letter(), message_guid=guid)
    second = letter()
    again = await peer.submit(OBRAZETS.party, url, second, message_guid=guid)
    assert "MessageGUID" in word(again)
    assert "TRANSPORT_ID_REUSED" in word(again)


async def test_a_document_without_a_number_of_its_sender_is_taken(world: Stage) -> None:
    """FLD-02, RCV-21: the sender's own number is welcome and not demanded."""
    request = letter(number=False)
    assert word(await world.submit(request)) == WAITING
    assert (await world.one(request))["state"] == "ADMITTED"
    unknown = DocumentId(guid=IDS.guid())
    with pytest.raises(DepeshaError):
        await world.office.message(unknown.guid.replace("-", ""))
