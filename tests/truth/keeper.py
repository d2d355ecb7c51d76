"""Keeps one gateway running: starts it again whenever it was killed, and notes every death.

It knows nothing of documents.
"""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from depesha.errors import PeerError
from depesha.ports import Clock
from depesha.schemas.steps import AnyStep
from depesha.simulators.gateway_process import START_SECONDS, GatewayProcess
from tests.crash.child import place_order

LOOK = 0.03
PAUSE = 0.5
"""Before a gateway that ended by itself is started again."""
PATIENCE = 60.0
ANSWER_SECONDS = 2.0
"""For one that was ready to say so again."""


class KeepingError(Exception):
    """The gateway did what no gateway should: ended by itself, or did not come up again."""


@dataclass(slots=True, kw_only=True)
class Death:
    """One end of the process."""

    at: float
    ready_at: float = 0.0
    """0 while it is not."""


class Keeper:
    """`start()`, then `stop()`; one gateway whose program is `tests/crash/child.py`."""

    def __init__(self, gateway: GatewayProcess, orders: Path, clock: Clock) -> None:
        self.gateway = gateway
        self.deaths: list[Death] = []
        self.orders = orders
        self.start_seconds = START_SECONDS
        """So long a start may take."""
        self.forgiving = False
        """True while it may end by itself: on a full disk it cannot start."""
        self._clock = clock
        self._up = asyncio.Event()
        self._running = True
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Watch a gateway that is ready."""
        self.orders.mkdir(exist_ok=True)
        self._up.set()
        self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Watch no longer; the gateway is left as it is."""
        task, self._task = self._task, None
        if task is not None:
            await ended(task)

    async def _keep(self) -> None:
        while True:
            status = await self.gateway.wait()
            self._running = False
            self._up.clear()
            self.deaths.append(Death(at=self._clock.monotonic()))
            if status != -signal.SIGKILL and self.forgiving:
                await asyncio.sleep(PAUSE)
            elif status != -signal.SIGKILL:
                tail = await asyncio.to_thread(self.gateway.tail)
                raise KeepingError(f"the gateway ended by itself with {status}: {tail}")
            await self.gateway.start()
            self._running = True
            if await self._ready():
                self.deaths[-1].ready_at = self._clock.monotonic()
                self._up.set()

    async def _ready(self) -> bool:
        """Wait until it is ready; False where it died before."""
        ready = asyncio.create_task(self.gateway.ready(self.start_seconds))
        died = asyncio.create_task(self.gateway.wait())
        try:
            await asyncio.wait({ready, died}, return_when=asyncio.FIRST_COMPLETED)
            if died.done():
                return False
            await ready
        finally:
            await ended(ready)
            await ended(died)
        return True

    def judge(self) -> None:
        """Raise what the keeping met, if it has come to an end."""
        if self._task is not None and self._task.done():
            self._task.result()

    async def up(self) -> None:
        """Wait until the gateway is ready: one whose death was not seen yet does not answer."""
        until = self._clock.monotonic() + max(PATIENCE, self.start_seconds)
        while not (self._up.is_set() and await self._answers()):
            self.judge()
            if self._clock.monotonic() > until:
                raise KeepingError("the gateway did not come up again")
            await asyncio.sleep(LOOK)

    async def _answers(self) -> bool:
        try:
            await self.gateway.ready(ANSWER_SECONDS)
        except PeerError:
            return False
        return True

    def arm(self, step: AnyStep, times: int = 1) -> None:
        """Order the gateway's death at a step, the nth time it comes there."""
        place_order(self.orders, step, times)

    def disarm(self, step: AnyStep) -> bool:
        """Take the order back; False where it was carried out, for only the dying take it away."""
        order = self.orders / step
        there = order.exists()
        order.unlink(missing_ok=True)
        return there

    async def kill(self) -> None:
        """End the gateway now, without warning; where it is not there yet, once it is."""
        while not self._running:
            self.judge()
            await asyncio.sleep(0)
        self._up.clear()  # its end is seen a moment later, and nobody may take it for ready
        os.kill(self.gateway.pid, signal.SIGKILL)

    async def until_killed(self, count: int, seconds: float = 8.0) -> bool:
        """Wait until so many deaths were seen in all; False where they did not come."""
        until = self._clock.monotonic() + seconds
        while len(self.deaths) < count and self._clock.monotonic() < until:
            self.judge()
            await asyncio.sleep(LOOK)
        return len(self.deaths) >= count


async def ended(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait for its end; what it raised was judged elsewhere."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
