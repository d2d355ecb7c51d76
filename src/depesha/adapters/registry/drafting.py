"""Makes a document to be sent out of words and files, and hands it to the gateway.

Fills in what the registry may leave out: the recipient's name, the document's GUID, names and
types of files. Decides nothing: the gateway's rules judge, and nothing is sent from here.
"""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from depesha.adapters.registry.problems import INVALID, FieldError, Problem
from depesha.adapters.registry.spooling import Spool
from depesha.errors import StorageError
from depesha.schemas import mediatypes
from depesha.schemas.dispatch import Dispatch
from depesha.schemas.envelope import (
    Attachment,
    Correspondent,
    DocumentReference,
    Party,
    RegistrationNumber,
    Service,
)
from depesha.schemas.ids import Digest, guid
from depesha.schemas.request import guid_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import date

    from depesha.adapters.registry.settings import SubmissionLimits
    from depesha.adapters.registry.spooling import SpooledFile
    from depesha.adapters.registry.submission import (
        DispatchWords,
        ExplainWords,
        PersonWords,
        RecipientWords,
        ReferenceWords,
        Submission,
    )
    from depesha.ports import BlobStore, Clock, ContentInspector, Directory, Outbox, Threads
    from depesha.schemas.facts import ContentFacts
    from depesha.schemas.ids import Guid
    from depesha.schemas.outbound import Submitted

_NO_CONTENT = Digest("0" * 64)
"""In the place of a digest, for files that are only spoken of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """One file with everything said about it."""

    spooled: SpooledFile
    index: int
    name: str
    media_type: str
    comment: str


class Submitter:
    """Takes submissions from the API and from the outbox folder alike."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        own: Party,
        directories: Sequence[Directory],
        blobs: BlobStore,
        inspector: ContentInspector,
        threads: Threads,
        clock: Clock,
        limits: SubmissionLimits,
    ) -> None:
        """`own` is the sender of everything; the first directory that knows a body names it."""
        self._outbox = outbox
        self._own = own
        self._directories = tuple(directories)
        self._blobs = blobs
        self._inspector = inspector
        self._threads = threads
        self._clock = clock
        self._places = asyncio.Semaphore(limits.at_once)
        self.limits = limits

    def place(self) -> AbstractAsyncContextManager[None]:
        """One of the places for submissions read at the same time; waits for a free one."""
        return self._places

    def spool(self) -> Spool:
        """Return a fresh place for a file; the caller discards it, whatever happens."""
        return Spool(self._blobs.spool())

    async def submit(
        self, words: Submission, files: Sequence[SpooledFile], *, key: str, actor: str
    ) -> Submitted:
        """Keep the files and submit; return after the commit.

        The spools are moved away or may be discarded by the caller. Raises `Problem` where words
        and files do not fit together, and what `Outbox.submit` raises. Safe to repeat: the same
        key, actor, words and files are the same submission.
        """
        drafts = _paired(words, files, self.limits)
        contents = tuple([await self._threads.run(self._keep, draft) for draft in drafts])
        dispatch = self._dispatch(
            words,
            words.recipient,
            key=key,
            document=_document(words, self._guid(owner_of(actor), key)),
            files=tuple(facts.attachment for facts in contents),
        )
        return await self._outbox.submit(dispatch, contents, actor)

    def imagined(self, words: ExplainWords, recipient: RecipientWords) -> Dispatch:
        """Return a document that is only spoken of, for a dry run."""
        files = tuple(
            Attachment(
                index=index,
                name=file.name,
                media_type=mediatypes.UNKNOWN,
                size=file.size,
                digest=_NO_CONTENT,
            )
            for index, file in enumerate(words.files, 1)
        )
        document = _document(words, self._guid("", recipient.identifier))
        return self._dispatch(words, recipient, key="", document=document, files=files)

    def _keep(self, draft: _Draft) -> ContentFacts:
        """Look at a file and make it durable; blocks."""
        spool = draft.spooled.spool
        held = spool.held
        attachment = Attachment(
            index=draft.index,
            name=draft.name,
            media_type=draft.media_type or mediatypes.UNKNOWN,
            size=spool.size,
            digest=spool.digest(),
            comment=draft.comment,
        )
        try:
            with spool.path.open("rb") if held is None else io.BytesIO(held) as content:
                facts = self._inspector.inspect(attachment, content)
        except OSError as error:
            raise StorageError("a submitted file cannot be read back") from error
        if self._blobs.put(spool.path if held is None else held) != attachment.digest:
            raise StorageError("a submitted file changed while it was taken in")
        if draft.media_type or not facts.detected:
            return facts
        return replace(facts, attachment=replace(attachment, media_type=facts.detected))

    def _dispatch(
        self,
        words: DispatchWords,
        recipient: RecipientWords,
        *,
        key: str,
        document: DocumentReference,
        files: tuple[Attachment, ...],
    ) -> Dispatch:
        service = words.service
        return Dispatch(
            idempotency_key=key,
            submitted_at=self._clock.now(),
            sender=self._own,
            recipient=self._recipient(recipient),
            document=document,
            kind=words.kind,
            subject=words.subject,
            text=words.text,
            parent=None if words.parent is None else _reference(words.parent),
            corrects=guid(words.corrects) if words.corrects else None,
            attention_to=words.attention_to,
            deadline=words.deadline,
            correspondents=tuple(map(_person, words.correspondents)),
            service=None
            if service is None
            else Service(name=service.name, kind=service.kind, code=service.code),
            files=files,
            marks=tuple(dict.fromkeys(words.marks)),
            floor=words.floor,
            scan_instead=words.scan_instead,
            channels=tuple(dict.fromkeys(words.channels)),
        )

    def _guid(self, owner: str, key: str) -> Guid:
        """Return the GUID of a document whose registry gave none: the same on every repeat.

        Ours goes in, for two administrations may name their tokens and keys alike.
        """
        return guid_for(f"{self._own.identifier}:{owner}", key)

    def _recipient(self, words: RecipientWords) -> Party:
        given = guid(words.guid) if words.guid else None
        if not words.name or given is None:
            for directory in self._directories:
                found = directory.by_identifier(words.identifier)
                if found is not None:
                    return Party(
                        identifier=words.identifier,
                        name=words.name or found.name,
                        guid=given or found.guid,
                    )
        return Party(identifier=words.identifier, name=words.name, guid=given)


