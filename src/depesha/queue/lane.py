"""One database connection in one thread of its own, serving whatever waits together.

Callers hand in functions; up to `GROUP` of them run in one transaction and one thread hop, so
that many callers share one fsync. A caller hears of success only after the commit returned.
Nothing here knows what the functions do; they must not block and must touch nothing but the
transaction they are given.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import apsw

from depesha.errors import StorageError

R = TypeVar("R")
Value = str | int | bytes | None
Row = tuple[Any, ...]

GROUP = 200
"""More than this in one commit gains nothing and makes the first caller wait for the last."""


class Transaction:
    """What a function may do inside a transaction: run prepared statements, remember facts."""

    __slots__ = ("_connection", "_cursor", "_later", "memory")

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._later: list[str] = []
        self.memory: dict[str, Any] = {}
        """Facts of the committed or pending state that need not be read again; forgotten with
        every rollback. Sound because this is the only writing connection."""

    def run(self, statement: str, *values: Value) -> int:
        """Run a statement; return how many rows it changed."""
        self._cursor.execute(statement, values)
        return self._connection.changes()

    def one(self, statement: str, *values: Value) -> Row | None:
        """Return the first row, or None."""
        return self._cursor.execute(statement, values).fetchone()

    def all(self, statement: str, *values: Value) -> list[Row]:
        """Return all rows."""
        return self._cursor.execute(statement, values).fetchall()

    def last_row(self) -> int:
        """Return the row number of the last insert."""
        return self._connection.last_insert_rowid()

    def forget(self, statement: str) -> None:
        """Run a rollback and forget what was remembered of the state it undid."""
        self.memory.clear()
        self._cursor.execute(statement)

    def later(self, statement: str) -> None:
        """Ask for a statement to be run after the group's commit, outside of any transaction."""
        self._later.append(statement)

    def run_later(self) -> None:
        """Run what was asked for; once each, whatever happens."""
        statements, self._later = self._later, []
        for statement in statements:
            self._cursor.execute(statement).fetchall()

    @property
    def open(self) -> bool:
        """False where SQLite itself has ended the transaction."""
        return self._connection.in_transaction


@dataclass(slots=True, eq=False)
class _Ticket:
    """One waiting caller."""

    work: Callable[[Transaction], Any]
    future: asyncio.Future[Any] | Future[Any]
    result: Any = None
    error: Exception | None = None

    def settle(self) -> None:
        """Hand the outcome to the caller, unless it has gone away."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


def storage_error(error: apsw.Error) -> StorageError:
    """Translate a fault of SQLite; its text may hold data and stays out."""
    return StorageError(
        "the store could not do its work",
        remedy="look at the disk: space, permissions, health",
        fault=type(error).__name__,
    )


class Lane:
    """The thread of one connection. Reading lanes see one snapshot per group."""

    def __init__(
        self,
        connection: apsw.Connection,
        *,
        name: str,
        writing: bool,
        trouble: Callable[[StorageError], None],
    ) -> None:
        """Start serving. `trouble` is told, in that thread, of every failure of SQLite."""
        self._connection = connection
        self._transaction = Transaction(connection)
        self._writing = writing
        self._trouble = trouble
        self._loop = asyncio.get_running_loop()
        self._waiting: SimpleQueue[_Ticket | None] = SimpleQueue()
        self._door = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    async def do(self, work: Callable[[Transaction], R]) -> R:
        """Run `work` in the next group; return what it returned, or raise what it raised."""
        future: asyncio.Future[R] = self._loop.create_future()
        self._enter(_Ticket(work, future))
        return await future

    def do_blocking(self, work: Callable[[Transaction], R]) -> R:
        """Do the same for a worker thread, which waits."""
        future: Future[R] = Future()
        self._enter(_Ticket(work, future))
        return future.result()

    def close(self) -> None:
        """Serve who is waiting, then close the connection. Blocks; closing twice is safe."""
        with self._door:
            if not self._closed:
                self._closed = True
                self._waiting.put(None)
        self._thread.join()

    def _enter(self, ticket: _Ticket) -> None:
        with self._door:
            if self._closed:
                raise StorageError("the store is closed")
            self._waiting.put(ticket)

    def _serve(self) -> None:
        serving = True
        while serving:
            group, serving = self._gather()
            if group:
                self._run(group)
                self._hand_back(group)
        self._connection.close()

    def _gather(self) -> tuple[list[_Ticket], bool]:
        """Wait for one caller, then take all that wait as well; the flag is False at the end."""
        group: list[_Ticket] = []
        ticket = self._waiting.get()
        while ticket is not None:
            if not ticket.future.cancelled():
                group.append(ticket)
            if len(group) == GROUP:
                return group, True
            try:
                ticket = self._waiting.get_nowait()
            except Empty:
                return group, True
        return group, False

    def _run(self, group: list[_Ticket]) -> None:
        """Run a group in one transaction; whatever fails as a whole fails for all of them."""
        try:
            self._commit(group) if self._writing else self._look(group)
        except apsw.Error as error:
            self._fail(group, storage_error(error))
        except Exception as error:  # noqa: BLE001 - a dead thread would leave everybody waiting
            self._fail(group, StorageError("the store failed", fault=type(error).__name__))

    def _fail(self, group: list[_Ticket], failure: StorageError) -> None:
        try:
            if self._transaction.open:
                self._transaction.forget("ROLLBACK")
        except apsw.Error as error:
            failure = storage_error(error)
        self._transaction.memory.clear()
        for ticket in group:
            ticket.error = failure
        self._trouble(failure)

    def _fail_one(self, ticket: _Ticket, error: apsw.Error) -> None:
        failure = storage_error(error)
        ticket.error = failure
        self._trouble(failure)

    def _look(self, group: list[_Ticket]) -> None:
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

    def _commit(self, group: list[_Ticket]) -> None:
        transaction = self._transaction
        transaction.run("BEGIN IMMEDIATE")
        for ticket in group:
            transaction.run("SAVEPOINT caller")
            try:
                ticket.result = ticket.work(transaction)
            except apsw.Error as error:
                if not transaction.open:
                    raise  # full disk, I/O error: SQLite has undone the whole group
                self._fail_one(ticket, error)
            except Exception as error:  # noqa: BLE001 - not swallowed: handed to its caller
                ticket.error = error
            if ticket.error is not None:
                transaction.forget("ROLLBACK TO caller")
            transaction.run("RELEASE caller")
        transaction.run("COMMIT")
        try:
            transaction.run_later()
        except apsw.Error as error:
            self._trouble(storage_error(error))  # the commit stands all the same

    def _hand_back(self, group: list[_Ticket]) -> None:
        for ticket in group:
            if isinstance(ticket.future, Future):
                ticket.settle()
        if any(isinstance(ticket.future, asyncio.Future) for ticket in group):
            try:
                self._loop.call_soon_threadsafe(_settle, group)
            except RuntimeError:
                return  # the event loop has ended, and its callers with it


def _settle(group: list[_Ticket]) -> None:
    for ticket in group:
        ticket.settle()
