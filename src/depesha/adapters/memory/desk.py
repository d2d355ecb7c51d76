"""`Desk` in memory: the registry's side without a gateway behind it, for tests of the API.

It keeps the same promises as the gateway's own desk, evidence included, but sends no notices.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

from depesha.adapters.memory.store import MemoryStore
from depesha.errors import ConflictError, StorageError, UnknownMessageError, WrongStateError
from depesha.schemas.evidence import sha256
from depesha.schemas.lifecycle import InboundEvent, InboundState
from depesha.schemas.message import Change, EvidenceKind, Message, NewEvidence, Page, Query

if TYPE_CHECKING:
    from depesha.adapters.memory.state import MemoryState
    from depesha.ports import Clock, Observer
    from depesha.schemas.envelope import RegistrationNumber
    from depesha.schemas.ids import Digest, MessageId

_REFUSED = frozenset({InboundState.REFUSED, InboundState.REFUSAL_ACKNOWLEDGED})


class MemoryDesk:
    """`ports.Desk` over a `MemoryState`; `contents` holds attachments by their digest."""

    def __init__(self, state: MemoryState, clock: Clock, observer: Observer) -> None:
        self._state = state
        self._store = MemoryStore(state, clock)
        self._clock = clock
        self._observer = observer
        self.contents: dict[Digest, bytes] = {}

    async def page(self, query: Query) -> Page:
        """See `Desk.page`."""
        return await self._store.page(query)

    async def find(self, message_id: MessageId) -> Message:
        """See `Desk.find`."""
        return await self._store.get(message_id)

    async def register(
        self, message_id: MessageId, number: RegistrationNumber, actor: str
    ) -> tuple[Message, bool]:
        """See `Desk.register`."""
        message = await self._store.get(message_id)
        if message.number is not None:
            if message.number != number:
                raise ConflictError("this message is registered under another number already")
            return message, False
        facts = {"number": number.number, "date": number.date.isoformat()}
        event, kind = InboundEvent.REGISTERED, EvidenceKind.REGISTERED
        return await self._step(message, event, kind, actor, facts, number=number), True

    async def refuse(self, message_id: MessageId, reason: str, actor: str) -> Message:
        """See `Desk.refuse`."""
        message = await self._store.get(message_id)
        if message.state in _REFUSED and message.reason == reason:
            return message
        return await self._reasoned(
            message, InboundEvent.REFUSED, EvidenceKind.REFUSED, actor, reason
        )

    async def close(
        self, message_id: MessageId, *, finished: bool, reason: str, actor: str
    ) -> Message:
        """See `Desk.close`."""
        message = await self._store.get(message_id)
        state = InboundState.CLOSED if finished else InboundState.STOPPED
        if message.state is state and message.reason == reason:
            return message
        event = InboundEvent.CLOSED if finished else InboundEvent.STOPPED
        return await self._reasoned(message, event, EvidenceKind.CLOSED, actor, reason)

    async def release(self, message_id: MessageId, reason: str, actor: str) -> Message:
        """See `Desk.release`."""
        message = await self._store.get(message_id)
        return await self._reasoned(
            message, InboundEvent.RELEASED, EvidenceKind.RELEASED, actor, reason
        )

    async def attachment(self, message_id: MessageId, index: int, actor: str) -> BinaryIO:
        """See `Desk.attachment`."""
        message = await self._store.get(message_id)
        if message.state is InboundState.REJECTED:
            raise WrongStateError("the content of a rejected message is sealed away")
        envelope = message.envelope
        attachments = () if envelope is None else envelope.attachments
        for attachment in attachments:
            if attachment.index == index:
                content = self.contents.get(attachment.digest)
                if content is None:
                    raise StorageError("the attachment is not kept")
                facts: dict[str, str | int] = {"attachment": index, "digest": attachment.digest}
                self._state.append(self._evidence(message, EvidenceKind.VIEWED, actor, facts))
                return io.BytesIO(content)
        raise UnknownMessageError("this message has no attachment with that number")

    async def _reasoned(
        self, message: Message, event: InboundEvent, kind: EvidenceKind, actor: str, reason: str
    ) -> Message:
        facts = {"reason": sha256(reason.encode())}
        return await self._step(message, event, kind, actor, dict(facts), reason=reason)

    async def _step(
        self,
        message: Message,
        event: InboundEvent,
        kind: EvidenceKind,
        actor: str,
        facts: dict[str, str],
        *,
        number: RegistrationNumber | None = None,
        reason: str | None = None,
    ) -> Message:
        changed = await self._store.change(
            Change(
                message_id=message.id,
                event=event,
                evidence=self._evidence(message, kind, actor, {**facts, "event": event}),
                number=number,
                reason=reason,
            )
        )
        self._observer.changed(changed.id, changed.network, changed.state)
        return changed

    def _evidence(
        self, message: Message, kind: EvidenceKind, actor: str, facts: dict[str, str | int]
    ) -> NewEvidence:
        return NewEvidence(
            kind=kind, at=self._clock.now(), message_id=message.id, actor=actor, facts={**facts}
        )
