"""The SEOS schema and service descriptions: where they lie, and the schema ready for use.

Everything resolves offline, from the files beside this one. It must never judge a message.
"""

from __future__ import annotations

import functools
import threading
from enum import StrEnum
from pathlib import Path

from lxml import etree

from depesha.schemas import xml

FOLDER = Path(__file__).parent
SERVICE_WSDL = FOLDER / "service.wsdl"
"""The endpoint (facts 2.1); its address is a placeholder that the server replaces."""
REGISTER_WSDL = FOLDER / "register.wsdl"
"""The participants' register (facts 10.1)."""
PLACEHOLDER_ADDRESS = "https://seos.example/"

MESSAGING = "http://schemas.egov.bg/messaging/v1"
SEGMENT = "http://ereg.egov.bg/segment/0009-000001"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
SERVICE = "http://services.egov.bg/messaging/"
REGISTER = "uri:egovmsg"
DOCUMENT_EXCHANGE = "7060efa8-f1fa-4938-8b2b-12a78c86988f"
"""GUID of the only service that counts in the register (facts 10.2, 10.5)."""

_XSD = "http://www.w3.org/2001/XMLSchema"


class Form(StrEnum):
    """Which of the two equal forms of the messaging schema."""

    OFFICIAL = "official"
    """`AttBody` is base64Binary: for conformance."""
    HOT = "hot"
    """`AttBody` is a string, judged by the decoder, a hundred times as quick per byte."""


def load(form: Form) -> etree.XMLSchema:
    """Build the messaging schema anew. One object serves one thread: its error log is its own."""
    tree = xml.parse(FOLDER / "messaging.xsd").root.getroottree()
    if form is Form.HOT:
        body = tree.find(f".//{{{_XSD}}}element[@name='AttBody']")
        if body is None:  # pragma: no cover -- the file beside this one says otherwise
            raise LookupError("the messaging schema has no AttBody")
        body.set("type", "xsd:string")
    return etree.XMLSchema(tree)


_own = threading.local()


def schema(form: Form) -> etree.XMLSchema:
    """Return this thread's copy of the schema, built once."""
    made: dict[Form, etree.XMLSchema] = _own.__dict__.setdefault("made", {})
    if form not in made:
        made[form] = load(form)
    return made[form]


@functools.cache
def service_wsdl() -> str:
    """Return the text of the endpoint's description, with the placeholder address in it."""
    return SERVICE_WSDL.read_text(encoding="utf-8")
