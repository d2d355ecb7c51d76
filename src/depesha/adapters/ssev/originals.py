"""The stored original of a received message: one tar file that holds everything (facts 8.4).

First `message.json`, what the message says in canonical JSON without its live links; then the
files and the proofs under numbers. So every file can be made anew from it, and what is refused can
be sealed away as a whole. Blocking; member names are ours, and nothing is ever unpacked by name.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from pydantic import TypeAdapter, ValidationError

from depesha.adapters.filestreams import StoredFile
from depesha.adapters.ssev.values import MessageFile, OpenedMessage
from depesha.errors import StorageError, WireError
from depesha.schemas.evidence import canonical
from depesha.schemas.ids import Digest, Guid

if TYPE_CHECKING:
    from pathlib import Path

    from depesha.adapters.ssev.values import EvidenceFile

FORMAT: Final = "depesha-ssev-message/1"
WORDS: Final = "message.json"
LARGEST_WORDS: Final = 32 * 1024 * 1024
_PIECE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """A file of the message, in the order of the message."""

    blob_id: int
    name: str
    media_type: str
    size: int
    digest: Digest
    registration_number: str = ""
    clean: bool | None = None
    """SSEV's own scanner; ours decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptProof:
    """A proof that came with the message (facts 5.4)."""

    kind: str
    name: str
    size: int
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSender:
    """Who sent it, as SSEV's own profile says; never what the message says."""

    identifier: str
    name: str
    profile_id: int | None = None
    subject_id: Guid | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptMessage:
    """What a message says, ready to be read again."""

    environment: str
    message_id: int
    sent_at: datetime
    received_at: datetime | None
    subject: str
    text: str = field(repr=False)
    sender: KeptSender
    forwarded: bool
    """Somebody else's message, handed on: the words in it are not the sender's own."""
    rnu: str = ""
    template_id: int | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    """Fields of a template other than the letter's, as they came."""
    files: tuple[KeptFile, ...] = ()
    proofs: tuple[KeptProof, ...] = ()
    format: str = FORMAT

    def opened(self) -> OpenedMessage:
        """Return the message as the mapping reads it."""
        return OpenedMessage(
            message_id=self.message_id,
            sent_at=self.sent_at,
            received_at=self.received_at,
            subject=self.subject,
            text=self.text,
            sender_name=self.sender.name,
            sender_profile_id=self.sender.profile_id,
            sender_subject_id=self.sender.subject_id,
            rnu=self.rnu,
            template_id=self.template_id,
            files=tuple(
                MessageFile(
                    blob_id=file.blob_id,
                    name=file.name,
                    media_type=file.media_type,
                    size=file.size,
                    digest=file.digest,
                    registration_number=file.registration_number,
                    clean=file.clean,
                )
                for file in self.files
            ),
        )

    def stored(self, original: Path) -> tuple[StoredFile, ...]:
        """Return the files' measures; their bytes are within `original`."""
        return tuple(
            StoredFile(path=original, size=file.size, digest=file.digest) for file in self.files
        )


@cache
def _messages() -> TypeAdapter[KeptMessage]:
    return TypeAdapter(KeptMessage)


def write_original(
    into: Path,
    message: KeptMessage,
    files: Sequence[StoredFile],
    proofs: Sequence[EvidenceFile],
) -> None:
    """Write an original; the same message gives the same bytes. Raises `StorageError`."""
    told: dict[str, Any] = _messages().dump_python(message, mode="json")
    words = canonical(told)
    try:
        with tarfile.open(into, "w:", format=tarfile.PAX_FORMAT) as tar:
            tar.addfile(_member(WORDS, len(words)), io.BytesIO(words))
            for index, file in enumerate(files, 1):
                _add(tar, f"files/{index}", file)
            for index, proof in enumerate(proofs, 1):
                _add(tar, f"proofs/{index}", proof.stored)
    except OSError as error:
        raise StorageError("a received message cannot be kept") from error


def _add(tar: tarfile.TarFile, name: str, file: StoredFile) -> None:
    with file.path.open("rb") as content:
        tar.addfile(_member(name, file.size), content)


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o600
    return member


def read_original(original: Path) -> KeptMessage:
    """Read what a stored message says; raise `WireError` for what is no such original."""
    with _opened(original) as tar:
        first = tar.next()
        if first is None or first.name != WORDS or first.size > LARGEST_WORDS:
            raise WireError("this is no stored message of SSEV")
        words = tar.extractfile(first)
        data = b"" if words is None else words.read()
    try:
        return _messages().validate_json(data)
    except ValidationError as error:
        raise WireError("a stored message of SSEV cannot be read") from error


def write_file(original: Path, index: int, into: BinaryIO) -> None:
    """Write file `index` (from 1) of a stored message; raise `WireError` where it has none."""
    with _opened(original) as tar:
        try:
            content = tar.extractfile(f"files/{index}")
        except KeyError as error:
            raise WireError("the message has no such attachment") from error
        if content is None:
            raise WireError("the message has no such attachment")
        while piece := content.read(_PIECE):
            into.write(piece)


@contextmanager
def _opened(original: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(original, "r:") as tar:
            yield tar
    except tarfile.TarError as error:
        raise WireError("a stored message of SSEV cannot be read") from error
    except OSError as error:
        raise StorageError("a stored message cannot be read") from error
