"""A certificate authority for demonstrations and tests, in memory and on disk.

Its certificates follow the profile of the Bulgarian exchange network (facts 2.4). It must never
be used for anything real: its keys lie unprotected, and it issues whatever it is asked for.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from depesha.errors import ConfigurationError
from depesha.schemas.ids import SerialNumber, serial_number

CA_DAYS: Final = 3650
"""Life of the authority's own certificate, as is usual for a root."""
EARLIER: Final = timedelta(hours=1)
"""Certificates begin a little before the moment asked for, so that clocks may differ."""


def make_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """Make an RSA key: about 0.1 s for 2048 bits on a plain server. Safe to call in threads."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(content)


def _rsa(key: PrivateKeyTypes) -> rsa.RSAPrivateKey:
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigurationError("the authority's key is not an RSA key")
    return key


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A participant's key and certificate: one pair for signing, TLS server and TLS client."""

    key: rsa.RSAPrivateKey = field(repr=False)
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()
    """Intermediate authorities, the issuer first; the root is not among them."""

    @property
    def key_pem(self) -> bytes:
        """The private key, PKCS#8 PEM, not encrypted."""
        return _pem(self.key)

    @property
    def certificate_pem(self) -> bytes:
        """The end certificate alone, PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def certificate_der(self) -> bytes:
        """The end certificate alone, DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def chain_pem(self) -> bytes:
        """The end certificate and its intermediates, PEM, as a TLS server sends them."""
        below = (c.public_bytes(serialization.Encoding.PEM) for c in self.chain)
        return self.certificate_pem + b"".join(below)

    @property
    def serial(self) -> SerialNumber:
        """The serial number as the participants' register would name it."""
        return serial_number(self.certificate.serial_number)

    def write(self, folder: Path, stem: str) -> tuple[Path, Path]:
        """Write `stem.key.pem` (mode 0600) and `stem.cert.pem`; return both paths."""
        folder.mkdir(parents=True, exist_ok=True)
        key, certificate = folder / f"{stem}.key.pem", folder / f"{stem}.cert.pem"
        _write_private(key, self.key_pem)
        certificate.write_bytes(self.chain_pem)
        return key, certificate


