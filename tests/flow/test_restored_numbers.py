"""After a restore the built-in registry tells nobody a second number: a person asks first."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from depesha.adapters.memory.system import HandClock
from depesha.adapters.registry.builtin import BuiltinRegistry, NumberTemplate
from depesha.gateway.reconciling import Doubts
from depesha.schemas.evidence import sha256
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import EvidenceKind, NewEvidence, TaskKind
from depesha.schemas.restoration import MAY_BE_NUMBERED, Restoration
from tests.support.departing import Departing
from tests.support.house import House

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from depesha.adapters.memory.state import MemoryState
    from depesha.ports import Checkpoint
    from depesha.schemas.facts import Arrival


class Office(House):
    """A house that numbers by itself, and whose memory can be put back."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "numbers.log"
        super().__init__(folder, clock=HandClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC)))
        self.builtin = True
        self.doubts = Doubts(planner=Departing(folder / "out").sending.planner)
        self.numbers = self._opened()
        self.boot()

    def _opened(self) -> BuiltinRegistry:
        return BuiltinRegistry(self._file, NumberTemplate(), self.clock)

    def boot(self, checkpoint: Checkpoint | None = None) -> None:
        super().boot(checkpoint)
        self.inbound._doubts = self.doubts

    def back_up(self) -> tuple[MemoryState, bytes, Restoration]:
        now = self.clock.now()
        made = Restoration(
            name="20260302T090000.000000Z",
            knows_until=now,
            restored_at=now,
            manifest=sha256(b"manifest"),
        )
        return copy.deepcopy(self.state), self._file.read_bytes(), made

    def put_back(self, saved: tuple[MemoryState, bytes, Restoration]) -> None:
        assert isinstance(self.numbers, BuiltinRegistry)
        assert self.doubts is not None
        self.numbers.close()
        self.clock.advance(3600)
        self.state = copy.deepcopy(saved[0])
        self._file.write_bytes(saved[1])
        self.numbers = self._opened()
        self.numbers.skip(self.ids, 1_000, since=saved[2].knows_until)
        self.doubts.restoration = replace(saved[2], restored_at=self.clock.now())
        self.boot()

    def approve(self) -> None:
        assert self.doubts is not None
        assert self.doubts.restoration is not None
        now = self.clock.now()
        self.doubts.restoration = replace(self.doubts.restoration, approved_at=now)

    async def hours(self, count: int) -> None:
        for _ in range(count * 4):
            await self.work()
            self.clock.advance(900)
        await self.work()

    def told_numbers(self) -> list[str]:
        return [a.document.number.number for a in self.sender.told if a.document.number]

    async def waiting(self) -> list[tuple[TaskKind, str]]:
        return [(one.kind, one.reason) for one in await self.tasks.parked(10)]

    async def let_go(self) -> None:
        """A person asked the sender, who was told nothing."""
        for one in await self.tasks.parked(10):
            row = NewEvidence(
                kind=EvidenceKind.UNPARKED,
                at=self.clock.now(),
                message_id=None,
                actor="person:test",
                facts={"task": one.task_id},
            )
            await self.tasks.unpark(one.task_id, row)


DOUBTED = [(TaskKind.REGISTER, MAY_BE_NUMBERED)]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    assert isinstance(made.numbers, BuiltinRegistry)
    made.numbers.close()


def anew(office: Office, arrival: Arrival) -> Arrival:
    """Let the rewound inbox deliver the same bytes once more."""
    return replace(arrival, received_at=office.clock.now())


async def test_what_was_held_at_the_back_up_is_not_told_a_second_number(office: Office) -> None:
    office.scanner.failure = "unavailable"
    await office.receive(office.arrival(1))
    saved = office.back_up()
    office.scanner.failure = ""
    await office.hours(2)
    assert office.told_numbers() == ["ВХ-1/02.03.2026"]
    office.put_back(saved)
    await office.hours(2)
    assert office.told_numbers() == ["ВХ-1/02.03.2026"]
    assert (await office.desk.find(office.only())).state is InboundState.ADMITTED
    assert await office.waiting() == DOUBTED
    await office.hours(2)
    assert await office.waiting() == DOUBTED, "once parked it stays parked"


async def test_what_came_in_the_gap_and_comes_again_is_not_told_a_second_number(
    office: Office,
) -> None:
    saved = office.back_up()
    came = office.arrival(1)
    await office.receive(came)
    await office.hours(1)
    assert office.told_numbers() == ["ВХ-1/02.03.2026"]
    office.put_back(saved)
    await office.receive(anew(office, came))
    await office.hours(1)
    assert office.told_numbers() == ["ВХ-1/02.03.2026"]
    assert await office.waiting() == DOUBTED


async def test_what_a_person_lets_go_on_is_numbered_past_what_was_skipped(office: Office) -> None:
    office.put_back(office.back_up())
    await office.receive(office.arrival(1))
    await office.hours(1)
    assert await office.waiting() == DOUBTED
    await office.let_go()
    await office.hours(1)
    assert office.told_numbers() == ["ВХ-1001/02.03.2026"]
    assert await office.waiting() == []
    kinds = [json.loads(row.body)["kind"] for row in await office.journal.events(office.only())]
    assert kinds[:4] == ["RECEIVED", "PARKED", "UNPARKED", "REGISTERED"]


async def test_what_was_let_go_on_before_the_store_was_lost_is_doubted_all_the_same(
    office: Office,
) -> None:
    office.put_back(office.back_up())
    await office.receive(office.arrival(1))
    await office.hours(1)
    await office.let_go()
    saved = office.back_up()
    office.put_back(saved)
    await office.hours(1)
    assert office.told_numbers() == []
    assert await office.waiting() == DOUBTED


async def test_after_the_approval_what_comes_is_numbered_by_itself(office: Office) -> None:
    office.scanner.failure = "unavailable"
    await office.receive(office.arrival(1))
    office.put_back(office.back_up())
    office.clock.advance(60)
    office.approve()
    office.clock.advance(60)
    office.scanner.failure = ""
    await office.receive(office.arrival(2))
    await office.hours(2)
    assert office.told_numbers() == ["ВХ-1001/02.03.2026"]
    assert await office.waiting() == DOUBTED, "the one that was there before waits"


async def test_without_a_restore_nothing_waits(office: Office) -> None:
    await office.receive(office.arrival(1))
    await office.hours(1)
    office.clock.advance(timedelta(days=1).total_seconds())
    assert office.told_numbers() == ["ВХ-1/02.03.2026"]
    assert await office.waiting() == []
