"""Reads stored ZFOs (`ports.Extractor`), for the first time and for rechecks; wholly offline.

Everything the gateway hears of a message comes through here, so that a second reading can never
say something else than the first. Blocking; memory does not grow with the paper.
"""

from __future__ import annotations

import hashlib
import shutil
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, Final

from depesha.adapters.isds import mapping, statuswords, zfo
from depesha.adapters.isds.checking import Expected
from depesha.adapters.isds.mapping import NETWORK
from depesha.adapters.isds.values import moment_text
from depesha.errors import StorageError, WireError
from depesha.schemas.answer import StatusNotice
from depesha.schemas.envelope import Party
from depesha.schemas.evidence import canonical
from depesha.schemas.facts import Arrival, ContentFacts
from depesha.schemas.identity import content_digest_of
from depesha.schemas.ids import Digest
from depesha.schemas.verdict import Rejection, finding
from depesha.schemas.wire.isds import Paper

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from depesha.adapters.isds.checking import Checked, ZfoChecker
    from depesha.adapters.isds.parties import PartnerBook
    from depesha.adapters.isds.statuswords import StatusWord
    from depesha.adapters.isds.values import PaperContent
    from depesha.adapters.isds.zfo import ZfoLimits
    from depesha.ports import BlobStore, ContentInspector
    from depesha.schemas.envelope import Attachment, Envelope
    from depesha.schemas.facts import SignatureFacts
    from depesha.schemas.policy import Limits

Heard = Arrival | StatusNotice
ORDER: Final = "dmFiles: not one main file in the first place"
PIECE: Final = 1024 * 1024


class OtherPaperError(WireError):
    """Another message's paper was given than the one asked for."""

    code = "OTHER_PAPER"


