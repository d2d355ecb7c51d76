"""A body with two gateways on one PostgreSQL database: settings, the second process, the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import psycopg

from depesha.adapters.keys import load_or_create_seal_key
from depesha.adapters.system import SystemClock, SystemIds
from depesha.errors import DepeshaError
from depesha.queue.postgres.opening import open_postgres
from depesha.schemas.journal import SealKey
from depesha.simulators.gateway_plan import free_ports
from depesha.simulators.gateway_process import GatewayProcess
from tests.crash.audit import Ledger
from tests.support.postgres import Server
from tests.support.twins import SECOND, sharing, twin_of
from tests.torture.balancer import Balancer
from tests.truth.keeper import Keeper

__all__ = [
    "SECOND",
    "Database",
    "PostgresLedger",
    "first_settings",
    "judge_shared",
    "second_gateway",
]
_TALLIES: Final = (
    "SELECT state, sum(count)::bigint FROM tallies GROUP BY state HAVING sum(count) > 0"
)


class Database:
    """A PostgreSQL server of a run, with one database for each body; durable, and may be killed."""

    def __init__(self) -> None:
        self._server = Server(fsync="on")

    async def start(self) -> None:
        """Start it, the first time or after a kill."""
        await asyncio.to_thread(self._server.start)

    async def kill(self) -> None:
        """End all of its processes without warning."""
        await asyncio.to_thread(self._server.kill)

    async def create(self, name: str) -> str:
        """Make an empty database; return its address."""
        await asyncio.to_thread(self._server.execute, f"CREATE DATABASE {name}")
        return self._server.url(name)

    def remove(self) -> None:
        """Take all of it away."""
        self._server.remove()


def first_settings(folder: Path, url: str) -> dict[str, dict[str, object]]:
    """Return what the first gateway's settings say beside the usual; writes the address down."""
    partners, registry = free_ports(2)
    return {
        "store": sharing(folder, url),
        "listen": {"partners": f"127.0.0.1:{partners}", "registry": f"127.0.0.1:{registry}"},
    }


class PostgresLedger(Ledger):
    """Reads the gateways' database from outside. Never writes."""

    def __init__(self, url: str) -> None:
        self._url = url

    def rows(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        """Run one query, as for SQLite, on a connection of its own."""
        text = _TALLIES if "FROM tallies" in statement else statement.replace("?", "%s")
        with psycopg.connect(self._url, connect_timeout=5, autocommit=True) as connection:
            return connection.execute(text.encode(), values or None).fetchall()


@asynccontextmanager
async def second_gateway(
    first: GatewayProcess, clock: SystemClock, program: tuple[str, ...]
) -> AsyncIterator[Keeper]:
    """Start a second gateway beside one, with balancers at the addresses that others know."""
    plan, own = first.plan, first.plan.settings
    partners, registry = free_ports(2)
    listen = {"partners": f"127.0.0.1:{partners}", "registry": f"127.0.0.1:{registry}"}
    twin = twin_of(first, clock=clock, listen=listen, program=program)
    folder = twin.plan.folder
    await asyncio.to_thread(twin.write)
    await twin.start()
    ports = {name: _port(own["listen"][name]) for name in ("partners", "registry")}
    try:
        await twin.ready()
        async with (
            Balancer(plan.partners_port, (ports["partners"], partners)),
            Balancer(plan.registry_port, (ports["registry"], registry)),
        ):
            keeper = Keeper(twin, folder / "orders", clock)
            keeper.start()
            try:
                yield keeper
            finally:
                await keeper.stop()
    finally:
        await twin.stop()


def _port(address: object) -> int:
    return int(str(address).rpartition(":")[2])


async def judge_shared(gateway: GatewayProcess, url: str, documents: int) -> tuple[str, list[str]]:
    """Open the store as the next start would; verify the whole chain; count everything."""
    clock, faults, told = SystemClock(), [], ""
    key = SealKey(load_or_create_seal_key(gateway.plan.folder / "keys" / "seal.pem"))
    memory = await open_postgres(
        *(url, gateway.plan.folder / "store"),
        clock=clock,
        ids=SystemIds(clock),
        seal_key=key,
        gateway="judge",
    )
    try:
        told = f"the whole journal holds: {await memory.journal.verify()} rows"
        counts = await memory.store.counts()
        if sum(counts.by_state.values()) != documents:
            faults.append(f"{documents} documents were sent, and the store holds {counts.by_state}")
    except DepeshaError as error:
        faults.append(f"the memory does not hold: {error}")
    finally:
        await memory.close()
    return told, faults
