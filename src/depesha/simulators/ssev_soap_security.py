"""WS-Security at the door of the simulated SSEV: an X.509 signature over the Timestamp (facts 7.2).

An implementation of its own. It tells whose certificate signed; who that is, others know.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import xmlsec
from cryptography import x509
from lxml import etree

from depesha.schemas import xml
from depesha.schemas.wire.ssev import DSIG, SOAP, WSSE, WSU, X509_TOKEN

TOLERANCE: Final = timedelta(minutes=5)
"""Platform default for clocks that differ (facts 7.2)."""
_ID: Final = f"{{{WSU}}}Id"
_EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
SHA1: Final = f"{DSIG}rsa-sha1"
_METHODS: Final = {SHA1, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"}


class SecurityError(Exception):
    """The security header does not hold; its text is for tests, never for the wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """How strict the door is."""

    timestamp_alone: bool = False
    sha1_alone: bool = False


def verify(envelope: etree._Element, now: datetime, doors: Doors) -> bytes:
    """Return the certificate (DER) that signed; raises `SecurityError`."""
    security = _one(envelope, f"{{{SOAP}}}Header/{{{WSSE}}}Security")
    timestamp = _one(security, f"{{{WSU}}}Timestamp")
    token = _one(security, f"{{{WSSE}}}BinarySecurityToken")
    signature = _one(security, f"{{{DSIG}}}Signature")
    _judge_times(timestamp, now)
    _judge_form(envelope, signature, timestamp, token, doors)
    certificate = _certificate(token)
    context = xmlsec.SignatureContext()
    for element in envelope.iter():
        if isinstance(element.tag, str) and _ID in element.attrib:
            context.register_id(element, "Id", WSU)
    try:
        context.key = xmlsec.Key.from_memory(certificate, xmlsec.constants.KeyDataFormatCertDer)
        context.verify(signature)
    except xmlsec.Error as error:
        raise SecurityError("the signature does not verify") from error
    return certificate


def _one(parent: etree._Element, path: str) -> etree._Element:
    found = parent.findall(path)
    if len(found) != 1:
        raise SecurityError(f"there must be one {path.rpartition('}')[2]}")
    return found[0]


def _judge_times(timestamp: etree._Element, now: datetime) -> None:
    created = _moment(_one(timestamp, f"{{{WSU}}}Created"))
    expires = _moment(_one(timestamp, f"{{{WSU}}}Expires"))
    if not created - TOLERANCE <= now <= expires + TOLERANCE or created >= expires:
        raise SecurityError("the timestamp is not of now")


def _moment(element: etree._Element) -> datetime:
    try:
        moment = datetime.fromisoformat(xml.text(element))
    except ValueError as error:
        raise SecurityError("a moment cannot be read") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _judge_form(
    envelope: etree._Element,
    signature: etree._Element,
    timestamp: etree._Element,
    token: etree._Element,
    doors: Doors,
) -> None:
    ids = [e.get(_ID) for e in envelope.iter() if isinstance(e.tag, str) and _ID in e.attrib]
    if len(ids) != len(set(ids)):
        raise SecurityError("an id stands twice")
    signed = _one(signature, f"{{{DSIG}}}SignedInfo")
    method = _one(signed, f"{{{DSIG}}}SignatureMethod").get("Algorithm")
    if method not in ({SHA1} if doors.sha1_alone else _METHODS):
        raise SecurityError("the signature method is not taken")
    if _one(signed, f"{{{DSIG}}}CanonicalizationMethod").get("Algorithm") != _EXCLUSIVE:
        raise SecurityError("the canonicalization is not taken")
    covered = [each.get("URI", "") for each in signed.findall(f"{{{DSIG}}}Reference")]
    if f"#{timestamp.get(_ID)}" not in covered:
        raise SecurityError("the timestamp is not signed")
    if doors.timestamp_alone and len(covered) != 1:
        raise SecurityError("more than the timestamp is signed")
    reference = signature.find(
        f"{{{DSIG}}}KeyInfo/{{{WSSE}}}SecurityTokenReference/{{{WSSE}}}Reference"
    )
    if reference is None or reference.get("URI") != f"#{token.get(_ID)}":
        raise SecurityError("the key info does not point to the token")


def _certificate(token: etree._Element) -> bytes:
    if not token.get("ValueType", "").endswith(X509_TOKEN.rpartition("/")[2]):
        raise SecurityError("the token is no X.509 certificate")
    try:
        der = base64.b64decode("".join(xml.text(token).split()), validate=True)
        x509.load_der_x509_certificate(der)
    except (binascii.Error, ValueError) as error:
        raise SecurityError("the token cannot be read") from error
    return der
