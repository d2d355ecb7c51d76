"""Tells a sender the state of its document by a message of its own, once (facts 12).

ISDS has neither an acknowledgement nor a key against repeats. So every reply is noted on disk
before it is sent; one that may have left is looked for among the sent messages before it is sent
again, and one that did leave is remembered until its teller has surely written that down.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter, ValidationError

from depesha.adapters.isds import outcomes, rules, statuswords
from depesha.adapters.isds.values import CreateWords, OutgoingFile
from depesha.adapters.spooling import spool_folder
from depesha.adapters.statefile import StateFile
from depesha.errors import BrokenOffError, DepeshaError, OvertakenError, StorageError
from depesha.schemas.evidence import canonical
from depesha.schemas.outcome import Delivered, Unclear
from depesha.schemas.restoration import MARGIN

if TYPE_CHECKING:
    from pathlib import Path

    from depesha.adapters.isds.client import IsdsClient
    from depesha.adapters.isds.mapping import Thread
    from depesha.adapters.isds.sent import SentMessages
    from depesha.adapters.isds.values import Row
    from depesha.ports import BlobStore, Clock, Observer, Restored, Threads
    from depesha.schemas.answer import StatusAnswer
    from depesha.schemas.outcome import Outcome

REMEMBERED: Final = timedelta(days=3)
"""For so long a reply that left is remembered."""
UNCLEAR_FOR: Final = timedelta(days=90)
"""For so long one that may have left is looked for."""
_SUBJECT: Final = 255
_REFERENCE: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReply:
    """A reply, ready to be sent."""

    name: str
    """The same for every try of one reply: which message, which state."""
    recipient_box: str
    subject: str
    number: str
    """Our registration number, as our reference number; empty where there is none."""
    reference: str
    """The partner's own reference number, word for word."""
    mark: str
    """The partner's own file mark."""
    content: str
    """The attachment."""

    @property
    def key(self) -> str:
        """Our file mark of the reply: what it is found by among the sent messages."""
        return "DPA-" + hashlib.sha256(self.name.encode()).hexdigest()[:24]

    def words(self) -> CreateWords:
        """Return the envelope. It never carries a document's mark: a look-up finds no reply."""
        return CreateWords(
            recipient_box=self.recipient_box,
            subject=_line(self.subject, _SUBJECT),
            sender_reference=_line(self.number, _REFERENCE),
            sender_mark=self.key,
            recipient_reference=_line(self.reference, _REFERENCE),
            recipient_mark=_line(self.mark, _REFERENCE),
        )

    def stored(self) -> bytes:
        """Return it as canonical JSON."""
        told: dict[str, object] = _replies().dump_python(self, mode="json")
        return canonical(told)


@cache
def _replies() -> TypeAdapter[StatusReply]:
    return TypeAdapter(StatusReply)


def load_reply(stored: str) -> StatusReply:
    """Read a stored reply back; raise `StorageError`."""
    try:
        return _replies().validate_json(stored)
    except ValidationError as error:
        raise StorageError("a reply that is owed cannot be read") from error


