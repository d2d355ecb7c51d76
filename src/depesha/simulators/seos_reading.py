"""Reading SEOS messages back into values, leniently, as old peers do.

An implementation of its own. It does not judge: signatures are in `seos_signing`, what to
answer is in `seos_participant`.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

import pybase64
from lxml import etree

from depesha.errors import WireError
from depesha.schemas.envelope import Correspondent, Party, RegistrationNumber, Service
from depesha.schemas.ids import Guid, guid
from depesha.schemas.xml import parse
from depesha.simulators.seos_documents import (
    AddedData,
    Body,
    DocumentId,
    Enclosure,
    Failure,
    Header,
    RegistrationRequest,
    StatusRequest,
    StatusResponse,
    Uri,
)
from depesha.simulators.seos_signing import undeclared

STATUSES = frozenset(
    {
        "DS_WAIT_REGISTRATION",
        "DS_REGISTERED",
        "DS_REJECTED",
        "DS_ALREADY_RECEIVED",
        "DS_NOT_FOUND",
        "DS_STOPPED",
        "DS_CLOSED",
    }
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One message as read; `type` is the header's own word."""

    type: str
    header: Header
    body: Body


def read(text: str) -> Heard:
    """Read a message; raise `WireError` where it is not XML or not of the classes (facts 7)."""
    root = parse(undeclared(text)).root
    if etree.QName(root).localname != "Message":
        raise WireError("the root of the document is not a Message")
    head = _need(root, "Header")
    return Heard(type=_text(head, "MessageType"), header=_header(head), body=_body(root))


def _header(head: etree._Element) -> Header:
    return Header(
        version=_text(head, "Version"),
        message_guid=guid(_text(head, "MessageGUID")),
        created_at=_convert(_text(head, "MessageDate"), datetime.fromisoformat),
        sender=_party(_need(head, "Sender")),
        recipient=_party(_need(head, "Recipient")),
    )


def _body(root: etree._Element) -> Body:
    body = _need(root, "Body")
    if len(body) != 1:
        raise WireError("the Body does not hold exactly one element")
    inner = body[0]
    match etree.QName(inner).localname:
        case "DocumentRegistrationRequest":
            return _registration(inner)
        case "DocumentStatusRequest":
            return StatusRequest(document=_document_id(_need(inner, "DocID")))
        case "DocumentStatusResponse":
            return _status(inner)
        case "Error":
            failed = _maybe(inner, "MessageGUID")
            return Failure(
                failed=guid(failed) if failed else None,
                kind=_text(inner, "ErrorType"),
                description=_text(inner, "ErrorDescription"),
            )
        case _:
            raise WireError("the Body holds an unknown element")


def _status(inner: etree._Element) -> StatusResponse:
    status = _text(inner, "DocRegStatus")
    if status not in STATUSES:
        raise WireError("the status is not one of the schema's")
    return StatusResponse(
        document=_document_id(_need(inner, "DocID")),
        status=status,
        reason=_maybe(inner, "RejectionReason"),
        expected_close=_day(inner, "DocExpectCloseDate"),
        added=_added(inner),
    )


def _registration(inner: etree._Element) -> RegistrationRequest:
    document = _need(inner, "Document")
    parent = _find(document, "DocParentID")
    service = _find(document, "DocService")
    return RegistrationRequest(
        document=_document_id(_need(document, "DocID")),
        parent=None if parent is None else _document_id(parent),
        kind=_text(document, "DocKind"),
        correspondents=tuple(
            _correspondent(e) for e in document.iterfind("{*}DocCorrespondentList/{*}Corespondent")
        ),
        enclosures=tuple(
            _enclosure(e) for e in document.iterfind("{*}DocAttachmentList/{*}Attachment")
        ),
        subject=_maybe(document, "DocAbout"),
        service=None if service is None else _service(service),
        document_comment=_maybe(document, "DocComment"),
        added=_added(document),
        deadline=_day(document, "DocReqDateClose"),
        attention_to=_maybe(document, "DocAttentionTo"),
        comment=_text(inner, "Comment"),
    )


