"""What one box's receiver must not forget: how far its list was read, what is done, what waits.

A received message can be fetched again at any time, so only its number is kept. Values and one
file; names of senders and subjects never get in here.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from depesha.adapters.statefile import StateFile
from depesha.errors import OvertakenError
from depesha.schemas.ids import Digest, Guid

if TYPE_CHECKING:
    from pathlib import Path

    from depesha.ports import Clock, Threads


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A message that the gateway has, and what is still to be done about it."""

    delivered_at: datetime
    sender: Guid | None = None
    """With `document` what the stored message is found by; None for what is none."""
    document: Guid | None = None
    answer: str = field(default="", repr=False)
    """A reply that its sender is owed: the JSON of it."""
    proof_kept: bool = False
    tries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The sealed paper of a message that the gateway does not have yet: kept, and no more."""

    original: Digest
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A message that could not be taken in yet, or that is a person's to read."""

    delivered_at: datetime
    big: bool
    system: bool = False
    reason: str
    """A bounded word."""
    tries: int
    next_at: datetime | None
    """None: a person has it, and nothing is tried any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A message of ours whose way has not ended."""

    since: datetime
    next_at: datetime
    state: int = 0
    """As it was last reported."""
    message_kept: bool = False
    """Its own sealed paper lies with us."""


@dataclass(slots=True, kw_only=True)
class Ledger:
    """Everything at once."""

    started_at: datetime
    """When this gateway first looked; what others marked as downloaded before is theirs."""
    seen_until: datetime | None = None
    """Time of delivery (by ISDS) up to which every listed message was dealt with."""
    catching_up: bool = False
    """The last list was not read to its end: the next one goes on from there, without overlap."""
    done: dict[str, datetime] = field(default_factory=dict)
    """Message numbers that were dealt with, and their time of delivery."""
    taken: dict[str, Taken] = field(default_factory=dict)
    waiting: dict[str, Waiting] = field(default_factory=dict)
    fetched: dict[str, Fetched] = field(default_factory=dict)
    """Long papers only: who dies or fails after a fetch need not fetch again, and leave another."""
    watched_at: datetime | None = None
    watched: dict[str, Watched] = field(default_factory=dict)
    told: dict[str, datetime] = field(default_factory=dict)
    """Sent messages whose end the gateway knows, and when they came here."""

    def knows(self, dm_id: str) -> bool:
        """Tell whether a received message needs no look any more."""
        return dm_id in self.done or dm_id in self.waiting or dm_id in self.taken


class LedgerFile:
    """The ledger in one file; writes are durable when they return. For tasks of one loop."""

    def __init__(self, *, file: Path, threads: Threads, clock: Clock) -> None:
        self._file = StateFile(file, TypeAdapter(Ledger))
        self._threads = threads
        self._clock = clock
        self._ledger: Ledger | None = None
        self._opening = asyncio.Lock()
        self._writing = asyncio.Lock()

    async def open(self) -> Ledger:
        """Return the ledger, begun now where there is none; raise `StorageError`."""
        async with self._opening:
            if self._ledger is None:
                found = await self._threads.run(self._file.read)
                if found is None:
                    found = Ledger(started_at=self._clock.now())
                    await self._threads.run(self._file.write, found)
                self._ledger = found
        return self._ledger

    def forget(self) -> None:
        """Read the file anew next time: another gateway may have written it meanwhile."""
        self._ledger = None

    def peek(self) -> Ledger | None:
        """Return the ledger as far as it is known without reading the disk."""
        return self._ledger

    async def write(self) -> None:
        """Write the ledger down as it stands; raise `StorageError`.

        Where the disk fails, what is new stands in memory alone: whoever goes on must not.
        """
        ledger = await self.open()
        async with self._writing:
            try:
                await self._threads.run(self._file.write, _copy(ledger))
            except OvertakenError:
                self.forget()
                raise

    async def watch(self, dm_id: str) -> None:
        """Write down that a message of ours is to be watched; raise `StorageError`."""
        ledger, now = await self.open(), self._clock.now()
        if dm_id not in ledger.watched and dm_id not in ledger.told:
            ledger.watched[dm_id] = Watched(since=now, next_at=now)
            await self.write()

    async def take(self, dm_id: str, taken: Taken) -> None:
        """Write down that the gateway has a message; raise `StorageError`."""
        ledger = await self.open()
        ledger.waiting.pop(dm_id, None)
        ledger.fetched.pop(dm_id, None)
        ledger.done[dm_id] = taken.delivered_at
        ledger.taken[dm_id] = taken
        await self.write()

    async def keep(self, dm_id: str, taken: Taken | None) -> None:
        """Write down how far the work about a message went; None: it is all done."""
        ledger = await self.open()
        if taken is None:
            ledger.taken.pop(dm_id, None)
        else:
            ledger.taken[dm_id] = taken
        await self.write()

    async def note(self, dm_id: str, fetched: Fetched) -> None:
        """Write down that a paper lies with us, before anything is done with it."""
        (await self.open()).fetched[dm_id] = fetched
        await self.write()

    async def wait(self, dm_id: str, waiting: Waiting) -> None:
        """Write down that a message is put by; raise `StorageError`."""
        (await self.open()).waiting[dm_id] = waiting
        await self.write()


def rewound(data: bytes) -> bytes:
    """Return a stored ledger whose next list overlaps with what is known, whatever was in hand."""
    form = TypeAdapter(Ledger)
    return form.dump_json(replace(form.validate_json(data), catching_up=False))


def forget(ledger: Ledger, *, done_before: datetime, waiting_before: datetime) -> None:
    """Drop what no list is read back to any more, and what ISDS has erased meanwhile."""
    ledger.done = {key: at for key, at in ledger.done.items() if at >= done_before}
    ledger.waiting = {
        key: each for key, each in ledger.waiting.items() if each.delivered_at >= waiting_before
    }
    ledger.fetched = {
        key: each for key, each in ledger.fetched.items() if each.at >= waiting_before
    }


def rest_after(tries: int, first: float, most: float) -> timedelta:
    """Return the rest after so many failures: doubled each time, up to the longest."""
    return timedelta(seconds=min(most, first * 2.0 ** min(tries - 1, 40)))


def _copy(ledger: Ledger) -> Ledger:
    """Return the state as it is now: it goes on while a thread writes."""
    return replace(
        ledger,
        done=dict(ledger.done),
        taken=dict(ledger.taken),
        waiting=dict(ledger.waiting),
        fetched=dict(ledger.fetched),
        watched=dict(ledger.watched),
        told=dict(ledger.told),
    )
