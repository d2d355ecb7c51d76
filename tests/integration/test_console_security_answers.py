"""What every answer of the whole console says of itself: headers, cookies, caches, tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from depesha.monitoring.console.access import totp
from depesha.monitoring.console.access.cookies import form_token
from depesha.schemas.people import Role
from tests.support.console import FIRST, KEY, OWN, Browser
from tests.support.console_headers import every_header
from tests.support.console_walk import Heard, Stand
from tests.support.console_walk import stand as standing

pytestmark = pytest.mark.asyncio(loop_scope="module")
SESSION, FORM = "depesha-session", "depesha-form"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    async with standing(tmp_path_factory.mktemp("requests")) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def over_tls(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    """A console that a proxy with TLS stands before."""
    toml = '[console]\norigin = "https://console.example"\n'
    async with standing(tmp_path_factory.mktemp("tls"), toml=toml) as made:
        yield made


# --- headers, cookies, caches ---


@pytest.mark.parametrize("role", Role)
async def test_every_answer_to_everybody_has_every_header(stand: Stand, role: Role) -> None:
    """Pages, refusals, redirections, streams, files, and what no route has."""
    who = await stand.visitor(role)
    token = form_token(who.cookies[SESSION])
    for route in stand.here.routes:
        if route.path == "/logout":
            continue
        for address in stand.places.addresses(route)[:2]:
            post = route.method == "POST"
            heard = await stand.asking.ask(
                route.method, address, of=who, token=token if post else None
            )
            every_header(heard)
            static = route.path.startswith("/static/")
            assert (heard.headers["Cache-Control"] == "no-store") is not static, address
            kind = heard.headers.get("Content-Type", "")
            if heard.body and heard.status == 200:
                assert kind.split(";")[0] in KINDS, (address, kind)
            assert "charset=utf-8" in kind or not heard.body or kind == "application/octet-stream"
    for path in ("/no-such", "/healthz", "/readyz", "/metrics", "/static/x/y", "/favicon.ico"):
        every_header(await stand.asking.ask("GET", path))
    every_header(await stand.asking.ask("DELETE", "/login"))
    every_header(await stand.asking.ask("POST", "/login"))


KINDS = {"text/html", "text/css", "text/event-stream", "application/octet-stream"}


async def test_files_of_ours_may_be_kept_by_all_and_say_nothing_of_anybody(stand: Stand) -> None:
    clerk = await stand.visitor(Role.CLERK)
    pages = stand.here.office.parts.pages
    names = [name for name in pages._static if not name.startswith(".")]
    assert len(names) > 4
    for name in names:
        address = pages.static_address(name)
        mine = await stand.asking.ask("GET", address, of=clerk)
        theirs = await stand.asking.ask("GET", address)
        assert mine.body == theirs.body
        assert mine.cookies == theirs.cookies == []
        assert mine.headers["Cache-Control"].endswith("immutable")


async def test_hsts_and_cookies_over_tls(over_tls: Stand) -> None:
    """`__Host-` and every flag, on all cookies that are ever set, and HSTS on all answers."""
    asking, here = over_tls.asking, over_tls.here
    own = {"Origin": "https://console.example", "Sec-Fetch-Site": "same-origin"}
    await here.office.add("chief", Role.SECURITY_ADMINISTRATOR)
    cookies: dict[str, str] = {}
    every: list[str] = []

    def taken(heard: Heard) -> Heard:
        every_header(heard, tls=True)
        for one in heard.cookies:
            every.append(one)
            name, _, value = one.partition(";")[0].partition("=")
            cookies[name] = value.strip('"')
        return heard

    taken(await asking.ask("GET", "/login"))
    bound = form_token(cookies["__Host-" + FORM])
    fields = {"login": "chief", "password": FIRST}
    taken(
        await asking.ask(
            "POST", "/login", cookies=cookies, own=False, headers=own, token=bound, fields=fields
        )
    )
    code = totp.code_at(KEY, totp.step_at(here.clock.now()))
    heard = taken(
        await asking.ask(
            "POST",
            "/login/second",
            cookies=cookies,
            own=False,
            headers=own,
            token=bound,
            fields={"code": code},
        )
    )
    assert heard.location == "/"
    assert taken(await asking.ask("GET", "/", cookies=cookies)).status == 200
    for path in ("/no-such", "/healthz", "/metrics", "/wall/screen"):
        taken(await asking.ask("GET", path, cookies=cookies))
    plain = {name.removeprefix("__Host-"): value for name, value in cookies.items()}
    assert (await asking.ask("GET", "/", cookies=plain)).status == 303, "only our own names count"
    assert len(every) >= 4
    for one in every:
        assert one.startswith("__Host-depesha-"), one
        flags = {part.strip().lower() for part in one.split(";")[1:]}
        assert {"secure", "httponly", "samesite=strict", "path=/"} <= flags, one
        assert not [flag for flag in flags if flag.startswith("domain")]


async def test_behind_a_proxy_only_its_own_origin_counts(over_tls: Stand) -> None:
    """Neither the host that a request names, nor one that a header claims to forward."""
    asking = over_tls.asking
    for host, origin in (
        ("evil.example", "http://evil.example"),
        ("evil.example", "https://evil.example"),
        ("127.0.0.1", over_tls.here.office.origin),
        ("console.example", "http://console.example"),
    ):
        heard = await asking.ask(
            "POST",
            "/login",
            cookies={"__Host-" + FORM: "x" * 43},
            own=False,
            token=form_token("x" * 43),
            headers={"Host": host, "Origin": origin, "X-Forwarded-Host": "evil.example"},
        )
        assert heard.status == 403


async def test_no_answer_repeats_the_host_that_a_request_names(stand: Stand) -> None:
    clerk = await stand.visitor(Role.CLERK)
    named = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "X-Original-URL": "/users",
        "X-Rewrite-URL": "/users",
        "Forwarded": "for=192.0.2.1;host=evil.example;proto=https",
    }
    for route in stand.here.routes:
        if route.method == "GET":
            address = stand.places.addresses(route)[0]
            for of in (clerk, None):
                heard = await stand.asking.ask("GET", address, of=of, headers=named)
                assert b"evil.example" not in heard.body, address
                assert heard.location.startswith("/") or not heard.location
                assert not heard.location.startswith("//")
                assert b"evil" not in str(heard.cookies).encode()
    answer = await stand.asking.ask("GET", "/", of=clerk, headers={"X-Original-URL": "/users"})
    assert answer.status == 200


async def test_a_token_is_drawn_anew_wherever_somebody_becomes_more(stand: Stand) -> None:
    """At the log-in, at the second factor, at a new password; the earlier ones open nothing."""
    here = stand.here
    await here.office.add("fixed", Role.SECURITY_ADMINISTRATOR)
    browser = Browser(here.office, cookies={SESSION: "f" * 43, FORM: "g" * 43})
    seen = [browser.cookies[SESSION]]
    await browser.get("/login")
    await browser.submit("/login", login="fixed", password=FIRST)
    seen.append(browser.cookies[SESSION])
    await browser.get("/login/second")
    code = totp.code_at(KEY, totp.step_at(here.clock.now()))
    await browser.submit("/login/second", code=code)
    seen.append(browser.cookies[SESSION])
    assert FORM not in browser.cookies, "a form of a stranger is none of a person"
    await browser.get("/password")
    answer = await browser.submit("/password", old=FIRST, new=OWN, again=OWN)
    assert answer.location == "/"
    seen.append(browser.cookies[SESSION])
    assert len(set(seen)) == 4
    for token in seen[:-1]:
        heard = await stand.asking.ask("GET", "/account", cookies={SESSION: token})
        assert heard.status == 303
    assert (await browser.get("/account")).status == 200
    for token in seen:
        assert token not in browser.page
