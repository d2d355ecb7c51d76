"""Tokens of the registry API, as people and the gate see them, without secrets. Values only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class Scope(StrEnum):
    """What a token may do."""

    INBOX_READ = "inbox:read"
    MESSAGES_REGISTER = "messages:register"
    MESSAGES_CLERK = "messages:clerk"
    PARTICIPANTS_READ = "participants:read"
    EVIDENCE_READ = "evidence:read"
    SEND = "send"
    """Submit documents, read them and follow them on their way out."""
    DECIDE = "decide"
    """Decide about documents on their way out that wait for a person; read them."""
    ADMIN = "admin"
    """Everything, and what is parked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token without its secret."""

    id: str
    name: str
    """Unique, also among revoked ones: it stands in the evidence as `token:<name>`."""
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used: date | None = None
    """The day only: a file is not written on every call."""

    def may(self, any_of: Sequence[Scope]) -> bool:
        """Tell whether one of these scopes is held."""
        return Scope.ADMIN in self.scopes or not self.scopes.isdisjoint(any_of)

    def valid(self, now: datetime) -> bool:
        """Tell whether it may be used now."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)
