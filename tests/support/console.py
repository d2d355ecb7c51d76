"""The console's access layer over doubles or the real store, and a browser to visit it with."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from depesha.adapters.memory.journal import MemoryJournal
from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.memory.people import MemoryAccounts, MemorySessions
from depesha.adapters.memory.state import MemoryState
from depesha.adapters.memory.system import HandClock
from depesha.adapters.system import SystemIds, WorkerThreads
from depesha.app.console import ConsoleParts, People, World, build_console, console_parts
from depesha.config import Settings, load
from depesha.gateway import people
from depesha.monitoring.console.access import totp
from depesha.monitoring.console.access.console import Console
from depesha.monitoring.console.access.managing import NewPerson
from depesha.monitoring.console.access.passwords import Cost
from depesha.monitoring.console.access.routes import Route, Visit
from depesha.schemas.message import NewEvidence
from depesha.schemas.people import (
    Account,
    Action,
    Doer,
    Person,
    PersonChange,
    Role,
    Secrets,
    Session,
    Stage,
)
from tests.support.memory import SEAL_KEY, START

MACHINE = Doer(actor="machine:root", machine=True)
CHEAP = Cost(memory_kib=64)
FIRST, OWN = "първа парола 42", "моя дълга фраза 7"
UNDERTAKEN = START.date()
BASE = """\
[participant]
name = "Община Пример"
identifier = "000000001"
guid = "11111111-2222-4333-8444-555555555555"

