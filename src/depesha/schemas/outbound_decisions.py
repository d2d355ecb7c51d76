"""What a person may decide about a document on its way out, by its state. Pure.

Every decision but one is an event of the lifecycle; its table says where it may come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.schemas.outbound import Decision
from depesha.schemas.outbound_lifecycle import OUTBOUND, OutboundEvent, OutboundState
from depesha.schemas.route import Bar

if TYPE_CHECKING:
    from depesha.schemas.outbound import OutboundMessage

DECISION_EVENTS: dict[Decision, OutboundEvent] = {
    Decision.RESUME: OutboundEvent.RESUMED,
    Decision.ASK_AGAIN: OutboundEvent.UNCLEAR,
    Decision.RULE_ABSENT: OutboundEvent.RULED_ABSENT,
    Decision.RULE_THERE: OutboundEvent.DELIVERED,
    Decision.RETURN: OutboundEvent.RETURNED,
}
"""The event a decision is; `CONFIRM_FALLBACK` is none: it changes the next plan, not the state."""

_RULED = frozenset(
    {
        OutboundState.PARKED,
        OutboundState.UNCLEAR,
        OutboundState.ACCEPTED,
        OutboundState.UNDELIVERABLE,
    }
)
"""States in which a person may say that a try got through after all."""


def possible_decisions(message: OutboundMessage) -> tuple[Decision, ...]:
    """Return the decisions that make sense for a document as it stands."""
    return tuple(decision for decision in Decision if _possible(message, decision))


def _possible(message: OutboundMessage, decision: Decision) -> bool:
    if decision is Decision.CONFIRM_FALLBACK:
        return not message.fallback_confirmed and _awaits_a_yes(message)
    if (message.state, DECISION_EVENTS[decision]) not in OUTBOUND:
        return False
    if decision is Decision.ASK_AGAIN:
        return message.state is OutboundState.PARKED
    if decision is Decision.RULE_THERE:
        return message.state in _RULED and bool(message.attempts)
    return True


def _awaits_a_yes(message: OutboundMessage) -> bool:
    if message.plan is None or (message.state, OutboundEvent.ROUTED) not in OUTBOUND:
        return False
    bars = (bar.reason for candidate in message.plan.candidates for bar in candidate.bars)
    return Bar.NEEDS_A_YES in bars
