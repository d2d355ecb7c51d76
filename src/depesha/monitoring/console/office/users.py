"""Accounts: who has access, since when, on what ground; and what the security administrator does.

Whoever reads the audit sees the list (ROL-09); only `MANAGE_ACCOUNTS` changes it, and never for
himself: what may be done to whom is said in the gateway's room, and asked of `AccountKeeper`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aiohttp import web

from depesha.errors import ConflictError, ForbiddenError, RuleError, UnknownMessageError
from depesha.monitoring.console.access.managing import NewPerson
from depesha.monitoring.console.access.routes import Route
from depesha.monitoring.console.office.forms import Typed, day, line
from depesha.monitoring.console.office.user_deeds import DEEDS, UserDeed, deputy_of, possible
from depesha.schemas.message import EvidenceKind, NewEvidence
from depesha.schemas.people import Action, Closing, Doer, Role
from depesha.schemas.sentences import LANGUAGES

if TYPE_CHECKING:
    from depesha.monitoring.console.access.routes import Handler, Visit
    from depesha.monitoring.console.office.parts import OfficeParts
    from depesha.monitoring.console.pages.looking import Looks
    from depesha.schemas.people import Account, Person

REVIEWS, ACCESSES = "reviews", "accesses"
REVIEW_WITHIN = timedelta(days=365)
"""All accesses are looked through at least once a year (ROL-10)."""
_REFUSED = 400
_GROUPS, _GROUP = 5, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """When the accesses were last looked through, and by whom."""

    at: datetime
    by: str


class UserPages:
    """Handlers of the pages about accounts."""

    def __init__(self, parts: OfficeParts, looks: Looks) -> None:
        self._in = parts
        self._looks = looks

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of these pages."""
        see, manage = Action.SEE_AUDIT, Action.MANAGE_ACCOUNTS
        found = [
            Route(method="GET", path="/users", handler=self.list, needs=see),
            Route(method="GET", path="/users/{login}", handler=self.show, needs=see),
            Route(method="GET", path="/add-user", handler=self.new, needs=manage),
            Route(method="POST", path="/add-user", handler=self.add, needs=manage),
            Route(method="POST", path="/review-users", handler=self.review, needs=manage),
        ]
        for deed in DEEDS:
            path = f"/users/{{login}}/{deed.name}"
            found += [
                Route(method="GET", path=path, handler=self._asking(deed), needs=manage),
                Route(method="POST", path=path, handler=self._doing(deed), needs=manage),
            ]
        return tuple(found)

    # --- reading ---

    async def list(self, visit: Visit) -> web.StreamResponse:
        """Show all accounts, blocked ones last."""
        accounts = sorted(
            await self._in.keeper.all(), key=lambda one: (one.blocked is not None, one.login)
        )
        await self._looks.note(visit, "users", shown=len(accounts))
        review = _review(await self._in.notebook.read(REVIEWS))
        due = review is None or visit.now - review.at > REVIEW_WITHIN
        return await self._in.pages.show(
            visit,
            "users.html",
            accounts=accounts,
            review=review,
            review_due=due,
            tell=self._in.tell(visit),
            done=visit.request.query.get("done", "") == "review",
        )

    async def show(self, visit: Visit) -> web.StreamResponse:
        """Show one account."""
        person = await self._person(visit)
        await self._looks.note(visit, f"user {person.login}")
        done = visit.request.query.get("done", "")
        return await self._in.pages.show(
            visit,
            "user.html",
            account=person.account,
            secrets=person.secrets,
            sessions=await self._in.sessions.of(person.login),
            stands_in_for=await self._in.accounts.stood_in_for(person.login),
            deeds=possible(person) if self._manages(visit, person) else (),
            done=done if done in {deed.name for deed in DEEDS} else "",
            today=visit.now.astimezone(self._in.zone).date(),
            tell=self._in.tell(visit),
        )

    def _manages(self, visit: Visit, person: Person) -> bool:
        """Nobody is offered what he may not do to himself."""
        return visit.may(Action.MANAGE_ACCOUNTS) and person.login != visit.login

    async def _person(self, visit: Visit) -> Person:
        person = await self._in.accounts.find(visit.request.match_info["login"])
        if person is None:
            raise UnknownMessageError("no account has this name")
        return person

    # --- making one ---

    async def new(self, visit: Visit) -> web.StreamResponse:
        """Show the form of a new account."""
        return await self._new_form(visit)

    async def add(self, visit: Visit) -> web.StreamResponse:
        """Make it, and show its first password once."""
        form = visit.form
        try:
            person = NewPerson(
                login=form.get("login", ""),
                name=line(form, "name", needed=True),
                roles=roles_of(visit),
                ground=form.get("ground", ""),
                undertaking=day(form, "undertaking"),
                position=line(form, "position"),
                unit=line(form, "unit"),
                contact=line(form, "contact"),
                language=form.get("language", "") if form.get("language") in LANGUAGES else "",
            )
            password = "" if form.get("provider") else self.password()
            made = await self._in.keeper.add(doer_of(visit), person, password)
        except RuleError as error:
            return await self._new_form(visit, f"rule.{error.rule}")
        except ConflictError:
            return await self._new_form(visit, "rule.login-taken")
        return await self._told(visit, made, password)

    async def _new_form(self, visit: Visit, fault: str = "") -> web.Response:
        return await self._in.pages.show(
            visit,
            "user_new.html",
            status=_REFUSED if fault else 200,
            fault=fault,
            typed=Typed(visit.form),
            roles=tuple(Role),
        )

    async def _told(self, visit: Visit, account: Account, password: str) -> web.Response:
        """Show a password that was just given; it is kept nowhere in clear."""
        hours = self._in.passwords.rules.initial_hours
        return await self._in.pages.show(
            visit, "user_password.html", account=account, password=password, hours=round(hours)
        )

    def password(self) -> str:
        """Draw a first password: groups of letters that are easy to dictate."""
        drawn = base64.b32encode(hashlib.sha256(self._in.ids.secret().encode()).digest()).decode()
        groups = max(_GROUPS, self._in.passwords.rules.characters // (_GROUP + 1) + 1)
        letters = drawn.lower().rstrip("=")
        return "-".join(letters[at * _GROUP : (at + 1) * _GROUP] for at in range(groups))

    # --- deeds ---

    def _asking(self, deed: UserDeed) -> Handler:
        async def ask(visit: Visit) -> web.StreamResponse:
            return await self._form(visit, deed, await self._person(visit))

        return ask

    def _doing(self, deed: UserDeed) -> Handler:
        async def do(visit: Visit) -> web.StreamResponse:
            person = await self._person(visit)
            if visit.form.get("version") != str(person.version):
                raise ConflictError("the account was changed meanwhile; try again")
            password = self.password() if deed.asks == "nothing" else ""
            try:
                account = await self._done(deed, visit, person.login, password)
            except RuleError as error:
                return await self._form(visit, deed, person, f"rule.{error.rule}")
            if password:
                return await self._told(visit, account, password)
            target = f"/users/{person.login}?done={deed.name}"
            return web.Response(status=303, headers={"Location": target})

        return do

    async def _done(self, deed: UserDeed, visit: Visit, login: str, password: str) -> Account:
        keeper, doer, form = self._in.keeper, doer_of(visit), visit.form
        match deed.name:
            case "block":
                return await keeper.block(doer, login, _closing(visit), form.get("ground", ""))
            case "unblock":
                return await keeper.unblock(doer, login, form.get("ground", ""))
            case "roles":
                return await keeper.give_roles(doer, login, roles_of(visit))
            case "undertaking":
                return await keeper.undertake(doer, login, day(form, "undertaking"))
            case "deputy":
                return await keeper.depute(doer, login, deputy_of(form))
            case _:
                return await keeper.reset(doer, login, password)

    async def _form(
        self, visit: Visit, deed: UserDeed, person: Person, fault: str = ""
    ) -> web.Response:
        return await self._in.pages.show(
            visit,
            "user_deed.html",
            status=_REFUSED if fault else 200,
            deed=deed,
            account=person.account,
            version=person.version,
            fault=fault,
            typed=Typed(visit.form),
            roles=tuple(Role),
            closings=tuple(Closing),
            people=await self._in.keeper.all(),
            today=visit.now.astimezone(self._in.zone).date(),
        )

    # --- the yearly look (ROL-10) ---

    async def review(self, visit: Visit) -> web.StreamResponse:
        """Note that all accesses were looked through."""
        row = NewEvidence(
            kind=EvidenceKind.NOTED,
            at=visit.now,
            message_id=None,
            actor=visit.actor,
            facts={"area": REVIEWS, "key": ACCESSES, "change": "reviewed"},
        )
        value = json.dumps({"at": visit.now.isoformat(), "by": visit.login}).encode()
        await self._in.notebook.write(REVIEWS, ACCESSES, value, row)
        return web.Response(status=303, headers={"Location": "/users?done=review"})


def doer_of(visit: Visit) -> Doer:
    """Return who does it, with the rights of this session."""
    if visit.present is None:
        raise ForbiddenError("nobody is logged in")
    return Doer(actor=visit.actor, roles=visit.present.roles)


def roles_of(visit: Visit) -> frozenset[Role]:
    """Return the roles whose boxes are ticked; raise `RuleError` for none."""
    found = frozenset(role for role in Role if visit.form.get(f"role-{role}"))
    if not found:
        raise RuleError("at least one role", rule="no-role")
    return found


def _closing(visit: Visit) -> Closing:
    try:
        return Closing(visit.form.get("why", ""))
    except ValueError:
        raise RuleError("why it is closed", rule="closing") from None


def _review(noted: object) -> Review | None:
    value = noted.get(ACCESSES) if isinstance(noted, dict) else None
    if value is None:
        return None
    told = json.loads(value)
    return Review(at=datetime.fromisoformat(told["at"]), by=told["by"])
