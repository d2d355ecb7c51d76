"""Makes pages out of templates, in worker threads. Escapes everything; decides nothing.

Templates stand in `console/templates`, words in `console/words`, style sheets and scripts in
`console/static`; all are read from the package alone.
"""

from __future__ import annotations

import hashlib
import re
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from depesha.errors import DepeshaError, ForbiddenError, RuleError, UnknownMessageError
from depesha.monitoring.console.access.wording import catalogue, load, word
from depesha.monitoring.console.helping import HELPS
from depesha.schemas.people import Action, Purpose, Right
from depesha.schemas.sentences import FALLBACK, LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from depesha.monitoring.console.access.routes import Needs, Route, Visit
    from depesha.ports import Threads

_PACKAGE = "depesha.monitoring.console"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
NAVIGATION = (
    ("/", "home"),
    ("/search", "search"),
    ("/participants", "participants"),
    ("/channels", "channels"),
    ("/queue", "queue"),
    ("/quarantine", "quarantine"),
    ("/seals", "seals"),
    ("/audit", "audit"),
    ("/users", "users"),
    ("/tokens", "tokens"),
    ("/walls", "walls"),
    ("/certificates", "certificates"),
    ("/settings", "settings"),
    ("/runbook", "runbook"),
    ("/wall", "wall"),
)
"""Pages in the navigation, in order, named `nav.<key>`. What is not served is left out."""
_KEPT = "public, max-age=31536000, immutable"
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
"""Control, direction and invisible characters: with them a text can look like another one."""


def visible(value: object) -> object:
    """Return what a template shows of a value: nothing that is there and cannot be seen."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", value)


class Pages:
    """Templates, words and files of the console."""

    def __init__(self, threads: Threads, *, name: str = "") -> None:
        """Read everything; blocking, half a second. `name` is the administration's."""
        load()
        self._threads = threads
        self._static = _static()
        self._needs: dict[str, Needs] = {}
        self._templates = Environment(
            loader=PackageLoader(_PACKAGE, "templates"),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            finalize=visible,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.globals.update(
            administration=name,
            static=self.static_address,
            Action=Action,
            Purpose=Purpose,
            Right=Right,
            navigation=self.navigation,
            helps=HELPS,
        )

    async def show(
        self, visit: Visit, template: str, *, status: int = 200, **values: Any
    ) -> web.Response:
        """Return a page; `values` are escaped where the template shows them."""
        body = await self._threads.run(self.text, visit, template, **values)
        return web.Response(body=body, status=status, content_type="text/html", charset="utf-8")

    def text(self, visit: Visit, template: str, **values: Any) -> bytes:
        """Return the bytes of a page, or of a piece of one; blocking."""
        language = visit.language if visit.language in LANGUAGES else FALLBACK

        def say(key: str, **facts: object) -> str:
            text = word(key, language)
            return text.format_map(facts) if facts else text

        made = self._templates.get_template(template).render(
            visit=visit, language=language, languages=LANGUAGES, say=say, **values
        )
        return made.encode()

    async def error(self, visit: Visit, error: DepeshaError) -> web.Response:
        """Return the page of an error: a sentence of ours where there is one, never its facts."""
        rule = error.rule if isinstance(error, RuleError) else ""
        keys = (f"rule.{rule}", f"error.{error.code}", "error.other")
        found = next(key for key in keys if key in catalogue(FALLBACK))
        facts = {name: value for name, value in error.facts.items() if name == "characters"}
        return await self.show(
            visit, "message.html", status=_status(error), key=found, facts=facts, back="/"
        )

    async def refusal(self, visit: Visit, status: int) -> web.Response:
        """Return the page of an HTTP status."""
        key = "error.not-found" if status == HTTPStatus.NOT_FOUND else "error.other"
        return await self.show(visit, "message.html", status=status, key=key, facts={}, back="/")

    # --- navigation ---

    def know(self, routes: Sequence[Route]) -> None:
        """Take the whole table: only pages that are in it stand in the navigation."""
        self._needs = {route.path: route.needs for route in routes if route.method == "GET"}

    def navigation(self, visit: Visit) -> list[tuple[str, str, bool]]:
        """Return path, key of the name, and "the visitor is there" of every page open to him."""
        path = visit.request.path
        return [
            (page, key, path == page or (page != "/" and path.startswith(f"{page}/")))
            for page, key in NAVIGATION
            if isinstance(need := self._needs.get(page), Action) and visit.may(need)
        ]

    # --- files ---

    def static_address(self, name: str) -> str:
        """Return the address of a file of ours; it changes with the file."""
        return f"/static/{self._static[name][1]}/{name}"

    async def static(self, visit: Visit) -> web.Response:
        """Answer with a file of ours, known by its exact name."""
        found = self._static.get(visit.request.match_info["name"])
        if found is None or found[1] != visit.request.match_info["digest"]:
            return await self.refusal(visit, HTTPStatus.NOT_FOUND)
        data, _, media_type = found
        headers = {"Cache-Control": _KEPT, "Content-Type": f"{media_type}; charset=utf-8"}
        return web.Response(body=data, headers=headers)


def _static() -> dict[str, tuple[bytes, str, str]]:
    """Name → bytes, digest and type of every file that may be served."""
    found = {}
    for file in files(_PACKAGE).joinpath("static").iterdir():
        media_type = _TYPES.get("." + file.name.rpartition(".")[2])
        if media_type is not None and file.is_file():
            data = file.read_bytes()
            found[file.name] = (data, hashlib.sha256(data).hexdigest()[:16], media_type)
    return found


def _status(error: DepeshaError) -> int:
    match error:
        case ForbiddenError():
            return HTTPStatus.FORBIDDEN
        case UnknownMessageError():
            return HTTPStatus.NOT_FOUND
        case _ if error.temporary:
            return HTTPStatus.SERVICE_UNAVAILABLE
        case _:
            return HTTPStatus.BAD_REQUEST
