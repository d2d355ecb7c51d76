"""The console's eyes on SQLite. Every look runs on the viewer's connection, in one snapshot.

Only bounded, indexed look-ups; a test asks SQLite for the plan of each. What is looked at was
filed by `filing.py` in the transactions of the stores; nothing is decided or changed here.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from depesha.errors import UnknownMessageError
from depesha.ports import Clock
from depesha.queue import overview_statements as seen
from depesha.queue import statements as sql
from depesha.queue.db import FILE_NAME
from depesha.queue.filing import TEXTS, Waiting, file_words
from depesha.queue.lane import Database, Row, Transaction
from depesha.queue.outbound import find_outbound
from depesha.queue.overview_home import home_of
from depesha.queue.overview_lines import document_of, lines_of
from depesha.queue.rows import message_of, record_of, seal_of, to_micros, to_moment
from depesha.schemas.codec import load_health
from depesha.schemas.evidence import Seal
from depesha.schemas.ids import Digest, MessageId
from depesha.schemas.message import Message, TaskKind
from depesha.schemas.outbound import OutboundMessage
from depesha.schemas.overview import (
    COUNTED_TO,
    Direction,
    Home,
    LineQuery,
    Lines,
    PeerFailure,
    PeerQuery,
    PeerTraffic,
    Promises,
    QuarantineItem,
    QuarantinePage,
    QueueAge,
    Story,
    StoryTask,
)
from depesha.schemas.overview_home import Day
from depesha.schemas.overview_story import MOST_EVENTS, event_of

_AT_ONCE = 100
"""Entries filed in one transaction: a few milliseconds, so that writers need not wait."""
_SEARCH_FILES = 5
"""So many times as many a search files first: seconds of full traffic, and never an old backlog."""


class SqliteOverview:
    """`Overview` on SQLite."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        folder: Path,
        networks: Sequence[str] = (),
        promises: Promises,
    ) -> None:
        """Show `networks` always; `folder` is where the store lies."""
        self._db = db
        self._clock = clock
        self._folder = folder
        self._networks = tuple(networks)
        self._promises = promises
        self._filing = asyncio.Lock()

    async def home(self, day: datetime, most: int = 20) -> Home:
        """See `Overview.home`."""
        at = self._clock.now()
        asked = Day.of(day, at)
        home = await self._db.look(
            lambda t: home_of(t, asked, most, self._networks, self._promises)
        )
        used, free, total = await asyncio.to_thread(self._space)
        elsewhere = await self._db.look(lambda t: t.one(seen.BYTES_ELSEWHERE))
        used += elsewhere[0] if elsewhere else 0
        horizon = replace(home.horizon, database_bytes=used, disk_free=free, disk_total=total)
        return replace(home, horizon=horizon)

    def _space(self) -> tuple[int, int, int]:
        """Return bytes of the database with its log, free, and of the whole disk."""
        try:
            disk = shutil.disk_usage(self._folder)
            files = [p for p in self._folder.iterdir() if p.name.startswith(FILE_NAME)]
            return sum(file.stat().st_size for file in files), disk.free, disk.total
        except OSError:
            return 0, 0, 0  # readiness turns red by itself; the page still shows the rest

    async def lines(self, query: LineQuery) -> Lines:
        """See `Overview.lines`; a search files what was stored a moment ago, so as to find it."""
        if query.words.strip():
            for _ in range(_SEARCH_FILES):
                if await self._file_some() < _AT_ONCE:
                    break
        return await self._db.look(lambda transaction: lines_of(transaction, query))

    async def story(self, message_id: MessageId) -> Story:
        """See `Overview.story`."""
        return await self._db.look(lambda transaction: _story(transaction, message_id))

    async def queue(self) -> tuple[QueueAge, ...]:
        """See `Overview.queue`."""
        now = to_micros(self._clock.now())
        return await self._db.look(lambda t: tuple(_age(t, kind, now) for kind in TaskKind))

    async def peers(self, query: PeerQuery) -> tuple[PeerTraffic, ...]:
        """See `Overview.peers`."""
        return await self._db.look(lambda t: _peers(t, query, self._networks))

    async def quarantine(self, after: str = "", limit: int = 50) -> QuarantinePage:
        """See `Overview.quarantine`."""
        return await self._db.look(lambda transaction: _quarantine(transaction, after, limit))

    async def seals(self, before: int = 0, limit: int = 50) -> tuple[Seal, ...]:
        """See `Overview.seals`."""
        below = before or 2**62
        rows = await self._db.look(lambda t: t.all(seen.SEALS_BEFORE, below, limit))
        return tuple(seal for row in rows if (seal := seal_of(row)) is not None)

    async def catch_up(self) -> int:
        """File the words of what was stored or changed lately; return how many documents.

        Safe to repeat, and beside the traffic. Until it has run, documents are found by words
        only as far as a search files them itself; after an update from a version without this
        index old needs are not listed before it ends.
        """
        count = 0
        while some := await self._file_some():
            count += some
        return count

    async def _file_some(self) -> int:
        """File the newest of what waits. Read beside the writer, so that it only writes."""
        async with self._filing:
            waiting = await self._db.look(_waiting)
            return await self._db.write(lambda t: file_words(t, waiting)) if waiting else 0


