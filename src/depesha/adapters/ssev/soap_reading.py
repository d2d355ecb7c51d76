"""Reads opened and sent messages out of SOAP answers, files into their places (facts 7.5). Threads.

It opens nothing on the wire; names from outside never become paths.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pybase64
from lxml import etree
from lxml.etree import _Element

from depesha.adapters.filestreams import StoredFile
from depesha.adapters.multipart import MtomAnswer
from depesha.adapters.ssev import soap_messages
from depesha.adapters.ssev.soap_messages import member, moment, must_moment, number, text
from depesha.adapters.ssev.values import (
    EvidenceFile,
    EvidenceKind,
    MessageFile,
    OpenedMessage,
    Receipt,
    SentMessage,
)
from depesha.errors import StorageError, WireError
from depesha.schemas import xml
from depesha.schemas.ids import Digest
from depesha.schemas.wire.ssev import DATA, XOP


class _Contents:
    """Finds the bytes of binary members: included parts, or inline base64."""

    def __init__(self, mtom: MtomAnswer, folder: Path) -> None:
        self._mtom = mtom
        self._folder = folder
        self._numbers: Iterator[int] = count(1)

    def of(self, parent: _Element, name: str) -> StoredFile | None:
        """Return the bytes of a member; None where absent or nil."""
        element = member(parent, name)
        if element is None:
            return None
        include = element.find(f"{{{XOP}}}Include")
        if include is not None:
            return self._mtom.included(include.get("href", ""))
        return self._inline(xml.text(element))

    def _inline(self, given: str) -> StoredFile:
        try:
            content = pybase64.b64decode(given, validate=True)
        except binascii.Error:
            try:
                content = pybase64.b64decode("".join(given.split()), validate=True)
            except binascii.Error:
                raise WireError("binary content in an answer cannot be read") from None
        path = self._folder / f"inline-{next(self._numbers)}"
        try:
            path.write_bytes(content)
        except OSError as error:
            raise StorageError("a received file cannot be written") from error
        digest = Digest(hashlib.sha256(content).hexdigest())
        return StoredFile(path=path, size=len(content), digest=digest)


def opened(element: _Element, mtom: MtomAnswer, folder: Path, message_id: int) -> OpenedMessage:
    """Return a received message with everything that came with it; raise `WireError`."""
    _same(element, message_id)
    contents = _Contents(mtom, folder)
    files = _files(element, contents)
    if any(file.stored is None for file in files):
        raise WireError("an opened message lacks the content of a file")
    sender = member(element, "SenderProfile")
    evidence = _evidence(element, contents)
    return OpenedMessage(
        message_id=message_id,
        sent_at=must_moment(element, "DateSent"),
        received_at=moment(element, "DateReceived"),
        subject=text(element, "Title"),
        text=text(element, "MessageText"),
        sender_name="" if sender is None else text(sender, "ElectronicSubjectName"),
        sender_profile_id=None if sender is None else number(sender, "Id"),
        sender_subject_id=soap_messages.subject_id(sender),
        rnu=_rnu(evidence),
        files=files,
        evidence=evidence,
        raw=etree.tostring(element, encoding="utf-8"),
    )


def sent(element: _Element, mtom: MtomAnswer, folder: Path, message_id: int) -> SentMessage:
    """Return a message of ours; raise `WireError`."""
    _same(element, message_id)
    contents = _Contents(mtom, folder)
    receiver = member(element, "ReceiverProfile")
    receipt = Receipt(
        name="" if receiver is None else text(receiver, "ElectronicSubjectName"),
        profile_id=None if receiver is None else number(receiver, "Id"),
        received_at=moment(element, "DateReceived"),
    )
    evidence = _evidence(element, contents)
    return SentMessage(
        message_id=message_id,
        sent_at=must_moment(element, "DateSent"),
        subject=text(element, "Title"),
        receipts=(receipt,),
        rnu=_rnu(evidence),
        files=_files(element, contents),
        evidence=evidence,
        raw=etree.tostring(element, encoding="utf-8"),
    )


def _same(element: _Element, message_id: int) -> None:
    if number(element, "Id") != message_id:
        raise WireError("the answer is about another message")


def _files(element: _Element, contents: _Contents) -> tuple[MessageFile, ...]:
    documents = member(element, "AttachedDocuments")
    found = [] if documents is None else documents.findall(f"{{{DATA}}}DcDocument")
    return tuple(_file(document, contents) for document in found)


def _file(document: _Element, contents: _Contents) -> MessageFile:
    stored = contents.of(document, "Content")
    return MessageFile(
        blob_id=number(document, "Id"),
        name=text(document, "DocumentName"),
        media_type=text(document, "ContentType"),
        size=None if stored is None else stored.size,
        digest=None if stored is None else stored.digest,
        registration_number=text(document, "DocumentRegistrationNumber"),
        stored=stored,
    )


def _evidence(element: _Element, contents: _Contents) -> tuple[EvidenceFile, ...]:
    found = []
    for kind, name, binary in (
        (EvidenceKind.SUMMARY, "TimeStampContent", "Content"),
        (EvidenceKind.ORIGIN, "TimeStampNRO", "TimeStampData"),
        (EvidenceKind.DELIVERY, "TimeStampNRD", "TimeStampData"),
    ):
        proof = member(element, name)
        stored = None if proof is None else contents.of(proof, binary)
        if proof is not None and stored is not None and stored.size:
            found.append(EvidenceFile(kind=kind, name=text(proof, "FileName"), stored=stored))
    return tuple(found)


def _rnu(evidence: tuple[EvidenceFile, ...]) -> str:
    """Read the thread's number out of the summary (facts 5.3); empty where it does not say."""
    for proof in evidence:
        if proof.kind is EvidenceKind.SUMMARY:
            try:
                root = xml.parse(proof.stored.path).root
            except WireError:
                return ""  # a proof is kept as it is, readable or not
            found = next((e for e in root.iter("{*}Rnu")), None)
            return "" if found is None or len(found) else (found.text or "").strip()
    return ""
