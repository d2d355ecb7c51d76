"""Settings as running, each with where its value comes from. No secrets; changes nothing."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from depesha.monitoring.console.access.routes import Route
from depesha.schemas.people import Action

if TYPE_CHECKING:
    from aiohttp import web

    from depesha.config import Source
    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.console.office.parts import OfficeParts


class SettingsPage:
    """The page of the running settings."""

    def __init__(self, parts: OfficeParts) -> None:
        self._in = parts

    def routes(self) -> tuple[Route, ...]:
        """Return the route of this page."""
        needs = Action.SEE_SETTINGS
        return (Route(method="GET", path="/settings", handler=self.show, needs=needs),)

    async def show(self, visit: Visit) -> web.StreamResponse:
        """Show every value, or with `?set=1` those that somebody set."""
        sources = await self._in.threads.run(self._in.settings)
        own = visit.request.query.get("set", "") == "1"
        shown = [one for one in sources if not own or one.origin != "default"]
        return await self._in.pages.show(
            visit,
            "settings.html",
            groups=grouped(shown),
            file=self._in.settings_file,
            own=own,
            shown=len(shown),
            all=len(sources),
        )


def grouped(sources: list[Source]) -> tuple[tuple[str, tuple[Source, ...]], ...]:
    """Return the values by section, networks each by itself, in the file's order."""
    return tuple((name, tuple(group)) for name, group in groupby(sources, key=_section))


def _section(source: Source) -> str:
    parts = source.key.split(".")
    return ".".join(parts[:2]) if parts[0] == "networks" else parts[0]
