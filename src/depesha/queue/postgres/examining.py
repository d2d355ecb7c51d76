"""Asks a PostgreSQL store how it stands, for the doctor: facts alone, no judgement.

Only looks: in a transaction that cannot write. No address, no password and no text of an error
leaves this module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import psycopg

from depesha.queue.migrate import shipped
from depesha.queue.postgres.connecting import Connector, each_host, storage_error

PACKAGE = "depesha.queue.postgres"
SETTINGS = (
    "server_encoding",
    "fsync",
    "full_page_writes",
    "synchronous_commit",
    "synchronous_standby_names",
    "max_connections",
    "superuser_reserved_connections",
)
_TIMELINE = b"SELECT ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int"
_ROLE = b"""SELECT current_user::text, rolsuper, rolconnlimit,
    (SELECT datconnlimit FROM pg_database WHERE datname = current_database()),
    has_schema_privilege(current_schema(), 'CREATE'), pg_has_role('pg_read_all_stats', 'USAGE')
  FROM pg_roles WHERE rolname = current_user"""
_FOREIGN = b"""SELECT count(*) FROM pg_class
  WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
    AND NOT pg_has_role(relowner, 'USAGE')"""
_USED = b"""SELECT count(*), count(*) FILTER (WHERE usename = current_user),
    count(*) FILTER (WHERE datname = current_database()),
    count(*) FILTER (WHERE wait_event = 'SyncRep' AND datname = current_database())
  FROM pg_stat_activity WHERE backend_type = 'client backend'"""
_STANDBYS = b"SELECT count(*), count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')) "
_STANDBYS += b"FROM pg_stat_replication"
_MADE = b"""SELECT count(has_table_privilege(to_regclass(name), 'SELECT') OR NULL) = 3
  FROM unnest(ARRAY['migrations', 'gateways', 'tasks']) AS name"""
_MIGRATED = b"SELECT number FROM migrations"
_GATEWAYS = b"""SELECT g.number, g.name, g.ended_at IS NOT NULL,
    extract(epoch FROM clock_timestamp() - g.heard_at)::float,
    extract(epoch FROM clock_timestamp() - g.started_at)::float,
    (SELECT count(*) FROM tasks t WHERE t.holder = g.number AND t.lease IS NOT NULL
      AND t.parked_at IS NULL)
  FROM gateways g ORDER BY g.number"""


class Role(StrEnum):
    """What a server that the address names is now."""

    PRIMARY = "primary"
    STANDBY = "standby"
    SILENT = "silent"
    REFUSING = "refusing"
    """It answers, and lets us not in: password, rights, TLS, no such database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One server of the address."""

    name: str
    role: Role
    version: int = 0
    timeline: int = 0
    state: str = ""
    """SQLSTATE of a refusal, where there was one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A gateway as the database knows it; times in seconds by the server's clock."""

    number: int
    name: str
    ended: bool
    silent: float
    age: float
    in_hand: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """How the primary stands."""

    settings: dict[str, str]
    user: str
    superuser: bool
    user_limit: int
    """Connections the user may have; -1: no limit. So for the database."""
    database_limit: int
    may_create: bool
    sees_standbys: bool
    foreign_tables: int
    """Tables of the schema that belong to others: they can be neither changed nor vacuumed."""
    used: int
    used_by_user: int
    used_in_database: int
    waiting: int
    """Sessions whose commit waits for a standby right now."""
    standbys: int
    synchronous: int
    applied: frozenset[int]
    """Numbers of the migrations; empty where no gateway has been yet, or we may not read."""
    shipped: frozenset[int]
    ahead: float
    """Seconds by which the server's clock is ahead of ours."""
    unsure: float
    """Seconds the question took: so uncertain is `ahead`."""
    gateways: tuple[Worker, ...]


def hosts(connector: Connector) -> tuple[Host, ...]:
    """Ask each server of the address what it is; raises `ConfigurationError`. Blocks."""
    given = connector.given()
    return tuple(_host(connector, one) for one in (tuple(each_host(given)) or (given,)))


def _host(connector: Connector, address: dict[str, Any]) -> Host:
    name = str(address.get("host") or address.get("hostaddr") or "local")
    if address.get("port"):
        name += f":{address['port']}"
    try:
        with connector.open_one(address, "doctor") as connection:
            version = connection.info.server_version
            if connection.info.parameter_status("in_hot_standby") == "on":
                return Host(name=name, role=Role.STANDBY, version=version)
            row = connection.execute(_TIMELINE).fetchone()
            timeline = 0 if row is None else int(row[0])
            return Host(name=name, role=Role.PRIMARY, version=version, timeline=timeline)
    except psycopg.OperationalError as error:
        # Who is refused before he is let in is told so in words alone, without a SQLSTATE.
        refused = "FATAL" in str(error)
        return Host(
            name=name, role=Role.REFUSING if refused else Role.SILENT, state=error.sqlstate or ""
        )


def facts(connector: Connector, now: Callable[[], datetime]) -> Facts:
    """Ask the primary; raises `StorageError`, `ConfigurationError`. Blocks."""
    try:
        return _facts(connector, now)
    except psycopg.Error as error:
        raise storage_error(error) from None


def _facts(connector: Connector, now: Callable[[], datetime]) -> Facts:
    with connector.open("doctor") as connection:
        ahead, unsure = _clock(connection, now)
        connection.execute(b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        user, superuser, user_limit, database_limit, create, sees = _row(connection, _ROLE)
        used, by_user, in_database, waiting = _row(connection, _USED)
        standbys, synchronous = _row(connection, _STANDBYS)
        made = _row(connection, _MADE)[0]
        applied = connection.execute(_MIGRATED).fetchall() if made else []
        workers = connection.execute(_GATEWAYS).fetchall() if made else []
        return Facts(
            settings={name: _setting(connection, name) for name in SETTINGS},
            user=user,
            superuser=superuser,
            user_limit=user_limit,
            database_limit=database_limit,
            may_create=create,
            sees_standbys=sees,
            foreign_tables=_row(connection, _FOREIGN)[0],
            used=used,
            used_by_user=by_user,
            used_in_database=in_database,
            waiting=waiting,
            standbys=standbys,
            synchronous=synchronous,
            applied=frozenset(row[0] for row in applied),
            shipped=frozenset(one.number for one in shipped(PACKAGE)),
            ahead=ahead,
            unsure=unsure,
            gateways=tuple(
                Worker(number=n, name=name, ended=ended, silent=silent, age=age, in_hand=hand)
                for n, name, ended, silent, age, hand in workers
            ),
        )


def _clock(connection: psycopg.Connection[Any], now: Callable[[], datetime]) -> tuple[float, float]:
    """Compare the clocks in the middle of a question and its answer."""
    connection.execute(b"SELECT clock_timestamp()")  # prepared before it is measured
    before = now()
    theirs = _row(connection, b"SELECT clock_timestamp()")[0]
    after = now()
    took = (after - before).total_seconds()
    return (theirs - before).total_seconds() - took / 2, took


def _row(connection: psycopg.Connection[Any], statement: bytes) -> tuple[Any, ...]:
    row = connection.execute(statement).fetchone()
    if row is None:
        raise psycopg.DataError("the server did not answer")
    return tuple(row)


def _setting(connection: psycopg.Connection[Any], name: str) -> str:
    row = connection.execute(b"SELECT current_setting($1, true)", (name,)).fetchone()
    return "" if row is None or row[0] is None else str(row[0])
