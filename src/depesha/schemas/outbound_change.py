"""What a change makes of a document on its way out. Pure: every store goes through this function.

Decisions of ours move by `advance_outbound`, words from outside by `judge_outbound`, and nothing
else changes a state. Nothing here writes or reads a store.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from depesha.errors import ConflictError, UnknownMessageError
from depesha.schemas.dispatch import Attempt, AttemptOutcome
from depesha.schemas.message import NewEvidence, NewTask
from depesha.schemas.outbound import OutboundChange, OutboundMessage, OutboundWord, Settlement
from depesha.schemas.outbound_lifecycle import (
    PROOFS,
    Hearing,
    OutboundEvent,
    OutboundState,
    advance_outbound,
    judge_outbound,
)

_ANSWERS = frozenset({OutboundState.REGISTERED, OutboundState.DECLINED})
_SETTLED = frozenset({AttemptOutcome.ACCEPTED, AttemptOutcome.DELIVERED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A change, worked out: what is to be written."""

    message: OutboundMessage
    hearing: Hearing | None
    evidence: NewEvidence
    tasks: tuple[NewTask, ...]


def apply_outbound(message: OutboundMessage, change: OutboundChange) -> Applied:
    """Return what `change` makes of `message`; times come from the evidence.

    Raises `WrongStateError` where a decision does not follow, `ConflictError` where a second try
    would begin while one is unsettled, `UnknownMessageError` for a try that is not its own.
    """
    at = change.evidence.at
    tried_before = bool(message.attempts)
    after = _noted(message, change)
    for event in change.events:
        after = replace(after, state=advance_outbound(after.state, event))
    hearing = None
    if change.word is not None:
        after, hearing = _heard(after, change.word, change, tried=tried_before)
    after = replace(after, changed_at=at)
    entered = after.state is not message.state
    tasks = (
        *change.tasks,
        *(change.on_entering.get(after.state, ()) if entered else ()),
        *(change.on_contradiction if hearing is Hearing.CONTRADICTS else ()),
    )
    facts = change.evidence.facts | {"state": str(after.state)}
    if hearing is not None:
        facts["hearing"] = str(hearing)
    evidence = replace(change.evidence, facts=facts)
    return Applied(message=after, hearing=hearing, evidence=evidence, tasks=tasks)


def _noted(message: OutboundMessage, change: OutboundChange) -> OutboundMessage:
    """Everything but the state."""
    attempts = tuple(
        replace(one, fenced=True) if one.id in change.fence else one for one in message.attempts
    )
    if change.settle is not None:
        attempts = _settled(attempts, change.settle, change)
    if change.begin is not None:
        attempts = _begun(attempts, change.begin)
    return replace(
        message,
        attempts=attempts,
        release=change.release or message.release,
        plan=change.plan or message.plan,
        defects=change.defects or message.defects,
        reason=message.reason if change.reason is None else change.reason,
        questions=message.questions
        if change.question is None
        else (*message.questions, change.question),
        person_told_at=change.person_told_at or message.person_told_at,
        fallback_confirmed=message.fallback_confirmed
        if change.fallback_confirmed is None
        else change.fallback_confirmed,
        resumed_at=change.resumed_at or message.resumed_at,
    )


def _begun(attempts: tuple[Attempt, ...], new: Attempt) -> tuple[Attempt, ...]:
    if any(one.outcome in {None, AttemptOutcome.UNCLEAR} for one in attempts):
        raise ConflictError("an earlier try may have got through: it is asked about first")
    return (*attempts, replace(new, number=len(attempts) + 1))


def _settled(
    attempts: tuple[Attempt, ...], settlement: Settlement, change: OutboundChange
) -> tuple[Attempt, ...]:
    if all(one.id != settlement.attempt for one in attempts):
        raise UnknownMessageError("this document has no such try")
    return tuple(
        _outcome(one, settlement, change) if one.id == settlement.attempt else one
        for one in attempts
    )


def _outcome(one: Attempt, settlement: Settlement, change: OutboundChange) -> Attempt:
    """A try that got through stays so, but for a person's ruling: other news of it is older."""
    ruled = OutboundEvent.RULED_ABSENT in change.events
    through = one.outcome in _SETTLED and not ruled
    stays = through and settlement.outcome not in _SETTLED | {AttemptOutcome.REFUSED}
    back = one.outcome is AttemptOutcome.DELIVERED and not ruled
    if stays or back:
        return replace(one, reference=settlement.reference or one.reference)
    return replace(
        one,
        outcome=settlement.outcome,
        settled_at=change.evidence.at,
        code=settlement.code,
        blame=settlement.blame,
        document_refused=settlement.document_refused,
        reference=settlement.reference or one.reference,
        times_asked=one.times_asked + settlement.asked,
    )


def _heard(
    message: OutboundMessage, word: OutboundWord, change: OutboundChange, *, tried: bool
) -> tuple[OutboundMessage, Hearing]:
    latest = message.attempts[-1].id if message.attempts else ""
    judgement = judge_outbound(
        message.state,
        word.event,
        tried=tried or change.begin is not None,
        this_try=word.attempt in {"", latest},
        asked=word.asked,
    )
    if judgement.hearing in {Hearing.NEVER_SENT, Hearing.CONTRADICTS}:
        return message, judgement.hearing
    at = change.evidence.at
    applied = judgement.hearing is Hearing.APPLIED
    after = replace(
        message,
        state=judgement.state,
        # A number that comes with old news is kept where none is known yet.
        number=(word.number or message.number) if applied else (message.number or word.number),
    )
    if applied:
        after = replace(
            after,
            reason=word.reason or message.reason,
            expected_close=word.expected_close or message.expected_close,
            answered_at=at if judgement.state in _ANSWERS else message.answered_at,
        )
    if word.event in PROOFS:
        after = _through(after, word)
        after = replace(after, handed_over_at=message.handed_over_at or at)
    return after, judgement.hearing


def _through(message: OutboundMessage, word: OutboundWord) -> OutboundMessage:
    """A proof settles the try it speaks of, or else the one that may have got through."""
    if word.event is OutboundEvent.ACCEPTED:
        return message
    unsettled = {None, AttemptOutcome.UNCLEAR, AttemptOutcome.ACCEPTED}
    found = word.attempt or next(
        (one.id for one in reversed(message.attempts) if one.outcome in unsettled), ""
    )
    attempts = tuple(
        replace(one, outcome=AttemptOutcome.DELIVERED) if one.id == found else one
        for one in message.attempts
    )
    return replace(message, attempts=attempts)
