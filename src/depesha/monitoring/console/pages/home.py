"""The home page: is all well, and what needs me? One look at the facts, one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.monitoring.console.access.routes import Route
from depesha.monitoring.console.pages.attention import notes_of
from depesha.monitoring.console.pages.home_view import home_view
from depesha.monitoring.console.pages.telling import Teller
from depesha.schemas.people import Action

if TYPE_CHECKING:
    from aiohttp import web

    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.console.pages.looking import Looks
    from depesha.monitoring.console.pages.parts import PageParts


class HomePage:
    """Shows how everything stands."""

    def __init__(self, parts: PageParts, looks: Looks) -> None:
        self._in = parts
        self._looks = looks

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this page."""
        return (Route(method="GET", path="/", handler=self.show, needs=Action.SEE_STATE),)

    async def show(self, visit: Visit) -> web.StreamResponse:
        """Show the page; subjects shown in the list are a look, and written down."""
        home = await self._in.overview.home(self._in.midnight(visit.now))
        if visit.may(Action.SEE_SUBJECT) and any(need.document for need in home.needs):
            await self._looks.note(visit, "home", shown=len(home.needs))
        tell = Teller(language=visit.language, zone=self._in.zone, now=home.at)
        around = self._in.surroundings()
        notes = await notes_of(self._in.notebook)
        view = await self._in.threads.run(
            home_view, home, tell, self._in.freshness, visit.rights, around, notes
        )
        return await self._in.pages.show(visit, "home.html", view=view, tell=tell)
