"""A standby takes over from a primary that was killed: nothing answered is lost or doubled."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from depesha.adapters.memory.observer import RecordingObserver
from depesha.errors import ConfigurationError, StorageError, UnsaidError
from depesha.queue.opening import Memory
from depesha.queue.postgres import connecting, writing
from depesha.queue.postgres.server import NO_STANDBY
from depesha.schemas.message import EvidenceKind, TaskKind
from tests.support.gateways import database_of, open_gateway
from tests.support.memory import evidence, new_message, task
from tests.support.standby import Pair, pair

pytestmark = pytest.mark.slow

NOTICE = (TaskKind.NOTICE,)


@contextlib.asynccontextmanager
async def gateways(
    made: Pair, folder: Path, *names: str, **more: object
) -> AsyncIterator[list[Memory]]:
    """Open memories on a new database of the pair."""
    await asyncio.to_thread(made.primary.execute, "CREATE DATABASE body")
    async with contextlib.AsyncExitStack() as stack:
        opened = []
        for name in names:
            memory = await open_gateway(made.url("body"), folder, name, careless=False, **more)
            stack.push_async_callback(memory.close)
            opened.append(memory)
        yield opened


async def numbers(memory: Memory) -> list[int]:
    rows = await memory.journal.after(0, 100_000)
    return [int(one.body.partition('"n":')[2].split("}")[0].split(",")[0]) for one in rows]


async def record(memory: Memory, number: int) -> int:
    return await memory.journal.record(evidence(None, EvidenceKind.VIEWED, n=number))


async def take_over(made: Pair, away: float = 0.3) -> float:
    """Kill the primary and promote the standby; return when the promotion was ordered."""
    await asyncio.to_thread(made.primary.kill)
    await asyncio.sleep(away)
    ordered = time.monotonic()
    await asyncio.to_thread(made.standby.promote)
    return ordered


async def test_what_was_answered_stands_once_on_the_promoted_standby(tmp_path: Path) -> None:
    outcomes: dict[int, bool] = {}
    counter = iter(range(1, 10**9))
    with pair() as made:
        async with gateways(made, tmp_path, "one", "two") as both:
            stop = asyncio.Event()

            async def caller(memory: Memory) -> None:
                while not stop.is_set():
                    number = next(counter)
                    try:
                        await record(memory, number)
                        outcomes[number] = True
                    except StorageError:
                        outcomes[number] = False
                        await asyncio.sleep(0.01)

            callers = [asyncio.create_task(caller(m)) for m in both for _ in range(4)]
            await asyncio.sleep(1.0)
            ordered = await take_over(made)
            before = {number for number, told in outcomes.items() if told}
            while len({n for n, told in outcomes.items() if told} - before) < 20:
                await asyncio.sleep(0.01)
                assert time.monotonic() - ordered < 30
            again = time.monotonic() - ordered
            stop.set()
            await asyncio.gather(*callers)
            found = Counter(await numbers(both[0]))
            stored = {number for number, told in outcomes.items() if told}
            sys.stdout.write(f"\n{len(before)} answered before, again after {again:.2f} s\n")
            assert len(before) > 20
            assert stored <= set(found)
            assert not (set(outcomes) - stored) & set(found)
            assert set(found.values()) == {1}
            await both[1].journal.seal()
            assert await both[1].journal.verify() == len(found)


async def test_news_of_work_and_leases_are_taken_up_again(tmp_path: Path) -> None:
    with pair() as made:
        async with gateways(made, tmp_path, "one", "two", beat_seconds=0.2, death_seconds=2) as (
            one,
            two,
        ):
            await one.store.admit(new_message(1, tasks=(task(),)))
            (held,) = await one.tasks.claim(NOTICE, 1, 900)
            assert await one.leaders.leading("house")
            await take_over(made, away=3.0)  # longer than a gateway may be silent
            await asyncio.sleep(2.0)
            waiting = asyncio.create_task(two.tasks.wait(20.0, NOTICE))
            await asyncio.sleep(0.3)
            begun = time.monotonic()
            await one.store.admit(new_message(2, tasks=(task(),)))
            await asyncio.wait_for(waiting, 5)
            sys.stdout.write(f"\nheard of work after {time.monotonic() - begun:.2f} s\n")
            (claimed,) = await two.tasks.claim(NOTICE, 1, 900)
            assert claimed.message_id != held.message_id
            await one.tasks.finish(held)  # nobody took its lease away meanwhile
            assert await one.leaders.leading("house")
            assert not await two.leaders.leading("house")


async def test_an_answer_is_not_given_before_the_standby_has_it(tmp_path: Path) -> None:
    """Not even where the primary restarts in between and knows by itself what it committed."""
    with pair() as made:
        async with gateways(made, tmp_path, "one", beat_seconds=3600.0) as (one,):
            await record(one, 1)
            made.standby.freeze()
            waiting = asyncio.create_task(record(one, 2))
            await asyncio.sleep(0.5)
            os.kill(database_of(one).writer_pid, signal.SIGKILL)
            await asyncio.sleep(3.0)
            assert not waiting.done()
            made.standby.thaw()
            assert await asyncio.wait_for(waiting, 20) == 2
            await take_over(made)
            assert await numbers(one) == [1, 2]


async def test_a_gateway_can_be_stopped_while_commits_wait_for_a_standby(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "COMMIT_SECONDS", 1.0)
    monkeypatch.setitem(connecting._SESSION, "lock_timeout", 500)
    observer = RecordingObserver()
    with pair() as made:
        async with gateways(made, tmp_path, "one", observer=observer, beat_seconds=3600.0) as (
            one,
        ):
            await record(one, 1)
            made.standby.freeze()
            waiting = asyncio.create_task(record(one, 2))
            await asyncio.sleep(4.0)
            assert not waiting.done()
            assert ("store", "STORAGE") in observer.named("trouble"), "people hear of it"
            await asyncio.wait_for(one.close(), 20)
            with pytest.raises((UnsaidError, StorageError)):
                await waiting
            made.standby.thaw()


async def test_an_earlier_primary_that_comes_back_is_passed_by(tmp_path: Path) -> None:
    with pair() as made:
        async with gateways(made, tmp_path, "one", beat_seconds=3600.0) as (one,):
            await record(one, 1)
            await take_over(made)
            await record(one, 2)
            made.primary.start()
            with psycopg.connect(made.standby.url("postgres"), autocommit=True) as link:
                link.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name LIKE 'depesha%'"
                )
            await record(one, 3)
            assert await numbers(one) == [1, 2, 3]
            await asyncio.to_thread(made.standby.kill)
            with pytest.raises(StorageError) as refused:
                await record(one, 4)
            assert "taken over" in refused.value.public
            await asyncio.to_thread(made.standby.start)


async def test_a_promoted_server_that_may_lose_what_it_stored_is_not_written_to(
    tmp_path: Path,
) -> None:
    with pair() as made:
        async with gateways(made, tmp_path, "one", beat_seconds=3600.0) as (one,):
            await record(one, 1)
            with (made.standby.folder / "data" / "postgresql.auto.conf").open("a") as file:
                file.write("synchronous_commit = 'off'\n")
            await take_over(made)
            made.standby.execute("SELECT pg_reload_conf()")
            await asyncio.sleep(0.2)
            with pytest.raises(StorageError):
                await record(one, 2)
            made.standby.execute("ALTER SYSTEM RESET synchronous_commit")
            made.standby.execute("SELECT pg_reload_conf()")
            await asyncio.sleep(0.2)
            await record(one, 3)
            assert await numbers(one) == [1, 3]


async def test_without_a_synchronous_standby_an_answer_may_be_missing_and_is_warned_of(
    tmp_path: Path,
) -> None:
    observer = RecordingObserver()
    with pair(synchronous=False) as made:
        async with gateways(made, tmp_path, "one", observer=observer, beat_seconds=3600.0) as (
            one,
        ):
            await asyncio.sleep(0)
            assert ("store", NO_STANDBY) in observer.named("trouble")
            await record(one, 1)
            await asyncio.sleep(1.0)
            # Away, not frozen: what was sent to a frozen one lies in its machine and arrives yet.
            await asyncio.to_thread(made.standby.stop)
            await record(one, 2)  # answered, for nobody waits for the standby
            await asyncio.to_thread(made.primary.kill)
            await asyncio.to_thread(made.standby.start)
            await asyncio.to_thread(made.standby.promote)
            await record(one, 3)
            assert await numbers(one) == [1, 3]
            assert await one.journal.verify() == 2


async def test_a_synchronous_pair_is_not_warned_of(tmp_path: Path) -> None:
    observer = RecordingObserver()
    with pair() as made:
        async with gateways(made, tmp_path, "one", observer=observer):
            await asyncio.sleep(0)
            assert ("store", NO_STANDBY) not in observer.named("trouble")
        with pytest.raises(ConfigurationError):
            await open_gateway("postgresql://[", tmp_path, "two")
