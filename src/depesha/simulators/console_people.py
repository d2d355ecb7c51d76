"""People who enter a gateway's console for the first time, as a browser would: forms and cookies.

They change the password they were given and, where the console asks for one, enrol a second factor.
It knows the console only from outside; the accounts are made by the command line.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
from dataclasses import dataclass
from html import unescape
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from depesha.errors import PeerError
from depesha.ports import Clock, IdSource

STEP_SECONDS: Final = 30
"""RFC 6238, 4.1."""
_HIDDEN: Final = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')
_CODE: Final = re.compile(r"<code>([A-Z2-7 ]{16,})</code>")
_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """An account to be: what it is called, and what it may do."""

    login: str
    name: str
    roles: tuple[str, ...]
    second: bool = False
    """Whether its roles get nowhere without a second factor."""


POSTS: Final = (
    Post(login="demo", name="Дежурен служител (пример)", roles=("clerk", "operator")),
    Post(login="demo-auditor", name="Проверяващ (пример)", roles=("auditor",)),
    Post(
        login="demo-security",
        name="Администратор по сигурността (пример)",
        roles=("security-administrator",),
        second=True,
    ),
    Post(
        login="demo-data",
        name="Администратор на данни (пример)",
        roles=("data-administrator",),
        second=True,
    ),
)
"""The first of them is the one that `console_login` of demo.json names."""
GROUND: Final = "ПРИМЕР-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What opens a console."""

    post: Post
    password: str
    key: str = ""
    """Of the second factor, base32; empty: there is none."""

    def described(self) -> dict[str, Any]:
        """Its row in demo.json."""
        return {
            "user": self.post.login,
            "password": self.password,
            "roles": list(self.post.roles),
            "totp_key": self.key,
        }


def code_at(key: str, seconds: float) -> str:
    """Return the code of a base32 key at a moment (RFC 6238 over RFC 4226, six digits)."""
    secret = base64.b32decode(key.replace(" ", ""))
    counter = struct.pack(">Q", int(seconds) // STEP_SECONDS)
    digest = hmac.digest(secret, counter, hashlib.sha1)
    start = digest[-1] & 0x0F
    number = int.from_bytes(digest[start : start + 4]) & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


class Visitor:
    """One browser at one console: `async with Visitor(url) as visitor`."""

    def __init__(self, console: str) -> None:
        self._console = console.rstrip("/")
        self._hidden: dict[str, str] = {}
        self._session: aiohttp.ClientSession | None = None
        self.page = ""
        """The last page, as HTML."""

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True),  # consoles of the demo have no names
            timeout=aiohttp.ClientTimeout(total=_SECONDS),
            headers={"Accept-Language": "en"},
        )
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def open(self, path: str) -> int:
        """Look at a page and keep its form's hidden fields; return the status."""
        return await self._ask("GET", path, None)

    async def submit(self, path: str, **fields: str) -> int:
        """Send the form of the last page: its hidden fields, and these; return the status."""
        return await self._ask("POST", path, {**self._hidden, **fields})

    async def log_in(self, login: str, password: str, code: str = "") -> None:
        """Log in; raises `PeerError` where the console does not let us in."""
        await self.open("/login")
        await self.submit("/login", login=login, password=password)
        if code:
            await self.submit("/login/second", code=code)
        if 'name="password"' in self.page and 'name="login"' in self.page:
            raise PeerError(f"the console does not let {login} in")

    async def enrol(self, clock: Clock, password: str) -> str:
        """Enrol a second factor, with the account's password once more; return its key."""
        await self.open("/account")
        found = _CODE.search(self.page)
        if found is None:
            raise PeerError("the console offers no second factor")
        key = found[1].replace(" ", "")
        code = code_at(key, clock.now().timestamp())
        status = await self.submit("/account/second", code=code, old=password)
        if status != HTTPStatus.OK:
            raise PeerError("the console did not take the second factor")
        return key

    async def _ask(self, method: str, path: str, fields: dict[str, str] | None) -> int:
        if self._session is None:
            raise RuntimeError("the browser is not open")
        headers = {} if fields is None else {"Origin": self._console}
        asked = self._session.request(method, self._console + path, data=fields, headers=headers)
        try:
            async with asked as answer:
                self.page = await answer.text()
                status = answer.status
        except (aiohttp.ClientError, TimeoutError):
            raise PeerError("the console does not answer") from None
        found = _HIDDEN.findall(self.page)
        self._hidden = {name: unescape(value) for name, value in found}
        return status


async def settle_in(console: str, post: Post, given: str, own: str, clock: Clock) -> Login:
    """Log in with the `given` password, change it to `own`, enrol what is asked for."""
    async with Visitor(console) as visitor:
        await visitor.log_in(post.login, given)
        await visitor.open("/password")
        await visitor.submit("/password", old=given, new=own, again=own)
        key = await visitor.enrol(clock, own) if post.second else ""
    async with Visitor(console) as visitor:
        if not post.second:  # a code opens once; the next one must be waited for
            await visitor.log_in(post.login, own)
    return Login(post=post, password=own, key=key)


def new_password(ids: IdSource) -> str:
    """Return a password that nobody had before."""
    return f"door-{ids.secret()[:16]}"


def order(post: Post, day: str) -> tuple[str, ...]:
    """Return the arguments of `depesha user` that make the account."""
    roles = [part for role in post.roles for part in ("--role", role)]
    facts = ("--name", post.name, "--ground", GROUND, "--undertaking", day, "--language", "en")
    return ("add", post.login, *facts, *roles, "--password-stdin", "--json")
