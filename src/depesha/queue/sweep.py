"""Removes blobs that nobody needs: what a death, a lost race or a given-up call left behind.

Needed is what a message, a document of ours or a row of evidence refers to. Bytes are always put
before the row that refers to them is committed; so only such are looked at whose last put lies
longer ago than anything between a put and its commit may take. Never judges by anything else, and
never touches the spool or encrypted bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from depesha.ports import Clock
from depesha.queue import statements as sql
from depesha.queue.blobs import SHELVES, FileBlobs
from depesha.queue.lane import Database, Transaction
from depesha.queue.quarantine import FileQuarantine
from depesha.queue.rows import to_moment
from depesha.schemas.ids import Digest

GRACE = timedelta(hours=24)
"""No message is looked at, no document prepared for so long before it is committed."""

BATCH = 200
"""Look-ups in one visit of the reader: about a millisecond, so that others need not wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """What the store says of some digests."""

    orphans: tuple[Digest, ...]
    sealed: tuple[tuple[Digest, datetime], ...]
    """Refused bytes that lie encrypted, until when, and in the clear once more."""


class Sweeper:
    """Sweeps one folder of blobs. Sweeping again, or beside puts and commits, is safe."""

    def __init__(
        self,
        db: Database,
        blobs: FileBlobs,
        quarantine: FileQuarantine,
        clock: Clock,
        grace: timedelta = GRACE,
        batch: int = BATCH,
    ) -> None:
        """Leave alone what was put less than `grace` ago; look at `batch` blobs at once."""
        self._db = db
        self._blobs = blobs
        self._quarantine = quarantine
        self._clock = clock
        self._grace = grace
        self._batch = batch
        self._one_at_a_time = asyncio.Lock()

    async def sweep(self) -> int:
        """Remove what nobody needs; return how many blobs went. Raises `StorageError`.

        Long on a large store, but never in the way: each step is short and in a thread of its own.
        """
        gone = 0
        async with self._one_at_a_time:
            before = self._clock.now() - self._grace
            for number in range(SHELVES):
                old = await asyncio.to_thread(self._old, number, before)
                for some in _batches(list(old), self._batch):
                    gone += await self._sweep(some, old)
        return gone

    def _old(self, number: int, before: datetime) -> dict[Digest, datetime]:
        shelf = self._blobs.shelf(number)
        return {digest: put for digest, put in shelf.items() if put < before}

    async def _sweep(self, some: Sequence[Digest], put: dict[Digest, datetime]) -> int:
        judged = await self._db.read(lambda transaction: _judge(transaction, some))
        if not judged.orphans and not judged.sealed:
            return 0
        return await asyncio.to_thread(self._remove, judged, put)

    def _remove(self, judged: _Judged, put: dict[Digest, datetime]) -> int:
        """Remove what was not put again since it was looked at; whoever puts it means to use it."""
        gone = sum(self._blobs.retire(name, put[name], durable=False) for name in judged.orphans)
        for name, until in judged.sealed:
            gone += self._quarantine.seal(name, until)
        return gone


def _batches(digests: Sequence[Digest], size: int) -> Iterator[tuple[Digest, ...]]:
    waiting = iter(digests)
    while some := tuple(islice(waiting, size)):
        yield some


def _judge(transaction: Transaction, digests: Sequence[Digest]) -> _Judged:
    orphans: list[Digest] = []
    sealed: list[tuple[Digest, datetime]] = []
    for name in digests:
        if transaction.one(sql.BLOB_REF, name) is not None:
            continue
        until = transaction.one(sql.SEALED_UNTIL, name)
        if until is not None:
            if transaction.one(sql.REFERRED, name) is None:
                sealed.append((name, to_moment(until[0])))
        elif transaction.one(sql.ORIGINAL_OF, name) is None:
            orphans.append(name)
    return _Judged(orphans=tuple(orphans), sealed=tuple(sealed))
