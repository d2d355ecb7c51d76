"""Decisions about people: who may what, who gets in, and what may be done to an account.

Pure: values in, values and evidence out. It must never see a password, a token or a page. The
rows it makes name logins, codes and numbers of papers, and nothing else about a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from depesha.errors import ForbiddenError, RuleError
from depesha.schemas.message import EvidenceKind, NewEvidence
from depesha.schemas.people import (
    GROUND_CHARACTERS,
    NAME_CHARACTERS,
    PERMISSIONS,
    TOGETHER,
    Account,
    Action,
    Block,
    Closing,
    Deputy,
    Doer,
    EntryBar,
    LockRules,
    Person,
    PersonChange,
    Purpose,
    Right,
    Role,
    Secrets,
    login_of,
)

if TYPE_CHECKING:
    from depesha.schemas.ids import MessageId

_CHAIN = 8
"""Deputies of deputies that are followed; longer chains end at nobody."""


# --- rights -----------------------------------------------------------------------------------


def right(roles: Iterable[Role], action: Action) -> Right:
    """Return how far these roles together may do something; forbidden unless a table says so."""
    found = {PERMISSIONS[role].get(action, Right.NO) for role in roles}
    if Right.YES in found:
        return Right.YES
    return Right.WITH_REASON if Right.WITH_REASON in found else Right.NO


def check_roles(roles: frozenset[Role]) -> None:
    """Raise `RuleError` where no one person may hold these together (ROL-03)."""
    if len(roles) > 1 and not roles <= TOGETHER:
        raise RuleError(
            "these roles belong to different persons: only clerk and operator go together",
            rule="roles",
        )


# --- getting in -------------------------------------------------------------------------------


def entry_bar(person: Person, now: datetime, today: date) -> EntryBar | None:
    """Return why a person may not get in now, however well he proves who he is; None: he may."""
    account = person.account
    if account.blocked is not None:
        return EntryBar.BLOCKED
    if account.undertaking is None or today < account.undertaking:
        return EntryBar.NO_UNDERTAKING
    if person.secrets.locked_until is not None and now < person.secrets.locked_until:
        return EntryBar.LOCKED
    return None


def failed(person: Person, now: datetime, rules: LockRules) -> Person:
    """Count a wrong answer; at the limit the account is closed for a while.

    While it is closed nothing is counted, so that a guesser cannot keep its owner out for ever.
    """
    secrets = person.secrets
    if secrets.locked_until is not None and now < secrets.locked_until:
        return person
    failures = (0 if secrets.locked_until is not None else secrets.failures) + 1
    until = None if failures < rules.failures else now + timedelta(seconds=rules.seconds)
    return replace(person, secrets=replace(secrets, failures=failures, locked_until=until))


def succeeded(person: Person, now: datetime) -> Person:
    """Forget the wrong answers."""
    secrets = replace(person.secrets, failures=0, locked_until=None, last_login=now)
    return replace(person, secrets=secrets)


# --- accounts ---------------------------------------------------------------------------------


def check_may_manage(doer: Doer) -> None:
    """Raise `ForbiddenError` unless the doer manages accounts."""
    if not doer.machine and right(doer.roles, Action.MANAGE_ACCOUNTS) is not Right.YES:
        raise ForbiddenError("only the security administrator manages accounts")


def new_account(doer: Doer, account: Account, secrets: Secrets) -> PersonChange:
    """Return the first step of a new account; raise `RuleError`, `ForbiddenError`."""
    check_may_manage(doer)
    login_of(account.login)
    check_roles(account.roles)
    if not account.name.strip() or len(account.name) > NAME_CHARACTERS:
        raise RuleError("an account names its person, in at most 120 characters", rule="name")
    facts: dict[str, str | int | float | list[str]] = {
        "roles": sorted(account.roles),
        "ground": ground_of(account.ground),
        "undertaking": account.undertaking.isoformat() if account.undertaking else "",
    }
    person = Person(account=account, secrets=secrets)
    return _step(doer, person, account.created_at, "added", facts)


def blocked(
    doer: Doer, person: Person, why: Closing, ground: str, now: datetime, others: Iterable[Account]
) -> PersonChange:
    """Close an account, at once and without notice (ACC-05, 06, 08)."""
    _not_oneself(doer, person)
    if person.account.blocked is not None:
        raise RuleError("the account is blocked already", rule="blocked")
    _not_the_last(person, others)
    block = Block(at=now, by=doer.actor, why=why, ground=ground_of(ground))
    after = replace(person, account=replace(person.account, blocked=block))
    return _step(doer, after, now, "blocked", {"why": why, "ground": block.ground}, ends=True)


def unblocked(doer: Doer, person: Person, ground: str, now: datetime) -> PersonChange:
    """Open an account again, on a letter (ACC-07); a new password is given beside (`reset`)."""
    _not_oneself(doer, person)
    if person.account.blocked is None:
        raise RuleError("the account is not blocked", rule="blocked")
    after = replace(
        person,
        account=replace(person.account, blocked=None),
        secrets=replace(person.secrets, failures=0, locked_until=None),
    )
    return _step(doer, after, now, "unblocked", {"ground": ground_of(ground)})


def given_roles(
    doer: Doer, person: Person, roles: frozenset[Role], now: datetime, others: Iterable[Account]
) -> PersonChange:
    """Give a person other roles."""
    _not_oneself(doer, person)
    check_roles(roles)
    if Role.SECURITY_ADMINISTRATOR not in roles:
        _not_the_last(person, others)
    after = replace(person, account=replace(person.account, roles=roles))
    facts: dict[str, str | int | float | list[str]] = {
        "roles": sorted(roles),
        "before": sorted(person.account.roles),
    }
    return _step(doer, after, now, "roles", facts, ends=True)


def undertook(doer: Doer, person: Person, signed: date | None, now: datetime) -> PersonChange:
    """Note the date of the signed undertaking; without one there is no access (ACC-03)."""
    _not_oneself(doer, person)
    after = replace(person, account=replace(person.account, undertaking=signed))
    facts = {"undertaking": signed.isoformat() if signed else ""}
    return _step(doer, after, now, "undertaking", {**facts}, ends=signed is None)


def reset(doer: Doer, person: Person, secrets: Secrets, now: datetime) -> PersonChange:
    """Give a password that must be changed; the second factor is enrolled anew."""
    _not_oneself(doer, person)
    return _step(doer, replace(person, secrets=secrets), now, "reset", {}, ends=True)


def deputed(
    doer: Doer, person: Person, deputy: Deputy | None, other: Person | None, now: datetime
) -> PersonChange:
    """Name who receives a person's tasks, or nobody. Everybody may do it for himself (ACC-09)."""
    if doer.login != person.login:
        check_may_manage(doer)
    if deputy is None:
        after = replace(person, account=replace(person.account, deputy=None))
        return _step(doer, after, now, "deputy", {"deputy": ""})
    if other is None or other.account.blocked is not None or other.account.undertaking is None:
        raise RuleError("the deputy has no open account", rule="deputy")
    if other.login == person.login:
        raise RuleError("nobody is his own deputy", rule="deputy")
    if not person.account.roles <= other.account.roles:
        raise RuleError("the deputy needs the roles of the one stood in for", rule="deputy")
    if deputy.until is not None and deputy.until < deputy.since:
        raise RuleError("the last day lies before the first", rule="deputy")
    after = replace(person, account=replace(person.account, deputy=deputy))
    until = deputy.until.isoformat() if deputy.until else ""
    facts = {"deputy": deputy.login, "since": deputy.since.isoformat(), "until": until}
    return _step(doer, after, now, "deputy", {**facts})


