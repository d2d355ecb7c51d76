"""The rows of evidence about what a person does here. Pure.

A person's words are never in them: only their digest, as with every ruling.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.errors import RuleError
from depesha.schemas.evidence import sha256
from depesha.schemas.message import EvidenceKind, NewEvidence

if TYPE_CHECKING:
    from depesha.monitoring.console.access.routes import Visit
    from depesha.schemas.ids import MessageId


def operated(visit: Visit, decision: str, **facts: str | int) -> NewEvidence:
    """Return the row of something done to the machine; `decision` is a bounded word."""
    return NewEvidence(
        kind=EvidenceKind.OPERATED,
        at=visit.now,
        message_id=None,
        actor=visit.actor,
        facts={"decision": decision, **facts},
    )


def attended(
    visit: Visit, decision: str, message: MessageId | None, **facts: str | int
) -> NewEvidence:
    """Return the row of a person who looks after something."""
    return NewEvidence(
        kind=EvidenceKind.ATTENDED,
        at=visit.now,
        message_id=message,
        actor=visit.actor,
        facts={"decision": decision, **facts},
    )


def digest_of(words: str) -> str:
    """Return what stands in evidence for a person's words; empty for none."""
    return sha256(words.encode()) if words else ""


def words_of(visit: Visit, field: str, most: int, *, needed: bool) -> str:
    """Return what a person wrote; raise `RuleError` where it cannot be taken."""
    found = visit.form.get(field, "").replace("\r\n", "\n").strip()
    seen = all(one.isprintable() or one == "\n" for one in found)
    if (needed and not found) or len(found) > most or not seen:
        raise RuleError("a reason of at most 1000 characters", rule="reason")
    return found


def colleague(visit: Visit) -> str:
    """Return the visitor's name as colleagues know it."""
    return "" if visit.present is None else visit.present.person.account.name
