"""A database connection in one thread of its own, serving whatever waits together.

Callers hand in functions; up to `GROUP` of them run in one transaction and one thread hop, so
that many callers share one fsync. A caller hears of success only after the commit returned.
Nothing here knows what the functions do or which database it is; they must not block and must
touch nothing but the transaction they are given, for they may be run again.
"""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

from depesha.errors import StorageError

R = TypeVar("R")
T = TypeVar("T")
Value = str | int | bytes | None
Row = tuple[Any, ...]

GROUP = 200
"""More than this in one commit gains nothing and makes the first caller wait for the last."""


class Transaction(Protocol):
    """What a function may do inside a transaction. Statements are written for SQLite."""

    memory: dict[str, Any]
    """Facts of the committed or pending state that need not be read again; forgotten with every
    rollback, and where others write as well, with every transaction."""

    def run(self, statement: str, *values: Value) -> int:
        """Run a statement; return how many rows it changed."""

    def put(self, statement: str, *values: Value) -> None:
        """Run a statement that nobody waits for; it takes effect before the next one.

        Its failure may come to light later, but before the commit: for what cannot fail by itself.
        """

    def one(self, statement: str, *values: Value) -> Row | None:
        """Return the first row, or None."""

    def all(self, statement: str, *values: Value) -> list[Row]:
        """Return all rows."""

    def last_row(self) -> int:
        """Return the row number of the last insert."""

    def later(self, statement: str) -> None:
        """Ask for a statement to be run after the group's commit, outside of any transaction."""

    def in_line(self, finish: Callable[[Transaction, list[T]], None], item: T) -> None:
        """Have `finish` take `item` while nobody else, anywhere, can do the like.

        At once where one connection alone writes; otherwise together with the items of the whole
        group, right before its commit. For what must never fork: the chain of evidence.
        """


class Database(Protocol):
    """The store's database. Every method may be called from the event loop that opened it."""

    async def write(self, work: Callable[[Transaction], R]) -> R:
        """Run `work` in a transaction shared with other callers; return once it is on disk.

        What `work` raises undoes its own part alone. Raises `StorageError` where nothing of it
        became durable. A caller cancelled while waiting does not learn what happened.
        """

    async def read(self, work: Callable[[Transaction], R]) -> R:
        """Run `work` on a snapshot that holds everything committed before this call."""

    async def look(self, work: Callable[[Transaction], R]) -> R:
        """Do as `read` does, for long looks that nobody's message waits for."""

    def write_blocking(self, work: Callable[[Transaction], R]) -> R:
        """Do as `write` does, for worker threads."""

    def read_blocking(self, work: Callable[[Transaction], R]) -> R:
        """Do as `read` does, for worker threads."""

    def waiting(self) -> dict[str, int]:
        """Return how many callers wait for each connection."""

    async def scour(self) -> None:
        """Take earlier forms of what was deleted or changed out of the database and its log.

        What PostgreSQL gives free is overwritten later, by others' rows. May take minutes, keeps
        nobody waiting, is safe to repeat; raises `StorageError`.
        """

    async def close(self) -> None:
        """Serve who is waiting, then close. Closing twice is safe."""


@dataclass(slots=True, eq=False)
class Ticket:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Measures commits. `told` is called in the lane's thread, after the callers have theirs."""

    monotonic: Callable[[], float]
    told: Callable[[int, float], None]
    """How many callers one commit served, and the seconds that the disk took for it."""


class Lane(ABC):
    """The thread of one connection. Reading lanes see one snapshot per group.

    A body says how a group is run (`_run`, which must settle every ticket's result or error) and
    how the connection is closed (`_end`), and calls `_start` when it is ready.
    """

    def __init__(
        self, *, name: str, trouble: Callable[[StorageError], None], watch: Watch | None = None
    ) -> None:
        """Tell `trouble`, in the lane's thread, of every failure of the database."""
        self._trouble = trouble
        self._watch = watch
        self._took: tuple[int, float] | None = None
        self._loop = asyncio.get_running_loop()
        self._waiting: SimpleQueue[Ticket | None] = SimpleQueue()
        self._door = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)

    def _start(self) -> None:
        self._thread.start()

    async def do(self, work: Callable[[Transaction], R]) -> R:
        """Run `work` in the next group; return what it returned, or raise what it raised."""
        future: asyncio.Future[R] = self._loop.create_future()
        self._enter(Ticket(work, future))
        return await future

    def do_blocking(self, work: Callable[[Transaction], R]) -> R:
        """Do the same for a worker thread, which waits."""
        future: Future[R] = Future()
        self._enter(Ticket(work, future))
        return future.result()

    @property
    def waiting(self) -> int:
        """Callers that wait for their turn now."""
        return self._waiting.qsize()

    def close(self) -> None:
        """Serve who is waiting, then close the connection. Blocks; closing twice is safe."""
        with self._door:
            if not self._closed:
                self._closed = True
                self._waiting.put(None)
        self._thread.join()

    @abstractmethod
    def _run(self, group: list[Ticket]) -> None:
        """Run a group in one transaction; never raises."""

    @abstractmethod
    def _end(self) -> None:
        """Close the connection."""

    def _enter(self, ticket: Ticket) -> None:
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
                self._tell()
        self._end()

    def _gather(self) -> tuple[list[Ticket], bool]:
        """Wait for one caller, then take all that wait as well; the flag is False at the end."""
        group: list[Ticket] = []
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

    def _tell(self) -> None:
        took, self._took = self._took, None
        if took is not None and self._watch is not None:
            self._watch.told(*took)

    def _hand_back(self, group: list[Ticket]) -> None:
        for ticket in group:
            if isinstance(ticket.future, Future):
                ticket.settle()
        if any(isinstance(ticket.future, asyncio.Future) for ticket in group):
            try:
                self._loop.call_soon_threadsafe(_settle, group)
            except RuntimeError:
                return  # the event loop has ended, and its callers with it


def _settle(group: list[Ticket]) -> None:
    for ticket in group:
        ticket.settle()
