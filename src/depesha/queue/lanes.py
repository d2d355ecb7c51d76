"""The three connections of a database, whichever it is, and who is served on which.

One writes, one reads for the traffic, one reads for people who look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from depesha.queue.lane import Lane, Transaction

L = TypeVar("L", bound=Lane)
R = TypeVar("R")


class Lanes(Generic[L]):
    """What `Database` asks of its connections. Callable from the event loop that opened them."""

    def __init__(self, *, writer: L, reader: L, viewer: L) -> None:
        self._writer = writer
        self._reader = reader
        self._viewer = viewer

    async def write(self, work: Callable[[Transaction], R]) -> R:
        """Run `work` in a transaction shared with other callers; return once it is on disk.

        What `work` raises undoes its own part alone. Raises `StorageError` where nothing of it
        became durable. A caller cancelled while waiting does not learn what happened.
        """
        return await self._writer.do(work)

    async def read(self, work: Callable[[Transaction], R]) -> R:
        """Run `work` on a snapshot that holds everything committed before this call."""
        return await self._reader.do(work)

    async def look(self, work: Callable[[Transaction], R]) -> R:
        """Do as `read` does, for long looks that nobody's message waits for."""
        return await self._viewer.do(work)

    def write_blocking(self, work: Callable[[Transaction], R]) -> R:
        """Do as `write` does, for worker threads."""
        return self._writer.do_blocking(work)

    def read_blocking(self, work: Callable[[Transaction], R]) -> R:
        """Do as `read` does, for worker threads."""
        return self._reader.do_blocking(work)

    def waiting(self) -> dict[str, int]:
        """Return how many callers wait for each connection."""
        lanes = {"writer": self._writer, "reader": self._reader, "viewer": self._viewer}
        return {name: lane.waiting for name, lane in lanes.items()}

    async def _close_lanes(self) -> None:
        """Serve who is waiting, then close; what is written is closed last."""
        for lane in (self._viewer, self._reader, self._writer):
            await asyncio.to_thread(lane.close)
