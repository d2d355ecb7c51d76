"""The operators' listener: `/healthz`, `/readyz`, `/metrics`. Reads only, changes nothing.

It stands on its own address, away from partners and registry. Answers are never cached.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING

from aiohttp import web

from depesha.errors import DepeshaError
from depesha.monitoring.health import Health
from depesha.monitoring.metrics import CONTENT_TYPE, Metrics

if TYPE_CHECKING:
    from depesha.monitoring.standing import Standing
    from depesha.ports import Clock, Directory, MessageStore, Threads

FORM_BYTES = 256 * 1024
"""The longest form of the console: notes and letters, never files."""
_COUNT_SECONDS = 3.0
_UNAVAILABLE = 503


class Operators:
    """Handlers of the three routes."""

    def __init__(
        self,
        *,
        health: Health,
        metrics: Metrics,
        store: MessageStore,
        directory: Directory,
        clock: Clock,
        threads: Threads,
        standing: Standing | None = None,
    ) -> None:
        self._health = health
        self._metrics = metrics
        self._store = store
        self._directory = directory
        self._clock = clock
        self._threads = threads
        self._standing = standing

    def application(self) -> web.Application:
        """Return the aiohttp application, ready to be mounted or served."""
        app = web.Application(client_max_size=FORM_BYTES)
        app.router.add_get("/healthz", self.alive)
        app.router.add_get("/readyz", self.ready)
        app.router.add_get("/metrics", self.numbers)
        return app

    async def alive(self, _: web.Request) -> web.Response:
        """200 while the event loop turns."""
        return _json({"alive": True}, 200)

    async def ready(self, _: web.Request) -> web.Response:
        """200 or 503, with each part's words."""
        readiness = await self._health.ready()
        return _json(asdict(readiness), 200 if readiness.ready else _UNAVAILABLE)

    async def numbers(self, _: web.Request) -> web.Response:
        """Prometheus text, rendered in a thread; what the store cannot count stays as it was."""
        now = self._clock.now()
        for part in (await self._health.ready()).parts:
            self._metrics.part_up.labels(part.name).set(part.ok)
        try:
            async with asyncio.timeout(_COUNT_SECONDS):
                self._metrics.show(await self._store.counts(), now)
        except (DepeshaError, TimeoutError):
            self._metrics.part_up.labels("store").set(0)
        if self._standing is not None:
            await self._standing.show()
        state = self._directory.state()
        self._metrics.show_directory(state.loaded_at, state.participants, now)
        body = await self._threads.run(self._metrics.render)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE, **_HEADERS})


_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def _json(data: dict[str, object], status: int) -> web.Response:
    return web.json_response(data, status=status, headers=_HEADERS)
