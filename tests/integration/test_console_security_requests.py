"""What a hostile site, browser or hand may send to the whole console: it changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from depesha.monitoring.console.access.cookies import form_token
from depesha.monitoring.console.access.routes import Route
from depesha.schemas.people import Role
from tests.support.console_walk import Stand
from tests.support.console_walk import stand as standing

pytestmark = pytest.mark.asyncio(loop_scope="module")
SESSION, FORM = "depesha-session", "depesha-form"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    async with standing(tmp_path_factory.mktemp("requests")) as made:
        yield made


def posts(stand: Stand) -> list[Route]:
    return [route for route in stand.here.routes if route.method == "POST"]


# --- requests that another site makes ---

EVIL = "https://evil.example"
FOREIGN: dict[str, dict[str, str]] = {
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
