"""★ The states of a document on its way out and the only way to change them. No I/O, no policy.

Three rules. An event that does not follow from the present state raises `WrongStateError` with
nothing changed. A try that was begun and has no outcome is UNCLEAR, never "not sent". Words from
outside come in any order: `judge_outbound` says which are applied and which are kept as evidence
only. `outbound_diagram` draws these tables.

The registry's case may be closed at once after sending; this state lives on (REG-11, LAT-05).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from depesha.errors import WrongStateError
from depesha.schemas.answer import DocumentStatus
from depesha.schemas.outcome import Deferred, Delivered, Outcome, Refused, Unclear


class OutboundState(StrEnum):
    """Where a document of ours stands."""

    SUBMITTED = "SUBMITTED"
    """Taken from the registry, which was told so."""
    SIGNED = "SIGNED"
    """Signed by us; ready for a plan of channels."""
    ROUTED = "ROUTED"
    """A channel is chosen; nothing of this try has left."""
    SENDING = "SENDING"
    """The intent of a try is on disk; found so after a crash, the try is UNCLEAR."""
    ACCEPTED = "ACCEPTED"
    """In the network's hands and not to be called back; not yet proven at the recipient."""
    DELIVERED = "DELIVERED"
    """The recipient has it; its number is awaited."""
    DEFERRED = "DEFERRED"
    """Surely not there; a later try is due."""
    REFUSED = "REFUSED"
    """Surely not there, and this channel will not take it; the next one is to be planned."""
    UNCLEAR = "UNCLEAR"
    """It may be there: the network is asked before anything else (law 3)."""
    PARKED = "PARKED"
    """It may be there and the network cannot tell: a person decides, or a late answer does."""
    UNDELIVERABLE = "UNDELIVERABLE"
    """Surely not there, and no road is left: a person finds another one (SND-08)."""
    RETURNED = "RETURNED"
    """Back with its author, with the reason; surely not there. Final."""
    REGISTERED = "REGISTERED"
    """The recipient gave it a number (REG-02)."""
    DECLINED = "DECLINED"
    """The recipient's registry refused it, with a reason to be removed (REF-01)."""
    STOPPED = "STOPPED"
    """The recipient ended its work early. Final."""
    CLOSED = "CLOSED"
    """The recipient finished its work. Final."""


class OutboundEvent(StrEnum):
    """What can happen to a document of ours."""

    # Decisions of ours: out of place they are faults and raise.
    SIGNED = "SIGNED"
    ROUTED = "ROUTED"
    ATTEMPT_BEGUN = "ATTEMPT_BEGUN"
    EXHAUSTED = "EXHAUSTED"
    """No channel is left that may or can take it."""
    GIVEN_UP_ASKING = "GIVEN_UP_ASKING"
    """The network was asked and cannot tell."""
    RULED_ABSENT = "RULED_ABSENT"
    """A person found out by another road that it is not there."""
    RESUMED = "RESUMED"
    """A person says: try again."""
    RETURNED = "RETURNED"
    """A defect was found, or its author took it back."""

    # What channels say of a try.
    ACCEPTED = "ACCEPTED"
    DELIVERED = "DELIVERED"
    DEFERRED = "DEFERRED"
    REFUSED = "REFUSED"
    """By the channel: an error about the message, a bounce."""
    UNCLEAR = "UNCLEAR"
    ABSENT = "ABSENT"
    """Asked, the network says that it is not there."""

    # What the recipient says of the document.
    PEER_WAITING = "PEER_WAITING"
    PEER_REGISTERED = "PEER_REGISTERED"
    PEER_DECLINED = "PEER_DECLINED"
    PEER_STOPPED = "PEER_STOPPED"
    PEER_CLOSED = "PEER_CLOSED"


class Owner(StrEnum):
    """Who must act next (law 8): exactly one for every state."""

    TASK = "TASK"
    ANSWER = "ANSWER"
    """An expected answer with a date; the follow-up watches it."""
    PERSON = "PERSON"
    NOBODY = "NOBODY"


_S, _E = OutboundState, OutboundEvent

