"""Building the XML of SEOS messages, elements exactly in the schema's order (facts 3).

It builds trees and nothing else: no signature, no socket, no clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import assert_never, cast

import pybase64
from lxml import etree

from depesha.schemas.envelope import Correspondent, Party
from depesha.schemas.ids import Guid
from depesha.simulators.seos_documents import (
    DSIG,
    MESSAGING,
    SEGMENT,
    AddedData,
    Body,
    DocumentId,
    Enclosure,
    Failure,
    Header,
    RegistrationRequest,
    StatusRequest,
    StatusResponse,
)

_DOT_NET = {
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "xsd": "http://www.w3.org/2001/XMLSchema",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """How a sender's software writes XML; all of it means the same (facts 2.3)."""

    prefixes: bool = False
    """Declare `ns2` and `ns3` on the root, as the PHP sender does; else in the .NET manner."""
    upper_guids: bool = False
    pretty: bool = False
    """Indent before signing (facts Q2)."""
    attachment_line: int = 0
    """Break base64 into lines of so many characters; 0 for one line."""


PLAIN = Spelling()


def namespaces(default: str, prefixed: dict[str, str]) -> dict[str, str]:
    """Return namespace declarations with a default one, in the form lxml asks for."""
    # lxml takes None as the empty prefix; its type stubs know only texts
    return cast("dict[str, str]", {**prefixed, None: default})


def build(header: Header, body: Body, spelling: Spelling = PLAIN) -> etree._Element:
    """Return the unsigned message as a tree, elements exactly in the schema's order."""
    return _Writer(spelling).message(header, body)


def message_type(body: Body) -> str:
    """Return the `MessageType` that goes with a body (facts 4.1)."""
    match body:
        case RegistrationRequest():
            return "MSG_DocumentRegistrationRequest"
        case StatusRequest():
            return "MSG_DocumentStatusRequest"
        case StatusResponse():
            return "MSG_DocumentStatusResponse"
        case Failure():
            return "MSG_Error"
        case _:
            assert_never(body)


def timestamp(moment: datetime) -> str:
    """Write a time as the .NET peers do: seven fraction digits and an offset (facts 3.2)."""
    offset = moment.strftime("%z") or "+0000"
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}0{offset[:3]}:{offset[3:5]}"


