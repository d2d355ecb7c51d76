"""Getting in: nothing tells who is known here, guessing ends soon, and hurts nobody else."""

from __future__ import annotations

import ast
import re
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from depesha.monitoring.console.access import totp
from depesha.monitoring.console.access.cookies import form_token
from depesha.monitoring.console.access.managing import NewPerson
from depesha.schemas.people import Closing, Role
from tests.support.console import FIRST, KEY, MACHINE, UNDERTAKEN, Browser
from tests.support.console_whole import Whole, whole

IN_MODULE = pytest.mark.asyncio(loop_scope="module")
WRONG = "съвсем друга фраза"
ROUNDS = 6
SPREAD = 1.5
"""Between the quickest and the slowest kind; without the hash one is some ten times quicker."""
CONSOLE = Path("src/depesha/monitoring/console")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    async with whole(tmp_path_factory.mktemp("entrance")) as made:
        await people(made)
        yield made


async def people(here: Whole) -> None:
    """One of each kind who does not get in, beside one who does."""
    add, keeper = here.office.add, here.office.parts.keeper
    await add("known")
    await add("blocked")
    await keeper.block(MACHINE, "blocked", Closing.BREACH, "ЗАП-1")
    await add("locked")
    await add("early", undertaking=here.clock.now().date() + timedelta(days=30))
    await add("never", undertaking=None)
    await add("expired", ready=False)
    new = NewPerson(
        login="provider",
        name="Лице Примерно",
        roles=frozenset({Role.CLERK}),
        ground="ДЗ-1",
        undertaking=UNDERTAKEN,
    )
    await keeper.add(MACHINE, new, "")
    here.clock.advance(73 * 3600)


KINDS: Mapping[str, tuple[str, str]] = {
    "wrong password": ("known", WRONG),
    "unknown name": ("nobody-here", FIRST),
    "no name": ("не е име", FIRST),
    "nothing": ("", ""),
    "blocked, right password": ("blocked", FIRST),
    "blocked, wrong password": ("blocked", WRONG),
    "locked, right password": ("locked", FIRST),
    "locked, wrong password": ("locked", WRONG),
    "before the undertaking": ("early", FIRST),
    "without undertaking": ("never", FIRST),
    "expired password": ("expired", FIRST),
    "provider's account": ("provider", ""),
    "a very long password": ("known", "x" * 4000),
}


@dataclass
class Line:
    """A stranger's browser at one network address."""

    of: Whole
    session: aiohttp.ClientSession

    async def log_in(
        self, login: str, password: str, **headers: str
    ) -> tuple[int, dict[str, str], str]:
        """Return status, headers and page."""
        token = "s" * 43
        sent = {
            "Origin": self.of.office.origin,
            "Cookie": f"depesha-form={token}",
            "Accept-Language": "en",
            **headers,
        }
        fields = {"login": login, "password": password, "form_token": form_token(token)}
        async with self.session.post(
            self.of.office.origin + "/login", data=fields, headers=sent, allow_redirects=False
        ) as answer:
            text = await answer.text()
            return answer.status, dict(answer.headers), text


@pytest_asyncio.fixture(loop_scope="module")
async def line(here: Whole) -> AsyncIterator[Line]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Line(here, session)


async def lock(here: Whole, line: Line) -> None:
    for _ in range(5):
        await line.log_in("locked", WRONG)


@IN_MODULE
async def test_all_failures_look_the_same(here: Whole, line: Line) -> None:
    here.clock.advance(901)
    await lock(here, line)
    seen = set()
    for login, password in KINDS.values():
        status, headers, text = await line.log_in(login, password)
        assert status == 401
        assert "Set-Cookie" not in headers
        headers.pop("Date")
        shown = re.sub(r'name="form_token" value="\w+"', "", text)
        assert login not in shown or not login
        seen.add((shown, tuple(sorted(headers.items()))))
    assert len(seen) == 1


@IN_MODULE
async def test_all_failures_take_the_same_time(here: Whole, line: Line) -> None:
    """The processor's time, for the wall's holds whatever others do; the least of each kind.

    What waits for the disk is the same by count: one row each, as the next test says.
    """
    taken: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(ROUNDS):
        here.clock.advance(901)
        await lock(here, line)
        for kind, (login, password) in KINDS.items():
            begun = time.process_time()
            await line.log_in(login, password)
            taken[kind].append(time.process_time() - begun)
    least = {kind: min(each) for kind, each in taken.items()}
    assert max(least.values()) < SPREAD * min(least.values()), least


