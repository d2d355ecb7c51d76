"""Every address of the whole console × everybody who may come: the answer is what the table says.

The console is the one that the gateway itself puts together, over its real store.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
import pytest_asyncio

from depesha.gateway import people
from depesha.monitoring.console.access.cookies import form_token
from depesha.monitoring.console.access.routes import Door, Route
from depesha.schemas.message import EvidenceKind, TaskKind
from depesha.schemas.people import PERMISSIONS, Action, Closing, Right, Role, Secrets
from tests.support.console import FIRST, MACHINE, Browser, replace_secrets, step
from tests.support.console_plant import HELD
from tests.support.console_walk import Heard, Stand
from tests.support.console_walk import stand as standing
from tests.support.console_whole import Whole
from tests.support.memory import evidence
from tests.support.roles_page import PAGE, page

pytestmark = pytest.mark.asyncio(loop_scope="module")
SESSION, FORM = "depesha-session", "depesha-form"
REASONS_THAT_ARE_NONE: tuple[dict[str, str], ...] = (
    {},
    {"purpose": "fault"},
    {"ground": "ДЗ-1"},
    {"purpose": "curiosity", "ground": "ДЗ-1"},
    {"purpose": "fault", "ground": "   "},
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    async with standing(tmp_path_factory.mktemp("table"), openid=True) as made:
        yield made


async def test_the_page_of_roles_is_what_is_served(stand: Stand) -> None:
    served = page(stand.here.routes, stand.here.application)
    assert served == PAGE.read_text("utf-8"), "run `make roles`"


async def test_every_change_is_a_post_and_every_route_needs_something(stand: Stand) -> None:
    for route in stand.here.routes:
        assert route.method in {"GET", "POST"}
        assert isinstance(route.needs, Action | Door)
    strangers = {(r.method, r.path) for r in stand.here.routes if r.needs is Door.ANYBODY}
    assert strangers == {
        ("GET", "/login"),
        ("POST", "/login"),
        ("GET", "/login/second"),
        ("POST", "/login/second"),
        ("GET", "/login/openid"),
        ("GET", "/login/openid/back"),
        ("GET", "/static/{digest}/{name}"),
        ("GET", "/wall/screen"),
        ("POST", "/wall/screen"),
    }


# --- who has rights ---


def ordered(routes: tuple[Route, ...]) -> list[Route]:
    """All routes, the log-out last: it ends what the others need."""
    return sorted(routes, key=lambda route: route.path == "/logout")


@pytest.mark.parametrize(
    "roles",
    [*((role,) for role in Role), (Role.CLERK, Role.OPERATOR)],
    ids="+".join,
)
async def test_a_role_opens_what_the_table_says_and_nothing_else(
    stand: Stand, roles: tuple[Role, ...]
) -> None:
    here = stand.here
    visitor = await here.visitor(*roles)
    await parked_again(here)
    wrong = []
    for route in ordered(here.routes):
        for address in stand.places.addresses(route):
            before = await here.last()
            heard = await as_own_page(stand, visitor, route, address)
            rows = [json.loads(body) for body in await here.rows(before)]
            denied = [row for row in rows if row["kind"] == "PERMISSION_DENIED"]
            if fault := judged(route, address, roles, heard, rows, denied):
                wrong.append(f"{route.method} {address}: {fault}")
    assert not wrong, "\n".join(wrong)


async def parked_again(here: Whole) -> None:
    """Park the task that an earlier role has started again."""
    for claim in await here.memory.tasks.claim([TaskKind.NOTICE], 1, 60):
        await here.memory.tasks.park(claim, "again", evidence(HELD, EvidenceKind.PARKED))


def judged(
    route: Route,
    address: str,
    roles: tuple[Role, ...],
    heard: Heard,
    rows: list[dict[str, object]],
    denied: list[dict[str, object]],
) -> str:
    """Say what is wrong with an answer; empty: nothing."""
    if isinstance(route.needs, Action) and right(roles, route.needs) is Right.NO:
        if heard.status != 403 or len(rows) != 1 or len(denied) != 1:
            return f"no right, and the answer is {heard.status} with {len(rows)} rows"
        told = denied[0]["facts"]
        assert isinstance(told, dict)
        good = told["action"] == route.needs and told["page"] == route.path
        return "" if good else f"the row says {told}"
    closed = route.needs is not Door.ANYBODY
    away = heard.location.startswith("/login") and route.path != "/logout"
    broken = heard.status >= 500 and "openid" not in route.path
    shut = route.method == "GET" and not opens(route, address, heard)
    wrong = broken or shut or denied or (closed and (heard.status in {401, 403} or away))
    return f"a right, and the answer is {heard.status} {heard.location}" if wrong else ""


def opens(route: Route, address: str, heard: Heard) -> bool:
    """Tell whether a page opened that should."""
    if "/do/" in address:  # a deed that the document's state does not allow says so
        return heard.status in {200, 400}
    if route.path == "/seals/pack":  # leads on, or says that there is no such document
        return heard.status in {303, 400}
    return route.needs is Door.ANYBODY or heard.status == 200


def right(roles: tuple[Role, ...], action: Action) -> Right:
    """The table, read once more by hand: the most that one of the roles has."""
    found = {PERMISSIONS[role].get(action, Right.NO) for role in roles}
    return next(one for one in (Right.YES, Right.WITH_REASON, Right.NO) if one in found)


async def as_own_page(stand: Stand, visitor: Browser, route: Route, address: str) -> Heard:
    """Ask as our own page would: with the form's token, and nothing else in it."""
    token = form_token(visitor.cookies[SESSION])
    return await stand.asking.ask(
        route.method, address, of=visitor, token=token if route.method == "POST" else None
    )


