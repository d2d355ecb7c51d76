"""Log-in by an OpenID provider, against a real one on loopback that can lie in every known way."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from depesha.adapters.memory.system import HandClock
from depesha.adapters.system import SystemIds
from depesha.config import load
from depesha.errors import ConfigurationError
from depesha.schemas.people import Action, Closing, Role
from depesha.simulators.openid import OpenIdPerson, OpenIdProvider, OpenIdQuirk
from tests.support.console import BASE, FIRST, MACHINE, Answer, Browser, Office, office

SESSION, FLOW = "depesha-session", "depesha-flow"
ORIGIN = "http://console.example"
HUSH = "hush"
WHO = OpenIdPerson(
    subject="sub-1", claims={"preferred_username": "Ivanova", "groups": ["other", "delo"]}
)


@asynccontextmanager
async def with_provider(
    folder: Path, monkeypatch: pytest.MonkeyPatch, more: str = "", *, secret: str = HUSH
) -> AsyncIterator[tuple[Office, OpenIdProvider]]:
    monkeypatch.setenv("OIDC_SECRET", secret or "unused")
    provider = OpenIdProvider(clients={"depesha": secret}, clock=HandClock(), ids=SystemIds())
    await provider.start()
    provider.person = WHO
    toml = (
        f'[console]\norigin = "{ORIGIN}"\n[console.oidc]\nissuer = "{provider.issuer}"\n'
        f'client_id = "depesha"\nplain_http = true\n{more}\n'
    )
    if secret:
        toml = toml.replace("plain_http", 'client_secret_env = "OIDC_SECRET"\nplain_http')
    try:
        async with office(folder, toml=toml) as here:
            yield here, provider
    finally:
        await provider.stop()


async def go(browser: Browser, wanted: str = "/") -> Answer:
    """Go to the provider and come back, as a browser does."""
    leaving = await browser.get(f"/login/openid?next={wanted}")
    assert leaving.status == 303, leaving.text
    async with (
        aiohttp.ClientSession() as client,
        client.get(leaving.location, allow_redirects=False) as answer,
    ):
        back = answer.headers["Location"]
    assert back.startswith(f"{ORIGIN}/login/openid/back?")
    return await browser.get(back.removeprefix(ORIGIN), **{"Sec-Fetch-Site": "cross-site"})


async def test_a_person_gets_in_by_the_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with with_provider(tmp_path, monkeypatch) as (here, _provider):
        await here.add(password="")
        browser = Browser(here)
        wanted = f"/of/{Action.SEE_SUBJECT}/1"
        answer = await go(browser, wanted)
        assert answer.status == 200, "a page, not a redirect: strict cookies stay away from those"
        assert f'content="0; url={wanted}"' in answer.text
        assert (await browser.get(wanted)).status == 200
        assert FLOW not in browser.cookies
        assert here.kinds() == ["LOGGED_IN"]
        assert '"means":"openid"' in here.last()
        assert (await here.person()).account.subject == "sub-1"


@pytest.mark.parametrize("quirk", [q for q in OpenIdQuirk if q is not OpenIdQuirk.TOKEN_FAULT])
async def test_no_lie_of_a_provider_lets_anybody_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quirk: OpenIdQuirk
) -> None:
    async with with_provider(tmp_path, monkeypatch) as (here, provider):
        await here.add(password="")
        provider.quirks = {quirk}
        browser = Browser(here)
        assert (await go(browser)).status == 401
        assert SESSION not in browser.cookies
        assert here.kinds() == ["LOGIN_FAILED"]
        provider.quirks = set()
        assert (await go(browser)).status == 200


async def test_a_provider_that_fails_or_is_gone_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with with_provider(tmp_path, monkeypatch) as (here, provider):
        await here.add(password="")
        provider.quirks = {OpenIdQuirk.TOKEN_FAULT}
        assert (await go(Browser(here))).status == 503
        leaving = await Browser(here).get("/login/openid")
        assert leaving.status == 303, "its addresses are known already"
    async with with_provider(tmp_path, monkeypatch) as (here, provider):
        await provider.stop()
        assert (await Browser(here).get("/login/openid")).status == 503


async def test_an_answer_belongs_to_the_browser_that_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with with_provider(tmp_path, monkeypatch) as (here, _provider):
        await here.add(password="")
        attacker, victim = Browser(here), Browser(here)
        leaving = await attacker.get("/login/openid")
        async with (
            aiohttp.ClientSession() as client,
            client.get(leaving.location, allow_redirects=False) as answer,
        ):
            back = answer.headers["Location"].removeprefix(ORIGIN)
        assert (await victim.get(back)).status == 401, "without a log-in begun"
        await victim.get("/login/openid")
        assert (await victim.get(back)).status == 401, "with another one begun"
        assert SESSION not in victim.cookies
        attacker.cookies[FLOW] = "00" + attacker.cookies[FLOW][2:]
        assert (await attacker.get(back)).status == 401, "with a cookie of his own making"


async def test_a_log_in_must_come_back_in_time_and_a_code_is_used_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with with_provider(tmp_path, monkeypatch) as (here, _provider):
        await here.add(password="")
        browser = Browser(here)
        leaving = await browser.get("/login/openid")
        async with (
            aiohttp.ClientSession() as client,
            client.get(leaving.location, allow_redirects=False) as answer,
        ):
            back = answer.headers["Location"].removeprefix(ORIGIN)
        flow = browser.cookies[FLOW]
        assert (await browser.get(back)).status == 200
        browser.cookies[FLOW] = flow
        assert (await browser.get(back)).status == 503, "the provider refuses the code"
        here.clock.advance(601)
        assert (await browser.get(back)).status == 401


@pytest.mark.parametrize(
    ("claims", "subject"),
    [({"preferred_username": "nobody"}, "sub-9"), ({}, "sub-9"), ({"preferred_username": 7}, "s")],
)
async def test_who_has_no_account_here_does_not_get_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, claims: dict[str, str], subject: str
) -> None:
    async with with_provider(tmp_path, monkeypatch) as (here, provider):
        await here.add(password="")
        provider.person = OpenIdPerson(subject=subject, claims=claims)
        assert (await go(Browser(here))).status == 401


async def test_a_name_that_changed_hands_opens_no_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider's `sub` is bound at the first log-in; its names may pass to others."""
    async with with_provider(tmp_path, monkeypatch) as (here, provider):
        await here.add(password="")
        assert (await go(Browser(here))).status == 200
        provider.person = OpenIdPerson(subject="sub-2", claims=WHO.claims)
        assert (await go(Browser(here))).status == 401
        provider.person = OpenIdPerson(subject="sub-1", claims={"preferred_username": "married"})
        assert (await go(Browser(here))).status == 200


