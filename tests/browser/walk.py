"""Every page of the console's own table of routes that a person may open, found by its links."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from depesha.app.gateway import Gateway
from depesha.config import load
from depesha.simulators.bodies import PRIMER, SEOS
from tests.support.week import gateway

if TYPE_CHECKING:
    from playwright.async_api import Page

    from depesha.monitoring.console.access.routes import Route

EACH = 2
"""So many pages of one route are looked at by each person."""
MORE = {"/documents/{id}": 60, "/users/{login}": 12}
"""So many are opened for their links: each state offers other deeds."""
NO_PAGES = frozenset(
    {"/static/{digest}/{name}", "/changes", "/seals/file/{number}", "/login/openid"}
)
"""Style sheets, the stream, files to be kept, and the way to a log-in service."""
NOT_LINKED = frozenset({"/login/second", "/seals/pack", "/documents/{id}/do/confirm-fallback"})
"""Reached by forms, or where the settings ask for a yes to every fallback."""
_BRACES = re.compile(r"\{\w+\}")


async def table(folder: Path) -> tuple[Route, ...]:
    """Return the routes of a console as the gateway itself puts them together."""
    process = await asyncio.to_thread(gateway, folder, replace(PRIMER, networks=(SEOS,)))
    async with Gateway(load(process.settings)) as opened:
        side = opened._operators
        side.application(opened._health(), opened._metrics, opened._watching.standing)
        return side._console.routes


def pages_of(routes: tuple[Route, ...]) -> dict[str, re.Pattern[str]]:
    """Return the paths of all pages, each with its expression."""
    return {
        one.path: re.compile(_BRACES.sub("[^/]+", one.path))
        for one in routes
        if one.method == "GET" and one.path not in NO_PAGES
    }


def route_of(path: str, pages: dict[str, re.Pattern[str]]) -> str:
    """Return the route of an address; the most literal one where several fit."""
    fitting = [one for one, pattern in pages.items() if pattern.fullmatch(path)]
    return min(fitting, key=lambda one: one.count("{"), default="")


async def walk(page: Page, pages: dict[str, re.Pattern[str]]) -> AsyncIterator[tuple[str, str]]:
    """Open every page that links lead to; yield its route and address while it is open."""
    waiting, known, looked = ["/"], {"/"}, Counter[str]()
    while waiting:
        address = waiting.pop(0)
        route = route_of(urlsplit(address).path, pages)
        looked[route] += 1
        if not route or looked[route] > MORE.get(route, EACH):
            continue
        answer = await page.goto(address)
        assert answer is not None
        assert answer.status == 200, f"{address}: {answer.status}"
        if looked[route] <= EACH:
            yield route, address
        found: list[str] = await page.evaluate(
            "() => [...document.querySelectorAll('a[href]')].map((a) => a.getAttribute('href'))"
        )
        fresh = [one for one in found if one.startswith("/") and one not in known]
        known.update(fresh)
        waiting += fresh