def owner_of(actor: str) -> str:
    """Return the token behind an actor, whichever clerk it speaks for.

    A repeat for another clerk is then a conflict, never a second document.
    """
    return actor.partition("/")[0]


def _paired(
    words: Submission, files: Sequence[SpooledFile], limits: SubmissionLimits
) -> list[_Draft]:
    """Put words and parts together, one to one; every fault has its pointer."""
    if words.files is None:
        drafts = [
            _Draft(
                spooled=file, index=index, name=file.name, media_type=file.media_type, comment=""
            )
            for index, file in enumerate(files, 1)
        ]
    else:
        drafts = _listed(words, files)
    faults = [
        FieldError(pointer=f"/files/{draft.index - 1}/name", detail="is too long")
        for draft in drafts
        if len(draft.name) > limits.name_characters
    ]
    if faults:
        raise Problem(INVALID, errors=faults)
    return drafts


def _listed(words: Submission, files: Sequence[SpooledFile]) -> list[_Draft]:
    parts = {file.part: file for file in files}
    listed = words.files or ()
    named = [entry.part for entry in listed]
    faults = [
        FieldError(pointer=f"/files/{number}/part", detail="no such file was sent, or named twice")
        for number, part in enumerate(named)
        if part not in parts or part in named[:number]
    ]
    if len(parts) != len(files):
        faults.append(FieldError(pointer="/files", detail="two parts have the same name"))
    if set(parts) - set(named):
        faults.append(FieldError(pointer="/files", detail="a file was sent that is not named"))
    if faults:
        raise Problem(INVALID, errors=faults)
    return [
        _Draft(
            spooled=parts[entry.part],
            index=index,
            name=parts[entry.part].name if entry.name is None else entry.name,
            media_type=mediatypes.canonical(entry.media_type) or parts[entry.part].media_type,
            comment=entry.comment,
        )
        for index, entry in enumerate(listed, 1)
    ]


def _document(words: DispatchWords, otherwise: Guid) -> DocumentReference:
    said = words.document
    return DocumentReference(
        guid=guid(said.guid) if said.guid else otherwise, number=_number(said.number, said.date)
    )


def _reference(words: ReferenceWords) -> DocumentReference:
    return DocumentReference(guid=guid(words.guid), number=_number(words.number, words.date))


def _number(number: str, day: date | None) -> RegistrationNumber | None:
    """Half a number is none: the rules then say that it is missing."""
    return None if day is None or not number else RegistrationNumber(number=number, date=day)


def _person(words: PersonWords) -> Correspondent:
    return Correspondent(**words.model_dump())
