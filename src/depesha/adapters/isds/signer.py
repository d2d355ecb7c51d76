"""Judges the one signer of a signed file: form, mathematics, and which part does not hold.

RSA-PSS and PKCS#1 v1.5 (facts 9.1), ECDSA for time stamps. It must never judge trust, and never
look for the signed bytes itself.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from asn1crypto import algos, cms, tsp
from asn1crypto.x509 import Certificate as Asn1Certificate
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from depesha.adapters.certificates import (
    EXPONENT_BITS,
    KEY_BITS,
    UNREADABLE,
    Bearer,
    facts_of,
    signs,
)
from depesha.adapters.isds import ber
from depesha.adapters.isds.ber import SignedFile, Signer
from depesha.adapters.isds.parts import Flaw, Part
from depesha.errors import WireError

HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1(),  # noqa: S303 -- papers of 2009 and 2010; reported as weak
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
STRONG_BITS: Final = 2048
_PLAIN: Final = {"rsassa_pkcs1v15", "sha1_rsa", "sha256_rsa", "sha384_rsa", "sha512_rsa"}
_BROKEN: Final = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)
"""What asn1crypto raises for hostile ASN.1."""
_CONTENT_TYPE: Final = bytes.fromhex("06092a864886f70d010903")
_MESSAGE_DIGEST: Final = bytes.fromhex("06092a864886f70d010904")
_SIGNING_TIME: Final = bytes.fromhex("06092a864886f70d010905")
_CERTIFICATE_1: Final = bytes.fromhex("060b2a864886f70d010910020c")
_CERTIFICATE_2: Final = bytes.fromhex("060b2a864886f70d010910022f")
_NAMED, _KEYED = 0x30, 0x80
_MASK_END: Final = 0xBC


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What is known of the signer; a flaw does not keep the rest from being told."""

    flaws: tuple[Flaw, ...]
    bearer: Bearer | None = field(default=None, repr=False)
    others: tuple[bytes, ...] = field(default=(), repr=False)
    """The other certificates that came along, DER."""
    certificate: x509.Certificate | None = field(default=None, repr=False)
    algorithm: str = ""
    weak: bool = False
    signing_time: datetime | None = None
    names_certificate: bool = False
    """A signed attribute ties the signature to this very certificate."""


class _Wrong(Exception):  # noqa: N818 -- carries a flaw to where it is collected
    def __init__(self, part: Part, rule: str) -> None:
        super().__init__(rule)
        self.flaw = Flaw(part=part, rule=rule)


@dataclass(frozen=True, slots=True)
class _Scheme:
    kind: str
    digest: str
    salt: int = 0

    @property
    def padding(self) -> Any:
        if self.kind == "rsa-pss":
            return padding.PSS(mgf=padding.MGF1(HASHES[self.digest]), salt_length=self.salt)
        return padding.PKCS1v15()


def judge_signer(signed: SignedFile, content_type: bytes) -> Judged:
    """Judge form and mathematics; never raises for bad files."""
    known = Judged(flaws=())
    if len(signed.signers) != 1:
        return Judged(flaws=(Flaw(part=Part.SIGNATURE, rule="not-one-signer"),))
    if signed.content_type != content_type:
        return Judged(flaws=(Flaw(part=Part.CONTAINER, rule="content-type"),))
    try:
        signer = signed.signers[0]
        certificate, others = _own(signer, signed.certificates)
        key, bearer = _bearer(certificate)
        known = replace(known, certificate=certificate, bearer=bearer, others=others)
        scheme = _scheme(signer)
        known = replace(
            known,
            algorithm=f"{scheme.kind}-{scheme.digest}",
            weak=scheme.digest == "sha1" or _short(key),
        )
        _mathematics(key, scheme, signer)
        told = _attributes(signer.attributes)
        _attributes_fit(told, signed, scheme, content_type)
        named = _names(told, bearer.der)
        return replace(known, signing_time=_signing_time(told), names_certificate=named)
    except _Wrong as wrong:
        return replace(known, flaws=(wrong.flaw,))


# --- whose -----------------------------------------------------------------------------------


def _own(
    signer: Signer, certificates: tuple[bytes, ...]
) -> tuple[x509.Certificate, tuple[bytes, ...]]:
    """Find the signer's certificate by its own name for it; exactly one may fit."""
    expected = {_NAMED: 1, _KEYED: 3}.get(signer.sid[0])
    if signer.version != expected:
        raise _Wrong(Part.SIGNATURE, "signer-version")
    fitting: list[tuple[x509.Certificate, bytes]] = []
    others: list[tuple[x509.Certificate, bytes]] = []
    for der in certificates:
        try:
            if Asn1Certificate.load(der, strict=True).serial_number <= 0:
                raise _Wrong(Part.SIGNATURE, "certificate-serial")
            read = x509.load_der_x509_certificate(der)
            fits = _fits(signer.sid, read)
        except (*UNREADABLE, *_BROKEN) as error:
            raise _Wrong(Part.SIGNATURE, "certificate-unreadable") from error
        (fitting if fits else others).append((read, der))
    if len(fitting) != 1:
        raise _Wrong(Part.SIGNATURE, "no-certificate" if not fitting else "several-certificates")
    return fitting[0][0], tuple(der for _, der in others)


