"""The page of the queue: ages, never lengths, and the work that waits for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.monitoring.console.access.routes import Route
from depesha.monitoring.console.machine.queue_view import age_lines, parked_lines
from depesha.schemas.attending import load_attentions
from depesha.schemas.notes import Area
from depesha.schemas.people import Action

if TYPE_CHECKING:
    from aiohttp import web

    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.console.machine.parts import MachineParts
    from depesha.monitoring.console.pages.looking import Looks

SHOWN = 100


class QueuePage:
    """Handler of the queue's page; work is started again on the task's own page."""

    def __init__(self, parts: MachineParts, looks: Looks) -> None:
        self._in = parts
        self._looks = looks

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this page."""
        return (Route(method="GET", path="/queue", handler=self.show, needs=Action.SEE_STATE),)

    async def show(self, visit: Visit) -> web.StreamResponse:
        """Show the page."""
        parts = self._in
        ages = await parts.pages.overview.queue()
        parked = await parts.pages.parked.parked(SHOWN + 1)
        taken = load_attentions(await parts.notebook.read(Area.TAKEN))
        await self._looks.note(visit, "queue")
        return await parts.pages.pages.show(
            visit,
            "queue.html",
            ages=age_lines(ages, visit.now),
            parked=parked_lines(parked[:SHOWN], taken, sees=visit.may(Action.SEE_SUBJECT)),
            more=len(parked) > SHOWN,
            tell=parts.tell(visit),
        )
