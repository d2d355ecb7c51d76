"""What each kind of task does, once: notices, rechecks, webhooks, numbers, quarantine.

A task's effect and its completion are one transaction; a result that comes after the lease
ended is thrown away by the store. Nothing here decides when: that is `retry.py`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, assert_never

from depesha.errors import StorageError
from depesha.gateway import acknowledge, retry
from depesha.gateway.checks.chain import Chain, Examination, Result
from depesha.gateway.inbound import _verdict_line
from depesha.gateway.tasks import QUARANTINE_AFTER, STATES, documents_of, notices
from depesha.schemas.answer import DocumentStatus
from depesha.schemas.identity import is_proved
from depesha.schemas.ids import guid
from depesha.schemas.lasting import Stage, acknowledging
from depesha.schemas.lifecycle import InboundEvent, InboundState
from depesha.schemas.message import (
    Change,
    Claim,
    EvidenceKind,
    Message,
    NewEvidence,
    NewTask,
    TaskKind,
)
from depesha.schemas.outbound_events import EVENT_STATES
from depesha.schemas.outcome import Deferred, Delivered, Outcome, Refused, Unclear, blame_of
from depesha.schemas.restoration import MAY_BE_NUMBERED
from depesha.schemas.steps import Step

if TYPE_CHECKING:
    from depesha.gateway.reconciling import Doubts
    from depesha.gateway.retry import Schedule
    from depesha.gateway.tasks import FollowUps
    from depesha.ports import (
        BlobStore,
        Checkpoint,
        Clock,
        Desk,
        Extractor,
        IdSource,
        Jitter,
        Journal,
        MessageStore,
        Notifier,
        Numbers,
        Observer,
        Quarantine,
        TaskQueue,
        Threads,
        Webhooks,
    )

ANSWER_FIRST = timedelta(seconds=1)
"""A registry may number a message within milliseconds: the sender shall have read our answer to it
before a notice says more."""

WAITS_FOR_EARLIER = (1.0, 30.0)
"""Seconds a later notice waits while the number itself is not yet taken: as long again as it has
waited, within these bounds. A sender that is there hears both at once; one that is away costs
next to nothing."""


KINDS = (
    TaskKind.NOTICE,
    TaskKind.RECHECK,
    TaskKind.WEBHOOK,
    TaskKind.QUARANTINE,
    TaskKind.REGISTER,
)
"""What is done here; the way out has lanes of its own."""


class Labour:
    """Does one claimed task at a time; safe to run many side by side."""

    def __init__(
        self,
        *,
        chain: Chain,
        store: MessageStore,
        journal: Journal,
        tasks: TaskQueue,
        blobs: BlobStore,
        quarantine: Quarantine,
        desk: Desk,
        notifiers: dict[str, Notifier],
        extractors: dict[str, Extractor],
        webhooks: Webhooks,
        numbers: Numbers | None,
        follow_ups: FollowUps,
        notice_schedule: Schedule,
        quarantine_for: timedelta,
        clock: Clock,
        ids: IdSource,
        jitter: Jitter,
        threads: Threads,
        observer: Observer,
        checkpoint: Checkpoint,
        doubts: Doubts | None = None,
    ) -> None:
        """`doubts` tells whether the store was put back, and may have forgotten numbers."""
        self._doubts = doubts
        self._chain = chain
        self._store = store
        self._journal = journal
        self._tasks = tasks
        self._blobs = blobs
        self._quarantine = quarantine
        self._desk = desk
        self._notifiers = notifiers
        self._extractors = extractors
        self._webhooks = webhooks
        self._numbers = numbers
        self._follow_ups = follow_ups
        self._notice_schedule = notice_schedule
        self._quarantine_for = quarantine_for
        self._clock = clock
        self._ids = ids
        self._jitter = jitter
        self._threads = threads
        self._observer = observer
        self._checkpoint = checkpoint

    async def do(self, claim: Claim) -> str:
        """Do the task; return `done`, `deferred` or `parked`. Raises `DepeshaError`."""
        match claim.kind:
            case TaskKind.NOTICE:
                return await self._notice(claim)
            case TaskKind.RECHECK:
                return await self._recheck(claim)
            case TaskKind.WEBHOOK:
                return await self._webhook(claim)
            case TaskKind.REGISTER:
                return await self._register(claim)
            case TaskKind.QUARANTINE:
                return await self._seal_away(claim)
            case TaskKind.DISPATCH | TaskKind.FOLLOW_UP | TaskKind.QUESTION | TaskKind.SIGNAL:
                raise StorageError("a task of another lane was handed to this one")
            case _:
                assert_never(claim.kind)

    async def _message(self, claim: Claim) -> Message:
        if claim.message_id is None:
            raise StorageError("a task of this kind belongs to a message")
        return await self._store.get(claim.message_id)

    # --- notices (REG-01) ---

    async def _notice(self, claim: Claim) -> str:
        message = await self._message(claim)
        status = DocumentStatus(claim.payload["status"])
        ends = {DocumentStatus.CLOSED, DocumentStatus.STOPPED}
        if status in ends and message.acknowledged_at is None:
            return await self._after_the_number(claim)
        soonest = message.received_at + ANSWER_FIRST
        if self._clock.now() < soonest:
            await self._tasks.defer(claim, soonest, tried=False)
            return "deferred"
        self._checkpoint.reached(Step.NOTICE_CLAIMED)
        document = guid(claim.payload["document"])
        notice = acknowledge.notice(message, status, document)
        outcome = await self._notifiers[message.network].notify(notice)
        self._observer.notice(message.id, message.network, _word(outcome), claim.attempts + 1)
        blame = blame_of(outcome)
        if blame is not None:
            self._observer.failed(message.network, "in", blame)
        if isinstance(outcome, Delivered):
            self._checkpoint.reached(Step.NOTICE_TAKEN)
            await self._taken(claim, message, status, outcome)
            self._checkpoint.reached(Step.NOTICE_STORED)
            return "done"
        return await self._not_taken(claim, status, outcome)

    async def _after_the_number(self, claim: Claim) -> str:
        """The end of a case is not told before its number: states must not go backward."""
        now = self._clock.now()
        least, most = WAITS_FOR_EARLIER
        wait = min(most, max(least, (now - claim.created_at).total_seconds()))
        schedule = retry.Schedule(delays=(wait,))
        due = retry.next_try(schedule, 1, now, self._jitter.fraction())
        # Waiting is no try: the end of the case keeps all of its own, however long that takes.
        await self._tasks.defer(claim, due or now, tried=False)
        return "deferred"

    async def _taken(
        self, claim: Claim, message: Message, status: DocumentStatus, outcome: Delivered
    ) -> None:
        envelope = message.envelope
        first = envelope is not None and claim.payload["document"] == envelope.document.guid
        await self._store.change(
            Change(
                message_id=message.id,
                event=InboundEvent.NOTICE_TAKEN if first else None,
                evidence=NewEvidence(
                    kind=EvidenceKind.NOTICE_TAKEN,
                    at=self._clock.now(),
                    message_id=message.id,
                    actor="gateway",
                    facts={"status": status, "document": claim.payload["document"]},
                    wire=outcome.receipt,
                ),
                tasks=self._on_taken(message) if first else (),
                completes=claim,
            )
        )
        seconds = acknowledging(message, self._clock.now()) if first else None
        if seconds is not None:
            self._observer.lasted(message.network, Stage.ACKNOWLEDGING, seconds)

    def _on_taken(self, message: Message) -> tuple[NewTask, ...]:
        entered = {
            InboundState.REGISTERED: InboundState.ACKNOWLEDGED,
            InboundState.REFUSED: InboundState.REFUSAL_ACKNOWLEDGED,
        }.get(message.state)
        if entered is None:
            return ()
        return self._follow_ups.on_entering(entered, self._clock.now(), retry=False)

    async def _not_taken(
        self, claim: Claim, status: DocumentStatus, outcome: Deferred | Refused | Unclear
    ) -> str:
        now = self._clock.now()
        evidence = NewEvidence(
            kind=EvidenceKind.NOTICE_TRIED,
            at=now,
            message_id=claim.message_id,
            actor="gateway",
            facts={"status": status, "outcome": _word(outcome), "code": outcome.code},
            wire=outcome.receipt,
        )
        # Notices are idempotent at the other side, so an unclear one is simply told again.
        tries = claim.attempts + 1
        due = retry.next_try(self._notice_schedule, tries, now, self._jitter.fraction())
        if isinstance(outcome, Refused) or due is None:
            parked = replace(evidence, kind=EvidenceKind.PARKED)
            await self._tasks.park(claim, outcome.public, parked)
            return "parked"
        await self._tasks.defer(claim, due, evidence)
        return "deferred"

    # --- held messages looked at again ---

    async def _recheck(self, claim: Claim) -> str:
        message = await self._message(claim)
        if message.state is not InboundState.HELD:
            await self._tasks.finish(claim)
            return "done"
        self._checkpoint.reached(Step.RECHECKING)
        now = self._clock.now()
        original = await self._threads.run(self._blobs.path, message.arrival.original)
        if original is None:
            raise StorageError("the original of a held message is gone")
        extractor = self._extractors[message.network]
        fresh = await self._threads.run(extractor.read, original, message.received_at)
        if fresh.original != message.arrival.original:
            # A fault of our disk: it must never be told to the sender as a fault of the message.
            raise StorageError("the original of a held message was damaged where it is kept")
        arrival = replace(fresh, transport_serial=message.arrival.transport_serial)
        examination = await self._chain.examine(arrival, now, own=message.id)
        self._observer.examined(message.network, examination.checks)
        changed = await self._store.change(self._rechecked(claim, message, examination))
        self._checkpoint.reached(Step.RECHECKED)
        self._observer.changed(message.id, message.network, changed.state)
        return "deferred" if changed.state is InboundState.HELD else "done"

    def _rechecked(self, claim: Claim, message: Message, examination: Examination) -> Change:
        now = self._clock.now()
        event, tasks = self._after_recheck(claim, message, examination)
        refusal = examination.rejection
        return Change(
            message_id=message.id,
            event=event,
            evidence=NewEvidence(
                kind=EvidenceKind.RECHECKED,
                at=now,
                message_id=message.id,
                actor="gateway",
                facts={
                    "outcome": examination.outcome,
                    "reason": refusal.reason if refusal is not None else "",
                    "checks": [_verdict_line(c) for c in examination.checks],
                },
            ),
            checks=examination.checks,
            arrival=examination.case.arrival,
            aliases=message.other_documents if event is InboundEvent.CHECKED_REJECTED else None,
            tasks=tasks,
            completes=claim,
        )

    def _after_recheck(
        self, claim: Claim, message: Message, examination: Examination
    ) -> tuple[InboundEvent, tuple[NewTask, ...]]:
        now = self._clock.now()
        match examination.outcome:
            case Result.PASSED:
                entering = self._follow_ups.on_entering(InboundState.ADMITTED, now, retry=False)
                return InboundEvent.CHECKED_PASSED, entering
            case Result.REJECTED | Result.REPEATED:
                entering = self._follow_ups.on_entering(InboundState.REJECTED, now, retry=False)
                told: tuple[NewTask, ...] = ()
                # A repeat is told by the first one's notices; a forgery is not its sender's.
                if examination.rejection is not None and is_proved(examination.case.arrival):
                    told = notices(documents_of(message), DocumentStatus.REJECTED, now)
                return InboundEvent.CHECKED_REJECTED, (*told, *entering)
            case Result.HELD:
                if not examination.retry:
                    return InboundEvent.CHECKED_HELD, ()
                tries = int(claim.payload.get("tries", "0")) + 1
                fraction = self._jitter.fraction()
                due = retry.next_try(retry.RECHECKS, tries, now, fraction) or now
                again = NewTask(kind=TaskKind.RECHECK, due_at=due, payload={"tries": str(tries)})
                return InboundEvent.CHECKED_HELD, (again,)
            case _:
                assert_never(examination.outcome)

    # --- the registry's software ---

    async def _webhook(self, claim: Claim) -> str:
        name = claim.payload["event"]
        now = self._clock.now()
        # Of the event, not of this moment: a repeat under the same id must be the same.
        state = STATES.get(name) or EVENT_STATES.get(name)
        event = {
            "type": name,
            "timestamp": claim.created_at.isoformat(),
            "message_id": claim.message_id or "",
            "state": "" if state is None else str(state),
        }
        if "network" in claim.payload:
            event["network"] = claim.payload["network"]
        outcome = await self._webhooks.deliver(
            claim.payload["listener"], f"msg_{claim.task_id}", event
        )
        if isinstance(outcome, Delivered):
            await self._tasks.finish(claim)
            return "done"
        due = retry.next_try(retry.WEBHOOKS, claim.attempts + 1, now, self._jitter.fraction())
        if isinstance(outcome, Refused) or due is None:
            evidence = NewEvidence(
                kind=EvidenceKind.PARKED,
                at=now,
                message_id=claim.message_id,
                actor="gateway",
                facts={"webhook": claim.payload["listener"], "code": outcome.code},
            )
            await self._tasks.park(claim, outcome.public, evidence)
            return "parked"
        await self._tasks.defer(claim, due)
        return "deferred"

    async def _register(self, claim: Claim) -> str:
        message = await self._message(claim)
        if message.state is InboundState.ADMITTED and self._numbers is not None:
            if await self._told_already(claim, message):
                return await self._ask_for_number(claim)
            number = await self._threads.run(self._numbers.number_for, message.id)
            await self._desk.register(message.id, number, "builtin-registry")
        await self._tasks.finish(claim)
        return "done"

    async def _told_already(self, claim: Claim, message: Message) -> bool:
        """Tell whether the sender may know a number that the store forgot, and nobody asked it."""
        doubts = self._doubts
        if doubts is None or not doubts.numbered(message):
            return False
        return not doubts.let_go(await self._journal.events(message.id), claim.task_id)

    async def _ask_for_number(self, claim: Claim) -> str:
        evidence = NewEvidence(
            kind=EvidenceKind.PARKED,
            at=self._clock.now(),
            message_id=claim.message_id,
            actor="gateway",
            facts={"task": claim.kind},
        )
        await self._tasks.park(claim, MAY_BE_NUMBERED, evidence)
        return "parked"

    # --- refused bytes ---

    async def _seal_away(self, claim: Claim) -> str:
        """Seal the refused original; files taken out of it are only copies and are dropped.

        The store keeps in the clear what a message that was not refused refers to, and what was
        touched a moment ago: the same bytes may be on their way in again.
        """
        message = await self._message(claim)
        now = self._clock.now()
        for content in message.arrival.contents:
            await self._threads.run(self._quarantine.drop, content.attachment.digest)
        until = now + self._quarantine_for
        sealed = await self._threads.run(self._quarantine.seal, message.arrival.original, until)
        if not sealed:
            await self._tasks.defer(claim, now + QUARANTINE_AFTER)
            return "deferred"
        await self._tasks.finish(claim)
        return "done"


def _word(outcome: Outcome) -> str:
    return type(outcome).__name__.lower()
