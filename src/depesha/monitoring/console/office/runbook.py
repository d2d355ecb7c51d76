"""The runbook: one page for every red or yellow thing (`console/helping.py` tells which).

The words are `runbook.<key>.<part>` of the catalogues; what is done now stands line by line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.errors import UnknownMessageError
from depesha.monitoring.alarms import ALARMS
from depesha.monitoring.console.access.routes import Route
from depesha.monitoring.console.helping import KEYS
from depesha.schemas.people import Action

if TYPE_CHECKING:
    from aiohttp import web

    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.console.office.parts import OfficeParts

PARTS = ("means", "fault", "waiting", "now", "deadline")
"""Meaning, fault, whether waiting helps, what to do, and what the citizen's term does."""


class RunbookPages:
    """Handlers of the runbook."""

    def __init__(self, parts: OfficeParts) -> None:
        self._in = parts

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of these pages."""
        needs = Action.SEE_STATE
        return (
            Route(method="GET", path="/runbook", handler=self.list, needs=needs),
            Route(method="GET", path="/runbook/{key}", handler=self.show, needs=needs),
        )

    async def list(self, visit: Visit) -> web.StreamResponse:
        """Show all pages by title."""
        severities = {alarm.key: alarm.severity for alarm in ALARMS}
        return await self._in.pages.show(visit, "runbook.html", keys=KEYS, severities=severities)

    async def show(self, visit: Visit) -> web.StreamResponse:
        """Show one page."""
        key = visit.request.match_info["key"]
        if key not in KEYS:
            raise UnknownMessageError("there is no such page of the runbook")
        return await self._in.pages.show(visit, "runbook_page.html", key=key, parts=PARTS)
