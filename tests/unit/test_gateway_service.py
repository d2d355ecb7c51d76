"""The loops of the gateway stop in seconds, whatever the tasks in hand wait for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.system import SystemClock, SystemJitter
from depesha.errors import StorageError, StoreAwayError
from depesha.gateway import service
from depesha.gateway.labour import Labour
from depesha.gateway.service import Clockwork, Lane, Service
from depesha.ports import TaskQueue
from depesha.schemas.message import Claim, TaskKind

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
CLAIM = Claim(
    task_id=1,
    kind=TaskKind.NOTICE,
    message_id=None,
    payload={},
    attempts=0,
    created_at=START,
    lease="lease",
)


class Endless:
    """Work that never ends by itself."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.cut_off = False

    async def do(self, _claim: Claim | None = None) -> str:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cut_off = True
            raise
        return "done"


class OneTask:
    """A queue with one task, which remembers how it came back."""

    def __init__(self) -> None:
        self.claims = [CLAIM]
        self.given_back: list[tuple[int, bool]] = []
        self.failed: list[int] = []
        self.parked: list[str] = []
        self.ended = asyncio.Event()

    async def claim(self, *_: object) -> tuple[Claim, ...]:
        return (self.claims.pop(),) if self.claims else ()

    async def wait(self, _seconds: float, _kinds: object = ()) -> None:
        await asyncio.sleep(_seconds)

    async def defer(self, claim: Claim, _due: datetime, *_: object, tried: bool = True) -> None:
        self.given_back.append((claim.task_id, tried))
        self.ended.set()

    async def fail(self, claim: Claim, _due: datetime) -> None:
        self.failed.append(claim.task_id)
        self.ended.set()

    async def park(self, _claim: Claim, reason: str, _evidence: object) -> None:
        self.parked.append(reason)
        self.ended.set()


def running(labour: object, tasks: object, *clockworks: Clockwork, workers: int = 1) -> Service:
    return Service(
        lanes=(
            Lane(
                name="all",
                kinds=tuple(TaskKind),
                do=cast("Labour", labour).do,
                workers=workers,
            ),
        ),
        tasks=cast("TaskQueue", tasks),
        clockworks=clockworks,
        clock=SystemClock(),
        jitter=SystemJitter(),
        observer=RecordingObserver(),
    )


async def test_a_task_that_does_not_end_is_given_back_when_the_gateway_stops(
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr(service, "STOP_SECONDS", 0.05)
    labour, tasks, stop = Endless(), OneTask(), asyncio.Event()
    work = asyncio.create_task(running(labour, tasks).run(stop))
    await labour.begun.wait()
    stop.set()
    async with asyncio.timeout(2):
        await work
    assert labour.cut_off
    assert tasks.given_back == [(1, False)]


async def test_a_failed_task_is_given_back_once_the_store_is_there_again(monkeypatch: Any) -> None:
    class Away(OneTask):
        """A store that is away for the first three questions."""

        left = 3

        async def defer(
            self, claim: Claim, due: datetime, *more: object, tried: bool = True
        ) -> None:
            self.left -= 1
            if self.left >= 0:
                raise StoreAwayError("the database is away")
            await super().defer(claim, due, *more, tried=tried)
            there.set()

    class Failing:
        async def do(self, _claim: Claim) -> str:
            raise StoreAwayError("the database is away")

    monkeypatch.setattr(service, "STORE_PAUSES", (0.01,) * 9)
    tasks, stop, there = Away(), asyncio.Event(), asyncio.Event()
    work = asyncio.create_task(running(Failing(), tasks).run(stop))
    async with asyncio.timeout(2):
        await there.wait()
        stop.set()
        await work
    assert tasks.given_back == [(1, False)]
    assert not tasks.failed


@pytest.mark.parametrize(
    ("error", "failed", "untried", "parked"),
    [
        (StoreAwayError("the database is away"), 0, 1, 0),
        (StorageError("the original is gone"), 0, 0, 1),
        (ZeroDivisionError(), 0, 0, 1),
    ],
)
async def test_only_a_fault_of_its_own_leaves_a_task_to_a_person(
    error: Exception, failed: int, untried: int, parked: int
) -> None:
    """Each outage of the store once parked whatever was under way and had been tried often."""
    tasks = await failing(error, replace(CLAIM, faults=len(service.FAILURES.delays)))
    found = (len(tasks.failed), len(tasks.given_back), len(tasks.parked))
    assert found == (failed, untried, parked)


async def test_tries_at_a_peer_that_was_away_use_up_no_patience_with_faults_of_ours() -> None:
    tasks = await failing(StorageError("a file is gone"), replace(CLAIM, attempts=40))
    assert (tasks.failed, tasks.parked) == ([1], [])


async def failing(error: Exception, claim: Claim) -> OneTask:
    """Let one task fail once."""

    class Failing:
        async def do(self, _claim: Claim) -> str:
            raise error

    tasks, stop = OneTask(), asyncio.Event()
    tasks.claims = [claim]
    work = asyncio.create_task(running(Failing(), tasks).run(stop))
    async with asyncio.timeout(2):
        await tasks.ended.wait()
    stop.set()
    await work
    return tasks


async def test_a_memory_that_fails_is_not_asked_without_a_pause() -> None:
    class Failing(OneTask):
        asked = 0

        async def claim(self, *_: object) -> tuple[Claim, ...]:
            self.asked += 1
            raise StorageError("the disk is away")

        async def wait(self, _seconds: float, _kinds: object = ()) -> None:
            raise StorageError("the disk is away")

    tasks, stop = Failing(), asyncio.Event()
    work = asyncio.create_task(running(Endless(), tasks).run(stop))
    await asyncio.sleep(0.2)
    stop.set()
    await work
    assert tasks.asked == 1


async def test_a_clockwork_that_hangs_does_not_keep_the_gateway() -> None:
    hanging, tasks, stop = Endless(), OneTask(), asyncio.Event()
    tasks.claims.clear()
    clockwork = Clockwork(name="register", seconds=1.0, job=hanging.do)
    work = asyncio.create_task(running(hanging, tasks, clockwork).run(stop))
    await hanging.begun.wait()
    stop.set()
    async with asyncio.timeout(2):
        await work
    assert hanging.cut_off


class FullDisk(OneTask):
    """A queue that can be read and not written: work is due, and nobody can claim it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def claim(self, *_: object) -> tuple[Claim, ...]:
        self.asked += 1
        raise StorageError("the disk is full")

    async def wait(self, _seconds: float, _kinds: object = ()) -> None:
        await asyncio.sleep(min(_seconds, 0.01))


async def test_work_that_cannot_be_claimed_is_not_asked_for_without_pause() -> None:
    """A full disk must not be made fuller by a log of many tries a second."""
    tasks, stop = FullDisk(), asyncio.Event()
    work = asyncio.create_task(running(Endless(), tasks).run(stop))
    await asyncio.sleep(0.2)
    stop.set()
    async with asyncio.timeout(0.5):
        await work
    assert tasks.asked == 1
