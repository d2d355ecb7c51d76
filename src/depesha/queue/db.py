"""The only door to SQLite: one connection that writes, two that read, a thread for each.

One of the readers serves the traffic, the other people who look, so that their long looks keep
no message waiting.

Through apsw, not the standard library: apsw brings its own current SQLite (3.54), which is past
the WAL-reset fault that can corrupt files in 3.7.0 to 3.51.2 (design section 6); Debian 12's own
is within that range. One connection does all writing and checkpointing all the same.
The folder belongs to one process: a file lock keeps a second one out.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import apsw

from depesha.errors import ConfigurationError, StorageError
from depesha.queue.blobs import disk
from depesha.queue.lane import Watch
from depesha.queue.lanes import Lanes
from depesha.queue.migrate import migrate
from depesha.queue.sqlite_lane import SqliteLane, SqliteTransaction, storage_error
from depesha.queue.statements import EMPTY_LOG

FILE_NAME = "depesha.db"
LOCK_NAME = "lock"
_FIRST_SAFE = (3, 51, 3)
_CHECKPOINT_PAGES = 4000
"""16 MiB of log before it is copied home: fewer, larger copies under load."""
_CACHE_KIB = 16 * 1024
_LOG_BYTES = 64 * 1024 * 1024
"""The log is cut back to this after a burst."""

_WRITING = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA recursive_triggers = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA secure_delete = ON",
    f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}",
    f"PRAGMA journal_size_limit = {_LOG_BYTES}",
    f"PRAGMA cache_size = -{_CACHE_KIB}",
    # Else each group that is to be undone in part copies rows to a file outside of the store.
    "PRAGMA temp_store = MEMORY",
)
_READING = (
    "PRAGMA query_only = ON",
    "PRAGMA trusted_schema = OFF",
    f"PRAGMA cache_size = -{_CACHE_KIB}",
)


def _silent(_error: StorageError) -> None:
    """Tell nobody."""


class SqliteDatabase(Lanes[SqliteLane]):
    """`Database` on SQLite. Every method may be called from the event loop that opened it."""

    def __init__(
        self, lock: int, writer: SqliteLane, reader: SqliteLane, viewer: SqliteLane
    ) -> None:
        """Take what `open` made."""
        super().__init__(writer=writer, reader=reader, viewer=viewer)
        self._lock = lock

    @classmethod
    async def open(
        cls,
        folder: Path,
        now: datetime,
        trouble: Callable[[StorageError], None] = _silent,
        watch: Watch | None = None,
    ) -> SqliteDatabase:
        """Open the folder's database, migrated to this version.

        `trouble` is told, in a thread of ours, of every failure of SQLite, `watch` of commits.
        Raises `ConfigurationError` where another process holds the folder or a newer version
        wrote it, `StorageError` where it cannot be read; nothing is left behind then.
        """
        lock, connections = await asyncio.to_thread(_open, folder, now)
        writer = SqliteLane(
            connections[0], name="store-writer", writing=True, trouble=trouble, watch=watch
        )
        reader = SqliteLane(connections[1], name="store-reader", writing=False, trouble=trouble)
        viewer = SqliteLane(connections[2], name="store-viewer", writing=False, trouble=trouble)
        return cls(lock, writer, reader, viewer)

    async def scour(self) -> None:
        """See `Database.scour`: freed pages are overwritten anyway, so only the log is left."""
        await self.write(lambda transaction: transaction.later(EMPTY_LOG))

    async def close(self) -> None:
        """Serve who is waiting, then close. Closing twice is safe."""
        await self._close_lanes()
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)


def _open(folder: Path, now: datetime) -> tuple[int, tuple[apsw.Connection, ...]]:
    """Return the lock, and the connections: writer, reader, viewer."""
    version = apsw.sqlite_lib_version()
    if tuple(map(int, version.split(".")[:3])) < _FIRST_SAFE:
        raise ConfigurationError(f"SQLite {version} can corrupt its log", remedy="update apsw")
    lock = hold(folder)
    try:
        with disk():  # ours alone, whatever the folder's own permissions; log and index follow it
            os.close(os.open(folder / FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        writer = _connect(folder, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE, _WRITING)
        migrate(SqliteTransaction(writer), now)
        reader, viewer = (_connect(folder, apsw.SQLITE_OPEN_READONLY, _READING) for _ in range(2))
    except apsw.Error as error:
        os.close(lock)
        raise storage_error(error) from None
    except BaseException:
        os.close(lock)
        raise
    return lock, (writer, reader, viewer)


def hold(folder: Path) -> int:
    """Hold the folder for this process; raise `ConfigurationError` where another holds it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigurationError(
            "the data folder cannot be used", remedy="check its path and permissions"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise ConfigurationError(
            "the data folder is in use by another process",
            remedy="stop the other gateway; several machines need the PostgreSQL store",
        ) from None
    return lock


def _connect(folder: Path, flags: int, settings: tuple[str, ...]) -> apsw.Connection:
    connection = apsw.Connection(str(folder / FILE_NAME), flags=flags | apsw.SQLITE_OPEN_NOMUTEX)
    connection.set_busy_timeout(5000)
    for setting in settings:
        connection.execute(setting).fetchall()
    return connection
