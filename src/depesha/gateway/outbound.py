"""The way out as the registry and its clerks see it: submit, look, explain, decide.

Nothing is taken that breaks a rule for what may leave, and nothing is told before it is durable.
How a document travels is `sending.py`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from depesha.errors import DefectsError, DoubtfulError, WrongStateError
from depesha.gateway.bars import Standing
from depesha.gateway.explain import explain
from depesha.gateway.planning import standing_of
from depesha.gateway.submission import defects
from depesha.schemas.dispatch import AttemptOutcome, Defect
from depesha.schemas.evidence import sha256
from depesha.schemas.message import EvidenceKind, NewEvidence, NewTask, TaskKind
from depesha.schemas.outbound import (
    Decision,
    NewOutbound,
    OutboundChange,
    OutboundMessage,
    OutboundWord,
    Settlement,
)
from depesha.schemas.outbound_lifecycle import OutboundEvent, OutboundState
from depesha.schemas.request import request_digest
from depesha.schemas.steps import OutboundStep

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from depesha.gateway.departures import Departures
    from depesha.gateway.planning import Planner
    from depesha.gateway.recipients import Recipients
    from depesha.gateway.reconciling import Doubts
    from depesha.gateway.submission import SubmissionPolicy
    from depesha.ports import Checkpoint, Clock, IdSource, Journal, OutboundStore
    from depesha.schemas.dispatch import Attempt, Dispatch
    from depesha.schemas.facts import ContentFacts
    from depesha.schemas.ids import MessageId
    from depesha.schemas.outbound import OutboundPage, OutboundQuery, Submitted
    from depesha.schemas.route import Reasoned, RouteExplanation


RULED = "RULED"
"""Code of a try that a person said is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundDesk:
    """`ports.Outbox`."""

    store: OutboundStore
    journal: Journal
    planner: Planner
    departures: Departures
    recipients: Recipients
    policy: SubmissionPolicy
    zone: ZoneInfo
    """In which the day of submission is counted."""
    clock: Clock
    ids: IdSource
    checkpoint: Checkpoint
    doubts: Doubts | None = None
    """What a restore made doubtful; None where that cannot be."""

    async def submit(
        self, dispatch: Dispatch, contents: Sequence[ContentFacts], actor: str
    ) -> Submitted:
        """See `ports.Outbox.submit`."""
        now = self.clock.now()
        found = defects(
            dispatch,
            contents,
            self.policy,
            now.astimezone(self.zone).date(),
            recipient_known=await self.recipients.known(dispatch),
        )
        if found:
            await self._tell_if_restricted(dispatch, found, actor)
            raise DefectsError(
                "the document breaks rules for what may leave",
                defects=found,
                remedy="mend what is named and submit it again under a new key",
            )
        message = OutboundMessage(
            id=self.ids.message_id(),
            state=OutboundState.SUBMITTED,
            dispatch=dispatch,
            contents=tuple(contents),
            actor=actor,
            changed_at=now,
        )
        number = dispatch.document.number
        submitted = await self.store.submit(
            NewOutbound(
                message=message,
                request=request_digest(dispatch),
                evidence=NewEvidence(
                    kind=EvidenceKind.SUBMITTED,
                    at=now,
                    message_id=message.id,
                    actor=actor,
                    facts={
                        "document": dispatch.document.guid,
                        "number": "" if number is None else number.number,
                        "recipient": dispatch.recipient.identifier,
                        "corrects": dispatch.corrects or "",
                        # The author's words may name people: only their digest is chained.
                        "scan_instead": sha256(dispatch.scan_instead.encode())
                        if dispatch.scan_instead
                        else "",
                        "files": [file.digest for file in dispatch.files],
                        "marks": [str(mark) for mark in dispatch.marks],
                        "floor": str(dispatch.floor),
                    },
                ),
                tasks=(NewTask(kind=TaskKind.DISPATCH, due_at=now),),
            )
        )
        self.checkpoint.reached(OutboundStep.SUBMISSION_STORED)
        if not submitted.repeated:
            self.departures.observer.moved(message.id, "", str(OutboundState.SUBMITTED))
        return submitted

    async def _tell_if_restricted(
        self, dispatch: Dispatch, found: Sequence[Reasoned], actor: str
    ) -> None:
        """Tell who is in charge that something restricted was handed in (CNF-01, CNF-03).

        Nothing of it is kept: only who handed it in, when, for whom, under which identity.
        """
        if all(one.reason is not Defect.MARK_RESTRICTED for one in found):
            return
        self.departures.observer.trouble("submission", str(Defect.MARK_RESTRICTED))
        await self.journal.record(
            NewEvidence(
                kind=EvidenceKind.REPORTED,
                at=self.clock.now(),
                message_id=None,
                actor=actor,
                facts={
                    "report": "restricted",
                    "document": dispatch.document.guid,
                    "recipient": dispatch.recipient.identifier,
                },
            )
        )

    async def find(self, message_id: MessageId) -> OutboundMessage:
        """Return one document of ours."""
        return await self.store.get(message_id)

    async def page(self, query: OutboundQuery) -> OutboundPage:
        """Return a page of documents, oldest first."""
        return await self.store.page(query)

    async def explain(self, dispatch: Dispatch, language: str) -> RouteExplanation:
        """Say what would be done now with a document like this one."""
        return await self._explained(dispatch, Standing(), language)

    async def explain_again(self, message_id: MessageId, language: str) -> RouteExplanation:
        """Say what would be done now with a document that is on its way."""
        message = await self.store.get(message_id)
        return await self._explained(message.dispatch, standing_of(message), language)

    async def _explained(
        self, dispatch: Dispatch, standing: Standing, language: str
    ) -> RouteExplanation:
        plan = await self.planner.whole(dispatch, standing)
        return explain(plan, language)

    # --- a person's decisions ---

    async def decide(
        self, message_id: MessageId, decision: Decision, reason: str, actor: str
    ) -> OutboundMessage:
        """See `ports.Outbox.decide`; a decision that stands already is the same again."""
        message = await self.store.get(message_id)
        if _stands(message, decision, reason):
            return message
        if decision is Decision.RETURN:
            await self._check_absent(message)
        change = self._decided(message, decision, reason, actor)
        changed = await self.store.change(change)
        self.departures.moved(message, changed.message)
        return changed.message

    async def _check_absent(self, message: OutboundMessage) -> None:
        """What went back to its author is surely not there: a restored store has to ask first."""
        if self.doubts is not None and await self.doubts.suspected(message) is not None:
            raise DoubtfulError(
                "it may have been sent before the store was lost, and is asked about before it is "
                "sent again: what waits for a person is resumed for that",
                state=message.state,
            )

    def _decided(
        self, message: OutboundMessage, decision: Decision, reason: str, actor: str
    ) -> OutboundChange:
        now = self.clock.now()
        evidence = NewEvidence(
            kind=EvidenceKind.RULED,
            at=now,
            message_id=message.id,
            actor=actor,
            # The person's words may name people: the chain keeps only their digest.
            facts={"decision": str(decision), "reason": sha256(reason.encode())},
        )
        events: tuple[OutboundEvent, ...] = ()
        word: OutboundWord | None = None
        settle: Settlement | None = None
        match decision:
            case Decision.RESUME:
                events = (OutboundEvent.RESUMED,)
            case Decision.ASK_AGAIN:
                word, settle = _asked_again(message)
            case Decision.RULE_ABSENT:
                events = (OutboundEvent.RULED_ABSENT,)
                settle = Settlement(
                    attempt=_doubtful(message).id, outcome=AttemptOutcome.ABSENT, code=RULED
                )
            case Decision.RULE_THERE:
                attempt = _doubtful(message)
                word = OutboundWord(event=OutboundEvent.DELIVERED, attempt=attempt.id, asked=True)
            case Decision.RETURN:
                events = (OutboundEvent.RETURNED,)
            case Decision.CONFIRM_FALLBACK:
                pass
            case _:
                assert_never(decision)
        return OutboundChange(
            message_id=message.id,
            evidence=evidence,
            events=events,
            word=word,
            settle=settle,
            reason=reason,
            resumed_at=now if decision is Decision.RESUME else None,
            fallback_confirmed=True if decision is Decision.CONFIRM_FALLBACK else None,
            on_entering=self.departures.on_entering(),
            follow_up_at=self.departures.first_look(
                message,
                OutboundChange(message_id=message.id, evidence=evidence),
            ),
        )