[keys]
certificate = "a.crt"
key = "a.key"
"""


def account(login: str = "ivanova", **changes: Any) -> Account:
    values: dict[str, Any] = {
        "login": login,
        "name": "Лице Примерно",
        "roles": frozenset({Role.CLERK}),
        "created_at": START,
        "created_by": "machine:root",
        "ground": "ДЗ-1/2026",
        "undertaking": UNDERTAKEN,
    }
    return Account(**{**values, **changes})


def person(login: str = "ivanova", secrets: Secrets | None = None, **changes: Any) -> Person:
    return Person(account=account(login, **changes), secrets=secrets or Secrets())


def step(who: Person, what: str = "added", *, ends: bool = False) -> PersonChange:
    row = people.own_change(who, who.secrets, what, START).evidence
    return PersonChange(person=who, evidence=row, ends_sessions=ends)


def row(login: str = "ivanova") -> NewEvidence:
    return people.logged_out(login, START)


def session(token: str, login: str = "ivanova", **changes: Any) -> Session:
    values: dict[str, Any] = {
        "token": totp.recovery_digest(token),
        "login": login,
        "stage": Stage.WHOLE,
        "began_at": START,
        "seen_at": START,
        "ends_at": START.replace(hour=20),
    }
    return Session(**{**values, **changes})


@dataclass
class Office:
    """A console in operation."""

    console: Console
    parts: ConsoleParts
    kept: People
    world: World
    clock: HandClock
    state: MemoryState
    observer: RecordingObserver
    server: TestServer
    settings: Settings

    @property
    def origin(self) -> str:
        return str(self.server.make_url("")).rstrip("/")

    async def add(
        self,
        login: str = "ivanova",
        *roles: Role,
        password: str = FIRST,
        undertaking: date | None = UNDERTAKEN,
        ready: bool = True,
        **facts: str,
    ) -> Account:
        """Make an account; `ready`: with a password of its own, and a second factor if needed."""
        held = frozenset(roles or {Role.CLERK})
        new = NewPerson(
            login=login,
            name="Лице Примерно",
            roles=held,
            ground="ДЗ-1/2026",
            undertaking=undertaking,
            **facts,
        )
        made = await self.parts.keeper.add(MACHINE, new, password)
        if ready and password:
            found = await self.person(login)
            secrets = Secrets(
                password=found.secrets.password,
                must_change=False,
                changed_at=self.clock.now(),
                totp=self.parts.vault.seal(KEY, login) if needs_second(held) else b"",
            )
            await self.kept.accounts.change(step(replace_secrets(found, secrets), "ready"))
        return made

    async def person(self, login: str = "ivanova") -> Person:
        found = await self.kept.accounts.find(login)
        assert found is not None
        return found

    def kinds(self) -> list[str]:
        """Kinds of evidence so far, without changes of accounts."""
        kinds = [re.search(r'"kind":"(\w+)"', r.body) for r, _ in self.state.evidence]
        return [k[1] for k in kinds if k is not None and k[1] != "ACCOUNT_CHANGED"]

    def last(self) -> str:
        return self.state.evidence[-1][0].body


KEY = b"12345678901234567890"


def needs_second(roles: frozenset[Role]) -> bool:
    return bool(roles & {Role.SECURITY_ADMINISTRATOR, Role.DATA_ADMINISTRATOR})


def replace_secrets(found: Person, secrets: Secrets) -> Person:
    return Person(account=found.account, secrets=secrets, version=found.version)


async def _words(visit: Visit) -> web.Response:
    return web.Response(text=f"page of {visit.login}")


def pages(*needs: Action) -> tuple[Route, ...]:
    """A page and a deed for each action."""
    made: list[Route] = [Route(method="GET", path="/", handler=_words, needs=Action.SEE_STATE)]
    for need in needs or tuple(Action):
        made += [
            Route(method="GET", path=f"/page/{need}", handler=_words, needs=need),
            Route(method="POST", path=f"/deed/{need}", handler=_words, needs=need),
            Route(method="GET", path=f"/of/{need}/{{id}}", handler=_words, needs=need),
        ]
    return tuple(made)


@asynccontextmanager
async def office(
    folder: Path,
    *,
    toml: str = "",
    routes: Sequence[Route] | None = None,
    kept: People | None = None,
    cost: Cost = CHEAP,
) -> AsyncIterator[Office]:
    """Open a console over doubles."""
    file = folder / "depesha.toml"
    file.write_text(BASE + toml, encoding="utf-8")
    settings, clock, state = load(file), HandClock(START), MemoryState()
    observer, threads = RecordingObserver(), WorkerThreads(4)
    remembered = kept or People(
        accounts=MemoryAccounts(state),
        sessions=MemorySessions(state),
        journal=MemoryJournal(state, clock, SEAL_KEY),
    )
    async with aiohttp.ClientSession() as client:
        world = World(
            clock=clock, ids=SystemIds(), threads=threads, observer=observer, session=client
        )
        parts = await console_parts(settings, remembered, world, cost=cost)
        console = build_console(
            settings, remembered, world, parts, pages() if routes is None else routes
        )
        server = TestServer(console.application())
        await server.start_server()
        try:
            yield Office(
                console=console,
                parts=parts,
                kept=remembered,
                world=world,
                clock=clock,
                state=state,
                observer=observer,
                server=server,
                settings=settings,
            )
        finally:
            await server.close()
            await threads.close()


@dataclass
class Answer:
    """What a browser got."""

    status: int
    text: str
    headers: Any
    location: str


@dataclass
class Browser:
    """Keeps cookies, follows nothing, fills forms as a person does."""

    of: Office
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    page: str = ""

    async def get(self, path: str, **headers: str) -> Answer:
        return await self._ask("GET", path, None, headers)

    async def post(
        self, path: str, fields: dict[str, str], headers: dict[str, str] | None = None
    ) -> Answer:
        """Send a form with nothing added but what a browser adds itself."""
        own = {"Origin": self.of.origin, "Sec-Fetch-Site": "same-origin"}
        return await self._ask("POST", path, fields, own if headers is None else headers)

    async def submit(self, path: str, **fields: str) -> Answer:
        """Send the form of the last page: its hidden fields, and these."""
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', self.page))
        return await self.post(path, {**hidden, **fields})

    async def log_in(
        self, login: str = "ivanova", password: str = FIRST, wanted: str = "/"
    ) -> Answer:
        """Log in, by the second factor too where it is asked for."""
        await self.get(f"/login?next={wanted}")
        answer = await self.submit("/login", login=login, password=password)
        if answer.location.startswith("/login/second"):
            await self.get(answer.location)
            now = self.of.clock.now()
            return await self.submit("/login/second", code=totp.code_at(KEY, totp.step_at(now)))
        return answer

    @property
    def form_token(self) -> str:
        found = re.search(r'name="form_token" value="(\w+)"', self.page)
        assert found is not None
        return found[1]

    async def _ask(
        self, method: str, path: str, fields: dict[str, str] | None, headers: dict[str, str]
    ) -> Answer:
        sent = {**self.headers, **headers}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client,
            client.request(
                method, self.of.origin + path, data=fields, headers=sent, allow_redirects=False
            ) as answer,
        ):
            text = await answer.text()
            for name, morsel in answer.cookies.items():
                if morsel.value:
                    self.cookies[name] = morsel.value
                else:
                    self.cookies.pop(name, None)
            if "form_token" in text:
                self.page = text
            return Answer(
                status=answer.status,
                text=text,
                headers=answer.headers,
                location=answer.headers.get("Location", ""),
            )
