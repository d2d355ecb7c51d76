"""The seals of the simulated ISDS: its own authority, its own time stamps, CMS as in the wild.

Sealed papers are BER of indefinite length in pieces of 1000 bytes, one certificate, CAdES-T
(facts 9.1). Its keys are made at start and stand for nothing real.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from depesha.simulators.authority import Authority, make_key
from depesha.simulators.isds_pieces import Pieces, chunks, length, regular

PIECE: Final = 1000
"""Bytes of content in one piece of an indefinite string (facts 9.1)."""
_POLICY: Final = "1.3.6.1.4.1.99999.2"
_DAYS: Final = 1825
_BATCH: Final = 200
_END: Final = b"\x00\x00"
_SALT: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class SealForm:
    """How a paper is sealed."""

    pkcs1: bool = False
    der: bool = False
    stampless: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SealKeys:
    """The keys of the authority, of the seal and of the time stamps; dear to make."""

    authority: rsa.RSAPrivateKey
    seal: rsa.RSAPrivateKey
    stamps: rsa.RSAPrivateKey

    @classmethod
    def make(cls) -> SealKeys:
        """Make three keys: some tenths of a second."""
        return cls(authority=make_key(), seal=make_key(), stamps=make_key())


class Sealer:
    """Authority, time-stamp authority and seal. Safe in threads; calls block for milliseconds."""

    def __init__(self, *, at: datetime, keys: SealKeys | None = None) -> None:
        keys = keys or SealKeys.make()
        self.authority = Authority.create("Zkušební autorita ISDS", at=at, key=keys.authority)
        self._seal_key = keys.seal
        self._stamp_key = keys.stamps
        self.seal_certificate = _certificate(
            self.authority, keys.seal, "Zkušební pečeť ISDS", at, stamps=False
        )
        self.stamp_certificate = _certificate(
            self.authority, keys.stamps, "Zkušební razítko ISDS", at, stamps=True
        )
        self._serial = 0
        self._lock = threading.Lock()

    @property
    def trusted_pem(self) -> bytes:
        """The authority's certificate, issuer of seal and stamps alike, PEM."""
        return self.authority.certificate_pem

    def stamp(self, digest: bytes, at: datetime) -> bytes:
        """Return an RFC 3161 token over a SHA-256 digest, DER."""
        with self._lock:
            self._serial += 1
            serial = self._serial
        info: bytes = tsp.TSTInfo(
            {
                "version": "v1",
                "policy": _POLICY,
                "message_imprint": {
                    "hash_algorithm": {"algorithm": "sha256"},
                    "hashed_message": digest,
                },
                "serial_number": serial,
                "gen_time": at.replace(microsecond=0),
            }
        ).dump()
        signer = _signer(
            self._stamp_key,
            self.stamp_certificate,
            "tst_info",
            hashlib.sha256(info).digest(),
            at,
            pkcs1=True,
        )
        signed = cms.SignedData(
            {
                "version": "v3",
                "digest_algorithms": [_digest_algorithm()],
                "encap_content_info": {
                    "content_type": "tst_info",
                    "content": core.ParsableOctetString(info),
                },
                "certificates": [_asn1(self.stamp_certificate)],
                "signer_infos": [signer],
            }
        )
        made: bytes = cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump()
        return made

    def seal(
        self,
        content: Pieces,
        path: Path,
        at: datetime,
        form: SealForm,
        spoil_stamp: Callable[[bytes], bytes] | None = None,
    ) -> str:
        """Write a sealed paper over the content to `path`; return its SHA-256, hex.

        The content is read twice and never held. `spoil_stamp` may change the token.
        """
        digest = hashlib.sha256()
        for chunk in chunks(content):
            digest.update(chunk)
        signer = _signer(
            self._seal_key,
            self.seal_certificate,
            "data",
            digest.digest(),
            at,
            pkcs1=form.pkcs1,
        )
        if not form.stampless:
            imprint = hashlib.sha256(signer["signature"].native).digest()
            token = self.stamp(imprint, at)
            token = spoil_stamp(token) if spoil_stamp else token
            signer["unsigned_attrs"] = cms.CMSAttributes([_stamp_attribute(token)])
        with path.open("wb") as file:
            writer = _Hashing(file)
            write = _write_der if form.der else _write_ber
            write(writer, content, _asn1(self.seal_certificate).dump(), signer.dump())
        return writer.digest.hexdigest()


class _Hashing:
    """Writes to a file and hashes what it writes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def write(self, content: bytes) -> None:
        self._file.write(content)
        self.digest.update(content)


def _write_ber(file: _Hashing, content: Pieces, certificate: bytes, signer: bytes) -> None:
    file.write(
        b"\x30\x80"
        + core.ObjectIdentifier("1.2.840.113549.1.7.2").dump()
        + b"\xa0\x80\x30\x80\x02\x01\x01"
        + _tlv(0x31, _digest_algorithm().dump())
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


def _write_der(file: _Hashing, content: Pieces, certificate: bytes, signer: bytes) -> None:
    size = length(content)
    tail = _tlv(0xA0, certificate) + _tlv(0x31, signer)
    string = b"\x04" + _length(size)
    kind = core.ObjectIdentifier("1.2.840.113549.1.7.1").dump()
    explicit = b"\xa0" + _length(len(string) + size) + string
    capsule = b"\x30" + _length(len(kind) + len(explicit) + size) + kind + explicit
    start = b"\x02\x01\x01" + _tlv(0x31, _digest_algorithm().dump()) + capsule
    signed = b"\x30" + _length(len(start) + size + len(tail)) + start
    outer = core.ObjectIdentifier("1.2.840.113549.1.7.2").dump()
    inner = outer + b"\xa0" + _length(len(signed) + size + len(tail)) + signed
    file.write(b"\x30" + _length(len(inner) + size + len(tail)) + inner)
    for chunk in chunks(content):
        file.write(chunk)
    file.write(tail)


def _tlv(tag: int, content: bytes) -> bytes:
    return bytes([tag]) + _length(len(content)) + content


def _length(size: int) -> bytes:
    if size < 0x80:  # noqa: PLR2004 -- the short form of DER
        return bytes([size])
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


def _digest_algorithm() -> Any:
    return algos.DigestAlgorithm({"algorithm": "sha256"})


def _asn1(certificate: x509.Certificate) -> Any:
    return asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))


def _signer(
    key: rsa.RSAPrivateKey,
    certificate: x509.Certificate,
    content_type: str,
    digest: bytes,
    at: datetime,
    *,
    pkcs1: bool,
) -> Any:
    named = _asn1(certificate)
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
            "digest_algorithm": _digest_algorithm(),
            "signed_attrs": attributes,
            "signature_algorithm": algorithm,
            "signature": signature,
        }
    )


def _pss_algorithm() -> Any:
    mask = {"algorithm": "mgf1", "parameters": _digest_algorithm()}
    parameters = {
        "hash_algorithm": _digest_algorithm(),
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


def _stamp_attribute(token: bytes) -> Any:
    return cms.CMSAttribute(
        {"type": "signature_time_stamp_token", "values": [cms.ContentInfo.load(token)]}
    )


def _certificate(
    authority: Authority, key: rsa.RSAPrivateKey, name: str, at: datetime, *, stamps: bool
) -> x509.Certificate:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CZ"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Zkušební provozovatel, neplatné"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(2 if stamps else 1)
        .not_valid_before(at - timedelta(hours=1))
        .not_valid_after(at + timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
    )
    if stamps:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True
        )
    return builder.sign(authority.key, hashes.SHA256())


def _usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
