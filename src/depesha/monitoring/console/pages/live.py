"""Tells open pages that something changed, by server-sent events; they fetch themselves anew.

It says "changed" and a number, nothing else, so it discloses nothing. Every stream ends after a
while, so that the browser comes back and its session is looked at again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import web

from depesha.monitoring.console.access.routes import Route
from depesha.schemas.people import Action

if TYPE_CHECKING:
    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.console.pages.parts import PageParts
    from depesha.ports import Clock, Journal, Overview

STREAM_SECONDS = 300.0
BEAT_SECONDS = 15.0
LEAST_SECONDS = 2.0
"""Between two words on one stream, however much happens."""
_STREAMS, _EACH = 200, 6
_WRITE_SECONDS = 20.0
_ROWS = 500


class Head:
    """The number of the journal's last row: whatever changes writes one (law 6)."""

    def __init__(self, journal: Journal, overview: Overview, clock: Clock) -> None:
        self._journal = journal
        self._overview = overview
        self._clock = clock
        self._lock = asyncio.Lock()
        self._sequence = 0
        self._looked: float | None = None

    async def now(self) -> int:
        """Return the number; all streams together look once in `LEAST_SECONDS`."""
        async with self._lock:
            now = self._clock.monotonic()
            if self._looked is not None and now - self._looked < LEAST_SECONDS:
                return self._sequence
            if self._looked is None:
                seals = await self._overview.seals(limit=1)
                self._sequence = seals[0].last if seals else 0
            while rows := await self._journal.after(self._sequence, _ROWS):
                self._sequence = rows[-1].sequence
            self._looked = now
            return self._sequence


class Live:
    """The stream of changes."""

    def __init__(self, parts: PageParts) -> None:
        self._in = parts
        self._head = Head(parts.journal, parts.overview, parts.clock)
        self._open: Counter[str] = Counter()

    def routes(self) -> tuple[Route, ...]:
        """Return the route of the stream."""
        return (Route(method="GET", path="/changes", handler=self.stream, needs=Action.SEE_STATE),)

    async def stream(self, visit: Visit) -> web.StreamResponse:
        """Tell of changes until the stream's time is over or the browser is gone."""
        if self._open[visit.login] >= _EACH or self._open.total() >= _STREAMS:
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
        )
        self._open[visit.login] += 1
        try:
            await response.prepare(visit.request)
            # A browser that went away, or does not read, only ends its own stream.
            with suppress(ConnectionError, TimeoutError):
                await self._tell(response)
        finally:
            self._open[visit.login] -= 1
            self._open += Counter()
        return response

    async def _tell(self, response: web.StreamResponse) -> None:
        clock = self._in.clock
        until, seen = clock.monotonic() + STREAM_SECONDS, await self._head.now()
        await _write(response, b"retry: 5000\n\n")
        while clock.monotonic() < until and not self._in.stopping.is_set():
            await self._pause(clock.sleep(LEAST_SECONDS))
            now = await self._head.now()
            if now == seen:
                await self._pause(self._in.changes.wait(BEAT_SECONDS))
                now = await self._head.now()
            if now == seen:
                await _write(response, b":\n\n")
            else:
                seen = now
                await _write(response, b"event: changed\ndata: %d\n\n" % now)

    async def _pause(self, waiting: Coroutine[Any, Any, None]) -> None:
        """Wait, but not past the closing of the console."""
        tasks = {
            asyncio.ensure_future(waiting),
            asyncio.ensure_future(self._in.stopping.wait()),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()


async def _write(response: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(_WRITE_SECONDS):
        await response.write(data)
