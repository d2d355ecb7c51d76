"""Passwords, second factors, sealed secrets, words: each against its own text."""

from __future__ import annotations

import itertools
import re
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest

from depesha.adapters.memory.system import HandClock, InlineThreads
from depesha.app.console import lock_rules, password_rules, session_rules
from depesha.config.console_sections import ConsoleSection, OpenIdRoles, RoleName
from depesha.errors import ConfigurationError, RuleError, StorageError
from depesha.gateway import people
from depesha.monitoring.console.access import totp
from depesha.monitoring.console.access.attempts import Addresses
from depesha.monitoring.console.access.passwords import Cost, Passwords
from depesha.monitoring.console.access.routes import Door, LocalPaths, Route, Visit
from depesha.monitoring.console.access.vault import Vault, load_or_create_key
from depesha.monitoring.console.access.wording import catalogue, preferred
from depesha.schemas.people import LockRules, PasswordRules, Purpose, Role, SessionRules
from depesha.schemas.sentences import LANGUAGES
from tests.support.console import CHEAP, FIRST

KEY = b"12345678901234567890"


# --- RFC 6238, appendix B (its eight digits end in our six) ---


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    assert totp.code_at(KEY, totp.step_at(moment)) == code


def test_a_code_opens_once_and_around_its_time_only() -> None:
    now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    step = totp.step_at(now)
    code = totp.code_at(KEY, step)
    assert totp.step_of(KEY, f" {code[:3]} {code[3:]}", now, -1) == step
    assert totp.step_of(KEY, code, now, step) is None
    for seconds, right in ((-61, False), (-30, True), (30, True), (61, False)):
        found = totp.step_of(KEY, code, now + timedelta(seconds=seconds), -1)
        assert (found is not None) == right, seconds
    for wrong in ("", "12345", "1234567", "abcdef", "１２３４５６"):
        assert totp.step_of(KEY, wrong, now, -1) is None


def test_recovery_codes_differ_and_are_read_as_people_type_them() -> None:
    count = itertools.count()
    codes = totp.new_recovery_codes(lambda size: next(count).to_bytes(size, "big"))
    assert len(set(codes)) == totp.RECOVERY_CODES
    typed = codes[3].lower().replace("-", " ")
    assert totp.recovery_digest(typed) == totp.recovery_digest(codes[3])
    assert totp.recovery_digest(codes[3]) != totp.recovery_digest(codes[4])


def test_the_picture_fits_the_strictest_policy() -> None:
    made = totp.picture(totp.enrolment(KEY, "ivanova", "Depesha & <x>"), "<b>")
    assert made.startswith("<svg")
    assert "<b>" not in made
    assert not re.search(r"style|script|href|on\w+=", made)


# --- passwords ---


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords(PasswordRules(), InlineThreads(), CHEAP)


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("кратка", "password-short"),
        ("x" * 129, "password-long"),
        ("aaaaaaaaaaaaaa", "password-plain"),
        ("123456789012", "password-plain"),
        ("Password123456!", "password-plain"),
        ("парола-2026-2026", "password-plain"),
        ("нещо ivanova тук", "password-plain"),
    ],
)
def test_passwords_that_are_no_good(passwords: Passwords, password: str, rule: str) -> None:
    with pytest.raises(RuleError) as refused:
        passwords.check(password, "ivanova")
    assert refused.value.rule == rule
    assert password not in str(refused.value)


def test_a_long_phrase_is_good(passwords: Passwords) -> None:
    passwords.check("три зелени чадъра", "ivanova")


async def test_a_password_is_kept_as_argon2id_and_compared(passwords: Passwords) -> None:
    kept = await passwords.hash(FIRST)
    assert kept.startswith("$argon2id$v=19$")
    assert await passwords.matches(kept, FIRST)
    assert not await passwords.matches(kept, FIRST + "!")
    assert not await passwords.matches("", "no account has this")
    assert not await passwords.matches("garbage", FIRST)


async def test_the_same_word_typed_in_another_form_is_the_same(passwords: Passwords) -> None:
    assert await passwords.matches(await passwords.hash("Ångström é long"), "Ångström é long")


def test_the_cost_is_not_below_what_is_recommended() -> None:
    cost = Cost()
    assert (cost.memory_kib >= 47_104, cost.passes >= 1) == (True, True)
    made = Passwords(PasswordRules(), InlineThreads())
    assert f"m={cost.memory_kib},t={cost.passes},p={cost.lanes}" in made._decoy


# --- sealed secrets ---


def test_a_sealed_secret_opens_for_its_account_only() -> None:
    vault = Vault(bytes(32))
    sealed = vault.seal(KEY, "ivanova")
    assert KEY not in sealed
    assert vault.open(sealed, "ivanova") == KEY
    for other in (Vault(bytes(31) + b"x"), vault):
        with pytest.raises(StorageError):
            other.open(sealed, "petrova")
    for torn in (b"", sealed[:-1], sealed[:20], bytes([sealed[0] ^ 1]) + sealed[1:]):
        with pytest.raises(StorageError):
            vault.open(torn, "ivanova")


