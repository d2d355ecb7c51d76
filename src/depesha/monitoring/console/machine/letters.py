"""The letters left lying in the mailbox: named for a person, and taken off the list by one.

Clearing changes the list alone: the letters stay in the mailbox, unseen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from depesha.monitoring.console.access.routes import Route
from depesha.monitoring.console.machine.acts import operated
from depesha.schemas.people import Action
from depesha.schemas.sentences import plain

if TYPE_CHECKING:
    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.console.machine.parts import MachineParts
    from depesha.monitoring.console.pages.looking import Looks
    from depesha.schemas.letters import LeftLetter

SHOWN = 100
_REFUSED = 400
_PATH = "/channels/email/left"


class LetterPages:
    """Handlers of the list."""

    def __init__(self, parts: MachineParts, looks: Looks) -> None:
        self._in = parts
        self._looks = looks

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this page."""
        return (
            Route(method="GET", path=_PATH, handler=self.show, needs=Action.SEE_STATE),
            Route(method="POST", path=_PATH, handler=self.clear, needs=Action.OPERATE),
        )

    async def show(self, visit: Visit) -> web.StreamResponse:
        """Show the list; senders and subjects to those who may see them."""
        return await self._show(visit)

    async def clear(self, visit: Visit) -> web.StreamResponse:
        """Take the chosen letters off the list, after that is written down."""
        letters = self._in.letters
        known = {letter.key for letter in await self._left()}
        names = (name.removeprefix("letter-") for name in visit.form if name.startswith("letter-"))
        keys = [key for key in names if key in known]
        if letters is None or not keys:
            return await self._show(visit, "rule.letters")
        row = operated(visit, "letters-cleared", network="email", letters=len(keys))
        await self._in.pages.journal.record(row)
        cleared = await letters.clear(keys)
        return web.Response(status=303, headers={"Location": f"{_PATH}?cleared={cleared}"})

    async def _show(self, visit: Visit, fault: str = "") -> web.StreamResponse:
        left, sees = await self._left(), visit.may(Action.SEE_SUBJECT)
        await self._looks.note(visit, "left-letters", shown=len(left[:SHOWN]))
        cleared = visit.request.query.get("cleared", "")
        return await self._in.pages.pages.show(
            visit,
            "left_letters.html",
            status=_REFUSED if fault else 200,
            letters=left[:SHOWN],
            more=max(0, len(left) - SHOWN),
            sees=sees,
            plain=plain,
            fault=fault,
            cleared=cleared if cleared.isdecimal() and len(cleared) < len(str(SHOWN)) + 1 else "",
            tell=self._in.tell(visit),
        )

    async def _left(self) -> tuple[LeftLetter, ...]:
        """Return the list; empty where no mailbox is set up."""
        return () if self._in.letters is None else await self._in.letters.left()
