"""One suite for the world's ports, run on the machine's own bodies and on the doubles."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Callable
from datetime import UTC, timedelta

import pytest

from depesha.adapters.memory.system import (
    CountingIds,
    FixedJitter,
    HandClock,
    InlineThreads,
    RecordingCheckpoint,
)
from depesha.adapters.system import (
    NoCheckpoint,
    SystemClock,
    SystemIds,
    SystemJitter,
    WorkerThreads,
)
from depesha.errors import DepeshaError
from depesha.ports import Checkpoint, Clock, IdSource, Jitter, Threads
from depesha.schemas import ids
from depesha.schemas.steps import Step


@pytest.fixture(params=[SystemClock, lambda: HandClock(self_moving=True)], ids=["real", "double"])
def clock(request: pytest.FixtureRequest) -> Clock:
    make: Callable[[], Clock] = request.param
    return make()


@pytest.fixture(params=[SystemIds, CountingIds], ids=["real", "double"])
def source(request: pytest.FixtureRequest) -> IdSource:
    make: Callable[[], IdSource] = request.param
    return make()


@pytest.fixture(params=[SystemJitter, FixedJitter], ids=["real", "double"])
def jitter(request: pytest.FixtureRequest) -> Jitter:
    make: Callable[[], Jitter] = request.param
    return make()


@pytest.fixture(params=["real", "double"])
async def threads(request: pytest.FixtureRequest) -> AsyncIterator[Threads]:
    if request.param == "double":
        yield InlineThreads()
        return
    pool = WorkerThreads(2)
    yield pool
    await pool.close()


def test_time_is_aware_and_utc(clock: Clock) -> None:
    assert clock.now().tzinfo is UTC


async def test_a_sleep_lasts_at_least_as_long_as_asked(clock: Clock) -> None:
    before, wall = clock.monotonic(), clock.now()
    await clock.sleep(0.02)
    assert clock.monotonic() - before >= 0.019
    assert clock.now() - wall >= timedelta(seconds=0.019)


async def test_a_negative_sleep_returns(clock: Clock) -> None:
    await asyncio.wait_for(clock.sleep(-5), 1)


def test_message_ids_are_distinct_grow_and_parse(source: IdSource) -> None:
    made = [source.message_id() for _ in range(5_000)]
    assert made == sorted(set(made))
    assert all(ids.message_id(one) == one for one in made)


def test_guids_are_distinct_and_canonical(source: IdSource) -> None:
    made = [source.guid() for _ in range(100)]
    assert len(set(made)) == 100
    assert all(ids.guid(one) == one for one in made)


def test_secrets_are_distinct_and_long_enough(source: IdSource) -> None:
    made = {source.secret() for _ in range(100)}
    assert len(made) == 100
    assert all(len(one) >= 32 for one in made)


def test_chance_stays_in_its_range(jitter: Jitter) -> None:
    assert all(0 <= jitter.fraction() < 1 for _ in range(1_000))


async def test_a_call_gives_its_result(threads: Threads) -> None:
    assert await threads.run(divmod, 7, 2) == (3, 1)


async def test_a_call_gives_its_error(threads: Threads) -> None:
    with pytest.raises(ZeroDivisionError):
        await threads.run(divmod, 7, 0)


async def test_a_call_sees_the_callers_context(threads: Threads) -> None:
    word: contextvars.ContextVar[str] = contextvars.ContextVar("word", default="none")
    word.set("mine")
    assert await threads.run(word.get) == "mine"


async def test_many_calls_all_end(threads: Threads) -> None:
    squares = await asyncio.gather(*(threads.run(pow, n, 2) for n in range(200)))
    assert squares == [n * n for n in range(200)]


@pytest.mark.parametrize("body", [NoCheckpoint(), RecordingCheckpoint()], ids=["real", "double"])
def test_a_checkpoint_returns_at_every_step(body: Checkpoint) -> None:
    for step in Step:
        body.reached(step)


def test_the_double_remembers_its_steps() -> None:
    body = RecordingCheckpoint()
    body.reached(Step.STORED)
    assert body.steps == [Step.STORED]


# --- what only one of the two can show -------------------------------------------------------


def test_message_ids_are_uuids_of_version_seven_and_carry_the_time() -> None:
    clock = HandClock()
    value = int(SystemIds(clock).message_id(), 16)
    assert (value >> 76 & 0xF, value >> 62 & 0b11) == (7, 0b10)
    assert value >> 80 == int(clock.now().timestamp() * 1000)


def test_message_ids_grow_though_the_clock_steps_back() -> None:
    clock = HandClock()
    source = SystemIds(clock)
    first = source.message_id()
    clock.step_wall(-3600)
    assert source.message_id() > first


def test_message_ids_stay_distinct_between_threads() -> None:
    source, made = SystemIds(), set[str]()

    def draw() -> None:
        made.update(source.message_id() for _ in range(2_000))

    workers = [threading.Thread(target=draw) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(made) == 8_000


async def test_a_hand_moved_clock_wakes_sleepers_in_order() -> None:
    clock, woken = HandClock(), list[str]()

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    async with asyncio.TaskGroup() as group:
        group.create_task(sleeper("late", 20))
        group.create_task(sleeper("early", 10))
        await asyncio.sleep(0)
        assert clock.sleepers == 2
        clock.advance(9.9)
        await asyncio.sleep(0.001)
        assert woken == []
        clock.advance(20)
    assert woken == ["early", "late"]


async def test_callers_beyond_the_bound_wait_in_order() -> None:
    pool, gate, begun = WorkerThreads(1), threading.Event(), list[int]()

    def work(number: int) -> None:
        begun.append(number)
        gate.wait(5)

    tasks = [asyncio.create_task(pool.run(work, n)) for n in range(6)]
    await asyncio.sleep(0.02)
    assert begun == [0]
    assert pool._pool._work_queue.qsize() == 1
    gate.set()
    await asyncio.gather(*tasks)
    assert begun == [0, 1, 2, 3, 4, 5]
    await pool.close()


async def test_a_cancelled_caller_keeps_its_place_until_its_call_ends() -> None:
    pool, gate = WorkerThreads(1), threading.Event()
    running = [asyncio.create_task(pool.run(gate.wait, 5)) for _ in range(2)]
    await asyncio.sleep(0.02)
    for task in running:
        task.cancel()
    late = [asyncio.create_task(pool.run(int, str(n))) for n in range(5)]
    await asyncio.sleep(0.02)
    assert pool._pool._work_queue.qsize() == 1, "the cancelled ones still hold both places"
    gate.set()
    assert await asyncio.gather(*late) == [0, 1, 2, 3, 4]
    await pool.close()


async def test_a_closed_pool_takes_no_calls() -> None:
    pool = WorkerThreads(1)
    await pool.close()
    await pool.close()
    with pytest.raises(DepeshaError, match="stopping"):
        await pool.run(int, "3")


def test_a_pool_of_nothing_is_refused() -> None:
    with pytest.raises(DepeshaError):
        WorkerThreads(0)
