"""ISDS's words and ours: envelopes to messages, papers to envelopes, states and events. Pure.

ISDS has neither a key against repeats nor an acknowledgement (facts 5.1, 12): our document's
identity stands in `dmSenderRefNumber`, where a lost message is found again. Who sent a message,
ISDS says; what the message says of itself is its sender's claim.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from depesha.adapters.isds.values import CreateWords, Event, PaperContent, Row, Words
from depesha.errors import WireError
from depesha.schemas import ids
from depesha.schemas.envelope import (
    Attachment,
    DocumentReference,
    Envelope,
    Party,
    RegistrationNumber,
)
from depesha.schemas.ids import Digest, Guid

NETWORK: Final = "isds"
SUBJECT: Final = 255
REFERENCE: Final = 50
"""Characters of reference numbers and file marks (facts 4.1)."""
KIND: Final = "Datová zpráva"
"""Kind of a document whose sender names none."""
SYSTEM: Final = "aaaaaaa"
"""Box that system messages come from (facts 6.9)."""
PRAGUE: Final = ZoneInfo("Europe/Prague")
_MARK: Final = re.compile(r"\bDPS-([0-9a-f]{32})\b")
_EVENT: Final = re.compile(r"\s*EV([0-9]{1,3})\s*:")


# --- identities -------------------------------------------------------------------------------


def reference_of(document: DocumentReference) -> str:
    """Return what `dmSenderRefNumber` says of a document of ours: mark, and the number if it fits.

    36 of the 50 characters are the mark: unique, so that an unclear message is surely found.
    """
    mark = "DPS-" + document.guid.replace("-", "")
    number = "" if document.number is None else document.number.number.strip()
    whole = f"{number} {mark}"
    return whole if number and len(whole) <= REFERENCE else mark


def referenced(reference: str) -> Guid | None:
    """Return the document that a reference carries the mark of, or None."""
    found = _MARK.search(reference)
    if found is None:
        return None
    text = found[1]
    return ids.guid("-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:])))


def transport_guid(environment: str, dm_id: str) -> Guid:
    """Return the identity of a message of ISDS: the same for ever within an environment."""
    return _derived(f"message:{environment}:{dm_id}")


def document_guid(environment: str, dm_id: str) -> Guid:
    """Return the identity of a document whose sender gave it none."""
    return _derived(f"document:{environment}:{dm_id}")


def _derived(name: str) -> Guid:
    """A GUID made from a name: version 8 (RFC 9562, 5.8), SHA-256."""
    raw = bytearray(hashlib.sha256(f"depesha:isds:{name}".encode()).digest()[:16])
    raw[6] = raw[6] & 0x0F | 0x80
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return Guid("-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:])))


# --- ours to theirs ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """What the partner's message said of itself, to be said back in a reply (facts 12)."""

    reference: str = ""
    """Its `dmSenderRefNumber`: our `dmRecipientRefNumber`."""
    mark: str = ""
    """Its `dmSenderIdent`: our `dmRecipientIdent`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a message is sent, beyond what the document says."""

    personal_delivery: bool | None = None
    fiction_allowed: bool | None = None
    """Only authorities may switch it off; None leaves it to ISDS."""
    as_authority: bool | None = None
    message_type: str = ""
    thread: Thread = Thread()


def create_words(
    envelope: Envelope, manner: Manner | None = None, *, recipient_box: str = ""
) -> CreateWords:
    """Return the words of a message that carries a document.

    `recipient_box` is where it goes; empty: the recipient's identifier is a box id.
    """
    manner = manner or Manner()
    parent = envelope.parent
    known = "" if parent is None or parent.number is None else parent.number.number
    number = "" if envelope.document.number is None else envelope.document.number.number
    reference = reference_of(envelope.document)
    return CreateWords(
        recipient_box=recipient_box or envelope.recipient.identifier,
        subject=_cut(envelope.subject or envelope.kind or KIND, SUBJECT),
        sender_reference=reference,
        # The number has its own field only where it found no place beside the mark.
        sender_mark="" if number and number in reference else _cut(number, REFERENCE),
        recipient_reference=_cut(manner.thread.reference or known, REFERENCE),
        recipient_mark=_cut(manner.thread.mark, REFERENCE),
        to_hands=_cut(envelope.attention_to, SUBJECT),
        personal_delivery=manner.personal_delivery,
        fiction_allowed=manner.fiction_allowed,
        as_authority=manner.as_authority,
        message_type=manner.message_type,
    )


