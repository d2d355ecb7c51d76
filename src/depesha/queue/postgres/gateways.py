"""Who works on this database: gateways come, are heard, and go; what the silent held comes back.

A gateway is a row that its heartbeat keeps fresh, by the server's clock. One that was not heard
for too long is ended by any other: its leases lose their tokens, so that it can commit nothing
under them should it wake up; it finds itself ended at its next heartbeat and comes as a new one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from depesha.errors import ConfigurationError, StorageError
from depesha.ports import Clock
from depesha.queue.lane import Transaction
from depesha.queue.migrate import MOVED, moved_away
from depesha.queue.postgres import statements as sql
from depesha.queue.postgres.connecting import MovedAwayError
from depesha.queue.postgres.db import PostgresDatabase
from depesha.queue.rows import to_micros
from depesha.queue.tasks import SUSPECT_SECONDS, SUSPICIOUS

BEAT_SECONDS = 5.0
DEATH_SECONDS = 30.0
"""Not heard for so long, a gateway is taken for dead."""
GRACE_BEATS = 3
"""After a server that was away, as in a fail-over, everybody is silent: so many beats of ours the
others have time to be heard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What a gateway is called here."""

    number: int
    slot: int


def join(transaction: Transaction, name: str, now: int, *, alone: bool) -> Joined:
    """Come as a new gateway; `alone`: nobody of this name is left, so what it held is free.

    Raises `ConfigurationError` where the store was moved away meanwhile.
    """
    transaction.run(sql.ENTER)
    if transaction.one(sql.MOVED_AWAY, MOVED) is not None:
        raise moved_away()
    transaction.one(sql.ONE_AT_A_TIME)
    if alone:
        for (number,) in transaction.all(sql.NAMESAKES, name):
            transaction.run(sql.END, number)
        free_tasks(transaction, now)
    found = transaction.one(sql.FREE_SLOT)
    slot = 0 if found is None else found[0]
    transaction.run(sql.JOIN, name, slot)
    return Joined(number=transaction.last_row(), slot=slot)


def was_silent(transaction: Transaction, number: int, death_seconds: float) -> bool:
    """Tell whether we ourselves were not heard for so long that others might be taken for dead."""
    return transaction.one(sql.SILENT_OURSELVES, number, round(death_seconds)) is not None


def beat(
    transaction: Transaction, number: int, now: int, death_seconds: float, *, judging: bool = True
) -> bool:
    """Be heard, and end who is not, if `judging`; False where others have ended us."""
    heard = transaction.run(sql.HEARD, number) > 0
    for (silent,) in transaction.all(sql.SILENT, round(death_seconds)) if judging else ():
        transaction.run(sql.END, silent)
    free_tasks(transaction, now)
    transaction.run(sql.FORGET_ENDED)
    transaction.run(sql.FORGET_LANES)
    return heard


def free_tasks(transaction: Transaction, now: int) -> int:
    """Make due what ended gateways have in hand; return how many.

    See `queue/tasks.return_tasks` for tasks that were in hand at several deaths in a row.
    """
    rest = timedelta(seconds=SUSPECT_SECONDS) // timedelta(microseconds=1)
    rows = transaction.all(sql.HELD_BY_ENDED)
    for (task,) in rows:
        transaction.run(sql.FREE_TASK, now, SUSPICIOUS, rest, SUSPICIOUS, task)
    return len(rows)


def leave(transaction: Transaction, number: int, now: int) -> None:
    """Go in order: what is still in hand is due at once, and no death of anybody."""
    transaction.run(sql.GIVE_BACK, now, number)
    transaction.run(sql.STAND_DOWN, number)
    transaction.run(sql.END, number)


class Presence:
    """Keeps one gateway heard, in a thread of its own."""

    def __init__(
        self,
        db: PostgresDatabase,
        clock: Clock,
        name: str,
        *,
        trouble: Callable[[StorageError], None],
        joined: Callable[[int], None],
        beat_seconds: float = BEAT_SECONDS,
        death_seconds: float = DEATH_SECONDS,
    ) -> None:
        """Be called `name`, which no other gateway is.

        `joined` is told, in a thread, the number under which we came; it may raise `StorageError`.
        """
        self._db = db
        self._clock = clock
        self._name = name
        self._trouble = trouble
        self._beat_seconds = beat_seconds
        self._death_seconds = death_seconds
        self._joined = joined
        self._grace = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="store-presence", daemon=True)

    def start(self, *, alone: bool) -> None:
        """Come, and be heard from now on. Blocks; raises as `join` does, and `StorageError`."""
        self._join(alone=alone)
        self._thread.start()

    def beat(self) -> bool:
        """Be heard once; False where we had been ended and came anew. Blocks; raises as `start`."""
        number, now = self._db.standing.number, to_micros(self._clock.now())
        if self._db.read_blocking(lambda t: was_silent(t, number, self._death_seconds)):
            self._grace = GRACE_BEATS
        judging, self._grace = self._grace == 0, max(0, self._grace - 1)
        heard = self._db.write_blocking(
            lambda t: beat(t, number, now, self._death_seconds, judging=judging)
        )
        if not heard:
            self._join(alone=False)
        return heard

    def stop(self) -> None:
        """Go in order, as far as the server lets us. Blocks."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        number, now = self._db.standing.number, to_micros(self._clock.now())
        try:
            self._db.write_blocking(lambda t: leave(t, number, now))
        except StorageError as error:
            self._trouble(error)  # the others notice by our silence

    def _join(self, *, alone: bool) -> None:
        now = to_micros(self._clock.now())
        joined = self._db.write_blocking(lambda t: join(t, self._name, now, alone=alone))
        self._db.stand_as(joined.number, joined.slot)
        self._joined(joined.number)

    def _keep(self) -> None:
        while not self._stop.wait(self._beat_seconds):
            try:
                self.beat()
            except StorageError as error:
                self._trouble(error)
            except ConfigurationError as error:  # the store was moved: idle, until it is released
                self._trouble(MovedAwayError(error.public, remedy=error.remedy))


class Leadership:
    """`Leaders` among the gateways of one database."""

    def __init__(self, db: PostgresDatabase) -> None:
        """Lead as the gateway of `db`."""
        self._db = db

    async def leading(self, name: str) -> int:
        """See `Leaders.leading`. The term is our number: who was ended comes back under another."""
        number = self._db.standing.number
        if await self._db.read(lambda t: t.one(sql.LEADER, name, number)) is not None:
            return number
        return number if await self._db.write(lambda t: _lead(t, name, number)) else 0


def _lead(transaction: Transaction, name: str, number: int) -> bool:
    transaction.run(sql.LEAD, name, number)
    return transaction.one(sql.LEADER, name, number) is not None
