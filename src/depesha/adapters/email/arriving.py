"""A signed letter becomes an arrival: whose it is, what it says, what its files are. In threads.

It judges nothing but one thing: a letter that speaks for another body than the one whose address
signed it is said to be forged. The register's rules and all checks are the gateway's.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from depesha.adapters.email.addresses import domain_of
from depesha.adapters.email.directory import guid_from
from depesha.adapters.email.partners import Partner, PartnerBook
from depesha.adapters.email.reading import Mail, MailPart, MailReader
from depesha.errors import StorageError, TooLargeError, WireError
from depesha.ports import BlobStore, ContentInspector, Observer
from depesha.schemas import ids
from depesha.schemas.dispatch import EMAIL
from depesha.schemas.envelope import Attachment, DocumentReference, Envelope, Party
from depesha.schemas.evidence import sha256
from depesha.schemas.facts import Arrival, ContentFacts, SignatureFacts
from depesha.schemas.identity import content_digest_of
from depesha.schemas.ids import Digest, Guid
from depesha.schemas.policy import Limits
from depesha.schemas.sentences import catalogue
from depesha.schemas.verdict import Finding, Hold, Rejection, finding

_TEXT_CHARACTERS: Final = 20_000
_CONTENT: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A mail that is kept."""

    digest: Digest
    size: int
    received_at: datetime


class MailArrivals:
    """Makes arrivals, from the mailbox and again from stored originals (`ports.Extractor`).

    One object serves any number of threads.
    """

    def __init__(
        self,
        *,
        reader: MailReader,
        blobs: BlobStore,
        inspector: ContentInspector,
        limits: Limits,
        book: PartnerBook,
        own: Party,
        own_address: str,
        language: str,
        observer: Observer,
    ) -> None:
        """`own` is whom letters without a machine part are for; `language` names their kind."""
        self._reader = reader
        self._blobs = blobs
        self._inspector = inspector
        self._limits = limits
        self._book = book
        self._own = own
        self._own_address = own_address
        self._language = language
        self._observer = observer

    def partner_of(self, mail: Mail) -> Partner | None:
        """Return whose letter a mail is, by the address that must have signed it."""
        named = ""
        if mail.machine is not None:
            named = mail.machine.sender.identifier
        elif mail.word is not None:
            named = mail.word.sender.identifier
        return self._book.sender(mail.sender, named)

    def arrival(self, mail: Mail, partner: Partner, original: Original) -> Arrival:
        """Return what a signed letter of a partner says. Raises `StorageError` alone.

        Files are put as copies: the original holds them all.
        """
        try:
            return self._arrival(mail, partner, original)
        except WireError as error:
            return self._unreadable(original, _too_large_or_not(error))
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 -- a fault of ours holds the letter, loudly
            self._observer.trouble("email.reader", type(error).__name__)
            return self._unreadable(original, finding(Hold.CHECK_FAILED_TO_RUN, check="reader"))

    def _arrival(self, mail: Mail, partner: Partner, original: Original) -> Arrival:
        signature = signature_of(mail, partner)
        contents = self._contents(mail.files, keep=_believed(signature))
        attachments = tuple(one.attachment for one in contents)
        envelope = self._envelope(mail, partner, original, attachments)
        return Arrival(
            network=EMAIL,
            received_at=original.received_at,
            original=original.digest,
            original_size=original.size,
            envelope=envelope,
            deviations=_deviations(mail),
            signature=signature,
            contents=tuple(one for one in contents if _believed(signature)),
            content_digest=content_digest_of(envelope),
        )

    def read(self, original: Path, at: datetime) -> Arrival:
        """Gather the facts of a stored original again, for a recheck (`ports.Extractor`)."""
        kept = Original(digest=_digest(original), size=_size(original), received_at=at)
        try:
            mail = self._reader.read(original, at)
        except WireError as error:
            return self._unreadable(kept, _too_large_or_not(error))
        partner = self.partner_of(mail)
        if partner is None or mail.signature is None:
            found = finding(Rejection.SENDER_UNKNOWN)
            return self._unreadable(kept, found)
        return self.arrival(mail, partner, kept)

    def extract(self, original: Path, index: int, into: BinaryIO, at: datetime) -> None:
        """Write the content of file `index` (from 1); raise `WireError`."""
        files = self._reader.read(original, at).files
        if not 1 <= index <= len(files):
            raise WireError("the mail has no such file")
        into.write(files[index - 1].content())

    def _unreadable(self, original: Original, found: Finding) -> Arrival:
        return Arrival(
            network=EMAIL,
            received_at=original.received_at,
            original=original.digest,
            original_size=original.size,
            unreadable=found,
        )

    # --- the envelope -----------------------------------------------------------------------

    def _envelope(
        self,
        mail: Mail,
        partner: Partner,
        original: Original,
        attachments: tuple[Attachment, ...],
    ) -> Envelope:
        told = mail.machine
        if told is None:
            return self._of_letter(mail, partner, original, attachments)
        return replace(
            told,
            network=EMAIL,
            transport_id=ids.guid(told.transport_id),
            created_at=_aware(told.created_at),
            # Registers' GUIDs are other networks' names: mail knows bodies by their identifier.
            sender=replace(told.sender, guid=None),
            recipient=replace(told.recipient, guid=None),
            document=_canonical(told.document),
            parent=None if told.parent is None else _canonical(told.parent),
            attachments=tuple(
                replace(words, index=one.index, size=one.size, digest=one.digest)
                for words, one in zip(told.attachments, attachments, strict=True)
            ),
            extra=mail.message_id,
        )

    def _of_letter(
        self,
        mail: Mail,
        partner: Partner,
        original: Original,
        attachments: tuple[Attachment, ...],
    ) -> Envelope:
        """A letter that a person wrote: its identity follows from its Message-ID."""
        name = mail.message_id or original.digest
        return Envelope(
            network=EMAIL,
            transport_id=guid_from("mail", partner.identifier, name),
            created_at=_aware(mail.sent_at or original.received_at),
            sender=Party(identifier=partner.identifier, name=partner.name),
            recipient=Party(identifier=self._own.identifier, name=self._own.name),
            document=DocumentReference(guid=guid_from("document", partner.identifier, name)),
            parent=self._answered(mail),
            kind=catalogue(self._language)["letter.ordinary"],
            subject=mail.subject,
            document_comment=mail.text[:_TEXT_CHARACTERS],
            attachments=attachments,
            extra=mail.message_id,
        )

    def _answered(self, mail: Mail) -> DocumentReference | None:
        """Find the document of ours that a letter answers: its GUID stands in our Message-IDs."""
        local, _, domain = mail.answered_id.strip("<>").rpartition("@")
        if domain.lower() != domain_of(self._own_address):
            return None
        try:
            return DocumentReference(guid=ids.guid(local.partition(".")[0]))
        except WireError:
            return None

    # --- the files --------------------------------------------------------------------------

    def _contents(self, files: tuple[MailPart, ...], *, keep: bool) -> tuple[ContentFacts, ...]:
        keep = keep and len(files) <= self._limits.attachments
        return tuple(self._content(place, file, keep=keep) for place, file in enumerate(files, 1))

    def _content(self, index: int, file: MailPart, *, keep: bool) -> ContentFacts:
        content = file.content()
        attachment = Attachment(
            index=index,
            name=file.name,
            media_type=file.media_type or _CONTENT,
            size=len(content),
            digest=sha256(content),
        )
        if not keep or len(content) > self._limits.attachment_bytes:
            name = f"attachment-{index}"
            return ContentFacts(attachment=attachment, detected="", safe_name=name, kept=False)
        self._blobs.put(content, durable=False)
        return self._inspector.inspect(attachment, io.BytesIO(content))


