"""The gateway as the registry and its clerks see it: numbers, refusals, closures, releases.

A number is never invented here (REG-04), and one that stands is never changed: a repeat of the
same is the same, another one is a conflict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from depesha.errors import ConflictError, UnknownMessageError, WrongStateError
from depesha.gateway.attachments import Attachments
from depesha.gateway.tasks import documents_of, notices
from depesha.schemas.answer import DocumentStatus
from depesha.schemas.evidence import sha256
from depesha.schemas.lasting import Stage, since
from depesha.schemas.lifecycle import InboundEvent, InboundState, advance
from depesha.schemas.message import Change, EvidenceKind, Message, NewEvidence, NewTask, Page, Query
from depesha.schemas.steps import Step

if TYPE_CHECKING:
    from depesha.gateway.tasks import FollowUps
    from depesha.ports import (
        BlobStore,
        Checkpoint,
        Clock,
        Extractor,
        Journal,
        MessageStore,
        Observer,
        Threads,
    )
    from depesha.schemas.envelope import Attachment, RegistrationNumber
    from depesha.schemas.ids import MessageId

REASON_CHARACTERS = 450
"""The reference receiver's own limit of a refusal reason (SEOS facts 3.12)."""

_ANSWERED = frozenset({InboundState.REGISTERED, InboundState.REFUSED})
"""The registry has spoken."""

_LOOKS = 5
"""So often a step is made anew because its message came under one more GUID just then."""


