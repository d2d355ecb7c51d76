"""The console's looks on PostgreSQL: by indexes among many documents, the same as on SQLite, and
never in one another's way."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from bench import million
from bench.million_rows import number_of_peer

from depesha.adapters.memory.system import CountingIds, HandClock
from depesha.queue.filing import file_words
from depesha.queue.migrate_store import release
from depesha.queue.opening import Memory
from depesha.queue.overview import _waiting
from depesha.queue.postgres.opening import open_postgres
from depesha.schemas.lifecycle import InboundEvent, InboundState
from depesha.schemas.message import Change, EvidenceKind
from depesha.schemas.overview import LineQuery, PeerQuery
from tests.support.console import person, session
from tests.support.console import step as changed
from tests.support.memory import (
    NETWORKS,
    SEAL_KEY,
    START,
    evidence,
    guid_of,
    id_of,
    new_message,
    opened,
    opened_as,
    registration,
    step,
    task,
)
from tests.support.postgres import quick_server

pytestmark = pytest.mark.slow

MANY = 4000
SCANNED = """SELECT s.relname, seq_scan FROM pg_stat_user_tables s
  JOIN pg_class c ON c.oid = s.relid WHERE c.reltuples >= 300"""


async def gateway(url: str, folder: Path, name: str = "one") -> Memory:
    return await open_postgres(
        url,
        folder,
        clock=HandClock(START),
        ids=CountingIds(),
        seal_key=SEAL_KEY,
        networks=NETWORKS,
        gateway=name,
        careless=True,
    )


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The same documents in a folder and in a database."""
    folder = tmp_path_factory.mktemp("many")
    asyncio.run(million.make(folder, MANY))
    with quick_server().database() as url:
        million.move(folder, url)
        yield folder, url


def scans(url: str) -> dict[str, int]:
    with psycopg.connect(url, autocommit=True) as connection:
        return dict(connection.execute(SCANNED).fetchall())


async def test_no_look_reads_a_table_from_end_to_end(many: tuple[Path, str]) -> None:
    folder, url = many
    memory = await gateway(url, folder)
    ids, longest = await million.names(memory, MANY)
    logins = [f"person{number:04d}" for number in range(400)]
    for login in logins:
        await memory.accounts.add(changed(person(login)))
        await memory.sessions.open(session(login, login), None)
    await memory.close()  # so that all is counted
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE")
    before = scans(url)
    memory, chance = await gateway(url, folder), random.Random(5)  # noqa: S311 -- chosen, not secret
    for look in million.looks(memory, MANY, ids, longest):
        for _ in range(8):  # from the sixth time on PostgreSQL may plan once for all values
            await look.make(chance)
    for number in range(8):
        await memory.accounts.find(logins[number])
        await memory.accounts.list(logins[number * 40], 20)
        await memory.accounts.stood_in_for(logins[number])
        await memory.accounts.by_subject("sub-1")
        await memory.sessions.find(session(logins[number]).token)
        await memory.sessions.of(logins[number])
        await memory.sessions.touch(session(logins[number]).token, START)
        await memory.sessions.sweep(START.replace(year=2020), START.replace(year=2020))
        await memory.store.admit(new_message(number + 1, tasks=(task(),)))
        await memory.store.change(registration(number + 1, f"ВХ-{number}"))
        await memory.overview.catch_up()
    await memory.close()
    after = scans(url)
    assert {"entries", "words", "messages", "evidence", "pulses", "sessions"} <= set(after)
    assert {name: count - before[name] for name, count in after.items()} == dict.fromkeys(after, 0)


WORDS = (
    "пр-{n}/2026",
    "вх-{n}",
    "пр{n}",
    "относно",
    "отн",
    "сло",
    "слово{n} пример",
    "слов слово1{n} пример4",
    "заявление-{n}-1.pdf",
    "{n}",
    "019",
    "2026 19",
    "{day}",
    "{day} община",
    "{digest}",
    "{short}",
    "няма такава",
    "0000000c-0000-4000-8000-{n:012x}",
    "0000000c",
)


@pytest.fixture
async def both(many: tuple[Path, str]) -> AsyncIterator[tuple[Memory, Memory]]:
    folder, url = many
    release(str(folder))
    memory = await gateway(url, folder)
    async with opened(folder) as other:
        yield memory, other
    await memory.close()


async def test_a_search_finds_what_it_finds_on_sqlite(both: tuple[Memory, Memory]) -> None:
    chance = random.Random(3)  # noqa: S311 -- chosen, not secret
    for words in WORDS:
        for _ in range(3):
            number = chance.randrange(MANY)
            digest = number_of_peer(number)
            day = f"{1 + number % 28}.{1 + number % 12}.2026"
            typed = words.format(n=number, digest=digest, short=digest[:10], day=day)
            pages = [await all_pages(memory, typed) for memory in both]
            assert pages[0] == pages[1], typed


