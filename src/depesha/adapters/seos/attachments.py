"""Takes the attachments out of a parsed message: decode, measure, keep, inspect.

It keeps nothing past a limit, and nothing of a message whose signature was refused; the original
holds every attachment anyway, so the files need not be durable.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from depesha.adapters.seos.content import NOT_CANONICAL, Decoder
from depesha.errors import StorageError
from depesha.schemas.envelope import Attachment, Envelope
from depesha.schemas.evidence import canonical, sha256
from depesha.schemas.facts import ContentFacts
from depesha.schemas.ids import Digest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from depesha.adapters.seos.mapping import AttachmentPart
    from depesha.ports import BlobStore, ContentInspector
    from depesha.schemas.policy import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What was attached, as declared and measured, and what the kept files are."""

    attachments: tuple[Attachment, ...]
    contents: tuple[ContentFacts, ...]
    deviations: tuple[str, ...]

    def content_digest(self, envelope: Envelope) -> Digest | None:
        """The third identity: sender, number, day, subject and files; None without files."""
        if not self.attachments:
            return None
        number = envelope.document.number
        return sha256(
            canonical(
                {
                    "sender": envelope.sender.identifier,
                    "number": "" if number is None else number.number,
                    "date": "" if number is None else number.date.isoformat(),
                    "subject": envelope.subject,
                    "files": sorted(attachment.digest for attachment in self.attachments),
                }
            )
        )


class Enclosures:
    """Decodes attachments into blobs and asks what they are. Serves any number of threads."""

    def __init__(self, *, blobs: BlobStore, inspector: ContentInspector, limits: Limits) -> None:
        self._blobs = blobs
        self._inspector = inspector
        self._limits = limits

    def take(
        self,
        parts: Sequence[AttachmentPart],
        *,
        keep: bool,
        aside: dict[Digest, bytes] | None = None,
    ) -> Taken:
        """Take every attachment, in order; raise `WireError` for bad base64, or `StorageError`.

        Where `aside` is given, small ones are laid there instead of being kept as files.
        """
        keep = keep and len(parts) <= self._limits.attachments
        attachments: list[Attachment] = []
        contents: list[ContentFacts] = []
        canonical_all = True
        for part in parts:
            decoder = Decoder(part.body)
            if not keep:
                attachments.append(_measured(part, decoder))
            elif decoder.small:
                contents.append(self._small(part, decoder.whole(), aside))
            else:
                contents.append(self._large(part, decoder))
            canonical_all = canonical_all and decoder.canonical
        return Taken(
            attachments=tuple(attachments) or tuple(c.attachment for c in contents),
            contents=tuple(contents),
            deviations=() if canonical_all else (NOT_CANONICAL,),
        )

    def _small(
        self, part: AttachmentPart, content: bytes, aside: dict[Digest, bytes] | None
    ) -> ContentFacts:
        digest = sha256(content)
        attachment = _attachment(part, len(content), digest)
        if len(content) > self._limits.attachment_bytes:
            return _left(attachment)
        if aside is None:
            self._blobs.put(content, durable=False)
        else:
            aside[digest] = content
        return self._inspector.inspect(attachment, io.BytesIO(content))

    def _large(self, part: AttachmentPart, decoder: Decoder) -> ContentFacts:
        path = self._blobs.spool()
        try:
            size, digest = self._spool(decoder, path)
            attachment = _attachment(part, size, digest)
            if size > self._limits.attachment_bytes:
                return _left(attachment)
            with path.open("rb") as content:
                facts = self._inspector.inspect(attachment, content)
            self._blobs.put(path, durable=False)
        except OSError as error:
            raise StorageError("an attachment cannot be kept") from error
        finally:
            path.unlink(missing_ok=True)
        return facts

    def _spool(self, decoder: Decoder, path: Path) -> tuple[int, Digest]:
        """Write until the limit is passed, measure to the end."""
        size, hashed = 0, hashlib.sha256()
        with path.open("wb") as file:
            for piece in decoder.pieces():
                size += len(piece)
                hashed.update(piece)
                if size <= self._limits.attachment_bytes:
                    file.write(piece)
        return size, Digest(hashed.hexdigest())


def _attachment(part: AttachmentPart, size: int, digest: Digest) -> Attachment:
    return Attachment(
        index=part.index,
        name=part.name,
        media_type=part.media_type,
        size=size,
        digest=digest,
        comment=part.comment,
    )


def _measured(part: AttachmentPart, decoder: Decoder) -> Attachment:
    size, hashed = 0, hashlib.sha256()
    for piece in decoder.pieces():
        size += len(piece)
        hashed.update(piece)
    return _attachment(part, size, Digest(hashed.hexdigest()))


def _left(attachment: Attachment) -> ContentFacts:
    """Facts of a file that passed the limit: measured and not kept."""
    name = f"attachment-{attachment.index}"
    return ContentFacts(attachment=attachment, detected="", safe_name=name, kept=False)
