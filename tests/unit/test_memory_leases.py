"""What a dead process had in hand is due again at the next start, and not when its lease ends."""

from __future__ import annotations

from pathlib import Path

from depesha.adapters.memory.system import CountingIds, HandClock
from depesha.queue.opening import Memory
from depesha.queue.tasks import SUSPECT_SECONDS, SUSPICIOUS
from depesha.schemas.message import Claim, TaskKind
from tests.support.memory import START, new_message, opened, task

LEASE = 180.0


async def claimed(memory: Memory) -> tuple[Claim, ...]:
    return await memory.tasks.claim(tuple(TaskKind), 10, LEASE)


async def test_a_lease_that_outlived_its_process_is_given_back(tmp_path: Path) -> None:
    clock, ids = HandClock(START), CountingIds()
    async with opened(tmp_path, clock, ids) as memory:
        await memory.store.admit(new_message(1, tasks=(task(),)))
        [before] = await claimed(memory)
        assert await claimed(memory) == ()
    async with opened(tmp_path, clock, ids) as memory:
        [after] = await claimed(memory)
        assert (after.task_id, after.attempts) == (before.task_id, before.attempts + 1)
        await memory.tasks.finish(after)
        assert await claimed(memory) == ()


async def test_a_task_that_may_kill_its_process_waits_for_its_lease(tmp_path: Path) -> None:
    clock, ids = HandClock(START), CountingIds()
    async with opened(tmp_path, clock, ids) as memory:
        await memory.store.admit(new_message(1, tasks=(task(),)))
    for _ in range(SUSPICIOUS):
        async with opened(tmp_path, clock, ids) as memory:
            assert len(await claimed(memory)) == 1
    async with opened(tmp_path, clock, ids) as memory:
        assert await claimed(memory) == ()
        clock.advance(LEASE + 1)
        assert len(await claimed(memory)) == 1


async def test_a_task_that_ended_in_order_before_is_not_suspected(tmp_path: Path) -> None:
    """A document that a dead network deferred often must not pay for a death of ours."""
    clock, ids = HandClock(START), CountingIds()
    async with opened(tmp_path, clock, ids) as memory:
        await memory.store.admit(new_message(1, tasks=(task(),)))
        for _ in range(2 * SUSPICIOUS):
            [claim] = await claimed(memory)
            await memory.tasks.defer(claim, clock.now())
        assert len(await claimed(memory)) == 1
    async with opened(tmp_path, clock, ids) as memory:
        [claim] = await claimed(memory)
        assert claim.attempts == 2 * SUSPICIOUS + 1


async def test_a_suspected_task_never_rests_as_long_as_its_lease_may_be(tmp_path: Path) -> None:
    """A lease is as long as its longest work; a rest need not be."""
    clock, ids = HandClock(START), CountingIds()
    async with opened(tmp_path, clock, ids) as memory:
        await memory.store.admit(new_message(1, tasks=(task(),)))
    for _ in range(SUSPICIOUS):
        async with opened(tmp_path, clock, ids) as memory:
            assert len(await memory.tasks.claim(tuple(TaskKind), 10, 6 * LEASE)) == 1
    async with opened(tmp_path, clock, ids) as memory:
        clock.advance(SUSPECT_SECONDS - 1)
        assert await claimed(memory) == ()
        clock.advance(2)
        assert len(await claimed(memory)) == 1
    async with opened(tmp_path, clock, ids) as memory:
        clock.advance(SUSPECT_SECONDS + 1)
        assert await claimed(memory) == (), "the rest grows with each death"


async def test_what_is_due_later_stays_so(tmp_path: Path) -> None:
    clock, ids = HandClock(START), CountingIds()
    async with opened(tmp_path, clock, ids) as memory:
        await memory.store.admit(new_message(1, tasks=(task(due=600),)))
    async with opened(tmp_path, clock, ids) as memory:
        assert await claimed(memory) == ()
