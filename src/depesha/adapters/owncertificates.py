"""Reads the certificates that the settings name, for the register of our own. Only looks.

A file that cannot be read is told as such: the page must show it, not fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryptography import x509

from depesha.adapters.certificates import UNREADABLE, facts_of
from depesha.schemas.certificates import OwnCertificate, Use
from depesha.schemas.facts import CertificateFacts


def read_own(named: Sequence[tuple[Use, str, Path]]) -> tuple[OwnCertificate, ...]:
    """Return each certificate: what it is for, the key of the setting, its facts. Blocking."""
    return tuple(
        OwnCertificate(use=use, setting=setting, facts=_facts(path)) for use, setting, path in named
    )


def _facts(path: Path) -> CertificateFacts | None:
    """Read the first certificate of a PEM file: the end one."""
    try:
        return facts_of(x509.load_pem_x509_certificates(path.read_bytes())[0])
    except (OSError, *UNREADABLE):
        return None
