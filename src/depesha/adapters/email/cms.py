"""Judges a CMS signature (RFC 5652, RFC 8551) over exactly the bytes it is given.

Form first, then the certificate, then the mathematics. It must never look for the signed bytes
itself, and never take what a certificate says about itself for trust.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from asn1crypto import cms
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from depesha.adapters.certificates import (
    EXPONENT_BITS,
    KEY_BITS,
    UNREADABLE,
    Bearer,
    facts_of,
    signs,
)
from depesha.adapters.email.addresses import same
from depesha.adapters.trust import CertificateJudge
from depesha.schemas.facts import SignatureFacts
from depesha.schemas.verdict import Finding, Rejection, finding

HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
"""SHA-1 is refused: nothing in mail has to be read that still uses it."""
STRONG_BITS: Final = 2048
CMS_BYTES: Final = 1024 * 1024
"""A detached signature with its chain takes a few kilobytes."""
CERTIFICATES: Final = 20
_BROKEN: Final = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)
"""What asn1crypto raises for hostile ASN.1."""


class FormError(Exception):
    """The signature is not in the one form that is accepted; `rule` says which one it breaks."""

    def __init__(self, rule: str, reason: Rejection = Rejection.SIGNATURE_STRUCTURE) -> None:
        super().__init__(rule)
        self.rule = rule
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRules:
    """What a certificate must keep beside the rules of trust."""

    mail_use: bool = True
    address: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A signature taken apart: nothing is judged yet."""

    info: cms.SignerInfo = field(repr=False)
    certificate: x509.Certificate = field(repr=False)
    others: tuple[bytes, ...] = field(repr=False)
    """DER of the other certificates that came along."""
    digest: str
    algorithm: str
    """`rsa`, `rsa-pss` or `ecdsa`."""
    inside: bytes | None = field(repr=False)
    """Content inside the CMS (an opaque signature); None for a detached one."""


def take_apart(der: bytes) -> Signed:
    """Read a SignedData with exactly one signer; raise `FormError`."""
    try:
        info = cms.ContentInfo.load(der, strict=True)
        if info["content_type"].native != "signed_data":
            raise FormError("not-signed-data")
        return _signed(info["content"])
    except _BROKEN as error:
        raise FormError("unreadable") from error


def _signed(data: cms.SignedData) -> Signed:
    if data["encap_content_info"]["content_type"].native != "data":
        raise FormError("content-type")
    if len(data["signer_infos"]) != 1:
        raise FormError("not-one-signer")
    info = data["signer_infos"][0]
    digest = info["digest_algorithm"]["algorithm"].native
    if digest not in HASHES:
        raise FormError(digest, Rejection.SIGNATURE_ALGORITHM)
    encoded = [choice.chosen.dump() for choice in data["certificates"] or ()]
    if len(encoded) > CERTIFICATES:
        raise FormError("too-many-certificates")
    own, others = _own(info["sid"], encoded)
    inside = data["encap_content_info"]["content"]
    return Signed(
        info=info,
        certificate=own,
        others=others,
        digest=digest,
        algorithm=_algorithm(info["signature_algorithm"], digest),
        inside=None if inside.native is None else bytes(inside),
    )


def _algorithm(told: Any, digest: str) -> str:
    names = {"rsassa_pkcs1v15": "rsa", "rsassa_pss": "rsa-pss", "ecdsa": "ecdsa"}
    kind = names.get(told.signature_algo)
    plain_rsa = told["algorithm"].native == "rsassa_pkcs1v15"  # names no digest of its own
    if kind is None or (not plain_rsa and told.hash_algo != digest):
        raise FormError("algorithm", Rejection.SIGNATURE_ALGORITHM)
    return kind


def _own(
    sid: cms.SignerIdentifier, encoded: list[bytes]
) -> tuple[x509.Certificate, tuple[bytes, ...]]:
    """Find the signer's certificate by its own name for it; exactly one may fit."""
    fitting: list[tuple[x509.Certificate, bytes]] = []
    others: list[bytes] = []
    for der in encoded:
        try:
            read = x509.load_der_x509_certificate(der)
            fits = _fits(sid, read)
        except UNREADABLE as error:
            raise FormError("certificate-unreadable") from error
        if fits:
            fitting.append((read, der))
        else:
            others.append(der)
    if len({der for _, der in fitting}) != 1:
        raise FormError("no-certificate" if not fitting else "several-certificates")
    return fitting[0][0], tuple(others)


def _fits(sid: cms.SignerIdentifier, certificate: x509.Certificate) -> bool:
    if sid.name == "issuer_and_serial_number":
        told = sid.chosen
        return bool(
            certificate.serial_number == told["serial_number"].native
            and certificate.issuer.public_bytes() == told["issuer"].dump()
        )
    try:
        key_id = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        return False
    return bool(key_id.value.digest == sid.chosen.native)