@IN_MODULE
async def test_every_failure_hashes_once_and_writes_one_row(
    here: Whole, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.clock.advance(901)
    await lock(here, line)
    hasher, compared = here.office.parts.passwords._hasher, []

    class Counting:
        def verify(self, kept: str, password: str) -> bool:
            compared.append(password)
            return hasher.verify(kept, password)

    monkeypatch.setattr(here.office.parts.passwords, "_hasher", Counting())
    for kind, (login, password) in KINDS.items():
        before, hashed = await here.last(), len(compared)
        await line.log_in(login, password)
        assert len(compared) == hashed + 1, kind
        rows = await here.rows(before)
        assert len(rows) == 1, kind
        assert '"kind":"LOGIN_FAILED"' in rows[0]
        for secret in (WRONG, FIRST, "не е име", "nobody-here"):
            assert secret not in rows[0]


@IN_MODULE
async def test_guessing_closes_one_account_and_no_other(here: Whole, line: Line) -> None:
    here.clock.advance(901)
    await here.office.add("victim")
    await here.office.add("colleague")
    inside = Browser(here.office)
    await inside.log_in("victim")
    for _ in range(5):
        assert (await line.log_in("victim", WRONG))[0] == 401
    assert (await line.log_in("victim", FIRST))[0] == 401, "closed, whoever asks"
    assert (await line.log_in("colleague", FIRST))[0] == 303
    assert (await inside.get("/")).status == 200, "who is inside stays"
    for _ in range(10):
        here.clock.advance(80)
        await line.log_in("victim", WRONG)
    here.clock.advance(101)
    assert (await line.log_in("victim", FIRST))[0] == 303, "guessing on does not make it longer"


@IN_MODULE
async def test_an_address_that_guesses_names_is_stopped_and_no_other(here: Whole) -> None:
    """Nor does a header that claims to forward for somebody stop him, or free the guesser."""
    here.clock.advance(901)
    await here.office.add("bystander")
    near = aiohttp.TCPConnector(local_addr=("127.0.0.7", 0))
    far = aiohttp.TCPConnector(local_addr=("127.0.0.8", 0))
    async with (
        aiohttp.ClientSession(connector=near, cookie_jar=aiohttp.DummyCookieJar()) as one,
        aiohttp.ClientSession(connector=far, cookie_jar=aiohttp.DummyCookieJar()) as other,
    ):
        guesser, bystander = Line(here, one), Line(here, other)
        forged = {"X-Forwarded-For": "127.0.0.8", "X-Real-IP": "127.0.0.8"}
        for number in range(30):
            assert (await guesser.log_in(f"name-{number}", WRONG, **forged))[0] == 401
        before = await here.last()
        status, headers, _ = await guesser.log_in("bystander", FIRST)
        assert (status, "Retry-After" in headers) == (429, True)
        forged = {"X-Forwarded-For": "192.0.2.200", "Forwarded": "for=192.0.2.200"}
        assert (await guesser.log_in("bystander", FIRST, **forged))[0] == 429
        assert await here.last() == before, "nothing more is written for it"
        assert (await bystander.log_in("bystander", FIRST))[0] == 303


@IN_MODULE
async def test_guessing_codes_of_the_second_factor_ends_as_soon(here: Whole) -> None:
    here.clock.advance(901)
    await here.office.add("chief", Role.SECURITY_ADMINISTRATOR)
    browser = Browser(here.office)
    await browser.get("/login")
    await browser.submit("/login", login="chief", password=FIRST)
    await browser.get("/login/second")
    right = totp.code_at(KEY, totp.step_at(here.clock.now()))
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    answers = [(await browser.submit("/login/second", code=wrong)).status for _ in range(5)]
    assert set(answers) <= {401, 303}
    answer = await browser.submit("/login/second", code=right)
    assert answer.location != "/", "the right one comes too late"
    assert (await browser.get("/")).status == 303


# --- tokens ---

SECRETS = re.compile(r"token|secret|password|digest|cookie|code$|hashed", re.IGNORECASE)
PLAIN = {
    # Compared with what the same person brought or with an address, never with a kept secret.
    ("access/guard.py", "visit.token != kept"),
    ("access/desk.py", "new == form.get('old', '')"),
    # Which recovery code is used up, once its hash was found among the kept ones.
    ("access/entrance.py", "one != digest"),
    ("access/pages.py", "found[1] != visit.request.match_info['digest']"),
}


def test_secrets_are_compared_in_constant_time() -> None:
    """No `==` on anything that is called a secret: `same` does it, or a look-up by its hash."""
    found = set()
    for file in sorted((*CONSOLE.glob("access/*.py"), *CONSOLE.glob("office/wall*.py"))):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Compare):
                continue
            if not any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
                continue
            named = [ast.unparse(one) for one in (node.left, *node.comparators)]
            if any(SECRETS.search(name) for name in named) and "''" not in named:
                found.add((f"{file.parent.name}/{file.name}", ast.unparse(node)))
    assert found <= PLAIN, found - PLAIN


@IN_MODULE
async def test_the_store_holds_no_secret_of_anybody(here: Whole, tmp_path: Path) -> None:
    """Neither a session's token nor a password nor a second factor's key stands on disk."""
    await here.office.add("kept", Role.SECURITY_ADMINISTRATOR)
    browser = Browser(here.office)
    await browser.log_in("kept")
    await here.memory.journal.seal()
    secrets = [browser.cookies["depesha-session"].encode(), FIRST.encode(), KEY, KEY.hex().encode()]
    for file in sorted(here.settings.store.folder.rglob("*")):
        if file.is_file():
            data = file.read_bytes()
            assert not [one for one in secrets if one in data], file.name
