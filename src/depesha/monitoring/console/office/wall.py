"""The wall screen: how everything stands, big and dark, for a room. No subjects, whoever looks.

A person sees it by his log-in at `/wall`; a screen that nobody stands at by a pass of its own at
`/wall/screen`. Both say when they last heard of the gateway.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from depesha.monitoring.console.access.routes import Door, Route
from depesha.monitoring.console.office.wall_passes import WallPass, WallPasses
from depesha.monitoring.console.pages.home_view import HomeView, home_view
from depesha.schemas.overview import Need, NeedItem
from depesha.schemas.people import Action

if TYPE_CHECKING:
    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.console.office.parts import OfficeParts
    from depesha.monitoring.console.pages.telling import Teller
    from depesha.schemas.overview import Home

COOKIE = "depesha-wall"
KEEP_SECONDS = 2.0
"""However many screens there are, the store is asked once in this time."""
LOOK_SECONDS = 5
"""A screen asks anew after so long; without JavaScript after `RELOAD_SECONDS`."""
RELOAD_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedTile:
    """One kind of need: how many, and by when the most urgent is promised."""

    need: Need
    count: int
    deadline: datetime | None
    overdue: bool


def tiles(home: Home) -> tuple[NeedTile, ...]:
    """Return what needs people, the most urgent kind first."""
    first: dict[Need, NeedItem] = {}
    for item in home.needs:
        first.setdefault(item.need, item)
    found = [
        NeedTile(
            need=one.need,
            count=one.count,
            deadline=first[one.need].deadline if one.need in first else None,
            overdue=one.need in first and first[one.need].deadline <= home.at,
        )
        for one in home.need_counts
        if one.count
    ]
    return tuple(sorted(found, key=lambda one: (one.deadline is None, one.deadline or home.at)))


class WallPages:
    """Handlers of the wall."""

    def __init__(self, parts: OfficeParts) -> None:
        self._in = parts
        self._passes = WallPasses(parts)
        self._lock = asyncio.Lock()
        self._last: tuple[float, Home] | None = None

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of the wall."""
        see, any_ = Action.SEE_STATE, Door.ANYBODY
        return (
            Route(method="GET", path="/wall", handler=self.show, needs=see),
            Route(method="GET", path="/wall/screen", handler=self.screen, needs=any_, forms=True),
            Route(method="POST", path="/wall/screen", handler=self.enter, needs=any_),
        )

    async def show(self, visit: Visit) -> web.StreamResponse:
        """Show it to a person."""
        return await self._wall(visit)

    async def screen(self, visit: Visit) -> web.StreamResponse:
        """Show it to a screen with a pass; ask any other for its code."""
        if await self._pass(visit) is None:
            return await self._asking(visit)
        return await self._wall(visit)

    async def enter(self, visit: Visit) -> web.StreamResponse:
        """Let a screen in by its code."""
        addresses = self._in.addresses
        if addresses.wait(visit.address):
            return await self._asking(visit, HTTPStatus.TOO_MANY_REQUESTS, "wall.too-many")
        entered = await self._passes.enter(visit.form.get("code", "")[:64], visit.now)
        if entered is None:
            addresses.failed(visit.address)
            return await self._asking(visit, HTTPStatus.FORBIDDEN, "rule.wall-code")
        wall, token = entered
        response = web.Response(status=303, headers={"Location": "/wall/screen"})
        left = datetime.fromisoformat(wall.until) - visit.now
        self._in.cookies.set(response, COOKIE, token, seconds=int(left.total_seconds()))
        return response

    async def _pass(self, visit: Visit) -> WallPass | None:
        token = self._in.cookies.read(visit.request, COOKIE)
        return await self._passes.of_token(token, visit.now) if token else None

    async def _asking(self, visit: Visit, status: int = 200, fault: str = "") -> web.Response:
        return await self._in.pages.show(visit, "wall_code.html", status=status, fault=fault)

    async def _wall(self, visit: Visit) -> web.Response:
        home, ready = await asyncio.gather(self._home(visit.now), self._in.ready())
        tell = self._in.tell(visit)
        return await self._in.pages.show(
            visit,
            "wall.html",
            view=self._view(home, tell),
            tiles=tiles(home),
            ready=ready,
            tell=tell,
            look=LOOK_SECONDS,
            reload=RELOAD_SECONDS,
        )

    def _view(self, home: Home, tell: Teller) -> HomeView:
        """Nobody's rights: so no subject and no reason can stand in it."""
        return home_view(home, tell, self._in.freshness, {}, self._in.surroundings())

    async def _home(self, now: datetime) -> Home:
        async with self._lock:
            moment = self._in.clock.monotonic()
            if self._last is None or moment - self._last[0] >= KEEP_SECONDS:
                home = await self._in.overview.home(self._in.midnight(now))
                self._last = (moment, home)
            return self._last[1]
