"""The gateway's loops: workers that take tasks, and the clockwork. Starts and stops in order.

A loop never dies of one bad task: the task's lease ends, and it comes back. What keeps failing
ends with a person, never in silence.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from depesha.errors import DepeshaError, LostLeaseError, StoreAwayError
from depesha.gateway import retry
from depesha.schemas.message import Claim, EvidenceKind, NewEvidence, TaskKind
from depesha.schemas.usage import Hands

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from depesha.ports import Clock, Jitter, Observer, TaskQueue

LEASE_SECONDS = 180.0
"""Longer than any task may take, so that a living worker's task is never given to another."""
TASK_SECONDS = 150.0
"""A task that takes longer is stopped, well before its lease ends."""
DISPATCH_SECONDS = 900.0
"""A document of 100 MB over a slow line takes minutes."""
DISPATCH_LEASE_SECONDS = 960.0
STOP_SECONDS = 3.0
"""How long tasks in hand may still take once the gateway is told to stop: a partner that does not
answer must not keep it. What is not done by then is given back and done after the next start."""
IDLE_SECONDS = 5.0
"""How long a worker sleeps when nothing wakes it: the net under the wake-up."""
TROUBLE_SECONDS = 1.0
"""How long the queue is left alone after it failed, on a full disk for one."""

STORE_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 30.0, 30.0)
"""Between tries to give a failed task back to a store that does not answer."""

FAILURES = retry.Schedule(delays=(5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0), jitter=0.2)
"""For tasks that fail inside, so often in a row: after the last time a person is asked."""
AWAY_SECONDS = 3.0
"""To twice as much: the rest of a task that met a store which was away. As often as it takes, for
nothing is wrong with the task."""


