"""From words to the wire: unsigned SEOS messages, exactly in the schema's order (facts 3). Pure.

Strict on output: no whitespace between elements (Q1), default namespace, offsets always, GUIDs in
braces and lower case, fillers where something is mandatory. It never signs and never invents an
identity or a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Final, Literal, cast

import pybase64
from lxml import etree

from depesha.adapters.seos.dates import write_date, write_moment
from depesha.adapters.seos.mapping import SOFIA
from depesha.adapters.seos.names import KINDS, STATUS_WORDS
from depesha.errors import StorageError, WireError
from depesha.schemas import xml
from depesha.schemas.envelope import Party
from depesha.schemas.ids import Guid, braced
from depesha.schemas.wire.seos import MESSAGING
from depesha.schemas.xmlstream import lay_out, serialise_large

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from depesha.schemas.answer import DocumentStatus
    from depesha.schemas.envelope import Correspondent, DocumentReference, Envelope
    from depesha.schemas.envelope import Service as ServiceItem

VERSION: Final = "1.0"
LARGE: Final = 1024 * 1024
"""Bytes of files above which memory is spared instead of time."""
PIECE: Final = 6 * LARGE
"""Bytes of a file read at once; divisible by three, so that base64 pieces join."""
REASON_LIMIT: Final = 450
"""Characters of a RejectionReason the state's node takes (facts 3.12)."""
NO_CITY: Final = "Непосочен"
"""Filler of the mandatory CorCity, as the state's node writes it (Q33)."""
NO_COMMENT: Final = "N/A"
"""Filler of the mandatory Comment (Q33)."""
NO_KIND: Final = "Писмо"
NO_MEDIA_TYPE: Final = "application/octet-stream"

