"""The seals of the simulated ISDS: its own authority, its own time stamps, CMS as in the wild.

Sealed papers are BER of indefinite length in pieces of 1000 bytes, one certificate, CAdES-T
(facts 9.1). Its keys are made at start and stand for nothing real.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from asn1crypto import cms, core, tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from depesha.simulators.authority import Authority, make_key
from depesha.simulators.isds_cms import (
    Hashing,
    asn1,
    digest_algorithm,
    flipped,
    signer_info,
    stamp_attribute,
    write_ber,
    write_der,
)
from depesha.simulators.isds_pieces import Pieces, chunks

_POLICY: Final = "1.3.6.1.4.1.99999.2"
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
        signer = signer_info(
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
                "digest_algorithms": [digest_algorithm()],
                "encap_content_info": {
                    "content_type": "tst_info",
                    "content": core.ParsableOctetString(info),
                },
                "certificates": [asn1(self.stamp_certificate)],
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
        written: Pieces | None = None,
    ) -> str:
        """Write a sealed paper over the content to `path`; return its SHA-256, hex.

        The content is read twice and never held. `written`, as long, goes in instead of it.
        """
        digest = hashlib.sha256()
        for chunk in chunks(content):
            digest.update(chunk)
        signer = signer_info(
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
            token = flipped(token) if form.bad_stamp else token
            signer["unsigned_attrs"] = cms.CMSAttributes([stamp_attribute(token)])
        if form.bad_signature:
            signer["signature"] = flipped(signer["signature"].native)
        with path.open("wb") as file:
            writer = Hashing(file)
            write = write_der if form.der else write_ber
            write(writer, written or content, asn1(self.seal_certificate).dump(), signer.dump())
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
