"""What a change makes of a document on its way out. Pure: every store goes through this function.

Decisions of ours move by `advance_outbound`, words from outside by `judge_outbound`, and nothing
else changes a state. Nothing here writes or reads a store.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from depesha.errors import ConflictError, UnknownMessageError, WrongStateError
from depesha.schemas.dispatch import Attempt, AttemptOutcome
from depesha.schemas.message import NewEvidence, NewTask
from depesha.schemas.outbound import (
    NewOutbound,
    OutboundChange,
    OutboundMessage,
    OutboundWord,
    Settlement,
)
from depesha.schemas.outbound_lifecycle import (
    OUTBOUND_FIRST_STATES,
    PROOFS,
    Hearing,
    OutboundEvent,
    OutboundState,
    advance_outbound,
    judge_outbound,
)

_ANSWERS = frozenset({OutboundState.REGISTERED, OutboundState.DECLINED})
_SETTLED = frozenset({AttemptOutcome.ACCEPTED, AttemptOutcome.DELIVERED})
_NOT_THERE = frozenset({AttemptOutcome.DEFERRED, AttemptOutcome.REFUSED, AttemptOutcome.ABSENT})
_WITH_NOBODY = frozenset({OutboundState.DEFERRED, OutboundState.REFUSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A change, worked out: what is to be written."""

    message: OutboundMessage
    hearing: Hearing | None
    evidence: NewEvidence
    tasks: tuple[NewTask, ...]


def check_first(new: NewOutbound) -> None:
    """Raise `WrongStateError` where a document cannot be stored first as it is."""
    if new.message.state not in OUTBOUND_FIRST_STATES or new.message.attempts:
        raise WrongStateError("a document cannot be stored first in this state")


def due_later(change: OutboundChange) -> datetime:
    """Return when the task that a change gives back is due; raise `WrongStateError` for never."""
    if change.due_at is None:
        raise WrongStateError("a task that is given back needs a time")
    return change.due_at


def apply_outbound(message: OutboundMessage, change: OutboundChange) -> Applied:
    """Return what `change` makes of `message`; times come from the evidence.

    Raises `WrongStateError` where a decision does not follow, `ConflictError` where a second try
    would begin while one may be there, `UnknownMessageError` for a try that is not its own.
    """
    at = change.evidence.at
    tried_before = bool(message.attempts)
    begins = change.begin is not None and change.begin.outcome is None
    if begins is not (OutboundEvent.ATTEMPT_BEGUN in change.events):
        raise WrongStateError("a try begins with its event, and the event with its try")
    after = _noted(message, change)
    for event in change.events:
        after = replace(after, state=advance_outbound(after.state, event))
    hearing = None
    if change.word is not None:
        after, hearing = _heard(after, change.word, change, tried=tried_before)
    if after.state in _WITH_NOBODY:
        # Should it be handed over again, the follow-up counts from then.
        after = replace(after, handed_over_at=None)
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
    if OutboundEvent.RULED_ABSENT in change.events:
        attempts = tuple(_ruled_absent(one, change) for one in attempts)
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
    """Add a try. One that is written down already refused sends nothing, whatever else is there."""
    if any(one.id == new.id for one in attempts):
        raise ConflictError("this try was begun before")
    if any(one.outcome in {None, AttemptOutcome.UNCLEAR} for one in attempts):
        raise ConflictError("an earlier try may have got through: it is asked about first")
    if new.outcome is None and any(one.outcome in _SETTLED for one in attempts):
        raise WrongStateError("an earlier try got through: nothing is sent again")
    return (*attempts, replace(new, number=len(attempts) + 1))


def _ruled_absent(one: Attempt, change: OutboundChange) -> Attempt:
    """A person says that the document is not there: so no try of it is.

    Of one that is under way nobody can say so yet.
    """
    if one.outcome is None:
        raise ConflictError("a try is under way: its end is waited for", remedy="decide again then")
    if one.outcome in _NOT_THERE:
        return one
    return replace(one, outcome=AttemptOutcome.ABSENT, settled_at=change.evidence.at)


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
    """A try that got through stays so, but for a person's ruling: other news of it is older.

    Nor does one that surely did not get through become unclear: that would be less than is known.
    """
    ruled = OutboundEvent.RULED_ABSENT in change.events
    through = one.outcome in _SETTLED and not ruled
    stays = through and settlement.outcome not in _SETTLED | {AttemptOutcome.REFUSED}
    back = one.outcome is AttemptOutcome.DELIVERED and not ruled
    blurred = one.outcome in _NOT_THERE and settlement.outcome is AttemptOutcome.UNCLEAR
    if stays or back or blurred:
        return replace(one, reference=settlement.reference or one.reference)
    return replace(
        one,
        outcome=settlement.outcome,
        settled_at=change.evidence.at,
        code=settlement.code,
        blame=settlement.blame,
        document_refused=settlement.document_refused,
        reference=settlement.reference or one.reference,
        times_asked=0 if settlement.asked_from_zero else one.times_asked + settlement.asked,
    )


def _heard(
    message: OutboundMessage, word: OutboundWord, change: OutboundChange, *, tried: bool
) -> tuple[OutboundMessage, Hearing]:
    latest = message.attempts[-1].id if message.attempts else ""
    named = word.attempt or latest
    judgement = judge_outbound(
        message.state,
        word.event,
        tried=tried or change.begin is not None,
        # How one try went is the document's story only where no other try may be there.
        this_try=all(o.outcome in _NOT_THERE for o in message.attempts if o.id != named),
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
