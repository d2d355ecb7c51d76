"""Passes of wall screens: a screen that nobody stands at has no log-in of anybody's.

A pass opens `/wall/screen` and nothing else: counts and ages, never what a document is about. Its
code is typed in once at the screen and shown once to who issues it; only hashes are kept.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aiohttp import web

from depesha.errors import RuleError, StorageError, UnknownMessageError
from depesha.monitoring.console.access.cookies import same
from depesha.monitoring.console.access.routes import Route
from depesha.monitoring.console.office.forms import Typed
from depesha.schemas.message import EvidenceKind, NewEvidence
from depesha.schemas.people import Action

if TYPE_CHECKING:
    from collections.abc import Mapping

    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.console.office.parts import OfficeParts

AREA = "walls"
MOST, MOST_DAYS = 50, 365
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_REFUSED = 400
_GROUPS, _GROUP = 5, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class WallPass:
    """One screen's right to show how everything stands."""

    name: str
    by: str
    until: str
    """ISO 8601."""
    code: str
    """Hash of the code that is typed in; empty once it was."""
    token: str = ""
    """Hash of what the screen's browser holds; empty until the code was typed in."""

    def stands(self, now: datetime) -> bool:
        """Tell whether it opens anything now."""
        return now < datetime.fromisoformat(self.until)


class WallPasses:
    """The passes in the notebook."""

    def __init__(self, parts: OfficeParts) -> None:
        self._in = parts

    async def all(self) -> tuple[WallPass, ...]:
        """Return all passes by name."""
        return tuple(_passes(await self._in.notebook.read(AREA)).values())

    async def of_token(self, token: str, now: datetime) -> WallPass | None:
        """Return the pass whose screen this is."""
        digest = hashed(token)
        found = [one for one in await self.all() if one.token and same(one.token, digest)]
        return found[0] if found and found[0].stands(now) else None

    async def enter(self, code: str, now: datetime) -> tuple[WallPass, str] | None:
        """Let a screen in by its code, which then opens nothing more; return its new token."""
        digest = hashed("".join(c for c in code.lower() if c.isalnum()))
        found = [one for one in await self.all() if one.code and same(one.code, digest)]
        if not found or not found[0].stands(now):
            return None
        token = self._in.ids.secret()
        entered = WallPass(**{**asdict(found[0]), "code": "", "token": hashed(token)})
        await self.keep(entered, f"machine:wall-{entered.name}", now, "wall-entered")
        return entered, token

    async def keep(self, one: WallPass, actor: str, now: datetime, change: str) -> None:
        """Note a pass with its row."""
        value = json.dumps(asdict(one)).encode()
        await self._in.notebook.write(AREA, one.name, value, _row(one.name, actor, now, change))

    async def drop(self, name: str, actor: str, now: datetime) -> None:
        """Take a pass back; its screen shows nothing from its next look on."""
        row = _row(name, actor, now, "wall-revoked")
        await self._in.notebook.write(AREA, name, None, row)


class WallPassPages:
    """Handlers of the page about passes."""

    def __init__(self, parts: OfficeParts) -> None:
        self._in = parts
        self._passes = WallPasses(parts)

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this page."""
        needs = Action.MANAGE_ACCOUNTS
        return (
            Route(method="GET", path="/walls", handler=self.show, needs=needs),
            Route(method="POST", path="/walls", handler=self.issue, needs=needs),
            Route(method="POST", path="/walls/{name}/revoke", handler=self.revoke, needs=needs),
        )

    async def show(self, visit: Visit) -> web.StreamResponse:
        """List the passes."""
        return await self._page(visit)

    async def issue(self, visit: Visit) -> web.StreamResponse:
        """Make a pass and show its code once."""
        passes = await self._passes.all()
        try:
            name, days = _asked(visit, {one.name for one in passes})
        except RuleError as error:
            return await self._page(visit, f"rule.{error.rule}")
        drawn = hashlib.sha256(self._in.ids.secret().encode()).digest()
        letters = base64.b32encode(drawn).decode().lower()[: _GROUPS * _GROUP]
        until = visit.now + timedelta(days=days)
        made = WallPass(name=name, by=visit.login, until=until.isoformat(), code=hashed(letters))
        await self._passes.keep(made, visit.actor, visit.now, "wall-issued")
        code = "-".join(letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))
        return await self._page(visit, made=name, code=code)

    async def revoke(self, visit: Visit) -> web.StreamResponse:
        """Take a pass back at once."""
        name = visit.request.match_info["name"]
        if name not in {one.name for one in await self._passes.all()}:
            raise UnknownMessageError("there is no such pass")
        await self._passes.drop(name, visit.actor, visit.now)
        return web.Response(status=303, headers={"Location": "/walls"})

    async def _page(
        self, visit: Visit, fault: str = "", made: str = "", code: str = ""
    ) -> web.Response:
        return await self._in.pages.show(
            visit,
            "walls.html",
            status=_REFUSED if fault else 200,
            passes=await self._passes.all(),
            fault=fault,
            made=made,
            code=code,
            typed=Typed(visit.form) if fault else Typed(),
            most_days=MOST_DAYS,
            when=datetime.fromisoformat,
            tell=self._in.tell(visit),
        )


def hashed(secret: str) -> str:
    """Return what is kept of a code or token: 100 bits of chance and more need no slow hash."""
    return hashlib.sha256(f"wall {secret}".encode()).hexdigest()


def _asked(visit: Visit, names: set[str]) -> tuple[str, int]:
    name, days = visit.form.get("name", "").strip().lower(), visit.form.get("days", "").strip()
    if _NAME.fullmatch(name) is None:
        raise RuleError("small letters, digits and -", rule="wall-name")
    if name in names or len(names) >= MOST:
        raise RuleError("the screen has a pass", rule="wall-exists")
    if not days.isascii() or not days.isdecimal() or not 1 <= int(days[:6]) <= MOST_DAYS:
        raise RuleError("days from 1 to 365", rule="wall-days")
    return name, int(days)


def _passes(noted: Mapping[str, bytes]) -> dict[str, WallPass]:
    try:
        return {name: WallPass(**json.loads(value)) for name, value in noted.items()}
    except (ValueError, TypeError):
        raise StorageError("a noted value cannot be read") from None


def _row(name: str, actor: str, now: datetime, change: str) -> NewEvidence:
    return NewEvidence(
        kind=EvidenceKind.NOTED,
        at=now,
        message_id=None,
        actor=actor,
        facts={"area": AREA, "key": name, "change": change},
    )
