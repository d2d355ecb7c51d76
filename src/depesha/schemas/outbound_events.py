"""Names of the events that tell of documents on their way out, for webhooks and the feed. Values.

The other direction's names stand in `gateway/tasks.py`; both follow one rule, the state in small
letters behind what it is a state of.
"""

from __future__ import annotations

from depesha.schemas.message import EvidenceKind
from depesha.schemas.outbound_lifecycle import OutboundState

_S = OutboundState

DISPATCH_EVENTS = {
    state: f"dispatch.{state.lower()}"
    for state in (
        _S.ACCEPTED,
        _S.DELIVERED,
        _S.REGISTERED,
        _S.DECLINED,
        _S.DEFERRED,
        _S.UNCLEAR,
        _S.PARKED,
        _S.UNDELIVERABLE,
        _S.RETURNED,
        _S.STOPPED,
        _S.CLOSED,
    )
}
"""State entered → name of the event. The other states are passed through within moments."""

EVENT_STATES = {event: state for state, event in DISPATCH_EVENTS.items()}
"""The state that each event tells of."""

_K = EvidenceKind
OUTBOUND_KINDS = frozenset(
    {
        _K.SUBMITTED,
        _K.SIGNED,
        _K.ROUTED,
        _K.ATTEMPT_BEGUN,
        _K.ATTEMPT_SETTLED,
        _K.ASKED,
        _K.HEARD,
        _K.RETURNED,
        _K.RULED,
        _K.PARKED,
        _K.TELEPHONE,
    }
)
"""Kinds of journal rows whose `state` is a document's on its way out."""


def dispatch_event(state: str) -> str:
    """Return the name of the event for a state as text; empty where there is none."""
    try:
        return DISPATCH_EVENTS.get(OutboundState(state), "")
    except ValueError:
        return ""
