"""A peer speaks of a document that a restored store forgot: no answer now, so it is said again."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from depesha.errors import ForgottenError
from depesha.gateway.reconciling import Doubts
from depesha.schemas.answer import Answer, DocumentStatus, StatusNotice
from depesha.schemas.envelope import DocumentReference, RegistrationNumber
from depesha.schemas.evidence import sha256
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


def notice(house: House) -> StatusNotice:
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
            guid=guid_of(9), number=RegistrationNumber(number="ВХ-9", date=date(2026, 3, 2))
        ),
        status=DocumentStatus.REGISTERED,
    )


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
