"""The pages of log-in, log-out, password and own account: fields in, one call, a page out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aiohttp import web

from depesha.errors import ConflictError, ForbiddenError, RuleError, StorageError
from depesha.monitoring.console.access import cookies as names
from depesha.monitoring.console.access import totp
from depesha.monitoring.console.access.doors import Opened, Refused
from depesha.monitoring.console.access.guard import ACCOUNT_PAGE, LOGIN_PAGE, PASSWORD_PAGE
from depesha.monitoring.console.access.routes import Door, Handler, LocalPaths, Route
from depesha.schemas.people import Secrets, Stage
from depesha.schemas.sentences import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from depesha.monitoring.console.access.cookies import Cookies
    from depesha.monitoring.console.access.deciding import Decisions
    from depesha.monitoring.console.access.doors import Present
    from depesha.monitoring.console.access.entrance import Entrance
    from depesha.monitoring.console.access.pages import Pages
    from depesha.monitoring.console.access.passwords import Passwords
    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.console.access.vault import Vault
    from depesha.ports import Accounts, Threads

_KEY = "enrolling "
_REFUSED, _TOO_MANY = 401, 429


class AccessDesk:
    """Handlers of the log-in pages and of the own account."""

    def __init__(
        self,
        *,
        entrance: Entrance,
        accounts: Accounts,
        decisions: Decisions,
        passwords: Passwords,
        vault: Vault,
        cookies: Cookies,
        pages: Pages,
        threads: Threads,
        issuer: str,
        provider: bool,
        password_login: bool = True,
    ) -> None:
        """Take the parts; `issuer` names us in authenticators, `provider`: offer OpenID."""
        self._entrance = entrance
        self._accounts = accounts
        self._decisions = decisions
        self._passwords = passwords
        self._vault = vault
        self._cookies = cookies
        self._pages = pages
        self._threads = threads
        self._issuer = issuer
        self._provider = provider
        self._password_login = password_login
        self.paths = LocalPaths(())
        """Set once the whole table is known."""

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of these pages."""
        any_, one = Door.ANYBODY, Door.PERSON
        return (
            _get(LOGIN_PAGE, self.login, any_, forms=True),
            _post(LOGIN_PAGE, self.log_in, any_),
            _get("/login/second", self.second, any_, forms=True),
            _post("/login/second", self.prove, any_),
            _post("/logout", self.log_out, one, forced=True),
            _get(PASSWORD_PAGE, self.password, one, forced=True),
            _post(PASSWORD_PAGE, self.change_password, one, forced=True),
            _get(ACCOUNT_PAGE, self.account, one, forced=True),
            _post("/account/language", self.change_language, one, forced=True),
            _post("/account/second", self.enrol, one, forced=True),
            _post("/account/second/off", self.drop_second, one),
        )

    # --- log-in ---

    async def login(self, visit: Visit) -> web.StreamResponse:
        """Show the form; who is logged in goes on."""
        wanted = self.paths.checked(visit.request.query.get("next", ""))
        if visit.present is not None:
            return _see(wanted)
        return await self._login_page(visit, wanted)

    async def log_in(self, visit: Visit) -> web.StreamResponse:
        """Try a name and a password."""
        wanted = self.paths.checked(visit.form.get("next", ""))
        result = await self._entrance.with_password(
            visit.form.get("login", ""), visit.form.get("password", ""), visit.address
        )
        match result:
            case Refused(wait=wait):
                return await self._login_page(visit, wanted, wait=wait, failed=True)
            case Opened():
                return await self.welcome(visit, result, wanted)

    async def welcome(self, visit: Visit, opened: Opened, wanted: str) -> web.Response:
        """Hand the new token out; any token the browser brought is ended."""
        before = self._cookies.read(visit.request, names.SESSION)
        if before:
            await self._entrance.leave(before)
        half = opened.session.stage is Stage.HALF
        response = _see(f"/login/second?next={wanted}" if half else wanted)
        self._cookies.set(response, names.SESSION, opened.token)
        if not half:
            self._cookies.clear(response, names.FORM)
        return response

    async def second(self, visit: Visit) -> web.StreamResponse:
        """Show the form for the second factor."""
        token = self._cookies.read(visit.request, names.SESSION)
        if await self._entrance.half(token) is None:
            return _see(LOGIN_PAGE)
        wanted = self.paths.checked(visit.request.query.get("next", ""))
        return await self._pages.show(visit, "second.html", wanted=wanted, failed=False)

    async def prove(self, visit: Visit) -> web.StreamResponse:
        """Try a code."""
        wanted = self.paths.checked(visit.form.get("next", ""))
        token = self._cookies.read(visit.request, names.SESSION)
        result = await self._entrance.second(token, visit.form.get("code", ""), visit.address)
        match result:
            case Opened():
                response = _see(wanted)
                self._cookies.set(response, names.SESSION, result.token)
                self._cookies.clear(response, names.FORM)
                return response
            case Refused():
                if await self._entrance.half(token) is None:
                    return _see(LOGIN_PAGE)
                return await self._pages.show(
                    visit, "second.html", status=_REFUSED, wanted=wanted, failed=True
                )

    async def log_out(self, visit: Visit) -> web.StreamResponse:
        """End the session."""
        await self._entrance.leave(visit.token)
        response = _see(LOGIN_PAGE)
        self._cookies.clear(response, names.SESSION)
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
        return response

    async def _login_page(
        self, visit: Visit, wanted: str, *, wait: float = 0.0, failed: bool = False
    ) -> web.Response:
        status = _TOO_MANY if wait else _REFUSED if failed else 200
        response = await self._pages.show(
            visit,
            "login.html",
            status=status,
            wanted=wanted,
            failed=failed,
            minutes=int(wait // 60) + 1 if wait else 0,
            provider=self._provider,
            password_login=self._password_login,
        )
        if wait:
            response.headers["Retry-After"] = str(int(wait) + 1)
        return response

    # --- password ---

    async def password(self, visit: Visit) -> web.StreamResponse:
        """Show the form."""
        return await self._password_page(visit)

    async def change_password(self, visit: Visit) -> web.StreamResponse:
        """Change the own password: the old one is asked for, all other sessions end."""
        present, form = _there(visit), visit.form
        secrets = present.person.secrets
        new = form.get("new", "")
        known = await self._entrance.knows(present, form.get("old", ""), visit.address)
        if known is None:
            return await self.log_out(visit)
        if not known:
            return await self._password_page(visit, "rule.password-old")
        if fault := self._fault(new, form, present):
            return await self._password_page(visit, f"rule.{fault}")
        changed = replace(
            secrets,
            password=await self._passwords.hash(new),
            must_change=False,
            changed_at=visit.now,
            expires_at=None,
        )
        return await self._changed(visit, present, changed, "password", "/")

    def _fault(self, new: str, form: Mapping[str, str], present: Present) -> str:
        """Return the rule that a new password breaks; empty: none."""
        if new != form.get("again", ""):
            return "password-again"
        if new == form.get("old", ""):
            return "password-same"
        try:
            self._passwords.check(new, present.person.login, present.person.account.name)
        except RuleError as error:
            return error.rule
        return ""

    async def _password_page(self, visit: Visit, fault: str = "") -> web.Response:
        return await self._pages.show(
            visit,
            "password.html",
            status=400 if fault else 200,
            fault=fault,
            characters=self._passwords.rules.characters,
            forced=_there(visit).person.secrets.must_change,
        )

    # --- own account ---

    async def account(self, visit: Visit) -> web.StreamResponse:
        """Show the own account; where no second factor is enrolled, the picture of a new one."""
        return await self._account_page(visit)

    async def change_language(self, visit: Visit) -> web.StreamResponse:
        """Choose the language of pages."""
        chosen, present = visit.form.get("language", ""), _there(visit)
        if chosen not in LANGUAGES:
            raise RuleError("a language we do not have", rule="form")
        account = replace(present.person.account, language=chosen)
        step = self._decisions.own_change(
            replace(present.person, account=account), present.person.secrets, "language", visit.now
        )
        await self._accounts.change(step)
        return _see(ACCOUNT_PAGE)

    async def enrol(self, visit: Visit) -> web.StreamResponse:
        """Take the second factor on, once a code of it is right; show the recovery codes once.

        The password is asked for again: whoever found an open session must not lock its owner out.
        """
        present = _there(visit)
        secrets = present.person.secrets
        if secrets.totp:
            raise RuleError("a second factor is enrolled already", rule="form")
        key = self._proposed(visit, visit.form.get("key", ""))
        step = totp.step_of(key, visit.form.get("code", ""), visit.now, -1)
        if step is None:
            return await self._account_page(visit, key=key, fault="rule.second-factor")
        if secrets.password:
            old = visit.form.get("old", "")
            known = await self._entrance.knows(present, old, visit.address)
            if known is None:
                return await self.log_out(visit)
            if not known:
                return await self._account_page(visit, key=key, fault="rule.password-old")
        codes = totp.new_recovery_codes(self._vault.random_bytes)
        enrolled: Secrets = replace(
            secrets,
            totp=self._vault.seal(key, present.person.login),
            totp_step=step,
            recovery=tuple(totp.recovery_digest(code) for code in codes),
        )
        change = self._decisions.own_change(present.person, enrolled, "second-factor", visit.now)
        await self._accounts.change(change)
        return await self._pages.show(visit, "recovery.html", codes=codes)

    async def drop_second(self, visit: Visit) -> web.StreamResponse:
        """Take the second factor off, on a code of it, to enrol another one."""
        present = _there(visit)
        secrets = present.person.secrets
        if not secrets.totp:
            return _see(ACCOUNT_PAGE)
        key = self._vault.open(secrets.totp, present.person.login)
        if totp.step_of(key, visit.form.get("code", ""), visit.now, secrets.totp_step) is None:
            if await self._entrance.wrong_code(present, visit.address):
                return await self.log_out(visit)
            return await self._account_page(visit, fault="rule.second-factor")
        bare = replace(secrets, totp=b"", totp_step=-1, recovery=())
        return await self._changed(visit, present, bare, "second-factor-off", ACCOUNT_PAGE)

    async def _account_page(
        self, visit: Visit, *, key: bytes | None = None, fault: str = ""
    ) -> web.Response:
        present = _there(visit)
        values: dict[str, str] = {"sealed": "", "text": "", "picture": ""}
        if not present.person.secrets.totp:
            key = key or self._vault.random_bytes(totp.KEY_BYTES)
            address = totp.enrolment(key, present.person.login, self._issuer)
            values = {
                "sealed": self._vault.seal(key, self._enrolling(visit)).hex(),
                "text": totp.key_text(key),
                "picture": await self._threads.run(totp.picture, address, "TOTP"),
            }
        return await self._pages.show(
            visit, "account.html", status=400 if fault else 200, fault=fault, **values
        )

    def _enrolling(self, visit: Visit) -> str:
        """What a proposed key is sealed for: this session's person, and no other."""
        return f"{_KEY}{visit.form_token}"

    def _proposed(self, visit: Visit, text: str) -> bytes:
        try:
            return self._vault.open(bytes.fromhex(text), self._enrolling(visit))
        except (ValueError, StorageError):
            raise RuleError("the form cannot be read", rule="form") from None

    async def _changed(
        self, visit: Visit, present: Present, secrets: Secrets, what: str, then: str
    ) -> web.Response:
        """Store new secrets; where that ended the sessions, open a new one in their place."""
        change = self._decisions.own_change(present.person, secrets, what, visit.now)
        try:
            person = await self._accounts.change(change)
        except ConflictError:
            raise ConflictError("the account was changed meanwhile; try again") from None
        response = _see(then)
        if change.ends_sessions:
            opened = await self._entrance.renew(replace(present, person=person))
            self._cookies.set(response, names.SESSION, opened.token)
        return response


def _there(visit: Visit) -> Present:
    if visit.present is None:
        raise ForbiddenError("nobody is logged in")
    return visit.present


def _see(path: str) -> web.Response:
    return web.Response(status=303, headers={"Location": path})


def _get(
    path: str, handler: Handler, needs: Door, *, forced: bool = False, forms: bool = False
) -> Route:
    return Route(
        method="GET", path=path, handler=handler, needs=needs, while_forced=forced, forms=forms
    )


def _post(path: str, handler: Handler, needs: Door, *, forced: bool = False) -> Route:
    return Route(method="POST", path=path, handler=handler, needs=needs, while_forced=forced)
