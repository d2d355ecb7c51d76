"""The only door to PostgreSQL: one lane that writes, two that read, and one that hears others.

One of the readers serves the traffic, the other people who look. The database belongs to all the
gateways that open it; the folder with the files must be one that all of them share.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import psycopg

from depesha.errors import StorageError
from depesha.queue.lane import Watch
from depesha.queue.lanes import Lanes
from depesha.queue.postgres.connecting import Connector, each_host, storage_error
from depesha.queue.postgres.lane import PostgresLane, Standing
from depesha.queue.postgres.migrate import migrate
from depesha.queue.postgres.server import NO_STANDBY, check_server, waits_for_standby
from depesha.queue.postgres.writing import WritingLane

HOLDING = (
    *("messages", "evidence", "outbound", "outbound_submissions", "words", "entries"),
    *("outbound_attempts", "tasks", "notes", "quarantine"),
)
"""Tables with rows of content or names, whose earlier forms stay in dead rows until a vacuum."""
_UNHURRIED = (b"SET statement_timeout = 0", b"SET vacuum_cost_delay = 2")


def _silent(_error: StorageError) -> None:
    """Tell nobody."""


class NoStandbyError(StorageError):
    """Told, not raised: the address names several servers, and commits wait for one alone."""

    code = NO_STANDBY


class PostgresDatabase(Lanes[PostgresLane]):
    """`Database` on PostgreSQL. Every method may be called from the event loop that opened it."""

    def __init__(
        self,
        connector: Connector,
        standing: Standing,
        writer: WritingLane,
        reader: PostgresLane,
        viewer: PostgresLane,
    ) -> None:
        """Take what `open` made."""
        super().__init__(writer=writer, reader=reader, viewer=viewer)
        self._writing = writer
        self._connector = connector
        self._standing = standing
        self._companions: list[Callable[[], None]] = []

    def accompanied(self, close: Callable[[], None]) -> None:
        """Call `close` in a thread before the lanes are closed; the last one given first."""
        self._companions.append(close)

    @classmethod
    async def open(
        cls,
        connector: Connector,
        now: datetime,
        trouble: Callable[[StorageError], None] = _silent,
        watch: Watch | None = None,
        *,
        careless: bool = False,
    ) -> PostgresDatabase:
        """Open the database, migrated to this version.

        `trouble` is told, in a thread of ours, of every failure of PostgreSQL, `watch` of commits.
        `careless`: also a server that may lose what it said it stored. Raises
        `ConfigurationError` where the server is not fit or a newer version wrote the database,
        `StorageError` where it cannot be reached; nothing is left behind then.
        """
        await asyncio.to_thread(_prepare, connector, now, trouble, careless=careless)
        standing = Standing()
        writer = WritingLane(connector, standing, trouble=trouble, watch=watch, careless=careless)
        reader = PostgresLane(connector, name="reader", trouble=trouble)
        viewer = PostgresLane(connector, name="viewer", trouble=trouble)
        return cls(connector, standing, writer, reader, viewer)

    def stand_as(self, number: int, slot: int) -> None:
        """Write from now on as this gateway, counting in this slot."""
        self._standing.number, self._standing.slot = number, slot

    @property
    def standing(self) -> Standing:
        """As whom we write."""
        return self._standing

    @property
    def writer_pid(self) -> int:
        """The server's process that writes for us."""
        return self._writing.pid

    async def scour(self) -> None:
        """See `Database.scour`; on a connection of its own, at a pace that leaves room."""
        await asyncio.to_thread(_scour, self._connector)

    async def close(self) -> None:
        """See `Database.close`."""
        for lane in (self._viewer, self._reader, self._writer):
            lane.hurry()
        while self._companions:
            await asyncio.to_thread(self._companions.pop())
        await self._close_lanes()


def _scour(connector: Connector) -> None:
    try:
        with connector.open("scour") as connection:
            for setting in _UNHURRIED:
                connection.execute(setting)
            for table in HOLDING:
                connection.execute(f"VACUUM {table}".encode(), prepare=False)
    except psycopg.Error as error:
        raise storage_error(error) from None


def _prepare(
    connector: Connector,
    now: datetime,
    trouble: Callable[[StorageError], None],
    *,
    careless: bool,
) -> None:
    try:
        with connector.open("opening") as connection:
            check_server(connection, careless=careless)
            several = next(each_host(connector.given()), None) is not None
            if several and not waits_for_standby(connection):
                trouble(NoStandbyError("a promoted standby may not know what was answered"))
            migrate(connection, now)
    except psycopg.Error as error:
        raise storage_error(error) from None
