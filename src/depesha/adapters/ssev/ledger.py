"""What the receiver must not forget: messages in hand, done, sent and watched. Values and one file.

A message's opening is noted here before it is opened, and it is done here only when the gateway
has it: so a crash in between loses nothing (facts 8.4). Personal data stands in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from depesha.adapters.ssev.originals import KeptSender
from depesha.adapters.statefile import StateFile
from depesha.errors import OvertakenError
from depesha.schemas.ids import Digest, Guid
from depesha.schemas.restoration import MARGIN

if TYPE_CHECKING:
    from pathlib import Path

    from depesha.adapters.ssev.values import Row
    from depesha.ports import Clock, Threads


@dataclass(frozen=True, slots=True, kw_only=True)
class InHand:
    """A message that is on its way in."""

    sent_at: datetime
    subject: str = field(repr=False)
    sender_name: str = field(repr=False)
    """As the list shows it."""
    sender_profile_id: int | None = None
    sender_subject_id: Guid | None = None
    """Both as the list tells them; REST lists tell none (facts 3.5)."""
    by_person: bool = False
    """A person opened it in the portal, not we."""
    sender: KeptSender | None = None
    """As it was checked; known before the opening."""
    opening: bool = False
    """It was, or may have been, opened by us."""
    original: Digest | None = None
    """Durable: opened and kept, perhaps not yet handed on."""
    kept_at: datetime | None = None
    answer: str = field(default="", repr=False)
    """A letter that its sender is owed: the JSON of it; the message itself is handed on."""
    tries: int = 0
    """That failed."""
    next_at: datetime | None = None
    reason: str = ""
    """Why it is parked; a bounded word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A message of ours that was not seen opened yet."""

    sent_at: datetime
    next_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """What a lost store may have opened, and this one does not know."""

    since: datetime
    """Opened messages sent since then are taken, however long ago that is."""
    noticed: dict[int, datetime] = field(default_factory=dict)
    """Those that were closed when the knowledge ends and may be older: when they were sent."""


@dataclass(slots=True, kw_only=True)
class Ledger:
    """Everything at once."""

    started_at: datetime
    """When this gateway first looked; what people opened before is theirs."""
    swept_at: datetime | None = None
    gap: Gap | None = None
    """After a restore, until a look at opened messages reached back over it and was written."""
    watched_at: datetime | None = None
    in_hand: dict[int, InHand] = field(default_factory=dict)
    done: dict[int, datetime] = field(default_factory=dict)
    """Handed on, or left to people: message id and when."""
    watched: dict[int, Watched] = field(default_factory=dict)
    told: dict[int, datetime] = field(default_factory=dict)
    """Sent messages whose opening the gateway knows: message id and when they were sent."""


class LedgerFile:
    """The ledger in one file. One poll at a time uses it; writes are durable when they return."""

    def __init__(self, *, file: Path, threads: Threads, clock: Clock) -> None:
        self._file = StateFile(file, TypeAdapter(Ledger))
        self._threads = threads
        self._clock = clock
        self._ledger: Ledger | None = None
        self._writing = asyncio.Lock()

    async def open(self) -> Ledger:
        """Return the ledger, begun now where there is none; raise `StorageError`."""
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

    async def update(self, message_id: int, entry: InHand) -> None:
        """Write down a message in hand; raise `StorageError`."""
        (await self.open()).in_hand[message_id] = entry
        await self.write()

    async def finish(self, message_id: int) -> None:
        """Write down that a message is done; raise `StorageError`."""
        ledger = await self.open()
        ledger.in_hand.pop(message_id, None)
        ledger.done[message_id] = self._clock.now()
        await self.write()


def enter(ledger: Ledger, rows: Sequence[Row], horizon: datetime | None, now: datetime) -> bool:
    """Take the rows of an inbox in; tell whether anything is news.

    Of messages that are open already only those since `horizon` are ours to take: a person may
    have opened them in the portal, or a crash may have made us forget. One that was left closed
    here and that a person has opened meanwhile is that person's. After a restore those are ours,
    too, that were closed when the knowledge ends.
    """
    before = (dict(ledger.in_hand), dict(ledger.done))
    doubted = {} if ledger.gap is None else ledger.gap.noticed
    closed = {row.message_id for row in rows if row.received_at is None}
    for key, known in tuple(ledger.in_hand.items()):
        if not known.opening and not known.by_person and key not in closed:
            del ledger.in_hand[key]
    for row in rows:
        known_key = row.message_id in ledger.in_hand or row.message_id in ledger.done
        is_open = row.received_at is not None
        left_closed = row.message_id in before[0]
        early = horizon is None or row.sent_at < horizon
        if known_key or (is_open and early and row.message_id not in doubted):
            continue
        if left_closed:
            ledger.done[row.message_id] = now
            continue
        ledger.in_hand[row.message_id] = InHand(
            sent_at=row.sent_at,
            subject=row.subject,
            sender_name=row.sender_name,
            sender_profile_id=row.sender_profile_id,
            sender_subject_id=row.sender_subject_id,
            by_person=is_open,
        )
    return before != (ledger.in_hand, ledger.done)


def rewound(data: bytes, knows_until: datetime) -> bytes:
    """Return a stored ledger that looks at opened messages at once: a lost store opened some.

    The look reaches back to the last one that this ledger knows of, however old the back-up is.
    What was noticed and not begun is forgotten: opened meanwhile, it would be taken for a person's.
    """
    form = TypeAdapter(Ledger)
    ledger = form.validate_json(data)
    begun = {key: one for key, one in ledger.in_hand.items() if one.opening or one.by_person}
    noticed = {key: one.sent_at for key, one in ledger.in_hand.items() if key not in begun}
    since = min(knows_until, ledger.swept_at or ledger.started_at) - MARGIN
    if ledger.gap is not None:  # it was restored itself, and no such look was made since
        since, noticed = ledger.gap.since, ledger.gap.noticed | noticed
    gap = Gap(since=since, noticed=noticed)
    return form.dump_json(replace(ledger, swept_at=None, in_hand=begun, gap=gap))


def opened_since(ledger: Ledger, back: datetime) -> datetime:
    """Return the moment since which opened messages are ours: `back`, or earlier over a gap."""
    since = back if ledger.gap is None else min(back, ledger.gap.since)
    return max(ledger.started_at, since)


def listed_since(ledger: Ledger, horizon: datetime) -> datetime:
    """Return the moment back to which opened messages must be listed to see all that are ours."""
    return horizon if ledger.gap is None else min([horizon, *ledger.gap.noticed.values()])


def forget_old(ledger: Ledger, *, done_before: datetime, sent_before: datetime) -> None:
    """Drop what no list is read back to any more; over a gap one still is."""
    if ledger.gap is not None:
        done_before = min(done_before, ledger.gap.since)
    ledger.done = {key: at for key, at in ledger.done.items() if at >= done_before}
    ledger.told = {key: at for key, at in ledger.told.items() if at >= sent_before}
    ledger.watched = {
        key: each for key, each in ledger.watched.items() if each.sent_at >= sent_before
    }


def rest_after(tries: int, first: float, most: float) -> timedelta:
    """Return the rest after so many failures: doubled each time, up to the longest."""
    return timedelta(seconds=min(most, first * 2.0 ** min(tries - 1, 40)))


def _copy(ledger: Ledger) -> Ledger:
    """Return the state as it is now: it goes on while a thread writes."""
    return replace(
        ledger,
        in_hand=dict(ledger.in_hand),
        done=dict(ledger.done),
        watched=dict(ledger.watched),
        told=dict(ledger.told),
    )
