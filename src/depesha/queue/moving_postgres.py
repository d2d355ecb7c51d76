"""PostgreSQL as what a store is moved from, and as what it is moved to.

Everything happens in one transaction, with the tables of the gateways locked: none can write
meanwhile, and whatever dies before the commit leaves an empty database. Where it is the origin,
the same commit leaves the mark and ends all gateways: whoever waited for the locks meets both.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg

from depesha.errors import ConfigurationError
from depesha.queue.lane import Row, Value
from depesha.queue.migrate import MOVED
from depesha.queue.moving_rows import Table, place_of
from depesha.queue.postgres.connecting import Connector, storage_error
from depesha.queue.postgres.dialect import translate
from depesha.queue.postgres.gateways import DEATH_SECONDS
from depesha.queue.postgres.migrate import migrate
from depesha.queue.postgres.server import check_server

_PATIENT = """SELECT set_config('statement_timeout', '0', false),
  set_config('idle_in_transaction_session_timeout', '0', false),
  set_config('plan_cache_mode', 'auto', false), set_config('enable_seqscan', 'on', false)"""
"""Here the whole is read, and the catalogue."""
_CLOSED = "LOCK TABLE gateways, lanes IN SHARE ROW EXCLUSIVE MODE"
"""Joining needs the one, every commit of a gateway the other."""
_LIVING = """SELECT name FROM gateways WHERE ended_at IS NULL
  AND heard_at > clock_timestamp() - make_interval(secs => $1)"""
_OWN_COLUMNS = frozenset({"slot", "holder"})
"""What only PostgreSQL has: who counts, and who has a task in hand."""
_COLUMNS = """SELECT column_name, data_type, is_identity = 'YES' FROM information_schema.columns
  WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position"""
_SEQUENCE = "SELECT pg_get_serial_sequence(?, ?)"
_LEAVE = "INSERT INTO migrations VALUES ($1, 'moved', '', $2) ON CONFLICT DO NOTHING"
_END = "UPDATE gateways SET ended_at = clock_timestamp() WHERE ended_at IS NULL"
_TYPES = {"bigint": "int8", "text": "text", "bytea": "bytea"}
_DEAR = """SELECT indexname, indexdef FROM pg_indexes
  WHERE schemaname = current_schema() AND indexdef LIKE '%USING gin%'"""
"""Quicker made in the end than kept in step."""


def is_url(text: str) -> bool:
    """Tell whether this is the address of a PostgreSQL database, not a folder."""
    return text.startswith(("postgresql://", "postgres://"))


@contextmanager
def _opened(
    url: str, now: datetime, *, careless: bool, moved: bool
) -> Iterator[psycopg.Connection[Any]]:
    """Hold a database of this version with every gateway kept out of it.

    `moved`: also one that was moved away, whose mark stays.
    """
    try:
        connection = Connector(url=url, gateway="migrate-store").open("moving")
        with connection:
            check_server(connection, careless=careless)
            make_patient(connection)
            migrate(connection, now, moved=moved)
            connection.execute(b"BEGIN ISOLATION LEVEL REPEATABLE READ")
            connection.execute(_CLOSED.encode())
            living = connection.execute(_LIVING.encode(), (round(DEATH_SECONDS),)).fetchone()
            if living is not None:
                raise ConfigurationError(
                    "a gateway holds the database",
                    remedy="stop all gateways, and wait half a minute where one died",
                )
            yield connection
    except psycopg.Error as error:
        raise storage_error(error) from None


def make_patient(connection: psycopg.Connection[Any]) -> None:
    """Let one transaction last for hours, and read tables as a whole."""
    connection.execute(_PATIENT.encode())


class PostgresReader:
    """`Reader` on a connection whose transaction is somebody else's."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Read what the transaction sees."""
        self._cursor = connection.cursor(binary=True)

    def one(self, statement: str, *values: Value) -> Row | None:
        """See `Reader.one`."""
        return self._cursor.execute(translate(statement).encode(), values).fetchone()

    def all(self, statement: str, *values: Value) -> list[Row]:
        """See `Reader.all`."""
        return self._cursor.execute(translate(statement).encode(), values).fetchall()


