"""Who may what, who gets in, and what may be done to an account (S23)."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import date, timedelta

import pytest

from depesha.errors import ForbiddenError, RuleError
from depesha.gateway import people
from depesha.schemas.ids import MessageId
from depesha.schemas.people import (
    PERMISSIONS,
    Account,
    Action,
    Block,
    Closing,
    Deputy,
    Doer,
    EntryBar,
    LockRules,
    Purpose,
    Right,
    Role,
    Secrets,
    login_of,
)
from tests.support.console import MACHINE, account, person
from tests.support.memory import START

TODAY = START.date()
DAY = timedelta(days=1)
SECURITY = Role.SECURITY_ADMINISTRATOR
CHIEF = Doer(actor="person:chief", roles=frozenset({SECURITY}))
BLOCK = Block(at=START, by="person:chief", why=Closing.BREACH, ground="ЗАП-1")
RULES = LockRules(failures=3, seconds=60)


# --- rights ---


@pytest.mark.parametrize("role", Role)
def test_what_no_table_names_is_forbidden(role: Role) -> None:
    for action in Action:
        if action not in PERMISSIONS[role]:
            assert people.right([role], action) is Right.NO
    assert people.right([], Action.SEE_STATE) is Right.NO


def test_the_two_administrators_are_two_persons_and_neither_sees_content() -> None:
    content = {Action.OPEN_CONTENT, Action.SEE_SUBJECT}
    for role in (SECURITY, Role.DATA_ADMINISTRATOR):
        assert not content & set(PERMISSIONS[role])
    assert Action.MANAGE_ACCOUNTS not in PERMISSIONS[Role.DATA_ADMINISTRATOR]
    assert Action.KEEP_RETENTION not in PERMISSIONS[SECURITY]
    with pytest.raises(RuleError):
        people.check_roles(frozenset({SECURITY, Role.DATA_ADMINISTRATOR}))


def test_only_the_security_administrator_grants_rights() -> None:
    assert [r for r in Role if Action.MANAGE_ACCOUNTS in PERMISSIONS[r]] == [SECURITY]


def test_content_always_needs_a_reason() -> None:
    rights = {people.right([role], Action.OPEN_CONTENT) for role in Role}
    assert rights == {Right.WITH_REASON, Right.NO}


def test_only_clerk_and_operator_go_together() -> None:
    for pair in itertools.combinations(Role, 2):
        together = frozenset(pair)
        if together == {Role.CLERK, Role.OPERATOR}:
            people.check_roles(together)
        else:
            with pytest.raises(RuleError):
                people.check_roles(together)
    for role in Role:
        people.check_roles(frozenset({role}))


# --- getting in (S23) ---


def test_without_a_signed_undertaking_nobody_gets_in() -> None:
    assert people.entry_bar(person(undertaking=None), START, TODAY) is EntryBar.NO_UNDERTAKING


def test_the_undertakings_date_is_the_first_day() -> None:
    signed = person(undertaking=TODAY)
    assert people.entry_bar(signed, START, TODAY - DAY) is EntryBar.NO_UNDERTAKING
    assert people.entry_bar(signed, START, TODAY) is None


def test_a_blocked_account_does_not_open() -> None:
    assert people.entry_bar(person(blocked=BLOCK), START, TODAY) is EntryBar.BLOCKED


def test_guesses_close_an_account_for_a_while_and_no_longer() -> None:
    one = person()
    for _ in range(2):
        one = people.failed(one, START, RULES)
        assert people.entry_bar(one, START, TODAY) is None
    one = people.failed(one, START, RULES)
    assert people.entry_bar(one, START, TODAY) is EntryBar.LOCKED
    late = START + timedelta(seconds=59)
    assert people.failed(one, late, RULES) == one, "guessing on must not keep the owner out"
    after = START + timedelta(seconds=60)
    assert people.entry_bar(one, after, TODAY) is None
    again = people.failed(one, after, RULES)
    assert (again.secrets.failures, again.secrets.locked_until) == (1, None)


def test_success_forgets_the_failures() -> None:
    one = people.succeeded(person(secrets=Secrets(failures=2)), START)
    assert (one.secrets.failures, one.secrets.last_login) == (0, START)


# --- accounts ---


def test_nobody_manages_without_the_right() -> None:
    for role in Role:
        doer = Doer(actor="person:somebody", roles=frozenset({role}))
        if role is SECURITY:
            people.check_may_manage(doer)
            continue
        with pytest.raises(ForbiddenError):
            people.new_account(doer, account(), Secrets())
        with pytest.raises(ForbiddenError):
            people.blocked(doer, person(), Closing.LEFT, "ДЗ-1", START, ())
        with pytest.raises(ForbiddenError):
            people.reset(doer, person(), Secrets(), START)


def test_nobody_manages_himself() -> None:
    own = person("chief", roles=frozenset({SECURITY}))
    with pytest.raises(ForbiddenError):
        people.given_roles(CHIEF, own, frozenset({Role.CLERK}), START, ())
    with pytest.raises(ForbiddenError):
        people.undertook(CHIEF, own, None, START)
    with pytest.raises(ForbiddenError):
        people.reset(CHIEF, own, Secrets(), START)


def test_a_block_ends_sessions_and_keeps_everything_else() -> None:
    change = people.blocked(CHIEF, person(), Closing.BREACH, " ЗАП-7 / 2026 ", START, ())
    assert change.ends_sessions
    blocked = change.person.account.blocked
    assert blocked is not None
    assert (blocked.by, blocked.why, blocked.ground) == (
        "person:chief",
        Closing.BREACH,
        "ЗАП-7 / 2026",
    )
    assert replace(change.person.account, blocked=None) == account()
    assert change.evidence.facts["account"] == "ivanova"
    with pytest.raises(RuleError):
        people.blocked(CHIEF, change.person, Closing.BREACH, "ЗАП-8", START, ())


@pytest.mark.parametrize("ground", ["", "  ", "x" * 201, "номер\x00"])
def test_every_block_and_opening_needs_a_ground(ground: str) -> None:
    with pytest.raises(RuleError):
        people.blocked(CHIEF, person(), Closing.LEFT, ground, START, ())
    with pytest.raises(RuleError):
        people.unblocked(CHIEF, person(blocked=BLOCK), ground, START)


def test_an_account_is_opened_again_on_a_letter() -> None:
    locked = person(blocked=BLOCK, secrets=Secrets(failures=5, locked_until=START + DAY))
    change = people.unblocked(CHIEF, locked, "писмо 12", START)
    assert people.entry_bar(change.person, START, TODAY) is None
    assert change.evidence.facts["ground"] == "писмо 12"
    with pytest.raises(RuleError):
        people.unblocked(CHIEF, person(), "писмо 12", START)


def test_the_last_security_administrator_stays() -> None:
    last = person("second", roles=frozenset({SECURITY}))
    left = [last.account, account("third", roles=frozenset({SECURITY}), blocked=BLOCK)]
    with pytest.raises(RuleError):
        people.blocked(MACHINE, last, Closing.LEFT, "ДЗ-1", START, left)
    with pytest.raises(RuleError):
        people.given_roles(MACHINE, last, frozenset({Role.CLERK}), START, left)
    other = account("chief", roles=frozenset({SECURITY}))
    people.blocked(MACHINE, last, Closing.LEFT, "ДЗ-1", START, [*left, other])


def test_new_roles_and_a_reset_end_all_sessions() -> None:
    assert people.given_roles(CHIEF, person(), frozenset({Role.AUDITOR}), START, ()).ends_sessions
    assert people.reset(CHIEF, person(), Secrets(), START).ends_sessions
    assert people.undertook(CHIEF, person(), None, START).ends_sessions


# --- deputies ---


def test_everybody_names_his_own_deputy_and_only_administrators_those_of_others() -> None:
    own = Doer(actor="person:ivanova", roles=frozenset({Role.CLERK}))
    other = person("petrova")
    deputy = Deputy(login="petrova", since=TODAY)
    assert people.deputed(own, person(), deputy, other, START).person.account.deputy == deputy
    with pytest.raises(ForbiddenError):
        people.deputed(own, person("georgiev"), deputy, other, START)
    taken_back = people.deputed(CHIEF, person(deputy=deputy), None, None, START)
    assert taken_back.person.account.deputy is None


def test_a_deputy_must_be_able_to_do_it() -> None:
    deputy = Deputy(login="petrova", since=TODAY)
    refused = [
        (deputy, None),
        (deputy, person("petrova", blocked=BLOCK)),
        (deputy, person("petrova", undertaking=None)),
        (deputy, person("petrova", roles=frozenset({Role.AUDITOR}))),
        (Deputy(login="ivanova", since=TODAY), person()),
        (Deputy(login="petrova", since=TODAY, until=TODAY - DAY), person("petrova")),
    ]
    for wanted, other in refused:
        with pytest.raises(RuleError):
            people.deputed(CHIEF, person(), wanted, other, START)


def book(**deputies: tuple[str, date, date | None] | None) -> dict[str, Account]:
    return {
        login: account(
            login,
            deputy=Deputy(login=of[0], since=of[1], until=of[2]) if of else None,
        )
        for login, of in deputies.items()
    }


def test_tasks_go_to_the_deputy_on_the_days_of_leave_only() -> None:
    accounts = book(a=("b", TODAY, TODAY + DAY), b=None)
    days = [TODAY - DAY, TODAY, TODAY + DAY, TODAY + 2 * DAY]
    assert [people.receiver("a", day, accounts) for day in days] == ["a", "b", "b", "a"]


def test_a_deputy_who_is_away_has_a_deputy() -> None:
    assert (
        people.receiver("a", TODAY, book(a=("b", TODAY, None), b=("c", TODAY, None), c=None)) == "c"
    )


def test_where_nobody_is_there_the_task_is_everybodys() -> None:
    ring = book(a=("b", TODAY, None), b=("a", TODAY, None))
    assert people.receiver("a", TODAY, ring) is None
    assert people.receiver("x", TODAY, ring) is None
    gone = {"a": account("a", blocked=BLOCK)}
    assert people.receiver("a", TODAY, gone) is None


def test_a_blocked_persons_tasks_go_to_the_deputy() -> None:
    gone = book(a=("b", TODAY, None), b=None)
    gone["a"] = replace(gone["a"], blocked=BLOCK)
    assert people.receiver("a", TODAY, gone) == "b"


# --- evidence (S24) ---


def test_evidence_of_people_holds_nothing_but_logins_codes_and_papers() -> None:
    rows = [
        people.new_account(CHIEF, account(position="деловодител"), Secrets()).evidence,
        people.blocked(CHIEF, person(), Closing.LEFT, "ДЗ-1", START, ()).evidence,
        people.own_change(person(), Secrets(password="тайна"), "password", START).evidence,
        people.logged_in("ivanova", START, "password"),
        people.login_failed(None, START, "unknown-account"),
    ]
    for row in rows:
        told = json.dumps([row.facts, row.actor], ensure_ascii=False)
        assert "Лице" not in told
        assert "деловодител" not in told
        assert "тайна" not in told
    assert rows[-1].actor == "nobody"


def test_opening_content_names_person_part_purpose_and_ground() -> None:
    row = people.content_opened(
        login="ivanova",
        message=MessageId("0" * 32),
        part="attachment-1",
        purpose=Purpose.COMPLAINT,
        ground="жалба 5",
        at=START,
    )
    assert (row.actor, row.message_id, row.at) == ("person:ivanova", "0" * 32, START)
    assert row.facts == {"part": "attachment-1", "purpose": "complaint", "ground": "жалба 5"}
    with pytest.raises(RuleError):
        people.content_opened(
            login="ivanova",
            message=MessageId("0" * 32),
            part="original",
            purpose=Purpose.FAULT,
            ground=" ",
            at=START,
        )


@pytest.mark.parametrize(
    "text", ["", "ab", "-ab", "ab-", "a b c", "иван", "a" * 64, "a\nbc", "../x"]
)
def test_what_cannot_be_a_login(text: str) -> None:
    with pytest.raises(RuleError):
        login_of(text)


def test_logins_are_the_same_in_capitals() -> None:
    assert login_of(" Ivanova ") == "ivanova"
