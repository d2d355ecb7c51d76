"""The page of the quarantine: which refused bytes lie encrypted, and until when. Opens nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from depesha.monitoring.console.access.routes import Route
from depesha.monitoring.console.pages.title import Title, title_of
from depesha.schemas.people import Action

if TYPE_CHECKING:
    from aiohttp import web

    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.console.machine.parts import MachineParts
    from depesha.monitoring.console.pages.looking import Looks
    from depesha.schemas.overview import QuarantineItem

_AFTER = re.compile(r"[0-9]{1,20}\.[0-9a-f]{64}")
PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedLine:
    """One refused original."""

    item: QuarantineItem
    title: Title | None
    """None where its message is not known any more."""
    network: str


class QuarantinePages:
    """Handler of the quarantine's page."""

    def __init__(self, parts: MachineParts, looks: Looks) -> None:
        self._in = parts
        self._looks = looks

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this page."""
        see = Action.SEE_STATE
        return (Route(method="GET", path="/quarantine", handler=self.show, needs=see),)

    async def show(self, visit: Visit) -> web.StreamResponse:
        """Show a page, the soonest to be destroyed first."""
        parts, tell = self._in, self._in.tell(visit)
        after, sees = visit.request.query.get("after", ""), visit.may(Action.SEE_SUBJECT)
        page = await parts.pages.overview.quarantine(after if _AFTER.fullmatch(after) else "", PAGE)
        lines = tuple(
            SealedLine(
                item=item,
                title=None if item.message is None else title_of(item.message, tell, sees=sees),
                network="" if item.message is None else item.message.network,
            )
            for item in page.items
        )
        await self._looks.note(visit, "quarantine", shown=len(lines))
        return await parts.pages.pages.show(
            visit, "quarantine.html", lines=lines, next=page.next, tell=tell
        )
