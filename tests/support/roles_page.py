"""docs/operations/roles.md, written from the console's own tables.

`python -m tests.support.roles_page` writes it anew; a test compares it with what is served.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from aiohttp import web

from depesha.monitoring.console.access.routes import Door, Route
from depesha.schemas.people import PERMISSIONS, Action, Right, Role
from tests.support.console_whole import whole

PAGE = Path(__file__).parents[2] / "docs" / "operations" / "roles.md"
_MARKS = {Right.YES: "yes", Right.WITH_REASON: "with reason", Right.NO: "–"}
_DOORS = {Door.ANYBODY: "anybody", Door.PERSON: "whoever is logged in"}
_HEAD = """\
# What each role may do

Written from the tables that the console goes by (`schemas/people.py` and the routes themselves) by
`make roles`; a test compares them, and asks every address as every role, as nobody, half logged in,
before a forced change of password, blocked, and after the log-in has ended.

What does not stand here is forbidden. "With reason" opens after purpose and ground were named and
are in the evidence. Every refusal for lack of a right is evidence, too.

## Actions

"""
_PAGES = """
## Pages and deeds

A page needs exactly one of the actions above. Beside it, everywhere: without the right
`see-subject` no subject, name, number of others, or file name is shown, whatever the page.

"""
_LISTENER = """
## Beside the console

On the same listener, for monitoring, without a log-in and without a word about documents or people:
"""


def page(routes: Iterable[Route], application: web.Application) -> str:
    """Return the whole page."""
    table = tuple(routes)
    own = {route.pattern for route in table}
    beside = {one.canonical for one in application.router.resources()} - {
        route.path for route in table
    }
    assert not {one for one in beside if one in own}
    named = ", ".join(f"`{one}`" for one in sorted(beside))
    return "".join(
        (_HEAD, *_actions(), _PAGES, *_routes(table), _LISTENER, f"{named}.\n"),
    )


def _actions() -> Iterator[str]:
    yield _row("Action", *Role)
    yield _row(*["---"] * (len(Role) + 1))
    for action in Action:
        marks = (_MARKS[PERMISSIONS[role].get(action, Right.NO)] for role in Role)
        yield _row(f"`{action}`", *marks)


def _routes(routes: Iterable[Route]) -> Iterator[str]:
    yield _row("Address", "How", "Needs", *Role)
    yield _row(*["---"] * (len(Role) + 3))
    found: dict[tuple[str, str], list[str]] = {}
    for route in routes:
        found.setdefault((route.path, str(route.needs)), []).append(route.method)
    for (path, needs), methods in sorted(found.items()):
        yield _row(f"`{path}`", ", ".join(sorted(methods)), *_needs(needs))


def _needs(needs: str) -> Iterator[str]:
    if needs in set(Door):
        yield _DOORS[Door(needs)]
        yield from ["yes"] * len(Role)
        return
    yield f"`{needs}`"
    yield from (_MARKS[PERMISSIONS[role].get(Action(needs), Right.NO)] for role in Role)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


async def _write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with whole(Path(folder), openid=True) as here:
            PAGE.write_text(page(here.routes, here.application), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(_write())
