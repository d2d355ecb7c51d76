"""The page of the evidence: its seals, a proof of the whole chain, the way to a document's pack."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from aiohttp import web

from depesha.errors import UnknownMessageError, WireError
from depesha.monitoring.console.access.routes import Route
from depesha.monitoring.console.machine.proving import Prover
from depesha.schemas.evidence import canonical
from depesha.schemas.ids import message_id
from depesha.schemas.people import Action

if TYPE_CHECKING:
    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.console.machine.parts import MachineParts
    from depesha.monitoring.console.pages.looking import Looks

PAGE = 25
_DIGITS = 15
_REFUSED = 400


class SealPages:
    """Handlers of the evidence's pages."""

    def __init__(self, parts: MachineParts, looks: Looks) -> None:
        self._in = parts
        self._looks = looks
        self._prover = Prover(parts)

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of these pages."""
        needs = Action.SEE_EVIDENCE
        return (
            Route(method="GET", path="/seals", handler=self.list, needs=needs),
            Route(method="POST", path="/seals", handler=self.verify, needs=needs),
            Route(method="GET", path="/seals/pack", handler=self.pack, needs=needs),
            Route(method="GET", path="/seals/file/{number}", handler=self.file, needs=needs),
        )

    async def list(self, visit: Visit) -> web.StreamResponse:
        """Show a page of seals, newest first, and how the chain stands."""
        return await self._list(visit)

    async def verify(self, visit: Visit) -> web.StreamResponse:
        """Verify the whole chain now."""
        await self._prover.start(visit)
        return web.Response(status=303, headers={"Location": "/seals"})

    async def pack(self, visit: Visit) -> web.StreamResponse:
        """Lead to the page that hands out a document's pack, with purpose and ground."""
        asked = visit.request.query.get("id", "").strip()
        try:
            name = message_id(asked)
            await self._in.pages.overview.story(name)
        except (ValueError, WireError, UnknownMessageError):
            return await self._list(visit, "rule.pack-id", asked)
        return web.Response(status=303, headers={"Location": f"/documents/{name}/evidence"})

    async def file(self, visit: Visit) -> web.StreamResponse:
        """Hand out one seal, to be kept elsewhere: there is nobody's data in it."""
        wanted = visit.request.match_info["number"]
        number = int(wanted) if wanted.isascii() and wanted.isdecimal() else 0
        if not number or len(wanted) > _DIGITS:
            raise UnknownMessageError("there is no such seal")
        found = await self._in.pages.overview.seals(number + 1, 1)
        if not found or found[0].number != number:
            raise UnknownMessageError("there is no such seal")
        await self._looks.note(visit, "seal")
        return web.Response(
            body=canonical(asdict(found[0])),
            headers={
                "Content-Type": "application/octet-stream",
                "Content-Disposition": f'attachment; filename="seal-{number}.json"',
            },
        )

    async def _list(self, visit: Visit, fault: str = "", asked: str = "") -> web.Response:
        parts = self._in
        before = visit.request.query.get("before", "")
        last = int(before) if before.isascii() and before.isdecimal() else 0
        overview = parts.pages.overview
        seals = await overview.seals(last if len(before) <= _DIGITS else 0, PAGE)
        home = await overview.home(parts.pages.midnight(visit.now), 1)
        await self._looks.note(visit, "seals")
        return await parts.pages.pages.show(
            visit,
            "seals.html",
            status=_REFUSED if fault else 200,
            seals=[(seal, datetime.fromisoformat(seal.at)) for seal in seals],
            next=seals[-1].number if len(seals) == PAGE and seals[-1].number > 1 else 0,
            sealing=home.sealing,
            since=self._prover.since,
            proof=self._prover.last,
            fault=fault,
            asked=asked,
            tell=parts.tell(visit),
        )
