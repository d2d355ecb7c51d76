"""The pages of a log-in by an OpenID provider: there, and back again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aiohttp import web

from depesha.errors import RuleError, WireError
from depesha.monitoring.console.access import cookies as names
from depesha.monitoring.console.access.doors import Opened, Refused
from depesha.monitoring.console.access.guard import LOGIN_PAGE
from depesha.monitoring.console.access.openid import BACK, FLOW_SECONDS
from depesha.monitoring.console.access.routes import Door, LocalPaths, Route
from depesha.schemas.people import Stage, login_of

if TYPE_CHECKING:
    from depesha.monitoring.console.access.cookies import Cookies
    from depesha.monitoring.console.access.deciding import Decisions
    from depesha.monitoring.console.access.entrance import Entrance
    from depesha.monitoring.console.access.openid import OpenId, Vouched
    from depesha.monitoring.console.access.pages import Pages
    from depesha.monitoring.console.access.routes import Visit
    from depesha.ports import Accounts
    from depesha.schemas.people import Person

_REFUSED = 401


class ProviderDesk:
    """Handlers of the way to the provider and back."""

    def __init__(
        self,
        *,
        openid: OpenId,
        entrance: Entrance,
        accounts: Accounts,
        decisions: Decisions,
        cookies: Cookies,
        pages: Pages,
    ) -> None:
        self._openid = openid
        self._entrance = entrance
        self._accounts = accounts
        self._decisions = decisions
        self._cookies = cookies
        self._pages = pages
        self.paths = LocalPaths(())
        """Set once the whole table is known."""

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of these pages."""
        one = Door.ANYBODY
        return (
            Route(method="GET", path="/login/openid", handler=self.leave, needs=one),
            Route(method="GET", path=BACK, handler=self.back, needs=one),
        )

    async def leave(self, visit: Visit) -> web.StreamResponse:
        """Send the person to the provider."""
        wanted = self.paths.checked(visit.request.query.get("next", ""))
        address, flow = await self._openid.begin(wanted)
        response = web.Response(status=303, headers={"Location": address})
        # Lax, for the way back begins at another site; it only binds the answer to this browser.
        self._cookies.set(response, names.FLOW, flow, seconds=FLOW_SECONDS, same_site="Lax")
        return response

    async def back(self, visit: Visit) -> web.StreamResponse:
        """Judge the provider's answer, and let the person in."""
        flow = self._cookies.read(visit.request, names.FLOW)
        try:
            vouched = await self._openid.finish(visit.request.query, flow)
        except WireError:
            await self._entrance.provider_failed(visit.address)
            return await self._sorry(visit)
        result = await self._let_in(visit, vouched)
        match result:
            case Opened():
                return await self._arrived(visit, result, vouched.wanted)
            case Refused():
                return await self._sorry(visit)

    async def _sorry(self, visit: Visit) -> web.Response:
        response = await self._pages.show(
            visit,
            "message.html",
            status=_REFUSED,
            key="error.provider",
            facts={},
            back=LOGIN_PAGE,
        )
        self._cookies.clear(response, names.FLOW)
        return response

    async def _let_in(self, visit: Visit, vouched: Vouched) -> Opened | Refused:
        person = await self._known(vouched)
        try:
            self._decisions.check_roles(vouched.roles or frozenset())
        except RuleError:
            person = None
        if person is not None and not person.account.subject:
            account = replace(person.account, subject=vouched.subject)
            step = self._decisions.own_change(
                replace(person, account=account), person.secrets, "subject", visit.now
            )
            person = await self._accounts.change(step)
        return await self._entrance.with_provider(
            person,
            vouched.roles,
            second=self._openid.settings.second_factor,
            address=visit.address,
        )

    async def _known(self, vouched: Vouched) -> Person | None:
        """Find the account: by the provider's own name, or once by the name it may lend."""
        person = await self._accounts.by_subject(vouched.subject)
        if person is not None:
            return person
        try:
            person = await self._accounts.find(login_of(vouched.login))
        except RuleError:
            return None
        return person if person is not None and not person.account.subject else None

    async def _arrived(self, visit: Visit, opened: Opened, wanted: str) -> web.Response:
        """Lead on by a page, not by a redirect.

        Browsers keep a strict cookie back from every step of a way that began at another site.
        """
        before = self._cookies.read(visit.request, names.SESSION)
        if before:
            await self._entrance.leave(before)
        half = opened.session.stage is Stage.HALF
        target = f"/login/second?next={wanted}" if half else self.paths.checked(wanted)
        response = await self._pages.show(visit, "arrived.html", target=target)
        self._cookies.set(response, names.SESSION, opened.token)
        self._cookies.clear(response, names.FLOW)
        return response