ErrorKind = Literal["ERR_INTERNAL", "ERR_EXTERNAL"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """Who writes to whom, when, under which new identity."""

    transport_id: Guid
    created_at: datetime
    sender: Party
    recipient: Party


def write_request(heading: Heading, envelope: Envelope, contents: Iterable[bytes | Path]) -> bytes:
    """Write a registration request; `contents` are the attachments, in their order.

    Files are read when it is their turn, in pieces; raises `WireError`, and `StorageError` where
    one cannot be read.
    """
    root, body = _message(heading, "DocumentRegistrationRequest")
    document = _add(body, "Document")
    _reference(document, "DocID", envelope.document)
    if envelope.parent is not None:
        _reference(document, "DocParentID", envelope.parent)
    _add(document, "DocKind", envelope.kind or NO_KIND)
    if envelope.correspondents:
        people = _add(document, "DocCorrespondentList")
        for person in envelope.correspondents:
            _correspondent(people, person)
    _attachments(document, envelope, contents)
    _optional(document, "DocAbout", envelope.subject)
    _service(document, envelope.service)
    _optional(document, "DocComment", envelope.document_comment)
    if envelope.extra:
        document.append(_open_content(envelope.extra))
    if envelope.deadline is not None:
        _add(document, "DocReqDateClose", write_date(envelope.deadline))
    _optional(document, "DocAttentionTo", envelope.attention_to)
    _add(body, "Comment", envelope.comment or NO_COMMENT)
    large = sum(attachment.size for attachment in envelope.attachments) > LARGE
    return serialise_large(root) if large else xml.serialise(root)


def write_inquiry(heading: Heading, document: DocumentReference) -> bytes:
    """Write a status request (facts 3.11)."""
    root, body = _message(heading, "DocumentStatusRequest")
    _reference(body, "DocID", document)
    return xml.serialise(root)


def write_status(
    heading: Heading,
    document: DocumentReference,
    status: DocumentStatus,
    *,
    reason: str = "",
    expected_close: date | None = None,
) -> bytes:
    """Write a status answer or notice (facts 3.12); `reason` is cut to what peers take."""
    root, body = _message(heading, "DocumentStatusResponse")
    _reference(body, "DocID", document)
    _add(body, "DocRegStatus", STATUS_WORDS[status])
    _optional(body, "RejectionReason", shorten(reason, REASON_LIMIT))
    if expected_close is not None:
        _add(body, "DocExpectCloseDate", write_date(expected_close))
    return xml.serialise(root)


def write_error(
    heading: Heading, failed: Guid | None, description: str, kind: ErrorKind = "ERR_EXTERNAL"
) -> bytes:
    """Write an error (facts 3.13); the reference is left out rather than empty."""
    root, body = _message(heading, "Error")
    if failed is not None:
        _add(body, "MessageGUID", braced(failed))
    _add(body, "ErrorType", kind)
    _add(body, "ErrorDescription", description)
    return xml.serialise(root)


def shorten(text: str, limit: int) -> str:
    """Cut a text to `limit` characters with an ellipsis."""
    text = text.strip()
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _message(heading: Heading, name: str) -> tuple[etree._Element, etree._Element]:
    # The stubs do not know the default namespace's key.
    default = cast("dict[str, str]", {None: MESSAGING})
    root = etree.Element(f"{{{MESSAGING}}}Message", nsmap=default)
    header = _add(root, "Header")
    _add(header, "Version", VERSION)
    _add(header, "MessageType", KINDS[name].message_type)
    _add(header, "MessageDate", write_moment(heading.created_at, SOFIA))
    _party(header, "Sender", heading.sender)
    _party(header, "Recipient", heading.recipient)
    _add(header, "MessageGUID", braced(heading.transport_id))
    return root, _add(_add(root, "Body"), name)


def _party(parent: etree._Element, name: str, party: Party) -> None:
    if party.guid is None:
        raise WireError("a party without a register GUID cannot stand in a SEOS message")
    element = _add(parent, name)
    _add(element, "Identifier", party.identifier)
    _add(element, "AdministrativeBodyName", party.name)
    _add(element, "GUID", braced(party.guid))


def _reference(parent: etree._Element, name: str, document: DocumentReference) -> None:
    element = _add(parent, name)
    if document.number is not None:
        number = _add(element, "DocumentNumber")
        _add(number, "DocNumber", document.number.number)
        _add(number, "DocDate", write_date(document.number.date))
    _add(element, "DocumentGUID", braced(document.guid))


def _correspondent(parent: etree._Element, person: Correspondent) -> None:
    element = _add(parent, "Corespondent")
    _add(element, "CorName", person.name)
    _add(element, "CorCity", person.city or NO_CITY)
    for name, text in (
        ("CorAddress", person.address),
        ("CorEGN", person.personal_number),
        ("CorIDCard", person.identity_card),
        ("CorBULSTAT", person.eik),
        ("CorEMail", person.email),
        ("CorPhone", person.phone),
        ("CorMobilePhone", person.mobile_phone),
        ("CorMOL", person.responsible),
        ("CorComment", person.comment),
    ):
        _optional(element, name, text)
    _add(element, "CorKind", "Corr_Applicant" if person.applicant else "Corr_Other")


def _attachments(
    document: etree._Element, envelope: Envelope, contents: Iterable[bytes | Path]
) -> None:
    if not envelope.attachments:
        return
    files = _add(document, "DocAttachmentList")
    for attachment, content in zip(envelope.attachments, contents, strict=True):
        element = _add(files, "Attachment")
        _add(element, "AttFileName", attachment.name)
        body = _add(element, "AttBody")
        if isinstance(content, bytes):
            body.text = pybase64.b64encode_as_string(content)
        else:
            lay_out(body, _encoded(content))
        _optional(element, "AttComment", attachment.comment)
        _add(element, "AttMIMEType", attachment.media_type or NO_MEDIA_TYPE)


def _encoded(path: Path) -> Iterator[str]:
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                yield pybase64.b64encode_as_string(piece)
    except OSError as error:
        raise StorageError("a file of a document cannot be read") from error


def _service(document: etree._Element, service: ServiceItem | None) -> None:
    if service is None:
        return
    element = _add(document, "DocService")
    _add(element, "ServiceName", service.name)
    _add(element, "ServiceType", service.kind)
    _add(element, "ServiceCode", service.code)


def _open_content(text: str) -> etree._Element:
    root = xml.parse(text.encode("utf-8")).root
    if root.tag != f"{{{MESSAGING}}}DocAddData":
        raise WireError("the open content is not a DocAddData element")
    return root


def _optional(parent: etree._Element, name: str, text: str) -> None:
    if text:
        _add(parent, name, text)


def _add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, f"{{{MESSAGING}}}{name}")
    if text is not None:
        try:
            element.text = text
        except ValueError as error:
            raise WireError("a text holds characters that XML cannot carry") from error
    return element
