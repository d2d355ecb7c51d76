"""★ The way in: receive → examine → store → answer, top to bottom. Every order here is a law.

Nothing is answered before it is durable; whatever was not passed by every check does not reach
the registry. This file decides the order; what a check means stands in `checks/`, what a sender
is told in `acknowledge.py`, and no byte is read or written here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from depesha.errors import ForgottenError, StorageError, UnsaidError
from depesha.gateway import acknowledge
from depesha.gateway.checks.chain import Chain, Examination, Result
from depesha.schemas.answer import (
    Answer,
    EmptyAnswer,
    ErrorAnswer,
    ErrorNotice,
    Inquiry,
    StatusNotice,
    Word,
)
from depesha.schemas.facts import Known
from depesha.schemas.ids import message_id
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import Change, EvidenceKind, NewEvidence, NewMessage, rejection_of
from depesha.schemas.steps import Step
from depesha.schemas.verdict import (
    CheckRecord,
    Finding,
    Held,
    Passed,
    Rejected,
    Rejection,
    Repeated,
    finding,
)

if TYPE_CHECKING:
    from datetime import datetime

    from depesha.gateway.hearing import Hearing
    from depesha.gateway.reconciling import Doubts
    from depesha.gateway.tasks import FollowUps
    from depesha.ports import (
        Checkpoint,
        Clock,
        IdSource,
        Journal,
        MessageStore,
        Observer,
        Reply,
    )
    from depesha.schemas.envelope import Party
    from depesha.schemas.facts import Arrival
    from depesha.schemas.message import Message
    from depesha.schemas.outbound import TryReport


LOOKS = 5
"""So often a message is looked at because twins of it were stored in that very moment."""


class Inbound:
    """The gateway as the networks see it (`ports.Intake`)."""

    def __init__(
        self,
        *,
        chain: Chain,
        store: MessageStore,
        journal: Journal,
        follow_ups: FollowUps,
        hearing: Hearing,
        clock: Clock,
        ids: IdSource,
        observer: Observer,
        checkpoint: Checkpoint,
        doubts: Doubts | None = None,
    ) -> None:
        """`doubts` tells whether the store was put back, and may have forgotten documents."""
        self._doubts = doubts
        self._chain = chain
        self._store = store
        self._journal = journal
        self._hearing = hearing
        self._follow_ups = follow_ups
        self._clock = clock
        self._ids = ids
        self._observer = observer
        self._checkpoint = checkpoint

    async def receive(self, arrival: Arrival, reply: Reply) -> bytes:
        """Check a document, store it with every verdict, and return the answer's bytes."""
        for look in range(LOOKS):
            wire = await self._receive(arrival, reply, first=look == 0)
            if wire is not None:
                return wire
        raise StorageError("messages with the same identity came in each time between two looks")

    async def _receive(self, arrival: Arrival, reply: Reply, *, first: bool) -> bytes | None:
        """Do it once; None where its twin was stored between the look and the write.

        Then it is looked at again, for what the twin makes of it is the check's to say: a repeat,
        another document under a used id, or one that a person must compare.
        """
        started = self._clock.monotonic()
        now = self._clock.now()
        examination = await self._examined(arrival, now, first=first)
        self._observer.examined(arrival.network, examination.checks)
        self._checkpoint.reached(Step.CHECKED)
        if examination.repeat is not None:
            return await self._again(arrival, examination.repeat, reply, now)
        state = _first_state(examination)
        unsaid = state is InboundState.HELD and arrival.envelope is None
        wire = b"" if unsaid else await reply(_first_answer(arrival, state, examination.checks))
        self._checkpoint.reached(Step.ANSWER_SIGNED)
        new = self._new_message(arrival, state, examination, wire, now)
        stored = await self._store.admit(new)
        if isinstance(stored, Known):
            return None
        self._checkpoint.reached(Step.STORED)
        seconds = self._clock.monotonic() - started
        self._observer.stored(new.id, arrival.network, state, seconds)
        if unsaid:
            # Our own reader failed: a refusal would be untrue, and so would "received".
            raise UnsaidError("the message is kept, and nothing true can be said about it yet")
        return wire

    async def _examined(self, arrival: Arrival, now: datetime, *, first: bool) -> Examination:
        """Judge it; at the first look without asking the store whether it came before.

        That is the usual case, and the admission itself settles it: the identities are claimed in
        its transaction, and where one is held nothing is stored and everything is judged again.
        Anything but a pass does not claim, so it is judged with what the store knows.
        """
        if first:
            examination = await self._chain.examine(arrival, now, claiming=True)
            if examination.outcome is Result.PASSED:
                return examination
        return await self._chain.examine(arrival, now)

    def _new_message(
        self,
        arrival: Arrival,
        state: InboundState,
        examination: Examination,
        wire: bytes,
        now: datetime,
    ) -> NewMessage:
        new_id = self._ids.message_id()
        return NewMessage(
            id=new_id,
            state=state,
            arrival=arrival,
            checks=examination.checks,
            evidence=NewEvidence(
                kind=EvidenceKind.RECEIVED,
                at=now,
                message_id=new_id,
                actor=_peer(arrival),
                facts=_arrival_facts(arrival, state, examination.checks),
                wire=wire,
            ),
            tasks=self._follow_ups.on_entering(state, now, retry=examination.retry),
        )

    async def _again(
        self, arrival: Arrival, repeat: Repeated, reply: Reply, now: datetime
    ) -> bytes:
        """Answer a repeat with what stands now; nothing is stored again (DUP-01, law 4)."""
        first = await self._store.get(message_id(repeat.message_id))
        while True:
            wire = await reply(acknowledge.repeated(first, arrival, repeat.by))
            self._checkpoint.reached(Step.ANSWER_SIGNED)
            after = await self._keep_repeat(arrival, repeat, first, wire, now)
            if after.state is first.state:
                break
            # Decided meanwhile, and its notices were made before this GUID was known: tell it here.
            first = after
        self._checkpoint.reached(Step.REPEAT_STORED)
        self._observer.repeated(first.id, arrival.network, repeat.by)
        return wire

    async def _keep_repeat(
        self, arrival: Arrival, repeat: Repeated, first: Message, wire: bytes, now: datetime
    ) -> Message:
        """Make the repeat durable; return the message it repeats as it stood in that moment."""
        envelope = arrival.envelope
        evidence = NewEvidence(
            kind=EvidenceKind.REPEATED,
            at=now,
            message_id=first.id,
            actor=_peer(arrival),
            facts={
                "by": repeat.by,
                "network": arrival.network,
                "original": arrival.original,
                "state": first.state,
            },
            wire=wire,
        )
        if repeat.by == "content" and envelope is not None:
            # The sender knows this document by another GUID: it must hear the number under it.
            alias = envelope.document.guid
            return await self._store.change(
                Change(message_id=first.id, event=None, evidence=evidence, other_document=alias)
            )
        await self._journal.record(evidence)
        return first

    async def inquire(self, inquiry: Inquiry, reply: Reply) -> bytes:
        """Answer a peer's question after a document it sent; others' documents stay unknown."""
        problem = await self._chain.examine_word(inquiry, self._clock.now())
        sender = inquiry.sender.guid
        message = None
        if problem is not None or sender is None:
            answer = self._error(inquiry, problem)
        else:
            guid = inquiry.document.guid
            message = await self._store.find_document(inquiry.network, sender, guid)
            answer = (
                acknowledge.not_found(inquiry.document)
                if message is None
                else acknowledge.status_of(message, guid)
            )
        return await self._say(inquiry, answer, reply, EvidenceKind.INQUIRY_ANSWERED, message)

    async def notice(self, notice: StatusNotice, reply: Reply) -> bytes:
        """Take a peer's word on a document of ours; one it may not speak of is told as unknown."""
        problem = await self._chain.examine_word(notice, self._clock.now())
        forgetful = self._doubts is not None and self._doubts.forgetful
        if problem is None:
            if forgetful and await self._hearing.too_early(notice):
                raise ForgottenError("the store was put back, and networks are still being asked")
            wire = await reply(EmptyAnswer())
            self._checkpoint.reached(Step.ANSWER_SIGNED)
            if await self._hearing.notice(notice, wire):
                self._observer.word(notice.network, type(notice).__name__)
                return wire
            if forgetful:
                await self._journal.record(_forgotten(notice, self._clock.now()))
                raise ForgottenError("the store was put back; say it again later")
        unknown = finding(Rejection.DOCUMENT_UNKNOWN, document=notice.document.guid)
        answer = self._error(notice, problem or unknown)
        return await self._say(notice, answer, reply, EvidenceKind.WORD_RECEIVED, None)

    async def fault(self, fault: ErrorNotice, reply: Reply) -> bytes:
        """Take a peer's error about a message of ours: kept, and answered with nothing."""
        problem = await self._chain.examine_word(fault, self._clock.now())
        if problem is None and await self._hearing.fault(fault):
            self._observer.word(fault.network, type(fault).__name__)
            return await reply(EmptyAnswer())
        return await self._say(fault, EmptyAnswer(), reply, EvidenceKind.WORD_RECEIVED, None)

    async def report(self, report: TryReport) -> bool:
        """Take a network's later word on a try of ours; False where it knows no such try."""
        known = await self._hearing.report(report)
        self._observer.word(report.network, type(report).__name__)
        return known

    def _error(self, word: Word, problem: Finding | None) -> Answer:
        return ErrorAnswer(
            finding=problem or finding(Rejection.SENDER_UNKNOWN), transport_id=word.transport_id
        )

    async def _say(
        self, word: Word, answer: Answer, reply: Reply, kind: EvidenceKind, message: Message | None
    ) -> bytes:
        wire = await reply(answer)
        self._checkpoint.reached(Step.ANSWER_SIGNED)
        await self._journal.record(
            NewEvidence(
                kind=kind,
                at=self._clock.now(),
                message_id=message.id if message is not None else None,
                actor=peer_actor(word.sender),
                facts={
                    "word": type(word).__name__,
                    "original": word.original,
                    "transport_id": word.transport_id,
                    "answer": type(answer).__name__,
                },
                wire=wire,
            )
        )
        self._checkpoint.reached(Step.WORD_STORED)
        self._observer.word(word.network, type(word).__name__)
        return wire


