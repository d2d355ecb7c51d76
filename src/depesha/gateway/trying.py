"""One try on one network: sent, settled, asked about. Where and when is not its to say.

A try that was begun and has no outcome is unclear, never "not sent" (law 3).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from depesha.errors import DepeshaError, StorageError
from depesha.gateway import retry
from depesha.gateway.routing import GOT_THROUGH
from depesha.gateway.telling import outcome_facts, settlement_of, word_of
from depesha.schemas.dispatch import Attempt, AttemptOutcome
from depesha.schemas.message import EvidenceKind
from depesha.schemas.outbound import (
    Ending,
    OutboundChange,
    OutboundMessage,
    OutboundWord,
    Settlement,
)
from depesha.schemas.outbound_lifecycle import OutboundEvent
from depesha.schemas.outcome import Answered, Deferred, Outcome, Unclear, blame_of
from depesha.schemas.steps import OutboundStep

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from depesha.gateway.committing import Committing
    from depesha.gateway.retry import Schedule
    from depesha.ports import Checkpoint, Clock, Jitter, Observer, OutboundChannel
    from depesha.schemas.message import Claim

Step = OutboundMessage | str
"""Where a step leads: the document as it stands now, or how the task ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trying:
    """Makes tries and asks about them."""

    committing: Committing
    channels: Mapping[str, OutboundChannel]
    questions: Schedule
    clock: Clock
    jitter: Jitter
    observer: Observer
    checkpoint: Checkpoint

    async def deliver(
        self, claim: Claim, message: OutboundMessage, channel: OutboundChannel, attempt: Attempt
    ) -> Step:
        """Send once; the intent is on disk. What is not a clear end is unclear."""
        started = self.clock.monotonic()
        try:
            outcome: Outcome = await channel.deliver(message.dispatch, attempt)
        except DepeshaError as error:
            # Against the contract, and so nobody knows what left.
            self.observer.trouble(f"{channel.network}.deliver", error.code)
            outcome = Unclear(code=error.code, public="the channel failed while it was sending")
        self.checkpoint.reached(OutboundStep.OUTCOME_HEARD)
        seconds = self.clock.monotonic() - started
        told = type(outcome).__name__.lower()
        self.observer.tried(message.id, channel.network, told, seconds)
        blame = blame_of(outcome)
        if blame is not None:
            self.observer.failed(channel.network, "out", blame)
        after = await self._settle(claim, message, attempt, outcome, asked=False)
        self.checkpoint.reached(OutboundStep.OUTCOME_STORED)
        return after

    async def _settle(
        self,
        claim: Claim,
        message: OutboundMessage,
        attempt: Attempt,
        outcome: Answered,
        *,
        asked: bool,
    ) -> Step:
        """Write down how a try ended; the next step follows from the state that it leads to."""
        now = self.clock.now()
        settlement = settlement_of(attempt, outcome, asked=asked)
        peer = message.dispatch.recipient.identifier
        taught = self.committing.departures.heard(attempt.network, peer, now, settlement)
        evidence = self.committing.evidence(
            message,
            EvidenceKind.ASKED if asked else EvidenceKind.ATTEMPT_SETTLED,
            network=attempt.network,
            attempt=attempt.id,
            **outcome_facts(outcome),
        )
        unclear = settlement.outcome is AttemptOutcome.UNCLEAR
        change = OutboundChange(
            message_id=message.id,
            evidence=replace(evidence, at=now, wire=outcome.receipt),
            word=word_of(attempt, outcome, asked=asked),
            settle=settlement,
            tasks=self.committing.departures.circuits(taught, now),
            health=taught.health,
            claim=claim,
            ending=_ending(settlement.outcome),
            due_at=self._ask_at(attempt, now, asked=asked) if unclear else None,
            tried=False,  # tries of the document are its own; the task's are faults of ours
        )
        after = await self.committing.commit(message, change, awaiting=True)
        if unclear:
            return "deferred"
        return "done" if settlement.outcome in GOT_THROUGH else after

    async def suspect(self, claim: Claim, message: OutboundMessage, forgotten: Attempt) -> Step:
        """Write down a try that a lost store may have made; like any other it is asked about."""
        return await self.committing.commit(
            message,
            OutboundChange(
                message_id=message.id,
                evidence=self.committing.evidence(
                    message,
                    EvidenceKind.ATTEMPT_BEGUN,
                    network=forgotten.network,
                    attempt=forgotten.id,
                    forgotten=1,
                ),
                events=(OutboundEvent.ROUTED, OutboundEvent.ATTEMPT_BEGUN),
                begin=forgotten,
                claim=claim,
            ),
        )

    async def found_sending(self, claim: Claim, message: OutboundMessage) -> Step:
        """Settle as unclear: we died, or were too slow, between intent and outcome."""
        attempt = message.attempts[-1]
        change = OutboundChange(
            message_id=message.id,
            evidence=self.committing.evidence(
                message,
                EvidenceKind.ATTEMPT_SETTLED,
                network=attempt.network,
                attempt=attempt.id,
                outcome="unclear",
                code="INTERRUPTED",
            ),
            word=OutboundWord(event=OutboundEvent.UNCLEAR, attempt=attempt.id),
            settle=Settlement(
                attempt=attempt.id, outcome=AttemptOutcome.UNCLEAR, code="INTERRUPTED"
            ),
            claim=claim,
        )
        return await self.committing.commit(message, change)

    async def ask(self, claim: Claim, message: OutboundMessage, attempt_id: str) -> Step:
        """Ask the network what became of a try, and write down what it says."""
        attempt = message.attempt(attempt_id)
        if attempt is None:
            raise StorageError("the plan asks about a try that is not the document's")
        self.checkpoint.reached(OutboundStep.ASKING)
        channel = self.channels[attempt.network]
        try:
            answer: Answered = await channel.inquire(message.dispatch, attempt)
        except DepeshaError as error:
            self.observer.trouble(f"{channel.network}.inquire", error.code)
            answer = Unclear(code=error.code, public="the channel failed while it was asking")
        if isinstance(answer, Deferred):
            answer = Unclear(code=answer.code, public=answer.public, receipt=answer.receipt)
        self.checkpoint.reached(OutboundStep.ANSWER_HEARD)
        after = await self._settle(claim, message, attempt, answer, asked=True)
        self.checkpoint.reached(OutboundStep.ANSWER_STORED)
        return after

    def _ask_at(self, attempt: Attempt, now: datetime, *, asked: bool) -> datetime:
        """When to ask next; after the last question the plan hands it to a person at once."""
        questions = attempt.times_asked + (1 if asked else 0)
        due = retry.next_try(self.questions, questions + 1, now, self.jitter.fraction())
        return due or now


def _ending(outcome: AttemptOutcome) -> Ending:
    """What becomes of the task with the outcome; after what got through there is nothing to send.

    Should the document all the same be ours to bring there, the store gives it a new owner.
    """
    if outcome is AttemptOutcome.UNCLEAR:
        return Ending.LATER
    return Ending.DONE if outcome in GOT_THROUGH else Ending.KEPT
