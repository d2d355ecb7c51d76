"""The contract of `TaskQueue`, on the double and on SQLite."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from depesha.errors import LostLeaseError, UnknownMessageError
from depesha.schemas.message import EvidenceKind, NewTask, TaskKind
from tests.support.memory import (
    BODIES,
    START,
    Body,
    body,
    evidence,
    id_of,
    new_message,
    registration,
    task,
)

ALL = tuple(TaskKind)


@pytest.fixture(params=BODIES)
async def memory(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Body]:
    async with body(request.param, tmp_path) as opened:
        yield opened


async def store(memory: Body, *tasks: NewTask) -> None:
    await memory.store.admit(new_message(1, tasks=tasks))


async def test_due_tasks_are_leased_oldest_first(memory: Body) -> None:
    await store(
        memory,
        task(TaskKind.WEBHOOK, due=5, url="b"),
        task(TaskKind.NOTICE, due=3, status="a"),
        task(TaskKind.NOTICE, due=500),
        task(TaskKind.RECHECK, due=1),
    )
    memory.clock.advance(10)
    kinds = (TaskKind.WEBHOOK, TaskKind.NOTICE)
    claims = await memory.tasks.claim(kinds, 10, 60)
    assert [(c.kind, c.payload) for c in claims] == [
        (TaskKind.NOTICE, {"status": "a"}),
        (TaskKind.WEBHOOK, {"url": "b"}),
    ]
    assert {(c.message_id, c.attempts, c.created_at) for c in claims} == {(id_of(1), 0, START)}
    assert await memory.tasks.claim(kinds, 10, 60) == ()
    assert len(await memory.tasks.claim(ALL, 10, 60)) == 1


async def test_a_limit_leaves_the_rest(memory: Body) -> None:
    await store(memory, *(task(due=n) for n in range(5)))
    memory.clock.advance(10)
    first = await memory.tasks.claim(ALL, 2, 60)
    second = await memory.tasks.claim(ALL, 9, 60)
    assert (len(first), len(second)) == (2, 3)
    assert {c.task_id for c in first}.isdisjoint(c.task_id for c in second)


async def test_workers_at_once_never_share_a_task(memory: Body) -> None:
    await store(memory, *(task() for _ in range(30)))
    taken = await asyncio.gather(*(memory.tasks.claim(ALL, 4, 60) for _ in range(10)))
    ids = [claim.task_id for claims in taken for claim in claims]
    assert len(ids) == len(set(ids)) == 30


async def test_a_dead_workers_task_comes_back(memory: Body) -> None:
    await store(memory, task())
    (late,) = await memory.tasks.claim(ALL, 1, 30)
    memory.clock.advance(29)
    assert await memory.tasks.claim(ALL, 1, 30) == ()
    memory.clock.advance(2)
    (again,) = await memory.tasks.claim(ALL, 1, 30)
    assert (again.task_id, again.attempts) == (late.task_id, 1)
    for attempt in (
        memory.tasks.finish(late, evidence(1)),
        memory.tasks.defer(late, START, evidence(1)),
        memory.tasks.park(late, "reason", evidence(1)),
    ):
        with pytest.raises(LostLeaseError):
            await attempt
    assert len(await memory.journal.after(0, 10)) == 1
    await memory.tasks.finish(again, evidence(1, EvidenceKind.NOTICE_TRIED))
    assert len(await memory.journal.after(0, 10)) == 2
    with pytest.raises(LostLeaseError):
        await memory.tasks.finish(again)


async def test_an_ended_lease_that_nobody_took_may_still_finish(memory: Body) -> None:
    await store(memory, task())
    (claim,) = await memory.tasks.claim(ALL, 1, 30)
    memory.clock.advance(60)
    await memory.tasks.finish(claim)
    assert await memory.tasks.claim(ALL, 1, 30) == ()


async def test_a_deferred_task_waits_for_its_time(memory: Body) -> None:
    await store(memory, task())
    (claim,) = await memory.tasks.claim(ALL, 1, 30)
    await memory.tasks.defer(claim, START + timedelta(seconds=100), evidence(1))
    memory.clock.advance(99)
    assert await memory.tasks.claim(ALL, 1, 30) == ()
    memory.clock.advance(1)
    (again,) = await memory.tasks.claim(ALL, 1, 30)
    assert again.attempts == 1
    with pytest.raises(LostLeaseError):
        await memory.tasks.finish(claim)


async def test_a_task_given_back_untried_has_all_its_tries(memory: Body) -> None:
    await store(memory, task())
    for _ in range(3):
        (claim,) = await memory.tasks.claim(ALL, 1, 30)
        assert claim.attempts == 0
        await memory.tasks.defer(claim, START, tried=False)
    (claim,) = await memory.tasks.claim(ALL, 1, 30)
    await memory.tasks.defer(claim, START)
    (claim,) = await memory.tasks.claim(ALL, 1, 30)
    assert claim.attempts == 1


async def test_faults_in_a_row_are_counted_apart_from_tries(memory: Body) -> None:
    await store(memory, task())
    for n in range(3):
        (claim,) = await memory.tasks.claim(ALL, 1, 30)
        assert (claim.attempts, claim.faults) == (0, n)
        await memory.tasks.fail(claim, START)
        with pytest.raises(LostLeaseError):
            await memory.tasks.fail(claim, START)
    (claim,) = await memory.tasks.claim(ALL, 1, 30)
    await memory.tasks.defer(claim, START)
    (claim,) = await memory.tasks.claim(ALL, 1, 30)
    assert (claim.attempts, claim.faults) == (1, 0), "it ended in order"
    await memory.tasks.fail(claim, START + timedelta(seconds=10))
    assert await memory.tasks.claim(ALL, 1, 30) == ()
    memory.clock.advance(10)
    (claim,) = await memory.tasks.claim(ALL, 1, 30)
    await memory.tasks.park(claim, "a fault of ours", evidence(1, EvidenceKind.PARKED))
    ((parked),) = await memory.tasks.parked(1)
    await memory.tasks.unpark(parked.task_id, evidence(1))
    (claim,) = await memory.tasks.claim(ALL, 1, 30)
    assert claim.faults == 0


async def test_a_parked_task_waits_for_a_person(memory: Body) -> None:
    await store(memory, task(), task(TaskKind.WEBHOOK))
    claims = await memory.tasks.claim(ALL, 2, 30)
    for n, claim in enumerate(claims):
        at = START + timedelta(seconds=n)
        await memory.tasks.park(claim, f"reason {n}", evidence(1, EvidenceKind.PARKED, at=at))
    memory.clock.advance(10_000)
    assert await memory.tasks.claim(ALL, 2, 30) == ()
    parked = await memory.tasks.parked(10)
    assert [(p.task_id, p.reason, p.attempts) for p in parked] == [
        (claims[0].task_id, "reason 0", 1),
        (claims[1].task_id, "reason 1", 1),
    ]
    assert (parked[0].parked_at, parked[0].message_id) == (START, id_of(1))
    assert await memory.tasks.parked(1) == parked[:1]
    await memory.tasks.unpark(parked[0].task_id, evidence(1, EvidenceKind.UNPARKED))
    with pytest.raises(UnknownMessageError):
        await memory.tasks.unpark(parked[0].task_id, evidence(1, EvidenceKind.UNPARKED))
    with pytest.raises(UnknownMessageError):
        await memory.tasks.unpark(999, evidence(1, EvidenceKind.UNPARKED))
    assert await memory.tasks.parked(10) == parked[1:]
    assert len(await memory.tasks.claim(ALL, 2, 30)) == 1
    assert len(await memory.journal.after(0, 10)) == 4


async def sleeping(memory: Body) -> None:
    """Let a waiter get as far as its sleep."""
    for _ in range(200):
        if memory.clock.sleepers:
            return
        await asyncio.sleep(0.005)
    pytest.fail("nobody sleeps")


async def test_waiting_ends_when_work_is_stored(memory: Body) -> None:
    waiting = asyncio.create_task(memory.tasks.wait(3600))
    await sleeping(memory)
    assert not waiting.done()
    await store(memory, task())
    await asyncio.wait_for(waiting, 5)


async def test_waiting_ends_when_a_step_brings_work(memory: Body) -> None:
    await store(memory)
    waiting = asyncio.create_task(memory.tasks.wait(3600))
    await sleeping(memory)
    await memory.store.change(registration(1, "1", tasks=(task(due=9000),)))
    await asyncio.wait_for(waiting, 5)


async def test_waiting_ends_when_a_task_falls_due(memory: Body) -> None:
    await store(memory, task(due=50))
    waiting = asyncio.create_task(memory.tasks.wait(3600))
    await sleeping(memory)
    memory.clock.advance(49)
    await asyncio.sleep(0.01)
    assert not waiting.done()
    memory.clock.advance(1)
    await asyncio.wait_for(waiting, 5)


async def test_waiting_ends_after_its_time(memory: Body) -> None:
    waiting = asyncio.create_task(memory.tasks.wait(20))
    await sleeping(memory)
    memory.clock.advance(20)
    await asyncio.wait_for(waiting, 5)


async def test_due_work_that_nobody_claims_does_not_make_waiters_spin(memory: Body) -> None:
    await store(memory, task())
    waiting = asyncio.create_task(memory.tasks.wait(20))
    await sleeping(memory)
    assert not waiting.done()
    memory.clock.advance(0.1)
    await asyncio.wait_for(waiting, 5)


async def test_a_cancelled_waiter_leaves_no_trace(memory: Body) -> None:
    waiting = asyncio.create_task(memory.tasks.wait(20))
    await sleeping(memory)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.sleep(0)
    assert memory.clock.sleepers == 0


async def test_the_row_of_a_task_let_go_again_names_its_message(memory: Body) -> None:
    await store(memory, task())
    (claim,) = await memory.tasks.claim(ALL, 1, 30)
    await memory.tasks.park(claim, "reason", evidence(1, EvidenceKind.PARKED))
    word = replace(evidence(1, EvidenceKind.UNPARKED), message_id=None)
    await memory.tasks.unpark(claim.task_id, word)
    rows = [json.loads(record.body)["kind"] for record in await memory.journal.events(id_of(1))]
    assert rows[-2:] == ["PARKED", "UNPARKED"]
    assert await memory.journal.verify() == 3