def test_the_key_is_made_once_and_kept_close(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "console.key"
    key = load_or_create_key(path)
    assert load_or_create_key(path) == key
    assert (len(key), path.stat().st_mode & 0o777) == (32, 0o600)
    path.chmod(0o640)
    with pytest.raises(ConfigurationError):
        load_or_create_key(path)
    path.chmod(0o600)
    path.write_text("short", encoding="ascii")
    with pytest.raises(ConfigurationError):
        load_or_create_key(path)


# --- addresses ---


def test_addresses_are_counted_in_bounded_memory() -> None:
    clock = HandClock()
    seen = Addresses(clock, LockRules(address_failures=3, seconds=60, addresses=50))
    for _ in range(3):
        assert seen.wait("192.0.2.1") == 0
        seen.failed("192.0.2.1")
    assert seen.wait("192.0.2.1") == 60
    assert seen.wait("192.0.2.2") == 0
    clock.advance(60)
    assert seen.wait("192.0.2.1") == 0
    for number in range(500):
        seen.failed(f"198.51.100.{number}")
    assert len(seen) == 50


def test_a_site_of_ipv6_counts_as_one_address() -> None:
    seen = Addresses(HandClock(), LockRules(address_failures=2))
    seen.failed("2001:db8::1")
    seen.failed("2001:db8::ffff:2")
    assert seen.wait("2001:db8::3") > 0
    assert seen.wait("2001:db8:0:1::3") == 0


# --- where a log-in may lead ---


async def _page(_visit: Visit) -> None:
    raise AssertionError


PATHS = LocalPaths(
    [
        Route(method="GET", path=path, handler=_page, needs=needs)  # type: ignore[arg-type]  # never called
        for path, needs in (
            ("/", Door.PERSON),
            ("/documents/{id}", Door.PERSON),
            ("/login", Door.ANYBODY),
        )
    ]
)


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%2f%2fevil.example",
        "javascript:alert(1)",
        "/documents/../../evil",
        "/documents/1?next=//evil.example",
        "/documents/1#x",
        "/documents/1\r\nSet-Cookie: a=b",
        "/documents/",
        "/login",
        "/unknown",
        " /",
        "",
    ],
)
def test_a_log_in_leads_nowhere_else(wanted: str) -> None:
    assert PATHS.checked(wanted) == "/"


def test_a_log_in_leads_to_our_pages() -> None:
    assert PATHS.checked("/documents/0a1b") == "/documents/0a1b"


# --- settings and words ---


def test_the_settings_defaults_are_the_rules_own() -> None:
    section = ConsoleSection()
    assert password_rules(section) == PasswordRules()
    assert lock_rules(section) == LockRules()
    assert session_rules(section) == SessionRules()


def test_the_settings_know_every_role() -> None:
    from typing import get_args  # noqa: PLC0415 -- for this test alone

    assert set(get_args(RoleName)) == {role.value for role in Role}
    assert {name.replace("_", "-") for name in OpenIdRoles.model_fields} == set(Role)


def test_all_languages_have_the_same_words_and_facts() -> None:
    english = catalogue("en")
    for language in LANGUAGES:
        words = catalogue(language)
        assert words.keys() == english.keys()
        for key, text in words.items():
            assert text, key
            assert set(re.findall(r"\{(\w+)\}", text)) == set(
                re.findall(r"\{(\w+)\}", english[key])
            ), key


def test_pages_ask_for_words_that_exist_and_no_word_is_left_over() -> None:
    templates = files("depesha.monitoring.console").joinpath("templates")
    text = "".join(one.read_text("utf-8") for one in templates.iterdir())
    asked = set(re.findall(r'say\("([a-z.-]+)"', text))
    known = set(catalogue("en"))
    assert {one for one in asked if not one.endswith(".")} <= known
    families = {f"role.{role}" for role in Role} | {f"language.{one}" for one in LANGUAGES}
    families |= {f"purpose.{one}" for one in Purpose}
    assert families <= known
    code = "".join(
        path.read_text(encoding="utf-8")
        for package in (people, totp)
        for path in Path(str(package.__file__)).parent.rglob("*.py")
    )
    rules = {f"rule.{one}" for one in re.findall(r'rule="([a-z-]+)"', code)}
    assert rules <= known


def test_the_browsers_language_is_taken_where_we_have_it() -> None:
    assert preferred("de, cs;q=0.8, en;q=0.9", "bg") == "en"
    assert preferred("uk-UA,uk;q=0.9", "bg") == "uk"
    for nothing in ("", "de", "*", ";;;", "cs;q=x", "cs;q=2", "a," * 500):
        assert preferred(nothing, "bg") == "bg"


def test_rules_have_no_field_that_settings_forget() -> None:
    """Those without a key of their own are fixed on purpose."""
    fixed = {"longest", "addresses"}
    known = {f.name for rules in (PasswordRules, LockRules, SessionRules) for f in fields(rules)}
    assert known - fixed == {
        "characters",
        "initial_hours",
        "failures",
        "seconds",
        "address_failures",
        "idle_minutes",
        "minutes",
        "half_minutes",
    }