@dataclass(slots=True, kw_only=True)
class Authority:
    """An issuer of certificates. Keeps in memory whom it revoked; not for many threads at once."""

    key: rsa.RSAPrivateKey = field(repr=False)
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()
    """This authority and those above it, the root excepted: empty for a root."""
    crl_url: str = ""
    """Named as CRL distribution point in every certificate issued, if not empty."""
    revoked: dict[int, datetime] = field(default_factory=dict)
    crl_number: int = 0

    @classmethod
    def create(
        cls, name: str, *, at: datetime, crl_url: str = "", key: rsa.RSAPrivateKey | None = None
    ) -> Authority:
        """Make a root authority whose certificate is valid from `at`, for ten years."""
        key = key or make_key()
        subject = _authority_name(name)
        certificate = _authority_certificate(
            subject=subject, issuer=subject, key=key, signer=key, at=at, path_length=2
        )
        return cls(key=key, certificate=certificate, crl_url=crl_url)

    @classmethod
    def read(cls, folder: Path, stem: str = "ca", *, crl_url: str = "") -> Authority:
        """Read a root authority that `write` wrote, its revocations included.

        Raises `ConfigurationError` where the files are missing or no authority.
        """
        try:
            certificate = x509.load_pem_x509_certificate((folder / f"{stem}.cert.pem").read_bytes())
            key = serialization.load_pem_private_key(
                (folder / f"{stem}.key.pem").read_bytes(), None
            )
            crl = x509.load_pem_x509_crl((folder / f"{stem}.crl.pem").read_bytes())
        except (OSError, ValueError) as error:
            raise ConfigurationError("the authority's files cannot be read") from error
        revoked = {entry.serial_number: entry.revocation_date_utc for entry in crl}
        number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        return cls(
            key=_rsa(key),
            certificate=certificate,
            crl_url=crl_url,
            revoked=revoked,
            crl_number=number,
        )

    @property
    def certificate_pem(self) -> bytes:
        """The authority's own certificate, PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def intermediate(
        self, name: str, *, at: datetime, crl_url: str = "", key: rsa.RSAPrivateKey | None = None
    ) -> Authority:
        """Make an authority below this one."""
        key = key or make_key()
        certificate = _authority_certificate(
            subject=_authority_name(name),
            issuer=self.certificate.subject,
            key=key,
            signer=self.key,
            at=at,
            path_length=0,
        )
        return Authority(
            key=key, certificate=certificate, chain=(certificate, *self.chain), crl_url=crl_url
        )

    def issue(
        self,
        common_name: str,
        *,
        eik: str,
        at: datetime,
        days: int = 1095,
        serial: str | int | None = None,
        key_bits: int = 2048,
        key: rsa.RSAPrivateKey | None = None,
        dns: tuple[str, ...] = ("localhost",),
        ips: tuple[str, ...] = ("127.0.0.1",),
    ) -> Identity:
        """Issue a participant's certificate (facts 2.4), valid from `at` for `days` days.

        `serial` is a number or hex text; new ones have eight bytes. A ready `key` saves 0.1 s.
        """
        key = key or make_key(key_bits)
        number = int(serial, 16) if isinstance(serial, str) else serial
        names: list[x509.GeneralName] = [x509.DNSName(name) for name in dns]
        names += [x509.IPAddress(ip_address(ip)) for ip in ips]
        builder = (
            _builder(key.public_key(), number if number is not None else _new_serial())
            .subject_name(_participant_name(common_name, eik))
            .issuer_name(self.certificate.subject)
            .not_valid_before(at - EARLIER)
            .not_valid_after(at + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage(
                    [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
                ),
                critical=False,
            )
            .add_extension(_issued_by(self.key), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if self.crl_url:
            builder = builder.add_extension(_crl_place(self.crl_url), critical=False)
        return Identity(
            key=key, certificate=builder.sign(self.key, hashes.SHA256()), chain=self.chain
        )

    def revoke(self, identity: Identity, *, at: datetime | None = None) -> None:
        """Put the certificate on the next list, revoked since `at` or since always.

        Revoking twice keeps the first date.
        """
        since = at or identity.certificate.not_valid_before_utc
        self.revoked.setdefault(identity.certificate.serial_number, since)

    def crl(self, at: datetime, next_update: datetime) -> bytes:
        """Return a new revocation list, DER, valid from `at` until `next_update`."""
        return self._crl(at, next_update).public_bytes(serialization.Encoding.DER)

    def write(self, folder: Path, stem: str = "ca", *, at: datetime, days: int = 30) -> Path:
        """Write key (0600), certificate and a fresh CRL; return the certificate's path."""
        folder.mkdir(parents=True, exist_ok=True)
        _write_private(folder / f"{stem}.key.pem", _pem(self.key))
        crl = self._crl(at, at + timedelta(days=days))
        (folder / f"{stem}.crl.pem").write_bytes(crl.public_bytes(serialization.Encoding.PEM))
        path = folder / f"{stem}.cert.pem"
        path.write_bytes(self.certificate_pem)
        return path

    def _crl(self, at: datetime, next_update: datetime) -> x509.CertificateRevocationList:
        self.crl_number += 1
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(at)
            .next_update(next_update)
            .add_extension(x509.CRLNumber(self.crl_number), critical=False)
            .add_extension(_issued_by(self.key), critical=False)
        )
        for serial, since in self.revoked.items():
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self.key, hashes.SHA256())


def _new_serial() -> int:
    """A random serial of exactly eight bytes, as the network's authority gives them."""
    return (x509.random_serial_number() & (2**62 - 1)) | 2**62


def _authority_name(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "BG"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Depesha simulator, not for real use"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _participant_name(common_name: str, eik: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "BG"),
            x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, f"B:{eik}"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _builder(public: rsa.RSAPublicKey, serial: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .public_key(public)
        .serial_number(serial)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _issued_by(key: rsa.RSAPrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _crl_place(url: str) -> x509.CRLDistributionPoints:
    place = x509.DistributionPoint(
        full_name=[x509.UniformResourceIdentifier(url)],
        relative_name=None,
        reasons=None,
        crl_issuer=None,
    )
    return x509.CRLDistributionPoints([place])


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=not authority,
        data_encipherment=not authority,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_certificate(
    *,
    subject: x509.Name,
    issuer: x509.Name,
    key: rsa.RSAPrivateKey,
    signer: rsa.RSAPrivateKey,
    at: datetime,
    path_length: int,
) -> x509.Certificate:
    return (
        _builder(key.public_key(), _new_serial())
        .subject_name(subject)
        .issuer_name(issuer)
        .not_valid_before(at - EARLIER)
        .not_valid_after(at + timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(_issued_by(signer), critical=False)
        .sign(signer, hashes.SHA256())
    )