def _forgotten(notice: StatusNotice, at: datetime) -> NewEvidence:
    """A word about a document that the lost store may have sent: the registry repeats it, or not.

    The report after a restore names it (`depesha reconcile`).
    """
    return NewEvidence(
        kind=EvidenceKind.WORD_RECEIVED,
        at=at,
        message_id=None,
        actor=peer_actor(notice.sender),
        facts={
            "word": type(notice).__name__,
            "network": notice.network,
            "original": notice.original,
            "document": notice.document.guid,
            "status": str(notice.status),
            "forgotten": 1,
        },
    )


def peer_actor(party: Party) -> str:
    """Return a sender as the journal names it: by its GUID where its network gives it one."""
    return f"peer:{party.guid or party.identifier}"


def _peer(arrival: Arrival) -> str:
    envelope = arrival.envelope
    return peer_actor(envelope.sender) if envelope is not None else "peer:"


def _first_state(examination: Examination) -> InboundState:
    match examination.outcome:
        case Result.PASSED:
            return InboundState.ADMITTED
        case Result.HELD:
            return InboundState.HELD
        case Result.REJECTED | Result.REPEATED:
            return InboundState.REJECTED
        case _:
            assert_never(examination.outcome)


def _first_answer(arrival: Arrival, state: InboundState, checks: tuple[CheckRecord, ...]) -> Answer:
    refusal = rejection_of(checks)
    envelope = arrival.envelope
    if refusal is not None:
        return acknowledge.refused(arrival, refusal)
    if envelope is None or state is InboundState.REJECTED:
        return acknowledge.refused(arrival, finding(Rejection.NOT_THE_SCHEMA))
    return acknowledge.waiting(envelope)


