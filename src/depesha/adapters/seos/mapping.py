"""From the wire to words: a parsed SEOS message becomes values (facts 3, 4, 13). Pure.

It reads leniently: what departs from the schema and can still be read is told as a deviation;
what cannot be read raises `WireError`. It never decodes an attachment and never judges a message.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Final, Literal, TypeVar
from zoneinfo import ZoneInfo

from depesha.adapters.seos.dates import read_date, read_moment
from depesha.adapters.seos.names import KINDS, LOCAL_STATUSES, STATUSES
from depesha.errors import WireError
from depesha.schemas import ids, xml
from depesha.schemas.answer import DocumentStatus
from depesha.schemas.envelope import (
    Attachment,
    Correspondent,
    DocumentReference,
    Envelope,
    Party,
    RegistrationNumber,
    Service,
)
from depesha.schemas.ids import Guid
from depesha.schemas.wire.seos import MESSAGING, SEGMENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from lxml.etree import _Element

T = TypeVar("T")

NETWORK: Final = "seos"
SOFIA: Final = ZoneInfo("Europe/Sofia")
"""The network's local time, for moments without an offset (Q34)."""
_M: Final = f"{{{MESSAGING}}}"
_S: Final = f"{{{SEGMENT}}}"

Kind = Literal["request", "inquiry", "status", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What every message says first (facts 3.2)."""

    kind: Kind
    transport_id: Guid
    created_at: datetime
    sender: Party
    recipient: Party


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentPart:
    """One attachment before its content is decoded (facts 3.10)."""

    index: int
    name: str
    media_type: str
    comment: str
    body: _Element = field(repr=False)
    """The element whose text is the base64 content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusPart:
    """The inside of a status notice (facts 3.12)."""

    document: DocumentReference
    status: DocumentStatus
    local_status: str = ""
    reason: str = ""
    expected_close: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPart:
    """The inside of an error notice (facts 3.13)."""

    failed: Guid | None
    kind: str
    description: str


class Mapper:
    """Reads one parsed message; what it tolerated stands in `deviations` afterwards."""

    def __init__(self, root: _Element) -> None:
        if root.tag != f"{_M}Message":
            raise WireError("the document is not a SEOS message")
        self._root = root
        self.deviations: list[str] = []

    # --- the four kinds -------------------------------------------------------------------

    def header(self) -> Header:
        """Read the header; the body's choice and the declared type must agree (facts 3.3)."""
        header = _need(self._root, "Header")
        declared = _text(header, "MessageType").strip()
        body = _need(self._root, "Body")
        kinds = [KINDS[child.tag[len(_M) :]] for child in body if child.tag in _BODIES]
        if len(kinds) != 1:
            raise WireError("the message's body is none of the four known")
        if kinds[0].message_type != declared:
            raise WireError("the message's type and body contradict each other")
        return Header(
            kind=kinds[0].kind,
            transport_id=_guid(header, "MessageGUID"),
            created_at=self._moment(header, "MessageDate"),
            sender=self._party(_need(header, "Sender")),
            recipient=self._party(_need(header, "Recipient")),
        )

    def attachments(self) -> tuple[AttachmentPart, ...]:
        """Read every attachment but its content; several lists count as one (Q17, Q20)."""
        found = self._document().findall(f"{_M}DocAttachmentList/{_M}Attachment")
        return tuple(self._attachment(i, element) for i, element in enumerate(found, start=1))

    def envelope(self, header: Header, attachments: tuple[Attachment, ...]) -> Envelope:
        """Read a registration request (facts 3.4, 3.5)."""
        document = self._document()
        reference = self._reference(_need(document, "DocID"))
        return Envelope(
            network=NETWORK,
            transport_id=header.transport_id,
            created_at=header.created_at,
            sender=header.sender,
            recipient=header.recipient,
            document=reference,
            parent=self._parent(document, reference),
            kind=_text(document, "DocKind"),
            subject=_text(document, "DocAbout"),
            comment=_text(self._body("DocumentRegistrationRequest"), "Comment"),
            document_comment=_text(document, "DocComment"),
            attention_to=_text(document, "DocAttentionTo"),
            deadline=self._day(document, "DocReqDateClose"),
            correspondents=tuple(
                _correspondent(element)
                for element in document.findall(f"{_M}DocCorrespondentList/{_M}Corespondent")
            ),
            service=_service(document),
            attachments=attachments,
            extra=_open_content(document),
        )

    def inquiry(self) -> DocumentReference:
        """Read a status request (facts 3.11): which document is asked after."""
        return self._reference(_need(self._body("DocumentStatusRequest"), "DocID"))

    def status(self) -> StatusPart:
        """Read a status notice (facts 3.12); a peer's local status is kept as its word (4.3)."""
        body = self._body("DocumentStatusResponse")
        word = _text(body, "DocRegStatus").strip()
        if word not in STATUSES and word not in LOCAL_STATUSES:
            raise WireError("the document's status is none of the known ones")
        return StatusPart(
            document=self._reference(_need(body, "DocID")),
            # A local status is accepted and kept aside: by it nothing may change.
            status=STATUSES.get(word, DocumentStatus.WAITING),
            local_status="" if word in STATUSES else word,
            reason=_text(body, "RejectionReason").strip(),
            expected_close=self._day(body, "DocExpectCloseDate"),
        )

    def error(self) -> ErrorPart:
        """Read an error notice (facts 3.13); an unreadable reference is none."""
        body = self._body("Error")
        return ErrorPart(
            failed=self._attempt(
                lambda: _guid(body, "MessageGUID") if _text(body, "MessageGUID") else None,
                None,
                "Error/MessageGUID: cannot be read",
            ),
            kind=_text(body, "ErrorType").strip(),
            description=_text(body, "ErrorDescription").strip(),
        )

    # --- their parts ----------------------------------------------------------------------

    def _body(self, name: str) -> _Element:
        return _need(_need(self._root, "Body"), name)

    def _document(self) -> _Element:
        return _need(self._body("DocumentRegistrationRequest"), "Document")

    def _party(self, element: _Element) -> Party:
        return Party(
            identifier=_text(element, "Identifier").strip(),
            name=_text(element, "AdministrativeBodyName").strip(),
            guid=_guid(element, "GUID"),
        )

    def _attachment(self, index: int, element: _Element) -> AttachmentPart:
        return AttachmentPart(
            index=index,
            name=_text(element, "AttFileName"),
            media_type=_text(element, "AttMIMEType").strip(),
            comment=_text(element, "AttComment"),
            body=_need(element, "AttBody"),
        )

    def _parent(self, document: _Element, own: DocumentReference) -> DocumentReference | None:
        """Read the parent; one that repeats the document's own GUID is none (Q12)."""
        element = document.find(f"{_M}DocParentID")
        if element is None:
            return None
        parent = self._attempt(
            lambda: self._reference(element), None, "DocParentID: cannot be read"
        )
        return None if parent is not None and parent.guid == own.guid else parent

    def _reference(self, element: _Element) -> DocumentReference:
        return DocumentReference(
            guid=_guid(element, "DocumentGUID"),
            number=self._number(element) or self._uri(element),
        )

    def _number(self, element: _Element) -> RegistrationNumber | None:
        given = element.find(f"{_M}DocumentNumber")
        number = "" if given is None else _text(given, "DocNumber").strip()
        if given is None or not number:
            return None
        return RegistrationNumber(number=number, date=read_date(_text(given, "DocDate")))

    def _uri(self, element: _Element) -> RegistrationNumber | None:
        """Show a document URI as `index-sequence`, as the state's own node does (facts 3.8)."""
        given = element.find(f"{_M}DocumentURI")
        if given is None:
            return None
        index, sequence, day = (
            _either(given, name)
            for name in ("RegisterIndex", "SequenceNumber", "ReceiptOrSigningDate")
        )
        number = "-".join(part for part in (index, sequence) if part)
        if not number:
            return None
        if not day:
            # A number without its day is no identity, and a day is not ours to invent.
            self.deviations.append("DocumentURI: has no day and was left out")
            return None
        return RegistrationNumber(number=number, date=read_date(day))

    def _day(self, parent: _Element, name: str) -> date | None:
        text = _text(parent, name)
        if not text.strip():
            return None
        return self._attempt(lambda: read_date(text), None, f"{name}: cannot be read")

    def _moment(self, parent: _Element, name: str) -> datetime:
        moment = read_moment(_text(parent, name))
        if moment.tzinfo is None:
            self.deviations.append(f"{name}: has no offset; taken as the time of Sofia")
            moment = moment.replace(tzinfo=SOFIA)
        return moment

    def _attempt(self, read: Callable[[], T], otherwise: T, deviation: str) -> T:
        try:
            return read()
        except WireError:
            self.deviations.append(deviation)
            return otherwise


_BODIES: Final = frozenset(f"{_M}{name}" for name in KINDS)


def sender_guid(root: _Element) -> Guid:
    """Return the sender's register GUID, the one thing needed before the signature is judged."""
    if root.tag != f"{_M}Message":
        raise WireError("the document is not a SEOS message")
    return _guid(_need(_need(root, "Header"), "Sender"), "GUID")


def error_description(root: _Element) -> str | None:
    """Return what an answer tells as an error, however incomplete; None where it tells none."""
    declared = root.find(f"{_M}Header/{_M}MessageType")
    body = root.find(f"{_M}Body/{_M}Error")
    if body is None and (declared is None or (declared.text or "").strip() != "MSG_Error"):
        return None
    return "" if body is None else _text(body, "ErrorDescription").strip()


def _need(parent: _Element, name: str) -> _Element:
    found = parent.find(f"{_M}{name}")
    if found is None:
        raise WireError(f"the message has no {name}")
    return found


def _text(parent: _Element, name: str) -> str:
    found = parent.find(f"{_M}{name}")
    return "" if found is None else xml.text(found)


def _guid(parent: _Element, name: str) -> Guid:
    return ids.guid(_text(parent, name))


def _either(parent: _Element, name: str) -> str:
    """Read a child of the segment, also where it stands in the messaging namespace (Q16)."""
    found = parent.find(f"{_S}{name}")
    return _text(parent, name).strip() if found is None else xml.text(found).strip()


def _correspondent(element: _Element) -> Correspondent:
    return Correspondent(
        name=_text(element, "CorName"),
        city=_text(element, "CorCity"),
        address=_text(element, "CorAddress"),
        personal_number=_text(element, "CorEGN"),
        identity_card=_text(element, "CorIDCard"),
        eik=_text(element, "CorBULSTAT"),
        email=_text(element, "CorEMail"),
        phone=_text(element, "CorPhone"),
        mobile_phone=_text(element, "CorMobilePhone"),
        responsible=_text(element, "CorMOL"),
        comment=_text(element, "CorComment"),
        applicant=_text(element, "CorKind").strip() == "Corr_Applicant",
    )


def _service(document: _Element) -> Service | None:
    element = document.find(f"{_M}DocService")
    if element is None:
        return None
    return Service(
        name=_text(element, "ServiceName"),
        kind=_text(element, "ServiceType"),
        code=_text(element, "ServiceCode"),
    )


def _open_content(document: _Element) -> str:
    """Keep the open content as text: the whole element, markup included (facts 3.10)."""
    element = document.find(f"{_M}DocAddData")
    return "" if element is None else xml.serialise(element).decode("utf-8")
