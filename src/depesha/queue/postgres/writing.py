"""The lane that writes: group commit, and the truth about a commit whose answer was lost.

Each group leaves its number in the lane's own row of `lanes`. Where the connection breaks while
the server's answer to COMMIT is on its way, that row tells whether the group stands; reading it
waits for the old transaction, should the server still be at work on it. Where the store was moved
away no group gets its number, and so none is committed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import errors

from depesha.errors import StorageError, UnsaidError
from depesha.queue.lane import Ticket, Watch
from depesha.queue.migrate import MOVED
from depesha.queue.postgres.connecting import Connector, is_lost, is_moved, storage_error
from depesha.queue.postgres.lane import LostError, PostgresLane, Standing, UndoneError
from depesha.queue.postgres.server import check_server
from depesha.queue.postgres.transaction import PostgresTransaction

COMMIT_SECONDS = 20.0
"""A commit that waits longer waits for a standby that is away: then whether the group stands is
asked for again and again, which is told as trouble, and a gateway can be stopped meanwhile."""
_STAND_AS = """SELECT set_config('depesha.gateway', $1, false),
  set_config('depesha.slot', $2, false)"""
_OUR_LANE = "SELECT 1 FROM lanes WHERE lane = $1"
_NEW_LANE = "INSERT INTO lanes (used_at) VALUES (clock_timestamp()) RETURNING lane"
_LEAVE_MARK = f"""UPDATE lanes SET used_at = clock_timestamp(),
    mark = CASE WHEN EXISTS (SELECT FROM migrations WHERE number = {MOVED}) THEN NULL ELSE $1 END
  WHERE lane = $2"""  # noqa: S608 -- a number of ours
"""The table allows no NULL: so a group is undone without a question that costs a round trip, even
one that waited here until the store had been moved away (`moving_postgres.py` locks this table)."""
_READ_MARK = "SELECT mark FROM lanes WHERE lane = $1 FOR UPDATE"


class WritingLane(PostgresLane):
    """The only lane of this gateway that writes."""

    def __init__(
        self,
        connector: Connector,
        standing: Standing,
        *,
        trouble: Callable[[StorageError], None],
        watch: Watch | None = None,
        careless: bool = False,
    ) -> None:
        """Write as `standing` says at the time; `careless` is for `check_server`."""
        self._standing = standing
        self._careless = careless
        self._stands_as = (-1, -1)
        """What the server has as our standing, by our last commit."""
        self._said = (-1, -1)
        """What it has within the transaction that is open: a rollback takes it back."""
        self._lane = 0
        self._mark = 0
        self._pid = 0
        super().__init__(connector, name="writer", trouble=trouble, watch=watch)

    @property
    def pid(self) -> int:
        """The server's process that serves this lane; 0 before the first connection."""
        return self._pid

    def _greet(self, connection: psycopg.Connection[Any]) -> PostgresTransaction:
        self._pid = connection.info.backend_pid
        self._stands_as = (-1, -1)
        # It may be another server than before: one that was promoted, with settings of its own.
        check_server(connection, careless=self._careless)
        ours = (self._lane,)
        if not self._lane or connection.execute(_OUR_LANE, ours).fetchone() is None:
            row = connection.execute(_NEW_LANE.encode()).fetchone()
            self._lane = 0 if row is None else row[0]
        return PostgresTransaction(connection, writing=True)

    def _once(self, group: list[Ticket]) -> None:
        transaction = self._ready()
        transaction.begun()
        self._put("BEGIN")
        self._stand(transaction)
        if len(group) == 1:
            self._turn(transaction, group[0], safe=False)
            if group[0].error is not None:
                self._execute("ROLLBACK")
                return
        else:
            for ticket in group:
                self._turn(transaction, ticket, safe=True)
        self._finish(transaction, group)
        self._commit(transaction, group)

    def _stand(self, transaction: PostgresTransaction) -> None:
        """Say to the server as whom we write, where that is new."""
        self._said = (self._standing.number, self._standing.slot)
        if self._said != self._stands_as:
            transaction.session.put(_STAND_AS, [str(number) for number in self._said])

    def _turn(self, transaction: PostgresTransaction, ticket: Ticket, *, safe: bool) -> None:
        """Run one caller's part, behind a savepoint where others share the transaction.

        A fault of the database may be an earlier caller's, come to light only now: then, too,
        everybody is run alone. So is who took a unique name at the same time as another gateway:
        the next time he sees what the other wrote, and is answered as one who comes later.
        """
        mark = transaction.standing()
        if safe:
            self._put("SAVEPOINT caller")
        try:
            ticket.result = ticket.work(transaction)
        except psycopg.Error as error:
            if safe or isinstance(error, errors.UniqueViolation):
                self._judge(error)
                raise UndoneError(storage_error(error)) from None
            self._fail_one(ticket, error)
        except Exception as error:  # noqa: BLE001 - not swallowed: handed to its caller
            ticket.error = error
        if ticket.error is not None:
            transaction.undo(mark)
            if safe:
                self._put("ROLLBACK TO caller")
        if safe:
            self._put("RELEASE caller")

    def _finish(self, transaction: PostgresTransaction, group: list[Ticket]) -> None:
        """Do what belongs at the end; the chain last, so that other gateways wait least."""
        try:
            if transaction.wrote:
                self._mark += 1
                transaction.session.put(_LEAVE_MARK, (self._mark, self._lane))
            transaction.finish()
        except psycopg.Error as error:
            self._judge_all(error, group)
            raise
        except Exception as error:
            if len(group) > 1:  # one caller's fault is not the others'
                raise UndoneError(StorageError("a step could not be ended")) from error
            raise

    def _commit(self, transaction: PostgresTransaction, group: list[Ticket]) -> None:
        began = self._watch.monotonic() if self._watch is not None else 0.0
        connection = self._connection
        if connection is None:
            raise LostError(StorageError("the store is not connected"))
        try:
            ended = transaction.session.simple("COMMIT", COMMIT_SECONDS)
        except psycopg.Error as error:
            if not is_lost(connection, error):
                self._judge_all(error, group)
                raise
            self._drop()
            if transaction.wrote and not self._stands(group):
                raise LostError(storage_error(error)) from None
            return
        if ended != "COMMIT":
            raise UndoneError(StorageError("the store undid the transaction"))
        self._stands_as = self._said
        if self._watch is not None:
            self._took = len(group), self._watch.monotonic() - began
        try:
            transaction.run_later()
        except psycopg.Error as error:
            self._trouble(storage_error(error))  # the commit stands all the same

    def _judge_all(self, error: psycopg.Error, group: list[Ticket]) -> None:
        """Raise what a fault at the end of a group means, where trying again may help."""
        self._judge(error)
        several = len(group) > 1 and not is_moved(error)
        if several or isinstance(error, errors.UniqueViolation):
            raise UndoneError(storage_error(error)) from None

    def _stands(self, group: list[Ticket]) -> bool:
        """Find out whether the last group was committed; waits as long as it takes."""
        while not self._closing.is_set():
            try:
                row = self._ready().session.execute(_READ_MARK, (self._lane,)).first()
            except LostError:
                continue
            except psycopg.Error as error:
                self._trouble(storage_error(error))
                self._drop()
                self._pause()
            else:
                return row is not None and row[0] == self._mark
        unsaid = UnsaidError("it is not known whether this was stored")
        for ticket in group:
            ticket.result, ticket.error = None, ticket.error or unsaid
        return True