class PostgresOrigin:
    """The store of a database, held, and read in one snapshot."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        tables: tuple[Table, ...],
        now: datetime,
    ) -> None:
        """Read these tables."""
        self.postgres = True
        self._connection = connection
        self._tables = tables
        self._now = now
        self.reader = PostgresReader(connection)

    def numbered(self) -> dict[str, int]:
        """Return the last number that was given in each table that numbers its rows."""
        given: dict[str, int] = {}
        for table in self._tables:
            for column, _kind, numbered in self.reader.all(_COLUMNS, table.name):
                if numbered:
                    (sequence,) = self.reader.one(_SEQUENCE, table.name, column) or ("",)
                    last = self.reader.one(f"SELECT last_value, is_called FROM {sequence}")  # noqa: S608 -- the schema's
                    given[table.name] = last[0] if last is not None and last[1] else 0
        return given

    def leave(self) -> None:
        """Let no gateway use it any more, from now on; ends the transaction.

        Those that were silent are ended, so that none of them leads any more.
        """
        self._connection.execute(_LEAVE.encode(), (MOVED, self._now.isoformat()))
        self._connection.execute(_END.encode())
        self._connection.commit()


def release(url: str) -> None:
    """Let gateways use a store again that was moved away."""
    try:
        with Connector(url=url, gateway="migrate-store").open("release") as connection:
            there = connection.execute(b"SELECT to_regclass('migrations') IS NOT NULL").fetchone()
            if there is not None and there[0]:
                connection.execute(b"DELETE FROM migrations WHERE number = $1", (MOVED,))
    except psycopg.Error as error:
        raise storage_error(error) from None


def check_empty(url: str) -> None:
    """Raise `ConfigurationError` where a database holds evidence, which every store does."""
    try:
        with Connector(url=url, gateway="restore").open("look") as connection:
            there = connection.execute(b"SELECT to_regclass('evidence') IS NOT NULL").fetchone()
            if there is None or not there[0]:
                return
            row = connection.execute(b"SELECT 1 FROM evidence LIMIT 1").fetchone()
    except psycopg.Error as error:
        raise storage_error(error) from None
    if row is not None:
        raise ConfigurationError(
            "the database holds a store already", remedy="name an empty database"
        )


@contextmanager
def postgres_origin(
    url: str, now: datetime, tables: tuple[Table, ...], *, careless: bool = False
) -> Iterator[PostgresOrigin]:
    """Hold and read the store of a database; where an earlier move left its mark, that stays."""
    with _opened(url, now, careless=careless, moved=True) as connection:
        yield PostgresOrigin(connection, tables, now)


class PostgresTarget:
    """An empty database that is being filled."""

    def __init__(self, connection: psycopg.Connection[Any], tables: tuple[Table, ...]) -> None:
        """Fill these tables; raise `ConfigurationError` where one of them holds anything."""
        self.postgres = True
        self._connection = connection
        self.reader = PostgresReader(connection)
        self._types = {table.name: self._look_at(table) for table in tables}
        self._tables = tables
        self._indexes = connection.execute(_DEAR.encode()).fetchall()
        for name, _definition in self._indexes:
            self._do(f"DROP INDEX {name}")

    def _do(self, statement: str) -> None:
        self._connection.execute(statement.encode(), prepare=False)

    def _look_at(self, table: Table) -> list[str]:
        """Return the types of the columns to be written; no trigger is to count twice."""
        rows = self._connection.execute(_COLUMNS.encode(), (table.name,)).fetchall()
        types = {name: _TYPES[kind] for name, kind, _numbered in rows}
        wanted = [place_of(column) for column in table.columns]
        if set(types) - _OWN_COLUMNS != set(wanted) - _OWN_COLUMNS:
            raise ConfigurationError(f"the table {table.name} differs between the two databases")
        self._do(f"ALTER TABLE {table.name} DISABLE TRIGGER USER")
        if self.reader.one(f"SELECT 1 FROM {table.name} LIMIT 1") is not None:  # noqa: S608 -- the schema's
            raise ConfigurationError(
                "the database holds a store already", remedy="name an empty database"
            )
        return [types[column] for column in wanted] + (["int8"] if table.counted else [])

    def write(self, table: Table, rows: list[Row]) -> None:
        """Add rows; what was counted by nobody in particular stands in slot 0."""
        columns = [place_of(column) for column in table.columns]
        columns += ["slot"] if table.counted else []
        into = f"COPY {table.name} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
        with self._connection.cursor().copy(into.encode()) as copy:
            copy.set_types(self._types[table.name])
            for row in rows:
                copy.write_row((*row, 0) if table.counted else row)

    def settle(self, numbered: dict[str, int]) -> None:
        """Have everything as a store has it; `numbered`: the last number given in each table."""
        for table in self._tables:
            self._do(f"ALTER TABLE {table.name} ENABLE TRIGGER USER")
            for column, _kind, is_numbered in self._connection.execute(
                _COLUMNS.encode(), (table.name,)
            ).fetchall():
                if is_numbered:
                    self._number(table.name, column, numbered.get(table.name, 0))
        for _name, definition in self._indexes:
            self._do(definition)

    def _number(self, table: str, column: str, given: int) -> None:
        """Go on numbering where the other database had come to."""
        self._connection.execute(
            f"""SELECT setval(pg_get_serial_sequence('{table}', '{column}'), last)
              FROM (SELECT greatest(max({column}), $1) AS last FROM {table}) AS found
              WHERE last > 0""".encode(),  # noqa: S608 -- the schema's own names
            (given,),
        )

    def keep(self) -> None:
        """Have the whole committed at the end."""
        for table in self._tables:
            self._do(f"ANALYZE {table.name}")


@contextmanager
def postgres_target(
    url: str, now: datetime, tables: tuple[Table, ...], *, careless: bool = False
) -> Iterator[PostgresTarget]:
    """Fill an empty database; what raises inside undoes everything."""
    with _opened(url, now, careless=careless, moved=False) as connection:
        yield PostgresTarget(connection, tables)