def _stands(message: OutboundMessage, decision: Decision, reason: str) -> bool:
    """Tell whether this very decision was the last one taken: a repeat changes nothing."""
    last = message.attempts[-1] if message.attempts else None
    deferred = message.state is OutboundState.DEFERRED
    stands = {
        Decision.RESUME: message.resumed_at is not None and deferred,
        Decision.ASK_AGAIN: message.state is OutboundState.UNCLEAR,
        Decision.RULE_ABSENT: last is not None and last.code == RULED and deferred,
        Decision.RULE_THERE: last is not None and last.outcome is AttemptOutcome.DELIVERED,
        Decision.RETURN: message.state is OutboundState.RETURNED,
        Decision.CONFIRM_FALLBACK: message.fallback_confirmed,
    }
    return message.reason == reason and stands[decision]


def _doubtful(message: OutboundMessage) -> Attempt:
    """The try a person rules on: one without a clear end, else the latest."""
    if not message.attempts:
        raise WrongStateError("nothing of this document was ever sent", state=message.state)
    unclear = [a for a in message.attempts if a.outcome in {None, AttemptOutcome.UNCLEAR}]
    return (unclear or list(message.attempts))[-1]


def _asked_again(message: OutboundMessage) -> tuple[OutboundWord, Settlement]:
    """An unclear try whose questions are counted from the beginning."""
    if message.state is not OutboundState.PARKED:
        raise WrongStateError(
            "only a document that waits for a decision is asked about again", state=message.state
        )
    attempt = _doubtful(message)
    return (
        OutboundWord(event=OutboundEvent.UNCLEAR, attempt=attempt.id),
        Settlement(
            attempt=attempt.id,
            outcome=AttemptOutcome.UNCLEAR,
            code=attempt.code,
            asked_from_zero=True,
        ),
    )