PROOFS: dict[OutboundEvent, OutboundState] = {
    _E.ACCEPTED: _S.ACCEPTED,
    _E.DELIVERED: _S.DELIVERED,
    _E.PEER_WAITING: _S.DELIVERED,
    _E.PEER_REGISTERED: _S.REGISTERED,
    _E.PEER_DECLINED: _S.DECLINED,
    _E.PEER_STOPPED: _S.STOPPED,
    _E.PEER_CLOSED: _S.CLOSED,
}
"""Words that prove that a try got through, whatever we believed before, and what they lead to."""

TRIED = frozenset(
    {
        _S.SENDING,
        _S.UNCLEAR,
        _S.PARKED,
        _S.DEFERRED,
        _S.ROUTED,
        _S.REFUSED,
        _S.UNDELIVERABLE,
        _S.RETURNED,
        _S.ACCEPTED,
    }
)
"""States in which a try may lie behind the document, so that a proof may come."""

_STEPS: dict[tuple[OutboundState, OutboundEvent], OutboundState] = {
    (_S.SUBMITTED, _E.SIGNED): _S.SIGNED,
    (_S.SUBMITTED, _E.RETURNED): _S.RETURNED,
    (_S.SIGNED, _E.ROUTED): _S.ROUTED,
    (_S.SIGNED, _E.DEFERRED): _S.DEFERRED,
    (_S.SIGNED, _E.EXHAUSTED): _S.UNDELIVERABLE,
    (_S.SIGNED, _E.RETURNED): _S.RETURNED,
    (_S.ROUTED, _E.ROUTED): _S.ROUTED,
    (_S.ROUTED, _E.ATTEMPT_BEGUN): _S.SENDING,
    (_S.ROUTED, _E.DEFERRED): _S.DEFERRED,
    (_S.ROUTED, _E.EXHAUSTED): _S.UNDELIVERABLE,
    (_S.ROUTED, _E.RETURNED): _S.RETURNED,
    (_S.SENDING, _E.DEFERRED): _S.DEFERRED,
    (_S.SENDING, _E.REFUSED): _S.REFUSED,
    (_S.SENDING, _E.UNCLEAR): _S.UNCLEAR,
    (_S.DEFERRED, _E.ROUTED): _S.ROUTED,
    (_S.DEFERRED, _E.DEFERRED): _S.DEFERRED,
    (_S.DEFERRED, _E.EXHAUSTED): _S.UNDELIVERABLE,
    (_S.DEFERRED, _E.RETURNED): _S.RETURNED,
    (_S.REFUSED, _E.ROUTED): _S.ROUTED,
    (_S.REFUSED, _E.DEFERRED): _S.DEFERRED,
    (_S.REFUSED, _E.EXHAUSTED): _S.UNDELIVERABLE,
    (_S.REFUSED, _E.RETURNED): _S.RETURNED,
    (_S.UNCLEAR, _E.UNCLEAR): _S.UNCLEAR,
    (_S.UNCLEAR, _E.ABSENT): _S.DEFERRED,
    (_S.UNCLEAR, _E.REFUSED): _S.REFUSED,
    (_S.UNCLEAR, _E.GIVEN_UP_ASKING): _S.PARKED,
    (_S.PARKED, _E.UNCLEAR): _S.UNCLEAR,
    (_S.PARKED, _E.ABSENT): _S.DEFERRED,
    (_S.PARKED, _E.RULED_ABSENT): _S.DEFERRED,
    (_S.PARKED, _E.REFUSED): _S.REFUSED,
    (_S.UNDELIVERABLE, _E.RESUMED): _S.DEFERRED,
    (_S.UNDELIVERABLE, _E.RETURNED): _S.RETURNED,
    (_S.ACCEPTED, _E.REFUSED): _S.REFUSED,
    (_S.ACCEPTED, _E.RULED_ABSENT): _S.DEFERRED,
    (_S.DELIVERED, _E.RULED_ABSENT): _S.DEFERRED,
    (_S.DELIVERED, _E.PEER_REGISTERED): _S.REGISTERED,
    (_S.DELIVERED, _E.PEER_DECLINED): _S.DECLINED,
    (_S.DELIVERED, _E.PEER_STOPPED): _S.STOPPED,
    (_S.DELIVERED, _E.PEER_CLOSED): _S.CLOSED,
    (_S.REGISTERED, _E.PEER_STOPPED): _S.STOPPED,
    (_S.REGISTERED, _E.PEER_CLOSED): _S.CLOSED,
}

