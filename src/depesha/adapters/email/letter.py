"""A document as a letter: plain words for people, the files, and the envelope for programs. Pure.

It must never let a sender's text become a header, nor write the same letter in two ways: all but
the signature is a function of the document and the attempt series.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from email.utils import format_datetime
from typing import Final

from babel.dates import format_date

from depesha.adapters.email.addresses import address, domain_of, encoded, mailbox, one_line
from depesha.adapters.email.parts import boundary_for, file_part, mixed, text_part
from depesha.adapters.names import safe_name
from depesha.errors import StorageError, WireError
from depesha.schemas.codec import envelope_bytes
from depesha.schemas.envelope import Attachment, Envelope, RegistrationNumber
from depesha.schemas.evidence import sha256
from depesha.schemas.sentences import FALLBACK, LANGUAGES, catalogue

MEDIA_TYPE: Final = "application/vnd.depesha.envelope+json"
VERSION: Final = 1
"""Of the machine-readable part; another one is not read."""
MACHINE_NAME: Final = "depesha.json"
_SERIES: Final = re.compile(r"[a-z0-9]{1,16}")
_SUBJECT_CHARACTERS: Final = 200
_COVERING_CHARACTERS: Final = 20_000
_LINE: Final = 76
_OVERHEAD: Final = 16 * 1024
"""Bytes of headers, words and signature, for an estimate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFile:
    """A file to enclose, with the words its sender has for it."""

    attachment: Attachment
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What is to be written, to whom, in which language."""

    envelope: Envelope
    files: tuple[LetterFile, ...]
    """As many as the envelope's attachments, in their order."""
    sender: str
    """Our mail address."""
    recipient: str
    language: str
    series: str = "1"
    """Names one decision to send: all attempts of a series are the same mail, `[a-z0-9]{1,16}`."""
    confidential: bool = False
    """The letter will be encrypted: only then the machine part names correspondents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A letter before it is signed."""

    headers: bytes = field(repr=False)
    """Of the whole mail, without those of its content, CRLF at the end of each line."""
    entity: bytes = field(repr=False)
    """The content with its own headers: canonical CRLF, seven bits, no line over 78."""
    message_id: str
    """With its angle brackets."""
    envelope_id: str
    """ENVID of RFC 3461, not yet in xtext."""
    sender: str
    recipient: str


def message_id(envelope: Envelope, series: str, sender: str) -> str:
    """Return the Message-ID of a document in an attempt series: always the same."""
    return f"<{envelope_id(envelope, series)}@{domain_of(address(sender))}>"


def envelope_id(envelope: Envelope, series: str) -> str:
    """Return the ENVID; raises `WireError` for a series that is no short plain word."""
    if _SERIES.fullmatch(series) is None:
        raise WireError("the name of an attempt series is not usable")
    return f"{envelope.document.guid}.{series}"


def estimate(sizes: tuple[int, ...], *, confidential: bool = False) -> int:
    """Return about how many bytes a signed letter with files of these sizes has; never too few."""
    signed = _OVERHEAD + sum(2_048 + _in_base64(size) for size in sizes)
    return _OVERHEAD + _in_base64(signed) if confidential else signed