class RegistryDesk:
    """The registry's side of the gateway (`ports.Desk`)."""

    def __init__(
        self,
        *,
        store: MessageStore,
        journal: Journal,
        blobs: BlobStore,
        extractors: dict[str, Extractor],
        follow_ups: FollowUps,
        clock: Clock,
        threads: Threads,
        observer: Observer,
        checkpoint: Checkpoint,
    ) -> None:
        self._store = store
        self._journal = journal
        self._attachments = Attachments(blobs, extractors)
        self._follow_ups = follow_ups
        self._clock = clock
        self._threads = threads
        self._observer = observer
        self._checkpoint = checkpoint

    async def page(self, query: Query) -> Page:
        """Return a page of messages, oldest first."""
        return await self._store.page(query)

    async def find(self, message_id: MessageId) -> Message:
        """Return one message."""
        return await self._store.get(message_id)

    async def register(
        self, message_id: MessageId, number: RegistrationNumber, actor: str
    ) -> tuple[Message, bool]:
        """Commit the registry's number; the flag is False where it stood already (REG-04)."""
        message = await self._store.get(message_id)
        if message.number is not None:
            return _same_number(message, number), False
        self._checkpoint.reached(Step.REGISTRATION_ASKED)
        try:
            changed = await self._step(
                message,
                InboundEvent.REGISTERED,
                EvidenceKind.REGISTERED,
                actor,
                number=number,
                told=DocumentStatus.REGISTERED,
            )
        except WrongStateError:
            # Another call may have registered it between our look and our write.
            present = await self._store.get(message_id)
            if present.number is None:
                raise
            return _same_number(present, number), False
        self._checkpoint.reached(Step.REGISTRATION_STORED)
        return changed, True

    async def refuse(self, message_id: MessageId, reason: str, actor: str) -> Message:
        """Decline a waiting or held message with a reason the sender will read (REF-02)."""
        message = await self._store.get(message_id)
        done = {InboundState.REFUSED, InboundState.REFUSAL_ACKNOWLEDGED}
        if message.state in done and message.reason == reason:
            return message
        return await self._step(
            message,
            InboundEvent.REFUSED,
            EvidenceKind.REFUSED,
            actor,
            reason=reason,
            told=DocumentStatus.REJECTED,
        )

    async def close(
        self, message_id: MessageId, *, finished: bool, reason: str, actor: str
    ) -> Message:
        """End the case: finished (CLOSED) or early (STOPPED)."""
        message = await self._store.get(message_id)
        state = InboundState.CLOSED if finished else InboundState.STOPPED
        if message.state is state and message.reason == reason:
            return message
        return await self._step(
            message,
            InboundEvent.CLOSED if finished else InboundEvent.STOPPED,
            EvidenceKind.CLOSED,
            actor,
            reason=reason,
            told=DocumentStatus.CLOSED if finished else DocumentStatus.STOPPED,
        )

    async def release(self, message_id: MessageId, reason: str, actor: str) -> Message:
        """Let a held message through to the registry on a person's word."""
        message = await self._store.get(message_id)
        if message.state is InboundState.ADMITTED and message.reason == reason != "":
            return message
        return await self._step(
            message, InboundEvent.RELEASED, EvidenceKind.RELEASED, actor, reason=reason
        )

    async def _step(
        self,
        message: Message,
        event: InboundEvent,
        kind: EvidenceKind,
        actor: str,
        *,
        number: RegistrationNumber | None = None,
        reason: str | None = None,
        told: DocumentStatus | None = None,
    ) -> Message:
        """Make the step, anew where an alias was learnt between the look and the write."""
        for _ in range(_LOOKS - 1):
            try:
                return await self._stepped(
                    message, event, kind, actor, number=number, reason=reason, told=told
                )
            except ConflictError:
                message = await self._store.get(message.id)
        return await self._stepped(
            message, event, kind, actor, number=number, reason=reason, told=told
        )

    async def _stepped(
        self,
        message: Message,
        event: InboundEvent,
        kind: EvidenceKind,
        actor: str,
        *,
        number: RegistrationNumber | None,
        reason: str | None,
        told: DocumentStatus | None,
    ) -> Message:
        now = self._clock.now()
        # Not the state it came from: only the store knows that at the commit. The event tells.
        facts: dict[str, str | int | float | list[str]] = {"event": event}
        if number is not None:
            facts |= {"number": number.number, "date": number.date.isoformat()}
        if reason is not None:
            # The person's words may name people: the chain keeps only their digest.
            facts["reason"] = sha256(reason.encode())
        tasks: tuple[NewTask, ...] = ()
        if told is not None:
            tasks = notices(documents_of(message), told, now)
        entered = advance(message.state, event)
        tasks += self._follow_ups.on_entering(entered, now, retry=False)
        changed = await self._store.change(
            Change(
                message_id=message.id,
                event=event,
                evidence=NewEvidence(
                    kind=kind, at=now, message_id=message.id, actor=actor, facts=facts
                ),
                number=number,
                reason=reason,
                aliases=None if told is None else message.other_documents,
                tasks=tasks,
            )
        )
        self._observer.changed(message.id, message.network, changed.state)
        if changed.state in _ANSWERED:
            seconds = since(message.received_at, now)
            self._observer.lasted(message.network, Stage.REGISTERING, seconds)
        return changed

    async def attachment(self, message_id: MessageId, index: int, actor: str) -> BinaryIO:
        """Open the content of one attachment; the opening itself is evidence (AUD-05)."""
        message = await self._store.get(message_id)
        attachment = _attachment(message, index)
        file = await self._threads.run(self._attachments.open, message, attachment)
        try:
            await self._journal.record(
                NewEvidence(
                    kind=EvidenceKind.VIEWED,
                    at=self._clock.now(),
                    message_id=message.id,
                    actor=actor,
                    facts={"attachment": index, "digest": attachment.digest},
                )
            )
        except BaseException:
            file.close()
            raise
        return file


def _same_number(message: Message, number: RegistrationNumber) -> Message:
    if message.number != number:
        raise ConflictError(
            "this message is registered under another number already",
            remedy="ask for the message to see its number",
        )
    return message


def _attachment(message: Message, index: int) -> Attachment:
    envelope = message.envelope
    if envelope is not None:
        for attachment in envelope.attachments:
            if attachment.index == index:
                return attachment
    raise UnknownMessageError("this message has no attachment with that number")
