"""The decisions about people that the console asks for; the gateway's room makes them.

Monitoring may not import the gateway, so the app hands in the module `gateway/people.py` itself:
its functions are these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from depesha.schemas.ids import MessageId
    from depesha.schemas.message import NewEvidence
    from depesha.schemas.people import (
        Account,
        Action,
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
    )


class Decisions(Protocol):
    """What the log-in needs decided, and the rows it writes."""

    def right(self, roles: Iterable[Role], action: Action) -> Right:
        """Return how far these roles may do something."""

    def entry_bar(self, person: Person, now: datetime, today: date) -> EntryBar | None:
        """Return why a person may not get in now."""

    def check_roles(self, roles: frozenset[Role]) -> None:
        """Raise `RuleError` where no one person may hold these together."""

    def failed(self, person: Person, now: datetime, rules: LockRules) -> Person:
        """Count a wrong answer."""

    def succeeded(self, person: Person, now: datetime) -> Person:
        """Forget the wrong answers."""

    def logged_in(self, login: str, at: datetime, means: str) -> NewEvidence:
        """Return the row of a log-in."""

    def login_failed(self, login: str | None, at: datetime, why: str) -> NewEvidence:
        """Return the row of a failed log-in; None where no account has the name."""

    def logged_out(self, login: str, at: datetime) -> NewEvidence:
        """Return the row of a log-out."""

    def denied(self, login: str, at: datetime, action: str, page: str) -> NewEvidence:
        """Return the row of a refusal for lack of rights."""

    def own_change(
        self, person: Person, secrets: Secrets, what: str, now: datetime
    ) -> PersonChange:
        """Let a person change his own secrets."""

    def content_opened(
        self,
        *,
        login: str,
        message: MessageId,
        part: str,
        purpose: Purpose,
        ground: str,
        at: datetime,
    ) -> NewEvidence:
        """Return the row of a look at content."""

    def reported(
        self,
        *,
        login: str,
        report: str,
        purpose: Purpose,
        ground: str,
        at: datetime,
        message: MessageId | None = None,
    ) -> NewEvidence:
        """Return the row of something handed out or told."""


class AccountDecisions(Protocol):
    """What the managing of accounts needs decided. `doer` is who does it, with what right.

    All raise `RuleError` and `ForbiddenError`.
    """

    def new_account(self, doer: Doer, account: Account, secrets: Secrets) -> PersonChange:
        """Make an account."""

    def blocked(
        self,
        doer: Doer,
        person: Person,
        why: Closing,
        ground: str,
        now: datetime,
        others: Iterable[Account],
    ) -> PersonChange:
        """Close it."""

    def unblocked(self, doer: Doer, person: Person, ground: str, now: datetime) -> PersonChange:
        """Open it again."""

    def given_roles(
        self,
        doer: Doer,
        person: Person,
        roles: frozenset[Role],
        now: datetime,
        others: Iterable[Account],
    ) -> PersonChange:
        """Give other roles."""

    def undertook(
        self, doer: Doer, person: Person, signed: date | None, now: datetime
    ) -> PersonChange:
        """Note the date of the undertaking."""

    def reset(self, doer: Doer, person: Person, secrets: Secrets, now: datetime) -> PersonChange:
        """Give a password that must be changed."""

    def deputed(
        self,
        doer: Doer,
        person: Person,
        deputy: Deputy | None,
        other: Person | None,
        now: datetime,
    ) -> PersonChange:
        """Name a deputy, or none."""
