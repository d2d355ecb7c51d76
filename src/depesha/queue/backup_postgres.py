"""Copies a PostgreSQL store into a SQLite database, as of one moment, beside running gateways.

So a back-up is the same whatever database it is of: it is verified without a server, and holds
nothing that depends on a server's version. One transaction that only reads keeps one snapshot; no
gateway waits for it. Never writes into the store.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import apsw
import psycopg

from depesha.queue.blobs import disk
from depesha.queue.migrate import migrate
from depesha.queue.migrate_store import Progress, store_tables
from depesha.queue.moving_postgres import PostgresOrigin, make_patient
from depesha.queue.moving_rows import rows_of
from depesha.queue.moving_sqlite import SqliteTarget
from depesha.queue.postgres.connecting import Connector, storage_error
from depesha.queue.sqlite_lane import SqliteTransaction
from depesha.queue.sqlite_lane import storage_error as sqlite_error

_SNAPSHOT = b"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"


def copy_postgres(url: str, copy: Path, now: datetime, progress: Progress) -> None:
    """Write the whole store into a new SQLite database; blocking, long.

    The database must be of this version, as it is once a gateway of this version has started.
    Raises `StorageError`, with a file left that nobody believes.
    """
    tables = store_tables(now)
    with disk():
        os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        made = apsw.Connection(str(copy), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            for setting in ("journal_mode = OFF", "synchronous = OFF"):
                made.execute(f"PRAGMA {setting}").fetchall()
            migrate(SqliteTransaction(made), now)
            target = SqliteTarget(copy.parent, made)
            with Connector(url=url, gateway="backup").open("backup") as connection:
                make_patient(connection)
                with connection.transaction():
                    connection.execute(_SNAPSHOT)
                    origin = PostgresOrigin(connection, tables, now)
                    for table in tables:
                        done = 0
                        for rows in rows_of(origin.reader, table, postgres=True):
                            target.write(table, rows)
                            done += len(rows)
                            progress(table.name, done, 0)
                    target.settle(origin.numbered())
            target.reader.run("COMMIT")
        finally:
            made.close()
    except psycopg.Error as error:
        raise storage_error(error) from None
    except apsw.Error as error:
        raise sqlite_error(error) from None
