"""The task queue on SQLite: leases, fencing, parking. Knows when a task is due, never why.

A lease is a due time in the future: when it passes, the task is due again by itself. The lease's
token is what fences: a worker that comes late finds another token, or none, and is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from depesha.errors import LostLeaseError, UnknownMessageError
from depesha.ports import Clock, IdSource
from depesha.queue import statements as sql
from depesha.queue.bell import Bell
from depesha.queue.lane import Database, Row, Transaction
from depesha.queue.rows import append, to_micros, to_moment
from depesha.schemas.codec import load_payload
from depesha.schemas.ids import MessageId
from depesha.schemas.message import Claim, NewEvidence, Parked, TaskKind

LEAST_PAUSE = 0.05
"""Seconds. Work that is due but nobody here claims must not make workers spin."""

SUSPICIOUS = 3
"""In hand at so many deaths in a row, a task may be what kills the process."""
SUSPECT_SECONDS = 60.0
"""It rests so long then, and twice as long after each further death."""


class SqliteTasks:
    """`TaskQueue` on SQLite."""

    def __init__(self, db: Database, clock: Clock, ids: IdSource, bell: Bell) -> None:
        """Use `db`; `bell` is rung by whoever stores work in this process."""
        self._db = db
        self._clock = clock
        self._ids = ids
        self._bell = bell

    async def claim(self, kinds: Sequence[TaskKind], limit: int, lease: float) -> tuple[Claim, ...]:
        """See `TaskQueue.claim`."""
        now = self._clock.now()
        until = to_micros(now + timedelta(seconds=lease))
        secret = self._ids.secret()
        wanted = tuple(dict.fromkeys(kinds))

        def take(transaction: Transaction) -> list[Row]:
            rows: list[Row] = []
            for kind in wanted:
                rows += transaction.all(sql.DUE_TASKS, kind, to_micros(now), limit)
            rows = sorted(rows)[:limit]
            for row in rows:
                transaction.put(sql.LEASE_TASK, secret, until, row[1])
            return rows

        return tuple(_claim(row, secret) for row in await self._db.write(take))

    async def finish(self, claim: Claim, evidence: NewEvidence | None = None) -> None:
        """See `TaskQueue.finish`."""
        await self._held(
            lambda transaction: transaction.run(sql.REMOVE_TASK, claim.task_id, claim.lease),
            evidence,
        )

    async def defer(
        self,
        claim: Claim,
        due_at: datetime,
        evidence: NewEvidence | None = None,
        *,
        tried: bool = True,
    ) -> None:
        """See `TaskQueue.defer`."""
        due, untried = to_micros(due_at), int(not tried)
        await self._held(
            lambda transaction: transaction.run(
                sql.DEFER_TASK, due, untried, claim.task_id, claim.lease
            ),
            evidence,
        )
        self._bell.ring((claim.kind,))

    async def fail(self, claim: Claim, due_at: datetime) -> None:
        """See `TaskQueue.fail`."""
        due = to_micros(due_at)
        await self._held(
            lambda transaction: transaction.run(sql.FAIL_TASK, due, claim.task_id, claim.lease),
            None,
        )
        self._bell.ring((claim.kind,))

    async def park(self, claim: Claim, reason: str, evidence: NewEvidence) -> None:
        """See `TaskQueue.park`; the parking time is the evidence's."""
        at = to_micros(evidence.at)
        await self._held(
            lambda transaction: transaction.run(
                sql.PARK_TASK, at, reason, claim.task_id, claim.lease
            ),
            evidence,
        )

    async def parked(self, limit: int) -> tuple[Parked, ...]:
        """See `TaskQueue.parked`."""
        rows = await self._db.read(lambda transaction: transaction.all(sql.PARKED_TASKS, limit))
        return tuple(_parked(row) for row in rows)

    async def unpark(self, task_id: int, evidence: NewEvidence) -> None:
        """See `TaskQueue.unpark`; due from the evidence's time on."""

        def release(transaction: Transaction) -> None:
            row = transaction.one(sql.MESSAGE_OF_PARKED, task_id)
            if row is None:
                raise UnknownMessageError("there is no such parked task")
            transaction.run(sql.UNPARK_TASK, to_micros(evidence.at), task_id)
            append(transaction, replace(evidence, message_id=row[0]))

        await self._db.write(release)
        self._bell.ring()

    async def wait(self, seconds: float, kinds: Sequence[TaskKind] = ()) -> None:
        """See `TaskQueue.wait`."""
        ring = self._bell.listen(kinds)
        try:
            wanted = tuple(kinds) or tuple(TaskKind)
            due = await self._db.read(lambda transaction: _next_due(transaction, wanted))
        except BaseException:
            self._bell.leave(ring)
            raise
        pause = seconds
        if due is not None:
            until = (to_moment(due) - self._clock.now()).total_seconds()
            pause = min(seconds, max(until, LEAST_PAUSE))
        await self._bell.wait(ring, self._clock.sleep(pause))

    async def _held(self, step: Callable[[Transaction], int], evidence: NewEvidence | None) -> None:
        """Make a step that only the lease's holder may make, with its evidence."""

        def work(transaction: Transaction) -> None:
            if not step(transaction):
                raise LostLeaseError("the lease of this task has passed to another worker")
            if evidence is not None:
                append(transaction, evidence)

        await self._db.write(work)


def return_tasks(transaction: Transaction, now: datetime) -> int:
    """Make due what a dead process had in hand; return how many. Call before anybody claims.

    The folder belongs to one process, so no lease found at the start has a living holder. A task
    that was in hand at `SUSPICIOUS` deaths, and was never given back in between, rests first, never
    longer than its lease: it may be what kills the process, and others shall be served before it
    is tried once more. Tries that ended in order do not count, however many a dead network cost.
    """
    moment, rest = to_micros(now), to_micros(now + timedelta(seconds=SUSPECT_SECONDS))
    most = SUSPICIOUS
    return sum(
        transaction.run(sql.RETURN_TASKS, moment, most, rest - moment, most, kind, moment)
        for kind in TaskKind
    )


def _next_due(transaction: Transaction, kinds: tuple[TaskKind, ...]) -> int | None:
    rows = (transaction.one(sql.NEXT_DUE, kind) for kind in kinds)
    return min((row[0] for row in rows if row and row[0] is not None), default=None)


def _claim(row: Row, lease: str) -> Claim:
    _due, task_id, message_id, kind, payload, attempts, created_at, faults = row
    return Claim(
        task_id=task_id,
        kind=TaskKind(kind),
        message_id=None if message_id is None else MessageId(message_id),
        payload=load_payload(payload),
        attempts=attempts,
        created_at=to_moment(created_at),
        lease=lease,
        faults=faults,
    )


def _parked(row: Row) -> Parked:
    task_id, kind, message_id, reason, parked_at, attempts = row
    return Parked(
        task_id=task_id,
        kind=TaskKind(kind),
        message_id=None if message_id is None else MessageId(message_id),
        reason=reason,
        parked_at=to_moment(parked_at),
        attempts=attempts,
    )
