"""Wakes whoever waits for work the moment some was stored by this process. Holds no state."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Bell:
    """Rung after a commit that stored work; for one event loop."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        """Wake everybody who waits now."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    def listen(self) -> asyncio.Future[None]:
        """Return a future that is done at the next ring; hand it to `wait` or `leave`."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        return future

    def leave(self, future: asyncio.Future[None]) -> None:
        """Stop listening."""
        self._waiting.discard(future)
        future.cancel()

    async def wait(self, future: asyncio.Future[None], pause: Coroutine[Any, Any, None]) -> None:
        """Return at the next ring or when `pause` ends, and stop listening."""
        timer = asyncio.ensure_future(pause)
        try:
            await asyncio.wait({future, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.leave(future)
            timer.cancel()
