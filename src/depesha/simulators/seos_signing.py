"""Signing and judging SEOS messages with libxmlsec, in the several manners of the network.

An implementation of its own (facts 5), no trust rules of the product in it: it signs well or
badly as told, and it verifies as the reference node does. Blocking: call it from threads.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import pybase64
import xmlsec
from cryptography import x509
from lxml import etree

from depesha.errors import WireError
from depesha.schemas.ids import SerialNumber, serial_number
from depesha.schemas.xml import parse
from depesha.simulators.authority import Identity
from depesha.simulators.seos_documents import DSIG
from depesha.simulators.seos_writing import namespaces

C14N: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
ENVELOPED: Final = DSIG + "enveloped-signature"
_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_XMLENC: Final = "http://www.w3.org/2001/04/xmlenc#"

ALGORITHMS: Final = {
    "rsa-sha1": (DSIG + "rsa-sha1", DSIG + "sha1"),
    "rsa-sha256": (_MORE + "rsa-sha256", _XMLENC + "sha256"),
    "rsa-sha384": (_MORE + "rsa-sha384", _MORE + "sha384"),
    "rsa-sha512": (_MORE + "rsa-sha512", _XMLENC + "sha512"),
}
"""Short name → SignatureMethod and DigestMethod (facts 5.1, 5.4)."""

_DECLARATION = re.compile(r"\A\ufeff?\s*<\?xml[^>]*\?>\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """How a participant signs and writes its message down. All but `broken` verify."""

    algorithm: str = "rsa-sha1"
    prefix: str = ""
    """Prefix of the signature's elements; empty for a default namespace on `Signature`."""
    certificates: int = 1
    """How often the certificate stands in KeyInfo; the reference node writes it twice (Q7)."""
    wrapped_value: bool = False
    """Line breaks inside SignatureValue."""
    broken: bool = False
    """Change a word of the document after signing it."""
    bom: bool = False
    declared_encoding: str = "utf-8"
    """What the declaration says; meaningless on the wire, for the string is decoded (2.3)."""


PLAIN = Hand()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the mathematics and the certificate say about a message."""

    valid: bool
    algorithm: str = ""
    serial: SerialNumber | None = None
    certificate: bytes = b""
    """DER of the first certificate in KeyInfo."""


def sign(root: etree._Element, identity: Identity, hand: Hand = PLAIN) -> str:
    """Sign the tree in place and return the text that travels, declaration first."""
    signature = _template(root, identity, hand)
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(identity.key_pem, xmlsec.constants.KeyDataFormatPem)
    context.sign(signature)
    value = signature.find(f"{{{DSIG}}}SignatureValue")
    if value is not None and value.text and not hand.wrapped_value:
        value.text = "".join(value.text.split())
    if hand.broken:
        _break(root)
    return write(root, hand)


def write(root: etree._Element, hand: Hand = PLAIN) -> str:
    """Return a tree as the text that travels; no blank is added anywhere."""
    start = "\ufeff" if hand.bom else ""
    text: str = etree.tostring(root, encoding="unicode")
    return f'{start}<?xml version="1.0" encoding="{hand.declared_encoding}"?>{text}'


def undeclared(text: str) -> bytes:
    """Return the document as UTF-8 without mark and declaration, whatever they claimed."""
    return _DECLARATION.sub("", text, count=1).lstrip("\ufeff").encode()


def judge(text: str) -> Judgement:
    """Verify the root's own signature with the first certificate it carries (facts 5.2).

    Raises `WireError` where the text is not XML.
    """
    root = parse(undeclared(text)).root
    signature = root.find(f"{{{DSIG}}}Signature")
    carried = root.find(f".//{{{DSIG}}}X509Certificate")
    if signature is None or carried is None:
        return Judgement(valid=False)
    der = pybase64.b64decode("".join((carried.text or "").split()))
    try:
        serial = serial_number(x509.load_der_x509_certificate(der).serial_number)
    except ValueError:
        return Judgement(valid=False)
    method = signature.find(f"{{{DSIG}}}SignedInfo/{{{DSIG}}}SignatureMethod")
    uri = "" if method is None else method.get("Algorithm", "")
    name = next((k for k, (m, _) in ALGORITHMS.items() if m == uri), "")
    valid = bool(name) and _covers_the_whole(signature) and _holds(signature, der)
    return Judgement(valid=valid, algorithm=name, serial=serial, certificate=der)


def _holds(signature: etree._Element, certificate: bytes) -> bool:
    try:
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(certificate, xmlsec.constants.KeyDataFormatCertDer)
        context.verify(signature)
    except xmlsec.Error:
        return False
    return True


def _covers_the_whole(signature: etree._Element) -> bool:
    references = signature.findall(f"{{{DSIG}}}SignedInfo/{{{DSIG}}}Reference")
    transforms = [t.get("Algorithm") for t in signature.iter(f"{{{DSIG}}}Transform")]
    return [r.get("URI") for r in references] == [""] and transforms == [ENVELOPED]


def _template(root: etree._Element, identity: Identity, hand: Hand) -> etree._Element:
    try:
        method, digest = ALGORITHMS[hand.algorithm]
    except KeyError:
        raise WireError("this signature algorithm is not one of the network's") from None
    declared = {hand.prefix: DSIG} if hand.prefix else namespaces(DSIG, {})
    signature = etree.SubElement(root, f"{{{DSIG}}}Signature", nsmap=declared)

    def add(parent: etree._Element, tag: str, **attributes: str) -> etree._Element:
        return etree.SubElement(parent, f"{{{DSIG}}}{tag}", attributes)

    info = add(signature, "SignedInfo")
    add(info, "CanonicalizationMethod", Algorithm=C14N)
    add(info, "SignatureMethod", Algorithm=method)
    reference = add(info, "Reference", URI="")
    add(add(reference, "Transforms"), "Transform", Algorithm=ENVELOPED)
    add(reference, "DigestMethod", Algorithm=digest)
    add(reference, "DigestValue")
    add(signature, "SignatureValue")
    data = add(add(signature, "KeyInfo"), "X509Data")
    issuer = add(data, "X509IssuerSerial")
    certificate = identity.certificate
    add(issuer, "X509IssuerName").text = dot_net_name(certificate.issuer)
    add(issuer, "X509SerialNumber").text = str(certificate.serial_number)
    text = pybase64.b64encode(identity.certificate_der).decode("ascii")
    for _ in range(hand.certificates):
        add(data, "X509Certificate").text = text
    return signature


def dot_net_name(name: x509.Name) -> str:
    """Write a name as .NET does: last part first, commas and blanks, unknown parts as `OID.`."""
    known = {"2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "S", "2.5.4.10": "O"}
    return ", ".join(
        f"{known.get(a.oid.dotted_string, 'OID.' + a.oid.dotted_string)}={_quoted(str(a.value))}"
        for a in reversed(list(name))
    )


def _quoted(value: str) -> str:
    return f'"{value}"' if set(value) & set(',+="<>#;') else value


def _break(root: etree._Element) -> None:
    """Change the name of the sender: the kind of change a signature is there to show."""
    for element in root.iter("{*}AdministrativeBodyName"):
        element.text = (element.text or "") + " (променено)"
        return