def own_change(person: Person, secrets: Secrets, what: str, now: datetime) -> PersonChange:
    """Let a person change what is his own.

    `what`: `password`, `second-factor`, `second-factor-off`, `language`, `subject`.
    """
    doer = Doer(actor=actor_of(person.login))
    after = replace(person, secrets=secrets)
    return _step(doer, after, now, what, {}, ends=what in {"password", "second-factor-off"})


def receiver(login: str, on: date, accounts: Mapping[str, Account]) -> str | None:
    """Return who receives a person's tasks on this day: himself, or the deputy who is there.

    None where nobody does: then the task belongs to everybody of its role (law 8).
    """
    for _ in range(_CHAIN):
        account = accounts.get(login)
        if account is None:
            return None
        deputy = account.deputy
        if deputy is not None and deputy.stands(on):
            login = deputy.login
            continue
        return None if account.blocked is not None else login
    return None


# --- evidence ---------------------------------------------------------------------------------


def actor_of(login: str) -> str:
    """Return how evidence names a person."""
    return f"person:{login}"


def logged_in(login: str, at: datetime, means: str) -> NewEvidence:
    """Return the row of a log-in. `means`: `password`, `totp`, `recovery-code`, `openid`."""
    return _row(EvidenceKind.LOGGED_IN, actor_of(login), at, {"means": means})


