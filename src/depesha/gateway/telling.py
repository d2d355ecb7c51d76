"""Outcomes, answers and plans in the words of the store and the journal. Pure.

No word of a person and no name of a file goes from here into evidence: codes only.
"""

from __future__ import annotations

from typing import assert_never

from depesha.schemas.dispatch import Attempt, AttemptOutcome
from depesha.schemas.outbound import OutboundWord, Settlement, status_number
from depesha.schemas.outbound_lifecycle import OutboundEvent, event_of, event_of_status
from depesha.schemas.outcome import Absent, Answered, Deferred, Delivered, Refused, Unclear
from depesha.schemas.route import Plan, SendBy


def settlement_of(attempt: Attempt, answer: Answered, *, asked: bool) -> Settlement:
    """Return what a try's end, or an answer about it, says of the try."""
    match answer:
        case Delivered():
            return Settlement(
                attempt=attempt.id,
                outcome=AttemptOutcome.DELIVERED if answer.proven else AttemptOutcome.ACCEPTED,
                reference=answer.reference,
            )
        case Deferred():
            return Settlement(
                attempt=attempt.id,
                outcome=AttemptOutcome.DEFERRED,
                code=answer.code,
                blame=answer.blame,
            )
        case Refused():
            return Settlement(
                attempt=attempt.id,
                outcome=AttemptOutcome.REFUSED,
                code=answer.code,
                document_refused=answer.document,
            )
        case Unclear():
            return Settlement(
                attempt=attempt.id,
                outcome=AttemptOutcome.UNCLEAR,
                code=answer.code,
                reference=answer.reference,
                asked=asked,
            )
        case Absent():
            return Settlement(attempt=attempt.id, outcome=AttemptOutcome.ABSENT, code="ABSENT")
        case _:
            assert_never(answer)


def word_of(attempt: Attempt, answer: Answered, *, asked: bool) -> OutboundWord:
    """Return what the end of a try, or an answer about it, says of the document."""
    if isinstance(answer, Absent):
        return OutboundWord(event=OutboundEvent.ABSENT, attempt=attempt.id, asked=asked)
    event = event_of(answer)
    if isinstance(answer, Delivered) and answer.word is not None:
        word = answer.word
        event = event_of_status(word.status, asked=asked) or event
        return OutboundWord(
            event=event,
            attempt=attempt.id,
            asked=asked,
            number=status_number(word.status, word.number),
            reason=word.reason,
            expected_close=word.expected_close,
        )
    return OutboundWord(event=event, attempt=attempt.id, asked=asked)


def outcome_facts(answer: Answered) -> dict[str, str]:
    """Return an answer as facts for the journal."""
    facts = {"outcome": type(answer).__name__.lower()}
    match answer:
        case Deferred() | Refused() | Unclear():
            facts["code"] = answer.code
        case Delivered():
            facts |= {"proven": str(answer.proven).lower(), "reference": answer.reference}
            if answer.delivered_at is not None:
                facts["delivered_at"] = answer.delivered_at.isoformat()
            if answer.word is not None:
                facts["status"] = str(answer.word.status)
        case Absent():
            pass
        case _:
            assert_never(answer)
    return facts


def plan_lines(plan: Plan) -> list[str]:
    """Return a plan as short lines of codes: the step, then each channel with its bars."""
    lines = [f"{plan.step.kind}:{getattr(plan.step, 'network', '')}".rstrip(":")]
    for candidate in plan.candidates:
        taken = isinstance(plan.step, SendBy) and plan.step.network == candidate.network
        bars = ",".join(str(bar.reason) for bar in candidate.bars)
        lines.append(f"{candidate.network}:{'taken' if taken else bars or 'open'}")
    return lines
