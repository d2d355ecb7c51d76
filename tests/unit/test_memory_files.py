"""Blobs and quarantine on the disk: crashes, damage, and what an outsider may see."""

from __future__ import annotations

import asyncio
import errno
import os
import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from depesha.adapters.memory.system import CountingIds, HandClock
from depesha.errors import StorageError
from depesha.queue.blobs import FileBlobs
from depesha.queue.opening import Memory
from depesha.queue.quarantine import MOMENT
from depesha.schemas.ids import Digest
from tests.support.memory import START, digest_of, opened

LATER = START + timedelta(days=30)
DATA = "това не бива да се чете ".encode() * 100_000  # 4 MB: several pieces


@pytest.fixture
def clock() -> HandClock:
    return HandClock(START)


@pytest.fixture
async def memory(tmp_path: Path, clock: HandClock) -> AsyncIterator[Memory]:
    async with opened(tmp_path, clock, CountingIds()) as opened_memory:
        yield opened_memory


@pytest.fixture
def blobs(tmp_path: Path, clock: HandClock) -> FileBlobs:
    return FileBlobs(tmp_path / "blobs", clock)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_bytes_lie_under_their_digest_and_for_us_alone(blobs: FileBlobs, tmp_path: Path) -> None:
    digest = blobs.put(b"data")
    path = blobs.path(digest)
    assert path == tmp_path / "blobs" / digest[:2] / digest
    assert path.stat().st_mode & 0o777 == 0o600
    assert files(tmp_path) == [path]


def test_a_file_that_was_moved_in_is_for_us_alone_too(blobs: FileBlobs) -> None:
    spool = blobs.spool()
    spool.write_bytes(b"moved in")
    moved = blobs.path(blobs.put(spool))
    assert moved is not None
    assert moved.stat().st_mode & 0o777 == 0o600


def test_the_spool_is_emptied_at_start(blobs: FileBlobs, tmp_path: Path) -> None:
    blobs.spool().write_bytes(b"half a message")
    kept = blobs.put(b"kept")
    again = FileBlobs(tmp_path / "blobs", HandClock(START))
    assert [path.name for path in files(tmp_path)] == [kept]
    assert again.path(kept) is not None


@pytest.mark.parametrize("damaged", [b"", b"fulL", b"full and more"])
@pytest.mark.parametrize("durable", [True, False])
def test_damage_from_a_power_cut_is_mended_by_the_next_put(
    blobs: FileBlobs, damaged: bytes, *, durable: bool
) -> None:
    digest = blobs.put(b"full", durable=False)
    path = blobs.path(digest)
    assert path is not None
    path.write_bytes(damaged)
    assert blobs.put(b"full", durable=durable) == digest
    assert path.read_bytes() == b"full"
    path.write_bytes(damaged)
    spool = blobs.spool()
    spool.write_bytes(b"full")
    assert blobs.put(spool, durable=durable) == digest
    assert path.read_bytes() == b"full"


def test_what_the_disk_refuses_is_a_storage_error(blobs: FileBlobs, tmp_path: Path) -> None:
    digest = digest_of("data")
    (tmp_path / "blobs" / digest[:2]).rmdir()
    (tmp_path / "blobs" / digest[:2]).write_bytes(b"no folder")
    for source in (b"data", blobs.spool()):
        with pytest.raises(StorageError) as refusal:
            blobs.put(source)
        assert str(tmp_path) not in str(refusal.value)
    with pytest.raises(StorageError):
        blobs.remove(digest)


@pytest.mark.parametrize("as_file", [False, True])
def test_a_full_disk_is_not_kept_full_by_what_it_refused(
    blobs: FileBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, as_file: bool
) -> None:
    source = blobs.spool()
    if as_file:
        source.write_bytes(b"data")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError):
        blobs.put(source if as_file else b"data")
    assert [path for path in files(tmp_path) if path.is_file()] == []


def test_bytes_put_again_are_not_retired(blobs: FileBlobs, clock: HandClock) -> None:
    digest = blobs.put(b"data")
    last_put = blobs.put_at(digest)
    assert last_put == START
    clock.advance(1)
    blobs.put(b"data")
    assert not blobs.retire(digest, last_put)
    assert blobs.path(digest) is not None
    assert blobs.retire(digest, START + timedelta(seconds=1))
    assert blobs.path(digest) is None
    assert blobs.retire(digest, last_put)


async def seal(memory: Memory, clock: HandClock, data: bytes = DATA) -> Digest:
    digest = memory.blobs.put(data)
    clock.advance(MOMENT.total_seconds())
    assert await asyncio.to_thread(memory.quarantine.seal, digest, LATER)
    return digest


async def opened_bytes(memory: Memory, digest: Digest) -> bytes:
    return await asyncio.to_thread(memory.quarantine.open, digest)


async def test_sealed_bytes_are_nowhere_in_the_clear(
    memory: Memory, clock: HandClock, tmp_path: Path
) -> None:
    digest = await seal(memory, clock)
    assert await opened_bytes(memory, digest) == DATA
    for path in files(tmp_path):
        assert DATA[:40] not in path.read_bytes()


