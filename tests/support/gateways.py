"""Several memories on one PostgreSQL database and one folder, as several gateways have them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from depesha.adapters.memory.system import HandClock
from depesha.adapters.system import SystemClock, SystemIds
from depesha.queue.opening import Memory
from depesha.queue.postgres.db import PostgresDatabase
from depesha.queue.postgres.opening import open_postgres
from tests.support.memory import NETWORKS, SEAL_KEY, START
from tests.support.postgres import quick_server


async def open_gateway(url: str, folder: Path, name: str, **more: Any) -> Memory:
    """Open one gateway's memory; leases differ from gateway to gateway, as they do in earnest."""
    given = {"clock": HandClock(START), "careless": True, "networks": NETWORKS, **more}
    return await open_postgres(
        url, folder, ids=SystemIds(SystemClock()), seal_key=SEAL_KEY, gateway=name, **given
    )


@asynccontextmanager
async def two_gateways(folder: Path, **more: Any) -> AsyncIterator[tuple[Memory, Memory]]:
    """Open two gateways on a new database."""
    async with AsyncExitStack() as stack:
        url = stack.enter_context(quick_server().database())
        pair = []
        for name in ("one", "two"):
            memory = await open_gateway(url, folder, name, **more)
            stack.push_async_callback(memory.close)
            pair.append(memory)
        yield pair[0], pair[1]


def database_of(memory: Memory) -> PostgresDatabase:
    """Return the database behind a memory."""
    assert isinstance(memory.db, PostgresDatabase)
    return memory.db