def login_failed(login: str | None, at: datetime, why: str) -> NewEvidence:
    """Return the row of a failed log-in (AUD-03).

    `login` is None for a name that no account has: what was typed may be a password.
    """
    actor = "nobody" if login is None else actor_of(login)
    return _row(EvidenceKind.LOGIN_FAILED, actor, at, {"why": why})


def logged_out(login: str, at: datetime) -> NewEvidence:
    """Return the row of a person's own log-out."""
    return _row(EvidenceKind.LOGGED_OUT, actor_of(login), at, {})


def denied(login: str, at: datetime, action: str, page: str) -> NewEvidence:
    """Return the row of a refusal for lack of rights (ROL-08). `page` is the route's pattern."""
    facts = {"action": action, "page": page}
    return _row(EvidenceKind.PERMISSION_DENIED, actor_of(login), at, {**facts})


def content_opened(
    *,
    login: str,
    message: MessageId,
    part: str,
    purpose: Purpose,
    ground: str,
    at: datetime,
) -> NewEvidence:
    """Return the row of a look at content; `part` is `attachment-<n>`, `original` or `wire-<n>`.

    To be durable before the content is shown. Raises `RuleError` where no ground is named.
    """
    facts = {"part": part, "purpose": purpose, "ground": ground_of(ground)}
    row = _row(EvidenceKind.CONTENT_OPENED, actor_of(login), at, {**facts})
    return replace(row, message_id=message)


def reported(
    *,
    login: str,
    report: str,
    purpose: Purpose,
    ground: str,
    at: datetime,
    message: MessageId | None = None,
) -> NewEvidence:
    """Return the row of something handed out or told: a bounded word, and for what (AUD-11)."""
    facts = {"report": report, "purpose": purpose, "ground": ground_of(ground)}
    row = _row(EvidenceKind.REPORTED, actor_of(login), at, {**facts})
    return replace(row, message_id=message)


def ground_of(text: str) -> str:
    """Check the ground somebody gives: the number of a paper or case, on one line."""
    found = " ".join(text.split())
    if not found:
        raise RuleError("name the ground: the number of a memo, order or case", rule="ground")
    if len(found) > GROUND_CHARACTERS or not found.isprintable():
        raise RuleError("the ground is one line of at most 200 characters", rule="ground")
    return found


def _not_oneself(doer: Doer, person: Person) -> None:
    check_may_manage(doer)
    if doer.login == person.login:
        raise ForbiddenError("nobody manages his own account")


def _not_the_last(person: Person, others: Iterable[Account]) -> None:
    """Somebody must be left who can manage accounts."""
    lead = Role.SECURITY_ADMINISTRATOR
    if lead not in person.account.roles:
        return
    left = [a for a in others if lead in a.roles and a.blocked is None and a.undertaking]
    if not [a for a in left if a.login != person.login]:
        raise RuleError(
            "this is the last security administrator", rule="last", remedy="add another one first"
        )


def _step(
    doer: Doer,
    person: Person,
    at: datetime,
    what: str,
    facts: dict[str, str | int | float | list[str]],
    *,
    ends: bool = False,
) -> PersonChange:
    told: dict[str, str | int | float | list[str]] = {"account": person.login, "change": what}
    row = _row(EvidenceKind.ACCOUNT_CHANGED, doer.actor, at, {**told, **facts})
    return PersonChange(person=person, evidence=row, ends_sessions=ends)


def _row(
    kind: EvidenceKind,
    actor: str,
    at: datetime,
    facts: dict[str, str | int | float | list[str]],
) -> NewEvidence:
    return NewEvidence(kind=kind, at=at, message_id=None, actor=actor, facts=facts)