def _waiting(transaction: Transaction) -> list[Waiting]:
    rows = transaction.all(seen.UNFILED, _AT_ONCE)
    found = []
    for row, owner, since in rows:
        texts = transaction.one(seen.TEXTS_OF, row * TEXTS, row * TEXTS + TEXTS - 1) or (0,)
        document = _to_file(transaction, owner)
        found.append(Waiting.of(row, since, texts[0], document))
    return found


def _to_file(transaction: Transaction, owner: int) -> Message | OutboundMessage:
    """Return the document of an entry; a message without its verdicts, which hold no words."""
    row = None if owner % 2 else transaction.one(seen.MESSAGE_TO_FILE, owner // 2)
    return document_of(transaction, owner) if row is None else message_of(row)


def _story(transaction: Transaction, message_id: MessageId) -> Story:
    row = transaction.one(sql.MESSAGE, message_id)
    document = find_outbound(transaction, message_id) if row is None else message_of(row)
    if document is None:
        raise UnknownMessageError("there is no such message")
    work = seen.WORK_OF_OUTBOUND if row is None else seen.WORK_OF_MESSAGE
    events = transaction.all(seen.EVIDENCE_SO_FAR, message_id, MOST_EVENTS + 1)
    seal = seal_of(transaction.one(sql.LAST_SEAL))
    return Story(
        document=document,
        events=tuple(event_of(record_of(event)) for event in events[:MOST_EVENTS]),
        more_events=len(events) > MOST_EVENTS,
        tasks=tuple(_task(task) for task in sorted(transaction.all(work, message_id))),
        sealed_to=0 if seal is None else seal.last,
    )


def _task(row: Row) -> StoryTask:
    task_id, kind, due_at, attempts, leased, parked_at, reason = row
    return StoryTask(
        task_id=task_id,
        kind=TaskKind(kind),
        due_at=to_moment(due_at),
        attempts=attempts,
        leased=bool(leased),
        parked_at=None if parked_at is None else to_moment(parked_at),
        reason=reason,
    )


def _age(transaction: Transaction, kind: TaskKind, now: int) -> QueueAge:
    due, since = transaction.one(seen.DUE_OF_KIND, kind, now, COUNTED_TO) or (0, None)
    later = transaction.all(seen.LATER_OF_KIND, kind, now, COUNTED_TO)
    parked, longest = transaction.one(seen.COUNT_PARKED_OF_KIND, kind, COUNTED_TO) or (0, None)
    return QueueAge(
        kind=kind,
        due=due,
        due_since=None if since is None else to_moment(since),
        in_hand=sum(1 for _due, leased in later if leased),
        next_due=next((to_moment(at) for at, leased in later if not leased), None),
        parked=parked,
        parked_since=None if longest is None else to_moment(longest),
    )


def _peers(
    transaction: Transaction, query: PeerQuery, networks: tuple[str, ...]
) -> tuple[PeerTraffic, ...]:
    if query.peer:
        rows = transaction.all(seen.PEER, query.peer)
    else:
        rows = transaction.all(seen.PEERS_AFTER, query.after, query.limit * 2)
    names = list(dict.fromkeys(row[0] for row in rows))[: query.limit]
    sides = {(row[0], row[1]): (row[2], to_moment(row[3])) for row in rows}
    return tuple(_traffic(transaction, name, sides, networks) for name in names)


def _traffic(
    transaction: Transaction,
    peer: str,
    sides: dict[tuple[str, str], tuple[int, datetime]],
    networks: tuple[str, ...],
) -> PeerTraffic:
    received = sides.get((peer, Direction.IN))
    sent = sides.get((peer, Direction.OUT))
    found = [transaction.one(seen.HEALTH_OF, network, peer) for network in networks]
    healths = [load_health(row[0]) for row in found if row is not None]
    return PeerTraffic(
        peer=peer,
        received=received[0] if received else 0,
        last_received=received[1] if received else None,
        sent=sent[0] if sent else 0,
        last_sent=sent[1] if sent else None,
        channels=tuple(
            PeerFailure(
                network=one.network,
                circuit=one.circuit,
                failures=one.failures,
                last_code=one.last_code,
                last_alive=one.last_alive,
            )
            for one in healths
        ),
    )


def _quarantine(transaction: Transaction, after: str, limit: int) -> QuarantinePage:
    until, _, digest = after.partition(".")
    since = int(until) if until.isdecimal() else -1
    rows = transaction.all(seen.QUARANTINED, since, digest, limit + 1)
    items = tuple(
        QuarantineItem(
            digest=Digest(row[0]),
            until=to_moment(row[1]),
            message=None
            if (found := transaction.one(sql.MESSAGE_OF_ORIGINAL, row[0])) is None
            else message_of(found),
        )
        for row in rows[:limit]
    )
    last = rows[limit - 1] if len(rows) > limit else None
    return QuarantinePage(items=items, next="" if last is None else f"{last[1]}.{last[0]}")
