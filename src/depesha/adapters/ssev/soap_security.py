"""WS-Security for SSEV: our signature over the Timestamp, and the look at an answer's header.

Facts 7.2. It signs the Timestamp and nothing else, with exclusive C14N, the key info pointing to
the token. It never signs twice and never takes a key from an answer.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Final

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from lxml import etree
from lxml.etree import _Element

from depesha.adapters.signing import METHODS, SigningIdentity
from depesha.errors import ConfigurationError, DepeshaError, WireError
from depesha.schemas import xml
from depesha.schemas.wire.ssev import BASE64_ENCODING, DSIG, SOAP, WSSE, WSU, X509_TOKEN

EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
TIMESTAMP_ID: Final = "TS-1"
TOKEN_ID: Final = "X509-1"  # noqa: S105 -- the name of an element
_ID: Final = f"{{{WSU}}}Id"
_MUST: Final = f"{{{SOAP}}}mustUnderstand"
ALGORITHMS: Final = ("rsa-sha1", "rsa-sha256")
"""Those that the service's suite may take."""


class TimestampSigner:
    """Puts a signed security header into envelopes. One key, loaded once; any number of threads."""

    def __init__(
        self,
        identity: SigningIdentity,
        *,
        algorithm: str = "rsa-sha1",
        life: timedelta = timedelta(minutes=5),
    ) -> None:
        """Load the key, and prove once that it is the certificate's; `ConfigurationError`."""
        if algorithm not in ALGORITHMS:
            raise ConfigurationError("the signature algorithm is not one for SSEV")
        # Breaks inside values would be signed; readers that strip them would not verify.
        xmlsec.base64_default_line_size(1 << 20)
        self._method, self._digest = METHODS[algorithm]
        self._life = life
        self._token = base64.b64encode(identity.certificate_der).decode()
        try:
            self._key = xmlsec.Key.from_memory(identity.key_pem, xmlsec.constants.KeyDataFormatPem)
        except xmlsec.Error as error:
            raise ConfigurationError("the signing key for SSEV cannot be used") from error
        self._self_check(identity.certificate_der)

    def _self_check(self, certificate: bytes) -> None:
        envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"s": SOAP})
        etree.SubElement(envelope, f"{{{SOAP}}}Body")
        self.secure(envelope, datetime(2026, 1, 1, tzinfo=UTC))
        signature = next(envelope.iter(f"{{{DSIG}}}Signature"))
        context = xmlsec.SignatureContext()
        context.register_id(next(envelope.iter(f"{{{WSU}}}Timestamp")), "Id", WSU)
        try:
            context.key = _public(certificate)
            context.verify(signature)
        except xmlsec.Error as error:
            raise ConfigurationError(
                "a signature of ours for SSEV does not verify",
                remedy="check that key and certificate belong together",
            ) from error

    def secure(self, envelope: _Element, now: datetime) -> None:
        """Add the header, first in the envelope: Timestamp, token, signature (about 0.6 ms).

        Raises `DepeshaError` for an envelope that has a header already.
        """
        if envelope.find(f"{{{SOAP}}}Header") is not None:
            raise DepeshaError("the envelope has a header already")
        header = etree.Element(f"{{{SOAP}}}Header")
        envelope.insert(0, header)
        security = etree.SubElement(header, f"{{{WSSE}}}Security", nsmap={"o": WSSE, "u": WSU})
        security.set(_MUST, "1")
        timestamp = etree.SubElement(security, f"{{{WSU}}}Timestamp")
        timestamp.set(_ID, TIMESTAMP_ID)
        etree.SubElement(timestamp, f"{{{WSU}}}Created").text = _written(now)
        etree.SubElement(timestamp, f"{{{WSU}}}Expires").text = _written(now + self._life)
        token = etree.SubElement(security, f"{{{WSSE}}}BinarySecurityToken")
        token.set(_ID, TOKEN_ID)
        token.set("ValueType", X509_TOKEN)
        token.set("EncodingType", BASE64_ENCODING)
        token.text = self._token
        signature = self._template(security)
        context = xmlsec.SignatureContext()
        context.register_id(timestamp, "Id", WSU)
        context.key = self._key
        try:
            context.sign(signature)
        except xmlsec.Error as error:
            raise ConfigurationError(
                "signing for SSEV failed",
                remedy="the system's crypto policy may forbid the algorithm",
            ) from error

    def _template(self, security: _Element) -> _Element:
        signature = etree.SubElement(security, f"{{{DSIG}}}Signature", nsmap={"ds": DSIG})
        signed = etree.SubElement(signature, f"{{{DSIG}}}SignedInfo")
        _algorithm(signed, "CanonicalizationMethod", EXCLUSIVE)
        _algorithm(signed, "SignatureMethod", self._method)
        reference = etree.SubElement(signed, f"{{{DSIG}}}Reference", URI=f"#{TIMESTAMP_ID}")
        transforms = etree.SubElement(reference, f"{{{DSIG}}}Transforms")
        _algorithm(transforms, "Transform", EXCLUSIVE)
        _algorithm(reference, "DigestMethod", self._digest)
        etree.SubElement(reference, f"{{{DSIG}}}DigestValue")
        etree.SubElement(signature, f"{{{DSIG}}}SignatureValue")
        info = etree.SubElement(signature, f"{{{DSIG}}}KeyInfo")
        named = etree.SubElement(info, f"{{{WSSE}}}SecurityTokenReference")
        etree.SubElement(named, f"{{{WSSE}}}Reference", URI=f"#{TOKEN_ID}", ValueType=X509_TOKEN)
        return signature


def _algorithm(parent: _Element, name: str, algorithm: str) -> None:
    etree.SubElement(parent, f"{{{DSIG}}}{name}", Algorithm=algorithm)


def _written(moment: datetime) -> str:
    there = moment.astimezone(UTC)
    return there.strftime("%Y-%m-%dT%H:%M:%S.") + f"{there.microsecond // 1000:03d}Z"


def _public(certificate: bytes) -> xmlsec.Key:
    try:
        public = x509.load_der_x509_certificate(certificate).public_key()
    except ValueError as error:
        raise ConfigurationError("the signing certificate for SSEV cannot be read") from error
    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatPem)


def judge_header(envelope: _Element, now: datetime) -> timedelta | None:
    """Look at an answer's header; return how far the service's clock is from ours, or None.

    The answer's Timestamp is not signed (facts 7.2): TLS alone says who answered, so a moment
    that is off is told and not punished -- the message may well have been sent. Raises
    `WireError` for a header that must be understood and is not, and for doubled parts.
    """
    headers = envelope.findall(f"{{{SOAP}}}Header")
    if len(headers) > 1:
        raise WireError("an answer has two headers")
    parts = list(headers[0]) if headers else []
    security = [part for part in parts if part.tag == f"{{{WSSE}}}Security"]
    others = [part for part in parts if part.tag != f"{{{WSSE}}}Security"]
    if len(security) > 1:
        raise WireError("an answer has two security headers")
    if any(part.get(_MUST) in {"1", "true"} for part in others):
        raise WireError("an answer has a header that is not known")
    stamps = [stamp for part in security for stamp in part.findall(f"{{{WSU}}}Timestamp")]
    if not stamps:
        return None
    if len(stamps) > 1:
        raise WireError("an answer has two timestamps")
    created = stamps[0].find(f"{{{WSU}}}Created")
    return None if created is None else _read(xml.text(created)) - now


def _read(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise WireError("a moment in an answer cannot be read") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
