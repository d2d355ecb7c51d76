"""The store of one installation, opened by a command where no gateway runs to be asked.

Never used by the gateway itself, and never begins a store where there is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from depesha.adapters.system import SystemClock, SystemIds
from depesha.app.backing_up import check_there, seal_key
from depesha.app.memory import open_store

if TYPE_CHECKING:
    from depesha.config import Settings
    from depesha.ports import Clock
    from depesha.queue.opening import Memory


@asynccontextmanager
async def store_beside(settings: Settings) -> AsyncIterator[tuple[Memory, Clock]]:
    """Open the store and close it; raises `DepeshaError`, also where there is no store yet."""
    check_there(settings)
    clock = SystemClock()
    key = await asyncio.to_thread(seal_key, settings)
    memory = await open_store(
        settings, clock=clock, ids=SystemIds(clock), seal_key=key, purpose="keeping"
    )
    try:
        yield memory, clock
    finally:
        await memory.close()
