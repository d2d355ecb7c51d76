"""What a function of the store may do inside a transaction, on PostgreSQL.

Remembers what has to be done at the end of a group. Never begins or ends a transaction itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import psycopg

from depesha.queue.lane import Row, Transaction, Value
from depesha.queue.postgres.dialect import translate
from depesha.queue.postgres.session import Result, Session

T = TypeVar("T")
Finish = Callable[[Transaction, list[Any]], None]

LOCK_LINE = "SELECT pg_advisory_xact_lock(714055, 1)"
"""The end of the chain of evidence: whoever holds it alone may append. Numbers of our own."""


class PostgresTransaction:
    """`Transaction` on one connection."""

    __slots__ = ("_last", "_later", "_line", "_texts", "_writing", "memory", "session", "wrote")

    def __init__(self, connection: psycopg.Connection[Any], *, writing: bool) -> None:
        self.session = Session(connection)
        self._writing = writing
        self._texts: dict[str, str] = {}
        self._last = 0
        self._line: list[tuple[Finish, Any]] = []
        self._later: list[str] = []
        self.memory: dict[str, Any] = {}
        self.wrote = False
        """Whether anything was changed since `begun`, or will be by `finish`."""

    def begun(self) -> None:
        """Forget what another transaction knew: other gateways may have changed it."""
        self.memory.clear()
        self._line.clear()
        self._later.clear()
        self.wrote = False

    def run(self, statement: str, *values: Value) -> int:
        """See `Transaction.run`."""
        self.wrote = True
        result = self._execute(statement, values)
        if (row := result.first()) is not None:
            self._last = row[0]
        return result.changed

    def put(self, statement: str, *values: Value) -> None:
        """See `Transaction.put`."""
        self.wrote = True
        self.session.put(self._text(statement), values)

    def one(self, statement: str, *values: Value) -> Row | None:
        """See `Transaction.one`."""
        return self._execute(statement, values).first()

    def all(self, statement: str, *values: Value) -> list[Row]:
        """See `Transaction.all`."""
        return self._execute(statement, values).rows()

    def last_row(self) -> int:
        """See `Transaction.last_row`."""
        return self._last

    def later(self, statement: str) -> None:
        """See `Transaction.later`."""
        self._later.append(statement)

    def in_line(self, finish: Callable[[Transaction, list[T]], None], item: T) -> None:
        """See `Transaction.in_line`: at the end of the group, when the line is ours."""
        self.wrote = True
        self._line.append((finish, item))

    def standing(self) -> tuple[int, int]:
        """Return a mark of what has been asked for so far, for `undo`."""
        return len(self._line), len(self._later)

    def undo(self, mark: tuple[int, int]) -> None:
        """Forget what was remembered, and what was asked for since the mark."""
        self.memory.clear()
        del self._line[mark[0] :]
        del self._later[mark[1] :]

    def finish(self) -> None:
        """Take the line and do what was asked for in it; it is ours until the commit."""
        line, self._line = self._line, []
        if not line:
            return
        self.session.put(LOCK_LINE)
        for wanted in dict.fromkeys(finish for finish, _item in line):
            wanted(self, [item for finish, item in line if finish is wanted])

    def run_later(self) -> None:
        """Run what was asked for; once each, whatever happens."""
        statements, self._later = self._later, []
        for statement in statements:
            self.session.simple(translate(statement))

    def _execute(self, statement: str, values: tuple[Value, ...]) -> Result:
        return self.session.execute(self._text(statement), values)

    def _text(self, statement: str) -> str:
        text = self._texts.get(statement)
        if text is None:
            text = self._texts[statement] = translate(statement, writing=self._writing)
        return text
