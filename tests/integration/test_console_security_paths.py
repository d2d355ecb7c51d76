"""Where paths and log-ins lead in the whole console: to pages of ours, and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from depesha.monitoring.console.access import totp
from depesha.monitoring.console.access.cookies import form_token
from depesha.schemas.people import Role
from tests.support.console import FIRST, KEY, Browser
from tests.support.console_headers import every_header
from tests.support.console_walk import Stand
from tests.support.console_walk import stand as standing

pytestmark = pytest.mark.asyncio(loop_scope="module")
SESSION, FORM = "depesha-session", "depesha-form"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    async with standing(tmp_path_factory.mktemp("requests")) as made:
        yield made


# --- paths ---

TRAVERSALS = (
    "..",
    ".",
    "%2e%2e",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f%2e%2e%2fdepesha.toml",
    "..%5c..%5cwindows",
    "%252e%252e%252f",
    "a%00.css",
    "a%0d%0aSet-Cookie:%20x=y",
    "%c0%ae%c0%ae",
    "a;b=c",
    "a" * 300,
    "%D1%84",
    "a%20b",
    "*",
    "'%20OR%201=1--",
    "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
)


async def test_no_part_of_a_path_leads_anywhere_else(stand: Stand) -> None:
    found = 0
    for route in stand.here.routes:
        if "{" not in route.path:
            continue
        who = await stand.entitled(route)
        token = form_token(who.cookies[SESSION]) if route.method == "POST" else None
        parts = stand.places.addresses(route)[0].split("/")
        at = [n for n, part in enumerate(route.path.split("/")) if part.startswith("{")]
        for place in at:
            for bad in TRAVERSALS:
                path = "/".join([*parts[:place], bad, *parts[place + 1 :]])
                heard = await stand.asking.ask(route.method, path, of=who, token=token)
                assert heard.status in {400, 404, 405}, (route.method, path, heard.status)
                assert b"root:" not in heard.body
                assert b"[participant]" not in heard.body
                assert "x=y" not in str(heard.cookies)
                assert b"<script>alert" not in heard.body
                every_header(heard)
                found += 1
    assert found > 500


async def test_ids_of_one_kind_open_nothing_of_another(stand: Stand) -> None:
    """An id in other letters, with signs around it, or of nothing at all is no document."""
    clerk = await stand.visitor(Role.CLERK)
    good = stand.places.values["/documents"][0]
    for wrong in (good.upper() + "A", f"{good}.", f"-{good}", "f" * 32, "0", "-1", good[:-1]):
        for tail in ("", "/open/original", "/evidence", "/letter", "/do/note"):
            heard = await stand.asking.ask("GET", f"/documents/{wrong}{tail}", of=clerk)
            assert heard.status == 404, (wrong, tail)


# --- where a log-in leads ---

ELSEWHERE = (
    "https://evil.example",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/%2f/evil.example",
    "/%5cevil.example",
    "http:evil.example",
    "https:/evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\nLocation: https://evil.example",
    "\t//evil.example",
    " //evil.example",
    "/.evil.example",
    "/..//evil.example",
    "/search/../..//evil.example",
    "/search?q=1",
    "/search#x",
    "/search@evil.example",
    "evil.example",
    "?next=//evil.example",
    "/login",
    "/logout",
    "/static/x/y",
    "/wall/screen",
    "/documents/../../evil.example",
    "/documents/a//evil.example",
    "/users/a%0d%0aX:y",
    "/\u2215evil.example",
    "/search\u0000",
    "x" * 5000,
)


async def test_a_log_in_leads_to_no_place_but_a_page_of_ours(stand: Stand) -> None:
    here, asking = stand.here, stand.asking
    clerk = await stand.visitor(Role.CLERK)
    await here.office.add("second", Role.SECURITY_ADMINISTRATOR)
    for bad in ELSEWHERE:
        quoted = "".join(f"%{byte:02X}" for byte in bad.encode())[:8000]
        heard = await asking.ask("GET", f"/login?next={quoted}", of=clerk)
        assert (heard.status, heard.location) == (303, "/"), bad
        shown = Browser(here.office)
        answer = await shown.get(f"/login?next={quoted}")
        assert 'name="next" value="/"' in answer.text, bad
        assert "evil" not in answer.text
    for bad in ELSEWHERE[::6]:  # a right password costs its time
        browser = Browser(here.office)
        await browser.get("/login")
        answer = await browser.submit("/login", login="known-clerk", password=FIRST, next=bad)
        assert answer.location == "/", bad
        browser = Browser(here.office)
        await browser.get("/login")
        answer = await browser.submit("/login", login="second", password=FIRST, next=bad)
        assert answer.location == "/login/second?next=/", bad
        here.clock.advance(30)
        code = totp.code_at(KEY, totp.step_at(here.clock.now()))
        await browser.get("/login/second")
        answer = await browser.submit("/login/second", code=code, next=bad)
        assert answer.location == "/", bad


async def test_a_log_in_leads_to_the_pages_of_ours(stand: Stand) -> None:
    clerk = await stand.visitor(Role.CLERK)
    for route in stand.here.routes:
        if route.method == "GET" and not route.path.startswith(("/login", "/static", "/wall/")):
            address = stand.places.addresses(route)[0]
            heard = await stand.asking.ask("GET", f"/login?next={address}", of=clerk)
            assert heard.location == address
