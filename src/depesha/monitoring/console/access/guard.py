"""What every request passes before its handler: origin, session, form token, right. One place.

It answers instead of the handler where something is missing, and writes refusals down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote

from aiohttp import web

from depesha.errors import DepeshaError, ForbiddenError, RuleError
from depesha.monitoring.console.access import cookies as names
from depesha.monitoring.console.access.cookies import form_token, same
from depesha.monitoring.console.access.routes import Door, Route, Visit
from depesha.monitoring.console.access.wording import preferred
from depesha.schemas.people import Action, Right

if TYPE_CHECKING:
    from depesha.monitoring.console.access.cookies import Cookies
    from depesha.monitoring.console.access.deciding import Decisions
    from depesha.monitoring.console.access.doors import Present
    from depesha.monitoring.console.access.entrance import Entrance
    from depesha.monitoring.console.access.pages import Pages
    from depesha.ports import Clock, IdSource, Journal, Observer, Threads
    from depesha.schemas.people import Role

FORM_BYTES = 64 * 1024
_MOST_FIELDS = 200
_SMALL_BYTES = 4096
"""Larger forms are read in a worker thread: the loop may not stand still."""
_FORM_SECONDS = 20.0
_FORM = "application/x-www-form-urlencoded"
_SAME = frozenset({"same-origin"})
FORM_TOKEN = "form_token"  # noqa: S105 -- a field's name
PASSWORD_PAGE, ACCOUNT_PAGE, LOGIN_PAGE = "/password", "/account", "/login"


class CrossSiteError(ForbiddenError):
    """A change was asked for by a page that is not ours, or by a form that was not."""

    code = "CROSS_SITE"


class Guard:
    """Stands before every handler of the console."""

    def __init__(
        self,
        *,
        entrance: Entrance,
        decisions: Decisions,
        journal: Journal,
        cookies: Cookies,
        pages: Pages,
        clock: Clock,
        ids: IdSource,
        threads: Threads,
        observer: Observer,
        origin: str = "",
        second_factor_roles: frozenset[Role] = frozenset(),
        language: str = "bg",
    ) -> None:
        """Take the parts; `origin` as browsers see us, empty: that of each request's host."""
        self._entrance = entrance
        self._decisions = decisions
        self._journal = journal
        self._cookies = cookies
        self._pages = pages
        self._clock = clock
        self._ids = ids
        self._threads = threads
        self._observer = observer
        self._origin = origin
        self._second_factor_roles = second_factor_roles
        self._language = language

    async def serve(self, route: Route, request: web.Request) -> web.StreamResponse:
        """Judge a request and let its handler answer; errors become pages."""
        visit = self._stranger(request)
        try:
            if route.method != "GET":
                self._check_origin(request)
            visit = await self._visit(route, request)
            answer = await self._instead(route, visit) or await route.handler(visit)
            self._remember(visit, answer)
        except DepeshaError as error:
            self._observer.trouble("console", error.code)
            return await self._pages.error(visit, error)
        return answer

    async def refuse(self, request: web.Request, status: int) -> web.Response:
        """Answer a request that no route has."""
        return await self._pages.refusal(self._stranger(request), status)

    # --- parts ---

    def _remember(self, visit: Visit, answer: web.StreamResponse) -> None:
        """Give a stranger's browser the cookie that binds the forms of its page."""
        kept = self._cookies.read(visit.request, names.FORM)
        if visit.present is None and visit.token and visit.token != kept and not answer.prepared:
            self._cookies.set(answer, names.FORM, visit.token)

    def _stranger(self, request: web.Request) -> Visit:
        language = preferred(request.headers.get("Accept-Language", ""), self._language)
        return Visit(
            request=request,
            language=language,
            now=self._clock.now(),
            form_token="",
            address=request.remote or "",
        )

    async def _visit(self, route: Route, request: web.Request) -> Visit:
        token = self._cookies.read(request, names.SESSION)
        present = await self._entrance.present(token) if token else None
        bound = token if present is not None else self._cookies.read(request, names.FORM)
        form: Mapping[str, str] = {}
        if route.method != "GET":
            form = await self._form(request)
            if not bound or not same(form.get(FORM_TOKEN, ""), form_token(bound)):
                raise CrossSiteError("this form is too old, or was not ours; open the page again")
        elif present is None and not bound and route.forms:
            bound = self._ids.secret()
        stranger = self._stranger(request)
        own = "" if present is None else present.person.account.language
        roles = frozenset() if present is None else present.roles
        return Visit(
            request=request,
            language=own or stranger.language,
            now=stranger.now,
            form_token=form_token(bound) if bound else "",
            address=stranger.address,
            present=present,
            form=form,
            rights={action: self._decisions.right(roles, action) for action in Action},
            token=bound,
        )

    async def _instead(self, route: Route, visit: Visit) -> web.StreamResponse | None:
        """Answer in the handler's place, or None where it may answer."""
        if route.needs is Door.ANYBODY:
            return None
        if visit.present is None:
            wanted = f"?next={quote(visit.request.path, safe='/')}" if route.method == "GET" else ""
            return _see(LOGIN_PAGE + wanted)
        if not route.while_forced and (page := self.forced(visit.present)):
            return _see(page)
        if isinstance(route.needs, Action) and visit.rights[route.needs] is Right.NO:
            row = self._decisions.denied(visit.login, visit.now, route.needs, route.path)
            await self._journal.record(row)
            raise ForbiddenError("your role does not include this")
        return None

    def forced(self, present: Present) -> str:
        """Return the page that a person must see to first; empty: none."""
        secrets = present.person.secrets
        if secrets.must_change and secrets.password and not present.session.provider:
            return PASSWORD_PAGE
        if not secrets.totp and present.roles & self._second_factor_roles:
            return ACCOUNT_PAGE
        return ""

    async def _form(self, request: web.Request) -> dict[str, str]:
        """Read a form within its limits; raise `RuleError` for anything else."""
        if request.content_type != _FORM:
            raise RuleError("a form of another kind", rule="form")
        data = bytearray()
        try:
            async with asyncio.timeout(_FORM_SECONDS):
                async for chunk in request.content.iter_any():
                    data += chunk
                    if len(data) > FORM_BYTES:
                        raise RuleError("the form is too large", rule="form")
        except TimeoutError:
            raise RuleError("the form did not arrive in time", rule="form") from None
        except web.RequestPayloadError:
            raise RuleError("the form arrived broken", rule="form") from None
        if len(data) <= _SMALL_BYTES:
            return _fields(bytes(data))
        return await self._threads.run(_fields, bytes(data))

    def _check_origin(self, request: web.Request) -> None:
        """Raise `CrossSiteError` unless the browser says that our own page asks."""
        site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
        if site is None and origin is None:
            raise CrossSiteError("the browser does not say which page asks")
        if site is not None and site not in _SAME:
            raise CrossSiteError("another site's page asks")
        if origin is not None and not self._own(origin, request):
            raise CrossSiteError("another site's page asks")

    def _own(self, origin: str, request: web.Request) -> bool:
        if self._origin:
            return same(origin.lower(), self._origin.lower())
        return same(origin.lower(), f"{request.scheme}://{request.host}".lower())


def _fields(data: bytes) -> dict[str, str]:
    """Read the fields of a form; raise `RuleError` where they cannot be read one way only."""
    try:
        fields = parse_qsl(
            data.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(data),
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise RuleError("the form cannot be read", rule="form") from None
    if len({name for name, _ in fields}) != len(fields):
        raise RuleError("a field is given twice", rule="form")
    return dict(fields)


def _see(path: str) -> web.Response:
    """Lead the browser to another page of ours."""
    return web.Response(status=303, headers={"Location": path})
