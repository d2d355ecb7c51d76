"""A new instance on disk: folders, keys, certificate or request, settings, the first tokens.

Everything is made in a folder beside the wanted one and takes its name at the very end, so that
an instance is there whole or not at all. Nothing that exists is ever overwritten.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from depesha.adapters.keys import load_or_create_seal_key
from depesha.adapters.registry.tokens import Scope, TokenStore
from depesha.errors import ConfigurationError, StorageError
from depesha.schemas.journal import SealKey

if TYPE_CHECKING:
    from depesha.ports import Clock, IdSource

FOLDERS = ("keys", "store")
_KEY_BITS = 2048
_TRIAL_DAYS = 90
_SERIAL_SHIFT = 96
"""Leaves 63 bits: the register shows serials of 8 bytes (facts 2.4)."""
_PRIVATE_FOLDER = 0o700
_PRIVATE_FILE = 0o600
_COMMON_NAME = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """What was made."""

    folder: Path
    settings: Path
    token: str = field(repr=False)
    """The first admin token: to be shown once and forgotten."""
    next_steps: tuple[str, ...]


def create_instance(  # one argument a fact
    folder: Path,
    *,
    settings: str,
    host: str,
    identifier: str,
    request_only: bool,
    clock: Clock,
    ids: IdSource,
) -> Instance:
    """Make an instance; raise `ConfigurationError` where `folder` holds anything already.

    `settings` is the text of its settings file. Blocking: the keys take about a second.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(
            f"{folder} is not empty", remedy="name a new folder; nothing was changed"
        )
    fresh = folder.with_name(f".{folder.name}.{ids.guid()}")
    try:
        fresh.mkdir(parents=True, mode=_PRIVATE_FOLDER)
        token = _fill(fresh, settings, host, identifier, clock, ids, request_only=request_only)
        fresh.rename(folder)
    except OSError as error:
        raise StorageError(f"{folder} cannot be made: {error.strerror}") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return Instance(
        folder=folder,
        settings=folder / "depesha.toml",
        token=token,
        next_steps=_next_steps(folder, request_only=request_only),
    )


def _fill(  # the same facts
    fresh: Path,
    settings: str,
    host: str,
    identifier: str,
    clock: Clock,
    ids: IdSource,
    *,
    request_only: bool,
) -> str:
    for name in FOLDERS:
        (fresh / name).mkdir(mode=_PRIVATE_FOLDER)
    keys = fresh / "keys"
    _write(fresh / "depesha.toml", settings.encode())
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    _write(keys / "gateway.key", _private_pem(key))
    if request_only:
        _write(keys / "gateway.csr", _request(key, host, identifier))
    else:
        _write(keys / "gateway.crt", _trial_certificate(key, host, identifier, clock))
    seal = SealKey(load_or_create_seal_key(keys / "seal.pem"))
    _write(keys / "seal.pub", f"{seal.public}\n".encode())
    tokens = TokenStore(keys / "tokens.json", clock, ids)
    _write(keys / "cli.token", f"{tokens.create('cli', [Scope.ADMIN])[1]}\n".encode())
    return tokens.create("admin", [Scope.ADMIN])[1]


def _write(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(path, flags, _PRIVATE_FILE), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _private_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _subject(host: str, identifier: str) -> x509.Name:
    """The network's profile: CN the host, ST `B:` and the EIK (facts 2.4)."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "BG"),
            x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, f"B:{identifier}"),
            x509.NameAttribute(NameOID.COMMON_NAME, host[:_COMMON_NAME]),
        ]
    )


def _extensions(host: str) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    """What the network's certificates hold, and whether it is critical (facts 2.4)."""
    usage = x509.KeyUsage(
        digital_signature=True,
        key_encipherment=True,
        data_encipherment=True,
        content_commitment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (usage, True),
        (x509.ExtendedKeyUsage(purposes), False),
        (x509.SubjectAlternativeName([_general_name(host)]), False),
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _trial_certificate(key: rsa.RSAPrivateKey, host: str, identifier: str, clock: Clock) -> bytes:
    now, name = clock.now(), _subject(host, identifier)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number() >> _SERIAL_SHIFT)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=_TRIAL_DAYS))
    )
    for extension, critical in _extensions(host):
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _request(key: rsa.RSAPrivateKey, host: str, identifier: str) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(_subject(host, identifier))
    for extension, critical in _extensions(host):
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _next_steps(folder: Path, *, request_only: bool) -> tuple[str, ...]:
    file = folder / "depesha.toml"
    certificate = (
        f"send {folder / 'keys/gateway.csr'} to the network's CA and put its answer into "
        f"{folder / 'keys/gateway.crt'}"
        if request_only
        else f"the certificate is a trial one for {_TRIAL_DAYS} days; partners will not trust it"
    )
    return (
        f"set your name, identifier and GUID in {file}",
        certificate,
        f"then: depesha doctor -c {file}",
        f"and:  depesha serve -c {file}",
    )
