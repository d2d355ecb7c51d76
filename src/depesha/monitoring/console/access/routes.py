"""The words of the console's route table: what a route needs, and who visits. No handlers here.

Every page must say what it needs: there is no default, so none can be forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from depesha.schemas.people import Action, Right

if TYPE_CHECKING:
    from datetime import datetime

    from aiohttp import web

    from depesha.monitoring.console.access.doors import Present

_NAMED = re.compile(r"\{(\w+)\}")
_SEGMENT = r"[A-Za-z0-9._-]{1,128}"


class Door(StrEnum):
    """What a route needs where it needs no right."""

    ANYBODY = "anybody"
    """Log-in pages, style sheets. Forms are bound to a cookie of their own."""
    PERSON = "person"
    """Whoever is logged in: the own account."""


Needs = Action | Door


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request that passed the guard, and who makes it."""

    request: web.Request = field(repr=False)
    language: str
    now: datetime
    form_token: str = field(repr=False)
    """To stand in every form as the hidden field `form_token`."""
    address: str
    present: Present | None = None
    """None only behind `Door.ANYBODY`."""
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The fields of a POST; each at most once."""
    rights: Mapping[Action, Right] = field(default_factory=dict)
    """Of this person in this session; all actions are named."""
    token: str = field(default="", repr=False)
    """The session's; of strangers, the secret their forms are bound to."""

    @property
    def login(self) -> str:
        """Whose evidence it is; empty for nobody."""
        return "" if self.present is None else self.present.person.login

    @property
    def actor(self) -> str:
        """How evidence names the visitor."""
        return f"person:{self.login}" if self.login else "nobody"

    def may(self, action: Action) -> bool:
        """Tell whether the action is open, with a reason or without."""
        return self.rights.get(action, Right.NO) is not Right.NO


Handler = Callable[[Visit], Awaitable["web.StreamResponse"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method on one path. Whatever changes something is a POST."""

    method: Literal["GET", "POST"]
    path: str
    """With parts in braces, which match letters, digits and `. _ -`."""
    handler: Handler
    needs: Needs
    while_forced: bool = False
    """Open also to a person who must first change the password or enrol the second factor."""
    forms: bool = False
    """Shows strangers a form: their browser is given a cookie to bind it to."""

    @property
    def pattern(self) -> str:
        """The path as aiohttp takes it."""
        return _NAMED.sub(rf"{{\1:{_SEGMENT}}}", self.path)


class LocalPaths:
    """The pages that a log-in may lead to: those of the table, and no address elsewhere."""

    def __init__(self, routes: Sequence[Route]) -> None:
        pages = (r.path for r in routes if r.method == "GET" and r.needs is not Door.ANYBODY)
        self._allowed = [re.compile(_expression(path)) for path in pages]

    def checked(self, wanted: str) -> str:
        """Return the path where it is one of ours; otherwise the home page."""
        if any(one.fullmatch(wanted) for one in self._allowed):
            return wanted
        return "/"


def _expression(path: str) -> str:
    """The path as an expression; text between braces is taken literally."""
    parts = _NAMED.split(path)
    literal = [re.escape(part) if at % 2 == 0 else _SEGMENT for at, part in enumerate(parts)]
    return "".join(literal)
