"""The people of the operators' console: accounts, roles, sessions, and what each role may do.

Values and one table only; who may do what to whom is decided in `gateway/people.py`. Secrets are
here as hashes or sealed bytes, never in clear, and stand apart from the account that pages show.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from depesha.errors import RuleError
from depesha.schemas.ids import Digest
from depesha.schemas.message import NewEvidence

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
LOGIN_CHARACTERS = 63
NAME_CHARACTERS = 120
GROUND_CHARACTERS = 200


class Role(StrEnum):
    """What a person is here. The two administrators are two persons (ROL-03)."""

    CLERK = "clerk"
    """Registers, refuses, sends."""
    OPERATOR = "operator"
    """Keeps the gateway running; sees states, and content only with a reason."""
    AUDITOR = "auditor"
    """Inspects, changes nothing (ROL-11)."""
    SECURITY_ADMINISTRATOR = "security-administrator"
    """Manages accounts and reads the audit of people; sees no content."""
    DATA_ADMINISTRATOR = "data-administrator"
    """Sees configuration and retention; grants no rights."""


TOGETHER: frozenset[Role] = frozenset({Role.CLERK, Role.OPERATOR})
"""The only roles that one person may hold at the same time; each other one stands alone."""


class Action(StrEnum):
    """What can be done in the console. A page or button names exactly one."""

    SEE_STATE = "see-state"
    """States, ages, counts, networks: nothing that says what a document is about (ROL-06)."""
    SEE_SUBJECT = "see-subject"
    """Subjects, parties, numbers, search."""
    OPEN_CONTENT = "open-content"
    """Attachments, and the raw bytes of the wire."""
    REGISTER = "register"
    """Give a received document its number, refuse it, end its case."""
    RELEASE = "release"
    """Let a held document through, or not."""
    SEND = "send"
    """Submit a document; answer for one that came back."""
    DECIDE = "decide"
    """Rule about a document on its way out: again, by another channel, parked, noted."""
    OPERATE = "operate"
    """Pause, resume and test channels; start parked work again."""
    SEE_EVIDENCE = "see-evidence"
    """Seals and journeys; download a pack or a proof."""
    SEE_AUDIT = "see-audit"
    """What people did."""
    SEE_SETTINGS = "see-settings"
    """Settings as running, own certificates, participants' books."""
    KEEP_RETENTION = "keep-retention"
    """Terms of keeping, quarantine, shredding."""
    MANAGE_ACCOUNTS = "manage-accounts"
    """Add, block, open again, give roles, reset, name deputies; tokens of the API."""


class Right(StrEnum):
    """How far a role may do something."""

    NO = "no"
    YES = "yes"
    WITH_REASON = "with-reason"
    """Only after naming purpose and ground, which are kept (AUD-05)."""


_Y, _R = Right.YES, Right.WITH_REASON

PERMISSIONS: dict[Role, dict[Action, Right]] = {
    Role.CLERK: {
        Action.SEE_STATE: _Y,
        Action.SEE_SUBJECT: _Y,
        Action.OPEN_CONTENT: _R,
        Action.REGISTER: _Y,
        Action.RELEASE: _Y,
        Action.SEND: _Y,
        Action.DECIDE: _Y,
        Action.SEE_EVIDENCE: _Y,
    },
    Role.OPERATOR: {
        Action.SEE_STATE: _Y,
        Action.OPEN_CONTENT: _R,
        Action.DECIDE: _Y,
        Action.OPERATE: _Y,
        Action.SEE_EVIDENCE: _Y,
        Action.SEE_SETTINGS: _Y,
    },
    Role.AUDITOR: {
        Action.SEE_STATE: _Y,
        Action.SEE_SUBJECT: _Y,
        Action.OPEN_CONTENT: _R,
        Action.SEE_EVIDENCE: _Y,
        Action.SEE_AUDIT: _Y,
        Action.SEE_SETTINGS: _Y,
    },
    Role.SECURITY_ADMINISTRATOR: {
        Action.SEE_STATE: _Y,
        Action.SEE_AUDIT: _Y,
        Action.MANAGE_ACCOUNTS: _Y,
    },
    Role.DATA_ADMINISTRATOR: {
        Action.SEE_STATE: _Y,
        Action.SEE_EVIDENCE: _Y,
        Action.SEE_SETTINGS: _Y,
        Action.KEEP_RETENTION: _Y,
    },
}
"""Role × action. What does not stand here is forbidden (ROL-12)."""


class Purpose(StrEnum):
    """Why somebody opens content or hands something out (AUD-05)."""

    REGISTRATION = "registration"
    ANSWER = "answer"
    FAULT = "fault"
    """Finding out why the gateway or a network failed on it."""
    INSPECTION = "inspection"
    COMPLAINT = "complaint"
    LEGAL = "legal"
    """A court, a prosecutor, another body entitled by law."""


class Closing(StrEnum):
    """Why an account was blocked."""

    LEFT = "left"
    """Dismissed, or moved to a post without personal data (ACC-08)."""
    BREACH = "breach"
    """Until its causes are cleared, and without notice (ACC-06)."""
    REQUEST = "request"
    """On a memo (ACC-05)."""


