"""Hears what other gateways store, and rings the bell of this one. Holds the gateway's name.

What is missed while the connection is away is found by the poll of whoever waits; after each new
connection everybody is woken once.
"""

from __future__ import annotations

import asyncio
import os
import select
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg

from depesha.errors import StorageError
from depesha.queue.bell import Bell
from depesha.queue.postgres.connecting import Connector, storage_error
from depesha.schemas.message import TaskKind

CHANNEL = "depesha_work"
_LOCK_NAME = b"SELECT pg_try_advisory_lock(714056, hashtext($1))"
_PAUSES = (0.05, 0.2, 1.0, 2.0)
"""Seconds between tries to connect."""
_KINDS = frozenset(TaskKind)


class Listener:
    """A connection that only listens, in a thread of its own."""

    def __init__(
        self,
        connector: Connector,
        bell: Bell,
        *,
        ours: Callable[[], int],
        trouble: Callable[[StorageError], None],
    ) -> None:
        """Ring `bell`, which belongs to the running event loop; `ours` is who writes for us."""
        self._connector = connector
        self._bell = bell
        self._ours = ours
        self._trouble = trouble
        self._loop = asyncio.get_running_loop()
        self._connection: psycopg.Connection[Any] | None = None
        self._stop = threading.Event()
        self._waker, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._serve, name="store-listener", daemon=True)

    def connect(self) -> bool:
        """Connect; tell whether the gateway's name is ours alone. Blocks; raises `StorageError`."""
        try:
            return self._connect()
        except psycopg.Error as error:
            raise storage_error(error) from None

    def start(self) -> None:
        """Listen from now on."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening. Blocks; closing twice is safe."""
        if self._stop.is_set():
            return
        self._stop.set()
        os.write(self._wake, b".")
        if self._thread.is_alive():
            self._thread.join()
        if self._connection is not None:
            self._connection.close()
        os.close(self._waker)
        os.close(self._wake)

    def _connect(self) -> bool:
        connection = self._connector.open("listener")
        try:
            connection.execute(f"LISTEN {CHANNEL}".encode())
            row = connection.execute(_LOCK_NAME, (self._connector.gateway,)).fetchone()
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return row is not None and row[0] is True

    def _serve(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                if self._connection is None:
                    self._connect()
                    self._ring(frozenset())
                failures = 0
                self._hear()
            except (psycopg.Error, OSError) as error:
                if isinstance(error, psycopg.Error):
                    self._trouble(storage_error(error))
                if self._connection is not None:
                    self._connection.close()
                    self._connection = None
                self._stop.wait(_PAUSES[min(failures, len(_PAUSES) - 1)])
                failures += 1

    def _hear(self) -> None:
        """Wait for news once; raises `psycopg.Error` where the connection is gone."""
        connection = self._connection
        if connection is None:
            return
        select.select([connection.fileno(), self._waker], [], [])
        if self._stop.is_set():
            return
        connection.pgconn.consume_input()
        kinds: set[TaskKind] = set()
        while (news := connection.pgconn.notifies()) is not None:
            word = news.extra.decode()
            if news.be_pid != self._ours() and word in _KINDS:
                kinds.add(TaskKind(word))
        if kinds:
            self._ring(frozenset(kinds))

    def _ring(self, kinds: frozenset[TaskKind]) -> None:
        with suppress(RuntimeError):  # the event loop has ended, and who waited with it
            self._loop.call_soon_threadsafe(self._bell.ring, kinds)
