"""The operators' side of a running gateway: console, health and metrics on one listener.

Puts parts together and decides nothing.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from depesha.app import policy as values
from depesha.app.console import ConsoleParts, People, World, build_console, console_parts
from depesha.app.directories import AllDirectories
from depesha.app.machine import machine_parts
from depesha.app.memory import sockets_of
from depesha.app.office import office_parts
from depesha.app.people import open_door
from depesha.gateway import people
from depesha.gateway.service import Clockwork
from depesha.monitoring.console.machine.duty import DutyNotebook
from depesha.monitoring.console.machine.routes import routes as machine_routes
from depesha.monitoring.console.office.routes import routes as office_routes
from depesha.monitoring.console.pages.parts import PageParts
from depesha.monitoring.console.pages.routes import routes as page_routes
from depesha.monitoring.server import Operators

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from depesha.app.base import Base
    from depesha.app.departing import Departing
    from depesha.app.networks import Networks
    from depesha.monitoring.console.access.console import Console
    from depesha.monitoring.console.access.routes import Route
    from depesha.monitoring.health import Health
    from depesha.monitoring.metrics import Metrics
    from depesha.monitoring.standing import Standing
    from depesha.ports import Desk, Tokens
    from depesha.schemas.surroundings import Surroundings

SWEEP_SECONDS = 3600.0
"""How often log-ins that ended by time are removed."""


class OperatorsSide:
    """Stands between the operators and the rooms."""

    def __init__(
        self,
        base: Base,
        networks: Networks,
        departing: Departing,
        desk: Desk,
        tokens: Tokens,
        surroundings: Callable[[], Surroundings],
    ) -> None:
        """Take the rooms; `tokens` are the running registry API's own."""
        self._tokens = tokens
        self._surroundings = surroundings
        self._base = base
        self._networks = networks
        self._departing = departing
        self._desk = desk
        memory = base.memory
        self._kept = People(
            accounts=memory.accounts, sessions=memory.sessions, journal=memory.journal
        )
        self._world = World(
            clock=base.clock,
            ids=base.ids,
            threads=base.threads,
            observer=base.observer,
            session=base.session,
        )
        self._stopping = asyncio.Event()
        self._parts: ConsoleParts
        self._console: Console

    async def load(self) -> None:
        """Read words, templates and keys; raises `ConfigurationError`."""
        self._parts = await console_parts(self._base.settings, self._kept, self._world)

    def _routes(self, health: Health) -> tuple[Route, ...]:
        """The whole table of pages, beside the log-in's own."""
        pages = self._pages()
        office = office_parts(
            self._base,
            self._parts,
            tokens=self._tokens,
            ready=health.ready,
            freshness=pages.freshness,
            surroundings=self._surroundings,
        )
        machine = machine_parts(self._base, self._networks, self._departing, pages)
        return (*machine_routes(machine), *page_routes(pages), *office_routes(office))

    def _pages(self) -> PageParts:
        base, memory = self._base, self._base.memory
        us = base.settings.participant
        return PageParts(
            pages=self._parts.pages,
            reasons=self._parts.reasons,
            overview=memory.overview,
            desk=self._desk,
            outbox=self._departing.desk,
            journal=memory.journal,
            parked=memory.tasks,
            blobs=memory.blobs,
            changes=memory.tasks,
            clock=base.clock,
            threads=base.threads,
            zone=ZoneInfo(base.settings.calendar.zone),
            own=values.own_party(base.settings),
            contact=", ".join(filter(None, (us.phone, us.email))),
            stopping=self._stopping,
            surroundings=self._surroundings,
            notebook=DutyNotebook(
                notebook=memory.notebook,
                accounts=memory.accounts,
                receiver=people.receiver,
                clock=base.clock,
                zone=ZoneInfo(base.settings.calendar.zone),
            ),
        )

    def application(self, health: Health, metrics: Metrics, standing: Standing) -> web.Application:
        """Return what the operators' listener serves."""
        base = self._base
        application = Operators(
            health=health,
            metrics=metrics,
            store=base.memory.store,
            directory=AllDirectories(self._networks.directories),
            clock=base.clock,
            threads=base.threads,
            standing=standing,
        ).application()
        settings, table = base.settings, self._routes(health)
        self._console = build_console(settings, self._kept, self._world, self._parts, table)
        self._console.install(application)
        return application

    def door(self) -> AbstractAsyncContextManager[None]:
        """Return the local door by which `depesha user` reaches a running gateway."""
        return open_door(self._parts.keeper, sockets_of(self._base.settings))

    def clockworks(self) -> tuple[Clockwork, ...]:
        """Return the removal of log-ins that have ended."""
        return (Clockwork(name="sessions", seconds=SWEEP_SECONDS, job=self._parts.entrance.sweep),)

    def stop(self) -> None:
        """Let live pages go, before the listeners close. Twice is safe."""
        self._stopping.set()