async def test_what_opens_with_a_reason_stays_shut_without_one(stand: Stand) -> None:
    here = stand.here
    visitor = await here.visitor(Role.OPERATOR, login="curious")
    routes = [
        r
        for r in here.routes
        if r.method == "POST"
        and isinstance(r.needs, Action)
        and right((Role.OPERATOR,), r.needs) is Right.WITH_REASON
    ]
    assert len(routes) >= 2
    for route in routes:
        for address in stand.places.addresses(route):
            before = await here.last()
            for fields in REASONS_THAT_ARE_NONE:
                heard = await stand.asking.ask(
                    "POST",
                    address,
                    of=visitor,
                    token=form_token(visitor.cookies[SESSION]),
                    fields=fields,
                )
                assert heard.status == 400, (address, fields)
                assert b"<letter" not in heard.body
            assert await here.last() == before, "nothing was opened, so nothing is noted"


# --- who has none ---

Maker = Callable[[Whole], Awaitable[tuple[Browser, str]]]
"""Returns a browser, and where it is led from every page that needs somebody."""


async def nobody(here: Whole) -> tuple[Browser, str]:
    return Browser(here.office), "/login"


async def half(here: Whole) -> tuple[Browser, str]:
    await here.office.add("half", Role.SECURITY_ADMINISTRATOR)
    browser = Browser(here.office)
    await browser.get("/login")
    answer = await browser.submit("/login", login="half", password=FIRST)
    assert answer.location.startswith("/login/second")
    return browser, "/login"


async def forced(here: Whole) -> tuple[Browser, str]:
    await here.office.add("forced", Role.CLERK, Role.OPERATOR, ready=False)
    browser = Browser(here.office)
    await browser.log_in("forced")
    return browser, "/password"


async def unenrolled(here: Whole) -> tuple[Browser, str]:
    await here.office.add("unenrolled", Role.SECURITY_ADMINISTRATOR, ready=False)
    found = await here.office.person("unenrolled")
    secrets = Secrets(password=found.secrets.password, must_change=False)
    await here.memory.accounts.change(step(replace_secrets(found, secrets), "ready"))
    browser = Browser(here.office)
    await browser.log_in("unenrolled")
    return browser, "/account"


async def blocked(here: Whole) -> tuple[Browser, str]:
    browser = await here.visitor(Role.AUDITOR, login="blocked")
    await here.office.parts.keeper.block(MACHINE, "blocked", Closing.BREACH, "ЗАП-1")
    return browser, "/login"


async def blocked_but_remembered(here: Whole) -> tuple[Browser, str]:
    """A session that outlived its account's block: it opens nothing either."""
    browser = await here.visitor(Role.AUDITOR, login="remembered")
    found = await here.office.person("remembered")
    shut = people.blocked(MACHINE, found, Closing.LEFT, "ЗАП-2", here.clock.now(), ())
    await here.memory.accounts.change(replace(shut, ends_sessions=False))
    return browser, "/login"