def _fits(sid: bytes, certificate: x509.Certificate) -> bool:
    if sid[0] == _NAMED:
        told = cms.IssuerAndSerialNumber.load(sid, strict=True)
        return bool(
            certificate.serial_number == told["serial_number"].native
            and certificate.issuer.public_bytes() == told["issuer"].dump()
        )
    try:
        key_id = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        return False
    return bool(key_id.value.digest == ber.value_of(sid))


def _bearer(certificate: x509.Certificate) -> tuple[Any, Bearer]:
    try:
        key = certificate.public_key()
        bearer = Bearer(
            der=certificate.public_bytes(Encoding.DER),
            facts=facts_of(certificate),
            may_sign=signs(certificate),
        )
    except (*UNREADABLE, *_BROKEN) as error:
        raise _Wrong(Part.SIGNATURE, "certificate-unreadable") from error
    if isinstance(key, rsa.RSAPublicKey):
        exponent = key.public_numbers().e
        if key.key_size not in KEY_BITS or exponent.bit_length() > EXPONENT_BITS:
            raise _Wrong(Part.SIGNATURE, "key")
    elif not isinstance(key, ec.EllipticCurvePublicKey):
        raise _Wrong(Part.SIGNATURE, "key")
    return key, bearer


def _short(key: Any) -> bool:
    return isinstance(key, rsa.RSAPublicKey) and key.key_size < STRONG_BITS


# --- mathematics -----------------------------------------------------------------------------


def _scheme(signer: Signer) -> _Scheme:
    try:
        digest = ber.digest_name(signer.digest_algorithm)
        told = algos.SignedDigestAlgorithm.load(signer.signature_algorithm, strict=True)
        name = told["algorithm"].native
        if name in _PLAIN:
            if name != "rsassa_pkcs1v15" and told.hash_algo != digest:
                raise _Wrong(Part.SIGNATURE, "algorithm")
            if not _plain_parameters(signer.signature_algorithm):
                raise _Wrong(Part.SIGNATURE, "algorithm")
            return _Scheme("rsa", digest)
        if name == "rsassa_pss":
            return _Scheme("rsa-pss", digest, _salt(told["parameters"], digest))
        if name == f"{digest}_ecdsa":
            return _Scheme("ecdsa", digest)
    except (*_BROKEN, WireError) as error:
        raise _Wrong(Part.SIGNATURE, "algorithm") from error
    raise _Wrong(Part.SIGNATURE, "algorithm")


def _plain_parameters(algorithm: bytes) -> bool:
    told = ber.value_of(algorithm)
    return told[2 + told[1] :] in {b"", ber.NULL}


def _salt(parameters: Any, digest: str) -> int:
    """Return the length of the salt; both digests of PSS must be the signer's own."""
    mask = parameters["mask_gen_algorithm"]
    same = (
        parameters["hash_algorithm"]["algorithm"].native == digest
        and mask["algorithm"].native == "mgf1"
        and mask["parameters"]["algorithm"].native == digest
        and parameters["trailer_field"].native == "trailer_field_bc"
    )
    if not same:
        raise _Wrong(Part.SIGNATURE, "algorithm")
    return int(parameters["salt_length"].native)


