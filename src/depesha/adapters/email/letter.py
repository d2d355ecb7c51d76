"""A document as a letter: plain words for people, the files, and the envelope for programs. Pure.

It must never let a sender's text become a header, nor write the same letter in two ways: all but
the signature is a function of the document and the attempt series.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from email.utils import format_datetime
from typing import Final
from urllib.parse import quote

import pybase64
from babel.dates import format_date

from depesha.adapters.email.addresses import address, domain_of, encoded, mailbox, one_line
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
_MEDIA: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}")
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9._ ()+,@-]{1,60}")
_SUBJECT_CHARACTERS: Final = 200
_LINE: Final = 76
_PIECE: Final = 60
"""Characters of one piece of a long parameter (RFC 2231, 3)."""
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
            ("Content-Language", _language(letter)),
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
    parts = [_text_part(_words(letter, names, sender))]
    parts += [
        _file_part(name, file.attachment.media_type, file.content)
        for name, file in zip(names, letter.files, strict=True)
    ]
    parts.append(_file_part(MACHINE_NAME, MEDIA_TYPE, machine_part(letter)))
    start = f'Content-Type: multipart/mixed;\r\n boundary="{boundary}"\r\n\r\n'.encode()
    line = f"--{boundary}\r\n".encode()
    body = b"".join(line + part for part in parts)
    return start + body + f"--{boundary}--\r\n".encode()


def boundary_for(name: str) -> str:
    """Return a boundary that the mail's name decides; base64 can never contain it."""
    return "=_" + hashlib.sha256(name.encode()).hexdigest()[:40]


def machine_part(letter: Letter) -> bytes:
    """Return the envelope for programs. Personal data only into letters that are encrypted."""
    told = replace(letter.envelope, network="email")
    if not letter.confidential:
        told = replace(told, correspondents=())
    return envelope_bytes(told, VERSION)


def _text_part(text: str) -> bytes:
    head = (
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        "Content-Disposition: inline\r\n\r\n"
    )
    return head.encode() + _base64(text.replace("\n", "\r\n").encode())


def _file_part(name: str, media_type: str, content: bytes) -> bytes:
    kind = media_type.split(";", maxsplit=1)[0].strip().lower()
    if _MEDIA.fullmatch(kind) is None or kind.startswith(("multipart/", "message/")):
        kind = "application/octet-stream"
    head = (
        f"Content-Type: {kind};\r\n {_name_parameter(name)}\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: attachment{_filename_parameter(name)}\r\n\r\n"
    )
    return head.encode("ascii") + _base64(content)


def _base64(content: bytes) -> bytes:
    return pybase64.encodebytes(content).replace(b"\n", b"\r\n")


def _file_name(attachment: Attachment) -> str:
    return safe_name(attachment.name, attachment.index, attachment.media_type)


def _name_parameter(name: str) -> str:
    """The old way, which every mail program knows: encoded words in quotes."""
    if _PLAIN_NAME.fullmatch(name):
        return f'name="{name}"'
    return 'name="' + encoded(name, used=8) + '"'


def _filename_parameter(name: str) -> str:
    """The standard way (RFC 2231), in pieces so that no line grows long."""
    if _PLAIN_NAME.fullmatch(name):
        return f';\r\n filename="{name}"'
    packed = quote(name, safe="")
    pieces = list(_pieces(packed))
    if len(pieces) == 1:
        return f";\r\n filename*=utf-8''{packed}"
    return "".join(
        f";\r\n filename*{index}*={chr(39).join(('utf-8', '', piece)) if not index else piece}"
        for index, piece in enumerate(pieces)
    )


def _pieces(packed: str) -> Iterator[str]:
    """Cut percent-encoded text, never within a `%XX`."""
    while len(packed) > _PIECE:
        cut = _PIECE
        while "%" in packed[cut - 2 : cut]:
            cut -= 1
        yield packed[:cut]
        packed = packed[cut:]
    yield packed


# --- the words ------------------------------------------------------------------------------


def _language(letter: Letter) -> str:
    return letter.language if letter.language in LANGUAGES else FALLBACK


def _words(letter: Letter, names: list[str], sender: str) -> str:
    language = _language(letter)
    words = catalogue(language)
    envelope = letter.envelope
    number = envelope.document.number
    rows = (
        ("sender", _party(envelope.sender.name, envelope.sender.identifier)),
        ("recipient", _party(envelope.recipient.name, envelope.recipient.identifier)),
        ("attention", envelope.attention_to),
        ("number", number.number if number else words["letter.unnumbered"]),
        ("date", _day(number.date if number else envelope.created_at.date(), language)),
        ("kind", envelope.kind),
        ("about", envelope.subject),
        ("parent", _number(envelope.parent.number if envelope.parent else None, language)),
        ("deadline", _day(envelope.deadline, language) if envelope.deadline else ""),
    )
    table = [f"{words['letter.' + key]}: {one_line(value)}" for key, value in rows if value]
    return "\n".join(
        [
            words["letter.intro"].replace("{sender}", one_line(envelope.sender.name)),
            "",
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
    day = _day(number.date, language) if language else number.date.isoformat()
    return f"{number.number} / {day}"


def _day(day: date, language: str) -> str:
    return format_date(day, format="long", locale=language)
