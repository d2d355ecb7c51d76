"""Tells somebody the state of its document by a letter in the thread, once (facts 8.5).

SSEV has no acknowledgement and no idempotency key. So every letter is noted on disk before it is
sent; one that may have left is looked for in the outbox before it is sent again, and one that did
leave is remembered until its teller has surely written that down.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter

from depesha.adapters.ssev import mapping, outcomes
from depesha.adapters.ssev.mapping import Presence
from depesha.adapters.statefile import StateFile
from depesha.errors import BrokenOffError, DepeshaError, OvertakenError, StorageError
from depesha.schemas.evidence import canonical
from depesha.schemas.outcome import Deferred, Delivered, Unclear
from depesha.schemas.restoration import MARGIN

if TYPE_CHECKING:
    from pathlib import Path

    from depesha.adapters.ssev.network import SsevNetwork
    from depesha.adapters.ssev.values import Letter
    from depesha.ports import Clock, Observer, Restored, Threads
    from depesha.schemas.ids import Guid
    from depesha.schemas.outcome import Outcome

REMEMBERED: Final = timedelta(days=3)
"""For so long a letter that left is remembered."""
UNCLEAR_FOR: Final = timedelta(days=90)
"""For so long one that may have left is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """One letter."""

    tried_at: datetime
    """Of the first try that may have left."""
    broke_at: datetime
    """Of the last one."""
    message_id: int | None = None
    """Known once it surely left."""


class SsevAnswers:
    """Sends letters about the state of others' documents. Safe to repeat with the same name."""

    def __init__(
        self,
        *,
        net: SsevNetwork,
        file: Path,
        threads: Threads,
        clock: Clock,
        observer: Observer,
        restored: Restored,
        absence_seconds: float,
    ) -> None:
        """`file` keeps what was begun; `load` reads it."""
        self._net = net
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

    async def tell(
        self,
        name: str,
        letter: Letter,
        document: Guid,
        *,
        to_message: int | None,
        identifier: str,
        arrived_at: datetime | None = None,
    ) -> Outcome:
        """Try once. `name` is the same for every try of one letter.

        In the thread of `to_message`, or as a new letter to the party with this EIK. After a
        restore it is looked for first, unless what it answers arrived at SSEV later. Never raises
        `DepeshaError`: failures are outcomes, those of our own disk included.
        """
        try:
            earlier = await self._earlier(name, letter, document, arrived_at)
            if earlier is not None:
                return earlier
            await self._begin(name)
        except DepeshaError as error:  # a broken look-up, too: this letter has not left
            return outcomes.deferred(error)
        try:
            message_id = await self._net.reply(letter, to_message=to_message, identifier=identifier)
            return await self._left(name, message_id)
        except DepeshaError as error:
            return self._failed(name, error)

    async def _earlier(
        self, name: str, letter: Letter, document: Guid, arrived_at: datetime | None
    ) -> Delivered | Deferred | Unclear | None:
        """Return what became of an earlier try; None where the letter is surely not there."""
        told = self._told.get(name) or await self._suspected(name, arrived_at)
        if told is None:
            return None
        if told.message_id is not None:
            return _delivered(told.message_id)
        asked_at = self._clock.now()
        mark = mapping.status_marker(document)
        sought = await self._net.find_sent(mark, since=told.tried_at)
        same = tuple(row for row in sought.found if row.subject == letter.subject)
        match mapping.presence(replace(sought, found=same)):
            case Presence.THERE:
                return await self._left(name, min(row.message_id for row in same))
            case Presence.UNKNOWN:
                public = "the outbox at SSEV is too long to be read back to the try"
                return Unclear(code=outcomes.OUTBOX_TOO_LONG, public=public)
            case Presence.ABSENT:
                if asked_at - told.broke_at < self._absence:
                    public = "SSEV may still be at work on an earlier try"
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

    async def _left(self, name: str, message_id: int) -> Delivered:
        """Remember that it left; where that cannot be written, the intent stands and is enough."""
        told = self._told.get(name)
        if told is not None:
            try:
                await self._write(name, replace(told, message_id=message_id))
            except StorageError as error:
                self._observer.trouble("ssev.answers", error.code)
        return _delivered(message_id)

    def _failed(self, name: str, error: DepeshaError) -> Outcome:
        """After a break the intent stays, with its moment; otherwise nothing left by this try."""
        told = self._told.get(name)
        if told is not None and isinstance(error, BrokenOffError):
            self._told[name] = replace(told, broke_at=self._clock.now())
        elif told is not None and told.tried_at == told.broke_at:
            del self._told[name]
        return outcomes.after_send(error)

    async def _write(self, name: str, told: _Told) -> None:
        """Keep one entry and forget the old ones, in memory at once and on disk."""
        now = self._clock.now()
        self._told[name] = told
        for each, value in tuple(self._told.items()):
            kept_for = UNCLEAR_FOR if value.message_id is None else REMEMBERED
            if each != name and now - value.broke_at >= kept_for:
                del self._told[each]
        async with self._writing:
            try:
                await self._threads.run(self._file.write, dict(self._told))
            except OvertakenError:
                await self._threads.run(self.load)
                raise


def _delivered(message_id: int) -> Delivered:
    return Delivered(
        receipt=canonical({"message_id": message_id}), proven=False, reference=str(message_id)
    )
