"""Keys and certificates from files: loaded once, checked to belong together, never shown.

It must never write a private key anywhere but into the seal key's own file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from depesha.errors import ConfigurationError
from depesha.schemas.ids import SerialNumber, serial_number

LEAST_BITS: Final = 2048
"""RSA keys of ours are at least this long; peers' shorter ones are only reported as weak."""
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_SECONDS_A_DAY: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A private key with its certificate, as needed for signing and for TLS."""

    key_pem: bytes = field(repr=False)
    """PKCS#8 PEM, not encrypted; only ever in memory."""
    certificate_der: bytes
    certificate_pem: bytes
    """As read: the end certificate first, then intermediates, if there were any."""
    serial: SerialNumber
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    bits: int
    warnings: tuple[str, ...] = ()
    """What an operator should mend, in plain sentences without secrets."""

    def days_left(self, now: datetime) -> int:
        """Return the whole days until the certificate ends; negative when it has ended."""
        return int((self.not_after - now).total_seconds() // _SECONDS_A_DAY)


def load_key_pair(
    key: Path,
    certificate: Path,
    *,
    password_variable: str = "",
    environment: Mapping[str, str] | None = None,
) -> KeyPair:
    """Load an RSA key and its certificate from PEM files. Blocking: about 50 ms.

    `password_variable` names the environment variable with the key's password, if it has one.
    Raises `ConfigurationError` where a file cannot be read, the two do not belong together, or
    the key is no RSA key of at least 2048 bits.
    """
    password = _password(password_variable, os.environ if environment is None else environment)
    try:
        mode = stat.S_IMODE(key.stat().st_mode)
        private = serialization.load_pem_private_key(key.read_bytes(), password)
    except OSError as error:
        raise ConfigurationError(f"the key file {key.name} cannot be read") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        remedy = "check the password and that the file is a PEM private key"
        raise ConfigurationError(
            f"the key file {key.name} cannot be opened", remedy=remedy
        ) from error
    if not isinstance(private, rsa.RSAPrivateKey):
        raise ConfigurationError(f"the key in {key.name} is not an RSA key")
    if private.key_size < LEAST_BITS:
        raise ConfigurationError(f"the key in {key.name} is shorter than {LEAST_BITS} bits")
    warnings: tuple[str, ...] = ()
    if mode & _OTHERS:
        warnings = (f"the key file {key.name} is open to others (mode {mode:04o}); use 0600",)
    return _pair(private, certificate, warnings)


def _password(variable: str, environment: Mapping[str, str]) -> bytes | None:
    if not variable:
        return None
    try:
        return environment[variable].encode()
    except KeyError as error:
        raise ConfigurationError(
            f"the environment variable {variable} with the key's password is not set"
        ) from error


def _pair(private: rsa.RSAPrivateKey, path: Path, warnings: tuple[str, ...]) -> KeyPair:
    try:
        pem = path.read_bytes()
        certificate = x509.load_pem_x509_certificates(pem)[0]
    except OSError as error:
        raise ConfigurationError(f"the certificate file {path.name} cannot be read") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(f"the file {path.name} holds no PEM certificate") from error
    if certificate.public_key() != private.public_key():
        raise ConfigurationError(
            f"the certificate in {path.name} does not belong to the key",
            remedy="give the certificate that was issued for this key, the end one first",
        )
    return KeyPair(
        key_pem=private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        certificate_der=certificate.public_bytes(serialization.Encoding.DER),
        certificate_pem=pem,
        serial=serial_number(certificate.serial_number),
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        bits=private.key_size,
        warnings=warnings,
    )


def load_or_create_seal_key(path: Path) -> bytes:
    """Return the raw Ed25519 private key (32 bytes) that seals the evidence; made if missing.

    The file is PEM with mode 0600 and appears whole or not at all. Safe to repeat, and safe
    where two processes start at once: the first one's key stands. Raises `ConfigurationError`.
    """
    try:
        if not path.exists():
            _create_seal_key(path)
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(
            f"the seal key {path.name} can be neither read nor made"
        ) from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise ConfigurationError(f"the seal key {path.name} is not an Ed25519 key")
    return key.private_bytes_raw()


def _create_seal_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        _link(fresh, path)
    finally:
        fresh.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _link(fresh: Path, path: Path) -> None:
    """Give the file its name unless another process was quicker: then that key stands."""
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        return
