"""The console's doors as a browser meets them: log-in, sessions, forms, headers, rights."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from depesha.gateway import people
from depesha.monitoring.console.access import totp
from depesha.monitoring.console.access.cookies import token_digest
from depesha.monitoring.console.access.headers import HEADERS
from depesha.monitoring.console.access.passwords import Cost
from depesha.monitoring.console.access.routes import Door, Route, Visit
from depesha.schemas.ids import MessageId
from depesha.schemas.people import PERMISSIONS, Action, Block, Closing, Doer, Right, Role, Stage
from tests.support.console import (
    FIRST,
    KEY,
    MACHINE,
    OWN,
    UNDERTAKEN,
    Browser,
    Office,
    office,
    pages,
    step,
)
from tests.support.memory import START

WRONG = "съвсем друга фраза"
SESSION, FORM = "depesha-session", "depesha-form"
CHIEF = Role.SECURITY_ADMINISTRATOR


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as opened:
        yield opened


@pytest.fixture
async def browser(here: Office) -> Browser:
    return Browser(here)


def code(here: Office) -> str:
    return totp.code_at(KEY, totp.step_at(here.clock.now()))


# --- in and out ---


async def test_a_person_logs_in_and_out(here: Office, browser: Browser) -> None:
    await here.add()
    assert (await browser.get("/")).location == "/login?next=/"
    assert (await browser.log_in()).location == "/"
    answer = await browser.get("/")
    assert (answer.status, answer.text) == (200, "page of ivanova")
    token = browser.cookies[SESSION]
    await browser.get("/account")
    assert (await browser.submit("/logout")).location == "/login"
    browser.cookies[SESSION] = token
    assert (await browser.get("/")).status == 303
    assert here.kinds() == ["LOGGED_IN", "LOGGED_OUT"]


async def test_all_who_do_not_get_in_hear_the_same(here: Office) -> None:
    """An unknown name, a wrong password, a blocked account, one without undertaking (S23)."""
    await here.add("ivanova")
    await here.add("blocked")
    await here.parts.keeper.block(MACHINE, "blocked", Closing.LEFT, "ДЗ-2")
    await here.add("early", undertaking=UNDERTAKEN + timedelta(days=1))
    await here.add("never", undertaking=None)
    heard = set()
    for login, password in (
        ("nobody", FIRST),
        ("", ""),
        ("не е име", FIRST),
        ("ivanova", WRONG),
        ("blocked", FIRST),
        ("early", FIRST),
        ("never", FIRST),
    ):
        browser = Browser(here)
        answer = await browser.log_in(login, password)
        assert answer.status == 401, login
        assert SESSION not in browser.cookies
        heard.add(re.sub(r'name="form_token" value="\w+"', "", answer.text))
    assert len(heard) == 1
    assert here.kinds() == ["LOGIN_FAILED"] * 7
    whys = [json.loads(r.body)["facts"].get("why") for r, _ in here.state.evidence]
    assert [why for why in whys if why] == [
        "left",
        *["unknown-account"] * 3,
        "password",
        "blocked",
        *["no-undertaking"] * 2,
    ]


async def test_access_opens_on_the_day_of_the_undertaking(here: Office, browser: Browser) -> None:
    await here.add("early", undertaking=UNDERTAKEN + timedelta(days=1))
    assert (await browser.log_in("early")).status == 401
    here.clock.advance(13 * 3600)  # 22:00 UTC: midnight is past in Sofia
    assert (await browser.log_in("early")).location == "/"


async def test_a_block_throws_out_at_once(here: Office, browser: Browser) -> None:
    await here.add()
    await browser.log_in()
    assert (await browser.get("/")).status == 200
    await here.parts.keeper.block(MACHINE, "ivanova", Closing.BREACH, "ЗАП-3")
    assert (await browser.get("/")).status == 303
    assert (await browser.log_in()).status == 401


async def test_a_session_that_a_block_forgot_opens_nothing(here: Office, browser: Browser) -> None:
    await here.add()
    await browser.log_in()
    found = await here.person()
    block = Block(at=START, by="person:chief", why=Closing.BREACH, ground="ЗАП-4")
    shut = replace(found, account=replace(found.account, blocked=block))
    await here.kept.accounts.change(step(shut, "blocked", ends=False))
    assert (await browser.get("/")).status == 303


async def test_what_was_typed_as_an_unknown_name_is_written_nowhere(
    here: Office, browser: Browser
) -> None:
    await browser.log_in("my-password-42", WRONG)
    assert here.kinds() == ["LOGIN_FAILED"]
    assert "my-password" not in "".join(r.body for r, _ in here.state.evidence)


# --- passwords ---


async def test_a_given_password_must_be_changed_before_anything_else(
    here: Office, browser: Browser
) -> None:
    await here.add(ready=False)
    await browser.log_in()
    assert (await browser.get("/")).location == "/password"
    assert (await browser.post("/deed/send", {"form_token": "x"})).status == 403
    await browser.get("/password")
    before = browser.cookies[SESSION]
    answer = await browser.submit("/password", old=FIRST, new=OWN, again=OWN)
    assert answer.location == "/"
    assert browser.cookies[SESSION] != before, "a new session after a change"
    assert (await browser.get("/")).status == 200
    assert (await Browser(here).log_in(password=FIRST)).status == 401
    assert (await Browser(here).log_in(password=OWN)).location == "/"


@pytest.mark.parametrize(
    "fields",
    [
        {"old": WRONG, "new": OWN, "again": OWN},
        {"old": FIRST, "new": OWN, "again": OWN + "x"},
        {"old": FIRST, "new": FIRST, "again": FIRST},
        {"old": FIRST, "new": "къса", "again": "къса"},
        {"old": FIRST, "new": "ivanova ivanova", "again": "ivanova ivanova"},
        {},
    ],
)
async def test_a_password_that_is_no_good_changes_nothing(
    here: Office, browser: Browser, fields: dict[str, str]
) -> None:
    await here.add()
    await browser.log_in()
    await browser.get("/password")
    answer = await browser.submit("/password", **fields)
    assert (answer.status, 'role="alert"' in answer.text) == (400, True)
    assert (await Browser(here).log_in(password=FIRST)).location == "/"


async def test_a_change_of_password_ends_all_other_sessions(here: Office) -> None:
    await here.add()
    one, other = Browser(here), Browser(here)
    await one.log_in()
    await other.log_in()
    await one.get("/password")
    await one.submit("/password", old=FIRST, new=OWN, again=OWN)
    assert (await one.get("/")).status == 200
    assert (await other.get("/")).status == 303


async def test_guessing_the_old_password_from_within_ends_the_session(
    here: Office, browser: Browser
) -> None:
    await here.add()
    await browser.log_in()
    await browser.get("/password")
    for _ in range(5):
        answer = await browser.submit("/password", old=WRONG, new=OWN, again=OWN)
    assert answer.location == "/login"
    assert (await browser.get("/")).status == 303


async def test_a_given_password_opens_for_three_days(here: Office, browser: Browser) -> None:
    await here.add(ready=False)
    here.clock.advance(73 * 3600)
    assert (await browser.log_in()).status == 401


# --- brute force ---


async def test_an_account_closes_after_five_failures_and_opens_by_itself(here: Office) -> None:
    await here.add()
    for _ in range(5):
        assert (await Browser(here).log_in(password=WRONG)).status == 401
    assert (await Browser(here).log_in()).status == 401, "the right one does not open it now"
    here.clock.advance(901)
    assert (await Browser(here).log_in()).location == "/"


async def test_guesses_at_the_same_moment_are_counted_one_by_one(here: Office) -> None:
    await here.add()
    before = len(here.state.evidence)
    guesses = [WRONG] * 7 + [FIRST]
    results = await asyncio.gather(
        *(here.parts.entrance.with_password("ivanova", one, "192.0.2.1") for one in guesses)
    )
    assert {type(one).__name__ for one in results} == {"Refused"}, "the right one came too late"
    found = await here.person()
    assert (found.secrets.failures, found.secrets.locked_until is not None) == (5, True)
    assert len(here.state.evidence) - before == 8


async def test_a_guesser_throws_nobody_out(here: Office, browser: Browser) -> None:
    await here.add()
    await browser.log_in()
    for _ in range(6):
        await Browser(here).log_in(password=WRONG)
    assert (await browser.get("/")).status == 200


async def test_an_address_that_fails_too_often_waits(tmp_path: Path) -> None:
    async with office(tmp_path, toml="[console]\naddress_failures = 4\n") as here:
        await here.add()
        for number in range(4):
            assert (await Browser(here).log_in(f"nobody{number}")).status == 401
        rows = len(here.state.evidence)
        answer = await Browser(here).log_in()
        assert (answer.status, answer.headers["Retry-After"]) == (429, "901")
        assert len(here.state.evidence) == rows, "nothing more is written for it"
        here.clock.advance(901)
        assert (await Browser(here).log_in()).location == "/"


async def test_a_log_in_costs_the_same_for_known_and_unknown_names(tmp_path: Path) -> None:
    """With a hash that outweighs the rest; wide margins, for machines are busy."""
    times: dict[str, list[float]] = {"known": [], "nobody": []}
    async with office(tmp_path, cost=Cost(memory_kib=16_384)) as here:
        await here.add("known")
        for _ in range(8):
            for login, taken in times.items():
                here.clock.advance(901)  # neither account nor address is closed
                begun = time.perf_counter()
                await here.parts.entrance.with_password(login, WRONG, "192.0.2.1")
                taken.append(time.perf_counter() - begun)
    known, nobody = (statistics.median(taken) for taken in times.values())
    assert 0.4 < known / nobody < 2.5


@pytest.mark.parametrize("login", ["known", "blocked", "nobody", "не е име", ""])
async def test_every_failure_does_the_same_work(
    here: Office, monkeypatch: pytest.MonkeyPatch, login: str
) -> None:
    await here.add("known")
    await here.add("blocked")
    await here.parts.keeper.block(MACHINE, "blocked", Closing.LEFT, "ДЗ-2")
    hasher = here.parts.passwords._hasher
    compared = []

    class Counting:
        def verify(self, kept: str, password: str) -> bool:
            compared.append(password)
            return hasher.verify(kept, password)

    monkeypatch.setattr(here.parts.passwords, "_hasher", Counting())
    before = len(here.state.evidence)
    await here.parts.entrance.with_password(login, WRONG, "192.0.2.1")
    assert compared == [WRONG]
    assert len(here.state.evidence) == before + 1


# --- second factor ---


async def test_who_needs_a_second_factor_gets_nowhere_without(
    here: Office, browser: Browser
) -> None:
    await here.add("chief", CHIEF, ready=False)
    await browser.log_in("chief")
    await browser.get("/password")
    await browser.submit("/password", old=FIRST, new=OWN, again=OWN)
    assert (await browser.get("/page/manage-accounts")).location == "/account"
    page = (await browser.get("/account")).text
    assert "<svg" in page
    key = re.search(r"<code>([A-Z2-7]+)</code>", page)
    assert key is not None
    wrong = await browser.submit("/account/second", code="000000")
    assert wrong.status == 400
    assert key[1] in wrong.text, "the same key is proposed again"
    right = totp.code_at(base64.b32decode(key[1]), totp.step_at(here.clock.now()))
    stranger = await browser.submit("/account/second", code=right, old=FIRST)
    assert stranger.status == 400, "whoever found the session open does not know the password"
    assert key[1] in stranger.text
    assert (await here.person("chief")).secrets.totp == b""

    shown = await browser.submit("/account/second", code=right, old=OWN)
    codes = re.findall(r"<li><code>([A-Z2-7-]+)</code>", shown.text)
    assert len(codes) == 8
    assert (await browser.get("/page/manage-accounts")).status == 200
    kept = await here.person("chief")
    assert key[1].encode() not in kept.secrets.totp
    other = Browser(here)
    await other.get("/login")
    half = await other.submit("/login", login="chief", password=OWN)
    assert half.location == "/login/second?next=/"
    await other.get("/login/second")
    assert (await other.submit("/login/second", code=codes[2].lower())).location == "/"
    assert (await other.get("/")).status == 200
    third = Browser(here)
    await third.get("/login")
    await third.submit("/login", login="chief", password=OWN)
    await third.get("/login/second")
    assert (await third.submit("/login/second", code=codes[2])).status == 401, "used up"


async def test_a_half_session_opens_nothing(here: Office, browser: Browser) -> None:
    await here.add("chief", CHIEF)
    await browser.get("/login")
    await browser.submit("/login", login="chief", password=FIRST)
    for path in ("/", "/account", "/password", "/page/see-audit"):
        assert (await browser.get(path)).location.startswith("/login"), path
    assert here.kinds() == []
    here.clock.advance(301)
    assert (await browser.get("/login/second")).location == "/login"


async def test_a_code_opens_once(here: Office) -> None:
    await here.add("chief", CHIEF)
    assert (await Browser(here).log_in("chief")).location == "/"
    assert (await Browser(here).log_in("chief")).status == 401
    here.clock.advance(30)
    assert (await Browser(here).log_in("chief")).location == "/"


async def test_a_code_used_twice_at_the_same_moment_opens_once(here: Office) -> None:
    await here.add("chief", CHIEF)
    halves = [await here.parts.entrance.with_password("chief", FIRST, "a") for _ in range(4)]
    results = await asyncio.gather(
        *(here.parts.entrance.second(half.token, code(here), "a") for half in halves)  # type: ignore[union-attr]
    )
    assert sorted(type(one).__name__ for one in results) == ["Opened"] + ["Refused"] * 3


async def test_guessing_codes_closes_the_account(here: Office, browser: Browser) -> None:
    await here.add("chief", CHIEF)
    await browser.get("/login")
    await browser.submit("/login", login="chief", password=FIRST)
    await browser.get("/login/second")
    for _ in range(5):
        assert (await browser.submit("/login/second", code="000000")).status == 401
    assert (await browser.submit("/login/second", code=code(here))).status == 401
    assert here.kinds() == ["LOGIN_FAILED"] * 6


async def test_the_right_password_does_not_forget_wrong_codes(here: Office) -> None:
    await here.add("chief", CHIEF)
    for _ in range(5):
        half = await here.parts.entrance.with_password("chief", FIRST, "a")
        await here.parts.entrance.second(half.token, "000000", "a")  # type: ignore[union-attr]
    assert (await here.person("chief")).secrets.locked_until is not None


async def test_the_second_factor_comes_off_on_a_code_only(here: Office, browser: Browser) -> None:
    await here.add("chief", CHIEF)
    await browser.log_in("chief")
    await browser.get("/account")
    assert (await browser.submit("/account/second/off", code="000000")).status == 400
    here.clock.advance(30)
    assert (await browser.submit("/account/second/off", code=code(here))).location == "/account"
    assert (await here.person("chief")).secrets.totp == b""


async def test_a_proposed_key_is_taken_from_its_own_session_only(
    here: Office, browser: Browser
) -> None:
    await here.add()
    await here.add("petrova")
    await browser.log_in()
    other = Browser(here)
    await other.log_in("petrova")
    await other.get("/account")
    stolen = re.search(r'name="key" value="(\w+)"', other.page)
    assert stolen is not None
    await browser.get("/account")
    answer = await browser.submit("/account/second", key=stolen[1], code="000000")
    assert answer.status == 400
    assert "<svg" not in answer.text


# --- sessions ---


async def test_a_token_that_a_browser_brings_is_never_taken_over(
    here: Office, browser: Browser
) -> None:
    """Session fixation: planted tokens are replaced at log-in and open nothing."""
    await here.add()
    await here.add("chief", CHIEF)
    thief = Browser(here)
    await thief.get("/login")
    await thief.submit("/login", login="chief", password=FIRST)
    for planted in ("planted", thief.cookies[SESSION]):
        browser.cookies = {SESSION: planted}
        await browser.log_in()
        assert browser.cookies[SESSION] != planted
        assert (await browser.get("/")).text == "page of ivanova"
        assert (await Browser(here, {SESSION: planted}).get("/")).status == 303


async def test_the_token_changes_with_the_second_factor(here: Office, browser: Browser) -> None:
    await here.add("chief", CHIEF)
    await browser.get("/login")
    await browser.submit("/login", login="chief", password=FIRST)
    half = browser.cookies[SESSION]
    await browser.get("/login/second")
    await browser.submit("/login/second", code=code(here))
    assert browser.cookies[SESSION] != half
    assert token_digest(half) not in here.state.sessions
    assert len(here.state.sessions) == 1


async def test_the_store_knows_no_token(here: Office, browser: Browser) -> None:
    await here.add()
    await browser.log_in()
    told = f"{here.state.sessions} {here.state.people} {here.state.evidence}"
    assert browser.cookies[SESSION] not in told
    (session,) = here.state.sessions.values()
    assert session.stage is Stage.WHOLE


async def test_a_session_ends_by_idling_and_at_its_end(here: Office, browser: Browser) -> None:
    await here.add()
    await browser.log_in()
    here.clock.advance(29 * 60)
    assert (await browser.get("/")).status == 200
    here.clock.advance(31 * 60)
    assert (await browser.get("/")).status == 303
    await browser.log_in()
    for _ in range(29):
        here.clock.advance(20 * 60)
        assert (await browser.get("/")).status == 200
    here.clock.advance(20 * 60)
    assert (await browser.get("/")).status == 303
    assert await here.parts.entrance.sweep() == 1, "the one left; a log-in ended the other"
    assert here.state.sessions == {}


@pytest.mark.parametrize("secure", [True, False])
async def test_cookies_have_every_flag(tmp_path: Path, *, secure: bool) -> None:
    toml = '[console]\norigin = "https://console.example"\n' if secure else ""
    async with office(tmp_path, toml=toml) as here:
        await here.add()
        browser = Browser(here)
        own = "https://console.example" if secure else here.origin
        await browser.get("/login")
        fields = {"form_token": browser.form_token, "login": "ivanova", "password": FIRST}
        answer = await browser.post("/login", fields, {"Origin": own})
        (set_,) = [one for one in answer.headers.getall("Set-Cookie") if SESSION in one]
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(set_.split("; "))
        assert "Domain" not in set_
        assert set_.startswith("__Host-") == secure
        assert ("Secure" in set_) == secure
        assert ("Strict-Transport-Security" in answer.headers) == secure


# --- forms ---


async def test_a_form_without_its_token_changes_nothing(here: Office, browser: Browser) -> None:
    await here.add()
    await here.add("petrova")
    await browser.log_in()
    other = Browser(here)
    await other.log_in("petrova")
    await other.get("/account")
    deed = f"/deed/{Action.SEND}"
    for token in ("", "x" * 64, other.form_token, browser.cookies[SESSION]):
        assert (await browser.post(deed, {"form_token": token})).status == 403, token
    assert (await browser.post(deed, {})).status == 403
    await browser.get("/account")
    assert (await browser.post(deed, {"form_token": browser.form_token})).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "OWN", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
        {},
    ],
)
async def test_a_form_from_elsewhere_changes_nothing(
    here: Office, browser: Browser, headers: dict[str, str]
) -> None:
    await here.add()
    await browser.log_in()
    await browser.get("/account")
    sent = {name: here.origin if value == "OWN" else value for name, value in headers.items()}
    fields = {"form_token": browser.form_token, "language": "cs"}
    assert (await browser.post("/account/language", fields, sent)).status == 403
    assert (await here.person()).account.language == ""
    assert (await browser.post("/account/language", fields)).status == 303
    assert (await here.person()).account.language == "cs"


async def test_nobody_is_logged_in_by_a_foreign_form(here: Office) -> None:
    """Log-in CSRF: the form's token belongs to a cookie of the same browser."""
    await here.add()
    attacker, victim = Browser(here), Browser(here)
    await attacker.get("/login")
    fields = {"form_token": attacker.form_token, "login": "ivanova", "password": FIRST}
    assert (await victim.post("/login", fields)).status == 403
    await victim.get("/login")
    assert (await victim.post("/login", fields)).status == 403
    assert SESSION not in victim.cookies


