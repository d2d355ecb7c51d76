"""A store with a million documents, made in minutes, and how long the console's looks take in it.

The rows are written directly, by templates; a sample is read back and compared with what the
product itself would have filed. Figures are this machine's; the bounds are issue-wide promises.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import apsw

from bench.million_rows import BODIES, NETWORKS, SPAN, Maker, number_of_peer
from bench.processes import machine, percentile, say
from depesha.adapters.system import SystemClock, SystemIds
from depesha.ports import IdSource
from depesha.queue.db import FILE_NAME
from depesha.queue.lane import Transaction
from depesha.queue.migrate_store import migrate_store
from depesha.queue.opening import Memory, open_memory
from depesha.queue.overview_lines import document_of
from depesha.queue.postgres.opening import open_postgres
from depesha.queue.sqlite_lane import SqliteTransaction
from depesha.schemas.ids import Digest, MessageId
from depesha.schemas.journal import SealKey
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import (
    EvidenceKind,
    Message,
    NewEvidence,
    NewMessage,
    NewTask,
    Stored,
    TaskKind,
)
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.overview import Direction, LineQuery, Lines, PeerQuery
from depesha.schemas.overview_terms import terms_of

KEY = SealKey(bytes(range(32)))
BOUNDS = {"home": 0.300, "search": 0.500, "document": 0.200, "list": 0.300, "other": 0.300}
_BATCH = 20_000
_FAST = (
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "PRAGMA cache_size = -400000",
    "PRAGMA locking_mode = EXCLUSIVE",
)


async def opened(folder: Path, url: str = "") -> Memory:
    """Open the store as the gateway does."""
    clock = SystemClock()
    ids = SystemIds(clock)
    if url:
        return await open_postgres(
            url, folder, clock=clock, ids=ids, seal_key=KEY, networks=NETWORKS, careless=True
        )
    return await open_memory(folder, clock=clock, ids=ids, seal_key=KEY, networks=NETWORKS)


def move(folder: Path, url: str) -> None:
    """Move the store into an empty PostgreSQL database, as `depesha migrate-store` does."""
    started = time.perf_counter()
    now = datetime.now(UTC)
    moved = migrate_store(str(folder), url, now, lambda *_: None, careless=True, rows_alone=True)
    rows = sum(moved.tables.values())
    say(f"{rows} rows moved and verified in {time.perf_counter() - started:.0f} s")


async def make(folder: Path, count: int) -> None:
    """Write the store."""
    await (await opened(folder)).close()
    started = time.perf_counter()
    await asyncio.to_thread(_fill, folder / FILE_NAME, count)
    say(f"{count} documents written in {time.perf_counter() - started:.0f} s")
    memory = await opened(folder)
    await memory.journal.seal()
    await memory.close()


def _fill(path: Path, count: int) -> None:
    connection = apsw.Connection(str(path))
    for setting in _FAST:
        connection.execute(setting).fetchall()
    transaction = SqliteTransaction(connection)
    maker = Maker(datetime.now(UTC), count)
    for first in range(0, count, _BATCH):
        transaction.run("BEGIN")
        for number in range(first, min(first + _BATCH, count)):
            maker.write(transaction, number)
        transaction.run("COMMIT")
        if first % 100_000 == 0:
            say(f"  {first} of {count}")
    transaction.run("BEGIN")
    maker.finish(transaction)
    transaction.run("COMMIT")
    _compare(transaction, count)
    transaction.run("PRAGMA optimize")
    connection.close()


def _compare(transaction: Transaction, count: int) -> None:
    """A sample of the rows must be what the product itself would have filed."""
    for row in range(1, count + 1, max(1, count // 300)):
        owner = transaction.one("SELECT owner FROM entries WHERE row = ?", row)
        terms = transaction.one("SELECT terms FROM words WHERE rowid = ?", row * 8)
        if owner is None or terms is None:
            raise AssertionError(row)
        wanted = terms_of(document_of(transaction, owner[0])).split()
        if set(wanted) != set(terms[0].split()):
            raise AssertionError(set(wanted) ^ set(terms[0].split()))


@dataclass(frozen=True, slots=True)
class Look:
    """One kind of look, and whose bound it has to keep."""

    name: str
    bound: str
    make: Callable[[random.Random], Awaitable[object]]


def looks(memory: Memory, count: int, ids: list[MessageId], longest: MessageId) -> Iterator[Look]:
    """Every kind of look, each with fresh arguments each time."""
    seen, now = memory.overview, datetime.now(UTC)
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)

    def words(name: str, text: Callable[[random.Random], str]) -> Look:
        return Look(
            f"search: {name}", "search", lambda chance: seen.lines(LineQuery(words=text(chance)))
        )

    def lines(name: str, **fields: object) -> Look:
        query = LineQuery(**fields)  # type: ignore[arg-type]  # named fields of it
        return Look(f"list: {name}", "list", lambda _chance: seen.lines(query))

    def any_number(chance: random.Random) -> int:
        return chance.randrange(count)

    def a_day(chance: random.Random) -> datetime:
        return now - SPAN * chance.random()

    yield Look("home", "home", lambda _chance: seen.home(today))
    yield words("number of the other side", lambda c: f"ПР-{any_number(c)}/2026")
    yield words("our number", lambda c: f"вх-{any_number(c)}")
    yield words("beginning of a number", lambda c: f"пр-{any_number(c) // 100}")
    yield words("day", lambda c: f"{a_day(c):%d.%m.%Y}")
    yield words("day and body", lambda c: f"{a_day(c):%d.%m.%Y} пример{c.randrange(BODIES)}")
    yield words("body", lambda c: f"Община Пример{c.randrange(BODIES)}")
    yield words("word in every document", lambda _c: "относно")
    yield words("beginning of nearly all", lambda _c: "отн")
    yield words("three letters, many words", lambda _c: "сло")
    yield words("subject words", lambda c: f"слово{c.randrange(5000)} слово{c.randrange(5000)}")
    yield words("beginnings that rarely meet", lambda c: f"слов слово{c.randrange(5000)} пример")
    yield words("file", lambda c: f"заявление-{any_number(c)}-1.pdf")
    yield words("digest, first 10", lambda c: number_of_peer(any_number(c))[:10])
    yield words("digest, whole", lambda c: number_of_peer(any_number(c)))
    yield words("GUID", lambda c: f"0000000c-0000-4000-8000-{any_number(c):012x}")
    yield words("digits", lambda c: str(c.randrange(100, 1000)))
    yield words("nothing", lambda _c: "няматакова дума")
    yield lines("newest")
    yield lines("received", direction=Direction.IN)
    yield lines("held", states=(InboundState.HELD,))
    yield lines("parked", states=(OutboundState.PARKED,), direction=Direction.OUT)
    yield lines("one network, registered", networks=("isds",), states=(InboundState.REGISTERED,))
    yield Look(
        "list: one peer", "list", lambda c: seen.lines(LineQuery(peer=f"{c.randrange(BODIES):09d}"))
    )
    yield Look("document", "document", lambda c: seen.story(c.choice(ids)))
    yield Look("document with the longest story", "document", lambda _c: seen.story(longest))
    yield Look("queue ages", "other", lambda _c: seen.queue())
    yield Look("peers", "other", lambda _c: seen.peers(PeerQuery()))
    yield Look("seals", "other", lambda _c: seen.seals())
    yield Look("quarantine", "other", lambda _c: seen.quarantine())


async def names(memory: Memory, count: int) -> tuple[list[MessageId], MessageId]:
    """Return ids of a sample, and of the document that most was written about."""
    step = max(1, count // 2000)

    def read(transaction: Transaction) -> list[MessageId]:
        rows = range(1, count, step)
        owners = [transaction.one("SELECT owner FROM entries WHERE row = ?", row) for row in rows]
        return [document_of(transaction, owner[0]).id for owner in owners if owner is not None]

    longest = await memory.db.read(
        lambda t: t.one("SELECT message_id FROM evidence ORDER BY sequence DESC LIMIT 1")
    )
    return await memory.db.read(read), MessageId("" if longest is None else longest[0])


class Traffic:
    """Messages that keep coming in while people look: so many a second."""

    def __init__(self, memory: Memory, rate: float) -> None:
        self._memory = memory
        self._rate = rate
        self.seconds: list[float] = []

    async def run(self) -> None:
        """Admit until cancelled."""
        ids, number = SystemIds(SystemClock()), 0
        base = Incoming.of(await self._memory.overview.lines(LineQuery(direction=Direction.IN)))
        while True:
            number += 1
            started = time.perf_counter()
            stored = await self._memory.store.admit(base.next(ids, datetime.now(UTC)))
            if not isinstance(stored, Stored):
                raise TypeError("a new message was taken for a repeat")
            self.seconds.append(time.perf_counter() - started)
            await asyncio.sleep(1 / self._rate)


@dataclass(frozen=True, slots=True)
class Incoming:
    """Makes new messages after a stored one."""

    message: Message

    @classmethod
    def of(cls, lines: Lines) -> Incoming:
        """Take the first of a page."""
        message = lines.lines[0].document
        if not isinstance(message, Message):
            raise TypeError("no received message")
        return cls(message)

    def next(self, ids: IdSource, now: datetime) -> NewMessage:
        """Return a message like it, under identities of its own."""
        arrival, envelope, name = self.message.arrival, self.message.envelope, ids.message_id()
        if envelope is None:
            raise TypeError("no envelope")
        document = replace(envelope.document, guid=ids.guid())
        original = Digest(hashlib.sha256(name.encode()).hexdigest())
        fresh = replace(envelope, transport_id=ids.guid(), document=document)
        return NewMessage(
            id=name,
            state=InboundState.ADMITTED,
            arrival=replace(
                arrival,
                received_at=now,
                original=original,
                content_digest=original,
                envelope=fresh,
            ),
            checks=self.message.checks,
            evidence=NewEvidence(
                kind=EvidenceKind.RECEIVED,
                at=now,
                message_id=name,
                actor="peer:example",
                facts={
                    "network": arrival.network,
                    "original": original,
                    "state": InboundState.ADMITTED,
                    "checks": [f"{check.check}:passed" for check in self.message.checks],
                },
                wire=b"<answer/>" * 40,
            ),
            tasks=(NewTask(kind=TaskKind.WEBHOOK, due_at=now),),
        )


async def measure(folder: Path, times: int, rate: float, url: str = "") -> bool:
    """Look in every way while traffic runs; print the figures; tell whether all bounds hold."""
    memory, chance, good = await opened(folder, url), random.Random(11), True  # noqa: S311 -- chosen, not secret
    last = await memory.db.read(lambda t: t.one("SELECT max(row) FROM entries"))
    count = last[0] if last else 0
    ids, longest = await names(memory, count)
    traffic = Traffic(memory, rate)
    running = asyncio.create_task(traffic.run())
    print(f"machine: {machine()}; {count} documents; {rate:g} messages a second come in meanwhile")
    size = await _bytes(memory, folder, url) / 1e9
    print(f"the database has {size:.2f} GB = {size * 1e6 / max(count, 1):.1f} kB a document")
    try:
        for look in looks(memory, count, ids, longest):
            seconds, found = [], 0
            for _ in range(times):
                started = time.perf_counter()
                answer = await look.make(chance)
                seconds.append(time.perf_counter() - started)
                found += len(getattr(answer, "lines", ()))
            p50, p95 = percentile(seconds, 0.5), percentile(seconds, 0.95)
            kept = p95 <= BOUNDS[look.bound] * 1000
            good = good and kept
            lines = f"{found / times:5.1f} lines" if found else " " * 11
            print(
                f"{look.name:36} p50 {p50:7.1f} ms  p95 {p95:7.1f} ms  "
                f"max {max(seconds) * 1000:7.1f} ms  {lines}  {'' if kept else 'TOO SLOW'}",
                flush=True,
            )
            if running.done():
                running.result()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await memory.close()
    if traffic.seconds:
        print(f"a message meanwhile: p50 {percentile(traffic.seconds, 0.5):.1f} ms, ", end="")
        print(f"p95 {percentile(traffic.seconds, 0.95):.1f} ms, {len(traffic.seconds)} of them")
    return good


async def _bytes(memory: Memory, folder: Path, url: str) -> int:
    if not url:
        return (folder / FILE_NAME).stat().st_size
    row = await memory.db.read(lambda t: t.one("SELECT pg_database_size(current_database())"))
    return int(row[0]) if row else 0


def main() -> None:
    """Read the arguments, make the store where there is none, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="keep the store here, or use the one there")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=60, help="looks of each kind")
    parser.add_argument("--rate", type=float, default=40, help="messages a second meanwhile")
    parser.add_argument("--postgres", default="", metavar="URL", help="move it to this database")
    parser.add_argument("--moved", action="store_true", help="the database holds it already")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="depesha-million-") as name:
        folder = options.folder or Path(name)
        if not (folder / FILE_NAME).exists():
            asyncio.run(make(folder, options.count))
        if options.postgres and not options.moved:
            move(folder, options.postgres)
        good = asyncio.run(measure(folder, options.times, options.rate, options.postgres))
        sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
