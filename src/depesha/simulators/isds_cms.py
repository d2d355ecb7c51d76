"""CMS structures for the seals of the simulated ISDS: signer infos, and the shell around a content.

The content is never held: it streams between what stands before and after it. Keys are given.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, BinaryIO, Final

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
    file.write(
        b"\x30\x80"
        + core.ObjectIdentifier("1.2.840.113549.1.7.2").dump()
        + b"\xa0\x80\x30\x80\x02\x01\x01"
        + _tlv(0x31, digest_algorithm().dump())
        + b"\x30\x80"
        + core.ObjectIdentifier("1.2.840.113549.1.7.1").dump()
        + b"\xa0\x80\x24\x80"
    )
    batch: list[bytes] = []
    for part in regular(chunks(content), PIECE):
        batch.append(_tlv(0x04, part))
        if len(batch) == _BATCH:
            file.write(b"".join(batch))
            batch.clear()
    file.write(b"".join(batch) + _END * 3)  # the string, its [0], encapContentInfo
    file.write(_tlv(0xA0, certificate) + _tlv(0x31, signer) + _END * 3)


def write_der(file: Hashing, content: Pieces, certificate: bytes, signer: bytes) -> None:
    """Write SignedData in DER."""
    size = length(content)
    tail = _tlv(0xA0, certificate) + _tlv(0x31, signer)
    string = b"\x04" + _length(size)
    kind = core.ObjectIdentifier("1.2.840.113549.1.7.1").dump()
    explicit = b"\xa0" + _length(len(string) + size) + string
    capsule = b"\x30" + _length(len(kind) + len(explicit) + size) + kind + explicit
    start = b"\x02\x01\x01" + _tlv(0x31, digest_algorithm().dump()) + capsule
    signed = b"\x30" + _length(len(start) + size + len(tail)) + start
    outer = core.ObjectIdentifier("1.2.840.113549.1.7.2").dump()
    inner = outer + b"\xa0" + _length(len(signed) + size + len(tail)) + signed
    file.write(b"\x30" + _length(len(inner) + size + len(tail)) + inner)
    for chunk in chunks(content):
        file.write(chunk)
    file.write(tail)


def flipped(value: bytes) -> bytes:
    """Return the bytes with one bit changed, near the end: inside the signature of a token."""
    return value[:-9] + bytes([value[-9] ^ 1]) + value[-8:]


def _tlv(tag: int, content: bytes) -> bytes:
    return bytes([tag]) + _length(len(content)) + content


def _length(size: int) -> bytes:
    if size < 0x80:  # noqa: PLR2004 -- the short form of DER
        return bytes([size])
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


def digest_algorithm() -> Any:
    """Return SHA-256 as an algorithm."""
    return algos.DigestAlgorithm({"algorithm": "sha256"})


def asn1(certificate: x509.Certificate) -> Any:
    """Return a certificate in the form of the structures."""
    return asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))


def signer_info(
    key: rsa.RSAPrivateKey,
    certificate: x509.Certificate,
    content_type: str,
    digest: bytes,
    at: datetime,
    *,
    pkcs1: bool,
) -> Any:
    """Sign attributes over a digest of the content: RSASSA-PSS or PKCS#1 v1.5."""
    named = asn1(certificate)
    attributes = _attributes(named, content_type, digest, at)
    signed: bytes = attributes.untag().dump()
    if pkcs1:
        algorithm = algos.SignedDigestAlgorithm({"algorithm": "sha256_rsa"})
        signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    else:
        algorithm = _pss_algorithm()
        scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=_SALT)
        signature = key.sign(signed, scheme, hashes.SHA256())
    issuer = cms.IssuerAndSerialNumber(
        {"issuer": named.issuer, "serial_number": named.serial_number}
    )
    return cms.SignerInfo(
        {
            "version": "v1",
            "sid": cms.SignerIdentifier({"issuer_and_serial_number": issuer}),
            "digest_algorithm": digest_algorithm(),
            "signed_attrs": attributes,
            "signature_algorithm": algorithm,
            "signature": signature,
        }
    )


def _pss_algorithm() -> Any:
    mask = {"algorithm": "mgf1", "parameters": digest_algorithm()}
    parameters = {
        "hash_algorithm": digest_algorithm(),
        "mask_gen_algorithm": algos.MaskGenAlgorithm(mask),
        "salt_length": _SALT,
        "trailer_field": 1,
    }
    return algos.SignedDigestAlgorithm(
        {"algorithm": "rsassa_pss", "parameters": algos.RSASSAPSSParams(parameters)}
    )


def _attributes(certificate: Any, content_type: str, digest: bytes, at: datetime) -> Any:
    named = tsp.ESSCertIDv2(
        {
            "hash_algorithm": {"algorithm": "sha256"},
            "cert_hash": hashlib.sha256(certificate.dump()).digest(),
        }
    )
    time = cms.Time({"utc_time": at.replace(microsecond=0)})
    return cms.CMSAttributes(
        [
            cms.CMSAttribute({"type": "content_type", "values": [content_type]}),
            cms.CMSAttribute({"type": "signing_time", "values": [time]}),
            cms.CMSAttribute({"type": "message_digest", "values": [digest]}),
            cms.CMSAttribute(
                {
                    "type": "signing_certificate_v2",
                    "values": [tsp.SigningCertificateV2({"certs": [named]})],
                }
            ),
        ]
    )


def stamp_attribute(token: bytes) -> Any:
    """Return the unsigned attribute that carries a time stamp over the signature."""
    return cms.CMSAttribute(
        {"type": "signature_time_stamp_token", "values": [cms.ContentInfo.load(token)]}
    )
