"""Moves the whole memory from SQLite to PostgreSQL, or back: every row, number, digest and seal.

The target becomes a store only when it was read back and found to be the same: each table by its
rows' digests, the chain of evidence row by row, every seal, every file by its digest. Whatever
dies before leaves the target empty, and the move can be made again. The origin is brought to this
version as a gateway's start would do it, and in the end marked, so that no gateway uses it beside
the other: two stores with the same work would send it twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

import apsw

from depesha.errors import ConfigurationError, StorageError
from depesha.queue import moving_postgres, moving_sqlite
from depesha.queue import statements as sql
from depesha.queue.lane import Row
from depesha.queue.migrate import migrate
from depesha.queue.moving_files import Files, move_files
from depesha.queue.moving_rows import CHUNK, Reader, Table, Tally, rows_of, tables_of
from depesha.queue.rows import record_of, seal_of
from depesha.queue.sqlite_lane import SqliteTransaction
from depesha.schemas.proof import ChainReader

Progress = Callable[[str, int, int], None]
"""What is being done, how much of it is done, and how much there is; 0: not known."""


class Side(Protocol):
    """One of the two stores."""

    @property
    def postgres(self) -> bool:
        """Whether counts stand there in several rows."""

    @property
    def reader(self) -> Reader:
        """Reads what is there, or what was written."""


class Origin(Side, Protocol):
    """What a store is moved from; held while it is open, so that no gateway can use it."""

    def numbered(self) -> dict[str, int]:
        """Return the last number that was given in each table that numbers its rows."""

    def leave(self) -> None:
        """Let no gateway use it any more."""


class Target(Side, Protocol):
    """What a store is moved to; nothing of it stands unless it is kept."""

    def write(self, table: Table, rows: list[Row]) -> None:
        """Add rows."""

    def settle(self, numbered: dict[str, int]) -> None:
        """Have everything as a store has it."""

    def keep(self) -> None:
        """Make it a store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What was moved, and found the same at the target."""

    tables: dict[str, int]
    evidence: int
    seals: int
    files: Files = field(default_factory=Files)


def migrate_store(
    origin: str,
    target: str,
    now: datetime,
    progress: Progress,
    *,
    files: Path | None = None,
    careless: bool = False,
    rows_alone: bool = False,
) -> Moved:
    """Move the store; one of the two is a folder, the other a PostgreSQL url. Blocking, long.

    `files`: where the files beside the PostgreSQL database lie; by default in the folder, too.
    `careless`, for trials alone: also a server that may lose what it said it stored. `rows_alone`:
    leave the files where and how they are; a restore has looked at them.
    Raises `ConfigurationError` where a gateway holds either store or the target is not empty,
    `StorageError` and `EvidenceError` where the origin is damaged or the target is not the same:
    nothing was moved.
    """
    if moving_postgres.is_url(origin) == moving_postgres.is_url(target):
        raise ConfigurationError(
            "one of the two is a folder, the other the address of a PostgreSQL database",
            remedy="write the address as postgresql://user@host/database",
        )
    tables = store_tables(now)
    if moving_postgres.is_url(target):
        folder = Path(origin)
        places = (folder, files or folder)
        with (
            moving_sqlite.sqlite_origin(folder, now) as old,
            moving_postgres.postgres_target(target, now, tables, careless=careless) as made,
        ):
            return _Move(old, made, tables, progress).run(None if rows_alone else places)
    folder = Path(target)
    places = (files or folder, folder)
    with (
        moving_postgres.postgres_origin(origin, now, tables, careless=careless) as base,
        moving_sqlite.sqlite_target(folder, now) as fresh,
    ):
        return _Move(base, fresh, tables, progress).run(None if rows_alone else places)


def release(store: str) -> None:
    """Let gateways use a store again that was moved away; its target must not be used then."""
    if moving_postgres.is_url(store):
        moving_postgres.release(store)
        return
    with moving_sqlite.folder_opened(Path(store)) as connection:
        moving_sqlite.release(SqliteTransaction(connection))


def store_tables(now: datetime) -> tuple[Table, ...]:
    """Return the tables of a store of this version."""
    connection = apsw.Connection(":memory:")
    transaction = SqliteTransaction(connection)
    migrate(transaction, now)
    tables = tables_of(transaction)
    connection.close()
    return tables


class _Move:
    """One move, with both sides open."""

    def __init__(
        self, origin: Origin, target: Target, tables: tuple[Table, ...], progress: Progress
    ) -> None:
        self._origin = origin
        self._target = target
        self._tables = tables
        self._progress = progress

    def run(self, places: tuple[Path, Path] | None) -> Moved:
        """Copy, settle, look at everything again, and only then have it kept.

        `places`: where the files lie, and where they shall. Between the last two steps neither is
        a store that a gateway would use; never both.
        """
        written = {table.name: self._copy(table) for table in self._tables}
        self._progress("indexes", 0, 0)
        self._target.settle(self._origin.numbered())
        for table in self._tables:
            self._compare(table, written[table.name])
        evidence, seals = verify_chain(self._target.reader, self._progress)
        found = Files()
        if places is not None:
            found = move_files(self._target.reader, *places, self._progress)
        self._origin.leave()
        self._target.keep()
        return Moved(
            tables={name: tally.rows for name, tally in written.items()},
            evidence=evidence,
            seals=seals,
            files=found,
        )

    def _copy(self, table: Table) -> Tally:
        tally = Tally()
        for rows in rows_of(self._origin.reader, table, postgres=self._origin.postgres):
            self._target.write(table, rows)
            tally = tally.with_(rows)
            self._progress(table.name, tally.rows, 0)
        return tally

    def _compare(self, table: Table, written: Tally) -> None:
        """Read a table back; raise `StorageError` where it is not the same."""
        tally = Tally()
        for rows in rows_of(self._target.reader, table, postgres=self._target.postgres):
            tally = tally.with_(rows)
            self._progress(f"{table.name}, again", tally.rows, written.rows)
        if tally != written:
            raise StorageError(
                f"the table {table.name} is not the same at the target; nothing was moved",
                rows=written.rows,
                found=tally.rows,
            )


def verify_chain(reader: Reader, progress: Progress) -> tuple[int, int]:
    """Verify the whole chain of evidence and all seals; return how many rows and seals hold.

    By the keys that the seals name: the rows were compared with the origin's, so whoever believed
    it may believe these. Raises `EvidenceError`.
    """
    keys: set[str] = set()
    chain, number = ChainReader(keys), 0
    while rows := reader.all(sql.SEALS_AFTER, number, CHUNK):
        for row in rows:
            seal = seal_of(row)
            if seal is None:
                continue
            keys.add(seal.key)
            _read_to(reader, chain, seal.last)
            chain.seal(seal)
            number = seal.number
            progress("evidence", chain.sequence, 0)
    _read_to(reader, chain, None)
    chain.end()
    progress("evidence", chain.sequence, chain.sequence)
    return chain.sequence, number


def _read_to(reader: Reader, chain: ChainReader, last: int | None) -> None:
    while last is None or chain.sequence < last:
        limit = CHUNK if last is None else min(CHUNK, last - chain.sequence)
        rows = reader.all(sql.WIRED_AFTER, chain.sequence, limit)
        if not rows:
            return
        chain.rows([(record_of(row), row[5] or b"") for row in rows])
