"""Opens connections to PostgreSQL, each with limits that keep gateways out of others' way.

Nothing here runs a statement of the store. The url is a secret: it never stands in an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.numeric import Int8BinaryDumper
from psycopg.types.string import StrBinaryDumper

from depesha.errors import ConfigurationError, StorageError, StoreAwayError
from depesha.queue.migrate import moved_away

CONNECT_SECONDS = 5
STATEMENT_MS = 60_000
"""A statement of ours takes milliseconds; a minute means that the server is in trouble."""
LOCK_MS = 15_000
"""Longer than a frozen gateway may hold anything (`IDLE_MS`), so that others outlast it."""
IDLE_MS = 10_000
"""Between two statements of a transaction lies only our own CPU; then the server undoes it."""

_NETWORK = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "target_session_attrs": "read-write",
}
"""A dead server is noticed within half a minute; of several named ones, the primary is taken."""
_SESSION = {
    "statement_timeout": STATEMENT_MS,
    "lock_timeout": LOCK_MS,
    "idle_in_transaction_session_timeout": IDLE_MS,
    "tcp_keepalives_idle": 10,
    "tcp_keepalives_interval": 5,
    "tcp_keepalives_count": 3,
    "default_transaction_isolation": "read committed",
    # Each statement has its index, whatever the values: planned once, as the tests have seen it.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
}

_PLACES = ("host", "hostaddr", "port")
"""What an address may name several of, parted by commas."""
_LOST = ("08", "57P", "25P03", "25006")
"""SQLSTATEs after which a connection is of no use: broken, shut down, idle for too long, and a
server that may only be read (what used to be the primary)."""
_AGAIN = frozenset({"40001", "40P01", "55P03"})
"""Serialization failure, deadlock, a lock not got in time: undone, and to be tried again."""


_TIMELINE = b"""SELECT (SELECT system_identifier::text FROM pg_control_system()),
  ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int"""
"""Which database cluster this is, and how often one of its standbys was promoted, plus one."""


class EarlierPrimaryError(psycopg.OperationalError):
    """Only a server answers that another one has taken over from."""


class MovedAwayError(StoreAwayError):
    """The store was moved to another database: nothing is written here any more."""

    code = "STORE_MOVED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """Opens connections to one database for one gateway, never to what used to be its primary."""

    url: str
    gateway: str
    _seen: dict[str, int] = field(default_factory=dict, repr=False)
    """The latest timeline of each cluster that we were connected to."""

    def given(self) -> dict[str, Any]:
        """Return the address in its parts, the password among them; raises as `open` does."""
        try:
            return dict(conninfo_to_dict(self.url))
        except psycopg.Error:
            raise ConfigurationError(
                "the address of the PostgreSQL store cannot be read",
                remedy="write it as postgresql://user@host:port/database?sslmode=verify-full",
            ) from None

    def open(self, purpose: str) -> psycopg.Connection[Any]:
        """Return a connection in autocommit; raises `psycopg.Error`, `ConfigurationError`.

        Of several servers that may be written to, an earlier primary that came back is passed by.
        """
        given = self.given()
        refused: EarlierPrimaryError | None = None
        for address in (given, *each_host(given)):
            try:
                return self._open(address, purpose)
            except EarlierPrimaryError as error:
                refused = error
            except psycopg.Error:
                if refused is None:
                    raise
        raise refused or EarlierPrimaryError("no server is named")

    def open_one(self, address: dict[str, Any], purpose: str) -> psycopg.Connection[Any]:
        """Return a connection to one server, whatever it is; for looking only."""
        return self._connect({**address, "target_session_attrs": "any"}, purpose)

    def _open(self, address: dict[str, Any], purpose: str) -> psycopg.Connection[Any]:
        connection = self._connect(address, purpose)
        try:
            _set(connection)
            self._check_timeline(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self, address: dict[str, Any], purpose: str) -> psycopg.Connection[Any]:
        merged: dict[str, Any] = {
            **_NETWORK,
            "application_name": f"depesha {self.gateway} {purpose}",
            **address,
        }
        return psycopg.connect(
            make_conninfo(**merged), autocommit=True, cursor_factory=psycopg.RawCursor
        )

    def _check_timeline(self, connection: psycopg.Connection[Any]) -> None:
        if connection.info.parameter_status("in_hot_standby") == "on":
            return  # only where the address asks for one; it cannot be written to
        row = connection.execute(_TIMELINE).fetchone()
        cluster, timeline = ("", 0) if row is None else row
        if timeline < self._seen.get(cluster, 0):
            raise EarlierPrimaryError("another server has taken over from this one")
        self._seen[cluster] = timeline


def each_host(given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the address of each server by itself; nothing where only one is named."""
    named = {name: str(given[name]).split(",") for name in _PLACES if given.get(name)}
    count = max((len(parts) for parts in named.values()), default=1)
    for number in range(count if count > 1 else 0):
        # One port, like one password, holds for all.
        yield given | {name: parts[min(number, len(parts) - 1)] for name, parts in named.items()}


def _set(connection: psycopg.Connection[Any]) -> None:
    settings = ", ".join(
        f"set_config('{name}', '{value}', false)" for name, value in _SESSION.items()
    )
    connection.execute(f"SELECT {settings}")
    # One type for every number and every text, so that a statement is prepared once.
    connection.adapters.register_dumper(int, Int8BinaryDumper)
    connection.adapters.register_dumper(str, StrBinaryDumper)
    connection.prepare_threshold = 0
    connection.prepared_max = 1000


def is_lost(connection: psycopg.Connection[Any], error: psycopg.Error) -> bool:
    """Tell whether the connection is of no use any more; what was not committed is undone."""
    return (
        connection.closed
        or connection.broken
        or error.diag.severity_nonlocalized in {"FATAL", "PANIC"}
        or (error.sqlstate or "").startswith(_LOST)
    )


def is_passing(error: psycopg.Error) -> bool:
    """Tell whether the same transaction may well succeed at the next try."""
    return error.sqlstate in _AGAIN


def is_moved(error: psycopg.Error) -> bool:
    """Tell whether a group was not let through because the store was moved away.

    See `_LEAVE_MARK` of the writing lane: nothing else leaves its number out.
    """
    return isinstance(error, errors.NotNullViolation) and error.diag.table_name == "lanes"


def storage_error(error: psycopg.Error) -> StorageError:
    """Translate a fault of PostgreSQL; its text may hold data and stays out."""
    if isinstance(error, EarlierPrimaryError):
        return StoreAwayError(
            "only a PostgreSQL server answers that another one has taken over from",
            remedy="shut the earlier primary down; start the promoted server",
            fault=type(error).__name__,
        )
    if is_moved(error):
        told = moved_away()
        return MovedAwayError(told.public, remedy=told.remedy)
    away = isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
    kind = StoreAwayError if away or (error.sqlstate or "").startswith(_LOST) else StorageError
    return kind(
        "the store could not do its work",
        remedy="look at the PostgreSQL server: is it running, is its disk full",
        fault=type(error).__name__,
        state=error.sqlstate or "",
    )