async def test_deeds_are_not_done_by_looking(here: Office, browser: Browser) -> None:
    await here.add()
    await browser.log_in()
    for path in ("/logout", "/account/language", f"/deed/{Action.SEND}"):
        assert (await browser.get(path)).status == 405
    assert (await browser.get("/")).status == 200
    assert all(route.method == "POST" for route in here.console.routes if "deed" in route.path)


async def test_forms_are_read_within_limits(here: Office, browser: Browser) -> None:
    await here.add()
    await browser.log_in()
    await browser.get("/account")
    token = browser.form_token
    many = {f"f{number}": "x" for number in range(300)}
    for fields in ({"form_token": token, "a": "x" * 70_000}, {"form_token": token, **many}):
        assert (await browser.post("/account/language", fields)).status == 400


# --- where a log-in leads ---


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/login", "/%0d%0aX-A:1", "/no"],
)
async def test_a_log_in_leads_to_no_other_place(
    here: Office, browser: Browser, wanted: str
) -> None:
    await here.add()
    assert (await browser.log_in(wanted=wanted)).location == "/"
    again = await browser.get(f"/login?next={wanted}")
    assert (again.status, again.location) == (303, "/")


async def test_a_log_in_leads_to_the_page_that_was_wanted(here: Office, browser: Browser) -> None:
    await here.add()
    wanted = f"/of/{Action.SEE_SUBJECT}/0a1b"
    assert (await browser.get(wanted)).location == f"/login?next={wanted}"
    assert (await browser.log_in(wanted=wanted)).location == wanted


