"""The seals of the simulated ISDS: its own authority, its own time stamps, CMS as in the wild.

Sealed papers are BER of indefinite length in pieces of 1000 bytes, one certificate, CAdES-T
(facts 9.1). Its keys are made at start and stand for nothing real.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from depesha.simulators.authority import Authority, make_key
from depesha.simulators.isds_cms import (
    DATA,
    SHA256,
    TST_INFO,
    Hashing,
    Signer,
    flipped,
    oid,
    stamp_token,
    tlv,
    write_ber,
    write_der,
)
from depesha.simulators.isds_pieces import Pieces, chunks

_POLICY: Final = oid("1.3.6.1.4.1.99999.2")
_DAYS: Final = 1825


@dataclass(frozen=True, slots=True, kw_only=True)
class SealForm:
    """How a paper is sealed, and what of it is then spoilt."""

    pkcs1: bool = False
    der: bool = False
    stampless: bool = False
    bad_signature: bool = False
    bad_stamp: bool = False


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
        self.seal_certificate = _certificate(
            self.authority, keys.seal, "Zkušební pečeť ISDS", at, stamps=False
        )
        self.stamp_certificate = _certificate(
            self.authority, keys.stamps, "Zkušební razítko ISDS", at, stamps=True
        )
        self._seal = Signer(keys.seal, self.seal_certificate)
        self._stamps = Signer(keys.stamps, self.stamp_certificate)
        self._serial = 0
        self._lock = threading.Lock()

    @property
    def trusted_pem(self) -> bytes:
        """The authority's certificate, issuer of seal and stamps alike, PEM."""
        return self.authority.certificate_pem

    def crl(self, at: datetime, *, days: int = 30) -> bytes:
        """Return the authority's revocation list of a moment, DER."""
        return self.authority.crl(at, at + timedelta(days=days))

    def revoke_seal(self, at: datetime) -> None:
        """Put the seal's certificate on the next list, revoked since a moment."""
        self.authority.revoked.setdefault(self.seal_certificate.serial_number, at)

    def stamp(self, digest: bytes, at: datetime) -> bytes:
        """Return an RFC 3161 token over a SHA-256 digest, DER."""
        with self._lock:
            self._serial += 1
            serial = self._serial
        info = tlv(
            0x30,
            b"\x02\x01\x01"
            + _POLICY
            + tlv(0x30, SHA256 + tlv(0x04, digest))
            + tlv(0x02, b"\x01" + serial.to_bytes(4, "big"))
            + tlv(0x18, at.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode()),
        )
        imprint = hashlib.sha256(info).digest()
        signer = self._stamps.info(TST_INFO, imprint, at, pkcs1=True)
        return stamp_token(info, signer, self._stamps.certificate)

    def seal(
        self,
        content: Pieces,
        path: Path,
        at: datetime,
        form: SealForm,
        written: Pieces | None = None,
    ) -> str:
        """Write a sealed paper over the content to `path`; return its SHA-256, hex.

        The content is read twice and never held. `written`, as long, goes in instead of it.
        """
        digest = hashlib.sha256()
        for chunk in chunks(content):
            digest.update(chunk)

        def stamp(signature: bytes) -> bytes:
            token = self.stamp(hashlib.sha256(signature).digest(), at)
            return flipped(token) if form.bad_stamp else token

        signer = self._seal.info(
            DATA,
            digest.digest(),
            at,
            pkcs1=form.pkcs1,
            stamp=None if form.stampless else stamp,
            spoil=flipped if form.bad_signature else None,
        )
        with path.open("wb") as file:
            writer = Hashing(file)
            write = write_der if form.der else write_ber
            write(writer, written or content, self._seal.certificate, signer)
        return writer.digest.hexdigest()


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
