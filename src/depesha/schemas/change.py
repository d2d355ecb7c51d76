"""What a change makes of a stored message. Pure: every store goes through this one function.

The state moves through `lifecycle.advance` alone; nothing here writes or reads a store.
"""

from __future__ import annotations

from dataclasses import replace

from depesha.errors import ConflictError
from depesha.schemas.ids import Guid
from depesha.schemas.lifecycle import InboundEvent, advance
from depesha.schemas.message import Change, Message, NewMessage


def first(new: NewMessage) -> Message:
    """Return the message as it stands right after it was stored."""
    return Message(
        id=new.id,
        network=new.arrival.network,
        state=new.state,
        received_at=new.arrival.received_at,
        arrival=new.arrival,
        checks=new.checks,
        changed_at=new.evidence.at,
    )


def apply(message: Message, change: Change) -> Message:
    """Return the message after `change`; raise `WrongStateError` where it does not follow.

    Raises `ConflictError` where it was made for other aliases than the message has. Times come
    from the evidence. `registered_at` is set by the registration, `acknowledged_at` by the first
    notice the sender took. A change of nothing but evidence or tasks returns the message untouched.
    """
    at = change.evidence.at
    event = change.event
    if change.aliases is not None and change.aliases != message.other_documents:
        raise ConflictError(
            "the message came under another document identity meanwhile", remedy="ask again"
        )
    changed = replace(
        message,
        state=message.state if event is None else advance(message.state, event),
        number=change.number or message.number,
        reason=message.reason if change.reason is None else change.reason,
        checks=message.checks if change.checks is None else change.checks,
        arrival=change.arrival or message.arrival,
        other_documents=_with(message, change.other_document),
        registered_at=at if event is InboundEvent.REGISTERED else message.registered_at,
        acknowledged_at=(message.acknowledged_at or at)
        if event is InboundEvent.NOTICE_TAKEN
        else message.acknowledged_at,
    )
    if event is None and changed == message:
        return message
    return replace(changed, changed_at=at)


def _with(message: Message, other: Guid | None) -> tuple[Guid, ...]:
    """Add a further document GUID, once, and never the message's own."""
    envelope = message.envelope
    own = None if envelope is None else envelope.document.guid
    if other is None or other == own or other in message.other_documents:
        return message.other_documents
    return (*message.other_documents, other)
