"""The console's office pages as browsers meet them: people, tokens, certificates, settings."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import pytest

from depesha.monitoring.console.office.routes import routes
from depesha.schemas.certificates import Use
from depesha.schemas.people import PERMISSIONS, Action, Right, Role
from depesha.schemas.sentences import LANGUAGES
from depesha.schemas.tokens import Scope
from tests.integration.test_console_pages import HOSTILE, harmless, proper
from tests.support.console import FIRST, Browser
from tests.support.console_office import Desk, certificate, office

CHIEF, KEEPER = Role.SECURITY_ADMINISTRATOR, Role.DATA_ADMINISTRATOR
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with office(tmp_path) as opened:
        yield opened


async def visitor(desk: Desk, *roles: Role, login: str = "") -> Browser:
    made = await desk.house.visitor(*roles, login=login)
    made.headers["Accept-Language"] = "en"
    return made


def last_facts(desk: Desk) -> dict[str, object]:
    body = json.loads(desk.house.state.evidence[-1][0].body)
    return {"actor": body["actor"], "kind": body["kind"], **body["facts"]}


def plain_pages(desk: Desk) -> list[tuple[str, Action]]:
    return [
        (route.path, route.needs)
        for route in routes(desk.parts)
        if route.method == "GET" and "{" not in route.path and isinstance(route.needs, Action)
    ]


# --- rights, languages, navigation ---


@pytest.mark.parametrize("role", Role)
async def test_pages_open_to_those_who_may_and_refuse_others(desk: Desk, role: Role) -> None:
    someone = await visitor(desk, role)
    for path, needs in plain_pages(desk):
        allowed = PERMISSIONS[role].get(needs, Right.NO) is not Right.NO
        assert (await someone.get(path)).status == (200 if allowed else 403), path
    for route in routes(desk.parts):
        may = isinstance(route.needs, Action) and route.needs in PERMISSIONS[role]
        if route.method == "POST" and isinstance(route.needs, Action) and not may:
            path = re.sub(r"\{\w+\}", "someone", route.path)
            answer = await someone.post(path, {"form_token": someone.form_token})
            assert answer.status == 403, path


@pytest.mark.parametrize("language", LANGUAGES)
async def test_pages_speak_four_languages_to_screen_readers(desk: Desk, language: str) -> None:
    desk.certificates[:] = [
        certificate(Use.MAIL, 9, 2),
        certificate(Use.SIGNING, 40, 3),
        certificate(Use.ISDS_LOGIN, readable=False),
    ]
    desk.tokens.create("registry", [Scope.SEND])
    seen = 0
    for role in (Role.AUDITOR, CHIEF, KEEPER):
        someone = await visitor(desk, role)
        someone.headers["Accept-Language"] = language
        held = set(PERMISSIONS[role])
        pages = [path for path, needs in plain_pages(desk) if needs in held]
        if role is CHIEF:
            pages += [f"/users/auditor{rest}" for rest in ("", "/block", "/roles", "/deputy")]
            pages += ["/users/auditor/reset", "/users/auditor/undertaking"]
            pages += ["/tokens/registry/revoke", "/account/deputy"]
        if role is KEEPER:
            pages += [f"/certificates/{2:064x}/edit", "/settings?set=1"]
        for path in pages:
            answer = await someone.get(path)
            assert answer.status == 200, path
            proper(answer, language)
            harmless(answer)
            seen += 1
    assert seen > 25


async def test_the_navigation_shows_what_is_open_and_where_one_is(desk: Desk) -> None:
    clerk = await visitor(desk, Role.CLERK)
    text = (await clerk.get("/runbook/network-cut")).text
    nav = text[text.index('<nav class="pages"') : text.index("</nav>")]
    assert re.findall(r'href="([^"]+)"', nav) == ["/", "/search", "/runbook", "/wall"]
    assert 'href="/runbook" aria-current="page"' in nav
    assert nav.count("aria-current") == 1
    chief = await visitor(desk, CHIEF)
    nav = (await chief.get("/users/clerk")).text
    assert 'href="/users" aria-current="page"' in nav
    assert 'href="/settings"' not in nav
    assert '<nav class="pages"' not in (await Browser(desk.house.office).get("/login")).text


async def test_who_must_change_the_password_sees_no_navigation(desk: Desk) -> None:
    await desk.house.office.add("newcomer", Role.CLERK, ready=False)
    browser = Browser(desk.house.office)
    await browser.log_in("newcomer")
    assert '<nav class="pages"' not in (await browser.get("/password")).text


# --- users ---


async def test_an_account_is_made_with_a_password_shown_once(desk: Desk) -> None:
    chief = await visitor(desk, CHIEF)
    await chief.get("/add-user")
    answer = await chief.submit(
        "/add-user",
        login="Petrova",
        name="Лице Друго",
        ground="ДЗ-9/2026",
        undertaking="2026-03-02",
        **{"role-clerk": "1", "role-operator": "1"},
    )
    assert answer.status == 200
    password = re.findall(r"<code>([a-z2-7-]{20,})</code>", answer.text)[0]
    assert last_facts(desk)["roles"] == ["clerk", "operator"]
    assert password not in str(desk.house.state.evidence)
    newcomer = Browser(desk.house.office)
    assert (await newcomer.log_in("petrova", password)).location == "/"
    assert (await newcomer.get("/")).location == "/password"
    assert password not in (await chief.get("/users/petrova")).text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"role-clerk": "1", "role-auditor": "1"}, "only clerk and operator go together"),
        ({}, "Choose at least one role"),
        ({"role-clerk": "1", "login": "x"}, "3 to 63 characters"),
        ({"role-clerk": "1", "ground": " "}, "Name the ground"),
        ({"role-clerk": "1", "undertaking": "soon"}, "A day is missing"),
        ({"role-clerk": "1", "login": "chief"}, "never given twice"),
    ],
)
async def test_a_wrong_form_is_shown_again_with_what_was_typed(
    desk: Desk, fields: dict[str, str], sentence: str
) -> None:
    chief = await visitor(desk, CHIEF, login="chief")
    await chief.get("/add-user")
    values = {"login": "petrova", "name": "Лице Друго", "ground": "ДЗ-9/2026", **fields}
    answer = await chief.submit("/add-user", **values)
    assert answer.status == 400
    assert sentence in answer.text
    assert "Лице Друго" in answer.text
    assert "petrova" not in desk.house.state.people


async def test_who_is_blocked_is_out_at_once_and_may_come_back(desk: Desk) -> None:
    chief, clerk = await visitor(desk, CHIEF), await visitor(desk, Role.CLERK, login="clerk")
    await chief.get("/users/clerk/block")
    answer = await chief.submit("/users/clerk/block", why="left", ground="З-3/2026")
    assert answer.location == "/users/clerk?done=block"
    assert (await clerk.get("/")).location.startswith("/login")
    page = (await chief.get("/users/clerk?done=block")).text
    assert "The account is blocked." in page
    assert 'href="/users/clerk/unblock"' in page
    assert 'href="/users/clerk/block"' not in page
    await chief.get("/users/clerk/unblock")
    await chief.submit("/users/clerk/unblock", ground="П-1/2026")
    assert (await Browser(desk.house.office).log_in("clerk", FIRST)).location == "/"


async def test_a_reset_gives_a_new_password_and_ends_the_sessions(desk: Desk) -> None:
    chief, clerk = await visitor(desk, CHIEF), await visitor(desk, Role.CLERK, login="clerk")
    await chief.get("/users/clerk/reset")
    answer = await chief.submit("/users/clerk/reset")
    password = re.findall(r"<code>([a-z2-7-]{20,})</code>", answer.text)[0]
    assert (await clerk.get("/")).location.startswith("/login")
    assert (await Browser(desk.house.office).log_in("clerk", password)).location == "/"


async def test_a_form_of_an_older_state_changes_nothing(desk: Desk) -> None:
    chief = await visitor(desk, CHIEF)
    await visitor(desk, Role.CLERK, login="clerk")
    await chief.get("/users/clerk/roles")
    old = chief.page
    await chief.submit("/users/clerk/roles", **{"role-operator": "1"})
    chief.page = old
    answer = await chief.submit("/users/clerk/roles", **{"role-auditor": "1"})
    assert "changed meanwhile" in answer.text
    assert desk.house.state.people["clerk"].account.roles == {Role.OPERATOR}


async def test_nobody_manages_himself_and_the_last_one_stays(desk: Desk) -> None:
    chief = await visitor(desk, CHIEF, login="chief")
    assert 'href="/users/chief/block"' not in (await chief.get("/users/chief")).text
    await chief.get("/users/chief/block")
    answer = await chief.submit("/users/chief/block", why="left", ground="З-3/2026")
    assert answer.status == 403
    await visitor(desk, CHIEF, login="second")
    await chief.get("/users/second/roles")
    await chief.submit("/users/second/roles", **{"role-clerk": "1"})
    assert desk.house.state.people["second"].account.roles == {Role.CLERK}


async def test_everybody_names_his_own_deputy(desk: Desk) -> None:
    clerk = await visitor(desk, Role.CLERK, login="clerk")
    await visitor(desk, Role.CLERK, login="other")
    await visitor(desk, Role.AUDITOR, login="auditor")
    page = (await clerk.get("/account/deputy")).text
    assert 'value="other"' in page
    assert 'value="auditor"' not in page
    answer = await clerk.submit("/account/deputy", deputy="auditor", since="2026-03-03", until="")
    assert (answer.status, "another open account" in answer.text) == (400, True)
    answer = await clerk.submit("/account/deputy", deputy="other", since="2026-03-03", until="")
    assert answer.status == 303
    found = desk.house.state.people["clerk"].account.deputy
    assert found is not None
    assert found.login == "other"


async def test_the_yearly_review_is_due_until_it_is_done(desk: Desk) -> None:
    chief = await visitor(desk, CHIEF, login="chief")
    assert "It is due now." in (await chief.get("/users")).text
    assert (await chief.submit("/review-users")).status == 303
    assert "It is due now." not in (await chief.get("/users")).text
    assert last_facts(desk)["change"] == "reviewed"
    desk.house.office.clock.advance(366 * 24 * 3600)
    chief = Browser(desk.house.office, headers=dict(ENGLISH))
    await chief.log_in("chief")
    assert "It is due now." in (await chief.get("/users")).text


# --- tokens ---


async def test_a_token_is_shown_once_and_revoked_at_once(desk: Desk) -> None:
    chief = await visitor(desk, CHIEF, login="chief")
    await chief.get("/tokens")
    fields = {"name": "registry", "days": "30", "ground": "ДЗ-4/2026", "scope-send": "1"}
    answer = await chief.submit("/tokens", **fields)
    secret = re.findall(r"<code>(dep_[^<]+)</code>", answer.text)[0]
    token = desk.tokens.authenticate(unescape(secret))
    assert token is not None
    assert token.scopes == {Scope.SEND}
    assert last_facts(desk)["account"] == "token:registry"
    assert secret not in (await chief.get("/tokens")).text
    assert secret not in str(desk.house.state.evidence)
    await chief.get("/tokens/registry/revoke")
    assert (await chief.submit("/tokens/registry/revoke")).location == "/tokens?done=revoke"
    assert desk.tokens.authenticate(secret) is None
    assert not desk.tokens.still_valid(token)
    assert last_facts(desk)["change"] == "token-revoked"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "a b"}, "Letters a–z"),
        ({"scope-send": ""}, "Tick at least one"),
        ({"days": "0"}, "Days from 1 to 3650"),
        ({"days": "9" * 30}, "Days from 1 to 3650"),
        ({"ground": ""}, "A field is empty"),
        ({"name": "taken"}, "exists or existed"),
    ],
)
async def test_a_token_is_not_made_of_a_wrong_form(
    desk: Desk, fields: dict[str, str], sentence: str
) -> None:
    desk.tokens.create("taken", [Scope.SEND])
    chief = await visitor(desk, CHIEF)
    await chief.get("/tokens")
    values = {"name": "registry", "days": "", "ground": "ДЗ-4/2026", "scope-send": "1"} | fields
    answer = await chief.submit("/tokens", **values)
    assert (answer.status, sentence in answer.text) == (400, True)
    assert len(desk.tokens.tokens()) == 1


# --- certificates ---


async def test_the_register_joins_files_and_what_people_say(desk: Desk) -> None:
    desk.certificates[:] = [certificate(Use.SIGNING, 9), certificate(Use.LISTENERS, 9)]
    keeper = await visitor(desk, KEEPER)
    text = (await keeper.get("/certificates")).text
    assert "9 days left." in text
    assert 'href="/runbook/certificate-ending"' in text
    assert text.count('class="panel certificate') == 1
    assert "every partner refuses what we sign" in text
    assert "Доверие Пример, BG" in text
    assert "fill the empty groups in" in text
    path = f"/certificates/{1:064x}/edit"
    await keeper.get(path)
    answer = await keeper.submit(path, kind="qualified-seal", holder="Кмет, ЕИК 000000001")
    assert answer.location == "/certificates?done=edit"
    assert last_facts(desk)["fields"] == ["kind", "holder"]
    assert "Кмет" not in str(desk.house.state.evidence[-1])
    text = (await keeper.get("/certificates")).text
    assert "qualified, electronic seal" in text
    assert "Кмет, ЕИК 000000001" in text
    assert "fill the empty groups in" not in text


async def test_a_certificate_in_nobodys_settings_is_entered_and_revoked(desk: Desk) -> None:
    keeper = await visitor(desk, KEEPER)
    await keeper.get("/add-certificate")
    values = {
        "number": "77AB",
        "kind": "qualified-signature",
        "valid_from": "2026-01-01",
        "valid_to": "2027-01-01",
        "provider": "Доверие Пример",
        "provider_state": "BG",
        "holder": "Секретар",
        "revoked_at": "2026-02-01T10:00",
        "revocation_reason": "загубена карта",
    }
    assert (await keeper.submit("/add-certificate", **values)).status == 303
    text = (await keeper.get("/certificates")).text
    assert "загубена карта" in text
    assert "1 Feb 2026, 10:00" in text
    await keeper.get("/add-certificate")
    for wrong in ({"revocation_reason": ""}, {"valid_to": "2025-01-01"}, {"kind": "golden"}):
        assert (await keeper.submit("/add-certificate", **{**values, **wrong})).status == 400


# --- settings ---


async def test_settings_tell_their_source_and_no_secret(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = await visitor(desk, KEEPER)
    text = (await keeper.get("/settings")).text
    assert "<code>depesha.toml:2</code>" in text
    assert text.count("default</span>") > 50
    assert "secret, not set" in text
    own = (await keeper.get("/settings?set=1")).text
    assert "default</span>" not in own
    assert "Община Пример" in own


# --- hostile words ---


async def test_what_people_type_never_acts(desk: Desk) -> None:
    chief, keeper = await visitor(desk, CHIEF), await visitor(desk, KEEPER)
    bad = next(one for one in HOSTILE if "onerror" in one)
    await chief.get("/add-user")
    values = {"login": "bad", "name": bad, "ground": bad, "unit": bad, "undertaking": ""}
    assert (await chief.submit("/add-user", **values, **{"role-clerk": "1"})).status == 200
    await keeper.get("/add-certificate")
    await keeper.submit("/add-certificate", holder=bad, number=bad, used_for=bad, kind="system")
    for path in ("/users", "/users/bad", "/users/bad/deputy", "/audit", f"/audit?who={bad}"):
        harmless(await chief.get(path))
    harmless(await keeper.get("/certificates"))
