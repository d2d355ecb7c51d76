"""Watches sent documents that have no answer: wait, ask, or a person telephones (LAT, S8).

When each comes is `followup.py`'s to say. The same hands ask what stands after words that
contradict each other: the answer to a question is believed before a pushed word.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, assert_never

from depesha.errors import StorageError
from depesha.gateway import retry
from depesha.gateway.followup import (
    AskStatus,
    Awaited,
    LookAgain,
    NothingToDo,
    Telephone,
    follow_up,
)
from depesha.gateway.telling import outcome_facts, settlement_of, word_of
from depesha.schemas.message import EvidenceKind, NewEvidence, TaskKind
from depesha.schemas.outbound import Ending, OutboundChange, OutboundMessage, Question
from depesha.schemas.outbound_lifecycle import OWNERS, Hearing, Owner
from depesha.schemas.outcome import Absent, Answered, Deferred, Delivered, Refused, Unclear

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from depesha.gateway.departures import Departures
    from depesha.gateway.reconciling import Doubts
    from depesha.gateway.retry import Schedule
    from depesha.ports import (
        Clock,
        Directory,
        Jitter,
        Observer,
        OutboundChannel,
        OutboundStore,
        TaskQueue,
    )
    from depesha.schemas.dispatch import Attempt
    from depesha.schemas.message import Claim

NOTHING_NEW = timedelta(minutes=1)
"""Least rest between two looks at the same document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """Does the tasks FOLLOW_UP and QUESTION."""

    store: OutboundStore
    tasks: TaskQueue
    channels: Mapping[str, OutboundChannel]
    departures: Departures
    directory: Directory
    """For the recipient's telephone (PRT-02)."""
    questions: Schedule
    clock: Clock
    jitter: Jitter
    observer: Observer
    doubts: Doubts | None = None
    """What a restore made doubtful; None where that cannot be."""

    async def do(self, claim: Claim) -> str:
        """Look at one document once; return `done`, `deferred` or `parked`."""
        if claim.message_id is None:
            raise StorageError("a task of this kind belongs to a document")
        message = await self.store.get(claim.message_id)
        if claim.kind is TaskKind.QUESTION:
            return await self._what_stands(claim, message)
        if OWNERS[message.state] is not Owner.ANSWER:
            await self.tasks.finish(claim)
            return "done"
        return await self._follow(claim, message)

    async def _follow(self, claim: Claim, message: OutboundMessage) -> str:
        now = self.clock.now()
        attempt = _through(message)
        peer = message.dispatch.recipient.identifier
        thresholds = self.departures.policy.of(attempt.network, peer)
        channel = self.channels.get(attempt.network)
        facts = None if channel is None else await channel.facts(message.dispatch)
        participant = self.directory.by_identifier(peer)
        awaited = Awaited(
            state=message.state,
            network=attempt.network,
            peer=peer,
            handed_over_at=message.handed_over_at or attempt.intended_at,
            can_ask=facts is not None and facts.can_ask,
            phone="" if participant is None else participant.phone,
            questions=message.questions,
            person_told_at=message.person_told_at,
        )
        step = follow_up(awaited, thresholds, self.departures.calendar, now)
        forgot = self.doubts is not None and self.doubts.unasked(message)
        if forgot and awaited.can_ask and isinstance(step, LookAgain):
            step = AskStatus()
        match step:
            case NothingToDo():
                # A person has it; the answer ends this task when it comes.
                await self.tasks.defer(claim, now + timedelta(days=1), tried=False)
                return "deferred"
            case LookAgain():
                await self.tasks.defer(claim, max(step.at, now + NOTHING_NEW), tried=False)
                return "deferred"
            case AskStatus():
                await self._ask(claim, message, attempt, Ending.LATER, awaited=awaited)
                return "deferred"
            case Telephone():
                return await self._telephone(claim, message, step)
            case _:
                assert_never(step)

    async def _ask(
        self,
        claim: Claim,
        message: OutboundMessage,
        attempt: Attempt,
        ending: Ending,
        *,
        awaited: Awaited | None = None,
    ) -> tuple[OutboundMessage, Hearing | None, Answered]:
        """Ask the recipient or the network, and write down what it says."""
        answer: Answered = await self.channels[attempt.network].inquire(message.dispatch, attempt)
        if isinstance(answer, Deferred):
            answer = Unclear(code=answer.code, public=answer.public, receipt=answer.receipt)
        now = self.clock.now()
        peer = message.dispatch.recipient.identifier
        settlement = settlement_of(attempt, answer, asked=True)
        word = None if isinstance(answer, Unclear) else word_of(attempt, answer, asked=True)
        taught = self.departures.heard(attempt.network, peer, now, settlement)
        question = Question(at=now, clear=isinstance(answer, Delivered | Refused))
        changed = await self.store.change(
            OutboundChange(
                message_id=message.id,
                evidence=NewEvidence(
                    kind=EvidenceKind.ASKED,
                    at=now,
                    message_id=message.id,
                    actor="gateway",
                    facts={
                        "network": attempt.network,
                        "attempt": attempt.id,
                        **outcome_facts(answer),
                    },
                    wire=answer.receipt,
                ),
                word=word,
                settle=settlement if isinstance(answer, Delivered | Refused) else None,
                question=question,
                tasks=self.departures.circuits(taught, now),
                health=taught.health,
                on_entering=self.departures.on_entering(),
                claim=claim,
                ending=ending,
                due_at=now + NOTHING_NEW if awaited is None else self._next(awaited, question),
            )
        )
        self.departures.moved(message, changed.message)
        return changed.message, changed.hearing, answer

    def _next(self, awaited: Awaited, question: Question) -> datetime:
        """When to look again after a question: at once where a person's turn has come."""
        asked = replace(awaited, questions=(*awaited.questions, question))
        thresholds = self.departures.policy.of(awaited.network, awaited.peer)
        step = follow_up(asked, thresholds, self.departures.calendar, question.at)
        if isinstance(step, LookAgain):
            return max(step.at, question.at + NOTHING_NEW)
        return question.at if isinstance(step, Telephone) else question.at + NOTHING_NEW

    async def _telephone(self, claim: Claim, message: OutboundMessage, step: Telephone) -> str:
        now = self.clock.now()
        name = message.dispatch.recipient.name or message.dispatch.recipient.identifier
        reason = f"no answer ({step.why}): telephone {name}, {step.phone or 'number not known'}"
        await self.store.change(
            OutboundChange(
                message_id=message.id,
                evidence=NewEvidence(
                    kind=EvidenceKind.TELEPHONE,
                    at=now,
                    message_id=message.id,
                    actor="gateway",
                    facts={"why": step.why, "questions": step.questions},
                ),
                person_told_at=now,
                claim=claim,
                ending=Ending.PARKED,
                park_reason=reason,
            )
        )
        return "parked"

    # --- words that contradict each other ---

    async def _what_stands(self, claim: Claim, message: OutboundMessage) -> str:
        """Ask until there is a clear answer; one that contradicts again is a person's."""
        attempt = _through(message)
        now = self.clock.now()
        due = retry.next_try(self.questions, claim.attempts + 1, now, self.jitter.fraction())
        if due is None:
            return await self._to_a_person(claim, message, "the recipient cannot tell what stands")
        after, hearing, answer = await self._ask(claim, message, attempt, Ending.KEPT)
        if isinstance(answer, Unclear):
            await self.tasks.defer(claim, due)
            return "deferred"
        if hearing is Hearing.CONTRADICTS or isinstance(answer, Absent):
            return await self._to_a_person(
                claim, after, "the recipient's answer contradicts what it said before"
            )
        await self.tasks.finish(claim)
        return "done"

    async def _to_a_person(self, claim: Claim, message: OutboundMessage, reason: str) -> str:
        evidence = NewEvidence(
            kind=EvidenceKind.PARKED,
            at=self.clock.now(),
            message_id=message.id,
            actor="gateway",
            facts={"task": str(claim.kind), "state": str(message.state)},
        )
        await self.tasks.park(claim, reason, evidence)
        return "parked"


def _through(message: OutboundMessage) -> Attempt:
    """Return the try that got through, or else the latest one."""
    if not message.attempts:
        raise StorageError("a document that was never tried is waited for")
    got = [a for a in message.attempts if a.outcome is not None and a.outcome.got_through]
    return (got or list(message.attempts))[-1]
