"""Opening the whole memory, and what the eyes are told when the disk fails."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.memory.system import CountingIds, HandClock
from depesha.errors import ConfigurationError, StorageError
from depesha.queue.db import SqliteDatabase
from depesha.queue.opening import open_memory
from depesha.schemas.message import Stored
from tests.support.memory import SEAL_KEY, START, id_of, new_message, opened


async def test_what_was_stored_is_there_after_reopening(tmp_path: Path) -> None:
    async with opened(tmp_path) as memory:
        assert await memory.store.admit(new_message(1)) == Stored(message_id=id_of(1))
        before = await memory.store.get(id_of(1))
    async with opened(tmp_path) as memory:
        assert await memory.store.get(id_of(1)) == before


async def test_only_one_gateway_may_hold_the_folder(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(ConfigurationError):
            async with opened(tmp_path):
                pass


async def test_a_failed_opening_lets_go_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_bytes(b"in the way")
    with pytest.raises(StorageError):
        async with opened(tmp_path):
            pass
    (tmp_path / "blobs").unlink()
    async with opened(tmp_path):
        pass


async def test_the_eyes_are_told_of_a_failing_disk(tmp_path: Path) -> None:
    observer = RecordingObserver()
    memory = await open_memory(
        tmp_path,
        clock=HandClock(START),
        ids=CountingIds(),
        seal_key=SEAL_KEY,
        observer=observer,
    )
    assert isinstance(memory.db, SqliteDatabase)
    memory.db._writer._connection.set_commit_hook(lambda: True)
    with pytest.raises(StorageError):
        await memory.store.admit(new_message(1))
    await asyncio.sleep(0)
    assert observer.named("trouble") == [("store", "STORAGE")]
    await memory.close()
    with pytest.raises(StorageError):
        await memory.store.admit(new_message(1))
