"""SEOS messages as values: an implementation of its own, apart from the product's.

Written from the network's published form, not from the product's mapping, so that the two can
judge each other. Writing is in `seos_writing`, reading in `seos_reading`, signing in
`seos_signing`. None of them may import the product's adapters.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from depesha.schemas.envelope import Correspondent, Party, RegistrationNumber, Service
from depesha.schemas.ids import Guid

MESSAGING = "http://schemas.egov.bg/messaging/v1"
SEGMENT = "http://ereg.egov.bg/segment/0009-000001"
DSIG = "http://www.w3.org/2000/09/xmldsig#"

WAITING = "DS_WAIT_REGISTRATION"
REGISTERED = "DS_REGISTERED"
REJECTED = "DS_REJECTED"
ALREADY_RECEIVED = "DS_ALREADY_RECEIVED"
NOT_FOUND = "DS_NOT_FOUND"
STOPPED = "DS_STOPPED"
CLOSED = "DS_CLOSED"

EXTERNAL = "ERR_EXTERNAL"
INTERNAL = "ERR_INTERNAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Who writes to whom, when, under which message identity (facts 3.2)."""

    message_guid: Guid
    created_at: datetime
    sender: Party
    recipient: Party
    version: str = "1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Uri:
    """A number in the state's own three-part form (facts 3.8)."""

    register_index: int | None = None
    sequence_number: int | None = None
    day: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentId:
    """A document's GUID with a number or a URI (facts 3.6)."""

    guid: Guid
    number: RegistrationNumber | None = None
    uri: Uri | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosure:
    """One attached file with its bytes (facts 3.10)."""

    name: str
    content: bytes
    media_type: str = "application/octet-stream"
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedData:
    """Open content: text and flat elements in the messaging namespace (facts 3.10)."""

    text: str = ""
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationRequest:
    """Please register this document (facts 3.4, 3.5). None leaves an element out."""

    document: DocumentId
    kind: str = "Писмо"
    parent: DocumentId | None = None
    correspondents: tuple[Correspondent, ...] = ()
    enclosures: tuple[Enclosure, ...] = ()
    subject: str | None = None
    service: Service | None = None
    document_comment: str | None = None
    added: AddedData | None = None
    deadline: date | None = None
    attention_to: str | None = None
    comment: str = "N/A"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRequest:
    """What is the state of this document? (facts 3.11)."""

    document: DocumentId


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusResponse:
    """State of a document, as an answer and as a later notice (facts 3.12)."""

    document: DocumentId
    status: str
    reason: str | None = None
    expected_close: date | None = None
    added: AddedData | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A message could not be processed (facts 3.13)."""

    description: str
    failed: Guid | None = None
    kind: str = EXTERNAL


Body = RegistrationRequest | StatusRequest | StatusResponse | Failure
