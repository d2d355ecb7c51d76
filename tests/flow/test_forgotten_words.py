"""A peer speaks of a document that a restored store forgot: no answer now, so it is said again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from depesha.errors import ForgottenError
from depesha.gateway.reconciling import Doubts
from depesha.schemas.answer import Answer, DocumentStatus, StatusNotice
from depesha.schemas.envelope import DocumentReference, RegistrationNumber
from depesha.schemas.evidence import sha256
from depesha.schemas.ids import Guid, MessageId
from depesha.schemas.message import EvidenceKind
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.reconciliation import Tally, letter
from depesha.schemas.restoration import Restoration
from tests.support import memory
from tests.support.departing import Departing
from tests.support.house import House
from tests.support.memory import START, guid_of

RESTORATION = Restoration(
    name="20260302T090000.000000Z",
    knows_until=START,
    restored_at=START,
    manifest=sha256(b"manifest"),
)

UNKNOWN = guid_of(9)


def notice(house: House, document: Guid = UNKNOWN) -> StatusNotice:
    came, signature = memory.envelope(1), memory.arrival(1).signature
    assert signature is not None
    return StatusNotice(
        network="seos",
        transport_id=guid_of(7),
        sender=came.sender,
        recipient=came.recipient,
        received_at=house.clock.now(),
        original=house.blobs.put(b"<notice/>"),
        signature=signature,
        document=DocumentReference(
            guid=document, number=RegistrationNumber(number="ВХ-9", date=date(2026, 3, 2))
        ),
        status=DocumentStatus.REGISTERED,
    )


async def submitted(house: House, departing: Departing) -> tuple[MessageId, StatusNotice]:
    """Submit a document; return it with the word of its recipient, whom both sides know."""
    message = await departing.submit()
    recipient = message.dispatch.recipient
    known = departing.directory.by_identifier(recipient.identifier)
    assert known is not None
    house.directory.put(known)
    await house.directory.refresh()
    house.inbound._hearing = departing.hearing
    word = replace(notice(house, message.dispatch.document.guid), sender=recipient)
    return message.id, word


async def said(answer: Answer) -> bytes:
    return type(answer).__name__.encode()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_without_a_restore_it_is_told_that_there_is_no_such_document(house: House) -> None:
    assert await house.inbound.notice(notice(house), said) == b"ErrorAnswer"


async def test_after_a_restore_it_is_kept_and_said_again(house: House, tmp_path: Path) -> None:
    doubts = Doubts(planner=Departing(tmp_path / "out").sending.planner, restoration=RESTORATION)
    house.inbound._doubts = doubts
    with pytest.raises(ForgottenError):
        await house.inbound.notice(notice(house), said)
    rows = await house.journal.after(0, 10)
    assert [json.loads(row.body)["kind"] for row in rows] == [EvidenceKind.WORD_RECEIVED]
    tally = Tally(RESTORATION)
    tally.read(rows)
    (word,) = tally.unknown()
    assert (word.document, word.network, word.status) == (guid_of(9), "seos", "REGISTERED")


async def test_what_is_submitted_again_is_spoken_of_too_early_until_networks_are_asked(
    house: House, tmp_path: Path
) -> None:
    """Its number came in the gap, and is read again before the gateway knows of any try (S25)."""
    departing = Departing(tmp_path / "out")
    name, word = await submitted(house, departing)
    doubts = Doubts(planner=departing.sending.planner, restoration=RESTORATION)
    house.inbound._doubts = doubts
    with pytest.raises(ForgottenError):
        await house.inbound.notice(word, said)
    assert (await departing.store.get(name)).number is None
    departing.clock.advance(60)
    await departing.work()
    assert await house.inbound.notice(word, said) == b"EmptyAnswer"
    known = await departing.store.get(name)
    assert (known.state, known.number) == (OutboundState.REGISTERED, word.document.number)


async def test_without_a_restore_nobody_is_believed_about_what_never_left(
    house: House, tmp_path: Path
) -> None:
    departing = Departing(tmp_path / "out")
    name, word = await submitted(house, departing)
    assert await house.inbound.notice(word, said) == b"EmptyAnswer"
    assert (await departing.store.get(name)).number is None


async def test_a_report_says_what_happened_and_not_what_was_meant_to(tmp_path: Path) -> None:
    house = Departing(tmp_path)
    message = await house.submit()
    restoration = RESTORATION
    doubts = Doubts(planner=house.sending.planner, restoration=restoration)
    object.__setattr__(house.sending, "doubts", doubts)
    house.clock.advance(60)
    await house.work()
    tally = Tally(restoration)
    tally.read(await house.journal.after(0, 100))
    (asked,) = tally.documents()
    assert asked.id == message.id
    assert asked.state == OutboundState.PARKED, "mail cannot be asked"
    assert dict(asked.answers) == {"seos": "absent", "ssev": "absent", "email": ""}
    assert tally.submitted == {message.dispatch.document.guid}


def test_the_letter_names_the_gap_in_both_languages() -> None:
    told = letter(own="Община Пример", since="2026-03-02T09:00", until="2026-03-02T12:00")
    assert told.count("2026-03-02T09:00") == told.count("2026-03-02T12:00") == 2
    assert "Dear colleagues" in told