def _mathematics(key: Any, scheme: _Scheme, signer: Signer) -> None:
    """Verify; where it fails, tell whether the value or what it stands for was changed.

    Without signed attributes a content could be made that reads as attributes (RFC 5652, 11).
    """
    if not signer.attributes:
        raise _Wrong(Part.SIGNED_ATTRIBUTES, "missing")
    # Signed is their encoding as a SET, not as the implicitly tagged field they travel in.
    covered = b"\x31" + signer.attributes[1:]
    digest = HASHES[scheme.digest]
    try:
        if isinstance(key, rsa.RSAPublicKey) and scheme.kind != "ecdsa":
            key.verify(signer.signature, covered, scheme.padding, digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and scheme.kind == "ecdsa":
            key.verify(signer.signature, covered, ec.ECDSA(digest))
        else:
            raise _Wrong(Part.SIGNATURE, "key")
    except (InvalidSignature, UnsupportedAlgorithm, ValueError) as error:
        if isinstance(key, rsa.RSAPublicKey) and _was_made(key, scheme, signer.signature):
            raise _Wrong(Part.SIGNED_ATTRIBUTES, "changed") from error
        raise _Wrong(Part.SIGNATURE, "changed") from error


def _was_made(key: rsa.RSAPublicKey, scheme: _Scheme, value: bytes) -> bool:
    """Tell whether the key's owner made this value for anything at all.

    The padding of a value that was changed is random; chance leaves less than one in 2**60.
    Serves only to name the broken part: the signature is refused either way.
    """
    numbers = key.public_numbers()
    number = int.from_bytes(value, "big")
    if number >= numbers.n or len(value) != (key.key_size + 7) // 8:
        return False
    plain = pow(number, numbers.e, numbers.n).to_bytes(len(value), "big")
    if scheme.kind == "rsa":
        size = hashlib.new(scheme.digest, usedforsecurity=False).digest_size
        return plain.startswith(b"\0\1" + b"\xff" * (len(plain) - size - 3 - 19))
    return _is_pss(plain, key.key_size - 1, scheme)


def _is_pss(plain: bytes, bits: int, scheme: _Scheme) -> bool:
    """Tell whether a block is encoded as RFC 8017, 9.1.2 has it, whatever it stands for."""
    size = hashlib.new(scheme.digest, usedforsecurity=False).digest_size
    length = (bits + 7) // 8
    plain = plain[-length:]
    masked, seed = plain[: length - size - 1], plain[length - size - 1 : -1]
    if plain[-1] != _MASK_END or len(masked) <= scheme.salt:
        return False
    mask = _mask(seed, len(masked), scheme.digest)
    block = int.from_bytes(masked, "big") ^ int.from_bytes(mask, "big")
    block &= (1 << (8 * len(masked) - (8 * length - bits))) - 1
    return block >> (8 * scheme.salt) == 1


def _mask(seed: bytes, length: int, digest: str) -> bytes:
    """Return the mask of RFC 8017, B.2.1."""
    found = b""
    counter = 0
    while len(found) < length:
        block = hashlib.new(digest, seed + counter.to_bytes(4, "big"), usedforsecurity=False)
        found += block.digest()
        counter += 1
    return found[:length]


# --- signed attributes -----------------------------------------------------------------------


def _attributes(encoded: bytes) -> dict[bytes, bytes]:
    """Return the single value of each attribute, encoded; none may stand twice."""
    try:
        read = ber.attributes_of(encoded)
    except WireError as error:
        raise _Wrong(Part.SIGNED_ATTRIBUTES, "unreadable") from error
    if len({oid for oid, _ in read}) != len(read) or any(len(v) != 1 for _, v in read):
        raise _Wrong(Part.SIGNED_ATTRIBUTES, "doubled")
    return {oid: values[0] for oid, values in read}


def _attributes_fit(
    told: dict[bytes, bytes], signed: SignedFile, scheme: _Scheme, content_type: bytes
) -> None:
    if told.get(_CONTENT_TYPE) != content_type or _MESSAGE_DIGEST not in told:
        raise _Wrong(Part.SIGNED_ATTRIBUTES, "content-type")
    if scheme.digest not in signed.digests:
        raise _Wrong(Part.CONTAINER, "digest-not-named")
    if ber.value_of(told[_MESSAGE_DIGEST]) != signed.digests[scheme.digest]:
        raise _Wrong(Part.CONTENT, "changed")


def _names(told: dict[bytes, bytes], der: bytes) -> bool:
    """Tell whether the attributes name a certificate; raise where it is another one."""
    try:
        if _CERTIFICATE_2 in told:
            first = tsp.SigningCertificateV2.load(told[_CERTIFICATE_2], strict=True)["certs"][0]
            digest, name = first["cert_hash"].native, first["hash_algorithm"]["algorithm"].native
        elif _CERTIFICATE_1 in told:
            first = tsp.SigningCertificate.load(told[_CERTIFICATE_1], strict=True)["certs"][0]
            digest, name = first["cert_hash"].native, "sha1"
        else:
            return False
        same = hashlib.new(name, der, usedforsecurity=False).digest() == digest
    except _BROKEN as error:
        raise _Wrong(Part.SIGNED_ATTRIBUTES, "unreadable") from error
    if not same:
        raise _Wrong(Part.SIGNATURE, "certificate-changed")
    return True


def _signing_time(told: dict[bytes, bytes]) -> datetime | None:
    if _SIGNING_TIME not in told:
        return None
    try:
        found: datetime = cms.Time.load(told[_SIGNING_TIME], strict=True).native
    except _BROKEN as error:
        raise _Wrong(Part.SIGNED_ATTRIBUTES, "signing-time") from error
    return found
