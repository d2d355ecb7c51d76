"""Everything that happens to an incoming SEOS body, in one call in one worker thread.

Unwrap, keep the original, parse once, judge the signature, validate and map the very same tree,
decode, keep and inspect the files. It judges nothing, and no document, however hostile, makes it
raise anything but `StorageError`: what cannot be read comes back as an unreadable arrival.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Protocol

from depesha.adapters.seos import soap
from depesha.adapters.seos.attachments import Enclosures
from depesha.adapters.seos.content import Decoder
from depesha.adapters.seos.mapping import NETWORK, Header, Mapper, sender_guid
from depesha.errors import StorageError, WireError
from depesha.schemas import xml, xmllarge
from depesha.schemas.answer import ErrorNotice, Inquiry, StatusNotice
from depesha.schemas.facts import Arrival, SignatureFacts
from depesha.schemas.ids import Digest
from depesha.schemas.steps import Step
from depesha.schemas.verdict import Finding, Hold, Rejection, finding
from depesha.schemas.wire.seos import MESSAGING, Form, schema

if TYPE_CHECKING:
    from datetime import datetime

    from depesha.ports import (
        BlobStore,
        Checkpoint,
        ContentInspector,
        SignatureVerifier,
    )
    from depesha.schemas.ids import Guid, SerialNumber
    from depesha.schemas.participant import DirectoryState, Participant
    from depesha.schemas.policy import Limits

_LONG: Final = (f"{{{MESSAGING}}}AttBody",)
"""Elements whose text may be long."""

Heard = Arrival | Inquiry | StatusNotice | ErrorNotice
"""One of the four things a partner can say; what cannot be read counts as an arrival."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Original:
    """What was kept, and what came with it."""

    digest: Digest
    size: int
    received_at: datetime
    transport_serial: SerialNumber | None


class Participants(Protocol):
    """What of `ports.Directory` a reader needs."""

    def find(self, guid: Guid) -> Participant | None:
        """Return the participant with this register GUID."""

    def state(self) -> DirectoryState:
        """Tell how fresh the copy is."""


class Troubled(Protocol):
    """What of `ports.Observer` a reader tells."""

    def trouble(self, where: str, code: str) -> None:
        """Something of ours or of a neighbour failed; `where` and `code` are bounded words."""