def holds(signed: Signed, content: bytes) -> bool:
    """Tell whether the mathematics holds over exactly `content`; raise `FormError` for the form.

    The signed attributes must be there: without them a content could be made that reads as some
    other signature's attributes (RFC 5652, 11).
    """
    try:
        attributes = _attributes(signed.info)
    except _BROKEN as error:
        raise FormError("unreadable") from error
    if attributes["content_type"] != "data":
        raise FormError("content-type")
    if attributes["message_digest"] != hashlib.new(signed.digest, content).digest():
        return False
    # Signed is their encoding as a SET, not as the implicitly tagged field they travel in.
    covered = b"\x31" + signed.info["signed_attrs"].dump()[1:]
    return _verifies(signed, covered)


def _attributes(info: cms.SignerInfo) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for attribute in info["signed_attrs"] or ():
        name, values = attribute["type"].native, attribute["values"]
        if name in {"content_type", "message_digest"}:
            if name in found or len(values) != 1:
                raise FormError("attributes")
            found[name] = values[0].native
    if found.keys() != {"content_type", "message_digest"}:
        raise FormError("attributes")
    return found


def _verifies(signed: Signed, covered: bytes) -> bool:
    key, chosen = signed.certificate.public_key(), HASHES[signed.digest]
    value = signed.info["signature"].native
    try:
        if isinstance(key, rsa.RSAPublicKey) and signed.algorithm == "rsa":
            key.verify(value, covered, padding.PKCS1v15(), chosen)
        elif isinstance(key, rsa.RSAPublicKey) and signed.algorithm == "rsa-pss":
            scheme = padding.PSS(mgf=padding.MGF1(chosen), salt_length=padding.PSS.AUTO)
            key.verify(value, covered, scheme, chosen)
        elif isinstance(key, ec.EllipticCurvePublicKey) and signed.algorithm == "ecdsa":
            key.verify(value, covered, ec.ECDSA(chosen))
        else:
            raise FormError("key", Rejection.SIGNATURE_ALGORITHM)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


# --- the certificate ------------------------------------------------------------------------


def mail_faults(certificate: x509.Certificate, address: str) -> tuple[str, ...]:
    """Return which rules of mail a certificate breaks: `mail-use`, `mail-address`, or none.

    RFC 8550: the extended key usage names e-mail or anything, or is absent (4.4.4); the address
    stands in the alternative names, or in the subject where they hold none (3).
    """
    try:
        use = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        good = {ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
        used = not good.isdisjoint(use)
    except x509.ExtensionNotFound:
        used = True
    except UNREADABLE:
        used = False
    named = any(same(address, own) for own in addresses_in(certificate))
    return (() if used else ("mail-use",)) + (() if named else ("mail-address",))


def addresses_in(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the mail addresses a certificate is issued for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        found = tuple(names.value.get_values_for_type(x509.RFC822Name))
    except x509.ExtensionNotFound:
        found = ()
    except UNREADABLE:
        return ()
    subject = certificate.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS)
    return found or tuple(str(attribute.value) for attribute in subject)


class SmimeVerifier:
    """Judges signatures of mail. One object serves any number of threads."""

    def __init__(self, judge: CertificateJudge, rules: MailRules | None = None) -> None:
        """`judge` must not go by register serials: mail has no register."""
        self._judge = judge
        self._rules = rules or MailRules()

    def verify(self, signed: Signed, content: bytes, sender: str, at: datetime) -> SignatureFacts:
        """Judge the signature over `content` of a mail that says it comes from `sender`.

        A finding that only holds comes after the mathematics, so that a forged mail is refused.
        Never raises for bad mails.
        """
        algorithm = f"{signed.algorithm}-{signed.digest}"
        try:
            bearer, bits = _bearer(signed.certificate)
            verdict = self._certificate(signed, bearer, sender, at)
            refused = verdict is not None and isinstance(verdict.reason, Rejection)
            if not refused and not holds(signed, content):
                verdict = finding(Rejection.SIGNATURE_INVALID, algorithm=algorithm)
        except FormError as error:
            return SignatureFacts(finding=finding(error.reason, rule=error.rule))
        return SignatureFacts(
            finding=verdict,
            algorithm=algorithm,
            weak=0 < bits < STRONG_BITS,
            certificate=bearer.facts,
        )

    def _certificate(
        self, signed: Signed, bearer: Bearer, sender: str, at: datetime
    ) -> Finding | None:
        faults = mail_faults(signed.certificate, sender)
        wanted = {"mail-use": self._rules.mail_use, "mail-address": self._rules.address}
        for fault in faults:
            if wanted[fault]:
                issuer = bearer.facts.issuer
                return finding(Rejection.CERTIFICATE_UNTRUSTED, issuer=issuer, rule=fault)
        return self._judge.judge(bearer, (), at, signed.others)


def _bearer(certificate: x509.Certificate) -> tuple[Bearer, int]:
    """Read a certificate for the judge; with the RSA key's length, or 0 for another kind."""
    try:
        key = certificate.public_key()
        der = certificate.public_bytes(Encoding.DER)
        bearer = Bearer(der=der, facts=facts_of(certificate), may_sign=signs(certificate))
    except UNREADABLE as error:
        raise FormError("certificate-unreadable") from error
    if not isinstance(key, rsa.RSAPublicKey):
        return bearer, 0
    if key.key_size not in KEY_BITS or key.public_numbers().e.bit_length() > EXPONENT_BITS:
        raise FormError("key", Rejection.SIGNATURE_ALGORITHM)
    return bearer, key.key_size
