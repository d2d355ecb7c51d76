"""Reads X.509 certificates of peers and of authorities into plain facts.

It must never judge one, and never let a foreign exception out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from depesha.errors import ConfigurationError, WireError
from depesha.schemas.facts import CertificateFacts
from depesha.schemas.ids import Digest, serial_number

KEY_BITS: Final = range(1024, 8193)
"""RSA keys that are looked at: shorter ones are broken, longer ones only cost us time."""
EXPONENT_BITS: Final = 33
"""Larger public exponents serve only to make verifying slow."""
UNREADABLE: Final = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    TypeError,  # a name whose value is of a kind that names never have
)
"""What the library raises for bytes that are no certificate, or a broken one."""
_BEGIN: Final = re.compile(rb"-----BEGIN ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """What a judge of trust looks at, whatever kind of key the certificate holds."""

    der: bytes = field(repr=False)
    facts: CertificateFacts
    may_sign: bool
    """False where its key usage says that the key is not for signing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate(Bearer):
    """A certificate of a peer, read once: nothing about it is judged yet."""

    key: rsa.RSAPublicKey = field(repr=False)

    @classmethod
    def read(cls, der: bytes) -> Certificate:
        """Read DER; raise `WireError` for what is no certificate with an RSA key of sane size."""
        try:
            read = x509.load_der_x509_certificate(der)
            key = read.public_key()
            may_sign = signs(read)
            facts = facts_of(read)
        except UNREADABLE as error:
            raise WireError("a certificate cannot be read") from error
        if not isinstance(key, rsa.RSAPublicKey):
            raise WireError("a certificate's key is not an RSA key")
        exponent = key.public_numbers().e
        if key.key_size not in KEY_BITS or exponent.bit_length() > EXPONENT_BITS:
            raise WireError("a certificate's key has an unusable size")
        return cls(der=der, key=key, facts=facts, may_sign=may_sign)


def facts_of(certificate: x509.Certificate) -> CertificateFacts:
    """Return what people need to know of it; raises one of `UNREADABLE` for broken ones."""
    return CertificateFacts(
        serial=serial_number(certificate.serial_number),
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        fingerprint=Digest(certificate.fingerprint(hashes.SHA256()).hex()),
    )


def signs(certificate: x509.Certificate) -> bool:
    """Tell whether its key usage lets the key sign; raises one of `UNREADABLE`."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.digital_signature or usage.content_commitment


def authorities(bundles: Iterable[bytes]) -> Iterator[x509.Certificate]:
    """Read authorities' certificates from PEM bundles or DER; raise `ConfigurationError`."""
    for bundle in bundles:
        try:
            if _BEGIN.search(bundle):
                yield from x509.load_pem_x509_certificates(bundle)
            else:
                yield x509.load_der_x509_certificate(bundle)
        except ValueError as error:
            raise ConfigurationError("a CA certificate cannot be read") from error


def der(certificate: x509.Certificate) -> bytes:
    """Return a certificate's DER."""
    return certificate.public_bytes(Encoding.DER)
