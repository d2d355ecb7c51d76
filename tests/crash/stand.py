"""The stand: a country with one gateway that is started again whenever it dies, as a keeper would.

It notes every death and every fault of the keeping; it knows nothing of the cases.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from depesha.adapters.system import SystemClock, SystemIds
from depesha.errors import PeerError
from depesha.schemas.ids import Guid
from depesha.schemas.steps import Step
from depesha.simulators.bodies import IZVOR, OBRAZETS
from depesha.simulators.country import Country
from depesha.simulators.gateway_process import GatewayProcess
from tests.crash import child
from tests.crash.audit import Audit, Ledger
from tests.crash.office import Office
from tests.crash.sender import PATIENCE, FaultError, Sender
from tests.crash.table import Row

SEAL_SECONDS = 0.5
LOOK = 0.03


@dataclass(slots=True, kw_only=True)
class Death:
    """One end of the process."""

    at: float
    ready_at: float = 0.0
    """0 while it is not."""


class Stand:
    """`async with Stand(folder) as stand`."""

    def __init__(self, folder: Path) -> None:
        self.clock = SystemClock()
        self.folder = folder
        self.deaths: list[Death] = []
        self.packs: list[bytes] = []
        """One of each row, for the command line; the others were verified all the same."""
        self._orders = folder / "orders"
        self._stack = AsyncExitStack()
        self._up = asyncio.Event()
        self._running = False
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.country = Country(
            self.folder / "country",
            clock=self.clock,
            ids=SystemIds(self.clock),
            gateways=(OBRAZETS,),
            acting=(IZVOR,),
            bare=(),
            settings={"seal": {"every_seconds": SEAL_SECONDS}, "log": {"level": "warning"}},
            program=(sys.executable, child.__file__),
            environment={child.ORDERS: str(self._orders), **self._compiled()},
        )
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def _compiled(self) -> dict[str, str]:
        """Let the many starts share compiled files, outside the sources."""
        prefix = sys.pycache_prefix or str(self.folder / "pycache")
        return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": prefix}

    async def _open(self) -> None:
        self._orders.mkdir()
        await self._stack.enter_async_context(self.country)
        self.ledger = Ledger(self.gateway.plan.folder / "store")
        self.seal_key = self.gateway.seal_key.read_text("ascii").strip()
        token = self.country.tokens[OBRAZETS.folder]
        self.office = Office(self.gateway.registry_api, token, self.clock)
        self._stack.push_async_callback(self.office.client.close_session)
        peer = self.country.peers[IZVOR.folder]
        self.sender = Sender(peer, OBRAZETS.party, self.gateway.seos_url, self.clock)
        self._up.set()
        self._running = True
        self._keeper = asyncio.create_task(self._keep())
        working = asyncio.create_task(self.office.work())
        for task in (working, self._keeper):
            self._stack.push_async_callback(_ended, task)

    @property
    def gateway(self) -> GatewayProcess:
        """The one gateway."""
        return self.country.gateways[OBRAZETS.folder]

    async def _keep(self) -> None:
        """Start the gateway again each time it was killed; any other end is a fault."""
        while True:
            status = await self.gateway.wait()
            self._running = False
            self._up.clear()
            self.deaths.append(Death(at=self.clock.monotonic()))
            if status != -signal.SIGKILL:
                tail = await asyncio.to_thread(self.gateway.tail)
                raise FaultError(f"the gateway ended by itself with {status}: {tail}")
            await self.gateway.start()
            self._running = True
            if await self._ready():
                self.deaths[-1].ready_at = self.clock.monotonic()
                self._up.set()

    async def _ready(self) -> bool:
        """Wait until it is ready; False where it died before."""
        ready = asyncio.create_task(self.gateway.ready())
        ended = asyncio.create_task(self.gateway.wait())
        try:
            await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                return False
            await ready
        finally:
            await _ended(ready)
            await _ended(ended)
        return True

    def judge_keeper(self) -> None:
        """Raise what the keeper met, if it has ended."""
        if self._keeper is not None and self._keeper.done():
            self._keeper.result()

    async def up(self) -> None:
        """Wait until the gateway is ready."""
        until = self.clock.monotonic() + PATIENCE
        while not self._up.is_set():
            self.judge_keeper()
            if self.clock.monotonic() > until:
                raise FaultError("the gateway did not come up again")
            await asyncio.sleep(LOOK)

    def arm(self, step: Step, times: int = 1) -> None:
        """Order the gateway's death at a step."""
        child.place_order(self._orders, step, times)

    def disarm(self, step: Step) -> bool:
        """Take the order back; False where it was carried out, for only the dying take it away."""
        order = self._orders / step
        there = order.exists()
        order.unlink(missing_ok=True)
        return there

    async def kill(self) -> None:
        """End the gateway now, without warning; where it is not there yet, once it is."""
        await self.begun()
        os.kill(self.gateway.pid, signal.SIGKILL)

    async def begun(self) -> None:
        """Wait until a process is there, ready or not."""
        while not self._running:
            self.judge_keeper()
            await asyncio.sleep(0)

    async def until_killed(self, count: int, seconds: float = 8.0) -> bool:
        """Wait until so many deaths were seen in all."""
        until = self.clock.monotonic() + seconds
        while len(self.deaths) < count and self.clock.monotonic() < until:
            self.judge_keeper()
            await asyncio.sleep(LOOK)
        return len(self.deaths) >= count

    async def until_settled(self, guids: Iterable[Guid], seconds: float = PATIENCE) -> None:
        """Wait until each document is acknowledged and nothing is left to do for it."""
        until = self.clock.monotonic() + seconds
        for guid in guids:
            while True:
                await self.up()
                if await asyncio.to_thread(self.ledger.settled, guid):
                    break
                if self.clock.monotonic() > until:
                    return  # the audit says what is missing
                await asyncio.sleep(LOOK)

    async def rest(self) -> None:
        """Stop the gateway in order, for good."""
        if self._keeper is not None:
            await _ended(self._keeper)
        await self.gateway.stop()

    async def scanner_dies(self) -> None:
        """Kill clamd; the gateway is not told."""
        await self.country.scanner.kill()

    async def finish(self, row: Row, guids: list[Guid], deaths_before: int) -> None:
        """Wait until all is settled, and enter into the row what is found at every side."""
        await self.until_settled(guids)
        mine = self.deaths[deaths_before:]
        if mine:
            row.restarts = len(mine)
            row.whole = self.clock.monotonic() - mine[0].at
            row.up = mine[-1].ready_at - mine[-1].at
        for number, guid in enumerate(guids):
            audit = Audit(guid, self.ledger, self.office, self.sender)
            try:
                await audit.look(self.seal_key)
            except (PeerError, KeyError) as error:
                audit.faults.append(f"the audit failed: {error!r}")
            row.messages.append(audit.messages)
            row.registrations.append(audit.registrations)
            row.numbers += sorted(audit.numbers)
            row.faults += audit.faults
            row.note += audit.note
            if number == 0:
                self.packs.append(audit.pack)


async def _ended(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait for its end; what it raised was judged elsewhere."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
