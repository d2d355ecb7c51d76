"""What ISDS speaks of: words of an envelope, papers, rows of lists, boxes. Values only, no I/O.

Names are ours, one for each element of the wire. What stands here is untrusted and may be
personal: it never goes to a log, a metric or an error's text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from depesha.adapters.filestreams import StoredFile
from depesha.errors import WireError
from depesha.schemas.wire.isds import Paper


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The 26 words of a returned envelope (facts 4.3); what is nil or empty is empty here."""

    dm_id: str
    sender_box: str = ""
    sender_name: str = ""
    sender_address: str = ""
    sender_type: int | None = None
    """Facts 6.5; 0 is the system itself."""
    recipient_name: str = ""
    recipient_address: str = ""
    ambiguous_recipient: bool | None = None
    sender_unit: str = ""
    sender_unit_number: int | None = None
    recipient_box: str = ""
    recipient_unit: str = ""
    recipient_unit_number: int | None = None
    to_hands: str = ""
    subject: str = ""
    recipient_reference: str = ""
    """Číslo jednací of the recipient."""
    sender_reference: str = ""
    recipient_mark: str = ""
    """Spisová značka of the recipient."""
    sender_mark: str = ""
    law_number: int | None = None
    law_year: int | None = None
    law_section: str = ""
    law_paragraph: str = ""
    law_point: str = ""
    personal_delivery: bool | None = None
    """Into own hands: only users with the right to read everything may read it."""
    fiction_allowed: bool | None = None
    """`dmAllowSubstDelivery`: counts as delivered ten days after it lay in the box."""


WIRE_WORDS: Final = (
    ("dmID", "dm_id"),
    ("dbIDSender", "sender_box"),
    ("dmSender", "sender_name"),
    ("dmSenderAddress", "sender_address"),
    ("dmSenderType", "sender_type"),
    ("dmRecipient", "recipient_name"),
    ("dmRecipientAddress", "recipient_address"),
    ("dmAmbiguousRecipient", "ambiguous_recipient"),
    ("dmSenderOrgUnit", "sender_unit"),
    ("dmSenderOrgUnitNum", "sender_unit_number"),
    ("dbIDRecipient", "recipient_box"),
    ("dmRecipientOrgUnit", "recipient_unit"),
    ("dmRecipientOrgUnitNum", "recipient_unit_number"),
    ("dmToHands", "to_hands"),
    ("dmAnnotation", "subject"),
    ("dmRecipientRefNumber", "recipient_reference"),
    ("dmSenderRefNumber", "sender_reference"),
    ("dmRecipientIdent", "recipient_mark"),
    ("dmSenderIdent", "sender_mark"),
    ("dmLegalTitleLaw", "law_number"),
    ("dmLegalTitleYear", "law_year"),
    ("dmLegalTitleSect", "law_section"),
    ("dmLegalTitlePar", "law_paragraph"),
    ("dmLegalTitlePoint", "law_point"),
    ("dmPersonalDelivery", "personal_delivery"),
    ("dmAllowSubstDelivery", "fiction_allowed"),
)
"""Elements in the order of the wire, and our names."""
_NUMBERS: Final = {
    "dmSenderType",
    "dmSenderOrgUnitNum",
    "dmRecipientOrgUnitNum",
    "dmLegalTitleLaw",
    "dmLegalTitleYear",
}
_BOOLEANS: Final = {"dmAmbiguousRecipient", "dmPersonalDelivery", "dmAllowSubstDelivery"}


def words_of(said: Mapping[str, str]) -> Words:
    """Read the words from texts by element name; raise `WireError`. Lengths are not trusted."""
    if not said.get("dmID"):
        raise WireError("a message of ISDS has no number")
    made: dict[str, str | int | bool | None] = {}
    for wire, own in WIRE_WORDS:
        text = said.get(wire, "")
        if wire in _NUMBERS:
            made[own] = number_of(text)
        elif wire in _BOOLEANS:
            made[own] = boolean_of(text)
        else:
            made[own] = text
    return Words(**made)  # type: ignore[arg-type]  # each name has the type that its table says


def number_of(text: str) -> int | None:
    """Read a whole number; None for nothing."""
    text = text.strip()
    if not text:
        return None
    if len(text) > 18:  # noqa: PLR2004 -- no number of ISDS is longer, and int() is quadratic
        raise WireError("a number of ISDS cannot be read")
    try:
        return int(text)
    except ValueError:
        raise WireError("a number of ISDS cannot be read") from None


def boolean_of(text: str) -> bool | None:
    """Read a boolean of XML; None for nothing."""
    match text.strip():
        case "":
            return None
        case "true" | "1":
            return True
        case "false" | "0":
            return False
        case _:
            raise WireError("a word of ISDS is neither true nor false")