_PROVEN = {
    (state, event): target
    for state in OutboundState
    for event, target in PROOFS.items()
    if state in TRIED and state is not target
}

OUTBOUND: dict[tuple[OutboundState, OutboundEvent], OutboundState] = _STEPS | _PROVEN
"""Everything that may happen, in whatever way it is heard."""

ANSWERED: dict[tuple[OutboundState, OutboundEvent], OutboundState] = {
    (_S.REGISTERED, _E.PEER_DECLINED): _S.DECLINED,
    (_S.DECLINED, _E.PEER_WAITING): _S.DELIVERED,
    (_S.DECLINED, _E.PEER_REGISTERED): _S.REGISTERED,
    (_S.DECLINED, _E.PEER_STOPPED): _S.STOPPED,
    (_S.DECLINED, _E.PEER_CLOSED): _S.CLOSED,
    (_S.STOPPED, _E.PEER_REGISTERED): _S.REGISTERED,
    (_S.STOPPED, _E.PEER_DECLINED): _S.DECLINED,
    (_S.STOPPED, _E.PEER_CLOSED): _S.CLOSED,
    (_S.CLOSED, _E.PEER_REGISTERED): _S.REGISTERED,
    (_S.CLOSED, _E.PEER_DECLINED): _S.DECLINED,
    (_S.CLOSED, _E.PEER_STOPPED): _S.STOPPED,
}
"""Changes of mind: believed only as the answer to a question of ours, which tells what stands
now. A pushed notice may be an old one that was late (SEOS facts 6.5: any status, in any order)."""

CONTRADICTIONS = frozenset(
    {
        (_S.REGISTERED, _E.PEER_DECLINED),
        (_S.REGISTERED, _E.ABSENT),
        (_S.REGISTERED, _E.REFUSED),
        (_S.DECLINED, _E.PEER_REGISTERED),
        (_S.DECLINED, _E.PEER_STOPPED),
        (_S.DECLINED, _E.PEER_CLOSED),
        (_S.STOPPED, _E.PEER_CLOSED),
        (_S.STOPPED, _E.PEER_DECLINED),
        (_S.STOPPED, _E.ABSENT),
        (_S.CLOSED, _E.PEER_STOPPED),
        (_S.CLOSED, _E.PEER_DECLINED),
        (_S.CLOSED, _E.ABSENT),
        (_S.DELIVERED, _E.REFUSED),
        (_S.DELIVERED, _E.ABSENT),
        (_S.ACCEPTED, _E.ABSENT),
    }
)
"""Words that cannot be squared with what stands: the recipient is asked before any is believed."""

_OF_ONE_TRY = frozenset({_E.DEFERRED, _E.REFUSED, _E.UNCLEAR, _E.ABSENT})
"""Words that say only how one try went: of an earlier try they say nothing about a later one."""
HEARD = frozenset(PROOFS) | _OF_ONE_TRY
"""Events that come from outside, at any time and in any order."""

OUTBOUND_FIRST_STATES = frozenset({_S.SUBMITTED})
"""The states in which a document may be stored for the first time."""

OWNERS: dict[OutboundState, Owner] = {
    _S.SUBMITTED: Owner.TASK,
    _S.SIGNED: Owner.TASK,
    _S.ROUTED: Owner.TASK,
    _S.SENDING: Owner.TASK,
    _S.ACCEPTED: Owner.ANSWER,
    _S.DELIVERED: Owner.ANSWER,
    _S.DEFERRED: Owner.TASK,
    _S.REFUSED: Owner.TASK,
    _S.UNCLEAR: Owner.TASK,
    _S.PARKED: Owner.PERSON,
    _S.UNDELIVERABLE: Owner.PERSON,
    _S.RETURNED: Owner.NOBODY,
    _S.REGISTERED: Owner.NOBODY,
    _S.DECLINED: Owner.PERSON,
    _S.STOPPED: Owner.NOBODY,
    _S.CLOSED: Owner.NOBODY,
}


def advance_outbound(state: OutboundState, event: OutboundEvent) -> OutboundState:
    """Return the state after `event`, or raise `WrongStateError` and change nothing."""
    try:
        return OUTBOUND[state, event]
    except KeyError:
        raise WrongStateError(
            f"a document that is {state} cannot become {event}", state=state, event=event
        ) from None


