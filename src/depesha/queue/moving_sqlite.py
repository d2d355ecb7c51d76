"""SQLite as what a store is moved from, and as what it is moved to.

A new database is made beside its name and gets it only when all was verified: whatever dies before
leaves a file that nobody believes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import apsw

from depesha.errors import ConfigurationError
from depesha.queue.blobs import disk, sync_file, sync_folder
from depesha.queue.db import FILE_NAME, hold
from depesha.queue.lane import Row
from depesha.queue.migrate import MOVED, migrate
from depesha.queue.moving_rows import Table
from depesha.queue.sqlite_lane import SqliteTransaction, storage_error

UNFINISHED = FILE_NAME + ".moving"
_LEAVE = "INSERT OR IGNORE INTO migrations VALUES (?, 'moved', '', ?)"
_NUMBERED = "SELECT name, seq FROM sqlite_sequence"
_COUNTING_ON = """SELECT name FROM sqlite_schema
  WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'"""
_TRIGGERS = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name"
_QUICK = ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -200000")


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep every gateway out of a folder; raise `ConfigurationError` where one is in it."""
    lock = hold(folder)
    try:
        yield
    except apsw.Error as error:
        raise storage_error(error) from None
    finally:
        os.close(lock)


class SqliteOrigin:
    """The store of a folder, held, and read in one snapshot."""

    def __init__(self, connection: apsw.Connection, now: datetime) -> None:
        """Bring it to this version; where an earlier move left its mark, that stays."""
        self.postgres = False
        self._connection = connection
        self._now = now
        self.reader = SqliteTransaction(connection)
        self.reader.run("PRAGMA synchronous = FULL")
        migrate(self.reader, now, moved=True)
        self.reader.run("BEGIN")

    def numbered(self) -> dict[str, int]:
        """Return the last number that was given in each table whose numbers never come again."""
        return dict(self.reader.all(_NUMBERED))

    def leave(self) -> None:
        """Let no gateway use it any more."""
        self.reader.run("COMMIT")
        self.reader.run(_LEAVE, MOVED, self._now.isoformat())


def release(transaction: SqliteTransaction) -> None:
    """Let gateways use a store again that was moved away."""
    if transaction.one("SELECT 1 FROM sqlite_schema WHERE name = 'migrations'") is not None:
        transaction.run("DELETE FROM migrations WHERE number = ?", MOVED)


@contextmanager
def folder_opened(folder: Path) -> Iterator[apsw.Connection]:
    """Hold and open the store of a folder."""
    if not (folder / FILE_NAME).is_file():
        raise ConfigurationError("the folder holds no store", remedy="name the folder of [store]")
    with held(folder):
        connection = apsw.Connection(str(folder / FILE_NAME), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def sqlite_origin(folder: Path, now: datetime) -> Iterator[SqliteOrigin]:
    """Hold and read the store of a folder."""
    with folder_opened(folder) as connection:
        yield SqliteOrigin(connection, now)


class SqliteTarget:
    """A new database that is being filled."""

    def __init__(self, folder: Path, connection: apsw.Connection) -> None:
        """Fill `connection`, which is already of this version and empty."""
        self.postgres = False
        self._folder = folder
        self._connection = connection
        self.reader = SqliteTransaction(connection)
        self._triggers = self.reader.all(_TRIGGERS)
        self.reader.run("BEGIN")
        for name, _sql in self._triggers:
            self.reader.run(f"DROP TRIGGER {name}")

    def write(self, table: Table, rows: list[Row]) -> None:
        """Add rows."""
        columns, places = ", ".join(table.columns), ", ".join("?" * len(table.columns))
        self._connection.executemany(
            f"INSERT INTO {table.name} ({columns}) VALUES ({places})",  # noqa: S608 -- the schema's names
            rows,
        )

    def settle(self, numbered: dict[str, int]) -> None:
        """Have everything as a store has it; `numbered`: the last number given in each table."""
        for (name,) in self.reader.all(_COUNTING_ON):
            if last := numbered.get(name, 0):
                self.reader.run("DELETE FROM sqlite_sequence WHERE name = ?", name)
                self.reader.run("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", name, last)
        for _name, text in self._triggers:
            self.reader.run(text)

    def keep(self) -> None:
        """Make it the folder's store."""
        self.reader.run("COMMIT")
        self._connection.close()
        made = self._folder / UNFINISHED
        with disk():
            sync_file(made)
            made.replace(self._folder / FILE_NAME)
            sync_folder(self._folder)


@contextmanager
def sqlite_target(folder: Path, now: datetime) -> Iterator[SqliteTarget]:
    """Make a database in a folder that has none; raise `ConfigurationError` where it has one."""
    with held(folder):
        if any((folder / f"{FILE_NAME}{end}").exists() for end in ("", "-wal", "-journal")):
            raise ConfigurationError("the folder holds a store already", remedy="name an empty one")
        made = folder / UNFINISHED
        with disk():
            made.unlink(missing_ok=True)  # of a move that died
            os.close(os.open(made, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        connection = apsw.Connection(str(made), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            for setting in _QUICK:
                connection.execute(setting).fetchall()
            migrate(SqliteTransaction(connection), now)
            yield SqliteTarget(folder, connection)
        finally:
            connection.close()
            with suppress(FileNotFoundError):
                made.unlink()
