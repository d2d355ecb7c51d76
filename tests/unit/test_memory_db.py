"""Group commit, its errors, and the lock on the folder."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from itertools import product
from pathlib import Path

import apsw
import pytest

from depesha.errors import ConfigurationError, StorageError, WrongStateError
from depesha.queue.db import SqliteDatabase
from depesha.queue.lane import Transaction
from tests.support.memory import START

ADD = "INSERT INTO quarantine VALUES (?, 0, x'00')"
ALL = "SELECT digest FROM quarantine ORDER BY digest"


@pytest.fixture
async def troubles() -> list[StorageError]:
    return []


@pytest.fixture
async def db(tmp_path: Path, troubles: list[StorageError]) -> AsyncIterator[SqliteDatabase]:
    database = await SqliteDatabase.open(tmp_path, START, troubles.append)
    yield database
    await database.close()


async def names(db: SqliteDatabase) -> list[str]:
    return [row[0] for row in await db.read(lambda t: t.all(ALL))]


async def add(db: SqliteDatabase, name: str) -> int:
    return await db.write(lambda t: t.run(ADD, name))


async def test_sqlite_is_past_the_fault_that_corrupts_logs(db: SqliteDatabase) -> None:
    row = await db.read(lambda t: t.one("SELECT sqlite_version()"))
    assert row is not None
    assert tuple(map(int, row[0].split("."))) >= (3, 51, 3)


async def test_every_commit_is_synced(db: SqliteDatabase) -> None:
    def settings(t: Transaction) -> list[object]:
        wanted = ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers")
        return [(t.one(f"PRAGMA {name}") or [None])[0] for name in wanted]

    assert await db.write(settings) == ["wal", 2, 1, 1]


async def test_no_row_is_copied_to_a_file_outside_of_the_store(db: SqliteDatabase) -> None:
    """What a savepoint may undo is kept in memory, not in /var/tmp."""
    assert await db.write(lambda t: t.one("PRAGMA temp_store")) == (2,)


async def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    """Whatever the permissions of a folder that an administrator made."""
    folder = tmp_path / "open to all"
    folder.mkdir(mode=0o755)
    database = await SqliteDatabase.open(folder, START)
    try:
        await add(database, "a")
        files = [file for file in folder.iterdir() if file.name.startswith("depesha.db")]
        assert len(files) == 3
        assert all(file.stat().st_mode & 0o077 == 0 for file in files)
    finally:
        await database.close()


async def test_who_waits_shares_one_commit(db: SqliteDatabase) -> None:
    commits: list[int] = []

    def committing() -> bool:
        commits.append(1)
        return False

    gate = threading.Event()
    db._writer._connection.set_commit_hook(committing)
    first = asyncio.create_task(db.write(lambda _t: gate.wait(5)))
    await asyncio.sleep(0.05)
    others = [asyncio.create_task(add(db, f"{n:03}")) for n in range(250)]
    await asyncio.sleep(0.05)
    gate.set()
    await asyncio.gather(first, *others)
    assert len(await names(db)) == 250
    assert len(commits) == 3  # the one that held the gate, then 200, then 50


async def test_one_callers_error_undoes_its_part_alone(db: SqliteDatabase) -> None:
    def wrong(transaction: Transaction) -> None:
        transaction.run(ADD, "wrong")
        raise WrongStateError("not now")

    def twice(transaction: Transaction) -> None:
        transaction.run(ADD, "twice")
        transaction.run(ADD, "twice")

    def fault(transaction: Transaction) -> None:
        transaction.run(ADD, "fault")
        raise ZeroDivisionError

    results = await asyncio.gather(
        add(db, "a"),
        db.write(wrong),
        add(db, "b"),
        db.write(twice),
        db.write(fault),
        add(db, "c"),
        return_exceptions=True,
    )
    assert [type(r) for r in results] == [
        int,
        WrongStateError,
        int,
        StorageError,
        ZeroDivisionError,
        int,
    ]
    assert await names(db) == ["a", "b", "c"]


@pytest.mark.parametrize("failing", list(product((False, True), repeat=3)))
async def test_whoever_fails_in_a_group_takes_nobody_along(
    db: SqliteDatabase, failing: tuple[bool, ...]
) -> None:
    """The first to write has no savepoint, so each order counts."""

    def work(n: int) -> Callable[[Transaction], int]:
        def one(transaction: Transaction) -> int:
            transaction.run(ADD, str(n))
            transaction.memory["last"] = n
            if failing[n]:
                raise WrongStateError("not now")
            return n

        return one

    gate = threading.Event()
    first = asyncio.create_task(db.write(lambda _t: gate.wait(5)))
    await asyncio.sleep(0.02)
    others = [asyncio.create_task(db.write(work(n))) for n in range(3)]
    await asyncio.sleep(0.02)
    gate.set()
    results = await asyncio.gather(*others, return_exceptions=True)
    assert await first
    good = [n for n in range(3) if not failing[n]]
    assert [r for r in results if isinstance(r, int)] == good
    assert [isinstance(r, WrongStateError) for r in results] == list(failing)
    assert await names(db) == [str(n) for n in good]
    last = await db.write(lambda t: t.memory.get("last"))
    assert last == (None if not good or failing[2] else good[-1])


async def test_a_failed_commit_fails_everybody(
    db: SqliteDatabase, troubles: list[StorageError]
) -> None:
    db._writer._connection.set_commit_hook(lambda: True)
    results = await asyncio.gather(add(db, "a"), add(db, "b"), return_exceptions=True)
    assert [type(r) for r in results] == [StorageError, StorageError]
    assert troubles
    db._writer._connection.set_commit_hook(None)
    assert await names(db) == []
    await add(db, "c")
    assert await names(db) == ["c"]


async def test_a_full_disk_is_a_storage_error_and_passes(
    db: SqliteDatabase, troubles: list[StorageError]
) -> None:
    def fill(transaction: Transaction) -> None:
        for n in range(1000):
            transaction.run("INSERT INTO quarantine VALUES (?, 0, zeroblob(4000))", str(n))

    await db.write(lambda t: t.one("PRAGMA max_page_count = 40"))
    results = await asyncio.gather(add(db, "a"), db.write(fill), return_exceptions=True)
    assert isinstance(results[1], StorageError)
    assert results[1].temporary
    assert "0" not in await names(db)
    await db.write(lambda t: t.one("PRAGMA max_page_count = 1000000"))
    await add(db, "after")
    assert "after" in await names(db)


async def test_what_was_remembered_is_forgotten_with_a_rollback(db: SqliteDatabase) -> None:
    def remember(transaction: Transaction) -> None:
        transaction.memory["head"] = "wrong"
        raise WrongStateError("not now")

    with pytest.raises(WrongStateError):
        await db.write(remember)
    assert await db.write(lambda t: t.memory.get("head")) is None


async def test_a_read_sees_what_was_written_before_it(db: SqliteDatabase) -> None:
    for n in range(50):
        await add(db, f"{n:02}")
        assert (await names(db))[-1] == f"{n:02}"


async def test_the_reading_connection_cannot_write(db: SqliteDatabase) -> None:
    with pytest.raises(StorageError):
        await db.read(lambda t: t.run(ADD, "a"))


async def test_a_readers_error_is_its_own(db: SqliteDatabase) -> None:
    results = await asyncio.gather(
        names(db), db.read(lambda _t: 1 // 0), names(db), return_exceptions=True
    )
    assert [type(r) for r in results] == [list, ZeroDivisionError, list]


async def test_the_event_loop_is_never_held(db: SqliteDatabase) -> None:
    gate = threading.Event()
    slow = asyncio.create_task(db.write(lambda _t: gate.wait(5)))
    beats = 0
    for _ in range(20):
        await asyncio.sleep(0.001)
        beats += 1
    assert not slow.done()
    gate.set()
    assert await slow
    assert beats == 20


async def test_a_caller_that_gave_up_before_its_turn_writes_nothing(db: SqliteDatabase) -> None:
    gate = threading.Event()
    first = asyncio.create_task(db.write(lambda _t: gate.wait(5)))
    await asyncio.sleep(0.05)
    gone = asyncio.create_task(add(db, "gone"))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    gate.set()
    await first
    await add(db, "here")
    assert await names(db) == ["here"]


async def test_worker_threads_may_wait_for_the_same_writer(db: SqliteDatabase) -> None:
    await asyncio.gather(
        *(asyncio.to_thread(db.write_blocking, lambda t, n=n: t.run(ADD, str(n))) for n in range(8))
    )
    rows = await asyncio.to_thread(db.read_blocking, lambda t: t.all(ALL))
    assert len(rows) == 8


async def test_closing_serves_who_waits_and_then_refuses(tmp_path: Path) -> None:
    db = await SqliteDatabase.open(tmp_path, START)
    waiting = [asyncio.create_task(add(db, str(n))) for n in range(20)]
    await asyncio.sleep(0)
    await db.close()
    await db.close()
    assert await asyncio.gather(*waiting) == [1] * 20
    with pytest.raises(StorageError):
        await add(db, "late")
    assert not (tmp_path / "depesha.db-wal").exists()


async def test_a_second_process_is_refused(db: SqliteDatabase, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        await SqliteDatabase.open(tmp_path, START)
    assert "in use" in refusal.value.public
    assert refusal.value.remedy


async def test_a_folder_is_free_again_after_closing(tmp_path: Path) -> None:
    for _ in range(2):
        await (await SqliteDatabase.open(tmp_path, START)).close()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "depesha.db").write_bytes(b"something else " * 1000)
    for _ in range(2):  # the second time too: the lock was let go
        with pytest.raises(StorageError):
            await SqliteDatabase.open(tmp_path, START)


async def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigurationError):
        await SqliteDatabase.open(tmp_path / "file" / "data", START)


def test_the_engine_is_the_one_apsw_brings() -> None:
    assert apsw.using_amalgamation
