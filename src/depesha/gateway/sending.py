"""★ The way out: check → sign → plan → intend → send → settle, top to bottom. Every order is a law.

Nothing leaves before its intent and its very bytes are on disk; a try without a clear end is asked
about before anything else is sent (law 3). Each step is one transaction under the task's lease, so
that a worker that wakes late changes nothing. Where a document goes is `routing.py`'s to say, what
a word makes of it `schemas/outbound_lifecycle.py`'s; no byte is read or written here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, assert_never

from depesha.errors import StorageError, WireError
from depesha.gateway import retry
from depesha.gateway.signals import on_fallback, on_stuck
from depesha.gateway.telling import plan_lines
from depesha.gateway.trying import Step, Trying
from depesha.schemas.dispatch import Attempt, AttemptOutcome
from depesha.schemas.message import EvidenceKind
from depesha.schemas.outbound import Ending, OutboundChange, OutboundMessage
from depesha.schemas.outbound_lifecycle import OWNERS, OutboundEvent, OutboundState, Owner
from depesha.schemas.route import (
    AlreadyThere,
    AskFirst,
    AskPerson,
    NoRoad,
    Plan,
    SendBy,
    WaitUntil,
)
from depesha.schemas.steps import OutboundStep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from depesha.gateway.committing import Committing
    from depesha.gateway.leaving import Leaving
    from depesha.gateway.planning import Planner
    from depesha.gateway.reconciling import Doubts
    from depesha.ports import (
        Checkpoint,
        Clock,
        IdSource,
        Jitter,
        OutboundChannel,
        OutboundStore,
        TaskQueue,
    )
    from depesha.schemas.message import Claim

SOONEST = timedelta(seconds=1)
"""Between two plans: a bar that fell a moment ago must not make us spin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """Does one DISPATCH task at a time; safe to run many side by side, for many documents."""

    store: OutboundStore
    tasks: TaskQueue
    channels: Mapping[str, OutboundChannel]
    planner: Planner
    leaving: Leaving
    committing: Committing
    trying: Trying
    clock: Clock
    ids: IdSource
    jitter: Jitter
    checkpoint: Checkpoint
    doubts: Doubts | None = None
    """What a restore made doubtful; None where that cannot be."""

    async def do(self, claim: Claim) -> str:
        """Move the document as far as it goes now; return `done` or `deferred`."""
        if claim.message_id is None:
            raise StorageError("a task of this kind belongs to a document")
        step: Step = await self.store.get(claim.message_id)
        while not isinstance(step, str):
            step = await self._step(claim, step)
        return step

    async def _step(self, claim: Claim, message: OutboundMessage) -> Step:
        if OWNERS[message.state] is not Owner.TASK:
            await self.tasks.finish(claim)
            return "done"
        match message.state:
            case OutboundState.SUBMITTED:
                return await self._release(claim, message)
            case OutboundState.SENDING:
                return await self.trying.found_sending(claim, message)
            case _:
                doubts = self.doubts
                forgotten = None if doubts is None else await doubts.about(message, self.ids)
                if forgotten is not None:
                    return await self.trying.suspect(claim, message, forgotten)
                return await self._next(claim, message)

    # --- looked at once more, and signed ---

    async def _release(self, claim: Claim, message: OutboundMessage) -> Step:
        looked = await self.leaving.look(message)
        if looked.unfinished:
            # Fails closed: what no scanner has seen does not leave (law 1).
            tries = claim.attempts + 1
            due = retry.next_try(retry.RECHECKS, tries, self.clock.now(), self.jitter.fraction())
            await self.tasks.defer(claim, due or self.clock.now())
            return "deferred"
        if looked.defects:
            change = OutboundChange(
                message_id=message.id,
                evidence=self.committing.evidence(
                    message, EvidenceKind.RETURNED, defects=[str(d.reason) for d in looked.defects]
                ),
                events=(OutboundEvent.RETURNED,),
                defects=looked.defects,
                claim=claim,
                ending=Ending.DONE,
            )
            await self.committing.commit(message, change)
            return "done"
        release = await self.leaving.sign(message)
        self.checkpoint.reached(OutboundStep.RELEASE_KEPT)
        after = await self.committing.commit(
            message,
            OutboundChange(
                message_id=message.id,
                evidence=self.committing.evidence(message, EvidenceKind.SIGNED, release=release),
                events=(OutboundEvent.SIGNED,),
                release=release,
                claim=claim,
            ),
        )
        self.checkpoint.reached(OutboundStep.RELEASED)
        return after

    # --- the plan, and what follows from it ---

    async def _next(self, claim: Claim, message: OutboundMessage) -> Step:
        plan = await self.planner.plan(message)
        self.checkpoint.reached(OutboundStep.PLANNED)
        step = plan.step
        match step:
            case SendBy():
                return await self._send(claim, message, plan, step)
            case AskFirst():
                return await self.trying.ask(claim, message, step.attempt)
            case AskPerson(why="unclear"):
                return await self._give_up_asking(claim, message, plan)
            case AskPerson():
                at = step.again_at or plan.made_at + self.planner.policy.look_again
                return await self._wait(claim, message, plan, at)
            case WaitUntil():
                return await self._wait(claim, message, plan, step.at)
            case NoRoad():
                return await self._no_road(claim, message, plan)
            case AlreadyThere():
                raise StorageError("a document that got through is planned again")
            case _:
                assert_never(step)

    async def _wait(self, claim: Claim, message: OutboundMessage, plan: Plan, at: datetime) -> Step:
        wait = max(at - plan.made_at, SOONEST)
        due = plan.made_at + wait * (1 + 0.1 * self.jitter.fraction())
        before = message.plan
        same = before is not None and plan_lines(before) == plan_lines(plan)
        if message.state is OutboundState.DEFERRED and same:
            # Nothing is new: a row for each look would only hide the others.
            await self.tasks.defer(claim, due, tried=False)
            return "deferred"
        signal = None
        stuck = isinstance(plan.step, WaitUntil) and plan.step.stuck
        if stuck and not (
            before is not None and isinstance(before.step, WaitUntil) and before.step.stuck
        ):
            signal = on_stuck(plan, message.dispatch.recipient.identifier)
        await self.committing.commit(
            message,
            OutboundChange(
                message_id=message.id,
                evidence=self.committing.evidence(
                    message, EvidenceKind.ROUTED, plan=plan_lines(plan)
                ),
                events=(OutboundEvent.DEFERRED,),
                plan=plan,
                tasks=self.committing.departures.signal(signal),
                claim=claim,
                ending=Ending.LATER,
                due_at=due,
                tried=False,
            ),
        )
        return "deferred"

    async def _no_road(self, claim: Claim, message: OutboundMessage, plan: Plan) -> Step:
        change = OutboundChange(
            message_id=message.id,
            evidence=self.committing.evidence(message, EvidenceKind.ROUTED, plan=plan_lines(plan)),
            events=(OutboundEvent.EXHAUSTED,),
            plan=plan,
            tasks=self.committing.departures.signal(
                on_stuck(plan, message.dispatch.recipient.identifier)
            ),
            claim=claim,
            ending=Ending.DONE,
        )
        await self.committing.commit(message, change)
        return "done"

    # --- one try ---

    async def _send(self, claim: Claim, message: OutboundMessage, plan: Plan, step: SendBy) -> Step:
        channel = self.channels[step.network]
        try:
            prepared = await channel.prepare(message.dispatch, message.attempts)
        except WireError as error:
            return await self._unsayable(claim, message, plan, error)
        self.checkpoint.reached(OutboundStep.PAYLOAD_KEPT)
        attempt = Attempt(
            id=self.ids.secret(),
            network=step.network,
            number=len(message.attempts) + 1,
            transport_id=prepared.transport_id,
            payload=prepared.payload,
            intended_at=self.clock.now(),
            reference=prepared.reference,
        )
        peer = message.dispatch.recipient.identifier
        signal = on_fallback(plan, step.network, peer) if step.fallback else None
        after = await self.committing.commit(
            message,
            OutboundChange(
                message_id=message.id,
                evidence=self.committing.evidence(
                    message,
                    EvidenceKind.ATTEMPT_BEGUN,
                    network=step.network,
                    attempt=attempt.id,
                    transport_id=attempt.transport_id,
                    payload=attempt.payload,
                    plan=plan_lines(plan),
                ),
                events=(OutboundEvent.ROUTED, OutboundEvent.ATTEMPT_BEGUN),
                begin=attempt,
                fence=step.fence,
                plan=plan,
                tasks=self.committing.departures.signal(signal),
                health=self.committing.departures.breakers.begun(
                    step.network, peer, attempt.intended_at
                ),
                claim=claim,
            ),
        )
        self.checkpoint.reached(OutboundStep.INTENT_STORED)
        return await self.trying.deliver(claim, after, channel, attempt)

    async def _unsayable(
        self, claim: Claim, message: OutboundMessage, plan: Plan, error: WireError
    ) -> Step:
        """This network has no words for it: a refusal of ours, and nothing has left."""
        if not isinstance(plan.step, SendBy) or message.release is None:
            raise StorageError("a document without a release is planned") from error
        now = self.clock.now()
        refused = Attempt(
            id=self.ids.secret(),
            network=plan.step.network,
            number=len(message.attempts) + 1,
            transport_id=message.dispatch.document.guid,
            payload=message.release,
            intended_at=now,
            outcome=AttemptOutcome.REFUSED,
            settled_at=now,
            code=error.code,
        )
        return await self.committing.commit(
            message,
            OutboundChange(
                message_id=message.id,
                evidence=self.committing.evidence(
                    message,
                    EvidenceKind.ATTEMPT_SETTLED,
                    network=refused.network,
                    outcome="unsayable",
                    code=error.code,
                    plan=plan_lines(plan),
                ),
                events=(OutboundEvent.ROUTED,),
                begin=refused,
                plan=plan,
                claim=claim,
            ),
        )

    async def _give_up_asking(self, claim: Claim, message: OutboundMessage, plan: Plan) -> Step:
        change = OutboundChange(
            message_id=message.id,
            evidence=self.committing.evidence(message, EvidenceKind.PARKED, plan=plan_lines(plan)),
            events=(OutboundEvent.GIVEN_UP_ASKING,),
            plan=plan,
            claim=claim,
            ending=Ending.DONE,
        )
        await self.committing.commit(message, change)
        return "done"
