"""Whom a person names to receive his tasks while he is away (ACC-09). Everybody does it himself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from depesha.errors import RuleError, UnknownMessageError
from depesha.monitoring.console.access.routes import Door, Route
from depesha.monitoring.console.office.forms import Typed
from depesha.monitoring.console.office.user_deeds import deputy_of
from depesha.monitoring.console.office.users import doer_of

if TYPE_CHECKING:
    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.console.office.parts import OfficeParts
    from depesha.schemas.people import Account

_REFUSED = 400


class DeputyPage:
    """Handlers of the page about the own deputy."""

    def __init__(self, parts: OfficeParts) -> None:
        self._in = parts

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this page."""
        path, needs = "/account/deputy", Door.PERSON
        return (
            Route(method="GET", path=path, handler=self.show, needs=needs),
            Route(method="POST", path=path, handler=self.depute, needs=needs),
        )

    async def show(self, visit: Visit) -> web.StreamResponse:
        """Show whom the visitor names for his absence."""
        return await self._own_form(visit)

    async def depute(self, visit: Visit) -> web.StreamResponse:
        """Name a deputy, or nobody."""
        try:
            await self._in.keeper.depute(doer_of(visit), visit.login, deputy_of(visit.form))
        except RuleError as error:
            return await self._own_form(visit, f"rule.{error.rule}")
        return web.Response(status=303, headers={"Location": "/account/deputy?done=deputy"})

    async def _own_form(self, visit: Visit, fault: str = "") -> web.Response:
        person = await self._in.accounts.find(visit.login)
        if person is None:
            raise UnknownMessageError("no account has this name")
        return await self._in.pages.show(
            visit,
            "deputy.html",
            status=_REFUSED if fault else 200,
            account=person.account,
            fault=fault,
            typed=Typed(visit.form),
            people=_who_could(person.account, await self._in.keeper.all()),
            today=visit.now.astimezone(self._in.zone).date(),
            done=visit.request.query.get("done", "") == "deputy",
        )


def _who_could(account: Account, others: tuple[Account, ...]) -> tuple[Account, ...]:
    """Those with an open account and at least the same roles."""
    return tuple(
        one
        for one in others
        if one.blocked is None and one.login != account.login and account.roles <= one.roles
    )
