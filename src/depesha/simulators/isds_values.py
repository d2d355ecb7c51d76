"""The values of the simulated ISDS: boxes, log-ins, messages, files, events.

Plain data with the small truths that follow from it; nothing here changes a state by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, IntEnum, IntFlag, StrEnum
from pathlib import Path
from typing import Final

SYSTEM_BOX: Final = "aaaaaaa"
"""Sender of system messages (facts 6.9)."""


class BoxKind(IntEnum):
    """Box types by number; the name is the symbol (facts 6.5)."""

    SYSTEM = 0
    OVM = 10
    OVM_NOTAR = 11
    OVM_EXEKUT = 12
    OVM_REQ = 13
    OVM_FO = 14
    OVM_PFO = 15
    OVM_PO = 16
    PO = 20
    PO_ZAK = 21
    PO_REQ = 22
    PFO = 30
    PFO_ADVOK = 31
    PFO_DANPOR = 32
    PFO_INSSPR = 33
    PFO_AUDITOR = 34
    PFO_ZNALEC = 35
    PFO_TLUMOCNIK = 36
    PFO_ARCH = 37
    PFO_AIAT = 38
    PFO_AZI = 39
    FO = 40
    PFO_REQ = 50

    @property
    def is_ovm(self) -> bool:
        """Whether such a box acts as a public authority."""
        return BoxKind.OVM <= self <= BoxKind.OVM_PO


class BoxState(IntEnum):
    """States of a box (facts 6.6); only the first can receive."""

    ACCESSIBLE = 1
    CLOSED_ON_REQUEST = 2
    NOT_YET_ACTIVE = 3
    CLOSED = 4
    DELETED = 5
    CLOSED_BY_LAW = 6

    @property
    def shown(self) -> int:
        """What ISDS reports: 2 instead of 6."""
        return 2 if self is BoxState.CLOSED_BY_LAW else int(self)


class Right(IntFlag):
    """Privileges of a log-in (facts 1.6)."""

    READ = 1
    READ_ALL = 2
    CREATE = 4
    VIEW = 8
    SEARCH = 16
    ADMINISTER = 32
    GATEWAY = 31
    """All that a records service needs."""


class LoginKind(StrEnum):
    """How a log-in shows itself (facts 1.2); the value is its path before `/DS/`."""

    PASSWORD = ""
    CERTIFICATE = "cert"
    BOTH = "certds"
    HOSTED = "hspis"

    @property
    def by_application(self) -> bool:
        """Whether its actions are logged as an application's."""
        return self in {LoginKind.CERTIFICATE, LoginKind.HOSTED}


@dataclass(slots=True, kw_only=True)
class Box:
    """A data box."""

    box_id: str
    kind: BoxKind
    name: str
    street: str = "Příkladná"
    number: str = "1"
    city: str = "Příkladov"
    post_code: str = "10000"
    ic: str = ""
    ovm_id: str = ""
    state: BoxState = BoxState.ACCESSIBLE
    effective_ovm: bool = False
    """A box of another type that also acts as an authority (`dmOVM` chooses per message)."""
    open_addressing: bool = False
    """Takes paid messages from others than authorities."""
    superior: str = ""

    @property
    def address(self) -> str:
        """One line."""
        return f"{self.street} {self.number}, {self.post_code} {self.city}, CZ"

    @property
    def is_ovm(self) -> bool:
        """Whether it may act as an authority."""
        return self.kind.is_ovm or self.effective_ovm


@dataclass(slots=True, kw_only=True)
class Login:
    """Someone, or something, that may enter boxes."""

    kind: LoginKind
    name: str
    """User name; for certificates any word to tell them apart."""
    boxes: tuple[str, ...]
    """One box; a hosted certificate may have many."""
    password: str = field(default="", repr=False)
    certificate: bytes = b""
    """SHA-256 of the DER certificate; empty without one."""
    rights: Right = Right.GATEWAY
    primary: bool = True
    """Whether it is the box's own user (EV11) or an entrusted one (EV12)."""
    expires_at: datetime | None = None
    failures: int = 0
    locked_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks: a log-in acting for one box."""

    login: Login
    box: Box

    def may(self, right: Right) -> bool:
        """Tell whether the log-in holds all of these rights."""
        return right in self.login.rights


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """An attachment as kept on disk, raw."""

    path: Path
    size: int
    name: str
    mime: str
    meta: str
    guid: str = ""
    parent_guid: str = ""
    infected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """An attachment uploaded for a big message, alive for 24 hours (facts 8.1)."""

    attachment_id: str
    box_id: str
    file: StoredFile
    sha256: str
    sha3: str
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a sender says in the create envelope (facts 4.1): empty means not given."""

    recipient: str
    annotation: str
    texts: dict[str, str] = field(default_factory=dict)
    """The other fields by name, as written in answers; a missing one is nil."""
    personal: bool = False
    substitute: bool = True
    """Whether delivery by fiction is allowed."""
    as_ovm: bool = True
    kind: str = ""
    """`dmType` as given; empty means V."""