def reply_of(answer: StatusAnswer, *, dm_id: str, box_id: str, thread: Thread) -> StatusReply:
    """Return the reply that tells the holder of a box the state of its message `dm_id`."""
    number = answer.document.number
    return StatusReply(
        name=f"{dm_id}/{answer.status}/{answer.document.guid}",
        recipient_box=box_id,
        subject=statuswords.subject(answer),
        number="" if number is None else number.number,
        reference=thread.reference,
        mark=thread.mark,
        content=statuswords.write(answer).decode(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """One reply."""

    tried_at: datetime
    """Of the first try that may have left."""
    broke_at: datetime
    """Of the last one."""
    dm_id: str = ""
    """Known once it surely left."""


class IsdsAnswers:
    """Sends replies from one box. Safe to repeat with the same name."""

    def __init__(
        self,
        *,
        client: IsdsClient,
        sent: SentMessages,
        blobs: BlobStore,
        file: Path,
        threads: Threads,
        clock: Clock,
        observer: Observer,
        restored: Restored,
        absence_seconds: float,
    ) -> None:
        """`file` keeps what was begun; `load` reads it."""
        self._client = client
        self._sent = sent
        self._blobs = blobs
        self._file = StateFile(file, TypeAdapter(dict[str, _Told]))
        self._threads = threads
        self._clock = clock
        self._observer = observer
        self._restored = restored
        self._absence = timedelta(seconds=absence_seconds)
        self._told: dict[str, _Told] = {}
        self._writing = asyncio.Lock()

    def load(self) -> None:
        """Read what was begun; raise `StorageError`. Blocks: called in a thread, at start."""
        self._told = self._file.read() or {}

    async def tell(self, reply: StatusReply, arrived_at: datetime | None = None) -> Outcome:
        """Try once. Never raises `DepeshaError`: failures are outcomes, our disk's included.

        After a restore it is looked for first, unless what it answers arrived at ISDS later.
        """
        try:
            earlier = await self._earlier(reply, arrived_at)
            if earlier is not None:
                return earlier
            await self._begin(reply.name)
        except DepeshaError as error:  # a broken look-up, too: this reply has not left
            return outcomes.deferred(error)
        try:
            return await self._left(reply.name, await self._send(reply))
        except DepeshaError as error:
            return self._failed(reply.name, error)

    async def _send(self, reply: StatusReply) -> str:
        content = reply.content.encode()
        async with spool_folder(self._blobs, self._threads) as folder:
            path = folder / statuswords.NAME
            await self._threads.run(_write, path, content)
            file = OutgoingFile(
                name=statuswords.NAME,
                media_type=statuswords.MEDIA_TYPE,
                meta_type=rules.MAIN,
                path=path,
                size=len(content),
            )
            return await self._client.create_message(reply.words(), [file])

    async def _earlier(
        self, reply: StatusReply, arrived_at: datetime | None
    ) -> Delivered | Unclear | None:
        """Return what became of an earlier try; None where the reply is surely not there."""
        told = self._told.get(reply.name) or await self._suspected(reply.name, arrived_at)
        if told is None:
            return None
        if told.dm_id:
            return _delivered(told.dm_id)
        asked_at = self._clock.now()
        ours = reply.words()

        def wanted(row: Row) -> bool:
            """With the number that is to be told: before a restore it may have been another one."""
            there = row.words
            return (
                there.sender_mark == ours.sender_mark
                and there.sender_reference == ours.sender_reference
                and there.recipient_box == ours.recipient_box
            )

        sought = await self._sent.find(wanted, told.tried_at)
        if sought.found:
            return await self._left(reply.name, min(row.words.dm_id for row in sought.found))
        if not sought.complete:
            public = "the list of sent messages is too long to be read back to the try"
            return Unclear(code=outcomes.LIST_TOO_LONG, public=public)
        if asked_at - told.broke_at < self._absence:
            public = "ISDS may still be at work on an earlier try"
            return Unclear(code=outcomes.TOO_EARLY, public=public)
        return None

    async def _suspected(self, name: str, arrived_at: datetime | None) -> _Told | None:
        """Return a try that the lost store may have made, written down; None: it made none.

        It may be at work until the restore. Once written down it is looked for after the
        approval, too.
        """
        restoration = await self._restored()
        if restoration is None or not restoration.may_have_answered(arrived_at):
            return None
        since = restoration.knows_until - MARGIN
        told = _Told(tried_at=since, broke_at=restoration.restored_at)
        await self._write(name, told)
        return told

    async def _begin(self, name: str) -> None:
        now = self._clock.now()
        old = self._told.get(name)
        first = now if old is None else old.tried_at
        await self._write(name, _Told(tried_at=first, broke_at=now))

    async def _left(self, name: str, dm_id: str) -> Delivered:
        """Remember that it left; where that cannot be written, the intent stands and is enough."""
        told = self._told.get(name)
        if told is not None:
            try:
                await self._write(name, replace(told, dm_id=dm_id))
            except StorageError as error:
                self._observer.trouble("isds.answers", error.code)
        return _delivered(dm_id)

    def _failed(self, name: str, error: DepeshaError) -> Outcome:
        """After a break the intent stays, with its moment; otherwise nothing left by this try."""
        told = self._told.get(name)
        if told is not None and isinstance(error, BrokenOffError):
            self._told[name] = replace(told, broke_at=self._clock.now())
        elif told is not None and told.tried_at == told.broke_at:
            del self._told[name]
        if outcomes.is_alarming(error):
            self._observer.trouble("isds.answers", outcomes.code_of(error))
        return outcomes.after_send(error)

    async def _write(self, name: str, told: _Told) -> None:
        """Keep one entry and forget the old ones, in memory at once and on disk."""
        now = self._clock.now()
        self._told[name] = told
        for each, value in tuple(self._told.items()):
            kept_for = REMEMBERED if value.dm_id else UNCLEAR_FOR
            if each != name and now - value.broke_at >= kept_for:
                del self._told[each]
        async with self._writing:
            try:
                await self._threads.run(self._file.write, dict(self._told))
            except OvertakenError:
                await self._threads.run(self.load)
                raise


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise StorageError("a file to be sent cannot be written") from error


def _delivered(dm_id: str) -> Delivered:
    return Delivered(receipt=canonical({"dm_id": dm_id}), proven=False, reference=dm_id)


def _line(text: str, most: int) -> str:
    return " ".join(rules.as_kept(text).split())[:most].rstrip()