# --- headers ---


@pytest.mark.parametrize("path", ["/login", "/", "/no-such-page", "/logout", "/static/x/y"])
async def test_every_answer_has_every_header(here: Office, browser: Browser, path: str) -> None:
    answer = await browser.get(path)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value, name
    assert answer.headers["Cache-Control"] == "no-store"


async def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "*" not in policy
    assert "http" not in policy
    assert {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(
        policy.split("; ")
    )


async def test_pages_hold_nothing_that_the_policy_forbids(here: Office, browser: Browser) -> None:
    await here.add()
    await here.add("chief", CHIEF)
    texts = [(await browser.get("/login")).text, (await browser.get("/login?next=<script>")).text]
    await browser.log_in("chief")
    texts += [(await browser.get(path)).text for path in ("/account", "/password")]
    clerk = Browser(here)
    await clerk.log_in()
    texts.append((await clerk.get("/account")).text)
    for text in texts:
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:|https?://", text)


async def test_only_files_of_ours_are_served(here: Office, browser: Browser) -> None:
    page = (await browser.get("/login")).text
    sheet = re.search(r'href="(/static/\w+/access\.css)"', page)
    assert sheet is not None
    answer = await browser.get(sheet[1])
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in answer.headers["Cache-Control"]
    digest = sheet[1].split("/")[2]
    for path in (f"/static/{digest}/..", f"/static/{digest}/__init__.py", "/static/x/access.css"):
        assert (await browser.get(path)).status == 404


# --- rights ---


@pytest.mark.parametrize("role", Role)
async def test_every_route_opens_for_its_roles_only(here: Office, role: Role) -> None:
    """The whole table of routes × roles."""
    await here.add("somebody", role)
    browser = Browser(here)
    await browser.log_in("somebody")
    await browser.get("/account")
    token, seen = browser.form_token, 0
    for route in here.console.routes:
        if not isinstance(route.needs, Action):
            assert isinstance(route.needs, Door)
            continue
        path = route.path.replace("{id}", "0a1b")
        answer = (
            await browser.get(path)
            if route.method == "GET"
            else await browser.post(path, {"form_token": token})
        )
        allowed = PERMISSIONS[role].get(route.needs, Right.NO) is not Right.NO
        assert answer.status == (200 if allowed else 403), route.path
        if not allowed:
            last = json.loads(here.last())
            assert (last["kind"], last["actor"]) == ("PERMISSION_DENIED", "person:somebody")
            assert last["facts"] == {"action": route.needs, "page": route.path}
        seen += 1
    assert seen == 3 * len(Action) + 1


async def test_without_a_log_in_no_route_opens_but_the_log_in_pages(
    here: Office, browser: Browser
) -> None:
    await browser.get("/login")
    for route in here.console.routes:
        if route.needs is Door.ANYBODY:
            assert route.path.startswith(("/login", "/static")), route.path
            continue
        path = route.path.replace("{id}", "0a1b")
        answer = (
            await browser.get(path)
            if route.method == "GET"
            else await browser.post(path, {"form_token": browser.form_token})
        )
        assert (answer.status, answer.location.partition("?")[0]) == (303, "/login"), route.path


async def test_new_rights_count_at_once(here: Office, browser: Browser) -> None:
    await here.add("somebody", Role.OPERATOR)
    await browser.log_in("somebody")
    assert (await browser.get(f"/page/{Action.OPERATE}")).status == 200
    await here.parts.keeper.give_roles(MACHINE, "somebody", frozenset({Role.CLERK}))
    assert (await browser.get(f"/page/{Action.OPERATE}")).status == 303
    await browser.log_in("somebody")
    assert (await browser.get(f"/page/{Action.OPERATE}")).status == 403


# --- opening content (S24) ---


@pytest.fixture
async def glass(tmp_path: Path) -> AsyncIterator[Office]:
    """A console with one page that opens content."""
    holder: list[Office] = []

    async def opened(visit: Visit) -> web.Response:
        await holder[0].parts.reasons.open(visit, MessageId("0" * 32), "attachment-1")
        return web.Response(text="the content")

    route = Route(method="POST", path="/open", handler=opened, needs=Action.OPEN_CONTENT)
    async with office(tmp_path, routes=(*pages(), route)) as here:
        holder.append(here)
        yield here


async def test_content_opens_with_purpose_and_ground_which_are_kept(glass: Office) -> None:
    await glass.add("ivanova", Role.OPERATOR)
    browser = Browser(glass)
    await browser.log_in()
    await browser.get("/account")
    rows = len(glass.state.evidence)
    token = {"form_token": browser.form_token}
    for fields in (
        {},
        {"purpose": "fault"},
        {"purpose": "curiosity", "ground": "ЗАП-1"},
        {"purpose": "fault", "ground": "  "},
    ):
        answer = await browser.post("/open", {**token, **fields})
        assert (answer.status, "the content" in answer.text) == (400, False)
    assert len(glass.state.evidence) == rows
    answer = await browser.post("/open", {**token, "purpose": "fault", "ground": "ЗАП-1"})
    assert answer.text == "the content"
    last = json.loads(glass.last())
    assert (last["kind"], last["actor"]) == ("CONTENT_OPENED", "person:ivanova")
    assert last["facts"] == {"part": "attachment-1", "purpose": "fault", "ground": "ЗАП-1"}
    assert last["at"] == glass.clock.now().isoformat()


async def test_content_stays_shut_for_administrators(glass: Office) -> None:
    await glass.add("chief", CHIEF)
    browser = Browser(glass)
    await browser.log_in("chief")
    await browser.get("/account")
    fields = {"form_token": browser.form_token, "purpose": "fault", "ground": "ЗАП-1"}
    assert (await browser.post("/open", fields)).status == 403
    assert json.loads(glass.last())["kind"] == "PERMISSION_DENIED"


async def test_a_large_form_is_read_whole(glass: Office) -> None:
    await glass.add()
    browser = Browser(glass)
    await browser.log_in()
    await browser.get("/account")
    fields = {"form_token": browser.form_token, "note": "я" * 5000}
    assert (await browser.post(f"/deed/{Action.SEND}", fields)).status == 200


# --- words ---


@pytest.mark.parametrize(
    ("language", "title"),
    [("bg", "Вход"), ("cs", "Přihlášení"), ("uk", "Вхід"), ("en", "Log in"), ("de", "Вход")],
)
async def test_pages_speak_the_browsers_language(
    here: Office, browser: Browser, language: str, title: str
) -> None:
    page = (await browser.get("/login", **{"Accept-Language": language})).text
    assert f"<h1>{title}</h1>" in page
    assert f'<html lang="{language if language != "de" else "bg"}">' in page


async def test_names_are_text_and_not_markup(here: Office, browser: Browser) -> None:
    await here.add()
    found = await here.person()
    hostile = '"><script>alert(1)</script>{{ 7*7 }}'

    account = replace(found.account, name=hostile, contact=hostile)
    change = people.own_change(replace(found, account=account), found.secrets, "language", START)
    await here.kept.accounts.change(change)
    await browser.log_in()
    page = (await browser.get("/account")).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "{{ 7*7 }}" in page


def test_the_machine_is_no_person() -> None:
    assert MACHINE.login == ""
    assert Doer(actor="person:ivanova").login == "ivanova"
