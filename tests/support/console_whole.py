"""The whole console as the gateway itself puts it together, over the real store: for its security.

Everything is the product's own but the clock, which stands still, and the listeners and hands,
which are not started: nothing happens but what a test does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from depesha.adapters.memory.letters import MemoryLetters
from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.memory.state import MemoryState
from depesha.adapters.memory.system import HandClock
from depesha.adapters.system import SystemClock
from depesha.app import operators
from depesha.app.gateway import Gateway
from depesha.config import Settings, load
from depesha.monitoring.console.access.routes import Route
from depesha.monitoring.console.machine.parts import MachineParts
from depesha.queue.opening import Memory
from depesha.schemas.people import Role
from depesha.simulators.gateway_plan import free_ports
from tests.support.console import Browser, Office
from tests.support.memory import START
from tests.support.week import PRIMER
from tests.support.week import gateway as plan

PROVIDER = """
[console]
origin = "http://127.0.0.1:{port}"
[console.oidc]
issuer = "https://nobody.example"
client_id = "depesha"
"""
NAMES = {
    Role.CLERK: "clerk",
    Role.OPERATOR: "operator",
    Role.AUDITOR: "auditor",
    Role.SECURITY_ADMINISTRATOR: "security",
    Role.DATA_ADMINISTRATOR: "data",
}


@dataclass
class Whole:
    """A gateway whose console is open, and the memory behind it."""

    gateway: Gateway
    office: Office
    memory: Memory
    clock: HandClock
    settings: Settings
    application: web.Application
    seen: int = 0
    """The last row of the evidence that was there at the last look."""

    @property
    def routes(self) -> tuple[Route, ...]:
        """The console's whole table."""
        return self.office.console.routes

    async def visitor(self, *roles: Role, login: str = "", language: str = "en") -> Browser:
        """Return a browser that is logged in with these roles."""
        name = login or "-".join(NAMES[role] for role in roles)
        await self.office.add(name, *roles)
        browser = Browser(self.office, headers={"Accept-Language": language})
        answer = await browser.log_in(name)
        assert answer.location == "/", (answer.status, answer.location)
        return browser

    async def rows(self, after: int = 0) -> list[str]:
        """Return the bodies of the evidence written after a row."""
        return [one.body for one in await self.memory.journal.after(after, 5000)]

    async def last(self) -> int:
        """Return the number of the last row."""
        while rows := await self.memory.journal.after(self.seen, 5000):
            self.seen = rows[-1].sequence
        return self.seen


@contextmanager
def _mailbox(letters: MemoryLetters | None) -> Iterator[None]:
    """Let the pages about the machine be made with a mailbox."""
    names = vars(operators)
    made: Callable[..., MachineParts] = names["machine_parts"]

    def parts(*given: Any) -> MachineParts:
        return replace(made(*given), letters=letters)

    names["machine_parts"] = parts
    try:
        yield
    finally:
        names["machine_parts"] = made


@asynccontextmanager
async def whole(
    folder: Path,
    *,
    toml: str = "",
    openid: bool = False,
    letters: MemoryLetters | None = None,
    before: Callable[[Settings], None] = lambda _settings: None,
) -> AsyncIterator[Whole]:
    """Open it; `before` may put files into the store's folder.

    `openid`: with an OpenID provider in the settings, whom nobody plays; `letters`: what lies in
    the mailbox, for no mailbox is set up.
    """
    (port,) = free_ports(1)
    process = plan(folder, replace(PRIMER, networks=("seos",)))
    with process.settings.open("a", encoding="utf-8") as file:
        file.write(f'\n[log]\nlevel = "error"\n{toml}')
        if openid:
            file.write(PROVIDER.format(port=port))
    settings = load(process.settings)
    settings.store.folder.mkdir(parents=True, exist_ok=True)
    before(settings)
    clock = HandClock(max(START, SystemClock().now()))
    async with Gateway(settings, clock=clock) as gateway:
        side, memory = gateway._operators, gateway._base.memory
        with _mailbox(letters):
            application = side.application(
                gateway._health(), gateway._metrics, gateway._watching.standing
            )
        server = TestServer(application, port=port)
        await server.start_server()
        office = Office(
            console=side._console,
            parts=side._parts,
            kept=side._kept,
            world=side._world,
            clock=clock,
            state=MemoryState(),  # nobody's: the store is the real one
            observer=RecordingObserver(),
            server=server,
            settings=settings,
        )
        try:
            yield Whole(
                gateway=gateway,
                office=office,
                memory=memory,
                clock=clock,
                settings=settings,
                application=application,
            )
        finally:
            side.stop()
            await server.close()
