"""A gateway that starts before its database, or while it is away: it waits, and then it serves."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from depesha.errors import PeerError
from depesha.simulators.bodies import OBRAZETS
from depesha.simulators.country import Country
from depesha.simulators.gateway_process import GatewayProcess
from tests.support.country import CLOCK, IDS
from tests.support.postgres import Server
from tests.support.twins import sharing

pytestmark = [pytest.mark.clamd, pytest.mark.slow, pytest.mark.timeout(300)]

WAITING = '"where":"store.start","code":"STORAGE"'


async def waits(gateway: GatewayProcess, seconds: float = 60.0) -> None:
    """Wait until a gateway that was started says that it waits for its store."""
    before = (await asyncio.to_thread(gateway.log.read_text)).count(WAITING)
    await gateway.start()
    async with asyncio.timeout(seconds):
        while (await asyncio.to_thread(gateway.log.read_text)).count(WAITING) < before + 2:
            await CLOCK.sleep(0.1)
    with pytest.raises(PeerError):
        await gateway.ready(1.0)


async def test_it_waits_for_the_database_and_ends_when_told_to(tmp_path: Path) -> None:
    server = await asyncio.to_thread(Server, fsync="off", synchronous_commit="on")
    await asyncio.to_thread(server.start)
    try:
        with server.database() as url:
            store = sharing(tmp_path / f"gateway-{OBRAZETS.folder}", url, careless=True)
            own = {OBRAZETS.folder: {"store": store}}
            country = Country(
                tmp_path, clock=CLOCK, ids=IDS, gateways=(OBRAZETS,), acting=(), own_settings=own
            )
            async with country:
                gateway = country.gateways[OBRAZETS.folder]
                await gateway.stop()
                await asyncio.to_thread(server.kill)
                await waits(gateway)
                await asyncio.to_thread(server.start)
                await gateway.ready()

                await gateway.stop()
                await asyncio.to_thread(server.kill)
                await waits(gateway)
                ended = asyncio.create_task(gateway.wait())
                await asyncio.sleep(0)  # it waits for this very process
                await gateway.stop()  # SIGTERM
                assert await ended == 0
                assert "Traceback" not in await asyncio.to_thread(gateway.log.read_text)
                await asyncio.to_thread(server.start)
    finally:
        await asyncio.to_thread(server.remove)