def _cut(text: str, most: int) -> str:
    """Line ends and the like do not survive there (facts 2)."""
    return " ".join(text.split())[:most].rstrip()


# --- theirs to ours ---------------------------------------------------------------------------


def envelope_of(content: PaperContent, *, environment: str, received_at: datetime) -> Envelope:
    """Return the envelope of a received message from its checked paper.

    `received_at` serves where ISDS gave no time of delivery. Raises `WireError` for a paper that
    is no message.
    """
    words = content.words
    if not words.sender_box or not words.recipient_box:
        raise WireError("a message of ISDS names no sender or no recipient")
    at = content.delivered_at or received_at
    return Envelope(
        network=NETWORK,
        transport_id=transport_guid(environment, words.dm_id),
        created_at=at,
        sender=Party(identifier=words.sender_box, name=words.sender_name),
        recipient=Party(identifier=words.recipient_box, name=words.recipient_name),
        document=_document(words, at, environment),
        parent=_parent(words, at, environment),
        kind=KIND,
        subject=words.subject,
        comment=_remark(words),
        attention_to=words.to_hands,
        delivered_at=content.delivered_at,
        accepted_at=content.accepted_at,
        sender_mark=words.sender_mark,
        own_mark=words.recipient_mark,
        attachments=tuple(
            Attachment(
                index=file.index,
                name=file.name,
                media_type=_media_type(file.media_type),
                size=file.stored.size,
                digest=file.stored.digest,
                comment=file.meta_type,
            )
            for file in content.files
        ),
    )


def _document(words: Words, at: datetime, environment: str) -> DocumentReference:
    """The mark's identity, else one made from the number; the sender's own reference as number.

    ISDS keeps no day of a reference: the day of delivery in Prague stands for it.
    """
    own = _MARK.sub("", words.sender_reference).strip() or words.sender_mark.strip()
    guid = referenced(words.sender_reference) or document_guid(environment, words.dm_id)
    return DocumentReference(guid=guid, number=_number(own, at))


def _parent(words: Words, at: datetime, environment: str) -> DocumentReference | None:
    """What a reply says that it answers: our own document, or another's number."""
    given = words.recipient_reference.strip()
    if not given:
        return None
    guid = referenced(given) or _derived(f"reference:{environment}:{given}")
    return DocumentReference(guid=guid, number=_number(_MARK.sub("", given).strip(), at))


def _number(given: str, at: datetime) -> RegistrationNumber | None:
    day = at.astimezone(PRAGUE).date()
    return RegistrationNumber(number=given, date=day) if given else None


def _remark(words: Words) -> str:
    """What has no field of its own, for the clerk: file marks, units, the empowering act."""
    law = ""
    if words.law_number is not None and words.law_year is not None:
        law = f"{words.law_number}/{words.law_year} Sb."
        law += "".join(
            f" {sign} {part}"
            for sign, part in (
                ("§", words.law_section),
                ("odst.", words.law_paragraph),
                ("písm.", words.law_point),
            )
            if part
        )
    said = (
        ("Spisová značka odesílatele", words.sender_mark),
        ("Naše spisová značka", words.recipient_mark),
        ("Útvar odesílatele", words.sender_unit),
        ("Náš útvar", words.recipient_unit),
        ("Zmocnění", law),
        ("Do vlastních rukou", "ano" if words.personal_delivery else ""),
    )
    return "; ".join(f"{name}: {value}" for name, value in said if value)


def _media_type(given: str) -> str:
    """Declared types may be empty or a mere extension (facts 4.4)."""
    return given if "/" in given else "application/octet-stream"