class EntryBar(StrEnum):
    """Why a person who proved who he is does not get in."""

    BLOCKED = "blocked"
    NO_UNDERTAKING = "no-undertaking"
    """No signed undertaking, or its date has not come (ACC-03)."""
    NO_ROLE = "no-role"
    LOCKED = "locked"
    """Too many failures; for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """An account that is closed. It is never deleted (ACC-05)."""

    at: datetime
    by: str
    why: Closing
    ground: str
    """Number of the memo or order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deputy:
    """Who receives a person's tasks while that person is away (ACC-09)."""

    login: str
    since: date
    until: date | None = None
    """Last day, included; None: until it is taken back."""

    def stands(self, on: date) -> bool:
        """Tell whether the deputy receives the tasks on this day."""
        return self.since <= on and (self.until is None or on <= self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person's account (ACC-02). Everything a page may show of it."""

    login: str
    name: str
    roles: frozenset[Role]
    created_at: datetime
    created_by: str
    ground: str
    """Number of the memo on which it was made."""
    undertaking: date | None = None
    """Date of the signed undertaking: the first day of access (ACC-03)."""
    position: str = ""
    unit: str = ""
    contact: str = ""
    language: str = ""
    """Of pages; empty: what the browser asks for."""
    blocked: Block | None = None
    deputy: Deputy | None = None
    subject: str = ""
    """By which an OpenID provider knows the person; empty: its login claim is compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """How a person proves who he is. Never shown, never logged."""

    password: str = field(default="", repr=False)
    """Argon2id in its own text form; empty: no log-in by password."""
    must_change: bool = True
    """At the first log-in and after a reset (ACC-13)."""
    changed_at: datetime | None = None
    expires_at: datetime | None = None
    """Until when a password given by others opens; None: no end."""
    totp: bytes = field(default=b"", repr=False)
    """The second factor's key, sealed; empty: none enrolled."""
    totp_step: int = -1
    """The last time step whose code was used: none opens twice (RFC 6238, 5.2)."""
    recovery: tuple[Digest, ...] = field(default=(), repr=False)
    """Recovery codes not used yet, hashed."""
    failures: int = 0
    """Wrong answers in a row."""
    locked_until: datetime | None = None
    last_login: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An account with its secrets, as the store holds them together."""

    account: Account
    secrets: Secrets
    version: int = 0
    """Grows with every change; a change of an older one is a conflict."""

    @property
    def login(self) -> str:
        """The account's name."""
        return self.account.login


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonChange:
    """One step of a person: what stands afterwards and the evidence of it, all or nothing."""

    person: Person
    """With the version that was read."""
    evidence: NewEvidence
    ends_sessions: bool = False
    """All of them, in the same transaction: block, reset, new roles, new password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doer:
    """Who changes an account, and with what right."""

    actor: str
    """As evidence names it: `person:<login>`, or `machine:<user>` for the command line."""
    roles: frozenset[Role] = frozenset()
    machine: bool = False
    """The command line of the machine itself, whose user may read the store anyway."""

    @property
    def login(self) -> str:
        """The doer's own account; empty for the machine."""
        return "" if self.machine else self.actor.removeprefix("person:")


class Stage(StrEnum):
    """How far a session's owner has proved who he is."""

    HALF = "half"
    """The password was right; the second factor is asked for. Opens nothing else."""
    WHOLE = "whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A log-in that lasts. Its token is known to the browser only; here is the token's hash."""

    token: Digest = field(repr=False)
    login: str
    stage: Stage
    began_at: datetime
    seen_at: datetime
    ends_at: datetime
    """The absolute end; the idle end goes by `seen_at`."""
    roles: frozenset[Role] | None = None
    """Given by an OpenID provider for this session; None: those of the account."""
    provider: bool = False
    """An OpenID provider vouched for the person; no password of ours was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordRules:
    """What a password must be. Long rather than intricate (NIST SP 800-63B, 5.1.1.2; SEC-01)."""

    characters: int = 12
    longest: int = 128
    initial_hours: float = 72.0
    """So long a password given by an administrator opens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockRules:
    """When guessing ends."""

    failures: int = 5
    """In a row, of one account."""
    seconds: float = 900.0
    """So long it is then closed."""
    address_failures: int = 30
    """Of one network address within `seconds`, whatever the account."""
    addresses: int = 10_000
    """Remembered at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRules:
    """How long a log-in lasts (ACC-14)."""

    idle_minutes: float = 30.0
    minutes: float = 600.0
    half_minutes: float = 5.0
    """For the second factor."""


def login_of(text: str) -> str:
    """Normalise an account name; raise `RuleError` for what cannot be one."""
    found = text.strip().lower()
    if _LOGIN.fullmatch(found) is None:
        raise RuleError(
            "an account's name has 3 to 63 letters a-z, digits, dots, hyphens, underscores",
            rule="login",
        )
    return found