class Hearing(StrEnum):
    """What becomes of a word heard from outside. All but the first are kept as evidence only."""

    APPLIED = "APPLIED"
    NO_NEWS = "NO_NEWS"
    """It repeats what stands, or tells an earlier stage."""
    CONTRADICTS = "CONTRADICTS"
    """The recipient is to be asked; where this was its answer already, a person decides (a
    receipt and a later "not found" never lead to a second sending by themselves)."""
    NEVER_SENT = "NEVER_SENT"
    """About a document of which nothing ever left: not to be believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The state after a word from outside, and why."""

    state: OutboundState
    hearing: Hearing


def judge_outbound(
    state: OutboundState,
    event: OutboundEvent,
    *,
    tried: bool = True,
    this_try: bool = True,
    asked: bool = False,
) -> Judgement:
    """Judge a word heard from outside by the tables. Never raises for words out of order.

    `tried`: at least one try was begun. `this_try`: it speaks of the latest try, or of the
    document as a whole. `asked`: it is the believed answer to a question of ours. A number that
    comes with a word of NO_NEWS is still kept where none is known yet (the notice that closes a
    case may overtake the one that numbers it). Raises `WrongStateError` for decisions of ours.
    """
    if event not in HEARD:
        raise WrongStateError("a decision of ours is not heard from outside", event=event)
    if not tried:
        return Judgement(state=state, hearing=Hearing.NEVER_SENT)
    if event in _OF_ONE_TRY and not this_try:
        return Judgement(state=state, hearing=Hearing.NO_NEWS)
    new = OUTBOUND.get((state, event))
    if new is None and asked:
        new = ANSWERED.get((state, event))
    if new is not None:
        return Judgement(state=new, hearing=Hearing.NO_NEWS if new is state else Hearing.APPLIED)
    contradicts = (state, event) in CONTRADICTIONS
    return Judgement(state=state, hearing=Hearing.CONTRADICTS if contradicts else Hearing.NO_NEWS)


def event_of(outcome: Outcome) -> OutboundEvent:
    """Return what the outcome of a try means for the document."""
    match outcome:
        case Delivered():
            return _E.DELIVERED if outcome.proven else _E.ACCEPTED
        case Deferred():
            return _E.DEFERRED
        case Refused():
            return _E.REFUSED
        case Unclear():
            return _E.UNCLEAR
        case _:
            assert_never(outcome)


def event_of_status(status: DocumentStatus, *, asked: bool) -> OutboundEvent | None:
    """Return what a recipient's status means, or None: evidence only.

    "Not found" counts only as an answer to a question; nobody sends it unasked (SEOS facts 6.1).
    """
    match status:
        case DocumentStatus.WAITING | DocumentStatus.ALREADY_RECEIVED:
            return _E.PEER_WAITING
        case DocumentStatus.REGISTERED:
            return _E.PEER_REGISTERED
        case DocumentStatus.REJECTED:
            return _E.PEER_DECLINED
        case DocumentStatus.STOPPED:
            return _E.PEER_STOPPED
        case DocumentStatus.CLOSED:
            return _E.PEER_CLOSED
        case DocumentStatus.NOT_FOUND:
            return _E.ABSENT if asked else None
        case _:
            assert_never(status)


def outbound_diagram() -> str:
    """Draw the tables as a Mermaid state diagram, for `docs/flow.md`.

    The proofs, which may come in every state with a try behind it, are drawn once for all.
    """
    lines = ["stateDiagram-v2"]
    lines += [f"    [*] --> {state}" for state in OutboundState if state in OUTBOUND_FIRST_STATES]
    lines.append('    state "a try may have got through" as TRIED {')
    lines += [f"        {state}" for state in OutboundState if state in TRIED]
    lines.append("    }")
    lines += [
        f"    {old} --> {new}: {event}" for (old, event), new in _STEPS.items() if old is not new
    ]
    lines += [f"    TRIED --> {new}: {event}" for event, new in PROOFS.items()]
    lines += [f"    {old} --> {new}: {event}, asked" for (old, event), new in ANSWERED.items()]
    return "\n".join(lines)
