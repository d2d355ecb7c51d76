"""Two gateway processes of one body on one PostgreSQL database, and what the database says of them.

Nothing here asserts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import psycopg

from depesha.ports import Clock
from depesha.simulators.bodies import IZVOR, OBRAZETS, Body
from depesha.simulators.country import Country
from depesha.simulators.gateway_plan import free_ports
from depesha.simulators.gateway_process import SERVE, GatewayProcess
from depesha.simulators.registry import RegistryClient
from tests.support.country import CLOCK, IDS
from tests.support.postgres import quick_server

DEATH_SECONDS: Final = 15.0
"""Not heard for so long, a gateway's work goes to the other one; the least that settings take."""
SECOND: Final = "-2"
"""Behind a body's folder: its second gateway."""


def sharing(folder: Path, url: str, name: str = "one", **more: object) -> dict[str, object]:
    """Return `[store]` of a gateway that lives in `folder`; writes the database's address there."""
    place = folder / "postgres.url"
    folder.mkdir(parents=True, exist_ok=True)
    place.touch(mode=0o600)
    place.write_text(url + "\n", "ascii")
    return {"postgres_file": str(place), "gateway": name, "death_seconds": DEATH_SECONDS, **more}


def twin_of(
    first: GatewayProcess,
    *,
    clock: Clock,
    listen: Mapping[str, object] | None = None,
    program: Sequence[str] = SERVE,
) -> GatewayProcess:
    """Plan a second gateway beside one: its store, its keys and its tokens, ports of its own."""
    plan, own = first.plan, first.plan.settings
    partners, registry, operators = free_ports(3)
    base = plan.folder
    settings: dict[str, Mapping[str, object]] = {
        **own,
        "store": {**own["store"], "folder": str(base / "store"), "gateway": "two"},
        "listen": listen or {},
        "seal": {**own.get("seal", {}), "key": str(base / "keys" / "seal.pem")},
        "registry": {**own.get("registry", {}), "tokens": str(base / "keys" / "tokens.json")},
        "console": {**own.get("console", {}), "key": str(base / "keys" / "console.key")},
    }
    twin = replace(
        plan,
        folder=base.with_name(base.name + SECOND),
        partners_port=partners,
        registry_port=registry,
        operators_port=operators,
        settings=settings,
    )
    return GatewayProcess(twin, clock=clock, environment=first.environment, program=program)


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """A body with two gateways, in a country."""

    country: Country
    first: GatewayProcess
    second: GatewayProcess
    token: str
    url: str

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the database on a connection of its own; blocking."""
        with psycopg.connect(self.url, connect_timeout=5, autocommit=True) as connection:
            return connection.execute(statement.encode(), values or None).fetchall()

    async def ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the database, in a thread."""
        return await asyncio.to_thread(self.rows, statement, *values)

    def office(self, gateway: GatewayProcess) -> RegistryClient:
        """A registry at one of the two; use it as an async context manager."""
        return RegistryClient(gateway.registry_api, self.token)

    async def in_hand(self, name: str) -> int:
        """Return how many tasks living or dead gateways of this name hold."""
        [(count,)] = await self.ask(
            "SELECT count(*) FROM tasks t JOIN gateways g ON g.number = t.holder"
            " WHERE g.name = %s AND t.lease IS NOT NULL",
            name,
        )
        return int(count)

    async def leader(self, what: str) -> GatewayProcess:
        """Return who leads; raises `ValueError` where nobody does."""
        [(name,)] = await self.ask(
            "SELECT g.name FROM leaders l JOIN gateways g ON g.number = l.gateway"
            " WHERE l.name = %s",
            what,
        )
        return self.first if name == "one" else self.second

    def other(self, gateway: GatewayProcess) -> GatewayProcess:
        """Return the one that this one is not."""
        return self.second if gateway is self.first else self.first


@asynccontextmanager
async def twins(
    folder: Path,
    *,
    body: Body = OBRAZETS,
    acting: tuple[Body, ...] = (IZVOR,),
    settings: Mapping[str, Mapping[str, object]] | None = None,
    url: str = "",
    **more: Any,
) -> AsyncIterator[Twins]:
    """Start a country where one body has two gateways; `more` goes to `Country`.

    `url`: an empty database of a server that keeps its word, instead of a quick one.
    """
    async with AsyncExitStack() as stack:
        careless = not url
        url = url or stack.enter_context(quick_server().database())
        store = sharing(folder / f"gateway-{body.folder}", url, careless=careless)
        country = Country(
            folder,
            clock=CLOCK,
            ids=IDS,
            gateways=(body,),
            acting=acting,
            own_settings={body.folder: {**(settings or {}), "store": store}},
            **more,
        )
        await stack.enter_async_context(country)
        first = country.gateways[body.folder]
        second = twin_of(first, clock=CLOCK)
        await asyncio.to_thread(second.write)
        stack.push_async_callback(second.stop)
        await second.start()
        await second.ready()
        yield Twins(
            country=country,
            first=first,
            second=second,
            token=country.tokens[body.folder],
            url=url,
        )
