"""`TaskQueue` in memory. As honest as the real one about leases and fencing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from depesha.adapters.memory.state import MemoryState, Task
from depesha.errors import UnknownMessageError
from depesha.ports import Clock, IdSource
from depesha.schemas.message import Claim, NewEvidence, Parked, TaskKind

_LEAST_PAUSE = 0.05


class MemoryTasks:
    """`TaskQueue` over a `MemoryState`."""

    def __init__(self, state: MemoryState, clock: Clock, ids: IdSource) -> None:
        self._state = state
        self._clock = clock
        self._ids = ids

    async def claim(self, kinds: Sequence[TaskKind], limit: int, lease: float) -> tuple[Claim, ...]:
        """See `TaskQueue.claim`."""
        now, secret = self._clock.now(), self._ids.secret()
        due = [
            task
            for task in self._state.tasks.values()
            if task.kind in kinds and not task.parked_at and task.due_at <= now
        ]
        due = sorted(due, key=lambda task: (task.due_at, task.task_id))[:limit]
        claims = tuple(_claim(task, secret) for task in due)
        for task in due:
            task.lease, task.attempts = secret, task.attempts + 1
            task.due_at = now + timedelta(seconds=lease)
        return claims

    async def finish(self, claim: Claim, evidence: NewEvidence | None = None) -> None:
        """See `TaskQueue.finish`."""
        del self._state.tasks[self._state.held(claim).task_id]
        self._note(evidence)

    async def defer(
        self,
        claim: Claim,
        due_at: datetime,
        evidence: NewEvidence | None = None,
        *,
        tried: bool = True,
    ) -> None:
        """See `TaskQueue.defer`."""
        task = self._state.held(claim)
        task.due_at, task.lease, task.faults = due_at, "", 0
        task.attempts -= int(not tried)
        self._note(evidence)
        self._state.ring()

    async def fail(self, claim: Claim, due_at: datetime) -> None:
        """See `TaskQueue.fail`."""
        task = self._state.held(claim)
        task.due_at, task.lease = due_at, ""
        task.attempts, task.faults = task.attempts - 1, task.faults + 1
        self._state.ring()

    async def park(self, claim: Claim, reason: str, evidence: NewEvidence) -> None:
        """See `TaskQueue.park`."""
        task = self._state.held(claim)
        task.parked_at, task.reason, task.lease = evidence.at, reason, ""
        self._note(evidence)

    async def parked(self, limit: int) -> tuple[Parked, ...]:
        """See `TaskQueue.parked`."""
        parked = [
            Parked(
                task_id=task.task_id,
                kind=task.kind,
                message_id=task.message_id,
                reason=task.reason,
                parked_at=task.parked_at,
                attempts=task.attempts,
            )
            for task in self._state.tasks.values()
            if task.parked_at
        ]
        return tuple(sorted(parked, key=lambda item: item.parked_at)[:limit])

    async def unpark(self, task_id: int, evidence: NewEvidence) -> None:
        """See `TaskQueue.unpark`."""
        task = self._state.tasks.get(task_id)
        if task is None or task.parked_at is None:
            raise UnknownMessageError("there is no such parked task")
        task.parked_at, task.reason, task.due_at = None, "", evidence.at
        task.faults = 0
        self._note(replace(evidence, message_id=task.message_id))
        self._state.ring()

    async def wait(self, seconds: float, kinds: Sequence[TaskKind] = ()) -> None:
        """See `TaskQueue.wait`."""
        waiting = [
            task.due_at
            for task in self._state.tasks.values()
            if not task.parked_at and (not kinds or task.kind in kinds)
        ]
        pause = seconds
        if waiting:
            until = (min(waiting) - self._clock.now()).total_seconds()
            pause = min(seconds, max(until, _LEAST_PAUSE))
        ring: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = asyncio.ensure_future(self._clock.sleep(pause))
        self._state.waiting.add(ring)
        try:
            await asyncio.wait({ring, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._state.waiting.discard(ring)
            ring.cancel()
            timer.cancel()

    def _note(self, evidence: NewEvidence | None) -> None:
        if evidence is not None:
            self._state.append(evidence)


def _claim(task: Task, lease: str) -> Claim:
    return Claim(
        task_id=task.task_id,
        kind=task.kind,
        message_id=task.message_id,
        payload=dict(task.payload),
        attempts=task.attempts,
        created_at=task.created_at,
        lease=lease,
        faults=task.faults,
    )
