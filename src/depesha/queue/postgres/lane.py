"""The lane of one connection to PostgreSQL: groups, deadlocks, lost connections, lost answers.

What a group wrote stands or does not, and its callers hear which: a connection that breaks before
the commit was sent undoes the group, and it is run again; one that breaks while the answer is on
its way leaves the question open, and the lane asks the server until it knows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from depesha.errors import DepeshaError, StorageError
from depesha.queue.lane import Lane, Ticket, Watch
from depesha.queue.postgres.connecting import Connector, is_lost, is_passing, storage_error
from depesha.queue.postgres.session import Session
from depesha.queue.postgres.transaction import PostgresTransaction

_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_TRIES = 5
"""Of one caller alone, against deadlocks and locks that others hold."""
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0
"""Seconds between two tries to connect."""


class LostError(Exception):
    """The connection is gone, and nothing of the group stands."""

    def __init__(self, error: StorageError) -> None:
        super().__init__("connection lost")
        self.error = error


class UndoneError(Exception):
    """The server undid the group for the sake of others."""

    def __init__(self, error: StorageError) -> None:
        super().__init__("undone")
        self.error = error


@dataclass(slots=True)
class Standing:
    """As whom the gateway writes: its number, and the slot in which it counts. Replaced at once."""

    number: int = 0
    slot: int = 0


class PostgresLane(Lane):
    """`Lane` on PostgreSQL. Connects when somebody waits, and again whenever it has to."""

    def __init__(
        self,
        connector: Connector,
        *,
        name: str,
        trouble: Callable[[StorageError], None],
        watch: Watch | None = None,
    ) -> None:
        """Start serving under `name`."""
        super().__init__(name=f"store-{name}", trouble=trouble, watch=watch)
        self._connector = connector
        self._purpose = name
        self._connection: psycopg.Connection[Any] | None = None
        self._transaction: PostgresTransaction | None = None
        self._failures = 0
        self._closing = threading.Event()
        self._start()

    def hurry(self) -> None:
        """Wait no longer for a server that is away: the lane is about to be closed."""
        self._closing.set()

    def close(self) -> None:
        """See `Lane.close`; who waits for a server that is away is told so."""
        self.hurry()
        super().close()

    def _end(self) -> None:
        self._drop()

    def _run(self, group: list[Ticket]) -> None:
        try:
            self._serve_group(group)
        except DepeshaError as error:
            self._drop()
            self._fail(group, StorageError("the store failed", fault=error.code))
        except psycopg.Error as error:
            self._drop()
            self._fail(group, storage_error(error))
        except Exception as error:  # noqa: BLE001 - a dead thread would leave everybody waiting
            self._drop()
            self._fail(group, StorageError("the store failed", fault=type(error).__name__))

    def _serve_group(self, group: list[Ticket]) -> None:
        """Run a group; where the server undid it, again: whole, or one caller after the other."""
        for number in range(_TRIES):
            if number:
                self._closing.wait(_FIRST_PAUSE * (number - 1))
            for ticket in group:
                ticket.result = ticket.error = None
            try:
                self._once(group)
            except LostError as lost:
                self._drop()
                failure = lost.error
                if number or self._closing.is_set():
                    break
            except UndoneError as again:
                self._undo()
                failure = again.error
                if len(group) > 1:
                    for ticket in group:
                        self._run([ticket])  # each with an end of his own
                    return
            else:
                return
        self._fail(group, failure)

    def _once(self, group: list[Ticket]) -> None:
        """Run a group in one transaction."""
        transaction = self._ready()
        transaction.begun()
        self._put(_READING)
        for ticket in group:
            try:
                ticket.result = ticket.work(transaction)
            except psycopg.Error as error:
                self._fail_one(ticket, error)
                self._execute("ROLLBACK")
                self._put(_READING)
            except Exception as error:  # noqa: BLE001 - not swallowed: handed to its caller
                ticket.error = error
        self._execute("COMMIT")

    def _ready(self) -> PostgresTransaction:
        """Return the transaction of a living connection; pauses where there is none to be had.

        Only for the beginning of a group: in its middle, a new connection knows nothing of it.
        """
        if self._connection is None or self._transaction is None or self._connection.closed:
            self._drop()
            try:
                connection = self._connector.open(self._purpose)
            except psycopg.Error as error:
                self._pause()
                raise LostError(storage_error(error)) from None
            self._connection = connection
            self._transaction = self._greet(connection)
            self._failures = 0
        return self._transaction

    def _greet(self, connection: psycopg.Connection[Any]) -> PostgresTransaction:
        """Make a new connection ready for use."""
        return PostgresTransaction(connection, writing=False)

    def _pause(self) -> None:
        self._closing.wait(min(_FIRST_PAUSE * 2**self._failures, _LONGEST_PAUSE))
        self._failures = min(self._failures + 1, 10)

    def _execute(self, statement: str) -> None:
        """Run a statement of the lane's own; raises `LostError` and `UndoneError`."""
        self._put(statement)
        try:
            self._session().settle()
        except psycopg.Error as error:
            self._judge(error)
            raise

    def _put(self, statement: str) -> None:
        """Send a statement of the lane's own; raises `LostError`."""
        try:
            self._session().put_simple(statement)
        except psycopg.Error as error:
            self._judge(error)
            raise

    def _session(self) -> Session:
        if self._transaction is None:
            raise LostError(StorageError("the store is not connected"))
        return self._transaction.session

    def _judge(self, error: psycopg.Error) -> None:
        """Raise what a fault means for the whole group, if it means anything for it."""
        connection = self._connection
        if connection is None or is_lost(connection, error):
            raise LostError(storage_error(error)) from None
        if is_passing(error):
            raise UndoneError(storage_error(error)) from None

    def _undo(self) -> None:
        """End what is left of a transaction."""
        transaction = self._transaction
        if transaction is not None:
            try:
                transaction.session.simple("ROLLBACK")
            except psycopg.Error:
                self._drop()

    def _drop(self) -> None:
        """Let go of the connection; the server undoes what was not committed."""
        connection, self._connection, self._transaction = self._connection, None, None
        if connection is not None:
            connection.close()

    def _fail(self, group: list[Ticket], failure: StorageError) -> None:
        for ticket in group:
            ticket.result, ticket.error = None, failure
        self._trouble(failure)

    def _fail_one(self, ticket: Ticket, error: psycopg.Error) -> None:
        """Fail one caller, unless the fault is everybody's."""
        self._judge(error)
        ticket.error = storage_error(error)
        self._trouble(ticket.error)
