"""SSEV's words and ours: envelopes to letters, opened messages to envelopes, answers both ways.

Pure. SSEV has neither an idempotency key nor an acknowledgement (facts 8.3, 8.5): a marker in the
subject makes our messages findable, and a block at the end of the text makes them readable for
another Depesha. Both are claims of the sender; who that is, SSEV says.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

from depesha.adapters.filestreams import StoredFile
from depesha.adapters.ssev.values import Group, Letter, OpenedMessage, Profile, ProfileKind, Sought
from depesha.errors import WireError
from depesha.schemas import ids
from depesha.schemas.answer import DocumentStatus, StatusAnswer
from depesha.schemas.envelope import (
    Attachment,
    DocumentReference,
    Envelope,
    Party,
    RegistrationNumber,
)
from depesha.schemas.ids import Guid

NETWORK: Final = "ssev"
SUBJECT: Final = 255
"""Longest subject that SSEV keeps (facts 5.5)."""
BLOCK: Final = 16_000
"""Characters of a block that is still looked at."""
LETTER: Final = "Писмо"
"""Kind of a document whose sender names none: SSEV's letter template."""
_BEGIN: Final = "-----BEGIN DEPESHA-----"
_END: Final = "-----END DEPESHA-----"
_UNFIT: Final = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot carry, and the carriage return, which it would change."""
_DROPPED: Final = ("text", "comment", "subject", "attention")
"""What a block that grows too long leaves out, first things first: the letter says it in words."""
_MARKER: Final = re.compile(r"\[DPS ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\]")
_BLOCK: Final = re.compile(
    re.escape(_BEGIN) + r"\s*(\{[^\n]{0,16000}\})\s*" + re.escape(_END), re.DOTALL
)
_STATUS_WORDS: Final = {
    DocumentStatus.WAITING: "Чака регистрация",
    DocumentStatus.REGISTERED: "Регистриран",
    DocumentStatus.REJECTED: "Отказана регистрация",
    DocumentStatus.ALREADY_RECEIVED: "Вече получен",
    DocumentStatus.NOT_FOUND: "Не е намерен",
    DocumentStatus.STOPPED: "Прекратен",
    DocumentStatus.CLOSED: "Приключен",
}


class Presence(StrEnum):
    """What an outbox look-up says about a message of ours."""

    THERE = "THERE"
    ABSENT = "ABSENT"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusWord:
    """A peer's answer about a document of ours, as its letter says it."""

    document: DocumentReference
    status: DocumentStatus
    reason: str = ""
    expected_close: date | None = None


# --- identities -------------------------------------------------------------------------------


def marker(document: Guid) -> str:
    """Return the mark that every message about a document carries in its subject."""
    return f"[DPS {document}]"


def status_marker(document: Guid) -> str:
    """Return the mark of our letters about the state of somebody else's document.

    Another one than a document's own: a look-up for the one must never find the other.
    """
    return f"[DPS-STATUS {document}]"


def marked(subject: str) -> Guid | None:
    """Return the document that a subject is marked with, or None."""
    found = _MARKER.search(subject)
    return None if found is None else Guid(found[1])


def transport_guid(environment: str, message_id: int) -> Guid:
    """Return the identity of an SSEV message: the same for ever within an environment (8.4)."""
    return _derived(f"message:{environment}:{message_id}")


def document_guid(environment: str, message_id: int) -> Guid:
    """Return the identity of a document whose sender gave it none."""
    return _derived(f"document:{environment}:{message_id}")


def party_guid(environment: str, identifier: str) -> Guid:
    """Return the identity of a party by its business identifier, which both interfaces tell."""
    return _derived(f"party:{environment}:{identifier}")


