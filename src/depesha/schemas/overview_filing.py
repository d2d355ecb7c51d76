"""What the console's lists are made of: needs, balances, and the journal's pulse. Pure.

Both bodies of `Overview` go by these functions, so that they cannot disagree about what a state
means to a person.
"""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import EvidenceKind, Message, NewEvidence, TaskKind
from depesha.schemas.outbound import OutboundMessage
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.overview import Need
from depesha.schemas.route import TROUBLE, AskPerson

RECEIVED = "received"
HELD = "held"
REJECTED = "rejected"
REPEATED = "repeated"
SCANNED = "scanned"
SUBMITTED = "submitted"
SENT = "sent"
"""Documents by the network of their latest try; kept by the store, for it moves with the try."""
TRIED = "tried"
THROUGH = "through"
FAILED = "failed"
FALLBACK = "fallback"
HEARD = "heard"
NUMBERED = "numbered"
GATE = "gate"
"""Begins the word of a check that did not pass: `gate:<check>:<kind>:<reason>`."""
LIVELY = (RECEIVED, REPEATED, THROUGH, HEARD)
"""Words that prove that a network lives."""

_MALWARE = "malware"
_TROUBLE = frozenset(str(bar) for bar in TROUBLE)
_SETTLING = frozenset({EvidenceKind.ATTEMPT_SETTLED, EvidenceKind.ASKED})
LATE = frozenset({TaskKind.FOLLOW_UP, TaskKind.QUESTION})
"""Tasks that are parked for the recipient to be rung up."""


_NEEDS = {
    OutboundState.PARKED: Need.UNCLEAR,
    OutboundState.UNCLEAR: Need.ASKING,
    OutboundState.DECLINED: Need.DECLINED,
    OutboundState.UNDELIVERABLE: Need.UNDELIVERABLE,
}


def need_of(document: Message | OutboundMessage) -> Need | None:
    """Return why a document, as it stands, needs a person."""
    if isinstance(document, Message):
        return Need.HELD if document.state is InboundState.HELD else None
    if document.state is OutboundState.DEFERRED and _asks_for_a_yes(document):
        return Need.CONFIRM_FALLBACK
    return _NEEDS.get(document.state)


def _asks_for_a_yes(document: OutboundMessage) -> bool:
    step = None if document.plan is None else document.plan.step
    asks = isinstance(step, AskPerson) and step.why == "fallback"
    return asks and not document.fallback_confirmed


def need_of_task(kind: TaskKind) -> Need:
    """Return what a parked task asks of a person."""
    return Need.LATE_ANSWER if kind in LATE else Need.TASK_PARKED


def peer_of(document: Message | OutboundMessage) -> str:
    """Return the identifier of the other side; empty where a message could not be read."""
    if isinstance(document, OutboundMessage):
        return document.dispatch.recipient.identifier
    return "" if document.envelope is None else document.envelope.sender.identifier


def side_in(state: InboundState) -> str:
    """Return which part of `BalanceIn` a message in this state belongs to."""
    match state:
        case InboundState.ADMITTED:
            return "waiting"
        case InboundState.HELD:
            return "held"
        case InboundState.REJECTED | InboundState.REFUSED | InboundState.REFUSAL_ACKNOWLEDGED:
            return "refused"
        case (
            InboundState.REGISTERED
            | InboundState.ACKNOWLEDGED
            | InboundState.CLOSED
            | InboundState.STOPPED
        ):
            return "registered"
        case _:
            assert_never(state)


def side_out(state: OutboundState) -> str:
    """Return which part of `BalanceOut` a document in this state belongs to."""
    match state:
        case (
            OutboundState.SUBMITTED
            | OutboundState.SIGNED
            | OutboundState.ROUTED
            | OutboundState.SENDING
            | OutboundState.ACCEPTED
            | OutboundState.DEFERRED
            | OutboundState.REFUSED
        ):
            return "waiting"
        case OutboundState.UNCLEAR | OutboundState.PARKED:
            return "unclear"
        case OutboundState.DECLINED | OutboundState.UNDELIVERABLE | OutboundState.RETURNED:
            return "refused"
        case (
            OutboundState.DELIVERED
            | OutboundState.REGISTERED
            | OutboundState.STOPPED
            | OutboundState.CLOSED
        ):
            return "confirmed"
        case _:
            assert_never(state)


WAITING_OUT = tuple(s for s in OutboundState if side_out(s) in {"waiting", "unclear"})
"""States in which a document is not surely at its recipient, and not given up."""


def hour_of(moment: datetime) -> int:
    """Return the whole hours since 1970, UTC, by which things are counted."""
    return int(moment.timestamp() // 3600)


_WITHOUT_NETWORK = {EvidenceKind.SUBMITTED: SUBMITTED, EvidenceKind.REGISTERED: NUMBERED}
_WITH_NETWORK = {EvidenceKind.REPEATED: REPEATED, EvidenceKind.HEARD: HEARD}


def pulses_of(evidence: NewEvidence) -> tuple[tuple[str, str], ...]:
    """Return what a row of the journal counts as: network (empty: none) and word."""
    kind = evidence.kind
    if kind in _WITHOUT_NETWORK:
        return (("", _WITHOUT_NETWORK[kind]),)
    network = str(evidence.facts.get("network", ""))
    words: list[str] = []
    if kind in _WITH_NETWORK:
        words = [_WITH_NETWORK[kind]]
    elif kind is EvidenceKind.RECEIVED:
        words = _first_look(evidence)
    elif kind is EvidenceKind.ATTEMPT_BEGUN:
        words = [TRIED, FALLBACK] if _falls_back(evidence, network) else [TRIED]
    elif kind in _SETTLING:
        words = [_ended(str(evidence.facts.get("outcome", "")))]
    return tuple((network, word) for word in words)


def _first_look(evidence: NewEvidence) -> list[str]:
    words = [RECEIVED]
    state = evidence.facts.get("state")
    if state in {InboundState.HELD, InboundState.REJECTED}:
        words.append(HELD if state == InboundState.HELD else REJECTED)
    lines = evidence.facts.get("checks")
    for line in lines if isinstance(lines, list) else ():
        check, kind, *reasons = line.split(":")
        if kind in {"held", "rejected"}:
            words.append(":".join([GATE, check, kind, *reasons]))
        if check == _MALWARE and kind in {"passed", "rejected"}:
            words.append(SCANNED)
    return words


def _falls_back(evidence: NewEvidence, network: str) -> bool:
    """Tell whether an earlier choice was left out for trouble: the recipient is there, too."""
    plan = evidence.facts.get("plan")
    for line in plan[1:] if isinstance(plan, list) else ():
        name, _, bars = line.partition(":")
        if name == network:
            return False
        if not _TROUBLE.isdisjoint(bars.split(",")):
            return True
    return False


def _ended(outcome: str) -> str:
    if outcome == "delivered":
        return THROUGH
    return HEARD if outcome == "absent" else FAILED
