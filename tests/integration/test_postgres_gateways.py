"""Two gateways on one PostgreSQL database: one chain, no task twice, and the dead let go."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from depesha.adapters.memory.system import HandClock
from depesha.adapters.system import SystemClock
from depesha.errors import ConfigurationError, LostLeaseError, StorageError
from depesha.queue.lane import Transaction
from depesha.queue.opening import Memory
from depesha.queue.postgres import statements as own
from depesha.queue.postgres.gateways import Presence, beat
from depesha.queue.rows import to_micros
from depesha.schemas.facts import Known
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import Claim, EvidenceKind, Stored, TaskKind
from tests.support.gateways import database_of, open_gateway, two_gateways
from tests.support.memory import START, arrival, evidence, id_of, new_message, registration, task
from tests.support.outbound_memory import new_outbound
from tests.support.postgres import quick_server

NOTICE = (TaskKind.NOTICE,)


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[Memory, Memory]]:
    async with two_gateways(tmp_path) as made:
        yield made


async def until(true: Callable[[], bool], seconds: float = 20) -> None:
    for _ in range(int(seconds / 0.02)):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to be")


async def test_concurrent_writers_make_one_chain(pair: tuple[Memory, Memory]) -> None:
    one, two = pair
    await asyncio.gather(
        *(one.store.admit(new_message(n)) for n in range(1, 81)),
        *(two.store.admit(new_message(n)) for n in range(101, 181)),
        *(one.journal.record(evidence(None, EvidenceKind.VIEWED, n=n)) for n in range(40)),
        *(two.journal.record(evidence(None, EvidenceKind.VIEWED, n=n)) for n in range(40)),
        *(memory.journal.seal() for memory in pair for _ in range(3)),
    )
    assert await one.journal.verify() == 240
    rows = await two.journal.after(0, 1000)
    assert [row.sequence for row in rows] == list(range(1, 241))
    numbers = await one.db.read(lambda t: t.all("SELECT number, first, last FROM seals"))
    assert [row[0] for row in numbers] == list(range(1, len(numbers) + 1))
    counts = await one.store.counts()
    assert counts.by_state == {InboundState.ADMITTED: 160} == (await two.store.counts()).by_state


async def test_a_row_of_evidence_knows_its_number(pair: tuple[Memory, Memory]) -> None:
    news = [evidence(None, EvidenceKind.VIEWED, n=n) for n in range(20)]
    numbers = await asyncio.gather(*(m.journal.record(new) for m in pair for new in news))
    assert sorted(numbers) == list(range(1, 41))
    assert len(await pair[1].journal.after(0, 100)) == 40


async def test_one_message_at_two_doors_is_stored_once(pair: tuple[Memory, Memory]) -> None:
    one, two = pair
    for n in range(1, 31):
        results = await asyncio.gather(
            one.store.admit(new_message(n)),
            two.store.admit(new_message(1000 + n, arrived=arrival(n))),
        )
        assert Counter(map(type, results)) == {Stored: 1, Known: 1}
    assert await one.journal.verify() == 30


async def test_one_document_at_two_doors_is_submitted_once(pair: tuple[Memory, Memory]) -> None:
    one, two = pair
    for n in range(1, 31):
        results = await asyncio.gather(
            one.outbound.submit(new_outbound(n)), two.outbound.submit(new_outbound(n))
        )
        assert sorted(result.repeated for result in results) == [False, True]


async def test_two_steps_of_one_message_are_made_one_after_the_other(
    pair: tuple[Memory, Memory],
) -> None:
    one, two = pair
    for n in range(1, 21):
        await one.store.admit(new_message(n))
        results = await asyncio.gather(
            one.store.change(registration(n, "А")),
            two.store.change(registration(n, "Б")),
            return_exceptions=True,
        )
        assert sorted(isinstance(result, Exception) for result in results) == [False, True]
        assert len(await two.journal.events(id_of(n))) == 2


async def test_no_task_is_claimed_twice(pair: tuple[Memory, Memory]) -> None:
    tasks = tuple(task() for _ in range(60))
    await pair[0].store.admit(new_message(1, tasks=tasks))
    taken: list[int] = []

    async def worker(memory: Memory) -> None:
        while claims := await memory.tasks.claim(NOTICE, 3, 60):
            taken.extend(claim.task_id for claim in claims)
            for claim in claims:
                await memory.tasks.finish(claim)

    await asyncio.gather(*(worker(memory) for memory in pair for _ in range(4)))
    assert len(taken) == len(set(taken)) == 60


async def one_task(memory: Memory) -> Claim:
    await memory.store.admit(new_message(1, tasks=(task(),)))
    (claim,) = await memory.tasks.claim(NOTICE, 1, 900)
    return claim


async def test_who_wakes_after_the_lease_ended_commits_nothing(tmp_path: Path) -> None:
    clock = HandClock(START)
    async with two_gateways(tmp_path, clock=clock) as (one, two):
        late = await one_task(one)
        assert await two.tasks.claim(NOTICE, 1, 900) == ()
        clock.advance(901)
        (claim,) = await two.tasks.claim(NOTICE, 1, 900)
        assert claim.task_id == late.task_id
        with pytest.raises(LostLeaseError):
            await one.tasks.finish(late)
        await two.tasks.finish(claim)


async def test_a_silent_gateway_loses_what_it_had_in_hand(tmp_path: Path) -> None:
    async with two_gateways(tmp_path, beat_seconds=3600.0) as (one, two):
        late = await one_task(one)
        number = database_of(two).standing.number
        look = to_micros(START)
        await two.db.write(lambda t: beat(t, number, look, 30))
        assert await two.tasks.claim(NOTICE, 1, 900) == ()
        await _silence(one)
        await two.db.write(lambda t: beat(t, number, look, 30))
        (claim,) = await two.tasks.claim(NOTICE, 1, 900)
        with pytest.raises(LostLeaseError):
            await one.tasks.finish(late)
        deaths = await two.db.read(lambda t: t.one("SELECT deaths, attempts FROM tasks"))
        assert deaths == (1, 2)
        await two.tasks.finish(claim)


async def _come_again(memory: Memory) -> None:
    """Let a gateway that was ended find that out and come as a new one."""
    presence = Presence(
        database_of(memory), HandClock(START), "one", trouble=_raise, joined=lambda _: None
    )
    assert not await asyncio.to_thread(presence.beat)


def _raise(error: StorageError) -> None:
    raise error


async def _silence(memory: Memory) -> None:
    """Make it look as if a gateway had not been heard for a minute."""
    number = database_of(memory).standing.number
    await memory.db.write(
        lambda t: t.run(
            "UPDATE gateways SET heard_at = heard_at - interval '1 minute' WHERE number = ?", number
        )
    )


async def test_who_was_taken_for_dead_comes_as_a_new_one(tmp_path: Path) -> None:
    async with two_gateways(tmp_path, beat_seconds=0.05, clock=SystemClock()) as (one, two):
        before = database_of(one).standing.number
        await one.db.write(lambda t: t.run(own.END, before))
        await until(lambda: database_of(one).standing.number != before)
        claim = await one_task(one)
        await asyncio.sleep(0.3)
        assert await two.tasks.claim(NOTICE, 1, 900) == ()
        await one.tasks.finish(claim)


async def test_a_lease_taken_as_a_dead_one_comes_back_too(tmp_path: Path) -> None:
    async with two_gateways(tmp_path, beat_seconds=3600.0) as (one, two):
        dead, living = (database_of(memory).standing.number for memory in (one, two))
        await two.db.write(lambda t: t.run(own.END, dead))
        late = await one_task(one)
        await two.db.write(lambda t: beat(t, living, to_micros(START), 30))
        assert len(await two.tasks.claim(NOTICE, 1, 900)) == 1
        with pytest.raises(LostLeaseError):
            await one.tasks.finish(late)


async def test_who_comes_again_leases_under_its_new_number_after_an_undone_step(
    tmp_path: Path,
) -> None:
    """As whom a gateway writes is said within a transaction; one that is undone takes it back."""
    async with two_gateways(tmp_path, beat_seconds=3600.0) as (one, two):
        await two.store.admit(new_message(1, tasks=(task(),)))
        before = database_of(one).standing.number
        await one.db.write(lambda t: t.run(own.END, before))
        await _come_again(one)
        number = database_of(one).standing.number
        assert number != before

        def refused(_: Transaction) -> None:
            raise LostLeaseError("the lease is another's")

        with pytest.raises(LostLeaseError):
            await one.db.write(refused)
        assert len(await one.tasks.claim(NOTICE, 1, 900)) == 1
        assert await one.db.read(lambda t: t.one("SELECT holder FROM tasks")) == (number,)


async def test_each_gateway_counts_in_a_slot_of_its_own(pair: tuple[Memory, Memory]) -> None:
    slots = {database_of(memory).standing.slot for memory in pair}
    assert len(slots) == 2
    for n, memory in enumerate(pair, 1):
        await memory.store.admit(new_message(n))
    rows = await pair[0].db.read(lambda t: t.all("SELECT slot, count FROM tallies"))
    assert sorted(rows) == sorted((slot, 1) for slot in slots)


async def test_what_one_stores_wakes_the_other(tmp_path: Path) -> None:
    async with two_gateways(tmp_path, clock=SystemClock()) as (one, two):
        waiting = asyncio.create_task(two.tasks.wait(60, NOTICE))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await one.store.admit(new_message(1, tasks=(task(TaskKind.RECHECK),)))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await one.store.admit(new_message(2, tasks=(task(),)))
        await asyncio.wait_for(waiting, 5)


async def test_a_deadlock_is_undone_and_everybody_served(pair: tuple[Memory, Memory]) -> None:
    for n in (1, 2):
        await pair[0].store.admit(new_message(n))
    both = threading.Barrier(2)
    runs: list[int] = []

    def work(first: int, second: int) -> Callable[[Transaction], int]:
        met: list[bool] = []

        def lock(transaction: Transaction) -> int:
            runs.append(first)
            transaction.run("UPDATE messages SET reason = reason || 'x' WHERE id = ?", id_of(first))
            if not met:
                met.append(True)
                both.wait(10)
            return transaction.run(
                "UPDATE messages SET reason = reason || 'x' WHERE id = ?", id_of(second)
            )

        return lock

    done = await asyncio.gather(pair[0].db.write(work(1, 2)), pair[1].db.write(work(2, 1)))
    assert tuple(done) == (1, 1)
    assert len(runs) > 2
    rows = await pair[0].db.read(lambda t: t.all("SELECT reason FROM messages"))
    assert rows == [("xx",), ("xx",)]


async def test_one_leads_and_the_other_follows_when_it_goes(tmp_path: Path) -> None:
    with quick_server().database() as url:
        one = await open_gateway(url, tmp_path, "one")
        two = await open_gateway(url, tmp_path, "two")
        try:
            assert await one.leaders.leading("seal")
            assert not await two.leaders.leading("seal")
            assert await two.leaders.leading("poll")
            await one.close()
            assert await two.leaders.leading("seal")
        finally:
            await one.close()
            await two.close()


async def test_a_dead_leader_is_followed(tmp_path: Path) -> None:
    async with two_gateways(tmp_path, beat_seconds=3600.0) as (one, two):
        assert await one.leaders.leading("seal")
        await _silence(one)
        number = database_of(two).standing.number
        await two.db.write(lambda t: beat(t, number, to_micros(START), 30))
        assert await two.leaders.leading("seal")
        assert not await one.leaders.leading("seal")


async def test_who_leads_again_after_another_one_leads_under_a_new_term(tmp_path: Path) -> None:
    """ADR 0012: it was frozen, and never saw that it did not lead for a while."""
    async with two_gateways(tmp_path, beat_seconds=3600.0) as (one, two):
        first = await one.leaders.leading("networks")
        assert await one.leaders.leading("networks") == first
        await _silence(one)
        number = database_of(two).standing.number
        await two.db.write(lambda t: beat(t, number, to_micros(START), 30))
        assert await two.leaders.leading("networks")
        await two.close()
        await _come_again(one)
        assert await one.leaders.leading("networks") not in {0, first}


async def test_two_gateways_of_one_name_are_refused(tmp_path: Path) -> None:
    with quick_server().database() as url:
        one = await open_gateway(url, tmp_path, "one")
        try:
            with pytest.raises(ConfigurationError):
                await open_gateway(url, tmp_path, "one")
        finally:
            await one.close()
        await (await open_gateway(url, tmp_path, "one")).close()


async def test_a_spool_belongs_to_its_gateway(tmp_path: Path) -> None:
    with quick_server().database() as url:
        one = await open_gateway(url, tmp_path, "one")
        spool = one.blobs.spool()
        spool.write_bytes(b"on its way")
        two = await open_gateway(url, tmp_path, "two")
        assert spool.exists()
        digest = await asyncio.to_thread(one.blobs.put, spool)
        assert two.blobs.path(digest) is not None
        await one.close()
        await two.close()
