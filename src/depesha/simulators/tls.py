"""TLS contexts for the simulators: client certificates asked for, names not compared.

The network's parties know one another by certificate, not by host name (facts 2.4).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from depesha.simulators.authority import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFiles:
    """Where a participant's key, its certificate and the trusted authority lie."""

    key: Path
    certificate: Path
    trusted: Path


def write_keys(identity: Identity, folder: Path, stem: str, trusted: Path) -> KeyFiles:
    """Write an identity's files; blocking, safe to repeat."""
    key, certificate = identity.write(folder, stem)
    return KeyFiles(key=key, certificate=certificate, trusted=trusted)


def server_context(files: KeyFiles) -> ssl.SSLContext:
    """Return a context that demands a client certificate of the trusted authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.certificate, files.key)
    context.load_verify_locations(files.trusted)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(files: KeyFiles) -> ssl.SSLContext:
    """Return a context that shows the participant's certificate and trusts the authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(files.certificate, files.key)
    context.load_verify_locations(files.trusted)
    return context
