"""★ The states of a message and the only way to change them. Knows no I/O and no policy.

Two rules: everything about state lives here, and an event that does not follow from the present
state raises `WrongStateError` with nothing changed. The diagram in `docs/flow.md` is drawn from
this table and a test compares them.
"""

from __future__ import annotations

from enum import StrEnum

from depesha.errors import WrongStateError


class InboundState(StrEnum):
    """Where a received message stands."""

    ADMITTED = "ADMITTED"
    """Every check passed; waits for the registry (owner: the registry's inbox)."""
    HELD = "HELD"
    """Undecided; owner: a recheck task or a person."""
    REJECTED = "REJECTED"
    """Refused by a check; the sender was told. Final."""
    REGISTERED = "REGISTERED"
    """The registry's number is committed; owner: the notice task."""
    ACKNOWLEDGED = "ACKNOWLEDGED"
    """The sender has taken the number."""
    REFUSED = "REFUSED"
    """The registry or a clerk declined it; owner: the notice task."""
    REFUSAL_ACKNOWLEDGED = "REFUSAL_ACKNOWLEDGED"
    """The sender has taken the refusal. Final."""
    CLOSED = "CLOSED"
    """The registry ended the case (finished). Final."""
    STOPPED = "STOPPED"
    """The registry ended the case early. Final."""


class InboundEvent(StrEnum):
    """What can happen to a stored message."""

    CHECKED_PASSED = "CHECKED_PASSED"
    CHECKED_HELD = "CHECKED_HELD"
    CHECKED_REJECTED = "CHECKED_REJECTED"
    RELEASED = "RELEASED"
    REGISTERED = "REGISTERED"
    REFUSED = "REFUSED"
    NOTICE_TAKEN = "NOTICE_TAKEN"
    CLOSED = "CLOSED"
    STOPPED = "STOPPED"


_S, _E = InboundState, InboundEvent

INBOUND: dict[tuple[InboundState, InboundEvent], InboundState] = {
    (_S.HELD, _E.CHECKED_PASSED): _S.ADMITTED,
    (_S.HELD, _E.CHECKED_HELD): _S.HELD,
    (_S.HELD, _E.CHECKED_REJECTED): _S.REJECTED,
    (_S.HELD, _E.RELEASED): _S.ADMITTED,
    (_S.HELD, _E.REFUSED): _S.REFUSED,
    (_S.ADMITTED, _E.REGISTERED): _S.REGISTERED,
    (_S.ADMITTED, _E.REFUSED): _S.REFUSED,
    (_S.REGISTERED, _E.NOTICE_TAKEN): _S.ACKNOWLEDGED,
    (_S.REGISTERED, _E.CLOSED): _S.CLOSED,
    (_S.REGISTERED, _E.STOPPED): _S.STOPPED,
    (_S.ACKNOWLEDGED, _E.CLOSED): _S.CLOSED,
    (_S.ACKNOWLEDGED, _E.STOPPED): _S.STOPPED,
    (_S.ACKNOWLEDGED, _E.NOTICE_TAKEN): _S.ACKNOWLEDGED,
    (_S.REFUSED, _E.NOTICE_TAKEN): _S.REFUSAL_ACKNOWLEDGED,
    (_S.REFUSAL_ACKNOWLEDGED, _E.NOTICE_TAKEN): _S.REFUSAL_ACKNOWLEDGED,
    (_S.REJECTED, _E.NOTICE_TAKEN): _S.REJECTED,
    (_S.CLOSED, _E.NOTICE_TAKEN): _S.CLOSED,
    (_S.STOPPED, _E.NOTICE_TAKEN): _S.STOPPED,
}

FIRST_STATES = frozenset({_S.ADMITTED, _S.HELD, _S.REJECTED})
"""The states in which a message may be stored for the first time."""


def advance(state: InboundState, event: InboundEvent) -> InboundState:
    """Return the state after `event`, or raise `WrongStateError` and change nothing."""
    try:
        return INBOUND[state, event]
    except KeyError:
        raise WrongStateError(
            f"a message that is {state} cannot become {event}", state=state, event=event
        ) from None


def diagram() -> str:
    """Draw the table as a Mermaid state diagram, for `docs/flow.md`."""
    lines = ["stateDiagram-v2"]
    lines += [f"    [*] --> {state}" for state in InboundState if state in FIRST_STATES]
    lines += [
        f"    {old} --> {new}: {event}" for (old, event), new in INBOUND.items() if old is not new
    ]
    return "\n".join(lines)