def moment_of(text: str) -> datetime | None:
    """Read a moment, in UTC; None for nothing. One without an offset is refused."""
    text = text.strip()
    if not text:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise WireError("a moment of ISDS cannot be read") from None
    if read.tzinfo is None:
        raise WireError("a moment of ISDS has no offset")
    return read.astimezone(UTC)


def moment_text(moment: datetime) -> str:
    """Write a moment as ISDS does: milliseconds and offset."""
    return moment.isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperFile:
    """An attachment of a message as its paper brings it (facts 4.4)."""

    index: int
    """From 1, in the order of the paper."""
    name: str
    media_type: str
    """As declared: empty, a file extension, or a media type."""
    meta_type: str
    """`main`, `enclosure`, `signature` or `meta`."""
    guid: str = ""
    parent_guid: str = ""
    is_xml: bool = False
    """The content stood as XML in the paper and was taken out as it was written."""
    stored: StoredFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that befell a message (facts 6.4)."""

    at: datetime | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperContent:
    """What a ZFO says. Nothing of it is believed before it was checked."""

    kind: Paper
    words: Words
    hash_algorithm: str
    """As written: `SHA-256`, `SHA-1` …"""
    hash_declared: bytes
    hash_computed: bytes | None
    """Over the raw bytes of `dmDm`; None where the files are not inside (delivery), or the
    algorithm is unknown."""
    stamp: bytes = field(repr=False)
    """`dmQTimestamp`, a time-stamp token; empty where there is none."""
    delivered_at: datetime | None
    """`dmDeliveryTime`: it lay in the box. For an authority's box the legal receipt (facts 10)."""
    accepted_at: datetime | None
    """`dmAcceptanceTime`: somebody logged in, or ten days passed."""
    state: int | None
    message_type: str = ""
    """`dmType`; empty is V (facts 6.3)."""
    big: bool = False
    files: tuple[PaperFile, ...] = ()
    events: tuple[Event, ...] = ()


# --- out --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateWords:
    """The envelope of a message to be sent (facts 4.1); empty is nil on the wire."""

    recipient_box: str
    subject: str
    sender_reference: str
    """`dmSenderRefNumber`: our document's identity, so that an unclear message can be found."""
    sender_unit: str = ""
    sender_unit_number: int | None = None
    recipient_unit: str = ""
    recipient_unit_number: int | None = None
    to_hands: str = ""
    recipient_reference: str = ""
    recipient_mark: str = ""
    sender_mark: str = ""
    law_number: int | None = None
    law_year: int | None = None
    law_section: str = ""
    law_paragraph: str = ""
    law_point: str = ""
    personal_delivery: bool | None = None
    fiction_allowed: bool | None = None
    as_authority: bool | None = None
    """`dmOVM`, for boxes that are both; None leaves it out."""
    message_type: str = ""
    """`dmType`; empty leaves it out, which is V."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingFile:
    """An attachment to be sent; the main one stands first (facts 4.4)."""

    name: str
    media_type: str
    meta_type: str
    """`main`, `enclosure`, `signature` or `meta`."""
    path: Path
    size: int
    guid: str = ""
    parent_guid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """An attachment that lies at ISDS for 24 hours, to be used in big messages (facts 8.3)."""

    attachment_id: str
    hash_1: str
    hash_1_algorithm: str
    hash_2: str
    hash_2_algorithm: str
    file: OutgoingFile


# --- lists and boxes ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of a list (facts 4.6)."""

    words: Words
    state: int
    size_kib: int | None
    delivered_at: datetime | None
    accepted_at: datetime | None
    message_type: str = ""
    big: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """A sent message came into a state (facts 5.2)."""

    dm_id: str
    at: datetime
    state: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What `GetDeliveryInfo` tells, unsigned: for looking, not for evidence."""

    words: Words
    state: int | None
    delivered_at: datetime | None
    accepted_at: datetime | None
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A box as the directory or its own log-in tells (facts 5.3.1, 5.3.2)."""

    box_id: str
    kind: str
    """Symbol of facts 6.5; the list is open."""
    name: str
    address: str = ""
    ic: str = ""
    authority_id: str = ""
    """`dbIdOVM`."""
    state: int | None = None
    """Facts 6.6; 1 alone can receive. None where the answer does not tell."""
    send_options: str = ""
    """`DZ`, `ALL`, `PDZ`, `NONE`, `DISABLED`; empty where the answer does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxes:
    """A page of what was found."""

    boxes: tuple[Box, ...]
    total: int
    last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What the list of sent messages says about one of ours."""

    found: tuple[Row, ...]
    complete: bool
    """False where the list went on beyond what was read: absence is not proved."""