def _document_id(element: etree._Element) -> DocumentId:
    number, uri = _find(element, "DocumentNumber"), _find(element, "DocumentURI")
    return DocumentId(
        guid=guid(_text(element, "DocumentGUID")),
        number=None if number is None else _number(number),
        uri=None if uri is None else _uri(uri),
    )


def _number(element: etree._Element) -> RegistrationNumber:
    day = _convert(_text(element, "DocDate")[:10], date.fromisoformat)
    return RegistrationNumber(number=_text(element, "DocNumber"), date=day)


def _uri(element: etree._Element) -> Uri:
    index, sequence = _maybe(element, "RegisterIndex"), _maybe(element, "SequenceNumber")
    return Uri(
        register_index=_convert(index, int) if index else None,
        sequence_number=_convert(sequence, int) if sequence else None,
        day=_day(element, "ReceiptOrSigningDate"),
    )


def _correspondent(element: etree._Element) -> Correspondent:
    return Correspondent(
        name=_text(element, "CorName"),
        city=_text(element, "CorCity"),
        address=_maybe(element, "CorAddress") or "",
        personal_number=_maybe(element, "CorEGN") or "",
        identity_card=_maybe(element, "CorIDCard") or "",
        eik=_maybe(element, "CorBULSTAT") or "",
        email=_maybe(element, "CorEMail") or "",
        phone=_maybe(element, "CorPhone") or "",
        mobile_phone=_maybe(element, "CorMobilePhone") or "",
        responsible=_maybe(element, "CorMOL") or "",
        comment=_maybe(element, "CorComment") or "",
        applicant=_maybe(element, "CorKind") == "Corr_Applicant",
    )


def _enclosure(element: etree._Element) -> Enclosure:
    body = "".join(_text(element, "AttBody").split())
    try:
        content = pybase64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise WireError("an attachment is not base64") from error
    return Enclosure(
        name=_text(element, "AttFileName"),
        content=content,
        media_type=_text(element, "AttMIMEType"),
        comment=_maybe(element, "AttComment"),
    )


def _service(element: etree._Element) -> Service:
    return Service(
        name=_text(element, "ServiceName"),
        kind=_text(element, "ServiceType"),
        code=_text(element, "ServiceCode"),
    )


def _added(parent: etree._Element) -> AddedData | None:
    element = _find(parent, "DocAddData")
    if element is None:
        return None
    fields = tuple((etree.QName(e).localname, e.text or "") for e in element)
    return AddedData(text=element.text or "", fields=fields)


def _party(element: etree._Element) -> Party:
    return Party(
        identifier=_text(element, "Identifier"),
        name=_text(element, "AdministrativeBodyName"),
        guid=guid(_text(element, "GUID")),
    )


def _find(parent: etree._Element, tag: str) -> etree._Element | None:
    return parent.find("{*}" + tag)


def _need(parent: etree._Element, tag: str) -> etree._Element:
    element = _find(parent, tag)
    if element is None:
        raise WireError(f"the message has no {tag}")
    return element


def _text(parent: etree._Element, tag: str) -> str:
    return _need(parent, tag).text or ""


def _maybe(parent: etree._Element, tag: str) -> str | None:
    element = _find(parent, tag)
    return None if element is None else element.text or ""


def _day(parent: etree._Element, tag: str) -> date | None:
    text = _maybe(parent, tag)
    return _convert(text[:10], date.fromisoformat) if text else None


def _convert(text: str, into: Callable[[str], T]) -> T:
    try:
        return into(text)
    except ValueError as error:
        raise WireError("a date or a number cannot be read") from error


def document_of(body: Body) -> Guid | None:
    """Return the document a body speaks of; None for an error."""
    return None if isinstance(body, Failure) else body.document.guid
