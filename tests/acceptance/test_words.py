"""Questions, notices and errors of the network, and calls that are none of these (facts 6.3)."""

from __future__ import annotations

import asyncio

import pytest

from depesha.simulators import papers
from depesha.simulators.bodies import DOLINA, OBRAZETS
from depesha.simulators.seos_documents import (
    CLOSED,
    NOT_FOUND,
    REGISTERED,
    REJECTED,
    STOPPED,
    WAITING,
    DocumentId,
    Enclosure,
    Failure,
    RegistrationRequest,
    StatusResponse,
)
from depesha.simulators.seos_participant import SeosParticipant
from tests.support.acceptance import Stage, failure, letter, status, word
from tests.support.country import IDS


async def asked(
    world: Stage, request: RegistrationRequest, by: SeosParticipant | None = None
) -> StatusResponse | str:
    peer = by or world.sender
    only_guid = DocumentId(guid=request.document.guid)
    return status(await peer.ask(OBRAZETS.party, world.gateway.seos_url, only_guid))


async def sent(world: Stage, *files: Enclosure) -> tuple[RegistrationRequest, str]:
    request = letter("Искане", *files)
    await world.submit(request)
    return request, (await world.one(request))["id"]


async def test_a_question_is_answered_in_every_state(world: Stage) -> None:
    """LAT-01, NUM-09: the truth of the moment, with the number once there is one."""
    request, found = await sent(world)
    said = await asked(world, request)
    assert isinstance(said, StatusResponse), said
    assert (said.status, said.document.number) == (WAITING, None)
    await world.register(found, "ВХ-71")
    for state, words in (("ACKNOWLEDGED", REGISTERED), ("CLOSED", CLOSED)):
        if state == "CLOSED":
            await world.office.close(found, finished=True, reason="готово")
        await world.reaches(found, state)
        said = await asked(world, request)
        assert isinstance(said, StatusResponse), said
        assert said.status == words
        assert said.document.number is not None
        assert said.document.number.number == "ВХ-71"


async def test_a_question_after_a_stopped_a_refused_and_a_held_document(world: Stage) -> None:
    """LAT-01, REF-02."""
    request, found = await sent(world)
    await world.register(found, "ВХ-72")
    await world.reaches(found, "ACKNOWLEDGED")
    await world.office.close(found, finished=False, reason="оттеглено")
    said = await asked(world, request)
    assert isinstance(said, StatusResponse), said
    assert (said.status, said.reason) == (STOPPED, "оттеглено")
    request, found = await sent(world)
    await world.office.refuse(found, "не е за нас")
    said = await asked(world, request)
    assert isinstance(said, StatusResponse), said
    assert (said.status, said.reason) == (REJECTED, "не е за нас")
    unknown = Enclosure(
        name="данни.bin",
        content=b"\x00\x01\xfe" + IDS.guid().encode() + bytes(range(256)),
        media_type="text/unknown",
    )
    request, found = await sent(world, unknown)
    assert (await world.office.message(found))["state"] == "HELD"
    said = await asked(world, request)
    assert isinstance(said, StatusResponse), said
    assert said.status == WAITING


async def test_a_document_refused_by_a_check_holds_no_identity(world: Stage) -> None:
    """LAT-01, REF-02: a lost refusal is heard again by sending again, never taken for "waiting"."""
    bad = Enclosure(name="вирус.txt", content=papers.EICAR, media_type="text/plain")
    request, _ = await sent(world, bad)
    said = await asked(world, request)
    assert isinstance(said, StatusResponse), said
    assert said.status == NOT_FOUND
    again = status(await world.sender.resend(request.document.guid))
    assert isinstance(again, StatusResponse), again
    assert again.status == REJECTED
    assert "[MALWARE_FOUND]" in (again.reason or "")


async def test_a_stranger_learns_nothing(world: Stage) -> None:
    """AUD-05, ROL-06: another participant hears "not found", who is none hears an error."""
    request, found = await sent(world)
    await world.register(found, "ВХ-73")
    said = await asked(world, request, world.peer(DOLINA))
    assert isinstance(said, StatusResponse), said
    assert (said.status, said.document.number) == (NOT_FOUND, None)
    unknown = await asked(world, letter())
    assert isinstance(unknown, StatusResponse), unknown
    assert unknown.status == NOT_FOUND
    stranger = await asked(world, request, world.country.peers["stranger"])
    assert isinstance(stranger, str)
    assert "активен участник" in stranger


async def test_a_notice_about_an_unknown_document_is_an_error(world: Stage) -> None:
    """RCV-02: facts 6.3."""
    notice = StatusResponse(document=letter().document, status=REGISTERED)
    answer = await world.sender.say(OBRAZETS.party, world.gateway.seos_url, notice)
    assert "Документът не е намерен" in failure(answer)
    assert answer.judgement is not None
    assert answer.judgement.valid


async def test_an_error_notice_is_taken_with_an_empty_answer(world: Stage) -> None:
    """RCV-02, RCV-04: kept as evidence, answered with nothing (facts 6.3)."""
    for failed in (IDS.guid(), None):
        notice = Failure(description="Неуспешен – Грешка при получателя.", failed=failed)
        answer = await world.sender.say(OBRAZETS.party, world.gateway.seos_url, notice)
        assert (answer.http_status, answer.answer, answer.trouble) == (200, "", "")


@pytest.mark.parametrize("text", ["", "<Message", "<Message/>", "здравейте"])
async def test_what_cannot_be_read_is_a_fault(world: Stage, text: str) -> None:
    """CHK-01: facts 6.3, a SOAP fault in words; nothing waits."""
    before = {m["id"] for m in (await world.page("ADMITTED", "HELD"))["items"]}
    answer = await world.sender.post(world.gateway.seos_url, text)
    assert answer.http_status == 500
    assert answer.trouble.startswith("SOAP fault")
    assert "[NOT_" in answer.trouble
    assert {m["id"] for m in (await world.page("ADMITTED", "HELD"))["items"]} == before


async def test_many_callers_at_once_all_hear_the_truth(world: Stage) -> None:
    """RCV-03, law 2: forty at once, each document is there once."""
    requests = [letter() for _ in range(40)]
    answers = await asyncio.gather(*(world.submit(request) for request in requests))
    assert {word(answer) for answer in answers} == {WAITING}
    stored = [m["envelope"]["document"]["guid"] for m in (await world.page("ADMITTED"))["items"]]
    assert all(stored.count(request.document.guid) == 1 for request in requests)