class IsdsExtractor:
    """`ports.Extractor` of ISDS. Serves any number of threads."""

    def __init__(
        self,
        *,
        checker: ZfoChecker,
        paper_limits: ZfoLimits,
        blobs: BlobStore,
        inspector: ContentInspector,
        limits: Limits,
        book: PartnerBook,
        own: Party,
        own_boxes: frozenset[str],
    ) -> None:
        """`own` is the party that messages to `own_boxes` are for."""
        self._checker = checker
        self._paper_limits = paper_limits
        self._blobs = blobs
        self._inspector = inspector
        self._limits = limits
        self._book = book
        self._own = own
        self._own_boxes = own_boxes

    @property
    def network(self) -> str:
        """The network whose originals it reads."""
        return NETWORK

    def extract(self, original: Path, index: int, into: BinaryIO) -> None:
        """Write the content of attachment `index` (from 1); raise `WireError`."""
        with self._opened() as folder:
            zfo.unseal(original, folder, self._paper_limits)
            files = zfo.read_content(folder, self._paper_limits).files
            if not 0 < index <= len(files):
                raise WireError("the stored paper has no such attachment")
            with files[index - 1].stored.path.open("rb") as content:
                shutil.copyfileobj(content, into, PIECE)

    def read(self, original: Path, at: datetime) -> Arrival:
        """Gather the facts of an original stored at `at` again (`ports`)."""
        heard = self.hear(original, at)
        if isinstance(heard, Arrival):
            return heard
        digest, size = _measure(original)
        return _unreadable(digest, size, at, "not a document")

    def hear(self, original: Path, at: datetime, dm_id: str | None = None) -> Heard:
        """Read an original as what it is: a document, or a word about one of ours.

        With `dm_id`, raises `OtherPaperError` for another message's paper; besides `StorageError`.
        """
        digest, size = _measure(original)
        with self._opened() as folder:
            checked = self._checker.check(original, folder, at, Expected(kind=Paper.RECEIVED))
            content = checked.content
            if content is None:
                return _unreadable(digest, size, at, _part(checked))
            if dm_id is not None and content.words.dm_id != dm_id:
                raise OtherPaperError("ISDS gave the paper of another message")
            try:
                envelope = self._envelope(content, at)
            except WireError as error:
                return _unreadable(digest, size, at, error.public)
            signature = replace(checked.signature_facts(), by_network=True)
            word = None if checked.flaws else self._word(content, envelope)
            if word is not None:
                return self._notice(word, envelope, signature, digest, at)
            return Arrival(
                network=NETWORK,
                received_at=at,
                original=digest,
                original_size=size,
                envelope=envelope,
                deviations=self._deviations(content),
                signature=signature,
                contents=self._contents(envelope.attachments, content),
                content_digest=content_digest_of(envelope),
            )

    @contextmanager
    def _opened(self) -> Iterator[Path]:
        folder = self._blobs.spool()
        try:
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise StorageError("a folder for a stored paper cannot be made") from error
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    # --- words ---------------------------------------------------------------------------------

    def _envelope(self, content: PaperContent, at: datetime) -> Envelope:
        words = content.words
        made = mapping.envelope_of(content, environment=self._book.environment, received_at=at)
        ours = words.recipient_box in self._own_boxes
        recipient = Party(identifier=words.recipient_box, name=words.recipient_name)
        return replace(
            made,
            sender=self._book.party(words.sender_box, words.sender_name),
            recipient=self._own if ours else recipient,
            extra=_native(content),
        )

    @staticmethod
    def _deviations(content: PaperContent) -> tuple[str, ...]:
        metas = [file.meta_type for file in content.files]
        return () if metas and mapping.check_order(metas) else (ORDER,)

    @staticmethod
    def _word(content: PaperContent, envelope: Envelope) -> StatusWord | None:
        """Return what a genuine message tells of a document of ours: its only attachment says it.

        The reference number that it answers must name the same document.
        """
        if len(content.files) != 1 or content.files[0].stored.size > statuswords.LARGEST:
            return None
        word = statuswords.read(content.files[0].stored.path.read_bytes())
        if word is None or envelope.parent is None or envelope.parent.guid != word.document.guid:
            return None
        return word

    def _notice(
        self,
        word: StatusWord,
        envelope: Envelope,
        signature: SignatureFacts,
        digest: Digest,
        at: datetime,
    ) -> StatusNotice:
        return StatusNotice(
            network=NETWORK,
            received_at=at,
            original=digest,
            transport_id=envelope.transport_id,
            sender=envelope.sender,
            recipient=envelope.recipient,
            signature=signature,
            document=word.document,
            status=word.status,
            reason=word.reason,
            expected_close=word.expected_close,
        )

    # --- attachments ---------------------------------------------------------------------------

    def _contents(
        self, attachments: tuple[Attachment, ...], content: PaperContent
    ) -> tuple[ContentFacts, ...]:
        if len(attachments) > self._limits.attachments:
            return ()
        return tuple(
            self._content(each, file.stored.path)
            for each, file in zip(attachments, content.files, strict=True)
        )

    def _content(self, attachment: Attachment, taken_out: Path) -> ContentFacts:
        """Ask what a file is; one past the limit is measured and not kept.

        It need not be durable, for the original holds it.
        """
        if attachment.size > self._limits.attachment_bytes:
            name = f"attachment-{attachment.index}"
            return ContentFacts(attachment=attachment, detected="", safe_name=name, kept=False)
        digest = self._blobs.put(taken_out, durable=False)
        path = self._blobs.path(digest)
        if digest != attachment.digest or path is None:
            raise StorageError("a stored paper does not hold what it says")
        try:
            with path.open("rb") as content:
                return self._inspector.inspect(attachment, content)
        except OSError as error:
            raise StorageError("an attachment cannot be read") from error


def _native(content: PaperContent) -> str:
    """Return what ISDS says and no field of the envelope holds, as canonical JSON.

    The times of delivery stand here for good (S20): `delivered_at` is the legal receipt of a
    message to an authority, `accepted_at` that of any other (facts 10).
    """
    words = content.words
    return canonical(
        {
            "dm_id": words.dm_id,
            "sender_box": words.sender_box,
            "sender_type": words.sender_type,
            "recipient_box": words.recipient_box,
            "sender_reference": words.sender_reference,
            "sender_mark": words.sender_mark,
            "recipient_reference": words.recipient_reference,
            "recipient_mark": words.recipient_mark,
            "delivered_at": _text(content.delivered_at),
            "accepted_at": _text(content.accepted_at),
            "state": content.state,
            "message_type": content.message_type or "V",
            "personal_delivery": bool(words.personal_delivery),
            "fiction_allowed": words.fiction_allowed is not False,
            "big": content.big,
            "hash": f"{content.hash_algorithm}:{content.hash_declared.hex()}",
        }
    ).decode()


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment_text(moment)


def _part(checked: Checked) -> str:
    """Name the part for which a paper could not be read."""
    return next((f"{flaw.part.value}: {flaw.rule}" for flaw in checked.flaws), "unreadable")


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