class _Writer:
    """Writes one message; holds nothing but the spelling."""

    def __init__(self, spelling: Spelling) -> None:
        self._spelling = spelling

    def message(self, header: Header, body: Body) -> etree._Element:
        declared = {"ns2": SEGMENT, "ns3": DSIG} if self._spelling.prefixes else _DOT_NET
        root = etree.Element(f"{{{MESSAGING}}}Message", nsmap=namespaces(MESSAGING, declared))
        head = self._add(root, "Header")
        self._add(head, "Version", header.version)
        self._add(head, "MessageType", message_type(body))
        self._add(head, "MessageDate", timestamp(header.created_at))
        self._party(head, "Sender", header.sender)
        self._party(head, "Recipient", header.recipient)
        self._add(head, "MessageGUID", self._guid(header.message_guid))
        self._body(self._add(root, "Body"), body)
        if self._spelling.pretty:
            etree.indent(root, space="  ")
        return root

    def _body(self, parent: etree._Element, body: Body) -> None:
        match body:
            case RegistrationRequest():
                self._registration(self._add(parent, "DocumentRegistrationRequest"), body)
            case StatusRequest():
                inner = self._add(parent, "DocumentStatusRequest")
                self._document_id(inner, "DocID", body.document)
            case StatusResponse():
                inner = self._add(parent, "DocumentStatusResponse")
                self._document_id(inner, "DocID", body.document)
                self._add(inner, "DocRegStatus", body.status)
                self._optional(inner, "RejectionReason", body.reason)
                self._optional(inner, "DocExpectCloseDate", body.expected_close)
                self._added(inner, body.added)
            case Failure():
                inner = self._add(parent, "Error")
                if body.failed is not None:
                    self._add(inner, "MessageGUID", self._guid(body.failed))
                self._add(inner, "ErrorType", body.kind)
                self._add(inner, "ErrorDescription", body.description)
            case _:
                assert_never(body)

    def _registration(self, parent: etree._Element, body: RegistrationRequest) -> None:
        document = self._add(parent, "Document")
        self._document_id(document, "DocID", body.document)
        if body.parent is not None:
            self._document_id(document, "DocParentID", body.parent)
        self._add(document, "DocKind", body.kind)
        if body.correspondents:
            people = self._add(document, "DocCorrespondentList")
            for person in body.correspondents:
                self._correspondent(self._add(people, "Corespondent"), person)
        if body.enclosures:
            files = self._add(document, "DocAttachmentList")
            for enclosure in body.enclosures:
                self._enclosure(self._add(files, "Attachment"), enclosure)
        self._optional(document, "DocAbout", body.subject)
        if body.service is not None:
            service = self._add(document, "DocService")
            self._add(service, "ServiceName", body.service.name)
            self._add(service, "ServiceType", body.service.kind)
            self._add(service, "ServiceCode", body.service.code)
        self._optional(document, "DocComment", body.document_comment)
        self._added(document, body.added)
        self._optional(document, "DocReqDateClose", body.deadline)
        self._optional(document, "DocAttentionTo", body.attention_to)
        self._add(parent, "Comment", body.comment)

    def _document_id(self, parent: etree._Element, tag: str, value: DocumentId) -> None:
        inner = self._add(parent, tag)
        if value.number is not None:
            number = self._add(inner, "DocumentNumber")
            self._add(number, "DocNumber", value.number.number)
            self._add(number, "DocDate", value.number.date.isoformat())
        elif value.uri is not None:
            uri = self._add(inner, "DocumentURI")
            index, sequence = value.uri.register_index, value.uri.sequence_number
            self._segment(uri, "RegisterIndex", None if index is None else str(index))
            self._segment(uri, "SequenceNumber", None if sequence is None else str(sequence))
            day = value.uri.day
            self._segment(uri, "ReceiptOrSigningDate", None if day is None else day.isoformat())
        self._add(inner, "DocumentGUID", self._guid(value.guid))

    def _correspondent(self, parent: etree._Element, person: Correspondent) -> None:
        self._add(parent, "CorName", person.name)
        self._add(parent, "CorCity", person.city)
        for tag, text in (
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
            self._optional(parent, tag, text or None)
        self._add(parent, "CorKind", "Corr_Applicant" if person.applicant else "Corr_Other")

    def _enclosure(self, parent: etree._Element, enclosure: Enclosure) -> None:
        self._add(parent, "AttFileName", enclosure.name)
        text = pybase64.b64encode(enclosure.content).decode("ascii")
        width = self._spelling.attachment_line
        if width:
            text = "\n".join(text[i : i + width] for i in range(0, len(text), width))
        self._add(parent, "AttBody", text)
        self._optional(parent, "AttComment", enclosure.comment)
        self._add(parent, "AttMIMEType", enclosure.media_type)

    def _added(self, parent: etree._Element, added: AddedData | None) -> None:
        if added is None:
            return
        inner = self._add(parent, "DocAddData", added.text)
        for name, text in added.fields:
            self._add(inner, name, text)

    def _party(self, parent: etree._Element, tag: str, party: Party) -> None:
        inner = self._add(parent, tag)
        self._add(inner, "Identifier", party.identifier)
        self._add(inner, "AdministrativeBodyName", party.name)
        if party.guid is not None:
            self._add(inner, "GUID", self._guid(party.guid))

    def _guid(self, value: Guid) -> str:
        return "{" + (value.upper() if self._spelling.upper_guids else value) + "}"

    def _optional(self, parent: etree._Element, tag: str, value: str | date | None) -> None:
        if value is not None:
            self._add(parent, tag, value.isoformat() if isinstance(value, date) else value)

    def _segment(self, parent: etree._Element, tag: str, text: str | None) -> None:
        if text is not None:
            etree.SubElement(parent, f"{{{SEGMENT}}}{tag}").text = text

    def _add(self, parent: etree._Element, tag: str, text: str | None = None) -> etree._Element:
        element = etree.SubElement(parent, f"{{{MESSAGING}}}{tag}")
        element.text = text
        return element
