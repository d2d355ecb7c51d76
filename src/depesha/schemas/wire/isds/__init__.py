"""The ISDS service descriptions and schemas: where they lie, their names, ready schemas.

Written by us from the facts (sections 1.3, 2, 4, 5, 8.3, 9.2), version 3.11: names, namespaces and
order are the wire's. Where the facts do not tell the order of an operation's words, it is left out
(FindDataBox, GetUserInfoFromLogin, GetDataBoxAddress and others). Everything resolves offline. It
must never judge a message.
"""

from __future__ import annotations

import functools
from enum import StrEnum
from pathlib import Path
from typing import Final

from depesha.schemas.xml import Schema

FOLDER: Final = Path(__file__).parent
OPERATIONS_XSD: Final = FOLDER / "isds.xsd"
"""Every operation of every service, requests and answers."""

V20: Final = "http://isds.czechpoint.cz/v20"
"""Every request, every answer, and `dmDm` in a ZFO."""
SOAP11: Final = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12: Final = "http://www.w3.org/2003/05/soap-envelope"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
XOP: Final = "http://www.w3.org/2004/08/xop/include"

DONE: Final = "0000"
"""Status code of success."""
DONE_WORDS: Final = "Provedeno úspěšně."
EVERY_STATE: Final = "-1"
"""`dmStatusFilter` that leaves nothing out (facts 5.2.1)."""


class Service(StrEnum):
    """The services: last part of an address (facts 1.3)."""

    OPERATIONS = "dz"
    INFO = "dx"
    SEARCH = "df"
    ACCESS = "DsManage"
    BIG = "vodz"
    ARCHIVE = "arch"

    @property
    def wsdl(self) -> Path:
        """The service's description, ours."""
        return FOLDER / f"{self.value.lower()}.wsdl"

    @property
    def on_ws2(self) -> bool:
        """True where the host for big messages serves it (facts 1.2)."""
        return self in {Service.BIG, Service.ARCHIVE}


class Paper(StrEnum):
    """What a ZFO holds; the value is the end of its root's namespace (facts 9.2)."""

    RECEIVED = "message"
    SENT = "SentMessage"
    DELIVERY = "delivery"

    @property
    def namespace(self) -> str:
        """Namespace of everything in it but `dmDm`."""
        return f"{V20}/{self.value}"

    @property
    def root(self) -> str:
        """Local name of the root element."""
        return "GetDeliveryInfoResponse" if self is Paper.DELIVERY else "MessageDownloadResponse"

    @property
    def child(self) -> str:
        """Local name of the root's only child."""
        return "dmDelivery" if self is Paper.DELIVERY else "dmReturnedMessage"


_SEALED: Final = {
    Paper.RECEIVED: "sealed-message.xsd",
    Paper.SENT: "sealed-sent.xsd",
    Paper.DELIVERY: "sealed-delivery.xsd",
}


@functools.cache
def schema() -> Schema:
    """Return the schema of all operations, loaded once; it may be used from any thread."""
    return Schema(OPERATIONS_XSD)


@functools.cache
def paper_schema(paper: Paper) -> Schema:
    """Return the schema of the XML sealed in a ZFO, loaded once; for any thread."""
    return Schema(FOLDER / _SEALED[paper])