async def without_undertaking(here: Whole) -> tuple[Browser, str]:
    browser = await here.visitor(Role.CLERK, login="withdrawn")
    await here.office.parts.keeper.undertake(MACHINE, "withdrawn", None)
    return browser, "/login"


async def without_roles(here: Whole) -> tuple[Browser, str]:
    """Roles taken away end all sessions."""
    browser = await here.visitor(Role.CLERK, login="demoted")
    await here.office.parts.keeper.give_roles(MACHINE, "demoted", frozenset({Role.AUDITOR}))
    return browser, "/login"


async def gone(here: Whole) -> tuple[Browser, str]:
    browser = await here.visitor(Role.CLERK, Role.OPERATOR, login="gone")
    kept = dict(browser.cookies)
    await browser.get("/account")
    assert (await browser.submit("/logout")).location == "/login"
    browser.cookies = kept
    return browser, "/login"


async def idle(here: Whole) -> tuple[Browser, str]:
    browser = await here.visitor(Role.CLERK, Role.OPERATOR, login="idle")
    here.clock.advance(30 * 60)
    return browser, "/login"


async def overdue(here: Whole) -> tuple[Browser, str]:
    browser = await here.visitor(Role.CLERK, Role.OPERATOR, login="overdue")
    for _ in range(30):
        here.clock.advance(20 * 60)
        await browser.get("/account")
    return browser, "/login"


async def guessing(here: Whole) -> tuple[Browser, str]:
    browser = Browser(here.office)
    browser.cookies[SESSION] = "A" * 43
    return browser, "/login"


@pytest.mark.parametrize(
    "make",
    [
        nobody,
        half,
        forced,
        unenrolled,
        blocked,
        blocked_but_remembered,
        without_undertaking,
        without_roles,
        gone,
        guessing,
        idle,
        overdue,
    ],
)
async def test_who_is_not_wholly_there_is_led_away_and_nothing_happens(
    stand: Stand, make: Maker
) -> None:
    here = stand.here
    browser, way = await make(here)
    bound = browser.cookies.get(FORM) or "b" * 43
    browser.cookies[FORM] = bound
    present = way != "/login"
    secret = browser.cookies[SESSION] if present else bound
    wrong = []
    for route in ordered(here.routes):
        if route.needs is Door.ANYBODY or (present and route.while_forced):
            continue
        for address in stand.places.addresses(route):
            before = await here.last()
            heard = await stand.asking.ask(
                route.method,
                address,
                of=browser,
                token=form_token(secret) if route.method == "POST" else None,
            )
            wanted = f"{way}?next={address}" if (way, route.method) == ("/login", "GET") else way
            if (heard.status, heard.location, heard.body) != (303, wanted, b""):
                wrong.append(f"{route.method} {address}: {heard.status} {heard.location}")
            if await here.last() != before:
                wrong.append(f"{route.method} {address}: something was done")
    assert not wrong, "\n".join(wrong)


async def test_what_stays_open_before_a_change_of_password_is_little(stand: Stand) -> None:
    open_ = {(r.method, r.path) for r in stand.here.routes if r.while_forced}
    assert open_ == {
        ("GET", "/static/{digest}/{name}"),
        ("POST", "/logout"),
        ("GET", "/password"),
        ("POST", "/password"),
        ("GET", "/account"),
        ("POST", "/account/language"),
        ("POST", "/account/second"),
    }


async def test_a_form_of_a_stranger_is_no_form_of_a_person(stand: Stand) -> None:
    """The token that a log-in page gives opens no deed of whoever is logged in."""
    here = stand.here
    visitor = await here.visitor(Role.CLERK, login="bound")
    for route in here.routes:
        if route.method != "POST" or route.needs is Door.ANYBODY:
            continue
        for address in stand.places.addresses(route)[:1]:
            before = await here.last()
            cookies = {**visitor.cookies, FORM: "c" * 43}
            heard = await stand.asking.ask(
                "POST", address, cookies=cookies, token=form_token("c" * 43)
            )
            assert heard.status == 403, address
            assert await here.last() == before
