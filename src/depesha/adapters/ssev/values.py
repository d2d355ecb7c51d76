"""What the two clients take and give: profiles, letters, rows, opened messages, files. Values only.

Ids are common to both interfaces (facts 5.3), so are these values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from pathlib import Path

from depesha.adapters.filestreams import StoredFile
from depesha.schemas.ids import Digest, Guid


class Group(IntEnum):
    """Target groups (facts 1)."""

    INDIVIDUAL = 1
    LEGAL_ENTITY = 2
    ADMINISTRATION = 3
    SOCIAL = 4


class ProfileKind(StrEnum):
    """The SOAP side's kinds (facts 7.5, eProfileType)."""

    PERSON = "Person"
    LEGAL_PERSON = "LegalPerson"
    INSTITUTION = "Institution"
    ADMINISTRATOR = "Administrator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A party as SSEV knows it; personal data where it is a person."""

    name: str
    identifier: str = ""
    """EIK, or a person's number; empty where the interface does not say."""
    profile_id: int | None = None
    """Known over REST only."""
    subject_id: Guid | None = None
    """Known over SOAP only."""
    kind: ProfileKind | None = None
    group: Group | None = None
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """What a recipient check found."""

    profile: Profile | None
    """None: in none of the groups that may be asked."""
    forbidden: tuple[Group, ...] = ()
    """Groups we may not write to: a matter of configuration (facts 8.2)."""

    @property
    def reachable(self) -> bool:
        """True where a message would be read: sends are not refused for switched-off ones."""
        return self.profile is not None and self.profile.active


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingFile:
    """A file to be sent, on our disk."""

    name: str
    media_type: str
    path: Path
    size: int
    digest: Digest
    registration_number: str = ""
    """Carried by SOAP alone (facts 5.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a message of the letter template says."""

    subject: str
    text: str = field(repr=False)


class Scan(StrEnum):
    """The scanner's word on an upload (facts 3.1)."""

    NONE = "None"
    CLEAN = "NotMalicious"
    UNSURE = "NotSure"
    MALICIOUS = "IsMalicious"


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """A file that SSEV keeps for us, its digest equal to ours."""

    blob_id: int
    scan: Scan


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of an inbox or outbox."""

    message_id: int
    sent_at: datetime
    subject: str
    """Plain, whatever the list shows (facts 5.3)."""
    received_at: datetime | None = None
    """When it was opened; None: not yet, or the list does not say (REST outbox)."""
    sender_name: str = ""
    sender_profile_id: int | None = None
    """Known in SOAP lists: the sender can be checked before opening (facts 8.4)."""
    sender_subject_id: Guid | None = None
    recipients: str = ""
    """Names, as the list shows them."""
    rnu: str = ""
    """REST only."""
    template_id: int | None = None
    """REST only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPage:
    """A page of rows and how many there are in all."""

    rows: tuple[Row, ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """The result of an outbox look-up."""

    found: tuple[Row, ...]
    complete: bool
    """False: the outbox was not read back to the moment asked for, so absence proves nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFile:
    """A file of an opened or viewed message."""

    blob_id: int
    name: str
    """The sender's own, untrusted."""
    media_type: str = ""
    size: int | None = None
    digest: Digest | None = None
    """As SSEV declares it; REST only."""
    registration_number: str = ""
    clean: bool | None = None
    """SSEV's scanner: True or unknown; ours decides."""
    link: str = field(default="", repr=False)
    """A secret that lives for an hour; REST only. Never logged."""
    stored: StoredFile | None = None
    """Where its bytes lie; SOAP brings them with the message."""


class EvidenceKind(StrEnum):
    """What proves a message (facts 5.4)."""

    SUMMARY = "SUMMARY"
    ORIGIN = "NRO"
    DELIVERY = "NRD"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFile:
    """One proof, on our disk."""

    kind: EvidenceKind
    name: str
    stored: StoredFile


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedMessage:
    """A message as its recipient reads it; reading it was the legal receipt."""

    message_id: int
    sent_at: datetime
    received_at: datetime | None
    subject: str
    text: str = field(repr=False)
    sender_name: str
    sender_profile_id: int | None
    sender_subject_id: Guid | None = None
    rnu: str = ""
    """From REST, or from the summary that SOAP brings."""
    template_id: int | None = None
    forwarded_id: int | None = None
    files: tuple[MessageFile, ...] = ()
    evidence: tuple[EvidenceFile, ...] = ()
    raw: bytes = field(default=b"", repr=False)
    """The answer itself, contents left out: personal data and links inside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Whether one recipient opened a message of ours."""

    name: str
    profile_id: int | None
    received_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """A message of ours as SSEV keeps it: the delivery state and its proofs."""

    message_id: int
    sent_at: datetime
    subject: str
    receipts: tuple[Receipt, ...]
    rnu: str = ""
    files: tuple[MessageFile, ...] = ()
    evidence: tuple[EvidenceFile, ...] = ()
    raw: bytes = field(default=b"", repr=False)

    @property
    def delivered(self) -> bool:
        """True where every recipient opened it (facts 5.1: opened = received)."""
        return bool(self.receipts) and all(r.received_at is not None for r in self.receipts)
