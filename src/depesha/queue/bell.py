"""Wakes whoever waits for work the moment some was stored by this process. Holds no state."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine
from typing import Any

from depesha.schemas.message import TaskKind


class Bell:
    """Rung after a commit that stored work; for one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], frozenset[TaskKind]] = {}

    def ring(self, kinds: Collection[TaskKind] = ()) -> None:
        """Wake everybody who waits now for work of these kinds; of any, where none is named."""
        for future, wanted in self._waiting.items():
            if not future.done() and not (kinds and wanted and wanted.isdisjoint(kinds)):
                future.set_result(None)

    def listen(self, kinds: Collection[TaskKind] = ()) -> asyncio.Future[None]:
        """Return a future that is done at the next ring for these kinds, or for any.

        Hand it to `wait` or `leave`.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = frozenset(kinds)
        return future

    def leave(self, future: asyncio.Future[None]) -> None:
        """Stop listening."""
        self._waiting.pop(future, None)
        future.cancel()

    async def wait(self, future: asyncio.Future[None], pause: Coroutine[Any, Any, None]) -> None:
        """Return at the next ring or when `pause` ends, and stop listening."""
        timer = asyncio.ensure_future(pause)
        try:
            await asyncio.wait({future, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.leave(future)
            timer.cancel()
