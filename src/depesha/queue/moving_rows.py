"""Which tables a store has, and how their rows are read in pieces, alike from either database.

The schema of SQLite says what there is: whatever table a later version adds is moved, too. Only
reads. A row is a tuple of numbers, texts and bytes, the same from both, so that what was written
can be compared with what was read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from depesha.queue.lane import Row, Value
from depesha.queue.sqlite_lane import SqliteTransaction

CHUNK = 500
"""Rows held at once; one with its wire bytes may have a megabyte."""
COUNTED = frozenset({"tallies", "outbound_tallies", "entry_tallies", "pulses", "peers"})
"""Where several gateways count, each has rows of its own (`slot`): what is moved is their sum."""
_FIRST = ("messages", "outbound", "accounts")
"""Others refer to these."""
_WORDS = "words"
_TABLES = """SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%'
  ESCAPE '\\' AND name NOT LIKE 'words\\_%' ESCAPE '\\' AND name <> 'migrations' ORDER BY name"""
_COLUMNS = "SELECT name, pk FROM pragma_table_info(?) ORDER BY cid"
_WHOLE = 2**256


class Reader(Protocol):
    """The part of a transaction that only looks. Statements are written for SQLite."""

    def one(self, statement: str, *values: Value) -> Row | None:
        """Return the first row, or None."""

    def all(self, statement: str, *values: Value) -> list[Row]:
        """Return all rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table, by the names it has in SQLite."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def counted(self) -> bool:
        """Whether PostgreSQL has a row for each slot."""
        return self.name in COUNTED

    @property
    def summed(self) -> tuple[str, ...]:
        """The columns that are not the key, where it is counted: added up, or the latest."""
        return tuple(column for column in self.columns if column not in self.key)


@dataclass(frozen=True, slots=True)
class Tally:
    """So many rows, and a digest of them all, in whatever order they come."""

    rows: int = 0
    digest: int = 0

    def with_(self, rows: Iterable[Row]) -> Tally:
        """Return it with more rows."""
        count, digest = self.rows, self.digest
        for row in rows:
            count += 1
            digest += int.from_bytes(hashlib.sha256(repr(row).encode()).digest())
        return Tally(count, digest % _WHOLE)


def tables_of(sqlite: SqliteTransaction) -> tuple[Table, ...]:
    """Return every table of a store, those that others refer to first."""
    names = [row[0] for row in sqlite.all(_TABLES)]
    ordered = [*_FIRST, *(name for name in names if name not in _FIRST)]
    return tuple(_table(sqlite, name) for name in ordered)


def _table(sqlite: SqliteTransaction, name: str) -> Table:
    if name == _WORDS:
        return Table(name=name, columns=("rowid", "terms"), key=("rowid",))
    rows = sqlite.all(_COLUMNS, name)
    key = sorted((pk, column) for column, pk in rows if pk)
    return Table(
        name=name, columns=tuple(row[0] for row in rows), key=tuple(column for _, column in key)
    )


def place_of(column: str) -> str:
    """Return what PostgreSQL calls a column: it has no row ids of its own."""
    return "place" if column == "rowid" else column


def rows_of(reader: Reader, table: Table, *, postgres: bool) -> Iterator[list[Row]]:
    """Read all rows in pieces, in the order of the key."""
    first, following = _questions(table, postgres=postgres)
    places = [table.columns.index(column) for column in table.key]
    rows = reader.all(first, CHUNK)
    while rows:
        yield rows
        last = rows[-1]
        rows = reader.all(following, *(last[place] for place in places), CHUNK)


def _questions(table: Table, *, postgres: bool) -> tuple[str, str]:
    named = place_of if postgres else str
    key = ", ".join(named(column) for column in table.key)
    after = f"WHERE ({key}) > ({', '.join('?' * len(table.key))})"
    if postgres and table.counted:
        sums = [_sum(column) for column in table.summed]
        columns = ", ".join(c if c in table.key else sums.pop(0) for c in table.columns)
        end = f"GROUP BY {key} ORDER BY {key} LIMIT ?"
    else:
        columns = ", ".join(named(column) for column in table.columns)
        end = f"ORDER BY {key} LIMIT ?"
    read = f"SELECT {columns} FROM {table.name}"  # noqa: S608 -- names of the schema's own
    return f"{read} {end}", f"{read} {after} {end}"


def _sum(column: str) -> str:
    return f"sum({column})::bigint" if column == "count" else f"max({column})"
