"""The destruction of quarantine keys: all that are due, each with its evidence or not at all."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from depesha.errors import StorageError
from depesha.queue import statements
from depesha.queue.lane import Transaction
from depesha.queue.opening import Memory
from depesha.queue.rows import to_micros
from tests.support.memory import START, digest_of, opened

KEYS = "SELECT count(*) FROM quarantine"


async def due(memory: Memory, count: int) -> None:
    """Let so many keys be past their time."""
    limit = to_micros(START - timedelta(days=1))

    def keep(transaction: Transaction) -> None:
        for number in range(count):
            transaction.run(statements.KEEP_KEY, digest_of(str(number)), limit, b"k" * 32)

    await memory.db.write(keep)


@pytest.mark.parametrize("count", [0, 999, 1000, 2001])
async def test_a_long_backlog_is_shredded_in_one_run(tmp_path: Path, count: int) -> None:
    async with opened(tmp_path) as memory:
        await due(memory, count)
        shredded = await asyncio.to_thread(memory.quarantine.shred, START)
        assert len(set(shredded)) == len(shredded) == count
        assert await memory.db.read(lambda t: t.one(KEYS)) == (0,)
        assert await memory.journal.verify() == count


async def test_no_key_is_destroyed_without_its_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as memory:
        await due(memory, 2)
        with monkeypatch.context() as broken:
            broken.setattr(statements, "ADD_EVIDENCE", "INSERT INTO nowhere VALUES (?1, ?6)")
            with pytest.raises(StorageError):
                await asyncio.to_thread(memory.quarantine.shred, START)
        assert await memory.db.read(lambda t: t.one(KEYS)) == (2,)
        assert len(await asyncio.to_thread(memory.quarantine.shred, START)) == 2
        assert await memory.journal.verify() == 2
