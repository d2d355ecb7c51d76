"""One box that finds a document by what a clerk knows of it. Reads a query, shows what was found.

What was typed is written nowhere; that somebody searched, and how much was shown, is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from depesha.monitoring.console.access.routes import Route
from depesha.monitoring.console.pages.telling import Teller
from depesha.monitoring.console.pages.title import Title, title_of
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.overview import Direction, Line, LineQuery, Lines
from depesha.schemas.overview_filing import side_in, side_out
from depesha.schemas.people import Action

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.console.pages.looking import Looks
    from depesha.monitoring.console.pages.parts import PageParts
    from depesha.schemas.overview import DocumentState

WORDS_CHARACTERS = 200
LIMIT = 50
NETWORKS = ("seos", "ssev", "isds", "sevovv", "email")
_CODE = 40
SIDES = ("waiting", "held", "unclear", "registered", "confirmed", "refused")
"""How documents stand, in the words of the closing balance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the form holds."""

    words: str = ""
    way: str = ""
    network: str = ""
    side: str = ""
    after: str = ""

    @property
    def query(self) -> LineQuery:
        """Return what the overview is asked."""
        return LineQuery(
            words=self.words,
            direction=Direction(self.way) if self.way else None,
            states=states_of(self.side),
            networks=(self.network,) if self.network else (),
            after=self.after,
            limit=LIMIT,
        )

    def address(self, after: str) -> str:
        """Return the address of the page after a cursor."""
        fields = {
            "q": self.words,
            "way": self.way,
            "network": self.network,
            "side": self.side,
            "after": after,
        }
        return "/search?" + urlencode({name: value for name, value in fields.items() if value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One document that was found."""

    line: Line
    title: Title
    state: str


def asked_of(fields: Mapping[str, str]) -> Asked:
    """Read the form; what is no choice of ours is not asked."""
    way, side, after = fields.get("way", ""), fields.get("side", ""), fields.get("after", "")
    network = fields.get("network", "")[:_CODE]
    return Asked(
        words=" ".join(fields.get("q", "")[:WORDS_CHARACTERS].split()),
        way=way if way in set(Direction) else "",
        network=network if network.isascii() and network.isalnum() else "",
        side=side if side in SIDES else "",
        after=after if after.isascii() and after.isdigit() and len(after) <= _CODE else "",
    )


def states_of(side: str) -> tuple[DocumentState, ...]:
    """Return the states of both directions that stand so; none: all."""
    if not side:
        return ()
    coming = tuple(state for state in InboundState if side_in(state) == side)
    return (*coming, *(state for state in OutboundState if side_out(state) == side))


class SearchPage:
    """Shows the box and what it finds."""

    def __init__(self, parts: PageParts, looks: Looks) -> None:
        self._in = parts
        self._looks = looks

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this page."""
        return (Route(method="GET", path="/search", handler=self.show, needs=Action.SEE_SUBJECT),)

    async def show(self, visit: Visit) -> web.StreamResponse:
        """Show a page of documents, newest first."""
        asked = asked_of(visit.request.query)
        lines: Lines = await self._in.overview.lines(asked.query)
        tell = Teller(language=visit.language, zone=self._in.zone, now=visit.now)
        found = tuple(
            Found(
                line=line,
                title=title_of(line.document, tell, sees=True),
                state=tell.state(line.document.state),
            )
            for line in lines.lines
        )
        await self._looks.note(visit, "search", shown=len(found))
        return await self._in.pages.show(
            visit,
            "search.html",
            asked=asked,
            found=found,
            next=asked.address(lines.next) if lines.next else "",
            sides=SIDES,
            networks=NETWORKS,
            tell=tell,
        )
