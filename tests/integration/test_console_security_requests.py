"""What a hostile site, browser or hand may send to the whole console, and what answers say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.http import HttpProcessingError

from depesha.app.listeners import Listeners
from depesha.config import Address
from depesha.monitoring.console.access import totp
from depesha.monitoring.console.access.cookies import form_token
from depesha.monitoring.console.access.routes import Route
from depesha.schemas.people import Role
from depesha.simulators.gateway_plan import free_ports
from tests.support.console import FIRST, KEY, OWN, Browser
from tests.support.console_walk import Heard, Stand
from tests.support.console_walk import stand as standing

pytestmark = pytest.mark.asyncio(loop_scope="module")
SESSION, FORM = "depesha-session", "depesha-form"
EVIL = "https://evil.example"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Written down here once more, so that nobody takes one away by mistake."""
FILE = "default-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox"


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


def posts(stand: Stand) -> list[Route]:
    return [route for route in stand.here.routes if route.method == "POST"]


# --- requests that another site makes ---

FOREIGN = {
    "no word of a page": {},
    "foreign origin": {"Origin": EVIL},
    "foreign origin, own site": {"Origin": EVIL, "Sec-Fetch-Site": "same-origin"},
    "null origin": {"Origin": "null"},
    "other port": {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"},
    "cross-site": {"Sec-Fetch-Site": "cross-site"},
    "same-site": {"Sec-Fetch-Site": "same-site"},
    "typed": {"Sec-Fetch-Site": "none"},
    "unknown site": {"Sec-Fetch-Site": "same-origin, cross-site"},
    "referer alone": {"Referer": "{own}/account"},
    "own origin, foreign site": {"Origin": "{own}", "Sec-Fetch-Site": "cross-site"},
    "origin with a path": {"Origin": "{own}/"},
    "origin that begins like ours": {"Origin": "{own}.evil.example"},
    "other scheme": {"Origin": "{tls}"},
}


@pytest.mark.parametrize("case", FOREIGN)
async def test_no_foreign_page_changes_anything(stand: Stand, case: str) -> None:
    own = stand.here.office.origin
    tls = own.replace("http:", "https:")
    headers = {name: v.format(own=own, tls=tls) for name, v in FOREIGN[case].items()}
    for route in posts(stand):
        who = await stand.entitled(route)
        address = stand.places.addresses(route)[0]
        token = form_token(who.cookies[SESSION])
        before = await stand.here.last()
        heard = await stand.asking.ask(
            "POST", address, of=who, own=False, token=token, headers=headers
        )
        assert heard.status == 403, (case, address)
        assert heard.cookies == []
        assert await stand.here.last() == before, (case, address)


async def test_no_form_without_its_own_token_changes_anything(stand: Stand) -> None:
    """Missing, empty, of another session, of a stranger's form, the session's own, cut short."""
    other = await stand.here.visitor(Role.CLERK, login="other")
    for route in posts(stand):
        who = await stand.entitled(route)
        mine = who.cookies[SESSION]
        good = form_token(mine)
        address = stand.places.addresses(route)[0]
        before = await stand.here.last()
        for token in (
            None,
            "",
            form_token(other.cookies[SESSION]),
            form_token(""),
            mine,
            good[:-1],
            good.upper(),
            good + " ",
            "\0" + good,
        ):
            heard = await stand.asking.ask("POST", address, of=who, token=token)
            assert heard.status == 403, (address, token)
        assert await stand.here.last() == before, address


async def test_a_token_in_the_address_is_none(stand: Stand) -> None:
    clerk = await stand.visitor(Role.CLERK)
    token = form_token(clerk.cookies[SESSION])
    for path in ("/logout", "/account/language"):
        heard = await stand.asking.ask("POST", f"{path}?form_token={token}&language=en", of=clerk)
        assert heard.status == 403
    assert (await stand.asking.ask("GET", "/", of=clerk)).status == 200


# --- methods ---


@pytest.mark.parametrize(
    "method", ["HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "MKCOL"]
)
async def test_only_the_methods_of_the_table_are_served(stand: Stand, method: str) -> None:
    told = {(route.method, route.pattern) for route in stand.here.routes}
    for route in stand.here.routes:
        who = await stand.entitled(route)
        before = await stand.here.last()
        token = form_token(who.cookies[SESSION])
        heard = await stand.asking.ask(
            method, stand.places.addresses(route)[0], of=who, token=token
        )
        assert heard.status == 405, (method, route.path)
        allowed = set(heard.headers["Allow"].split(","))
        assert allowed == {m for m, pattern in told if pattern == route.pattern}
        assert "Access-Control-Allow-Origin" not in heard.headers
        assert await stand.here.last() == before


async def test_a_look_is_never_taken_for_a_deed(stand: Stand) -> None:
    """Neither by a header, nor by a field, nor by a body that a GET brings along."""
    for route in posts(stand):
        who = await stand.entitled(route)
        token = form_token(who.cookies[SESSION])
        before = await stand.here.last()
        path = stand.places.addresses(route)[0]
        await stand.asking.ask(
            "GET",
            f"{path}?_method=POST&form_token={token}",
            of=who,
            data=f"form_token={token}".encode(),
            headers={
                "X-HTTP-Method-Override": "POST",
                "X-Method-Override": "POST",
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": stand.here.office.origin,
            },
        )
        kinds = [body for body in await stand.here.rows(before) if '"VIEWED"' not in body]
        assert kinds == [], path
    for path in ("/", "/account"):
        assert (
            await stand.asking.ask("POST", path, of=await stand.visitor(Role.CLERK))
        ).status in {
            403,
            405,
        }


# --- forms ---

FORMS = {
    "JSON": (b'{"form_token": "%s"}', "application/json"),
    "text": (b"form_token=%s", "text/plain"),
    "no type": (b"form_token=%s", ""),
    "multipart": (
        b'--x\r\nContent-Disposition: form-data; name="form_token"\r\n\r\n%s\r\n--x--\r\n',
        "multipart/form-data; boundary=x",
    ),
    "XML": (b"<form_token>%s</form_token>", "application/xml"),
    "token twice": (b"form_token=%s&form_token=%s", "application/x-www-form-urlencoded"),
    "token twice, written otherwise": (
        b"form_token=%s&form%%5Ftoken=x",
        "application/x-www-form-urlencoded",
    ),
    "another field twice": (b"form_token=%s&a=1&a=2", "application/x-www-form-urlencoded"),
    "too many fields": (
        b"form_token=%s" + b"".join(b"&a%d=1" % n for n in range(300)),
        "application/x-www-form-urlencoded",
    ),
    "too large": (b"form_token=%s&a=" + b"x" * 70_000, "application/x-www-form-urlencoded"),
    "no ASCII": (b"form_token=%s&a=\xff", "application/x-www-form-urlencoded"),
    "no UTF-8": (b"form_token=%s&a=%%FF%%FE", "application/x-www-form-urlencoded"),
    "no fields": (b"form_token=%s&just text", "application/x-www-form-urlencoded"),
}


@pytest.mark.parametrize("case", FORMS)
async def test_a_form_that_is_none_of_ours_does_nothing(stand: Stand, case: str) -> None:
    body, kind = FORMS[case]
    for route in posts(stand):
        who = await stand.entitled(route)
        token = form_token(who.cookies[SESSION]).encode()
        data = body.replace(b"%s", token).replace(b"%%", b"%")
        before = await stand.here.last()
        heard = await stand.asking.ask(
            "POST",
            stand.places.addresses(route)[0],
            of=who,
            data=data,
            headers={"Content-Type": kind},
        )
        assert heard.status in {400, 403}, (case, route.path)
        assert await stand.here.last() == before, (case, route.path)


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


# --- headers, cookies, caches ---


def every_header(heard: Heard, *, tls: bool = False) -> None:
    told = {name: heard.headers.get(name) for name in HEADERS}
    if "Content-Disposition" in heard.headers:
        assert told.pop("Content-Security-Policy") == FILE
        assert told == {name: v for name, v in HEADERS.items() if name in told}
    else:
        assert told == HEADERS
    assert "unsafe" not in heard.headers["Content-Security-Policy"]
    strict = heard.headers.get("Strict-Transport-Security")
    assert strict == ("max-age=31536000" if tls else None)
    kept = heard.headers["Cache-Control"]
    assert kept in {"no-store", "public, max-age=31536000, immutable"}
    assert "aiohttp" not in heard.headers.get("Server", "")
    assert "Python" not in heard.headers.get("Server", "")


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


# --- bytes on the line ---


@pytest_asyncio.fixture(loop_scope="module")
async def line(stand: Stand) -> AsyncIterator[int]:
    """The port of the product's own listener, with the same console behind it."""
    here = stand.here
    (port,) = free_ports(1)
    application = here.gateway._operators.application(
        here.gateway._health(), here.gateway._metrics, here.gateway._watching.standing
    )
    listeners = Listeners(here.settings)
    await listeners.open(application, Address(f"127.0.0.1:{port}"), None)
    yield port
    await listeners.close()


async def test_requests_that_could_be_read_in_two_ways_are_answered_once(line: int) -> None:
    """Whatever hides behind the first request is not served."""
    hidden = b"GET /login?smuggled=1 HTTP/1.1\r\nHost: a\r\n\r\n"
    size = str(len(hidden)).encode()
    for request in (
        b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
        b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"
        b"Content-Length: " + size + b"\r\n\r\n" + hidden,
        b"POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n" + hidden,
        b"POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + hidden,
        b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n" + hidden,
        b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 0x0\r\n\r\n" + hidden,
        b"POST /login HTTP/1.1\r\nHost: a\r\n Content-Length: 0\r\n\r\n" + hidden,
        b"GET /login HTTP/1.1\r\nHost: a\r\nX: a\rb: c\r\n\r\n" + hidden,
        b"GET /login HTTP/1.1\r\nHost: a\r\nContent-Length: " + size + b"\r\n\r\n" + hidden,
    ):
        answer = await said(line, request)
        first = answer.partition(b"\r\n")[0]
        assert answer.count(b"HTTP/1.") == 1, (request, answer[:400])
        body_of_get = b"GET /login HTTP/1.1\r\nHost: a\r\nContent-Length" in request
        assert (b" 200 " if body_of_get else b" 400 ") in first, (request, first)
        assert b"smuggled" not in answer


async def said(port: int, request: bytes) -> bytes:
    """Send bytes and return everything that comes back until the line is quiet."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    await writer.drain()
    found = b""
    try:
        async with asyncio.timeout(1.0):
            while chunk := await reader.read(65536):
                found += chunk
    except TimeoutError:
        pass
    finally:
        writer.close()
    return found


@pytest.mark.parametrize("how", ["broken chunks", "packed", "cut off"])
async def test_a_body_that_cannot_be_read_is_no_failure_of_ours(
    stand: Stand, line: int, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    clerk = await stand.visitor(Role.CLERK)
    head = (
        f"POST /account/language HTTP/1.1\r\nHost: 127.0.0.1:{line}\r\n"
        f"Origin: http://127.0.0.1:{line}\r\nCookie: {SESSION}={clerk.cookies[SESSION]}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
    ).encode()
    rest = {
        "broken chunks": b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\nZZ\r\n",
        "packed": b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
        "cut off": b"Content-Length: 400\r\n\r\nform_token=1",
    }[how]
    answer = await said(line, head + rest)
    if how != "cut off":
        assert b" 400 " in answer.partition(b"\r\n")[0], answer[:300]
    faults = [one.exc_info[0] for one in caplog.records if one.exc_info]
    theirs = (web.RequestPayloadError, HttpProcessingError)
    assert all(issubclass(one, theirs) for one in faults if one), "no alarm (log.py)"
