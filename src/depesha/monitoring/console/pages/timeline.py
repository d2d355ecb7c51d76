"""One time line of a document: every row of its journal in words, whatever the network. Pure.

Facts of a row are told to those who may see subjects; others are told the safe ones alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import EvidenceKind, Message
from depesha.schemas.outbound import OutboundMessage
from depesha.schemas.sentences import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from depesha.monitoring.console.pages.telling import Teller
    from depesha.schemas.overview import Story, StoryEvent

SAFE = frozenset(
    {
        "code",
        "decision",
        "delivered_at",
        "event",
        "instead",
        "network",
        "outcome",
        "purpose",
        "questions",
        "report",
        "signal",
        "size",
        "state",
        "status",
        "task",
    }
)
"""Facts that say nothing of what a document is about."""
_BAD = frozenset({"refused", "rejected", "unclear"})
_FAMILIES = {"outcome": "outcome", "purpose": "purpose", "decision": "decision"}
_UNTOLD = frozenset({"checks", "attempt"})
"""Told elsewhere on the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One thing that happened."""

    sequence: int
    at: datetime
    sentence: str
    actor: str
    details: tuple[tuple[str, str], ...]
    """Label and value."""
    bad: bool
    sealed: bool
    wire_link: str
    heard_link: str


FIRST, LAST = 60, 240
"""Rows of the longest stories that are shown: how it began, and what happened lately."""


def shortened(story: Story) -> tuple[StoryEvent, ...]:
    """Return the rows that a page shows; all of them, unless they are very many."""
    events = tuple(story.events)
    return events if len(events) <= FIRST + LAST else (*events[:FIRST], *events[-LAST:])


def moments(story: Story, tell: Teller, *, sees: bool, opens: bool) -> tuple[Moment, ...]:
    """Return the whole way, oldest first."""
    base = f"/documents/{story.document.id}/open/"
    kept = story.document.state is not InboundState.REJECTED
    names = _names(story.document)
    return tuple(
        Moment(
            sequence=event.sequence,
            at=event.at,
            sentence=tell.say(f"event.{event.kind}"),
            actor=_actor(event.actor, names, tell, sees=sees),
            details=_details(event, tell, sees=sees),
            bad=str(event.facts.get("outcome", "")) in _BAD,
            sealed=event.sequence <= story.sealed_to,
            wire_link=f"{base}wire-{event.sequence}" if opens and event.wire else "",
            heard_link=f"{base}heard-{event.sequence}" if opens and kept and _heard(event) else "",
        )
        for event in shortened(story)
    )


def _heard(event: StoryEvent) -> bool:
    """Tell whether the row speaks of bytes that are kept as a file of their own."""
    own = event.kind is EvidenceKind.RECEIVED
    return isinstance(event.facts.get("original"), str) and not own


def _names(document: Message | OutboundMessage) -> dict[str, str]:
    """Return the bodies of a document by what the journal calls them."""
    if isinstance(document, OutboundMessage):
        other = document.dispatch.recipient
    elif document.envelope is not None:
        other = document.envelope.sender
    else:
        return {}
    return {other.guid or other.identifier: other.name} if other.name else {}


def _actor(actor: str, names: Mapping[str, str], tell: Teller, *, sees: bool) -> str:
    kind, _, name = actor.partition(":")
    if kind == "peer":
        name = names.get(name, name) if sees else ""
    return " ".join(part for part in (tell.known("actor", kind), plain(name)) if part)


def _details(event: StoryEvent, tell: Teller, *, sees: bool) -> tuple[tuple[str, str], ...]:
    shown = ((name, value) for name, value in event.facts.items() if name not in _UNTOLD)
    return tuple(
        (tell.known("detail", name), _value(name, value, tell))
        for name, value in shown
        if value not in ("", [], 0) and (sees or name in SAFE)
    )


def _value(name: str, value: str | float | list[str], tell: Teller) -> str:
    if isinstance(value, list):
        return plain(", ".join(value))
    if name in {"network", "instead"}:
        return tell.network(str(value))
    if name == "size" and isinstance(value, int):
        return tell.size(value)
    if name in _FAMILIES:
        return tell.known(_FAMILIES[name], str(value))
    return plain(str(value))
