"""Repeats that race each other, or race a decision: nothing is lost, doubled, or left unheard."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from depesha.adapters.memory.scanner import MemoryScanner
from depesha.adapters.memory.store import MemoryStore
from depesha.schemas.answer import DocumentStatus, ErrorAnswer, StatusAnswer
from depesha.schemas.envelope import DocumentReference, RegistrationNumber
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import holds_of
from depesha.schemas.verdict import Hold, Rejection
from tests.support.house import PDF, House

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from depesha.schemas.answer import Answer
    from depesha.schemas.facts import Arrival, Known, ScanResult
    from depesha.schemas.message import Change, Message

NUMBER = RegistrationNumber(number="ВХ-567", date=date(2026, 3, 3))


class Together(MemoryScanner):
    """Answers only when `parties` messages wait for it: all of them were looked up before."""

    def __init__(self, parties: int) -> None:
        super().__init__()
        self._barrier = asyncio.Barrier(parties)
        self._met = False

    async def scan(
        self, files: Sequence[tuple[int, Path]], budget: float
    ) -> tuple[ScanResult, ...]:
        if not self._met:
            await self._barrier.wait()
            self._met = True
        return await super().scan(files, budget)


class Interposed(MemoryStore):
    """Lets something else happen between a caller's look and its first change."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def change(self, change: Change) -> Message:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return await super().change(change)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def interposed(tmp_path: Path) -> tuple[House, Interposed]:
    house = House(tmp_path, store=Interposed)
    assert isinstance(house.store, Interposed)
    return house, house.store


def unnumbered(house: House, number: int) -> Arrival:
    """A document without the sender's number; all of these have the same words and files."""
    made = house.arrival(number, PDF + b"the same", content=1)
    assert made.envelope is not None
    bare = DocumentReference(guid=made.envelope.document.guid)
    arrival = replace(made, envelope=replace(made.envelope, document=bare))
    house.originals.arrivals[arrival.original] = arrival
    return arrival


def statuses(answers: Sequence[Answer]) -> list[DocumentStatus]:
    return [answer.status for answer in answers if isinstance(answer, StatusAnswer)]


async def states(house: House) -> list[InboundState]:
    return sorted([(await house.desk.find(found)).state for found in house.state.messages])


async def receive_together(house: House, *arrivals: Arrival) -> list[Answer]:
    house.scanner = Together(len(arrivals))
    house.boot()
    return await asyncio.gather(*(house.receive(arrival) for arrival in arrivals))


async def test_the_same_words_without_a_number_wait_for_a_person_and_are_not_lost(
    house: House,
) -> None:
    """A form sent each week is the same each week: only a person can tell it from a repeat."""
    await house.receive(unnumbered(house, 1))
    answer = await house.receive(unnumbered(house, 2))
    assert statuses([answer]) == [DocumentStatus.WAITING]
    first, second = sorted(house.state.messages)
    held = await house.desk.find(second)
    assert held.state is InboundState.HELD
    assert [found.reason for found in holds_of(held.checks)] == [Hold.REPEAT_SUSPECTED]
    released = await house.desk.release(second, "ново писмо", "token:clerk")
    assert released.state is InboundState.ADMITTED
    await house.desk.register(first, NUMBER, "a")
    await house.desk.register(second, replace(NUMBER, number="ВХ-568"), "a")
    await house.work()
    assert len({told.document.guid for told in house.sender.told}) == 2


async def test_twins_without_a_number_that_come_at_once_are_not_both_admitted(
    house: House,
) -> None:
    answers = await receive_together(house, unnumbered(house, 1), unnumbered(house, 2))
    assert statuses(answers) == [DocumentStatus.WAITING] * 2
    assert await states(house) == [InboundState.ADMITTED, InboundState.HELD]


async def test_sixteen_identical_messages_at_once_are_one(house: House) -> None:
    answers = await receive_together(house, *[house.arrival(1)] * 16)
    assert statuses(answers) == [DocumentStatus.WAITING] * 16
    assert await states(house) == [InboundState.ADMITTED]


async def test_two_documents_under_one_message_id_at_once_are_not_taken_for_one(
    house: House,
) -> None:
    """The second is no repeat: its sender must not hear that it waits for its number."""
    answers = await receive_together(
        house, house.arrival(1, transport=1), house.arrival(2, transport=1)
    )
    waiting, refused = sorted(answers, key=lambda answer: isinstance(answer, ErrorAnswer))
    assert statuses([waiting]) == [DocumentStatus.WAITING]
    assert isinstance(refused, ErrorAnswer)
    assert refused.finding.reason is Rejection.TRANSPORT_ID_REUSED
    assert await states(house) == [InboundState.ADMITTED, InboundState.REJECTED]


async def test_a_document_that_comes_under_another_guid_while_it_is_registered_is_told(
    interposed: tuple[House, Interposed],
) -> None:
    """The alias is looked up, the number is committed, the alias is stored."""
    house, store = interposed
    await house.receive(house.arrival(1, content=1))
    found = house.only()
    store.meanwhile = lambda: house.desk.register(found, NUMBER, "a")
    answer = await house.receive(house.arrival(2, content=1))
    assert isinstance(answer, StatusAnswer)
    assert (answer.status, answer.document.number) == (DocumentStatus.REGISTERED, NUMBER)


async def test_a_guid_learnt_while_the_number_is_committed_is_told_too(
    interposed: tuple[House, Interposed],
) -> None:
    """The message is looked up for its number, the alias is stored, the number is committed."""
    house, store = interposed
    await house.receive(house.arrival(1, content=1))
    found = house.only()
    alias = house.arrival(2, content=1)
    store.meanwhile = lambda: house.receive(alias)
    await house.desk.register(found, NUMBER, "a")
    assert statuses(house.said)[-1] is DocumentStatus.ALREADY_RECEIVED
    await house.work()
    assert alias.envelope is not None
    assert alias.envelope.document.guid in {told.document.guid for told in house.sender.told}


class Asked(MemoryStore):
    """Counts how often earlier messages were looked up."""

    looks = 0

    async def known(self, arrival: Arrival) -> tuple[Known, ...]:
        self.looks += 1
        return await super().known(arrival)


async def test_a_new_message_claims_its_identities_and_only_others_are_looked_up(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, store=Asked)
    assert isinstance(house.store, Asked)
    answer = await house.receive(house.arrival(1))
    assert house.store.looks == 0
    assert await house.receive(house.arrival(1)) == answer
    assert house.store.looks == 1
    assert await states(house) == [InboundState.ADMITTED]
