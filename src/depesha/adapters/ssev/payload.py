"""The bytes of a try that are fixed before it: the letter and the list of its files. Pure.

SSEV's own wire form is made anew for each call, with fresh tokens and time stamps; what a person
there will read is fixed here, and so are the files, by their digests.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter, ValidationError

from depesha.adapters.ssev import mapping
from depesha.adapters.ssev.values import Letter, OutgoingFile
from depesha.errors import StorageError
from depesha.schemas.evidence import canonical
from depesha.schemas.ids import Digest
from depesha.schemas.mediatypes import default_extension

if TYPE_CHECKING:
    from depesha.ports import BlobStore
    from depesha.schemas.envelope import Envelope

FORMAT: Final = "depesha-ssev-letter/1"
NAME: Final = 255
"""Longest file name used; SSEV keeps 500 characters (facts 5.5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadFile:
    """A file of a letter."""

    name: str
    media_type: str
    size: int
    digest: Digest
    number: str = ""
    """The document's registration number: SOAP shows it at the file (facts 5.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What travels."""

    identifier: str
    """The recipient's EIK."""
    subject: str
    text: str
    files: tuple[PayloadFile, ...]
    format: str = FORMAT

    @property
    def letter(self) -> Letter:
        """The letter."""
        return Letter(subject=self.subject, text=self.text)

    def outgoing(self, blobs: BlobStore) -> tuple[OutgoingFile, ...]:
        """Return the files on our disk; raise `StorageError` where one is gone. In a thread."""
        return tuple(_outgoing(file, blobs) for file in self.files)


@cache
def _payloads() -> TypeAdapter[Payload]:
    return TypeAdapter(Payload)


def payload_of(envelope: Envelope) -> Payload:
    """Return what travels for a document; the same document gives the same bytes."""
    letter = mapping.document_letter(envelope)
    number = envelope.document.number
    return Payload(
        identifier=envelope.recipient.identifier.strip(),
        subject=letter.subject,
        text=letter.text,
        files=tuple(
            PayloadFile(
                name=_name(file.name, file.media_type),
                media_type=file.media_type or "application/octet-stream",
                size=file.size,
                digest=file.digest,
                number="" if number is None else mapping.plain(number.number)[: mapping.SUBJECT],
            )
            for file in envelope.attachments
        ),
    )


def payload_bytes(payload: Payload) -> bytes:
    """Return the stored form: canonical JSON."""
    told: dict[str, object] = _payloads().dump_python(payload, mode="json")
    return canonical(told)


def load_payload(data: bytes) -> Payload:
    """Read the stored form back; raise `StorageError`."""
    try:
        return _payloads().validate_json(data)
    except ValidationError as error:
        raise StorageError("the stored bytes of a try cannot be read") from error


def _outgoing(file: PayloadFile, blobs: BlobStore) -> OutgoingFile:
    path = blobs.path(file.digest)
    if path is None:
        raise StorageError("a file of the document is gone")
    return OutgoingFile(
        name=file.name,
        media_type=file.media_type,
        path=path,
        size=file.size,
        digest=file.digest,
        registration_number=file.number,
    )


def _name(name: str, media_type: str) -> str:
    """Return a name that SSEV takes: one line, with an extension (facts 7.3), not too long."""
    clean = " ".join(mapping.plain(name).replace("/", "_").replace("\\", "_").split())
    stem, dot, extension = clean.rpartition(".")
    if not (stem and dot and extension):
        stem = clean.strip(".") or "file"
        extension = (default_extension(media_type) or ".bin")[1:]
    return f"{stem[: NAME - len(extension) - 1]}.{extension}"[-NAME:]
