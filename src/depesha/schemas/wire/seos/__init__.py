"""The SEOS schema and service descriptions: where they lie, and the schema ready for use.

Everything resolves offline, from the files beside this one. It must never judge a message.
"""

from __future__ import annotations

import functools
from enum import StrEnum
from pathlib import Path
from typing import Final

from depesha.schemas.xml import Schema

FOLDER: Final = Path(__file__).parent
SERVICE_WSDL: Final = FOLDER / "service.wsdl"
"""The endpoint (facts 2.1); its address is a placeholder that the server replaces."""
REGISTER_WSDL: Final = FOLDER / "register.wsdl"
"""The participants' register (facts 10.1)."""
PLACEHOLDER_ADDRESS: Final = "https://seos.example/"

MESSAGING: Final = "http://schemas.egov.bg/messaging/v1"
SEGMENT: Final = "http://ereg.egov.bg/segment/0009-000001"
DSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
SERVICE: Final = "http://services.egov.bg/messaging/"
REGISTER: Final = "uri:egovmsg"
DOCUMENT_EXCHANGE: Final = "7060efa8-f1fa-4938-8b2b-12a78c86988f"
"""GUID of the only service that counts in the register (facts 10.2, 10.5)."""


class Form(StrEnum):
    """Which of the two equal forms of the messaging schema."""

    OFFICIAL = "official"
    """`AttBody` is base64Binary: for conformance."""
    HOT = "hot"
    """`AttBody` is a string, judged by the decoder, a hundred times as quick per byte."""


@functools.cache
def schema(form: Form) -> Schema:
    """Return the messaging schema, loaded once; it may be used from any thread."""
    retype = {"AttBody": "xsd:string"} if form is Form.HOT else {}
    return Schema(FOLDER / "messaging.xsd", retype=retype)


@functools.cache
def service_wsdl() -> str:
    """Return the text of the endpoint's description, with the placeholder address in it."""
    return SERVICE_WSDL.read_text(encoding="utf-8")
