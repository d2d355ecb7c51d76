"""Reads one received mail: who, about what, which parts, what its signature is worth. In threads.

Everything it tells of a signed mail's content comes from the signed bytes alone; the outer headers
are told apart as what they are. It decides nothing about a mail.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from depesha.adapters.email import mime
from depesha.adapters.email.addresses import decoded, only_address
from depesha.adapters.email.delivery_status import Report, report_in
from depesha.adapters.email.letter import MEDIA_TYPE, VERSION
from depesha.adapters.email.machine import WORD_TYPE, MachineWord, is_proper, load_word
from depesha.adapters.email.smime import Opener
from depesha.errors import StorageError, TooLargeError, WireError
from depesha.schemas.codec import load_envelope
from depesha.schemas.envelope import Envelope
from depesha.schemas.evidence import sha256
from depesha.schemas.facts import SignatureFacts

_TEXT_BYTES: Final = 1024 * 1024
_MACHINE_BYTES: Final = 1024 * 1024
_SUBJECT_CHARACTERS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MailPart:
    """A file that came with a mail. Its bytes are decoded when asked for."""

    name: str
    """The sender's own, untrusted; empty where it gave none."""
    media_type: str
    """The sender's own, untrusted."""
    inline: bool
    """Meant to be shown within the text (a picture of it)."""
    entity: mime.Entity = field(repr=False)
    limit: int

    def content(self) -> bytes:
        """Return the decoded bytes; raise `TooLargeError` or `WireError`."""
        return self.entity.content(self.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail as far as a gateway needs to know it."""

    message_id: str
    """With angle brackets; empty where it has none, or several."""
    answered_id: str
    sender: str
    """Address of From; empty where it is not plainly one."""
    sender_name: str
    recipients: tuple[str, ...]
    """Delivered-To or To, as far as each is plainly one address."""
    subject: str
    sent_at: datetime | None
    """The sender's own time."""
    text: str = field(repr=False)
    """First plain text; empty where there is none."""
    files: tuple[MailPart, ...]
    signature: SignatureFacts | None
    """None: unsigned. With a finding: not to be relied upon."""
    encrypted: bool
    machine: Envelope | None
    """The sender's envelope, its files compared with the mail's. Worth what the signature is."""
    machine_problem: str
    """Why there is none though a part says so: `version`, `unreadable`, `files`, `several`."""
    report: Report | None
    word: MachineWord | None = None
    """A state or an error, for programs. Worth what the signature is."""


class MailReader:
    """Reads mails. One object serves any number of threads."""

    def __init__(self, *, opener: Opener, caps: mime.Caps) -> None:
        self._opener = opener
        self._caps = caps

    def read(self, source: bytes | Path, at: datetime) -> Mail:
        """Read one mail received at `at`. Blocking: about 10 ms a megabyte.

        Raises `TooLargeError` past a cap, `WireError` where it cannot be read at all,
        `StorageError` where the file cannot.
        """
        mail = mime.parse(mime.canonical(self._bytes(source)), self._caps)
        sender = only_address(mime.one(mail.headers, "from"))
        opened = self._opener.open(mail, sender, at)
        leaves = list(_leaves(opened.entity))
        body = next((leaf for leaf in leaves if _is_text(leaf)), None)
        machines = [leaf for leaf in leaves if leaf.media_type == MEDIA_TYPE]
        files = tuple(self._part(one) for one in leaves if one is not body and _is_file(one, body))
        machine, problem = _machine(machines, files)
        word, word_problem = _word([leaf for leaf in leaves if leaf.media_type == WORD_TYPE])
        headers = mail.headers
        return Mail(
            message_id=_id(mime.one(headers, "message-id")),
            answered_id=_id(mime.one(headers, "in-reply-to")),
            sender=sender,
            sender_name=decoded(mime.one(headers, "from").rpartition("<")[0]).strip(' "'),
            recipients=_recipients(mail),
            subject=decoded(mime.one(headers, "subject"))[:_SUBJECT_CHARACTERS],
            sent_at=_date(mime.one(headers, "date")),
            text=mime.text_of(body, _TEXT_BYTES) if body else "",
            files=files,
            signature=opened.signature,
            encrypted=opened.encrypted,
            machine=machine,
            machine_problem=problem or word_problem,
            report=None if machine or word else report_in(mail),
            word=word,
        )

    def _bytes(self, source: bytes | Path) -> bytes:
        if isinstance(source, bytes):
            return source
        try:
            if source.stat().st_size > self._caps.mail_bytes:
                raise TooLargeError("a mail passes the permitted size")
            return source.read_bytes()
        except OSError as error:
            raise StorageError("a received mail cannot be read back") from error

    def _part(self, leaf: mime.Entity) -> MailPart:
        return MailPart(
            name=leaf.name,
            media_type=leaf.media_type,
            inline=_disposition(leaf) == "inline" or bool(mime.one(leaf.headers, "content-id")),
            entity=leaf,
            limit=self._caps.part_bytes,
        )


def _leaves(mail: mime.Entity) -> Iterator[mime.Entity]:
    if not mail.children:
        yield mail  # a multipart too that cannot be cut: nothing may hide
        return
    for child in mail.children:
        yield from _leaves(child)


def _disposition(leaf: mime.Entity) -> str:
    return mime.one(leaf.headers, "content-disposition").partition(";")[0].strip().lower()


def _is_text(leaf: mime.Entity) -> bool:
    return leaf.media_type == "text/plain" and _disposition(leaf) != "attachment" and not leaf.name


def _is_file(leaf: mime.Entity, body: mime.Entity | None) -> bool:
    """Everything but the words themselves, whatever it calls itself: nothing may hide."""
    if leaf.media_type in {MEDIA_TYPE, WORD_TYPE}:
        return False
    same_words = body is not None and leaf.media_type == "text/html"
    return not same_words or bool(leaf.name) or _disposition(leaf) == "attachment"


def _machine(parts: list[mime.Entity], files: tuple[MailPart, ...]) -> tuple[Envelope | None, str]:
    """Read the machine part and compare its files with those that came, one by one."""
    if not parts:
        return None, ""
    if len(parts) > 1:
        return None, "several"
    try:
        envelope = load_envelope(parts[0].content(_MACHINE_BYTES), VERSION)
        came = [file.content() for file in files]
    except WireError:
        return None, "unreadable"
    told = [(file.size, file.digest) for file in envelope.attachments]
    if told != [(len(content), sha256(content)) for content in came]:
        return None, "files"
    return (envelope, "") if is_proper(envelope) else (None, "unreadable")


def _word(parts: list[mime.Entity]) -> tuple[MachineWord | None, str]:
    if not parts:
        return None, ""
    if len(parts) > 1:
        return None, "several"
    try:
        return load_word(parts[0].content(_MACHINE_BYTES)), ""
    except WireError:
        return None, "unreadable"


def _id(text: str) -> str:
    inner = text.strip()
    usual = inner.startswith("<") and inner.endswith(">") and inner.isascii() and " " not in inner
    return inner if usual and len(inner) <= 255 else ""  # noqa: PLR2004 -- no longer ones are ours


def _recipients(mail: mime.Entity) -> tuple[str, ...]:
    fields = [str(value) for value in mail.headers.get_all("delivered-to", [])]
    fields += mime.one(mail.headers, "to").split(",")
    found = (only_address(field_text) for field_text in fields)
    return tuple(dict.fromkeys(address for address in found if address))


def _date(text: str) -> datetime | None:
    try:
        read = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
