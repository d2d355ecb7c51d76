"""A server that goes away: what was said to be stored is, what was said to be lost is not."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from depesha.adapters.memory.observer import RecordingObserver
from depesha.errors import ConfigurationError, StorageError
from depesha.queue.opening import Memory
from depesha.schemas.evidence import EvidenceRecord
from depesha.schemas.message import EvidenceKind
from tests.support.gateways import open_gateway
from tests.support.memory import evidence, new_message
from tests.support.postgres import Server, quick_server
from tests.support.postgres_link import Link


@pytest.fixture
def link() -> Iterator[Link]:
    with Link(quick_server().folder) as link:
        yield link


@pytest.fixture
async def memory(link: Link, tmp_path: Path) -> AsyncIterator[Memory]:
    with quick_server().database() as url:
        name = url.partition("?")[0].rpartition("/")[2]
        memory = await open_gateway(link.url(name), tmp_path, "one", beat_seconds=3600.0)
        yield memory
        link.mend()
        await memory.close()


async def numbers(memory: Memory) -> list[int]:
    """The numbers of the test's rows of evidence, in order."""
    return sorted(map(number_of, await memory.journal.after(0, 100_000)))


def number_of(record: EvidenceRecord) -> int:
    return int(record.body.partition('"n":')[2].split("}")[0].split(",")[0])


async def record(memory: Memory, number: int) -> int:
    return await memory.journal.record(evidence(None, EvidenceKind.VIEWED, n=number))


async def test_a_link_that_was_cut_while_idle_is_mended(memory: Memory, link: Link) -> None:
    await record(memory, 1)
    link.cut()
    await record(memory, 2)
    assert await numbers(memory) == [1, 2]


@pytest.mark.parametrize("word", [b"BEGIN", b"SAVEPOINT", b"RELEASE", b"COMMIT"])
@pytest.mark.parametrize("before", [True, False])
async def test_a_link_cut_at_any_word_stores_once(
    memory: Memory, link: Link, word: bytes, *, before: bool
) -> None:
    await record(memory, 1)
    link.cut_at(word, before=before)
    await asyncio.gather(*(record(memory, n) for n in range(2, 8)))
    assert link.cuts == 1
    assert await numbers(memory) == list(range(1, 8))
    assert await memory.journal.verify() == 7


@pytest.mark.parametrize("before", [True, False])
async def test_an_answer_that_was_lost_is_asked_for_until_it_is_known(
    memory: Memory, link: Link, *, before: bool
) -> None:
    await record(memory, 1)
    link.cut_at(b"COMMIT", before=before, barred=True)
    waiting = asyncio.create_task(record(memory, 2))
    await asyncio.sleep(0.5)
    assert not waiting.done()
    link.mend()
    assert await asyncio.wait_for(waiting, 10) == 2
    assert await numbers(memory) == [1, 2]


async def test_nobody_waits_for_a_server_that_is_away(memory: Memory, link: Link) -> None:
    link.cut_at(b"BEGIN", before=True, barred=True)
    with pytest.raises(StorageError):
        await asyncio.wait_for(record(memory, 1), 10)
    link.mend()
    await record(memory, 2)
    assert await numbers(memory) == [2]


async def test_the_eyes_are_told_of_a_server_that_is_away(tmp_path: Path, link: Link) -> None:
    observer = RecordingObserver()
    with quick_server().database() as url:
        name = url.partition("?")[0].rpartition("/")[2]
        memory = await open_gateway(link.url(name), tmp_path, "one", observer=observer)
        link.cut_at(b"BEGIN", before=True, barred=True)
        with pytest.raises(StorageError):
            await record(memory, 1)
        await asyncio.sleep(0)
        assert ("store", "STORAGE") in observer.named("trouble")
        link.mend()
        await memory.close()
        with pytest.raises(StorageError):
            await memory.store.admit(new_message(1))


async def test_a_server_that_may_lose_what_it_stored_is_refused(tmp_path: Path) -> None:
    with quick_server().database() as url, pytest.raises(ConfigurationError) as refused:
        await open_gateway(url, tmp_path, "one", careless=False)
    assert "fsync" in refused.value.public


async def test_an_address_that_cannot_be_read_or_reached_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        await open_gateway("postgresql://[", tmp_path, "one")
    with pytest.raises(StorageError) as failed:
        await open_gateway(f"postgresql://u:geheim@/x?host={tmp_path}", tmp_path, "one")
    assert "geheim" not in repr(failed.value) + str(failed.value.facts)


@pytest.fixture(scope="module")
def durable() -> Iterator[Server]:
    server = Server()
    server.start()
    yield server
    server.remove()


async def test_a_server_killed_among_commits_keeps_its_word(
    durable: Server, tmp_path: Path
) -> None:
    outcomes: dict[int, bool] = {}
    counter = iter(range(1, 10**9))
    with durable.database() as url:
        pair = [await open_gateway(url, tmp_path, name, careless=False) for name in ("one", "two")]

        async def caller(memory: Memory, until: asyncio.Event) -> None:
            while not until.is_set():
                number = next(counter)
                try:
                    await record(memory, number)
                    outcomes[number] = True
                except StorageError:
                    outcomes[number] = False
                    await asyncio.sleep(0.01)

        for turn in range(5):
            stop = asyncio.Event()
            callers = [asyncio.create_task(caller(m, stop)) for m in pair for _ in range(4)]
            await asyncio.sleep(0.2 + turn * 0.07)
            await asyncio.to_thread(durable.kill)
            await asyncio.sleep(0.1)
            await asyncio.to_thread(durable.start)
            await asyncio.sleep(0.2)
            stop.set()
            await asyncio.gather(*callers)
        await record(pair[0], next(counter))
        found = Counter(await numbers(pair[0]))
        stored = {number for number, told in outcomes.items() if told}
        failed = set(outcomes) - stored
        assert stored <= set(found)
        assert not failed & set(found)
        assert set(found.values()) == {1}
        assert len(stored) > 50
        assert await pair[1].journal.verify() == len(found)
        with contextlib.suppress(StorageError):
            await asyncio.gather(*(memory.close() for memory in pair))
