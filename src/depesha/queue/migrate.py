"""Numbered SQL files, each run once, in order, in a transaction of its own. Never back.

A file that ran must not change: its digest is kept and compared. A database that knows a
migration this version does not is refused, for a newer version wrote it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from importlib import resources

from depesha.errors import ConfigurationError
from depesha.queue.sqlite_lane import SqliteTransaction

MOVED = 999_999
"""Stands among the migrations of a store that was moved to another database: two stores with the
same work would send it twice."""

_NAME = re.compile(r"(\d{4})(?:_\w+)?\.sql")
_TABLE = """
CREATE TABLE IF NOT EXISTS migrations (
  number INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  applied_at TEXT NOT NULL
) STRICT
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    sql: str

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped(package: str = "depesha.queue") -> tuple[Migration, ...]:
    """Return this version's migrations in order; those of `package`, which names the database."""
    files = resources.files(package).joinpath("migrations").iterdir()
    found = ((match, file) for file in files if (match := _NAME.fullmatch(file.name)))
    migrations = (
        Migration(number=int(match[1]), name=file.name, sql=file.read_text("utf-8"))
        for match, file in found
    )
    return tuple(sorted(migrations, key=lambda m: m.number))


def migrate(
    transaction: SqliteTransaction,
    now: datetime,
    migrations: tuple[Migration, ...] | None = None,
    *,
    moved: bool = False,
) -> int:
    """Bring the schema to the newest version; return how many files were run.

    `moved`: also that of a store that was moved away, whose mark stays; for who moves it again.
    Raises `ConfigurationError` where the database does not fit; the files run before stay.
    """
    wanted = shipped() if migrations is None else migrations
    transaction.run(_TABLE)
    applied: dict[int, str] = dict(transaction.all("SELECT number, digest FROM migrations"))
    compare(applied, wanted, moved=moved)
    missing = [m for m in wanted if m.number not in applied]
    for migration in missing:
        _apply(transaction, migration, now)
    return len(missing)


def compare(applied: dict[int, str], wanted: tuple[Migration, ...], *, moved: bool = False) -> None:
    """Raise `ConfigurationError` where what ran (digest by number) does not fit this version.

    `moved`: the mark of a store that was moved away is no reason.
    """
    if MOVED in applied and not moved:
        raise moved_away()
    if unknown := set(applied) - {m.number for m in wanted} - {MOVED}:
        raise ConfigurationError(
            f"the store was written by a newer version (migration {max(unknown)})",
            remedy="start the newer version, or restore a backup from before it",
        )
    for migration in wanted:
        if applied.get(migration.number, migration.digest) != migration.digest:
            raise ConfigurationError(
                f"migration {migration.name} was changed after it ran",
                remedy="install the version that made this store",
            )


def moved_away() -> ConfigurationError:
    """Return what a gateway hears of a store that was moved to another database."""
    return ConfigurationError(
        "the store was moved to another database",
        remedy="use that one, or run depesha migrate-store again",
    )


def _apply(transaction: SqliteTransaction, migration: Migration, now: datetime) -> None:
    transaction.run("BEGIN IMMEDIATE")
    try:
        transaction.run(migration.sql)
        transaction.run(
            "INSERT INTO migrations VALUES (?, ?, ?, ?)",
            migration.number,
            migration.name,
            migration.digest,
            now.isoformat(),
        )
        transaction.run("COMMIT")
    except BaseException:
        if transaction.open:
            transaction.forget("ROLLBACK")
        raise
