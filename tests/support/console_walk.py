"""Every address of the console: what the parts of its paths stand for, and a way to ask for it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import aiohttp
from yarl import URL

from depesha.monitoring.console.access.routes import Route
from depesha.schemas.message import EvidenceKind, NewEvidence
from depesha.schemas.people import PERMISSIONS, Action, Role
from depesha.schemas.tokens import Scope
from tests.support.console import Browser
from tests.support.console_plant import (
    ADMITTED,
    DECLINED,
    HELD,
    NUMBERED,
    PARKED,
    PEER_EIK,
    Planted,
    Word,
    left,
    plant,
    register_of,
)
from tests.support.console_whole import Whole, whole
from tests.support.memory import id_of
from tests.support.outbound_memory import out_id

_PART = re.compile(r"\{(\w+)\}")
TOKEN, WALL = "planted", "hall"


@dataclass(frozen=True)
class Places:
    """What the parts of paths stand for in one planted console."""

    values: dict[str, tuple[str, ...]]

    def addresses(self, route: Route) -> tuple[str, ...]:
        """Return the route's addresses; one that nobody has told a value for is a mistake."""
        named = _PART.findall(route.path)
        key = next((k for k in (route.path, *_heads(route.path)) if k in self.values), "")
        if not named:
            return (route.path,)
        assert key, f"say in console_walk.py what the parts of {route.path} stand for"
        return tuple(_filled(route.path, value.split("|")) for value in self.values[key])


def _heads(path: str) -> Iterator[str]:
    """The path's beginnings, the longest first."""
    parts = path.split("/")
    for length in range(len(parts) - 1, 1, -1):
        yield "/".join(parts[:length])


def _filled(path: str, values: list[str]) -> str:
    left = list(values)
    return _PART.sub(lambda _match: left.pop(0), path)


async def places(here: Whole, planted: Planted) -> Places:
    """Make what paths name and no peer does; return what all of them stand for."""
    here.gateway._registry.tokens.create(TOKEN, [Scope.INBOX_READ])
    await here.memory.notebook.write(
        "walls",
        WALL,
        b'{"name":"hall","by":"x","until":"2100-01-01T00:00:00+00:00","code":"","token":""}',
        NewEvidence(
            kind=EvidenceKind.NOTED,
            at=here.clock.now(),
            message_id=None,
            actor="gateway",
            facts={"area": "walls", "key": WALL},
        ),
    )
    style = here.office.parts.pages.static_address("access.css").split("/")
    received, ours = f"{id_of(HELD)}", f"{out_id(PARKED)}"
    return Places(
        values={
            "/static": (f"{style[2]}|{style[3]}",),
            "/documents": tuple(planted.documents),
            "/documents/{id}/explain": (out_id(PARKED), out_id(DECLINED)),
            "/documents/{id}/seen": (out_id(DECLINED),),
            "/documents/{id}/letter": (received, ours, id_of(NUMBERED), id_of(ADMITTED)),
            "/documents/{id}/open": (
                f"{received}|original",
                f"{received}|attachment-1",
                f"{received}|wire-{planted.wire_row}",
                f"{ours}|attachment-1",
                f"{ours}|try-1",
            ),
            "/tasks": (str(planted.task),),
            "/needs": (received, f"task-{planted.task}", "REGISTRY_SILENT"),
            "/users": ("written",),
            "/tokens": (TOKEN,),
            "/walls": (WALL,),
            "/certificates": (await _certificate(here),),
            "/runbook": ("gateway-down",),
            "/participants": (PEER_EIK,),
            "/channels": ("seos",),
            "/channels/{network}/pause": ("seos|sending",),
            "/channels/{network}/resume": ("seos|sending",),
            "/seals/file": ("1",),
        }
    )


async def _certificate(here: Whole) -> str:
    """Return the key of our own certificate, as its page names it."""
    from depesha.app.office import office_parts  # noqa: PLC0415 -- only where it is needed
    from depesha.monitoring.console.office.certificates_view import register  # noqa: PLC0415

    side = here.gateway._operators
    parts = office_parts(
        here.gateway._base,
        side._parts,
        tokens=side._tokens,
        ready=here.gateway._health().ready,
        freshness=side._pages().freshness,
        surroundings=side._surroundings,
    )
    return register(parts.certificates(), {}, here.clock.now())[0].key


@dataclass(frozen=True)
class Heard:
    """What the console answered."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    location: str
    cookies: list[str]
    """As they were set, flags and all."""

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")


class Asking:
    """Asks quickly, over one connection, with exactly the cookies and headers that are named."""

    def __init__(self, here: Whole, session: aiohttp.ClientSession) -> None:
        self._here = here
        self._session = session

    async def ask(
        self,
        method: str,
        path: str,
        *,
        of: Browser | None = None,
        cookies: dict[str, str] | None = None,
        fields: dict[str, str] | None = None,
        data: bytes | None = None,
        own: bool = True,
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Heard:
        """Ask; `own`: as our own page does; `token`: the form's, None for none."""
        known = dict(of.cookies) if of is not None else {}
        known |= cookies or {}
        sent = {**(of.headers if of is not None else {}), **(headers or {})}
        if known:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in known.items())
        if own and method != "GET":
            sent = {"Origin": self._here.office.origin, "Sec-Fetch-Site": "same-origin", **sent}
        form = dict(fields or {}) | ({} if token is None else {"form_token": token})
        body: object = data if data is not None else (form if method != "GET" else None)
        address = URL(self._here.office.origin + path, encoded=True)
        async with self._session.request(
            method, address, data=body, headers=sent, allow_redirects=False
        ) as answer:
            stream = answer.headers.get("Content-Type", "").startswith("text/event-stream")
            told = await answer.content.readany() if stream else await answer.read()
            if stream:
                answer.close()
            return Heard(
                status=answer.status,
                headers=answer.headers,
                body=told,
                location=answer.headers.get("Location", ""),
                cookies=answer.headers.getall("Set-Cookie", []),
            )


@dataclass
class Stand:
    """A planted console, what its paths stand for, and how to ask it."""

    here: Whole
    places: Places
    asking: Asking
    known: dict[Role, Browser] = field(default_factory=dict)

    async def visitor(self, role: Role) -> Browser:
        """Return the browser of this role, the same each time."""
        if role not in self.known:
            self.known[role] = await self.here.visitor(role, login=f"known-{role}")
        return self.known[role]

    async def entitled(self, route: Route) -> Browser:
        """Return a browser of somebody who may."""
        if not isinstance(route.needs, Action):
            return await self.visitor(Role.CLERK)
        return await self.visitor(next(r for r in Role if route.needs in PERMISSIONS[r]))


@asynccontextmanager
async def stand(
    folder: Path, *, word: Word = str, openid: bool = False, toml: str = ""
) -> AsyncIterator[Stand]:
    """Open a planted console."""
    async with (
        whole(
            folder, openid=openid, toml=toml, letters=left(word), before=register_of(word)
        ) as here,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
    ):
        planted = await plant(here, word)
        await here.memory.journal.seal()
        yield Stand(here, await places(here, planted), Asking(here, session))


class Bones(HTMLParser):
    """A page without its words: tags, names of attributes, and where links lead."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        for name, value in attrs:
            self.attributes.append((tag, name, value or ""))
            if name in {"href", "src", "action", "formaction", "data", "poster", "content"}:
                self.links.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        self.tags.append((f"/{tag}", ()))

    def handle_comment(self, data: str) -> None:  # noqa: ARG002 -- the parser's own name
        self.tags.append(("!--", ()))
