"""Runs prepared statements on one connection, by libpq's own calls, in its pipeline mode.

psycopg's cursors serve every type and any waiting; here are few types, and a thread that may
block. What nobody waits for is sent along with the next statement whose answer is needed, so that
a step costs few round trips, however far the server. Knows nothing of the store.
"""

from __future__ import annotations

import select
import struct
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from psycopg import errors
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult

from depesha.queue.lane import Row, Value

_INT8, _TEXT, _BYTEA = 20, 25, 17
_BINARY = 1
_GOOD = frozenset({ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK})
_MOST_UNREAD = 100
"""Answers that may lie unread; they are small, and must not fill the buffers of the network."""
_pack = struct.Struct("!q").pack
Load = Callable[[bytes], Any]


def _whole(size: str) -> Load:
    unpack = struct.Struct(f"!{size}").unpack
    return lambda data: unpack(data)[0]


_LOADS: dict[int, Load] = {
    16: lambda data: data == b"\x01",  # boolean
    17: bytes,  # bytea
    19: bytes.decode,  # name
    20: _whole("q"),  # bigint
    21: _whole("h"),  # smallint
    23: _whole("i"),  # integer
    25: bytes.decode,  # text
    1043: bytes.decode,  # varchar
    2278: lambda _data: None,  # void
}
"""How each type is read, by its number in `pg_type`."""


def _dump(value: Value) -> tuple[int, bytes | None]:
    """Return a value's type (0: whatever fits) and its bytes."""
    match value:
        case None:
            return 0, None
        case str():
            return _TEXT, value.encode()
        case int():
            return _INT8, _pack(value)
        case bytes():
            return _BYTEA, value


class Result:
    """What a statement answered."""

    __slots__ = ("_found", "_loads")

    def __init__(self, found: PGresult, loads: tuple[Load, ...]) -> None:
        self._found = found
        self._loads = loads

    @property
    def changed(self) -> int:
        """How many rows were changed or read."""
        return self._found.command_tuples or 0

    def rows(self, most: int | None = None) -> list[Row]:
        """Return the rows, or the first ones."""
        found, loads = self._found, self._loads
        count = found.ntuples if most is None else min(found.ntuples, most)
        return [
            tuple(
                None if (data := found.get_value(row, column)) is None else load(data)
                for column, load in enumerate(loads)
            )
            for row in range(count)
        ]

    def first(self) -> Row | None:
        """Return the first row, or None."""
        rows = self.rows(1)
        return rows[0] if rows else None


class Session:
    """One connection, used by one thread, that sends statements and reads answers in order."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Take the connection over; nobody else may use it from now on."""
        self._libpq = connection.pgconn
        self._socket = self._libpq.socket
        self._names: dict[tuple[str, tuple[int, ...]], bytes] = {}
        self._loads: dict[bytes, tuple[Load, ...]] = {}
        self._made = 0
        self._unread = 0
        self._unsure: list[tuple[str, tuple[int, ...]]] = []
        self._patience: float | None = None
        self._libpq.nonblocking = 1
        self._libpq.enter_pipeline_mode()

    def put(self, statement: str, values: Sequence[Value] = ()) -> None:
        """Send a statement with `$1` places; a failure is raised by what comes next."""
        self._send(statement, values)
        if self._unread >= _MOST_UNREAD:
            self.settle()

    def execute(self, statement: str, values: Sequence[Value] = ()) -> Result:
        """Run a statement with `$1` places, prepared once; raises `psycopg.Error`."""
        name = self._send(statement, values)
        found = self._read()
        loads = self._loads.get(name)
        if loads is None:
            loads = tuple(_LOADS[found.ftype(column)] for column in range(found.nfields))
            self._loads[name] = loads
        return Result(found, loads)

    def simple(self, statement: str, seconds: float | None = None) -> str:
        """Run a statement that has no places and no answer; return what the server did.

        Where no word comes for so many seconds the connection is given up (`psycopg.Error`).
        """
        self._libpq.send_query_params(statement.encode(), None)
        self._unread += 1
        self._patience = seconds
        try:
            return (self._read().command_status or b"").decode()
        finally:
            self._patience = None

    def put_simple(self, statement: str) -> None:
        """Send a statement that has no places; a failure is raised by what comes next."""
        self._libpq.send_query_params(statement.encode(), None)
        self._unread += 1

    def settle(self) -> None:
        """Wait for what was put; raises `psycopg.Error` where any of it failed."""
        if self._unread:
            self._read()

    def _send(self, statement: str, values: Sequence[Value]) -> bytes:
        dumped = [_dump(value) for value in values]
        types = tuple(one[0] for one in dumped)
        name = self._names.get((statement, types)) or self._prepare(statement, types)
        sent = [one[1] for one in dumped]
        self._libpq.send_query_prepared(name, sent, [_BINARY] * len(sent), _BINARY)
        self._unread += 1
        return name

    def _prepare(self, statement: str, types: tuple[int, ...]) -> bytes:
        """Have a statement prepared; where that fails, the next try has another name."""
        self._made += 1
        name = b"s%d" % self._made
        self._libpq.send_prepare(name, statement.encode(), types)
        self._unread += 1
        self._unsure.append((statement, types))
        self._names[statement, types] = name
        return name

    def _read(self) -> PGresult:
        """Read all answers; return the last one, or raise the first failure."""
        self._libpq.pipeline_sync()
        last: PGresult | None = None
        failed: PGresult | None = None
        while (found := self._next()).status != ExecStatus.PIPELINE_SYNC:
            last = found
            if failed is None and found.status not in _GOOD:
                failed = found
        self._unread = 0
        unsure, self._unsure = self._unsure, []
        if failed is not None:
            for key in unsure:
                self._names.pop(key, None)
            raise errors.error_from_result(failed)
        if last is None:
            raise psycopg.InternalError("the server did not answer")
        return last

    def _next(self) -> PGresult:
        """Return the next answer. libpq holds the GIL while it waits, so that we wait before."""
        while True:
            while self._libpq.flush():
                select.select([self._socket], [self._socket], [])
                self._libpq.consume_input()
            while self._libpq.is_busy():
                if not any(select.select([self._socket], [], [], self._patience)):
                    self._libpq.finish()
                    raise psycopg.OperationalError("the server gives no answer")
                self._libpq.consume_input()
            found = self._libpq.get_result()
            if found is not None:
                return found
            if self._libpq.status != ConnStatus.OK:
                raise psycopg.OperationalError("the connection is lost")
