"""Entries of the participants' register and their RPC/encoded XML (facts 10). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lxml import etree

from depesha.schemas.envelope import Party
from depesha.schemas.ids import Guid, SerialNumber

REGISTER: Final = "uri:egovmsg"
SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
ENCODING: Final = "http://schemas.xmlsoap.org/soap/encoding/"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
XSD: Final = "http://www.w3.org/2001/XMLSchema"
DOCUMENT_EXCHANGE: Final = "{7060efa8-f1fa-4938-8b2b-12a78c86988f}"
"""The service every participant offers; selected by this GUID, never by name (facts 10.2)."""
NO_PARENT: Final = Guid("00000000-0000-0000-0000-000000000000")
SERIAL_DIGITS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One participant as the register holds it (facts 10.2)."""

    party: Party
    serial: SerialNumber
    url: str
    last_change: datetime
    status: str = "Active"
    service_status: str = "Active"
    service_name: str = "Документооборот"
    service_version: int = 1
    parent: Guid = NO_PARENT
    phone: str = ""
    fax: str = ""
    email: str = ""

    @property
    def guid(self) -> Guid:
        """The participant's GUID; the register never lacks it."""
        return self.party.guid or NO_PARENT

    @property
    def serial_text(self) -> str:
        """The serial as the register writes it: 16 upper-case hex digits."""
        return self.serial.rjust(SERIAL_DIGITS, "0")


def answer(operation: str, entries: Sequence[Entry], last_change: datetime) -> bytes:
    """Return the SOAP envelope of an answer, in the exact shape of facts 10.3."""
    declared = {"SOAP-ENV": SOAP, "SOAP-ENC": ENCODING, "tns": REGISTER, "xsi": XSI, "xsd": XSD}
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap=declared)
    envelope.set(f"{{{SOAP}}}encodingStyle", ENCODING)
    body = etree.SubElement(envelope, f"{{{SOAP}}}Body")
    response = etree.SubElement(body, f"{{{REGISTER}}}{operation}Response")
    result = _typed(response, "return", "tns:EGovMessageDir")
    array = _array(result, "Entities", "Entity", len(entries))
    for entry in entries:
        _entity(_typed(array, "item", "tns:Entity"), entry)
    _leaf(result, "LastChange", last_change.isoformat(), "dateTime")
    return etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)


def _entity(item: etree._Element, entry: Entry) -> None:
    _leaf(item, "EntityIdentifier", entry.party.identifier)
    _leaf(item, "Guid", "{" + entry.guid + "}")
    _leaf(item, "ParentGuid", "{" + entry.parent + "}")
    _leaf(item, "AdministrativeBodyName", entry.party.name)
    contact = _typed(item, "Contact", "tns:Contact")
    _leaf(contact, "Phone", entry.phone)
    _leaf(contact, "Fax", entry.fax)
    _leaf(contact, "EmailAddress", entry.email)
    _leaf(item, "CertificateSN", entry.serial_text)
    service = _typed(_array(item, "Services", "Service", 1), "item", "tns:Service")
    _leaf(service, "Guid", DOCUMENT_EXCHANGE)
    _leaf(service, "Name", entry.service_name)
    _leaf(service, "URI", entry.url, "anyURI")
    _leaf(service, "Status", entry.service_status)
    _leaf(service, "Type", "service")
    _leaf(service, "Version", str(entry.service_version), "integer")
    _leaf(item, "LastChange", entry.last_change.isoformat(), "dateTime")
    _leaf(item, "Status", entry.status)


def _typed(parent: etree._Element, tag: str, kind: str) -> etree._Element:
    element = etree.SubElement(parent, tag)
    element.set(f"{{{XSI}}}type", kind)
    return element


def _array(parent: etree._Element, tag: str, kind: str, count: int) -> etree._Element:
    element = _typed(parent, tag, "SOAP-ENC:Array")
    element.set(f"{{{ENCODING}}}arrayType", f"tns:{kind}[{count}]")
    return element


def _leaf(parent: etree._Element, tag: str, text: str, kind: str = "string") -> None:
    _typed(parent, tag, f"xsd:{kind}").text = text