def _in_base64(size: int) -> int:
    """Bytes of base64 with its line ends, rounded up to a whole line."""
    return (size // 57 + 1) * 78


def write(letter: Letter) -> Written:
    """Write the letter; CPU grows with the files, so call it in a thread.

    Raises `WireError` for addresses that cannot be used, `StorageError` for files that are not
    what the envelope says.
    """
    envelope, sender, recipient = letter.envelope, address(letter.sender), address(letter.recipient)
    _same_files(letter)
    own = message_id(envelope, letter.series, sender)
    number = _number(envelope.document.number, "")
    subject = one_line(" – ".join(part for part in (number, envelope.subject) if part))
    headers = "".join(
        f"{name}: {value}\r\n"
        for name, value in (
            ("From", mailbox(envelope.sender.name, sender)),
            ("To", mailbox(envelope.recipient.name, recipient)),
            ("Subject", encoded(subject[:_SUBJECT_CHARACTERS] or envelope.kind, used=9)),
            ("Date", format_datetime(envelope.created_at)),
            ("Message-ID", own),
            ("Content-Language", known_language(letter.language)),
            ("MIME-Version", "1.0"),
        )
    )
    return Written(
        headers=headers.encode("ascii"),
        entity=_entity(letter, own, sender),
        message_id=own,
        envelope_id=envelope_id(envelope, letter.series),
        sender=sender,
        recipient=recipient,
    )


def _same_files(letter: Letter) -> None:
    """The bytes that leave are the ones the registry gave: compared just before."""
    told = [file.attachment for file in letter.files]
    measured = [(len(file.content), sha256(file.content)) for file in letter.files]
    if told != list(letter.envelope.attachments) or measured != [(a.size, a.digest) for a in told]:
        raise StorageError("a file to be sent is not the one that was stored")


def _entity(letter: Letter, own: str, sender: str) -> bytes:
    boundary = boundary_for(own)
    names = [_file_name(file.attachment) for file in letter.files]
    parts = [text_part(_words(letter, names, sender))]
    parts += [
        file_part(name, file.attachment.media_type, file.content)
        for name, file in zip(names, letter.files, strict=True)
    ]
    parts.append(file_part(MACHINE_NAME, MEDIA_TYPE, machine_part(letter)))
    return mixed(parts, boundary)


def machine_part(letter: Letter) -> bytes:
    """Return the envelope for programs. Personal data only into letters that are encrypted."""
    told = replace(letter.envelope, network="email")
    if not letter.confidential:
        told = replace(told, correspondents=())
    return envelope_bytes(told, VERSION)


def _file_name(attachment: Attachment) -> str:
    return safe_name(attachment.name, attachment.index, attachment.media_type)


# --- the words ------------------------------------------------------------------------------


def known_language(language: str) -> str:
    """Return a language that there are words for."""
    return language if language in LANGUAGES else FALLBACK


def _words(letter: Letter, names: list[str], sender: str) -> str:
    language = known_language(letter.language)
    words = catalogue(language)
    envelope = letter.envelope
    number = envelope.document.number
    rows = (
        ("sender", _party(envelope.sender.name, envelope.sender.identifier)),
        ("recipient", _party(envelope.recipient.name, envelope.recipient.identifier)),
        ("attention", envelope.attention_to),
        ("number", number.number if number else words["letter.unnumbered"]),
        ("date", day_words(number.date if number else envelope.created_at.date(), language)),
        ("kind", envelope.kind),
        ("about", envelope.subject),
        ("parent", _number(envelope.parent.number if envelope.parent else None, language)),
        ("deadline", day_words(envelope.deadline, language) if envelope.deadline else ""),
    )
    table = [f"{words['letter.' + key]}: {one_line(value)}" for key, value in rows if value]
    return "\n".join(
        [
            words["letter.intro"].replace("{sender}", one_line(envelope.sender.name)),
            "",
            *_covering(envelope.document_comment),
            *table,
            "",
            f"{words['letter.files']}: {len(letter.files)}",
            *_file_rows(letter, names, words["letter.bytes"]),
            "",
            words["letter.answer"].replace("{address}", sender),
            "",
            words["letter.signed"],
            words["letter.machine"].replace("{name}", MACHINE_NAME),
            "",
        ]
    )


def _covering(text: str) -> list[str]:
    """The author's own words, and a blank line."""
    lines = [one_line(line) for line in text[:_COVERING_CHARACTERS].splitlines()]
    return [*lines, ""] if any(lines) else []


def _file_rows(letter: Letter, names: list[str], unit: str) -> Iterator[str]:
    for place, (name, file) in enumerate(zip(names, letter.files, strict=True), 1):
        told = file.attachment
        yield f"{place}. {name} – {told.size} {unit}"
        yield f"   SHA-256: {told.digest}"


def _party(name: str, identifier: str) -> str:
    return f"{name} ({identifier})" if identifier else name


def _number(number: RegistrationNumber | None, language: str) -> str:
    if number is None:
        return ""
    day = day_words(number.date, language) if language else number.date.isoformat()
    return f"{number.number} / {day}"


def day_words(day: date, language: str) -> str:
    """Return a day as people of this language write it."""
    return format_date(day, format="long", locale=language)
