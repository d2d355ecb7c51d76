"""The audit of people: which rows of the journal are a deed of somebody, and of which kind. Pure.

A deed is what a person did, a program in somebody's name (a token, the command line), or a
stranger who tried to get in; and every destruction, whoever did it (AUD-01, AUD-03).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from depesha.schemas.evidence import EvidenceRecord
from depesha.schemas.ids import MessageId
from depesha.schemas.message import EvidenceKind

SIEVED = 2000
"""Rows looked at for one page where conditions sieve what an index found."""
NOBODY = "nobody"
"""The actor of a failed log-in under a name that no account has."""
_DOERS = frozenset({"person", "token", "machine", NOBODY})


class Deed(StrEnum):
    """What kind of thing somebody did (AUD-01)."""

    ENTERED = "entered"
    """Logged in or out."""
    BARRED = "barred"
    """A failed log-in, or a refusal for lack of rights."""
    VIEWED = "viewed"
    COPIED = "copied"
    """Handed out, exported, taken over by the registry."""
    CHANGED = "changed"
    DELETED = "deleted"


_KINDS: dict[EvidenceKind, Deed] = {
    EvidenceKind.LOGGED_IN: Deed.ENTERED,
    EvidenceKind.LOGGED_OUT: Deed.ENTERED,
    EvidenceKind.LOGIN_FAILED: Deed.BARRED,
    EvidenceKind.PERMISSION_DENIED: Deed.BARRED,
    EvidenceKind.VIEWED: Deed.VIEWED,
    EvidenceKind.CONTENT_OPENED: Deed.VIEWED,
    EvidenceKind.EXPORTED: Deed.COPIED,
    EvidenceKind.HANDED_OVER: Deed.COPIED,
    EvidenceKind.REPORTED: Deed.COPIED,
    EvidenceKind.SHREDDED: Deed.DELETED,
    EvidenceKind.DESTROYED: Deed.DELETED,
}
"""Every other kind of row changes something."""


def deed_of(kind: EvidenceKind, actor: str) -> Deed | None:
    """Return what a row tells of somebody; None where nobody did it."""
    found = _KINDS.get(kind, Deed.CHANGED)
    if found is Deed.DELETED or actor.partition(":")[0] in _DOERS:
        return found
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """A page of deeds, newest first. Empty fields do not narrow."""

    who: str = ""
    """As rows name the actor: `person:<login>`, `token:<name>`, `machine:<user>`, `nobody`."""
    deed: Deed | None = None
    document: MessageId | None = None
    since: datetime | None = None
    until: datetime | None = None
    """The first moment that does not belong to it."""
    after: str = ""
    """`AuditPage.next` of the page before."""
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """What a query found. A page may be short, or empty, while `next` says that there is more."""

    records: tuple[EvidenceRecord, ...]
    next: str = ""
    seals: tuple[int, ...] = ()
    """For each record the number of the seal it stands under; 0: the next one will cover it."""


def fits(query: AuditQuery, body: dict[str, Any]) -> bool:
    """Tell whether a row, read, is what the query asks for; its place among pages apart."""
    actor, at = str(body["actor"]), datetime.fromisoformat(body["at"])
    found = deed_of(EvidenceKind(body["kind"]), actor)
    return (
        found is not None
        and query.who in ("", actor)
        and query.deed in (None, found)
        and (query.since is None or at >= query.since)
        and (query.until is None or at < query.until)
    )


def place_of(after: str) -> tuple[int, int] | None:
    """Read `AuditPage.next`: microseconds and row; None for anything else."""
    at, _, row = after.partition("-")
    if at.isdecimal() and row.isdecimal() and max(len(at), len(row)) <= 18:  # noqa: PLR2004 -- 2^63
        return int(at), int(row)
    return None
