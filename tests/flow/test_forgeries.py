"""While the register is away nobody can be proved: then nobody may take another's identities.

Law 4 and law 1: an unproved message is held, claims nothing, and its later refusal is not told to
the body whose name it bore.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from depesha.errors import ConflictError, UnsaidError
from depesha.schemas.answer import Answer, DocumentStatus, StatusAnswer
from depesha.schemas.envelope import RegistrationNumber
from depesha.schemas.facts import SignatureFacts
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import TaskKind
from depesha.schemas.verdict import Hold, Rejection, finding
from tests.support.house import House

if TYPE_CHECKING:
    from pathlib import Path

    from depesha.schemas.facts import Arrival

UNPROVED = SignatureFacts(finding=finding(Hold.DIRECTORY_UNAVAILABLE))
FORGED = SignatureFacts(finding=finding(Rejection.SIGNATURE_INVALID))
NUMBER = RegistrationNumber(number="ВХ-567", date=date(2026, 3, 3))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def unproved(house: House, arrival: Arrival, later: SignatureFacts | None) -> Arrival:
    """The same message as it looks while the register is away; `later`: what it turns out to be."""
    if later is not None:
        house.originals.arrivals[arrival.original] = replace(arrival, signature=later)
    return replace(arrival, signature=UNPROVED)


async def states(house: House) -> list[InboundState]:
    return [(await house.desk.find(found)).state for found in sorted(house.state.messages)]


async def test_a_forgery_held_unproved_does_not_stop_the_true_document(house: House) -> None:
    forged = house.arrival(1, b"%PDF-1.4 forged", transport=1, document=1)
    await house.receive(unproved(house, forged, FORGED))
    true = house.arrival(1, b"%PDF-1.4 true", transport=1, document=1)
    answer = await house.receive(true)
    assert isinstance(answer, StatusAnswer)
    assert answer.status is DocumentStatus.WAITING
    assert await states(house) == [InboundState.HELD, InboundState.ADMITTED]
    await house.work(TaskKind.RECHECK)
    await house.work(TaskKind.NOTICE)
    assert await states(house) == [InboundState.REJECTED, InboundState.ADMITTED]
    assert house.sender.told == []


async def test_of_one_message_held_twice_unproved_one_is_admitted_and_nobody_hears_no(
    house: House,
) -> None:
    first = house.arrival(1, transport=1, document=1)
    for _ in range(2):
        await house.receive(unproved(house, first, None))
    assert await states(house) == [InboundState.HELD, InboundState.HELD]
    await house.work(TaskKind.RECHECK)
    await house.work(TaskKind.NOTICE)
    assert sorted(await states(house)) == [InboundState.ADMITTED, InboundState.REJECTED]
    assert house.sender.told == []


async def test_two_rechecks_at_once_cannot_both_admit(house: House) -> None:
    first = house.arrival(1, transport=1, document=1)
    for _ in range(2):
        await house.receive(unproved(house, first, None))
    one, other = await house.tasks.claim((TaskKind.RECHECK,), 2, 60.0)
    found = sorted(house.state.messages)
    looked = [await house.desk.find(message) for message in found]
    examined = [
        await house.labour._chain.examine(first, house.clock.now(), own=message.id)
        for message in looked
    ]
    await house.store.change(house.labour._rechecked(one, looked[0], examined[0]))
    with pytest.raises(ConflictError):
        await house.store.change(house.labour._rechecked(other, looked[1], examined[1]))
    assert await states(house) == [InboundState.ADMITTED, InboundState.HELD]


async def test_a_proved_message_refused_later_is_told(house: House) -> None:
    """The counterpart: whoever was proved hears why."""
    house.scanner.failure = "time"
    await house.receive(house.arrival(1, transport=1, document=1))
    (held,) = house.state.messages
    await house.desk.refuse(held, "нечетливо", "token:clerk")
    await house.work(TaskKind.NOTICE)
    assert [answer.status for answer in house.sender.told] == [DocumentStatus.REJECTED]


async def test_what_our_own_reader_could_not_read_is_kept_and_answered_with_silence(
    house: House,
) -> None:
    arrival = house.arrival(1)
    broken = replace(
        arrival,
        envelope=None,
        signature=None,
        contents=(),
        content_digest=None,
        unreadable=finding(Hold.CHECK_FAILED_TO_RUN, check="reader"),
    )
    said: list[Answer] = []

    async def reply(answer: Answer) -> bytes:
        said.append(answer)
        return b"said"

    with pytest.raises(UnsaidError):
        await house.inbound.receive(broken, reply)
    assert said == []
    assert await states(house) == [InboundState.HELD]
    await house.work(TaskKind.RECHECK)
    assert await states(house) == [InboundState.ADMITTED]


async def test_a_notice_does_not_overtake_the_answer(house: House) -> None:
    quick = replace(house.arrival(1), received_at=house.clock.now())
    await house.receive(quick)
    await house.desk.register(house.only(), NUMBER, "token:registry")
    await house.work()
    assert house.sender.told == []
    house.clock.advance(1)
    await house.work()
    assert [answer.status for answer in house.sender.told] == [DocumentStatus.REGISTERED]
