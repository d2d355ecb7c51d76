"""What a sender is told, as a pure function of what we hold. Decides words, sends nothing.

A number is told only when the registry has committed it (law 2); a repeat is told what stands
now, with the number already given (law 4, DUP-06).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from depesha.schemas.answer import (
    Answer,
    DocumentStatus,
    ErrorAnswer,
    Notice,
    StatusAnswer,
    UnreadableAnswer,
)
from depesha.schemas.envelope import DocumentReference
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import rejection_of
from depesha.schemas.verdict import Rejection

if TYPE_CHECKING:
    from depesha.schemas.envelope import Envelope
    from depesha.schemas.facts import Arrival
    from depesha.schemas.ids import Guid
    from depesha.schemas.message import Message
    from depesha.schemas.verdict import Finding

ABOUT_THE_DOCUMENT = frozenset(
    {
        Rejection.ATTACHMENT_TOO_LARGE,
        Rejection.TOO_MANY_ATTACHMENTS,
        Rejection.FILE_NAME_UNUSABLE,
        Rejection.FORMAT_FORBIDDEN,
        Rejection.MACRO_FOUND,
        Rejection.ARCHIVE_UNSAFE,
        Rejection.MALWARE_FOUND,
    }
)
"""Refusals of an authentic document: told as a status of it. All others are errors of the
message, as the reference receiver tells them (SEOS facts 7)."""


def refused(arrival: Arrival, finding: Finding) -> Answer:
    """The answer to a message that a check refused."""
    envelope = arrival.envelope
    if envelope is None:
        return UnreadableAnswer(finding=finding)
    if finding.reason in ABOUT_THE_DOCUMENT:
        return StatusAnswer(
            status=DocumentStatus.REJECTED,
            document=DocumentReference(guid=envelope.document.guid),
            rejection=finding,
        )
    return ErrorAnswer(finding=finding, transport_id=envelope.transport_id)


def waiting(envelope: Envelope) -> StatusAnswer:
    """The answer to a message that is stored and not yet registered, held ones included."""
    return StatusAnswer(
        status=DocumentStatus.WAITING, document=DocumentReference(guid=envelope.document.guid)
    )


def status_of(message: Message, document: Guid) -> StatusAnswer:
    """The present state of a message, told under the document GUID that was asked for."""
    state = message.state
    bare = DocumentReference(guid=document)
    numbered = DocumentReference(guid=document, number=message.number)
    match state:
        case InboundState.ADMITTED | InboundState.HELD:
            return StatusAnswer(status=DocumentStatus.WAITING, document=bare)
        case InboundState.REGISTERED | InboundState.ACKNOWLEDGED:
            return StatusAnswer(status=DocumentStatus.REGISTERED, document=numbered)
        case InboundState.CLOSED:
            return StatusAnswer(status=DocumentStatus.CLOSED, document=numbered)
        case InboundState.STOPPED:
            return StatusAnswer(
                status=DocumentStatus.STOPPED, document=numbered, reason=message.reason
            )
        case InboundState.REFUSED | InboundState.REFUSAL_ACKNOWLEDGED:
            return StatusAnswer(
                status=DocumentStatus.REJECTED, document=bare, reason=message.reason
            )
        case InboundState.REJECTED:
            return StatusAnswer(
                status=DocumentStatus.REJECTED,
                document=bare,
                rejection=rejection_of(message.checks),
            )
        case _:
            assert_never(state)


def repeated(message: Message, arrival: Arrival, by: str) -> Answer:
    """The answer to a message that came before.

    The very same message is told the state as at first; a new message around the same document
    is told `ALREADY_RECEIVED` while it waits, and the state with its number later (facts 8).
    """
    envelope = arrival.envelope
    if envelope is None:
        raise ValueError("a repeat was recognised by what its envelope says")
    answer = status_of(message, envelope.document.guid)
    if by != "transport" and answer.status is DocumentStatus.WAITING:
        return StatusAnswer(status=DocumentStatus.ALREADY_RECEIVED, document=answer.document)
    return answer


def not_found(document: DocumentReference) -> StatusAnswer:
    """The answer about a document we do not hold, or not from that sender (Q27)."""
    return StatusAnswer(status=DocumentStatus.NOT_FOUND, document=document)


def notice(message: Message, status: DocumentStatus, document: Guid) -> Notice:
    """What to tell the sender by a call of our own.

    `status` is the state that caused the notice; a later state is told by its own notice.
    """
    envelope = message.envelope
    if envelope is None:
        raise ValueError("an unreadable message has no sender to be told anything")
    current = status_of(message, document)
    if status is DocumentStatus.REGISTERED:
        current = StatusAnswer(
            status=status, document=DocumentReference(guid=document, number=message.number)
        )
    return Notice(
        network=message.network,
        message_id=message.id,
        original_sender=envelope.sender,
        original_recipient=envelope.recipient,
        answer=current,
    )