@pytest.mark.parametrize(
    "damage",
    [
        lambda sealed: sealed[:-1],
        lambda sealed: sealed[: 1024 * 1024 + 16],
        lambda sealed: sealed + b"\0",
        lambda sealed: sealed[1024 * 1024 + 16 :],
        lambda sealed: bytes([sealed[0] ^ 1]) + sealed[1:],
        lambda _sealed: b"",
    ],
)
async def test_damaged_sealed_bytes_are_not_opened(
    memory: Memory, clock: HandClock, tmp_path: Path, damage: object
) -> None:
    digest = await seal(memory, clock)
    place = tmp_path / "quarantine" / digest
    assert callable(damage)
    place.write_bytes(damage(place.read_bytes()))
    with pytest.raises(StorageError):
        await opened_bytes(memory, digest)


async def test_each_item_has_a_key_of_its_own(
    memory: Memory, clock: HandClock, tmp_path: Path
) -> None:
    one, two = await seal(memory, clock, b"1" * 99), await seal(memory, clock, b"2" * 99)
    places = [tmp_path / "quarantine" / digest for digest in (one, two)]
    first, second = (place.read_bytes() for place in places)
    places[0].write_bytes(second)
    places[1].write_bytes(first)
    for digest in (one, two):
        with pytest.raises(StorageError):
            await opened_bytes(memory, digest)
    keys = await memory.db.read(lambda t: t.all("SELECT key FROM quarantine"))
    assert len({bytes(row[0]) for row in keys}) == 2


async def test_a_shredded_key_is_gone_from_the_disk(
    memory: Memory, clock: HandClock, tmp_path: Path
) -> None:
    digest = await seal(memory, clock)
    (row,) = await memory.db.read(lambda t: t.all("SELECT key FROM quarantine"))
    key = bytes(row[0])

    def anywhere() -> bool:
        return any(key in path.read_bytes() for path in files(tmp_path))

    assert anywhere()
    assert await asyncio.to_thread(memory.quarantine.shred, LATER) == (digest,)
    assert not anywhere()
    assert not re.search(rf"quarantine/{digest}", " ".join(map(str, files(tmp_path))))


async def test_what_a_crash_left_without_a_key_is_swept_at_start(
    clock: HandClock, tmp_path: Path
) -> None:
    async with opened(tmp_path, clock) as memory:
        kept = await seal(memory, clock)
    orphan = tmp_path / "quarantine" / digest_of("orphan")
    orphan.write_bytes(b"ciphertext")
    orphan.with_suffix(".new").write_bytes(b"half of it")
    async with opened(tmp_path, clock) as memory:
        assert [path.name for path in files(tmp_path / "quarantine")] == [kept]
        assert await opened_bytes(memory, kept) == DATA


async def test_a_crash_between_key_and_clear_bytes_is_mended(
    memory: Memory, clock: HandClock, tmp_path: Path
) -> None:
    digest = await seal(memory, clock)
    memory.blobs.put(DATA)  # as if the clear bytes had not been removed
    clock.advance(MOMENT.total_seconds())
    assert await asyncio.to_thread(memory.quarantine.seal, digest, LATER)
    assert memory.blobs.path(digest) is None
    (tmp_path / "quarantine" / digest).unlink()  # as if the file had not become durable
    memory.blobs.put(DATA)
    clock.advance(MOMENT.total_seconds())
    assert await asyncio.to_thread(memory.quarantine.seal, digest, LATER)
    assert await opened_bytes(memory, digest) == DATA


async def test_memory_stays_bounded_while_sealing(memory: Memory, clock: HandClock) -> None:
    spool = memory.blobs.spool()
    with spool.open("wb") as file:
        os.ftruncate(file.fileno(), 200 * 1024 * 1024)
    digest = memory.blobs.put(spool, durable=False)
    clock.advance(MOMENT.total_seconds())
    before = _resident()
    assert await asyncio.to_thread(memory.quarantine.seal, digest, LATER)
    assert _resident() - before < 20 * 1024 * 1024


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_bytes_put_again_by_another_process_are_not_taken_away(tmp_path: Path) -> None:
    """Between the last look at old bytes and their removal, another gateway puts them again."""
    clock = HandClock(START)
    one, two = FileBlobs(tmp_path, clock, "one"), FileBlobs(tmp_path, clock, "two")
    digest = one.put(DATA)
    last_put = one.put_at(digest)
    assert last_put is not None
    clock.advance(60)

    class Interfered(FileBlobs):
        def put_at(self, digest: Digest) -> datetime | None:
            seen = super().put_at(digest)
            two.put(DATA)
            return seen

    assert not Interfered(tmp_path, clock, "three").retire(digest, last_put)
    place = two.path(digest)
    assert place is not None
    assert place.read_bytes() == DATA
    assert one.put_at(digest) == clock.now()
