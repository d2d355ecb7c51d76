"""What the gateway says back to a network, and what a network says to us about a document.

Words common to all networks; each channel's `mapping.py` turns them into its own wire form.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from depesha.schemas.envelope import DocumentReference, Party, RegistrationNumber
from depesha.schemas.facts import SignatureFacts
from depesha.schemas.ids import Digest, Guid, SerialNumber
from depesha.schemas.verdict import Finding


class DocumentStatus(StrEnum):
    """State of a document at its recipient (SEOS facts 4.2)."""

    WAITING = "WAITING"
    REGISTERED = "REGISTERED"
    REJECTED = "REJECTED"
    ALREADY_RECEIVED = "ALREADY_RECEIVED"
    NOT_FOUND = "NOT_FOUND"
    STOPPED = "STOPPED"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusAnswer:
    """The state of one document. `document.number` is the number at the answering body."""

    status: DocumentStatus
    document: DocumentReference
    rejection: Finding | None = None
    """Why a check refused it; the channel finds the sentence."""
    reason: str = ""
    """Why the registry declined it, in a person's words."""
    expected_close: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorAnswer:
    """The message itself could not be accepted (SEOS: MSG_Error)."""

    finding: Finding
    transport_id: Guid | None = None
    """The message that failed; None where it could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableAnswer:
    """Not even a sender could be read: the network's lowest form of refusal (SOAP fault)."""

    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyAnswer:
    """Taken, and nothing more to say (SEOS: empty string)."""


Answer = StatusAnswer | ErrorAnswer | UnreadableAnswer | EmptyAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """Common to the smaller messages of a network: who says it, signed how."""

    network: str
    received_at: datetime
    original: Digest
    transport_id: Guid
    sender: Party
    recipient: Party
    signature: SignatureFacts
    transport_serial: SerialNumber | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry(Word):
    """A peer asks for the state of a document it sent us (facts 3.11)."""

    document: DocumentReference


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusNotice(Word):
    """A peer tells the state of a document we sent it (facts 3.12)."""

    document: DocumentReference
    status: DocumentStatus
    local_status: str = ""
    """The wire's own word where it is none of the schema's (facts 4.3)."""
    reason: str = ""
    expected_close: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorNotice(Word):
    """A peer tells that a message of ours failed with it (facts 3.13)."""

    failed: Guid | None
    kind: str
    """`ERR_INTERNAL` or `ERR_EXTERNAL`; says nothing about whose fault (Q30)."""
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What we tell a sender later, by a call of our own, until it is taken (REG-01)."""

    network: str
    message_id: str
    original_sender: Party
    original_recipient: Party
    answer: StatusAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number with its day, as the registry gave it."""

    value: RegistrationNumber
    given_at: datetime
