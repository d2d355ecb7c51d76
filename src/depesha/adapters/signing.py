"""Signs our own XML documents with xmlsec, in the one form the network's peers verify.

It must never sign twice, re-indent, or let the private key out.
"""

from __future__ import annotations

import base64
from copy import copy
from functools import cache
from typing import Final, Protocol, cast

import xmlsec
from cryptography import x509
from lxml import etree

from depesha.errors import ConfigurationError, DepeshaError
from depesha.schemas import xml
from depesha.schemas.xmlstream import NODE, divide, serialise_large

DS: Final = "http://www.w3.org/2000/09/xmldsig#"
C14N: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
ENVELOPED: Final = DS + "enveloped-signature"
_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_ENC: Final = "http://www.w3.org/2001/04/xmlenc#"

METHODS: Final = {
    "rsa-sha1": (DS + "rsa-sha1", DS + "sha1"),
    "rsa-sha256": (_MORE + "rsa-sha256", _ENC + "sha256"),
    "rsa-sha384": (_MORE + "rsa-sha384", _MORE + "sha384"),
    "rsa-sha512": (_MORE + "rsa-sha512", _ENC + "sha512"),
}
"""Signature method and the digest that goes with it, by short name."""
_DEFAULT = cast("dict[str, str]", {None: DS})
"""Peers write the signature in the default namespace; lxml-stubs do not know that None is one."""
_PROBE: Final = b'<Probe xmlns="urn:depesha:self-check"><Text>1</Text></Probe>'


class SigningIdentity(Protocol):
    """A private key and its certificate, wherever they come from."""

    @property
    def key_pem(self) -> bytes:
        """The private key, PKCS#8 PEM, not encrypted."""

    @property
    def certificate_der(self) -> bytes:
        """The certificate, DER."""


class XmlSigner:
    """The `Signer` port on xmlsec: enveloped, inclusive C14N 1.0, whole document (facts 5.1).

    Holds one key, loaded once; every call works on its own copy of the handle, so any number
    of threads may sign at once.
    """

    def __init__(self, identity: SigningIdentity) -> None:
        """Load the key; raises `ConfigurationError` where xmlsec cannot use it."""
        # Breaks inside DigestValue would be signed, and some peers strip them afterwards (Q19).
        xmlsec.base64_default_line_size(1 << 20)
        try:
            self._key = xmlsec.Key.from_memory(identity.key_pem, xmlsec.constants.KeyDataFormatPem)
        except xmlsec.Error as error:
            raise ConfigurationError("the signing key cannot be used") from error
        self._key_info = _key_info(identity.certificate_der)

    def sign(self, document: bytes, algorithm: str) -> bytes:
        """Return the document with an enveloped signature as last child of its root.

        `algorithm` is one of `METHODS`. The result is UTF-8 on one line with a declaration.
        Raises `WireError` for what is not XML, `ConfigurationError` for an unknown algorithm
        and where the machine's crypto policy forbids it, and `DepeshaError` for a document
        that carries a signature already.
        """
        root = xml.parse(document).root
        large = len(document) > NODE
        del document
        if large:
            # Canonical XML copies each text node twice: of several, only one at a time.
            for element in list(root.iter()):
                divide(element)
        if next(root.iter(f"{{{DS}}}Signature"), None) is not None:
            raise DepeshaError("the document is signed already")
        signature = copy(_empty(algorithm))
        root.append(signature)
        context = xmlsec.SignatureContext()
        context.key = self._key
        try:
            context.sign(signature)
        except xmlsec.Error as error:
            raise ConfigurationError(
                f"signing with {algorithm} failed",
                remedy="the system's crypto policy may forbid it; allow it or choose another",
            ) from error
        signature.append(copy(self._key_info))
        return serialise_large(root) if large else xml.serialise(root)

    def self_check(self, *algorithms: str) -> None:
        """Sign and verify once with each algorithm (all four where none is named).

        Raises `ConfigurationError` where lxml and xmlsec do not fit together, the certificate
        is not the key's, or the system's crypto policy forbids the algorithm.
        """
        for algorithm in algorithms or METHODS:
            signed = self.sign(_PROBE, algorithm)
            signature = xml.parse(signed).root[-1]
            context = xmlsec.SignatureContext()
            try:
                context.key = xmlsec.Key.from_memory(
                    self._certificate(), xmlsec.constants.KeyDataFormatCertDer
                )
                context.verify(signature)
            except xmlsec.Error as error:
                raise ConfigurationError(
                    f"a signature of ours with {algorithm} does not verify",
                    remedy="check that key and certificate belong together, and the installation",
                ) from error

    def _certificate(self) -> bytes:
        text = self._key_info.findtext(f"{{{DS}}}X509Data/{{{DS}}}X509Certificate") or ""
        return base64.b64decode(text)


@cache
def _empty(algorithm: str) -> etree._Element:
    """Return an empty signature, without a single blank; it is copied and never changed."""
    try:
        method, digest = METHODS[algorithm]
    except KeyError as error:
        raise ConfigurationError("the signature algorithm is not one we sign with") from error
    signature = etree.Element(f"{{{DS}}}Signature", nsmap=_DEFAULT)
    signed = _child(signature, "SignedInfo")
    _child(signed, "CanonicalizationMethod", Algorithm=C14N)
    _child(signed, "SignatureMethod", Algorithm=method)
    reference = _child(signed, "Reference", URI="")
    _child(_child(reference, "Transforms"), "Transform", Algorithm=ENVELOPED)
    _child(reference, "DigestMethod", Algorithm=digest)
    _child(reference, "DigestValue")
    _child(signature, "SignatureValue")
    return signature


def _child(parent: etree._Element, name: str, text: str = "", **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, f"{{{DS}}}{name}", attributes)
    element.text = text or None
    return element


def _key_info(certificate: bytes) -> etree._Element:
    """Issuer and decimal serial, then the certificate once, as peers look for it (facts 14.8)."""
    try:
        read = x509.load_der_x509_certificate(certificate)
    except ValueError as error:
        raise ConfigurationError("the signing certificate cannot be read") from error
    info = etree.Element(f"{{{DS}}}KeyInfo", nsmap=_DEFAULT)
    data = _child(info, "X509Data")
    serial = _child(data, "X509IssuerSerial")
    _child(serial, "X509IssuerName", read.issuer.rfc4514_string())
    _child(serial, "X509SerialNumber", str(read.serial_number))
    _child(data, "X509Certificate", base64.b64encode(certificate).decode())
    return info
