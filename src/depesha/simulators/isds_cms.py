"""CMS structures for the seals of the simulated ISDS: signer infos, and the shell around a content.

Written by hand in DER, since a library takes fifty times as long per paper. The content is never
held: it streams between what stands before and after it. Keys are given.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import BinaryIO, Final

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from depesha.simulators.isds_pieces import Pieces, chunks, length, regular

PIECE: Final = 1000
"""Bytes of content in one piece of an indefinite string (facts 9.1)."""
_BATCH: Final = 200
_END: Final = b"\x00\x00"
_SALT: Final = 32


def oid(dotted: str) -> bytes:
    """Return an object identifier, DER."""
    made: bytes = core.ObjectIdentifier(dotted).dump()
    return made


def _pss() -> bytes:
    digest = algos.DigestAlgorithm({"algorithm": "sha256"})
    mask = algos.MaskGenAlgorithm({"algorithm": "mgf1", "parameters": digest})
    parameters = {
        "hash_algorithm": digest,
        "mask_gen_algorithm": mask,
        "salt_length": _SALT,
        "trailer_field": 1,
    }
    made: bytes = algos.SignedDigestAlgorithm(
        {"algorithm": "rsassa_pss", "parameters": algos.RSASSAPSSParams(parameters)}
    ).dump()
    return made


DATA: Final = oid("1.2.840.113549.1.7.1")
TST_INFO: Final = oid("1.2.840.113549.1.9.16.1.4")
SHA256: Final[bytes] = algos.DigestAlgorithm({"algorithm": "sha256"}).dump()
_SIGNED_DATA: Final = oid("1.2.840.113549.1.7.2")
_CONTENT_TYPE: Final = oid("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST: Final = oid("1.2.840.113549.1.9.4")
_SIGNING_TIME: Final = oid("1.2.840.113549.1.9.5")
_SIGNING_CERTIFICATE: Final = oid("1.2.840.113549.1.9.16.2.47")
_STAMP: Final = oid("1.2.840.113549.1.9.16.2.14")
_PKCS1: Final[bytes] = algos.SignedDigestAlgorithm({"algorithm": "sha256_rsa"}).dump()
_PSS: Final = _pss()


class Signer:
    """A key with its certificate. Safe in threads; `info` takes about 1 ms."""

    def __init__(self, key: rsa.RSAPrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self.certificate = certificate.public_bytes(serialization.Encoding.DER)
        named = asn1_x509.Certificate.load(self.certificate)
        issuer = {"issuer": named.issuer, "serial_number": named.serial_number}
        self._sid: bytes = cms.IssuerAndSerialNumber(issuer).dump()
        own = tsp.ESSCertIDv2(
            {
                "hash_algorithm": {"algorithm": "sha256"},
                "cert_hash": hashlib.sha256(self.certificate).digest(),
            }
        )
        self._named: bytes = tsp.SigningCertificateV2({"certs": [own]}).dump()

    def info(
        self,
        content_type: bytes,
        digest: bytes,
        at: datetime,
        *,
        pkcs1: bool,
        stamp: Callable[[bytes], bytes] | None = None,
        spoil: Callable[[bytes], bytes] | None = None,
    ) -> bytes:
        """Return a SignerInfo over a digest of the content: RSASSA-PSS or PKCS#1 v1.5.

        `stamp` makes a time stamp over the signature, `spoil` then changes the signature.
        """
        time = at.astimezone(UTC).strftime("%y%m%d%H%M%SZ").encode()
        attributes = sorted(
            (
                _attribute(_CONTENT_TYPE, content_type),
                _attribute(_SIGNING_TIME, tlv(0x17, time)),
                _attribute(_MESSAGE_DIGEST, tlv(0x04, digest)),
                _attribute(_SIGNING_CERTIFICATE, self._named),
            )
        )
        signed = b"".join(attributes)
        signature = self._sign(tlv(0x31, signed), pkcs1=pkcs1)
        unsigned = b""
        if stamp is not None:
            unsigned = tlv(0xA1, _attribute(_STAMP, stamp(signature)))
        if spoil is not None:
            signature = spoil(signature)
        algorithm = _PKCS1 if pkcs1 else _PSS
        return tlv(
            0x30,
            b"\x02\x01\x01"
            + self._sid
            + SHA256
            + tlv(0xA0, signed)
            + algorithm
            + tlv(0x04, signature)
            + unsigned,
        )

    def _sign(self, signed: bytes, *, pkcs1: bool) -> bytes:
        if pkcs1:
            return self._key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=_SALT)
        return self._key.sign(signed, scheme, hashes.SHA256())


class Hashing:
    """Writes to a file and hashes what it writes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def write(self, content: bytes) -> None:
        """Write one piece."""
        self._file.write(content)
        self.digest.update(content)


def write_ber(file: Hashing, content: Pieces, certificate: bytes, signer: bytes) -> None:
    """Write SignedData in BER of indefinite length, the content in pieces of 1000 bytes."""
    file.write(b"\x30\x80" + _SIGNED_DATA + b"\xa0\x80\x30\x80\x02\x01\x01" + tlv(0x31, SHA256))
    file.write(b"\x30\x80" + DATA + b"\xa0\x80\x24\x80")
    batch: list[bytes] = []
    for part in regular(chunks(content), PIECE):
        batch.append(tlv(0x04, part))
        if len(batch) == _BATCH:
            file.write(b"".join(batch))
            batch.clear()
    file.write(b"".join(batch) + _END * 3)  # the string, its [0], encapContentInfo
    file.write(tlv(0xA0, certificate) + tlv(0x31, signer) + _END * 3)


def write_der(file: Hashing, content: Pieces, certificate: bytes, signer: bytes) -> None:
    """Write SignedData in DER."""
    size = length(content)
    tail = tlv(0xA0, certificate) + tlv(0x31, signer)
    string = b"\x04" + _length(size)
    explicit = b"\xa0" + _length(len(string) + size) + string
    capsule = b"\x30" + _length(len(DATA) + len(explicit) + size) + DATA + explicit
    start = b"\x02\x01\x01" + tlv(0x31, SHA256) + capsule
    signed = b"\x30" + _length(len(start) + size + len(tail)) + start
    inner = _SIGNED_DATA + b"\xa0" + _length(len(signed) + size + len(tail)) + signed
    file.write(b"\x30" + _length(len(inner) + size + len(tail)) + inner)
    for chunk in chunks(content):
        file.write(chunk)
    file.write(tail)


def stamp_token(info: bytes, signer: bytes, certificate: bytes) -> bytes:
    """Return a time-stamp token around a TSTInfo, DER (RFC 3161)."""
    capsule = tlv(0x30, TST_INFO + tlv(0xA0, tlv(0x04, info)))
    inner = b"\x02\x01\x03" + tlv(0x31, SHA256) + capsule
    inner += tlv(0xA0, certificate) + tlv(0x31, signer)
    return tlv(0x30, _SIGNED_DATA + tlv(0xA0, tlv(0x30, inner)))


def flipped(value: bytes) -> bytes:
    """Return the bytes with one bit changed, near the end: inside the signature of a token."""
    return value[:-9] + bytes([value[-9] ^ 1]) + value[-8:]


def tlv(tag: int, content: bytes) -> bytes:
    """Return a value with its tag and length, DER."""
    return bytes([tag]) + _length(len(content)) + content


def _attribute(kind: bytes, value: bytes) -> bytes:
    return tlv(0x30, kind + tlv(0x31, value))


def _length(size: int) -> bytes:
    if size < 0x80:  # noqa: PLR2004 -- the short form of DER
        return bytes([size])
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets
