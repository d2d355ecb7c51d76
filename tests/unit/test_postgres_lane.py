"""The lanes to PostgreSQL: groups, whose fault is whose, and what is said at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from depesha.errors import ConflictError, StorageError, UnsaidError
from depesha.queue.lane import Transaction
from depesha.queue.opening import Memory
from depesha.schemas.message import EvidenceKind
from tests.support.gateways import open_gateway
from tests.support.memory import evidence, opened_as
from tests.support.postgres import quick_server
from tests.support.postgres_link import Link

ADD = "INSERT INTO notes VALUES ('test', ?, ?)"
ALL = "SELECT key FROM notes WHERE area = 'test' ORDER BY key"


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Memory]:
    async with opened_as("postgres", tmp_path) as memory:
        yield memory


def adding(key: str) -> Callable[[Transaction], str]:
    def work(transaction: Transaction) -> str:
        transaction.run(ADD, key, key.encode())
        return key

    return work


def conflicting(transaction: Transaction) -> None:
    transaction.put(ADD, "conflict", b"")
    raise ConflictError("no")


def failing_late(transaction: Transaction) -> None:
    transaction.put("INSERT INTO blob_refs VALUES (unhex(?), 'm', 1)", "no hexadecimal")


def failing_at_once(transaction: Transaction) -> None:
    transaction.run("INSERT INTO blob_refs VALUES (unhex(?), 'm', 1)", "no hexadecimal")


def failing_at_the_end(transaction: Transaction) -> None:
    def finish(_transaction: Transaction, _items: list[int]) -> None:
        raise ValueError("no")

    transaction.put(ADD, "end", b"")
    transaction.in_line(finish, 1)


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (conflicting, ConflictError),
        (failing_late, StorageError),
        (failing_at_once, StorageError),
        (failing_at_the_end, StorageError),
    ],
)
@pytest.mark.parametrize("alone", [True, False])
async def test_one_callers_error_undoes_its_part_alone(
    memory: Memory, bad: Callable[[Transaction], None], error: type[Exception], *, alone: bool
) -> None:
    if alone:
        with pytest.raises(error):
            await memory.db.write(bad)
    else:
        results = await asyncio.gather(
            *(memory.db.write(adding(f"a{n}")) for n in range(5)),
            memory.db.write(bad),
            *(memory.db.write(adding(f"b{n}")) for n in range(5)),
            return_exceptions=True,
        )
        assert isinstance(results[5], error)
        assert sum(isinstance(result, Exception) for result in results) == 1
    await memory.db.write(adding("last"))
    wanted = [] if alone else [f"{side}{n}" for side in "ab" for n in range(5)]
    rows = await memory.db.read(lambda t: t.all(ALL))
    assert rows == [(key,) for key in [*wanted, "last"]]


async def test_a_look_that_fails_harms_no_other(memory: Memory) -> None:
    results = await asyncio.gather(
        memory.db.read(lambda t: t.one("SELECT 1")),
        memory.db.read(lambda t: t.one("SELECT nothing")),
        memory.db.read(lambda t: t.one("SELECT 2")),
        return_exceptions=True,
    )
    assert (results[0], results[2]) == ((1,), (2,))
    assert isinstance(results[1], StorageError)


async def test_a_reader_cannot_write(memory: Memory) -> None:
    with pytest.raises(StorageError):
        await memory.db.read(adding("x"))
    assert await memory.db.read(lambda t: t.all(ALL)) == []


async def test_who_waits_shares_one_commit(memory: Memory) -> None:
    before = await _commits(memory)
    await asyncio.gather(*(memory.db.write(adding(f"{n:03}")) for n in range(100)))
    assert await _commits(memory) - before < 20


async def _commits(memory: Memory) -> int:
    row = await memory.db.read(lambda t: t.one("SELECT max(mark) FROM lanes"))
    return 0 if row is None else int(row[0])


async def test_what_comes_later_runs_after_the_commit(memory: Memory) -> None:
    def work(transaction: Transaction) -> None:
        transaction.put(ADD, "one", b"")
        transaction.later("VACUUM notes")

    await memory.db.write(work)
    assert await memory.db.read(lambda t: t.all(ALL)) == [("one",)]


async def test_a_big_value_passes_both_ways(memory: Memory) -> None:
    big = bytes(range(256)) * 40_000
    await memory.db.write(lambda t: t.put(ADD, "big", big))
    assert await memory.db.read(lambda t: t.one("SELECT value FROM notes")) == (big,)


async def test_who_closes_before_it_is_known_says_neither_yes_nor_no(tmp_path: Path) -> None:
    with Link(quick_server().folder) as link, quick_server().database() as url:
        name = url.partition("?")[0].rpartition("/")[2]
        memory = await open_gateway(link.url(name), tmp_path, "one", beat_seconds=3600.0)
        await memory.journal.record(evidence(None, EvidenceKind.VIEWED))
        link.cut_at(b"COMMIT", before=False, barred=True)
        waiting = asyncio.create_task(memory.journal.record(evidence(None, EvidenceKind.VIEWED)))
        await asyncio.sleep(0.3)
        await memory.close()
        with pytest.raises(UnsaidError):
            await waiting
