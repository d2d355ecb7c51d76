"""What the simulated SSEV holds: profiles, logins, files, messages (facts 1, 3, 5). Values only.

Message copies and files change in the one state of `ssev_state`; nothing here acts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Final

from depesha.schemas.ids import Guid

QUOTA: Final = 1024**3
"""Default storage of a profile (facts 3.1)."""


class Group(IntEnum):
    """Target groups (facts 1)."""

    INDIVIDUAL = 1
    LEGAL_ENTITY = 2
    ADMINISTRATION = 3
    SOCIAL = 4


GROUP_NAMES: Final = {
    Group.INDIVIDUAL: "Individual",
    Group.LEGAL_ENTITY: "LegalEntity",
    Group.ADMINISTRATION: "PublicAdministration",
    Group.SOCIAL: "SocialOrganization",
}


class Scan(StrEnum):
    """Verdicts of the malware scanner, in the code's words (facts 3.1)."""

    NONE = "None"
    CLEAN = "NotMalicious"
    UNSURE = "NotSure"
    MALICIOUS = "IsMalicious"


class BlobKind(StrEnum):
    """Where a file lies (facts 3.1)."""

    TEMPORARY = "Temporary"
    STORAGE = "Storage"
    ATTACHED = "Attached"
    """Bound to a message: no longer to be used again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """An addressable party."""

    profile_id: int
    subject_id: Guid
    identifier: str
    name: str
    group: Group
    created_at: datetime
    email: str = "info@office.example"
    phone: str = "020000000"
    activated: bool = True
    passive: bool = False
    quota: int = QUOTA


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """An integration account: bound to a certificate, an OID and a client id (facts 1, 2.4)."""

    login_id: int
    subject_id: Guid
    name: str
    profile_id: int
    thumbprint: str
    """Lower-case SHA-1 of the certificate's DER."""
    oid: str
    client_id: str
    push_url: str = ""


@dataclass(slots=True, kw_only=True)
class Blob:
    """A stored file; its content lies in the simulator's own folder."""

    blob_id: int
    owner: int
    name: str
    path: Path
    size: int
    sha256: str
    """Upper-case hex."""
    kind: BlobKind
    scan: Scan
    created_at: datetime
    registration_number: str = ""
    stamp: bytes = b""


@dataclass(slots=True, kw_only=True)
class Copy:
    """One recipient's side of a message."""

    profile_id: int
    opened_at: datetime | None = None
    login_id: int | None = None
    receipt: bytes = b""
    """NRD token (facts 5.4)."""
    summary: bytes = b""
    """The recipient's version of the summary."""


FieldValue = str | bool | list[int] | None


@dataclass(slots=True, kw_only=True)
class Message:
    """A message as sent, with one copy a recipient."""

    message_id: int
    sender: int
    login_id: int
    sent_at: datetime
    subject: str
    rnu: str
    template_id: int
    fields: dict[str, FieldValue]
    blobs: tuple[int, ...]
    copies: list[Copy]
    origin: bytes = b""
    """NRO token (facts 5.4)."""
    summary: bytes = b""
    forwarded: int | None = None

    def copy_for(self, profile_id: int) -> Copy | None:
        """Return the side of this recipient, or None."""
        return next((copy for copy in self.copies if copy.profile_id == profile_id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message about to be sent."""

    subject: str
    template_id: int
    fields: dict[str, FieldValue]
    blobs: tuple[int, ...] = ()
    rnu: str = ""
    """Only a reply copies one; else a new GUID is made (facts 5.3)."""
    forwarded: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls: a login acting for its profile."""

    profile: Profile
    login: Login


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """What became of an upload (facts 3.1)."""

    name: str
    size: int
    sha256: str
    blob: Blob | None
    scan: Scan
    no_space: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A download link: the token is the secret (facts 3.1)."""

    token: str = field(repr=False)
    blob_id: int
    expires_at: datetime
    in_message: bool
