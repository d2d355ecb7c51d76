"""An attachment's bytes, opened for reading; taken out of the original where no file holds them.

Small attachments seldom have a file of their own, and files are written without waiting for the
disk, for the original holds them all; so their digest is proved before they are handed on. Nothing
here decides who may read them.
"""

from __future__ import annotations

import hashlib
import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from depesha.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from depesha.ports import BlobStore, Extractor
    from depesha.schemas.envelope import Attachment
    from depesha.schemas.ids import Digest
    from depesha.schemas.message import Message

_CHUNK = 1024 * 1024
_SMALL = 1024 * 1024
"""Bytes; up to this size no file is made for one reader."""

_DIFFERS = "the stored original does not hold this attachment any more"
_LOOKS = 5
"""So often bytes are made anew that go away at that very moment: another message with the same
attachment is being sealed away."""


class Attachments:
    """Opens attachments. Its methods block and are called from worker threads only."""

    def __init__(self, blobs: BlobStore, extractors: dict[str, Extractor]) -> None:
        self._blobs = blobs
        self._extractors = extractors

    def open(self, message: Message, attachment: Attachment) -> BinaryIO:
        """Return the attachment's bytes, proved by their digest; the caller closes.

        The very bytes that were proved are handed on: an open file stays whole, whatever becomes
        of its name. Raises `StorageError`, and `WireError` where the original does not hold it.
        """
        with _disk():
            for _ in range(_LOOKS):
                file = self._kept(attachment.digest)
                if file is not None:
                    return file
                if attachment.size <= _SMALL:
                    return self._taken_out(message, attachment)
                self._make(message, attachment)
        raise StorageError("the attachment could not be kept")

    def _kept(self, digest: Digest) -> BinaryIO | None:
        """Open what is kept under this digest; None where it is gone or damaged."""
        path = self._blobs.path(digest)
        if path is None:
            return None
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return None
        try:
            if _digest_of(file) == digest:
                file.seek(0)
                return file
        except BaseException:
            file.close()
            raise
        file.close()
        return None

    def _original(self, message: Message) -> Path:
        original = self._blobs.path(message.arrival.original)
        if original is None:
            raise StorageError("the original of this message is no longer kept in the clear")
        return original

    def _taken_out(self, message: Message, attachment: Attachment) -> BinaryIO:
        """Take a small attachment out of the original."""
        into = io.BytesIO()
        original = self._original(message)
        self._extractors[message.network].extract(original, attachment.index, into)
        into.seek(0)
        if _digest_of(into) != attachment.digest:
            raise StorageError(_DIFFERS)
        into.seek(0)
        return into

    def _make(self, message: Message, attachment: Attachment) -> None:
        """Take the attachment out of the original again and keep it."""
        original = self._original(message)
        spool = self._blobs.spool()
        try:
            with spool.open("wb") as into:
                self._extractors[message.network].extract(original, attachment.index, into)
        except BaseException:
            spool.unlink(missing_ok=True)
            raise
        if self._blobs.put(spool, durable=True) != attachment.digest:
            raise StorageError(_DIFFERS)


@contextmanager
def _disk() -> Iterator[None]:
    """Turn the file system's errors into `StorageError`; paths stay out of the text."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            "the store could not read or make an attachment anew",
            remedy="look at the disk: space, permissions, health",
            errno=error.errno or 0,
        ) from error


def _digest_of(file: BinaryIO) -> str:
    total = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        total.update(chunk)
    return total.hexdigest()
