"""The lane of one connection to SQLite. Knows how a group is committed there, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import apsw

from depesha.errors import StorageError, StoreAwayError
from depesha.queue.lane import Lane, Row, Ticket, Transaction, Value, Watch

T = TypeVar("T")


_AWAY = (
    *(apsw.BusyError, apsw.LockedError, apsw.IOError, apsw.FullError, apsw.CantOpenError),
    *(apsw.ReadOnlyError, apsw.PermissionsError, apsw.NoMemError, apsw.ProtocolError),
    *(apsw.CorruptError, apsw.NotADBError),
)
"""Faults of disk, file or lock, whatever statement met them."""


class SqliteTransaction:
    """`Transaction` on the only connection that writes, or on one that reads."""

    __slots__ = ("_connection", "_cursor", "_later", "memory")

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._later: list[str] = []
        self.memory: dict[str, Any] = {}
        """Kept over transactions: sound because this is the only writing connection."""

    def run(self, statement: str, *values: Value) -> int:
        """See `Transaction.run`."""
        self._cursor.execute(statement, values)
        return self._connection.changes()

    def put(self, statement: str, *values: Value) -> None:
        """See `Transaction.put`."""
        self._cursor.execute(statement, values)

    def one(self, statement: str, *values: Value) -> Row | None:
        """See `Transaction.one`."""
        return self._cursor.execute(statement, values).fetchone()

    def all(self, statement: str, *values: Value) -> list[Row]:
        """See `Transaction.all`."""
        return self._cursor.execute(statement, values).fetchall()

    def last_row(self) -> int:
        """See `Transaction.last_row`."""
        return self._connection.last_insert_rowid()

    def later(self, statement: str) -> None:
        """See `Transaction.later`."""
        self._later.append(statement)

    def in_line(self, finish: Callable[[Transaction, list[T]], None], item: T) -> None:
        """See `Transaction.in_line`: nobody else writes, so at once."""
        finish(self, [item])

    def forget(self, statement: str) -> None:
        """Run a rollback and forget what was remembered of the state it undid."""
        self.memory.clear()
        self._cursor.execute(statement)

    def run_later(self) -> None:
        """Run what was asked for; once each, whatever happens."""
        statements, self._later = self._later, []
        for statement in statements:
            self._cursor.execute(statement).fetchall()

    @property
    def open(self) -> bool:
        """False where SQLite itself has ended the transaction."""
        return self._connection.in_transaction


def storage_error(error: apsw.Error) -> StorageError:
    """Translate a fault of SQLite; its text may hold data and stays out."""
    kind = StoreAwayError if isinstance(error, _AWAY) else StorageError
    return kind(
        "the store could not do its work",
        remedy="look at the disk: space, permissions, health",
        fault=type(error).__name__,
    )


class SqliteLane(Lane):
    """`Lane` on SQLite."""

    def __init__(
        self,
        connection: apsw.Connection,
        *,
        name: str,
        writing: bool,
        trouble: Callable[[StorageError], None],
        watch: Watch | None = None,
    ) -> None:
        """Start serving. `trouble` is told, in that thread, of every failure of SQLite."""
        super().__init__(name=name, trouble=trouble, watch=watch)
        self._connection = connection
        self._transaction = SqliteTransaction(connection)
        self._writing = writing
        self._start()

    def _end(self) -> None:
        self._connection.close()

    def _run(self, group: list[Ticket]) -> None:
        """Run a group in one transaction; whatever fails as a whole fails for all of them."""
        try:
            self._commit(group) if self._writing else self._look(group)
        except apsw.Error as error:
            self._fail(group, storage_error(error))
        except Exception as error:  # noqa: BLE001 - a dead thread would leave everybody waiting
            self._fail(group, StorageError("the store failed", fault=type(error).__name__))

    def _fail(self, group: list[Ticket], failure: StorageError) -> None:
        try:
            if self._transaction.open:
                self._transaction.forget("ROLLBACK")
        except apsw.Error as error:
            failure = storage_error(error)
        self._transaction.memory.clear()
        for ticket in group:
            ticket.error = failure
        self._trouble(failure)

    def _fail_one(self, ticket: Ticket, error: apsw.Error) -> None:
        failure = storage_error(error)
        ticket.error = failure
        self._trouble(failure)

    def _look(self, group: list[Ticket]) -> None:
        transaction = self._transaction
        transaction.run("BEGIN")
        for ticket in group:
            try:
                ticket.result = ticket.work(transaction)
            except apsw.Error as error:
                self._fail_one(ticket, error)
            except Exception as error:  # noqa: BLE001 - not swallowed: handed to its caller
                ticket.error = error
        transaction.run("COMMIT")

    def _commit(self, group: list[Ticket]) -> None:
        transaction = self._transaction
        transaction.run("BEGIN IMMEDIATE")
        written = False
        for ticket in group:
            written = self._write(ticket, written=written)
        began = self._watch.monotonic() if self._watch is not None else 0.0
        transaction.run("COMMIT")
        if self._watch is not None:
            self._took = len(group), self._watch.monotonic() - began
        try:
            transaction.run_later()
        except apsw.Error as error:
            self._trouble(storage_error(error))  # the commit stands all the same

    def _write(self, ticket: Ticket, *, written: bool) -> bool:
        """Do one caller's work in the group's transaction; tell whether anything stands in it.

        A savepoint keeps a copy of every page changed after it (a hundred kilobytes for one
        message), so who is the first to write has none: where he fails, the transaction is begun
        anew.
        """
        transaction = self._transaction
        if written:
            transaction.run("SAVEPOINT caller")
        try:
            ticket.result = ticket.work(transaction)
        except apsw.Error as error:
            if not transaction.open:
                raise  # full disk, I/O error: SQLite has undone the whole group
            self._fail_one(ticket, error)
        except Exception as error:  # noqa: BLE001 - not swallowed: handed to its caller
            ticket.error = error
        if not written and ticket.error is not None:
            transaction.forget("ROLLBACK")
            transaction.run("BEGIN IMMEDIATE")
            return False
        if ticket.error is not None:
            transaction.forget("ROLLBACK TO caller")
        if written:
            transaction.run("RELEASE caller")
        return True
