"""What a person may do to a document: which deed, by whose right, in which state. A table. Pure.

The page says the effect before it is done; the gateway judges every step again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from depesha.schemas.lifecycle import INBOUND, InboundEvent, InboundState
from depesha.schemas.message import Message
from depesha.schemas.outbound import Decision, OutboundMessage
from depesha.schemas.outbound_decisions import possible_decisions
from depesha.schemas.people import Action

if TYPE_CHECKING:
    from depesha.monitoring.console.access.routes import Visit

Asks = Literal["number", "reason", "ground"]
Document = Message | OutboundMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One button, and the page behind it. Its words are `deed.<name>` and `effect.<name>`."""

    name: str
    needs: Action
    asks: Asks
    event: InboundEvent | None = None
    """Of a received message: the step that must follow from its state."""
    states: frozenset[InboundState] = frozenset(InboundState)
    decision: Decision | None = None
    """Of a document of ours."""
    grave: bool = False
    """It cannot be taken back: the button is red."""


_HELD = frozenset({InboundState.HELD})
_DECIDE = Action.DECIDE

DEEDS: tuple[Deed, ...] = (
    Deed(name="register", needs=Action.REGISTER, asks="number", event=InboundEvent.REGISTERED),
    Deed(
        name="refuse",
        needs=Action.REGISTER,
        asks="reason",
        event=InboundEvent.REFUSED,
        states=frozenset(InboundState) - _HELD,
        grave=True,
    ),
    Deed(name="release", needs=Action.RELEASE, asks="reason", event=InboundEvent.RELEASED),
    Deed(
        name="refuse-held",
        needs=Action.RELEASE,
        asks="reason",
        event=InboundEvent.REFUSED,
        states=_HELD,
        grave=True,
    ),
    Deed(name="finish", needs=Action.REGISTER, asks="reason", event=InboundEvent.CLOSED),
    Deed(name="stop", needs=Action.REGISTER, asks="reason", event=InboundEvent.STOPPED, grave=True),
    Deed(name="resume", needs=_DECIDE, asks="reason", decision=Decision.RESUME),
    Deed(name="ask-again", needs=_DECIDE, asks="reason", decision=Decision.ASK_AGAIN),
    Deed(name="rule-there", needs=_DECIDE, asks="reason", decision=Decision.RULE_THERE, grave=True),
    Deed(
        name="rule-absent", needs=_DECIDE, asks="reason", decision=Decision.RULE_ABSENT, grave=True
    ),
    Deed(name="return", needs=_DECIDE, asks="reason", decision=Decision.RETURN, grave=True),
    Deed(name="confirm-fallback", needs=_DECIDE, asks="reason", decision=Decision.CONFIRM_FALLBACK),
    Deed(name="note", needs=_DECIDE, asks="ground"),
)


def fits(deed: Deed, document: Document) -> bool:
    """Tell whether the deed follows from the document's present state."""
    if deed.asks == "ground":
        return True
    if isinstance(document, OutboundMessage):
        return deed.decision is not None and deed.decision in possible_decisions(document)
    if deed.event is None or document.state not in deed.states:
        return False
    return (document.state, deed.event) in INBOUND


def possible(document: Document, visit: Visit) -> tuple[Deed, ...]:
    """Return what this visitor may do to the document now."""
    return tuple(deed for deed in DEEDS if visit.may(deed.needs) and fits(deed, document))