async def test_undertaking_and_block_count_here_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with with_provider(tmp_path, monkeypatch) as (here, _provider):
        await here.add(password="", undertaking=None)
        assert (await go(Browser(here))).status == 401
        await here.parts.keeper.undertake(MACHINE, "ivanova", here.clock.now().date())
        assert (await go(Browser(here))).status == 200
        await here.parts.keeper.block(MACHINE, "ivanova", Closing.LEFT, "ДЗ-5")
        assert (await go(Browser(here))).status == 401


ROLES = 'roles_claim = "groups"\n[console.oidc.roles]\nclerk = "delo"\nauditor = "odit"\n'


async def test_roles_come_from_a_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with with_provider(tmp_path, monkeypatch, ROLES) as (here, provider):
        await here.add("ivanova", Role.OPERATOR, password="")
        browser = Browser(here)
        await go(browser)
        assert (await browser.get(f"/page/{Action.REGISTER}")).status == 200
        assert (await browser.get(f"/page/{Action.OPERATE}")).status == 403
        for groups in ([], ["other"], "other", 7, ["delo", "odit"], {"delo": 1}):
            provider.person = OpenIdPerson(subject="sub-1", claims={"groups": groups})
            assert (await go(Browser(here))).status == 401, groups
        provider.person = OpenIdPerson(subject="sub-1", claims={"groups": "odit"})
        assert (await go(Browser(here))).status == 200


@pytest.mark.parametrize("counts", [False, True])
async def test_the_second_factor_is_asked_for_unless_the_provider_counts_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, counts: bool
) -> None:
    more = f"second_factor = {str(counts).lower()}"
    async with with_provider(tmp_path, monkeypatch, more) as (here, _provider):
        await here.add("ivanova", Role.SECURITY_ADMINISTRATOR)
        browser = Browser(here)
        answer = await go(browser)
        target = re.search(r'url=([^"]+)"', answer.text)
        assert target is not None
        assert target[1] == ("/" if counts else "/login/second?next=/")
        assert (await browser.get("/")).status == (200 if counts else 303)


async def test_new_keys_of_the_provider_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with with_provider(tmp_path, monkeypatch) as (here, provider):
        await here.add(password="")
        assert (await go(Browser(here))).status == 200
        provider.rotate()
        assert (await go(Browser(here))).status == 401, "asked a moment ago"
        here.clock.advance(301)
        assert (await go(Browser(here))).status == 200
        assert provider.asked.count("/keys") == 2


async def test_a_public_client_goes_by_pkce_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with with_provider(tmp_path, monkeypatch, secret="") as (here, _provider):
        await here.add(password="")
        assert (await go(Browser(here))).status == 200


async def test_passwords_can_be_turned_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with with_provider(tmp_path, monkeypatch, "only = true") as (here, _provider):
        await here.add()
        browser = Browser(here)
        page = await browser.get("/login")
        assert 'type="password"' not in page.text
        assert "/login/openid" in page.text
        answer = await here.parts.entrance.with_password("ivanova", FIRST, "192.0.2.1")
        assert not hasattr(answer, "token")


@pytest.mark.parametrize(
    "toml",
    [
        '[console.oidc]\nissuer = "https://a.example"\nclient_id = "x"\n',
        '[console]\norigin = "https://c.example"\n[console.oidc]\nissuer = "https://a.example"\n',
        "[console.oidc]\nonly = true\n",
        '[console]\norigin = "https://c.example/path"\n',
        '[console]\nsecond_factor_roles = ["boss"]\n',
    ],
)
def test_settings_that_cannot_work_are_refused(tmp_path: Path, toml: str) -> None:
    file = tmp_path / "depesha.toml"
    file.write_text(BASE + toml, encoding="utf-8")
    with pytest.raises(ConfigurationError):
        load(file)


async def test_a_provider_without_tls_is_not_spoken_to(tmp_path: Path) -> None:
    toml = (
        '[console]\norigin = "https://c.example"\n'
        '[console.oidc]\nissuer = "http://a.example"\nclient_id = "x"\n'
    )
    with pytest.raises(ConfigurationError):
        async with office(tmp_path, toml=toml):
            pass
