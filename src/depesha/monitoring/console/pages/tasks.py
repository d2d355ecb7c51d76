"""Starting parked work again: a page that says the effect, and the deed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from depesha.errors import UnknownMessageError
from depesha.monitoring.console.access.routes import Route
from depesha.monitoring.console.pages.telling import Teller
from depesha.schemas.message import EvidenceKind, NewEvidence
from depesha.schemas.people import Action

if TYPE_CHECKING:
    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.console.pages.parts import PageParts
    from depesha.schemas.message import Parked

_MOST = 1000
_DIGITS = 18


class TaskPage:
    """Handlers of one parked task."""

    def __init__(self, parts: PageParts) -> None:
        self._in = parts

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of these pages."""
        path, needs = "/tasks/{task}/unpark", Action.OPERATE
        return (
            Route(method="GET", path=path, handler=self.ask, needs=needs),
            Route(method="POST", path=path, handler=self.unpark, needs=needs),
        )

    async def ask(self, visit: Visit) -> web.StreamResponse:
        """Say what will happen."""
        task = await self._task(visit)
        return await self._in.pages.show(
            visit,
            "unpark.html",
            task=task,
            reason=task.reason if visit.may(Action.SEE_SUBJECT) else "",
            tell=Teller(language=visit.language, zone=self._in.zone, now=visit.now),
        )

    async def unpark(self, visit: Visit) -> web.StreamResponse:
        """Make it due now."""
        task = await self._task(visit)
        row = NewEvidence(
            kind=EvidenceKind.UNPARKED,
            at=visit.now,
            message_id=None,
            actor=visit.actor,
            facts={"task": task.task_id},
        )
        await self._in.parked.unpark(task.task_id, row)
        target = "/" if task.message_id is None else f"/documents/{task.message_id}?done=unpark"
        return web.Response(status=303, headers={"Location": target})

    async def _task(self, visit: Visit) -> Parked:
        wanted = visit.request.match_info["task"]
        for task in await self._in.parked.parked(_MOST):
            if len(wanted) <= _DIGITS and str(task.task_id) == wanted:
                return task
        raise UnknownMessageError("there is no such parked task")