# --- states and events --------------------------------------------------------------------------


class Standing(StrEnum):
    """Where a sent message stands, in our words."""

    UNDER_WAY = "UNDER_WAY"
    IN_THE_BOX = "IN_THE_BOX"
    """Dodána; for an authority's box the legal receipt (facts 10)."""
    ACCEPTED = "ACCEPTED"
    """Doručena: somebody entitled logged in."""
    ACCEPTED_BY_FICTION = "ACCEPTED_BY_FICTION"
    """Doručena: ten days passed."""
    INFECTED = "INFECTED"
    """Failed: the scanner of ISDS found malware."""
    UNDELIVERABLE = "UNDELIVERABLE"
    """Failed: the box was made inaccessible."""
    ERASED = "ERASED"
    """The content is gone there; nothing about the delivery changes."""
    IN_VAULT = "IN_VAULT"
    UNKNOWN = "UNKNOWN"

    @property
    def failed(self) -> bool:
        """True where it will never reach the recipient."""
        return self in {Standing.INFECTED, Standing.UNDELIVERABLE}

    def delivered_to(self, *, authority: bool) -> bool:
        """Tell whether the law takes it as delivered, by the kind of the recipient's box."""
        accepted = self in {Standing.ACCEPTED, Standing.ACCEPTED_BY_FICTION}
        return accepted or (authority and self is Standing.IN_THE_BOX)


STATES: Final = {
    1: Standing.UNDER_WAY,
    2: Standing.UNDER_WAY,
    3: Standing.INFECTED,
    4: Standing.IN_THE_BOX,
    5: Standing.ACCEPTED_BY_FICTION,
    6: Standing.ACCEPTED,
    7: Standing.ACCEPTED,  # read: of the recipient's side, in law the same as 6
    8: Standing.UNDELIVERABLE,
    9: Standing.ERASED,
    10: Standing.IN_VAULT,
}
"""Facts 6.1."""
EVENTS: Final = {
    0: Standing.UNDER_WAY,
    1: Standing.ACCEPTED,
    2: Standing.ACCEPTED_BY_FICTION,
    3: Standing.UNDELIVERABLE,
    4: Standing.ACCEPTED,
    5: Standing.IN_THE_BOX,
    6: Standing.ACCEPTED_BY_FICTION,
    8: Standing.INFECTED,
    11: Standing.ACCEPTED,
    12: Standing.ACCEPTED,
    13: Standing.ACCEPTED,
}
"""Facts 6.4; the text behind the prefix changes from version to version and is never read."""


def standing_of(state: int | None) -> Standing:
    """Return what a state means; UNKNOWN for one that no source names."""
    return Standing.UNKNOWN if state is None else STATES.get(state, Standing.UNKNOWN)


def event_of(event: Event) -> tuple[str, Standing]:
    """Return an event's code (`EV5`; empty for none) and what it means."""
    found = _EVENT.match(event.text)
    if found is None:
        return "", Standing.UNKNOWN
    number = int(found[1])
    return f"EV{number}", EVENTS.get(number, Standing.UNKNOWN)


def is_system(row: Row) -> bool:
    """Tell whether ISDS itself wrote a message: never an ordinary submission (facts 6.9)."""
    return row.words.sender_box == SYSTEM or row.words.sender_type == 0


def content_key(content: PaperContent) -> Digest:
    """Return the identity of a message's content: digest of `dmHash`, never of the ZFO's bytes.

    ISDS seals anew with each download (facts 9.1). A message sent again has its own `dmHash`,
    since `dmDm` holds its number: files are compared by their own digests.
    """
    said = content.hash_algorithm.encode() + b":" + content.hash_declared
    return Digest(hashlib.sha256(said).hexdigest())


def check_order(meta_types: Sequence[str]) -> bool:
    """Tell whether a received message has exactly one main file, and first (facts 4.4)."""
    return list(meta_types).count("main") == 1 and meta_types[0] == "main"