class Event(Enum):
    """Delivery events: code and the text behind it (facts 6.4)."""

    ENTERED = ("EV0", "Datová zpráva byla podána.")
    DELIVERED = ("EV5", "Datová zpráva byla dodána do datové schránky příjemce.")
    BY_PRIMARY = (
        "EV11",
        "Přihlásila se oprávněná osoba ve smyslu § 8 zákona. Datová zpráva byla doručena.",
    )
    BY_ENTRUSTED = ("EV12", "Přihlásila se pověřená osoba. Datová zpráva byla doručena.")
    BY_APPLICATION = (
        "EV13",
        "Přihlásila se elektronická aplikace s oprávněním přístupu. Datová zpráva byla doručena.",
    )
    BY_FICTION = ("EV2", "Uplynulo 10 dnů od dodání. Datová zpráva byla doručena fikcí.")
    BY_FICTION_NOBODY = (
        "EV6",
        "Datová zpráva byla doručena fikcí; schránka nemá oprávněnou osobu.",
    )
    UNDELIVERABLE = ("EV3", "Schránka byla zpětně znepřístupněna. Zpráva je nedoručitelná.")
    VIRUS = ("EV8", "Datová zpráva neprošla antivirovou kontrolou a nebyla dodána.")


@dataclass(slots=True, kw_only=True)
class Message:
    """A message and what happened to it. Sender and recipient are as they were at sending."""

    message_id: str
    sender: str
    sender_name: str
    sender_address: str
    sender_type: int
    recipient: str
    recipient_name: str
    recipient_address: str
    ambiguous: bool
    draft: Draft
    kind: str
    """`dmType` of answers; empty for a public message."""
    files: tuple[StoredFile, ...]
    big: bool
    submitted_at: datetime
    author: LoginKind = LoginKind.PASSWORD
    status: int = 1
    delivered_at: datetime | None = None
    accepted_at: datetime | None = None
    entered_at: datetime | None = None
    """First log-in of the recipient after delivery: 90 days of keeping count from here."""
    vaulted: set[str] = field(default_factory=set)
    """Boxes that keep it in their paid vault: then it is not erased (facts 6.1, 10)."""
    marked: bool = False
    erased: bool = False
    events: list[tuple[datetime, Event]] = field(default_factory=list)
    changes: list[tuple[datetime, int]] = field(default_factory=list)
    """States from 4 on, for `GetMessageStateChanges`."""
    digest: bytes = b""
    """SHA-256 over the raw dmDm; made when first asked for."""
    stamp: bytes = b""

    @property
    def listed_at(self) -> datetime:
        """The time lists filter and sort by; before delivery that of submission (inferred)."""
        return self.delivered_at or self.submitted_at

    @property
    def size(self) -> int:
        """KiB of base64 text, rounded as the samples suggest (facts 16)."""
        characters = sum((file.size + 2) // 3 * 4 for file in self.files)
        return -(-characters // 1024) if characters >= 1024 else 0  # noqa: PLR2004 -- one KiB

    def listed_for(self, box_id: str) -> int:
        """Return the state in this party's lists: 10 in its vault, unlike in downloads."""
        return 10 if box_id in self.vaulted else self.seen_by(box_id)

    def seen_by(self, box_id: str) -> int:
        """Return the state that this party sees; only the recipient sees 7 (facts 6.1)."""
        if self.erased:
            return 9
        if self.marked and box_id == self.recipient and self.status in {5, 6}:
            return 7
        return self.status
