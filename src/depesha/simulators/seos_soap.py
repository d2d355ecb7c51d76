"""The SOAP layer of SEOS: one string in, one string out (facts 2). Wrapping and unwrapping only.

An implementation of its own; it never looks into the string.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from depesha.errors import PeerError, WireError
from depesha.schemas.xml import parse
from depesha.simulators.seos_writing import namespaces

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
SERVICE: Final = "http://services.egov.bg/messaging/"
ACTION: Final = '"http://services.egov.bg/messaging/IEGovService/Submit"'
CONTENT_TYPE: Final = "text/xml; charset=utf-8"
_NIL: Final = "{http://www.w3.org/2001/XMLSchema-instance}nil"


def wrap_request(text: str | None, *, cdata: bool = False) -> bytes:
    """Return the envelope of a call; None for an absent `request`."""
    return _wrap("Submit", "request", text, cdata=cdata)


def wrap_answer(text: str | None) -> bytes:
    """Return the envelope of an answer; an empty text for "taken, nothing to say"."""
    return _wrap("SubmitResponse", "SubmitResult", text, cdata=False)


def wrap_fault(reason: str, code: str = "Server") -> bytes:
    """Return a SOAP 1.1 fault."""
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"s": SOAP})
    body = etree.SubElement(envelope, f"{{{SOAP}}}Body")
    fault = etree.SubElement(body, f"{{{SOAP}}}Fault")
    etree.SubElement(fault, "faultcode").text = f"s:{code}"
    etree.SubElement(fault, "faultstring").text = reason
    return etree.tostring(envelope, encoding="utf-8", xml_declaration=True)


def unwrap_request(envelope: bytes) -> str | None:
    """Return the string of a call, None where absent or nil; raise `WireError`."""
    return _unwrap(envelope, "Submit", "request")


def unwrap_answer(envelope: bytes) -> str | None:
    """Return the string of an answer; raise `PeerError` for a fault, `WireError` for no SOAP."""
    return _unwrap(envelope, "SubmitResponse", "SubmitResult")


def _wrap(outer: str, inner: str, text: str | None, *, cdata: bool) -> bytes:
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"s": SOAP})
    body = etree.SubElement(envelope, f"{{{SOAP}}}Body")
    declared = namespaces(SERVICE, {})
    wrapper = etree.SubElement(body, f"{{{SERVICE}}}{outer}", nsmap=declared)
    if text is not None:
        part = etree.SubElement(wrapper, f"{{{SERVICE}}}{inner}")
        part.text = etree.CDATA(text) if cdata else text
    return etree.tostring(envelope, encoding="utf-8", xml_declaration=True)


def _unwrap(envelope: bytes, outer: str, inner: str) -> str | None:
    root = parse(envelope).root
    fault = root.find(f"{{{SOAP}}}Body/{{{SOAP}}}Fault")
    if fault is not None:
        raise PeerError(
            "the peer answered with a SOAP fault", said=fault.findtext("faultstring", "")
        )
    wrapper = root.find(f"{{{SOAP}}}Body/{{{SERVICE}}}{outer}")
    if wrapper is None:
        raise WireError("this is not a SOAP envelope of the network")
    part = wrapper.find(f"{{{SERVICE}}}{inner}")
    if part is None or part.get(_NIL) in {"true", "1"}:
        return None
    return part.text or ""
