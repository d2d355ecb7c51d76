"""Reads stored originals of SSEV back (`ports.Extractor`), for the first time and for rechecks.

Everything the gateway hears of a message comes through here, so that a second reading can never
say something else than the first. Blocking; it opens nothing on the wire.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, BinaryIO

from depesha.adapters.ssev import mapping
from depesha.adapters.ssev.mapping import NETWORK
from depesha.adapters.ssev.originals import KeptMessage, read_original, write_file
from depesha.errors import StorageError, WireError
from depesha.schemas.answer import StatusNotice
from depesha.schemas.envelope import Party
from depesha.schemas.facts import Arrival, ContentFacts, SignatureFacts
from depesha.schemas.identity import content_digest_of
from depesha.schemas.ids import Digest
from depesha.schemas.verdict import Rejection, finding

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from depesha.ports import BlobStore, ContentInspector
    from depesha.schemas.envelope import Attachment
    from depesha.schemas.policy import Limits

Heard = Arrival | StatusNotice
VOUCHED = SignatureFacts(finding=None, by_network=True)
"""SSEV itself says who the sender is (facts 8.4)."""


class SsevExtractor:
    """`ports.Extractor` of SSEV. Serves any number of threads."""

    def __init__(
        self, *, blobs: BlobStore, inspector: ContentInspector, limits: Limits, own: Party
    ) -> None:
        """`own` is the party that all messages in our inbox are for."""
        self._blobs = blobs
        self._inspector = inspector
        self._limits = limits
        self._own = own

    @property
    def network(self) -> str:
        """The network whose originals it reads."""
        return NETWORK

    def extract(self, original: Path, index: int, into: BinaryIO) -> None:
        """Write the content of attachment `index` (from 1); raise `WireError`."""
        write_file(original, index, into)

    def read(self, original: Path, at: datetime) -> Arrival:
        """Gather the facts of an original stored at `at` again (`ports`)."""
        digest, size = _measure(original)
        try:
            message = read_original(original)
            heard = self._understand(message, original, digest, size, at)
        except WireError as error:
            return _unreadable(digest, size, at, error.public)
        if isinstance(heard, Arrival):
            return heard
        return _unreadable(digest, size, at, "not a document")

    def hear(self, original: Path, at: datetime) -> Heard:
        """Read an original as what it is: a document, or a word about one of ours.

        Raises `WireError` for what is no original, `StorageError`.
        """
        digest, size = _measure(original)
        return self._understand(read_original(original), original, digest, size, at)

    def _understand(
        self, message: KeptMessage, original: Path, digest: Digest, size: int, at: datetime
    ) -> Heard:
        opened = message.opened()
        sender = Party(
            identifier=message.sender.identifier,
            name=message.sender.name,
            guid=mapping.party_guid(message.environment, message.sender.identifier),
        )
        # Words that were handed on are not the sender's own.
        word = None if message.forwarded else mapping.status_word(opened)
        if word is not None:
            return StatusNotice(
                network=NETWORK,
                received_at=at,
                original=digest,
                transport_id=mapping.transport_guid(message.environment, message.message_id),
                sender=sender,
                recipient=self._own,
                signature=VOUCHED,
                document=word.document,
                status=word.status,
                reason=word.reason,
                expected_close=word.expected_close,
            )
        envelope = mapping.envelope_of(
            opened,
            message.stored(original),
            environment=message.environment,
            sender=sender,
            recipient=self._own,
        )
        return Arrival(
            network=NETWORK,
            received_at=at,
            original=digest,
            original_size=size,
            envelope=envelope,
            signature=VOUCHED,
            contents=self._contents(envelope.attachments, original),
            content_digest=content_digest_of(envelope),
        )

    def _contents(
        self, attachments: tuple[Attachment, ...], original: Path
    ) -> tuple[ContentFacts, ...]:
        if len(attachments) > self._limits.attachments:
            return ()
        return tuple(self._content(each, original) for each in attachments)

    def _content(self, attachment: Attachment, original: Path) -> ContentFacts:
        """Ask what a file is; one past the limit is measured and not kept."""
        if attachment.size > self._limits.attachment_bytes:
            name = f"attachment-{attachment.index}"
            return ContentFacts(attachment=attachment, detected="", safe_name=name, kept=False)
        path = self._blobs.path(attachment.digest) or self._taken_out(attachment, original)
        try:
            with path.open("rb") as content:
                return self._inspector.inspect(attachment, content)
        except OSError as error:
            raise StorageError("an attachment cannot be read") from error

    def _taken_out(self, attachment: Attachment, original: Path) -> Path:
        """Make a file of its own again; it need not be durable, for the original holds it."""
        spool = self._blobs.spool()
        try:
            with spool.open("wb") as into:
                write_file(original, attachment.index, into)
            digest = self._blobs.put(spool, durable=False)
        except OSError as error:
            raise StorageError("an attachment cannot be kept") from error
        finally:
            spool.unlink(missing_ok=True)
        path = self._blobs.path(digest)
        if digest != attachment.digest or path is None:
            raise StorageError("a stored message does not hold what it says")
        return path


def _unreadable(digest: Digest, size: int, at: datetime, where: str) -> Arrival:
    return Arrival(
        network=NETWORK,
        received_at=at,
        original=digest,
        original_size=size,
        unreadable=finding(Rejection.NOT_THE_SCHEMA, where=where),
    )


def _measure(original: Path) -> tuple[Digest, int]:
    try:
        with original.open("rb") as file:
            digest = Digest(hashlib.file_digest(file, "sha256").hexdigest())
            return digest, original.stat().st_size
    except OSError as error:
        raise StorageError("a stored message cannot be read") from error
