"""Our own certificates: those in use, and what the register says of them (SIG-08). Values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from depesha.schemas.facts import CertificateFacts

ALARM_DAYS = 14
"""From so many days before the end on a certificate is red."""
WARNING_DAYS = 45
"""And from so many on it is yellow: issuing a qualified one takes weeks."""


class Use(StrEnum):
    """What a certificate of ours is for."""

    SIGNING = "signing"
    """Signs our documents, and stands for us in TLS unless another one does."""
    LISTENERS = "listeners"
    SEOS_REGISTER = "seos-register"
    SSEV_CLIENT = "ssev-client"
    SSEV_SIGNING = "ssev-signing"
    ISDS_LOGIN = "isds-login"
    MAIL = "mail"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCertificate:
    """A certificate that the settings name."""

    use: Use
    setting: str
    """The key in the settings that names it."""
    facts: CertificateFacts | None
    """None where the file cannot be read now."""


class CertificateKind(StrEnum):
    """Which kind it is (SIG-08 b)."""

    UNKNOWN = ""
    QUALIFIED_SIGNATURE = "qualified-signature"
    QUALIFIED_SEAL = "qualified-seal"
    QUALIFIED_WEBSITE = "qualified-website"
    SYSTEM = "system"
    """Commercial, or of a closed PKI: for TLS and for networks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateEntry:
    """What a person says of a certificate, in the six groups of the register."""

    number: str = ""
    """(a) Only where no file tells it."""
    kind: CertificateKind = CertificateKind.UNKNOWN
    """(b)"""
    valid_from: date | None = None
    valid_to: date | None = None
    """(c) Only where no file tells them."""
    revoked_at: datetime | None = None
    revocation_reason: str = ""
    """(d)"""
    provider: str = ""
    provider_state: str = ""
    """(e) The country in which the provider is established."""
    holder: str = ""
    """(f) Who is entitled to use it: name, and what identifies the person."""
    used_for: str = ""
    """What it is for, where no setting names it: what stops on the day it ends."""
