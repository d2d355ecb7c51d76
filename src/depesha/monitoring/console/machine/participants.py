"""The pages of the participants: who is reached how, what came and went, a route tried dry.

Participants are public bodies; their documents are another page's, with another right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.errors import UnknownMessageError
from depesha.monitoring.console.access.routes import Route
from depesha.monitoring.console.machine.participants_view import (
    Body,
    asked_of,
    bodies_of,
    body_of,
    body_view,
)
from depesha.schemas.dispatch import Dispatch
from depesha.schemas.envelope import DocumentReference, Party
from depesha.schemas.ids import Guid
from depesha.schemas.overview import Direction, LineQuery, PeerQuery
from depesha.schemas.people import Action

if TYPE_CHECKING:
    from aiohttp import web

    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.console.machine.parts import MachineParts
    from depesha.monitoring.console.pages.looking import Looks

_NOTHING = Guid("00000000-0000-0000-0000-000000000000")


class ParticipantPages:
    """Handlers of the participants' pages."""

    def __init__(self, parts: MachineParts, looks: Looks) -> None:
        self._in = parts
        self._looks = looks

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of these pages."""
        see, one = Action.SEE_STATE, "/participants/{identifier}"
        return (
            Route(method="GET", path="/participants", handler=self.list, needs=see),
            Route(method="GET", path=one, handler=self.show, needs=see),
            Route(method="GET", path=f"{one}/route", handler=self.explain, needs=see),
        )

    async def list(self, visit: Visit) -> web.StreamResponse:
        """Show a page of bodies."""
        parts = self._in
        asked = asked_of(visit.request.query, parts.directories)
        bodies = await parts.pages.threads.run(bodies_of, asked, parts.directories)
        traffic = {
            body.identifier: found[0]
            for body in bodies.found
            if (found := await parts.pages.overview.peers(PeerQuery(peer=body.identifier)))
        }
        await self._looks.note(visit, "participants", shown=len(bodies.found))
        return await parts.pages.pages.show(
            visit,
            "participants.html",
            asked=asked,
            bodies=bodies,
            traffic=traffic,
            registers={network: one.state() for network, one in parts.directories.items()},
            tell=parts.tell(visit),
        )

    async def show(self, visit: Visit) -> web.StreamResponse:
        """Show everything known of one body."""
        parts, body = self._in, self._body(visit)
        overview = parts.pages.overview
        traffic = await overview.peers(PeerQuery(peer=body.identifier))
        query = LineQuery(peer=body.identifier, direction=Direction.IN, limit=1)
        last = await overview.lines(query)
        await self._looks.note(visit, "participant")
        return await parts.pages.pages.show(
            visit,
            "participant.html",
            view=body_view(
                body,
                traffic[0] if traffic else None,
                last,
                visit.now,
                sees=visit.may(Action.SEE_SUBJECT),
            ),
            tell=parts.tell(visit),
        )

    async def explain(self, visit: Visit) -> web.StreamResponse:
        """Show by which road a document to this body would go now; nothing is sent or stored."""
        parts, body = self._in, self._body(visit)
        guid = next((entry.guid for entry in body.entries.values()), None)
        imagined = Dispatch(
            idempotency_key="console",
            submitted_at=visit.now,
            sender=parts.pages.own,
            recipient=Party(identifier=body.identifier, name=body.name, guid=guid),
            document=DocumentReference(guid=_NOTHING),
            kind="",
        )
        explained = await parts.pages.outbox.explain(imagined, visit.language)
        await self._looks.note(visit, "route")
        return await parts.pages.pages.show(
            visit, "route.html", body=body, explained=explained, tell=parts.tell(visit)
        )

    def _body(self, visit: Visit) -> Body:
        found = body_of(visit.request.match_info["identifier"], self._in.directories)
        if found is None:
            raise UnknownMessageError("no register names this body")
        return found
