"""What a message says about itself, network by network the same words. Values only, no I/O.

A value that exists is legal: half-filled objects do not travel. Personal data may stand in
these values; they never go to a log.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from depesha.schemas.ids import Digest, Guid

Day = date
"""A name for `date` that a field of that name does not hide from the codec."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """An administration as a network names it (SEOS facts 3.2: EntityNodeType)."""

    identifier: str
    """EIK/BULSTAT, 9 or 13 digits in the register; other networks: their own identifier."""
    name: str
    guid: Guid | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationNumber:
    """A number in somebody's registry: opaque text and a day (facts 3.7, Q14)."""

    number: str
    date: Day


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentReference:
    """A document's identity across all messages, channels and attempts (facts 3.6)."""

    guid: Guid
    number: RegistrationNumber | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Correspondent:
    """A person or body the document speaks of (facts 3.9). Personal data."""

    name: str
    city: str
    address: str = ""
    personal_number: str = ""
    identity_card: str = ""
    eik: str = ""
    email: str = ""
    phone: str = ""
    mobile_phone: str = ""
    responsible: str = ""
    comment: str = ""
    applicant: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """An administrative service the document belongs to (facts 3.10)."""

    name: str
    kind: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One attached file as its sender declares it, and what its bytes measured."""

    index: int
    """Position in the message, from 1."""
    name: str
    """The sender's own file name, untrusted: never a path, never a reason to trust."""
    media_type: str
    """The sender's own media type, untrusted (facts 3.10)."""
    size: int
    """Bytes of the decoded content."""
    digest: Digest
    """Of the decoded content."""
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A document as it came: everything but the bytes of its attachments."""

    network: str
    """`seos`, `ssev`, `isds`, `sevovv` or `email`."""
    transport_id: Guid
    """The network's identity of this very message (SEOS: MessageGUID)."""
    created_at: datetime
    """The sender's own time of writing, with offset."""
    sender: Party
    recipient: Party
    document: DocumentReference
    """Identity and the sender's own registration number, if it gave one."""
    parent: DocumentReference | None = None
    """The document this one answers or continues; None where the sender repeats itself (Q12)."""
    kind: str
    """In the sender's words: letter, complaint …"""
    subject: str = ""
    comment: str = ""
    """Remark on the sending (`Comment`)."""
    document_comment: str = ""
    attention_to: str = ""
    deadline: date | None = None
    """The day by which the sender asks for an answer."""
    correspondents: tuple[Correspondent, ...] = ()
    service: Service | None = None
    attachments: tuple[Attachment, ...] = ()
    delivered_at: datetime | None = None
    """When the network itself brought it to us: for an authority the legal receipt (ISDS facts
    10). None where the network fixes no such time: then it counts as received when we had it."""
    accepted_at: datetime | None = None
    """When somebody entitled took it there, or it counts as taken; None: not yet, or not told."""
    sender_mark: str = ""
    """The sender's own file mark (spisová značka)."""
    own_mark: str = ""
    """Ours, as the sender names it."""
    extra: str = field(default="", repr=False)
    """Open content of the network, as text (SEOS: DocAddData)."""