def _derived(name: str) -> Guid:
    """A GUID made from a name: version 8 (RFC 9562, 5.8), SHA-256."""
    raw = bytearray(hashlib.sha256(f"depesha:ssev:{name}".encode()).digest()[:16])
    raw[6] = raw[6] & 0x0F | 0x80
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return Guid("-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:])))


def presence(sought: Sought) -> Presence:
    """Tell what a look-up proves; absence only where the outbox was read far enough back."""
    if sought.found:
        return Presence.THERE
    return Presence.ABSENT if sought.complete else Presence.UNKNOWN


# --- ours to theirs ---------------------------------------------------------------------------


def document_letter(envelope: Envelope) -> Letter:
    """Return the letter that carries a document: plain words first, our block last."""
    document = envelope.document
    named = _named(document.number)
    subject = " – ".join(part for part in (named, envelope.subject) if part)
    lines = [envelope.subject, f"Рег. № {named}" if named else "", envelope.comment]
    lines += [envelope.document_comment]
    lines += [f"На вниманието на: {envelope.attention_to}" if envelope.attention_to else ""]
    lines += [f"Срок за отговор: {envelope.deadline:%d.%m.%Y}" if envelope.deadline else ""]
    if envelope.attachments:
        lines.append("Прикачени файлове:")
        lines += [f"{a.index}. {a.name} (SHA-256 {a.digest})" for a in envelope.attachments]
    said = {
        "type": "document",
        **_reference(document),
        "kind": envelope.kind,
        "subject": envelope.subject,
        "comment": envelope.comment,
        "text": envelope.document_comment,
        "attention": envelope.attention_to,
        "deadline": envelope.deadline.isoformat() if envelope.deadline else "",
    }
    if envelope.parent is not None:
        said["parent"] = _reference(envelope.parent)
    mark = marker(document.guid)
    return Letter(subject=_subject(subject or envelope.kind, mark), text=_text(lines, said))


def status_letter(answer: StatusAnswer) -> Letter:
    """Return the letter that tells a sender what became of its document (facts 8.5)."""
    word, named = _STATUS_WORDS[answer.status], _named(answer.document.number)
    subject = f"{word} под № {named}" if named else word
    said = {
        "type": "status",
        **_reference(answer.document),
        "status": answer.status.value,
        "reason": answer.reason,
        "close": answer.expected_close.isoformat() if answer.expected_close else "",
    }
    lines = [subject, f"Причина: {answer.reason}" if answer.reason else ""]
    lines += [f"Очакван срок: {answer.expected_close:%d.%m.%Y}" if answer.expected_close else ""]
    mark = status_marker(answer.document.guid)
    return Letter(subject=_subject(subject, mark), text=_text(lines, said))


def _named(number: RegistrationNumber | None) -> str:
    return "" if number is None else f"{number.number}/{number.date:%d.%m.%Y}"


def _reference(document: DocumentReference) -> dict[str, Any]:
    number = document.number
    return {
        "document": document.guid,
        "number": "" if number is None else number.number,
        "date": "" if number is None else number.date.isoformat(),
    }


def plain(text: str) -> str:
    """Return a text without the characters that would not survive both interfaces."""
    return _UNFIT.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def _subject(words: str, mark: str) -> str:
    """Cut the words, never the mark; control characters would not survive."""
    short = " ".join(plain(words).split())[: SUBJECT - len(mark) - 1].rstrip()
    return f"{short} {mark}"


def _text(lines: Sequence[str], said: dict[str, Any]) -> str:
    """Words, then the block on one line. JSON hides what could look like the block's end."""
    packed = _packed(said)
    for name in _DROPPED:
        if len(packed) <= BLOCK:
            break
        said = {key: value for key, value in said.items() if key != name}
        packed = _packed(said)
    words = plain("\n".join(line for line in lines if line)).replace(_BEGIN, "").replace(_END, "")
    return f"{words}\n\n{_BEGIN}\n{packed}\n{_END}\n"


def _packed(said: dict[str, Any]) -> str:
    told = json.dumps({"version": 1, **said}, ensure_ascii=False)
    return _UNFIT.sub(_escaped, told.replace("-----", "\\u002d----"))


def _escaped(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]


def profile_kind(profile: Profile) -> ProfileKind:
    """Return the SOAP side's kind of a profile found by either side."""
    if profile.kind is not None:
        return profile.kind
    match profile.group:
        case Group.INDIVIDUAL:
            return ProfileKind.PERSON
        case Group.LEGAL_ENTITY:
            return ProfileKind.LEGAL_PERSON
        case Group.ADMINISTRATION | Group.SOCIAL | None:
            return ProfileKind.INSTITUTION


# --- theirs to ours ---------------------------------------------------------------------------


def status_word(opened: OpenedMessage) -> StatusWord | None:
    """Return what a message says about a document of ours; None where it is a document itself.

    Such a message must never be answered in its turn (facts 8.5: loop guard).
    """
    said = _block(opened.text)
    if said.get("type") != "status" or said.get("status") not in set(DocumentStatus):
        return None
    document = _read_reference(said)
    if document is None:
        return None
    return StatusWord(
        document=document,
        status=DocumentStatus(said["status"]),
        reason=_said(said, "reason"),
        expected_close=_day(_said(said, "close")),
    )


def envelope_of(
    opened: OpenedMessage,
    files: Sequence[StoredFile],
    *,
    environment: str,
    sender: Party,
    recipient: Party,
) -> Envelope:
    """Return the envelope of a received document; `files` are its contents, in order.

    `sender` comes from SSEV's profile (facts 8.4), never from the text. What the block does not
    say is taken from the message; raises `WireError` where files and message do not agree.
    """
    if len(files) != len(opened.files):
        raise WireError("a message and its files do not agree")
    said = _block(opened.text)
    said = said if said.get("type") == "document" else {}
    parent = said.get("parent")
    return Envelope(
        network=NETWORK,
        transport_id=transport_guid(environment, opened.message_id),
        created_at=opened.sent_at,
        sender=sender,
        recipient=recipient,
        document=_document(said, opened, environment),
        parent=_read_reference(parent) if isinstance(parent, dict) else None,
        kind=_said(said, "kind") or LETTER,
        subject=_said(said, "subject") or _MARKER.sub("", opened.subject).strip(),
        comment=_said(said, "comment"),
        document_comment=_words(said, opened.text),
        attention_to=_said(said, "attention"),
        deadline=_day(_said(said, "deadline")),
        attachments=tuple(
            Attachment(
                index=index,
                name=file.name,
                media_type=file.media_type or "application/octet-stream",
                size=stored.size,
                digest=stored.digest,
            )
            for index, (file, stored) in enumerate(zip(opened.files, files, strict=True), 1)
        ),
    )


def _document(said: dict[str, Any], opened: OpenedMessage, environment: str) -> DocumentReference:
    """The block's identity; else the mark's; else one made from the message id.

    The number is the block's, or that of the first file which carries one (facts 5.3), with the
    day of sending: SSEV keeps no day for it.
    """
    found = _read_reference(said) if said else None
    if found is not None and found.number is not None:
        return found
    own = next((f.registration_number for f in opened.files if f.registration_number), "")
    day = opened.sent_at.date()
    return DocumentReference(
        guid=(found.guid if found is not None else marked(opened.subject))
        or document_guid(environment, opened.message_id),
        number=RegistrationNumber(number=own, date=day) if own else None,
    )


def _words(said: dict[str, Any], text: str) -> str:
    """Return the covering words: the block's, or what stands before it, or the whole letter."""
    if "text" in said:
        return _said(said, "text")
    return _BLOCK.split(text)[0].strip() if said else text.strip()


def _block(text: str) -> dict[str, Any]:
    """Return what our block says; empty where there is none, or more than one."""
    found = _BLOCK.findall(text[-2 * BLOCK :])
    if len(found) != 1:
        return {}
    try:
        said = json.loads(found[0])
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) and said.get("version") == 1 else {}


def _said(said: dict[str, Any], name: str) -> str:
    value = said.get(name)
    return value if isinstance(value, str) else ""


def _read_reference(said: dict[str, Any]) -> DocumentReference | None:
    try:
        guid = ids.guid(_said(said, "document"))
    except WireError:
        return None
    number, day = _said(said, "number"), _day(_said(said, "date"))
    known = RegistrationNumber(number=number, date=day) if number and day else None
    return DocumentReference(guid=guid, number=known)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
