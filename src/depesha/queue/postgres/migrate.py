"""Numbered SQL files for PostgreSQL, each run once, in order, in a transaction. Never back.

The discipline is that of `queue/migrate.py`; only one gateway migrates at a time, others wait.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg

from depesha.queue.migrate import Migration, compare, shipped

_PACKAGE = "depesha.queue.postgres"
_TABLE = b"""
CREATE TABLE IF NOT EXISTS migrations (
  number BIGINT PRIMARY KEY,
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  applied_at TEXT NOT NULL
)
"""
_LOCK = b"SELECT pg_advisory_xact_lock(714055, 2)"


def migrate(
    connection: psycopg.Connection[Any],
    now: datetime,
    migrations: tuple[Migration, ...] | None = None,
    *,
    moved: bool = False,
) -> int:
    """Bring the schema to the newest version; return how many files were run.

    `moved`: also that of a store that was moved away, whose mark stays; for who moves it again.
    Raises `ConfigurationError` where the database does not fit; the files run before stay.
    """
    wanted = shipped(_PACKAGE) if migrations is None else migrations
    count = 0
    while _step(connection, now, wanted, moved=moved):
        count += 1
    return count


def _step(
    connection: psycopg.Connection[Any],
    now: datetime,
    wanted: tuple[Migration, ...],
    *,
    moved: bool,
) -> bool:
    """Run the first file that is missing, unless another gateway did so while we waited."""
    with connection.transaction():
        connection.execute(b"SET LOCAL lock_timeout = 0")
        connection.execute(b"SET LOCAL statement_timeout = 0")
        connection.execute(_LOCK)
        connection.execute(_TABLE)
        rows = connection.execute(b"SELECT number, digest FROM migrations").fetchall()
        applied: dict[int, str] = dict(rows)
        compare(applied, wanted, moved=moved)
        migration = next((one for one in wanted if one.number not in applied), None)
        if migration is None:
            return False
        connection.execute(migration.sql.encode(), prepare=False)
        connection.execute(
            b"INSERT INTO migrations VALUES ($1, $2, $3, $4)",
            (migration.number, migration.name, migration.digest, now.isoformat()),
        )
        return True