def signature_of(mail: Mail, partner: Partner) -> SignatureFacts | None:
    """Return what the signature is worth, for whom the letter speaks.

    A letter whose machine part names another body than the one that signed is not that body's.
    """
    facts = mail.signature
    named = mail.machine or mail.word
    if facts is None or named is None or named.sender.identifier.strip() == partner.identifier:
        return facts
    if facts.finding is not None and isinstance(facts.finding.reason, Rejection):
        return facts
    serial = facts.certificate.serial if facts.certificate else ""
    return replace(facts, finding=finding(Rejection.CERTIFICATE_OTHER, serial=serial))


def _believed(signature: SignatureFacts | None) -> bool:
    if signature is None:
        return False
    return signature.finding is None or isinstance(signature.finding.reason, Hold)


def _deviations(mail: Mail) -> tuple[str, ...]:
    problem = mail.machine_problem
    return (f"machine part: {problem}",) if problem else ()


def _too_large_or_not(error: WireError) -> Finding:
    if isinstance(error, TooLargeError):
        return finding(Rejection.MESSAGE_TOO_LARGE)
    return finding(Rejection.NOT_THE_SCHEMA, where=error.public)


def _canonical(reference: DocumentReference) -> DocumentReference:
    return replace(reference, guid=Guid(ids.guid(reference.guid)))


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise StorageError("a stored mail cannot be read") from error


def _digest(path: Path) -> Digest:
    try:
        with path.open("rb") as file:
            return Digest(hashlib.file_digest(file, "sha256").hexdigest())
    except OSError as error:
        raise StorageError("a stored mail cannot be read") from error