def _arrival_facts(
    arrival: Arrival, state: InboundState, checks: tuple[CheckRecord, ...]
) -> dict[str, str | int | float | list[str]]:
    facts: dict[str, str | int | float | list[str]] = {
        "network": arrival.network,
        "original": arrival.original,
        "size": arrival.original_size,
        "state": state,
        "checks": [_verdict_line(c) for c in checks],
    }
    if arrival.envelope is not None:
        facts["transport_id"] = arrival.envelope.transport_id
        facts["document"] = arrival.envelope.document.guid
        facts["attachments"] = [a.digest for a in arrival.envelope.attachments]
        if arrival.envelope.delivered_at is not None:
            facts["delivered_at"] = arrival.envelope.delivered_at.isoformat()
    if arrival.signature is not None and arrival.signature.certificate is not None:
        facts["certificate"] = arrival.signature.certificate.fingerprint
    return facts


def _verdict_line(record: CheckRecord) -> str:
    verdict = record.verdict
    match verdict:
        case Passed():
            reasons = [str(w.reason) for w in verdict.warnings]
        case Held() | Rejected():
            reasons = [str(verdict.finding.reason)]
        case Repeated():
            reasons = [verdict.by]
        case _:
            assert_never(verdict)
    return ":".join([record.check, verdict.kind, *reasons])
