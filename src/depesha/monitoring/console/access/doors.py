"""The words of the entrance: how a log-in ends, who is there, and what it all stands on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from typing import TYPE_CHECKING

from depesha.schemas.people import LockRules, Person, Role, Session, SessionRules

if TYPE_CHECKING:
    from depesha.monitoring.console.access.attempts import Addresses
    from depesha.monitoring.console.access.deciding import Decisions
    from depesha.monitoring.console.access.passwords import Passwords
    from depesha.monitoring.console.access.vault import Vault
    from depesha.ports import Accounts, Clock, IdSource, Journal, Observer, Sessions


class Failure(StrEnum):
    """Why a log-in failed, for evidence; people hear one sentence for all but the last."""

    UNKNOWN = "unknown-account"
    PASSWORD = "password"  # noqa: S105 -- a word for evidence
    EXPIRED = "password-expired"
    CODE = "second-factor"
    PROVIDER = "provider"
    ADDRESS = "too-many-from-address"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A session was made; `token` goes to the browser and is kept nowhere."""

    token: str
    session: Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """No session. `wait` seconds are to pass where this address has failed too often."""

    wait: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """Who is at the other end of a session."""

    person: Person
    session: Session

    @property
    def roles(self) -> frozenset[Role]:
        """What the person is in this session."""
        given = self.session.roles
        return self.person.account.roles if given is None else given


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What the entrance stands on."""

    accounts: Accounts
    sessions: Sessions
    journal: Journal
    decisions: Decisions
    passwords: Passwords
    addresses: Addresses
    vault: Vault
    clock: Clock
    ids: IdSource
    observer: Observer
    zone: tzinfo
    """In which a day begins (ACC-03)."""
    rules: SessionRules
    locks: LockRules
    password_login: bool = True
    """False: only the OpenID provider's log-in counts."""