class SeosReader:
    """Reads bodies and stored originals (`ports.Extractor`). Serves any number of threads."""

    def __init__(
        self,
        *,
        blobs: BlobStore,
        directory: Participants,
        verifier: SignatureVerifier,
        inspector: ContentInspector,
        limits: Limits,
        checkpoint: Checkpoint,
        observer: Troubled,
    ) -> None:
        self._blobs = blobs
        self._directory = directory
        self._verifier = verifier
        self._limits = limits
        self._checkpoint = checkpoint
        self._observer = observer
        self._enclosures = Enclosures(blobs=blobs, inspector=inspector, limits=limits)
        self._schema = schema(Form.HOT)

    @property
    def network(self) -> str:
        """The network whose originals it reads."""
        return NETWORK

    def incoming(
        self,
        body: bytes | Path,
        received_at: datetime,
        transport_serial: SerialNumber | None = None,
        aside: dict[Digest, bytes] | None = None,
    ) -> Heard:
        """Read one HTTP body: in memory, or a spooled file, which may be moved away.

        The original is durable when this returns. Where `aside` is given, small files are laid
        there and not kept. Raises `StorageError` alone; blobs put until then may stay behind.
        Repeating is safe.
        """
        unreadable: Finding | None = None
        try:
            document = soap.unwrap_request(body, self._blobs.spool)
        except WireError as error:
            document, unreadable = body, _found(Rejection.NOT_XML, error)
        size = len(document) if isinstance(document, bytes) else _size(document)
        digest = self._blobs.put(document, durable=True)
        self._checkpoint.reached(Step.ORIGINAL_KEPT)
        original = _Original(
            digest=digest, size=size, received_at=received_at, transport_serial=transport_serial
        )
        if unreadable is not None:
            return _unreadable(original, unreadable)
        source = document if isinstance(document, bytes) else self._kept(digest)
        return self._read(source, original, late=False, aside=aside)

    def read(self, original: Path, at: datetime) -> Arrival:
        """Gather the facts of an original stored at `at` again, for a recheck (`ports`)."""
        kept = _Original(
            digest=_digest(original), size=_size(original), received_at=at, transport_serial=None
        )
        heard = self._read(original, kept, late=True)
        if isinstance(heard, Arrival):
            return heard
        return _unreadable(kept, finding(Rejection.NOT_THE_SCHEMA, where="not a document"))

    def extract(self, original: Path, index: int, into: BinaryIO) -> None:
        """Write the decoded content of attachment `index` (from 1); raise `WireError`."""
        document = xmllarge.parse(original, _LONG, _digest(original), self._blobs.spool)
        parts = Mapper(document.root).attachments()
        if not 1 <= index <= len(parts):
            raise WireError("the message has no such attachment")
        into.writelines(Decoder(parts[index - 1].body).pieces())

    def _kept(self, digest: Digest) -> Path:
        path = self._blobs.path(digest)
        if path is None:
            raise StorageError("a document that was just kept is gone")
        return path

    def _read(
        self,
        source: bytes | Path,
        original: _Original,
        *,
        late: bool,
        aside: dict[Digest, bytes] | None = None,
    ) -> Heard:
        """The border: behind it anything may go wrong, before it nothing may."""
        stage = Rejection.NOT_XML
        try:
            document = self._parse(source, original.digest)
            stage = Rejection.NOT_THE_SCHEMA
            return self._understand(document, original, late=late, aside=aside)
        except WireError as error:
            return _unreadable(original, _found(stage, error))
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 -- a fault of ours holds the message, loudly
            self._observer.trouble("seos.reader", type(error).__name__)
            return _unreadable(original, finding(Hold.CHECK_FAILED_TO_RUN, check="reader"))

    def _parse(self, source: bytes | Path, digest: Digest) -> xml.Document:
        if isinstance(source, bytes):
            return xml.parse(source)
        return xmllarge.parse(source, _LONG, digest, self._blobs.spool)

    def _deviations(self, document: xml.Document) -> tuple[str, ...]:
        if not isinstance(document, xmllarge.Laid):
            return self._schema.deviations(document)
        with xmllarge.emptied(document, _LONG):  # this form takes any text there
            return self._schema.deviations(document)

    def _understand(
        self,
        document: xml.Document,
        original: _Original,
        *,
        late: bool,
        aside: dict[Digest, bytes] | None,
    ) -> Heard:
        # A document without a readable sender has nobody to be verified against.
        signature = self._judge_signature(document, original.received_at, late=late)
        mapper = Mapper(document.root)
        header = mapper.header()
        if header.kind != "request":
            return _word(mapper, header, original, signature)
        deviations = self._deviations(document)
        believed = signature.finding is None or isinstance(signature.finding.reason, Hold)
        taken = self._enclosures.take(mapper.attachments(), keep=believed, aside=aside)
        envelope = mapper.envelope(header, taken.attachments)
        return Arrival(
            network=NETWORK,
            received_at=original.received_at,
            original=original.digest,
            original_size=original.size,
            envelope=envelope,
            deviations=(*deviations, *mapper.deviations, *taken.deviations),
            signature=signature,
            contents=taken.contents,
            content_digest=taken.content_digest(envelope),
            transport_serial=original.transport_serial,
        )

    def _judge_signature(
        self, document: xml.Document, at: datetime, *, late: bool
    ) -> SignatureFacts:
        """Judge by the register: the present serial, and for a stored original earlier ones too."""
        sender = self._directory.find(sender_guid(document.root))
        if sender is None and self._directory.state().loaded_at is None:
            return SignatureFacts(finding=finding(Hold.DIRECTORY_UNAVAILABLE))
        expected: tuple[SerialNumber, ...] = ()
        if sender is not None and sender.serial is not None:
            expected = (sender.serial, *(sender.earlier_serials if late else ()))
        return self._verifier.verify(document, expected, at)


def _word(
    mapper: Mapper, header: Header, original: _Original, signature: SignatureFacts
) -> Inquiry | StatusNotice | ErrorNotice:
    common: dict[str, Any] = {
        "network": NETWORK,
        "received_at": original.received_at,
        "original": original.digest,
        "transport_id": header.transport_id,
        "sender": header.sender,
        "recipient": header.recipient,
        "signature": signature,
        "transport_serial": original.transport_serial,
    }
    if header.kind == "inquiry":
        return Inquiry(**common, document=mapper.inquiry())
    if header.kind == "status":
        status = mapper.status()
        return StatusNotice(
            **common,
            document=status.document,
            status=status.status,
            local_status=status.local_status,
            reason=status.reason,
            expected_close=status.expected_close,
        )
    error = mapper.error()
    return ErrorNotice(
        **common, failed=error.failed, kind=error.kind, description=error.description
    )


def _found(reason: Rejection, error: WireError) -> Finding:
    return finding(reason, where=error.public)


def _unreadable(original: _Original, found: Finding) -> Arrival:
    return Arrival(
        network=NETWORK,
        received_at=original.received_at,
        original=original.digest,
        original_size=original.size,
        unreadable=found,
        transport_serial=original.transport_serial,
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise StorageError("a stored document cannot be read") from error


def _digest(path: Path) -> Digest:
    try:
        with path.open("rb") as file:
            return Digest(hashlib.file_digest(file, "sha256").hexdigest())
    except OSError as error:
        raise StorageError("a stored document cannot be read") from error