async def all_pages(memory: Memory, words: str) -> list[str]:
    """The first hundred, in pages, so that their keys are tried, too."""
    found: list[str] = []
    after = ""
    for _ in range(5):
        page = await memory.overview.lines(LineQuery(words=words, limit=30, after=after))
        found += [line.document.id for line in page.lines]
        after = page.next
        if not after:
            break
    return [name for name in found if not name.startswith("0" * 20)][:100]  # those of another test


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[Memory, Memory]]:
    """Two gateways on one database."""
    with quick_server().database() as url:
        one, two = await gateway(url, tmp_path, "one"), await gateway(url, tmp_path, "two")
        try:
            yield one, two
        finally:
            await one.close()
            await two.close()


async def test_gateways_that_count_the_same_wait_for_none(pair: tuple[Memory, Memory]) -> None:
    """Every message moves the same counters; a wait in two orders would be a deadlock."""
    troubles: list[object] = []

    async def live(memory: Memory, first: int) -> None:
        numbers = range(first, first + 60)
        results = await asyncio.gather(
            *(memory.store.admit(new_message(number)) for number in numbers),
            *(memory.journal.record(evidence(None, EvidenceKind.REPEATED)) for _ in numbers),
            return_exceptions=True,
        )
        troubles.extend(one for one in results if isinstance(one, Exception))
        moves = await asyncio.gather(
            *(memory.store.change(registration(number, f"ВХ-{number}")) for number in numbers),
            memory.overview.catch_up(),
            return_exceptions=True,
        )
        troubles.extend(one for one in moves if isinstance(one, Exception))

    before = await deadlocks(pair[0])
    await asyncio.gather(live(pair[0], 1), live(pair[1], 1001))
    assert troubles == []
    assert await deadlocks(pair[0]) == before
    for memory in pair:
        home = await memory.overview.home(START.replace(hour=0))
        assert sum(one.registered for one in home.balance.received) == 120
        assert (home.gates.received, home.gates.repeated) == (120, 120)
        (peer,) = await memory.overview.peers(PeerQuery())
        assert peer.received == 120
        assert await memory.overview.catch_up() in range(121)
        found = await memory.overview.lines(LineQuery(words="преписка", limit=200))
        assert len(found.lines) == 120


async def deadlocks(memory: Memory) -> int:
    row = await memory.db.read(
        lambda t: t.one("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    )
    return 0 if row is None else row[0]


async def test_what_one_gateway_moves_the_other_counted(pair: tuple[Memory, Memory]) -> None:
    one, two = pair
    for number in (1, 2, 3):
        await one.store.admit(new_message(number, state=InboundState.HELD))
    for number in (1, 2):
        await two.store.change(step(number, InboundEvent.RELEASED, EvidenceKind.RELEASED))
    for memory in pair:
        (line,) = [
            line
            for line in (await memory.overview.home(START.replace(hour=0))).balance.received
            if line.network == "seos"
        ]
        assert (line.held, line.waiting) == (1, 2)
        counts = await memory.store.counts()
        assert counts.by_state == {InboundState.HELD: 1, InboundState.ADMITTED: 2}


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_name_that_comes_while_words_are_filed_is_not_lost(
    tmp_path: Path, kind: str
) -> None:
    alias = guid_of(5, 0xF)
    async with opened_as(kind, tmp_path) as memory:
        await memory.store.admit(new_message(1))
        read = await memory.db.look(_waiting)
        again = evidence(1, EvidenceKind.REPEATED)
        await memory.store.change(
            Change(message_id=id_of(1), event=None, evidence=again, other_document=alias)
        )
        await memory.db.write(lambda t: file_words(t, read))
        page = await memory.overview.lines(LineQuery(words=str(alias)))
        assert [line.document.id for line in page.lines] == [id_of(1)]


async def test_the_size_of_the_database_is_told(pair: tuple[Memory, Memory]) -> None:
    horizon = (await pair[0].overview.home(START.replace(hour=0))).horizon
    assert horizon.database_bytes > 1_000_000
    assert horizon.disk_total > 0


async def test_what_is_erased_is_not_found(pair: tuple[Memory, Memory]) -> None:
    one, two = pair
    for number in (1, 2):
        await one.store.admit(new_message(number))
    await one.overview.catch_up()
    for statement in (
        "DELETE FROM identities WHERE message = 1",
        "DELETE FROM messages WHERE row = 1",
    ):
        await one.db.write(lambda t, s=statement: t.run(s))  # type: ignore[misc]  # a loop
    page = await two.overview.lines(LineQuery(words="преписка"))
    assert [line.document.id for line in page.lines] == [id_of(2)]
    left = await two.db.read(lambda t: t.all("SELECT place FROM words"))
    assert [place // 8 for (place,) in left] == [2]
