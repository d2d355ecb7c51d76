"""Gateways that come, wait or wake while their PostgreSQL store is moved away: none of them ever
writes into what was left behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.memory.system import HandClock
from depesha.errors import ConfigurationError, StorageError
from depesha.queue.migrate_store import migrate_store, release
from depesha.queue.opening import Memory
from depesha.queue.postgres.gateways import Presence
from tests.support.gateways import database_of, open_gateway
from tests.support.memory import START, new_message, opened
from tests.support.postgres import quick_server

_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
_SILENCED = "UPDATE gateways SET heard_at = heard_at - interval '1 minute'"
_LIVING = "SELECT count(*) FROM gateways WHERE ended_at IS NULL"
_MESSAGES = "SELECT count(*) FROM messages"
_MARK = "INSERT INTO migrations VALUES (999999, 'moved', '', '')"


@pytest.fixture
def url() -> Iterator[str]:
    with quick_server().database() as address:
        yield address


async def execute(url: str, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(statement.encode())


async def count(url: str, statement: str) -> int:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        row = await (await connection.execute(statement.encode())).fetchone()
        assert row is not None
        return int(row[0])


class Mover:
    """A move from PostgreSQL into a folder, in a thread; it rests while it verifies."""

    def __init__(self, url: str, target: Path) -> None:
        self._resting = threading.Event()
        self._go_on = threading.Event()
        self._moving = asyncio.create_task(
            asyncio.to_thread(migrate_store, url, str(target), START, self._progress, careless=True)
        )

    def _progress(self, what: str, _done: int, _whole: int) -> None:
        if what == "evidence":
            self._resting.set()
            self._go_on.wait(60)

    async def rests(self) -> None:
        assert await asyncio.to_thread(self._resting.wait, 60)

    async def ends(self) -> None:
        self._go_on.set()
        await self._moving


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    for _ in range(int(seconds / 0.02)):
        if await true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to be")


async def somebody_waits(url: str) -> None:
    await until(lambda: some(url, _WAITING))


async def some(url: str, statement: str) -> bool:
    return await count(url, statement) > 0


@asynccontextmanager
async def gateway(url: str, folder: Path, **more: Any) -> AsyncIterator[Memory]:
    memory = await open_gateway(url, folder, "one", **more)
    try:
        yield memory
    finally:
        await memory.close()


@asynccontextmanager
async def silent(url: str, folder: Path) -> AsyncIterator[Memory]:
    """A gateway that admitted a message and is taken for dead."""
    async with gateway(url, folder, beat_seconds=3600.0) as memory:
        for part in ("original 1", "file 1 1", "file 1 2"):
            memory.blobs.put(part.encode())
        await memory.store.admit(new_message(1))
        await execute(url, _SILENCED)
        yield memory


async def refused(work: Awaitable[Any]) -> None:
    """The work is not done, and its caller hears why."""
    with pytest.raises(StorageError, match="moved to another database") as fault:
        await work
    assert fault.value.code == "STORE_MOVED"


async def test_who_starts_during_a_move_is_refused_when_it_is_over(
    tmp_path: Path, url: str
) -> None:
    async with gateway(url, tmp_path) as memory:
        await memory.journal.seal()
    mover = Mover(url, tmp_path)
    await mover.rests()
    coming = asyncio.create_task(open_gateway(url, tmp_path, "late"))
    await somebody_waits(url)
    await mover.ends()
    with pytest.raises(ConfigurationError, match="moved") as fault:
        await (await coming).close()
    assert fault.value.remedy
    assert await count(url, _LIVING) == 0


async def test_who_was_silent_writes_nothing_after_the_move(tmp_path: Path, url: str) -> None:
    async with silent(url, tmp_path) as memory:
        assert await memory.leaders.leading("house")
        mover = Mover(url, tmp_path)
        await mover.rests()
        await mover.ends()
        assert await count(url, _LIVING) == 0
        await refused(memory.store.admit(new_message(2)))
        await refused(memory.leaders.leading("house"))
        presence = Presence(
            database_of(memory), HandClock(START), "one", trouble=fail, joined=lambda _: None
        )
        await refused(asyncio.to_thread(presence.beat))
        assert await count(url, _MESSAGES) == 1
        await asyncio.to_thread(release, url)
        assert not await asyncio.to_thread(presence.beat)  # it comes as a new one
        await memory.store.admit(new_message(2))
    async with opened(tmp_path) as moved:
        assert sum((await moved.store.counts()).by_state.values()) == 1


def fail(error: StorageError) -> None:
    raise error


async def test_what_waits_during_a_move_is_not_written_after_it(tmp_path: Path, url: str) -> None:
    async with silent(url, tmp_path) as memory:
        mover = Mover(url, tmp_path)
        await mover.rests()
        several = [asyncio.create_task(memory.store.admit(new_message(n))) for n in (2, 3, 4)]
        await somebody_waits(url)
        await mover.ends()
        for one in several:
            await refused(one)
        assert await count(url, _MESSAGES) == 1


async def test_a_gateway_on_a_moved_store_says_so_again_and_again(tmp_path: Path, url: str) -> None:
    observer = RecordingObserver()
    async with gateway(url, tmp_path, observer=observer, beat_seconds=0.05):
        await execute(url, _MARK)
        await until(lambda: told(observer))
        await execute(url, _SILENCED)
        await asyncio.sleep(0.3)
        heard = "SELECT count(*) FROM gateways WHERE heard_at > now() - interval '30 seconds'"
        assert await count(url, heard) == 0
        await asyncio.to_thread(release, url)
        await until(lambda: some(url, heard))


async def told(observer: RecordingObserver) -> bool:
    return observer.named("trouble").count(("store", "STORE_MOVED")) > 2
