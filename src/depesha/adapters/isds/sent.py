"""What ISDS tells of messages that we sent: where they stand, and the papers that prove it.

It asks and keeps papers; what that makes of a document is the gateway's to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from depesha.adapters.isds import mapping, outcomes
from depesha.adapters.isds.checking import Expected
from depesha.adapters.isds.codes import Action
from depesha.adapters.isds.mapping import Standing
from depesha.adapters.isds.problems import IsdsError
from depesha.adapters.isds.values import Sought, moment_text
from depesha.adapters.spooling import spool_folder
from depesha.errors import UnreachableError, WireError
from depesha.schemas.evidence import canonical
from depesha.schemas.outcome import Delivered, Refused
from depesha.schemas.wire.isds import Paper

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from depesha.adapters.filestreams import StoredFile
    from depesha.adapters.isds.big_client import IsdsBigClient
    from depesha.adapters.isds.checking import ZfoChecker
    from depesha.adapters.isds.reaching import Reacher
    from depesha.adapters.isds.settings import IsdsSettings
    from depesha.adapters.isds.values import Delivery, Row
    from depesha.ports import BlobStore, Clock, Threads
    from depesha.schemas.ids import Digest

PAPER: Final = "paper.zfo"
_OPENED: Final = "opened"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentState:
    """A message of ours as ISDS keeps it now."""

    dm_id: str
    state: int | None
    standing: Standing
    delivered: bool
    """In law, by the kind of the recipient's box (facts 10)."""
    delivered_at: datetime | None
    """When it lay in the box, by the clock of ISDS."""
    receipt: bytes
    """Canonical JSON: state, times, events; no word of the message."""

    def outcome(self) -> Delivered | Refused:
        """Return what this makes of the try."""
        if self.standing is Standing.INFECTED:
            public = "ISDS found malware in an attachment"
            code = outcomes.INFECTED
            return Refused(code=code, public=public, receipt=self.receipt, document=True)
        if self.standing is Standing.UNDELIVERABLE:
            public = "the recipient's data box was made inaccessible"
            return Refused(code=outcomes.UNDELIVERABLE, public=public, receipt=self.receipt)
        return Delivered(
            receipt=self.receipt,
            proven=self.delivered,
            reference=self.dm_id,
            delivered_at=self.delivered_at,
        )


class SentMessages:
    """Asks after messages of one box. Safe to repeat."""

    def __init__(
        self,
        *,
        client: IsdsBigClient,
        reacher: Reacher,
        checker: ZfoChecker,
        blobs: BlobStore,
        settings: IsdsSettings,
        threads: Threads,
        clock: Clock,
    ) -> None:
        self._client = client
        self._reacher = reacher
        self._checker = checker
        self._blobs = blobs
        self._settings = settings
        self._threads = threads
        self._clock = clock

    async def find(self, wanted: Callable[[Row], bool], since: datetime) -> Sought:
        """Look through the list of sent messages back to `since`, and further by our margin.

        A message that is still on its way may show nowhere, so absence is proved only some time
        after the send. Raises `DepeshaError`.
        """
        since -= timedelta(hours=self._settings.lookup_hours)
        size, found = self._settings.page_size, []
        for page in range(self._settings.lookup_pages):
            rows = await self._client.sent(since=since, offset=page * size + 1, limit=size)
            found += [row for row in rows if wanted(row)]
            if len(rows) < size:
                return Sought(found=tuple(found), complete=True)
        return Sought(found=tuple(found), complete=False)

    async def state(self, dm_id: str) -> SentState:
        """Return where a message of ours stands; raises `DepeshaError`."""
        try:
            async with asyncio.timeout(self._settings.lookup_seconds):
                told = await self._client.delivery(dm_id)
                return await self._state(told)
        except TimeoutError as error:
            raise UnreachableError("ISDS takes too long over a message's state") from error

    async def _state(self, told: Delivery) -> SentState:
        words = told.words
        standing = _standing(told)
        in_box = standing is Standing.IN_THE_BOX
        authority = in_box and await self._reacher.is_authority(words.recipient_box)
        return SentState(
            dm_id=words.dm_id,
            state=told.state,
            standing=standing,
            delivered=standing.delivered_to(authority=authority),
            delivered_at=told.delivered_at,
            receipt=canonical(
                {
                    "dm_id": words.dm_id,
                    "state": told.state,
                    "delivered_at": _text(told.delivered_at),
                    "accepted_at": _text(told.accepted_at),
                    "events": [
                        {"event": mapping.event_of(event)[0], "at": _text(event.at)}
                        for event in told.events
                    ],
                }
            ),
        )

    async def keep_message(self, dm_id: str) -> Digest:
        """Fetch a sent message as its sealed paper and keep it; raises `DepeshaError`."""

        async def fetch(target: Path) -> StoredFile:
            try:
                return await self._client.fetch_sent(dm_id, target)
            except IsdsError as error:
                if error.action is not Action.OTHER_SERVICE:
                    raise
                return await self._client.fetch_big_sent(dm_id, target)

        return await self._keep(dm_id, Paper.SENT, fetch)

    async def keep_delivery(self, dm_id: str) -> Digest:
        """Fetch signed delivery information, of either party, and keep it."""

        async def fetch(target: Path) -> StoredFile:
            return await self._client.fetch_delivery(dm_id, target)

        return await self._keep(dm_id, Paper.DELIVERY, fetch)

    async def _keep(
        self, dm_id: str, kind: Paper, fetch: Callable[[Path], Awaitable[StoredFile]]
    ) -> Digest:
        async with spool_folder(self._blobs, self._threads) as folder:
            stored = await fetch(folder / PAPER)
            now = self._clock.now()
            await self._threads.run(self._check, stored.path, folder, now, kind, dm_id)
            return await self._threads.run(self._blobs.put, stored.path)

    def _check(self, path: Path, folder: Path, at: datetime, kind: Paper, dm_id: str) -> None:
        """Refuse a paper that proves nothing: it is fetched again, for each is sealed anew."""
        opened = folder / _OPENED
        opened.mkdir()
        checked = self._checker.check(path, opened, at, Expected(kind=kind, dm_id=dm_id))
        if checked.broken:
            raise WireError("a paper of ISDS is not genuine", part=checked.broken[0].value)


def _standing(told: Delivery) -> Standing:
    """Return where a message stands; the events tell what states 9 and 10 do not (facts 6)."""
    standing = mapping.standing_of(told.state)
    if standing not in {Standing.ERASED, Standing.IN_VAULT, Standing.UNKNOWN}:
        return standing
    known = [mapping.event_of(event)[1] for event in told.events]
    ends = [each for each in known if each not in {Standing.UNKNOWN, Standing.UNDER_WAY}]
    return next((s for s in ends if s is not Standing.IN_THE_BOX), ends[0] if ends else standing)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment_text(moment)