Gate = Callable[[], Awaitable[bool]]
"""Tells whether the work falls to this gateway now, where several share a store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Some kinds of tasks with hands of their own: slow work must not keep quick work waiting."""

    name: str
    kinds: tuple[TaskKind, ...]
    do: Callable[[Claim], Awaitable[str]]
    workers: int
    task_seconds: float = TASK_SECONDS
    lease_seconds: float = LEASE_SECONDS
    gate: Gate | None = None
    """Asked before each claim; None: always open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clockwork:
    """One thing done again and again, `seconds` apart, beginning at once."""

    name: str
    seconds: float
    job: Callable[[], Awaitable[object]]
    gate: Gate | None = None
    """Asked before each turn; None: always open."""


class Service:
    """Runs workers and clockworks until told to stop; claimed work is finished or given back."""

    def __init__(
        self,
        *,
        lanes: tuple[Lane, ...],
        tasks: TaskQueue,
        clockworks: tuple[Clockwork, ...],
        clock: Clock,
        jitter: Jitter,
        observer: Observer,
    ) -> None:
        self._lanes = lanes
        self._tasks = tasks
        self._clockworks = clockworks
        self._clock = clock
        self._jitter = jitter
        self._observer = observer
        self._busy: Counter[str] = Counter()

    def hands(self) -> tuple[Hands, ...]:
        """Tell how many workers of each lane have a task in hand now."""
        return tuple(
            Hands(lane=lane.name, workers=lane.workers, busy=self._busy[lane.name])
            for lane in self._lanes
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set and the tasks in hand are done, or given back for later."""
        async with asyncio.TaskGroup() as group:
            for lane in self._lanes:
                group.create_task(self._dispatch(lane, stop))
            for clockwork in self._clockworks:
                group.create_task(self._repeat(clockwork, stop))

    async def _dispatch(self, lane: Lane, stop: asyncio.Event) -> None:
        """Claim no more than there are free hands, so that no lease runs out in a waiting line."""
        hands = asyncio.Semaphore(lane.workers)
        at_work: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as group:
            while free := await self._free_hands(hands, stop):
                claims = await self._claim(lane, free, stop)
                for claim in claims:
                    task = group.create_task(self._one(lane, claim, hands))
                    at_work.add(task)
                    task.add_done_callback(at_work.discard)
                for _ in range(free - len(claims)):
                    hands.release()
                if len(claims) < free:  # nothing more is due: asking again would only say so
                    await _first(self._idle(lane), stop)
            if at_work:
                await asyncio.wait(at_work, timeout=STOP_SECONDS)
            for task in at_work:
                task.cancel()

    async def _free_hands(self, hands: asyncio.Semaphore, stop: asyncio.Event) -> int:
        """Wait for a free hand, take all that are free and say how many; 0 where told to stop."""
        if hands.locked():
            await _first(hands.acquire(), stop)
        else:
            await hands.acquire()
        free = 1
        while not hands.locked():
            await hands.acquire()
            free += 1
        return 0 if stop.is_set() else free

    async def _claim(self, lane: Lane, most: int, stop: asyncio.Event) -> tuple[Claim, ...]:
        try:
            if lane.gate is not None and not await lane.gate():
                return ()
            return await self._tasks.claim(lane.kinds, most, lane.lease_seconds)
        except DepeshaError as error:
            self._observer.trouble("queue", error.code)
            # Work that is due and cannot be claimed would be asked for many times a second.
            await _first(self._clock.sleep(TROUBLE_SECONDS), stop)
            return ()

    async def _idle(self, lane: Lane) -> None:
        try:
            await self._tasks.wait(IDLE_SECONDS, lane.kinds)
        except DepeshaError as error:
            # Asking again at once would only spin on a disk that is away.
            self._observer.trouble("queue", error.code)
            await self._clock.sleep(IDLE_SECONDS)

    async def _one(self, lane: Lane, claim: Claim, hands: asyncio.Semaphore) -> None:
        started = self._clock.monotonic()
        self._busy[lane.name] += 1
        try:
            outcome = await self._guarded(lane, claim)
        finally:
            self._busy[lane.name] -= 1
            hands.release()
        self._observer.task(claim.kind, outcome, self._clock.monotonic() - started)

    async def _guarded(self, lane: Lane, claim: Claim) -> str:
        try:
            async with asyncio.timeout(lane.task_seconds):
                return await lane.do(claim)
        except LostLeaseError:
            return "lost"
        except asyncio.CancelledError:
            return await self._given_back(claim)
        except DepeshaError as error:
            return await self._failed(claim, error.code, away=isinstance(error, StoreAwayError))
        except TimeoutError:
            return await self._failed(claim, "TIME")
        except Exception:  # noqa: BLE001 - any fault of ours must end as a task again, not as a dead loop
            return await self._failed(claim, "INTERNAL")

    async def _given_back(self, claim: Claim) -> str:
        """Let the next start begin with this task, not with the end of its lease."""
        try:
            await self._tasks.defer(claim, self._clock.now(), tried=False)
        except LostLeaseError:
            return "done"  # it was, in the very moment of stopping
        except DepeshaError as error:
            self._observer.trouble("queue", error.code)
            return "failed"
        return "given_back"

    async def _failed(self, claim: Claim, code: str, *, away: bool = False) -> str:
        """Put the task off, or leave it to a person; while the store is away, try that again.

        Left as it is, the task of a living gateway would rest until its lease ends: 16 minutes.
        """
        self._observer.trouble(f"task-{claim.kind.lower()}", code)
        for pause in STORE_PAUSES:
            try:
                return await self._put_off(claim, code, away=away)
            except LostLeaseError:
                return "lost"
            except DepeshaError as error:
                self._observer.trouble("queue", error.code)
            await self._clock.sleep(pause)
        return "failed"  # the lease will end by itself and the task come back

    async def _put_off(self, claim: Claim, code: str, *, away: bool) -> str:
        now, fraction = self._clock.now(), self._jitter.fraction()
        if away:
            rest = timedelta(seconds=AWAY_SECONDS * (1 + fraction))
            await self._tasks.defer(claim, now + rest, tried=False)
            return "deferred"
        due = retry.next_try(FAILURES, claim.faults + 1, now, fraction)
        if due is not None:
            await self._tasks.fail(claim, due)
            return "deferred"
        evidence = NewEvidence(
            kind=EvidenceKind.PARKED,
            at=now,
            message_id=claim.message_id,
            actor="gateway",
            facts={"task": claim.kind, "code": code},
        )
        await self._tasks.park(claim, f"the task failed inside the gateway ({code})", evidence)
        return "parked"

    async def _repeat(self, clockwork: Clockwork, stop: asyncio.Event) -> None:
        while not stop.is_set():
            # Cut off where told to stop: a register that does not answer must not keep the gateway.
            await _first(self._turn(clockwork), stop)
            await _first(self._clock.sleep(clockwork.seconds), stop)

    async def _turn(self, clockwork: Clockwork) -> None:
        try:
            if clockwork.gate is None or await clockwork.gate():
                await clockwork.job()
        except DepeshaError as error:
            self._observer.trouble(clockwork.name, error.code)
        except Exception:  # noqa: BLE001 - the clockwork must go on; the fault is counted and shown
            self._observer.trouble(clockwork.name, "INTERNAL")


async def _first(work: Coroutine[object, object, object], stop: asyncio.Event) -> None:
    """Wait until the work is done or `stop` is set, whichever comes first."""
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    _, pending = await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
