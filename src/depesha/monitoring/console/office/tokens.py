"""Tokens of the registry API: who may ask it, how far, used when. A secret is shown once.

What is revoked here is useless at once, for these are the running API's own tokens.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from aiohttp import web

from depesha.errors import DepeshaError, RuleError, UnknownMessageError
from depesha.monitoring.console.access.routes import Route
from depesha.monitoring.console.office.forms import Typed, line
from depesha.schemas.message import EvidenceKind, NewEvidence
from depesha.schemas.people import GROUND_CHARACTERS, Action
from depesha.schemas.tokens import Scope, Token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.console.office.parts import OfficeParts

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
MOST_DAYS = 3650
_REFUSED = 400


class TokenPages:
    """Handlers of the pages about tokens."""

    def __init__(self, parts: OfficeParts) -> None:
        self._in = parts

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of these pages."""
        needs = Action.MANAGE_ACCOUNTS
        revoke = "/tokens/{name}/revoke"
        return (
            Route(method="GET", path="/tokens", handler=self.show, needs=needs),
            Route(method="POST", path="/tokens", handler=self.issue, needs=needs),
            Route(method="GET", path=revoke, handler=self.ask, needs=needs),
            Route(method="POST", path=revoke, handler=self.revoke, needs=needs),
        )

    async def show(self, visit: Visit) -> web.StreamResponse:
        """List all tokens, those that open something first."""
        return await self._page(visit)

    async def _page(self, visit: Visit, fault: str = "") -> web.Response:
        tokens = await self._in.threads.run(self._in.tokens.tokens)
        return await self._in.pages.show(
            visit,
            "tokens.html",
            status=_REFUSED if fault else 200,
            tokens=sorted(tokens, key=lambda one: (not one.valid(visit.now), one.name)),
            scopes=tuple(Scope),
            fault=fault,
            typed=Typed(visit.form) if fault else Typed(),
            done=visit.request.query.get("done", "") == "revoke",
            most_days=MOST_DAYS,
            tell=self._in.tell(visit),
        )

    async def issue(self, visit: Visit) -> web.StreamResponse:
        """Make a token; its row is on disk before it exists, and its secret is shown now only."""
        run, tokens = self._in.threads.run, self._in.tokens
        try:
            name, scopes, days = _name(visit), _scopes(visit), _days(visit)
            ground = line(visit.form, "ground", most=GROUND_CHARACTERS, needed=True)
            _check_free(name, await run(tokens.tokens))
        except RuleError as error:
            return await self._page(visit, f"rule.{error.rule}")
        until = visit.now + timedelta(days=days) if days else None
        facts: dict[str, str | int | float | list[str]] = {
            "scopes": sorted(scopes),
            "ground": ground,
            "until": until.isoformat() if until else "",
        }
        await self._record(visit, name, "token-issued", **facts)
        try:
            token, secret = await run(tokens.create, name, sorted(scopes), until)
        except DepeshaError:
            await self._record(visit, name, "token-not-issued")
            raise
        return await self._in.pages.show(visit, "token_secret.html", token=token, secret=secret)

    async def ask(self, visit: Visit) -> web.StreamResponse:
        """Say what will happen."""
        token = await self._token(visit)
        return await self._in.pages.show(
            visit, "token_revoke.html", token=token, tell=self._in.tell(visit)
        )

    async def revoke(self, visit: Visit) -> web.StreamResponse:
        """Make it useless, first of all; then write it down."""
        token = await self._token(visit)
        await self._in.threads.run(self._in.tokens.revoke, token.name)
        await self._record(visit, token.name, "token-revoked")
        return web.Response(status=303, headers={"Location": "/tokens?done=revoke"})

    async def _token(self, visit: Visit) -> Token:
        wanted = visit.request.match_info["name"]
        for token in await self._in.threads.run(self._in.tokens.tokens):
            if token.name == wanted:
                return token
        raise UnknownMessageError("no token has this name")

    async def _record(
        self, visit: Visit, name: str, change: str, **facts: str | float | list[str]
    ) -> None:
        row = NewEvidence(
            kind=EvidenceKind.ACCOUNT_CHANGED,
            at=visit.now,
            message_id=None,
            actor=visit.actor,
            facts={"account": f"token:{name}", "change": change, **facts},
        )
        await self._in.journal.record(row)


def _name(visit: Visit) -> str:
    name = visit.form.get("name", "").strip()
    if _NAME.fullmatch(name) is None:
        raise RuleError("letters, digits, _ and -", rule="token-name")
    return name


def _check_free(name: str, tokens: Sequence[Token]) -> None:
    if name in {one.name for one in tokens}:
        raise RuleError("a token of this name exists or existed", rule="token-exists")


def _scopes(visit: Visit) -> frozenset[Scope]:
    found = frozenset(scope for scope in Scope if visit.form.get(f"scope-{scope}"))
    if not found:
        raise RuleError("at least one scope", rule="token-scopes")
    return found


def _days(visit: Visit) -> int:
    """Return the days of its life; 0: until it is revoked."""
    text = visit.form.get("days", "").strip()
    if not text:
        return 0
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:6]) <= MOST_DAYS:
        raise RuleError("days from 1 to 3650", rule="token-days")
    return int(text)
