"""A back-up of a store that is being written, looked at byte by byte, and put back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from depesha.adapters.memory.system import HandClock
from depesha.errors import ConfigurationError, DepeshaError, EvidenceError
from depesha.queue.backup import reading
from depesha.queue.backup_reading import verify_backup
from depesha.queue.backup_shelf import Shelf
from depesha.queue.restore import fill, restoring
from depesha.schemas.backup import Keeping, Manifest
from depesha.schemas.journal import SealKey
from tests.support.backups import back_up, keep, maker, quiet
from tests.support.memory import SEAL_KEY, START, new_message, opened

OTHER = SealKey(bytes(range(1, 33)))


def put_back(shelf: Shelf, name: str, folder: Path) -> Manifest:
    with restoring(folder) as fresh:
        return fill(shelf, name, fresh, quiet, (SEAL_KEY.public,))


async def test_a_store_under_constant_writing_is_copied_as_of_one_moment(tmp_path: Path) -> None:
    store, to = tmp_path / "store", tmp_path / "to"
    stop = asyncio.Event()
    waits: list[float] = []
    written = 0

    async def write() -> None:
        nonlocal written
        while not stop.is_set():
            began = time.monotonic()
            await keep(memory, written, f"bytes {written}".encode() * 50)
            waits.append(time.monotonic() - began)
            written += 1
            if written % 10 == 0:
                await memory.journal.seal()

    async with opened(store) as memory:
        for number in range(200):
            await memory.store.admit(new_message(number))
        writing = asyncio.create_task(write())
        await asyncio.sleep(0.2)
        before = written
        manifest = await back_up(store, to)
        meanwhile = written - before
        await asyncio.sleep(0.1)
        stop.set()
        await writing
    assert meanwhile > 0, "the gateway went on writing"
    assert max(waits) < 2.0
    found = await asyncio.to_thread(verify_backup, Shelf(to), manifest.name, quiet)
    assert found.whole, found
    assert found.rows == manifest.sequence >= 200
    # Originals of these messages were never put: named as missing, and nothing else is.
    assert len(manifest.missing) == 600
    assert manifest.damaged == ()

    again = tmp_path / "again"
    assert put_back(Shelf(to), manifest.name, again) == manifest
    async with opened(again) as restored:
        assert await restored.journal.verify() == manifest.sequence
        for name, size in manifest.blobs:
            place = restored.blobs.path(name)
            assert place is not None
            assert place.stat().st_size == size
        assert (await restored.store.counts()).by_state == {"ADMITTED": 200}


async def test_a_second_one_copies_only_what_is_new(tmp_path: Path) -> None:
    store, to, clock = tmp_path / "store", tmp_path / "to", HandClock(START)
    async with opened(store) as memory:
        old = await keep(memory, 1, b"old" * 1000)
        first = await back_up(store, to, clock)
        shelf = Shelf(to)
        stamp = shelf.place(old).stat().st_mtime_ns
        clock.advance(60)
        new = await keep(memory, 2, b"new" * 1000)
        second = await back_up(store, to, clock)
        assert {name for name, _ in second.blobs} == {old, new}
        assert shelf.place(old).stat().st_mtime_ns == stamp
        assert shelf.names() == (first.name, second.name)
        assert second.at - first.at == timedelta(seconds=60)

        await asyncio.to_thread(memory.blobs.remove, old)
        clock.advance(60)
        third = await back_up(store, to, clock)
        assert third.missing == (old,)

    shelf.thin(Keeping(latest=1))
    assert shelf.names() == (third.name,)
    assert not shelf.place(old).exists(), "nothing that stays needs it"
    assert shelf.place(new).exists()
    assert verify_backup(shelf, third.name, quiet).whole


async def test_state_goes_before_the_database_and_what_grows_after_it(tmp_path: Path) -> None:
    store, to = tmp_path / "store", tmp_path / "to"
    async with opened(store) as memory:
        await keep(memory, 1, b"bytes")
        (store / "isds-box.json").write_text("{}")
        (store / "numbers.log").write_text("1\n")
        (store / "half.json.new").write_text("{")
        seen: list[str] = []
        made = maker(store, to)

        def watch(what: str, _done: int, _all: int) -> None:
            if what == "database" and not seen:
                seen.append(what)
                (store / "isds-box.json").write_text('{"later":1}')
                (store / "numbers.log").write_text("1\n2\n")

        made._progress = watch
        manifest = await asyncio.to_thread(made.make)
    put_back(Shelf(to), manifest.name, tmp_path / "again")
    assert (tmp_path / "again/isds-box.json").read_text() == "{}"
    assert (tmp_path / "again/numbers.log").read_text() == "1\n2\n"
    assert not (tmp_path / "again/half.json.new").exists()
    assert not (tmp_path / "again/config").exists(), "settings are a person's to put back"


async def test_a_store_that_nobody_holds_is_backed_up_too(tmp_path: Path) -> None:
    store = tmp_path / "store"
    async with opened(store) as memory:
        await keep(memory, 1, b"bytes")
    manifest = await back_up(store, tmp_path / "to")
    assert len(manifest.blobs) == 1
    with pytest.raises(ConfigurationError):
        await back_up(tmp_path / "nothing", tmp_path / "to")


async def test_every_changed_byte_is_found(tmp_path: Path) -> None:
    store, to = tmp_path / "store", tmp_path / "to"
    async with opened(store) as memory:
        name = await keep(memory, 1, b"bytes")
        await memory.journal.seal()
        manifest = await back_up(store, to)
    shelf = Shelf(to)
    blob = shelf.place(name)
    blob.write_bytes(b"other")
    found = verify_backup(shelf, manifest.name, quiet)
    assert found.changed == (name,)
    assert not found.whole
    with pytest.raises(EvidenceError):
        put_back(shelf, manifest.name, tmp_path / "again")
    assert not (tmp_path / "again").exists(), "whole or not at all"
    blob.unlink()
    assert verify_backup(shelf, manifest.name, quiet).lost == (name,)
    with pytest.raises(DepeshaError):
        put_back(shelf, manifest.name, tmp_path / "again")
    with pytest.raises(EvidenceError, match="not expected"):
        verify_backup(shelf, manifest.name, quiet, (OTHER.public,))


async def test_evidence_that_was_rewritten_is_refused_though_every_digest_fits(
    tmp_path: Path,
) -> None:
    """Whoever holds the store and the signing key can make digests fit, but not the chain."""
    store, to = tmp_path / "store", tmp_path / "to"
    async with opened(store) as memory:
        await keep(memory, 1, b"bytes")
        await memory.journal.seal()
        await keep(memory, 2, b"more")
        await memory.journal.seal()
    import apsw  # noqa: PLC0415 - only the forger needs it

    with contextlib.closing(apsw.Connection(str(store / "depesha.db"))) as forger:
        forger.execute("DROP TRIGGER evidence_stays")
        forger.execute("UPDATE evidence SET body = replace(body, 'gateway', 'nobody')")
    manifest = await back_up(store, to)
    found = verify_backup(Shelf(to), manifest.name, quiet)
    assert "does not fit the chain" in found.fault
    with pytest.raises(EvidenceError, match="chain"):
        put_back(Shelf(to), manifest.name, tmp_path / "again")


async def test_a_damaged_blob_is_named_and_the_rest_is_saved(tmp_path: Path) -> None:
    store, to = tmp_path / "store", tmp_path / "to"
    async with opened(store) as memory:
        bad, good = await keep(memory, 1, b"bytes"), await keep(memory, 2, b"more")
        place = memory.blobs.path(bad)
        assert place is not None
        place.write_bytes(b"rotten")
        manifest = await back_up(store, to)
    assert manifest.damaged == (bad,)
    assert [name for name, _ in manifest.blobs] == [good]


async def test_an_interrupted_one_never_looks_like_a_whole_one(tmp_path: Path) -> None:
    store, to = tmp_path / "store", tmp_path / "to"
    async with opened(store) as memory:
        for number in range(300):
            await keep(memory, number, f"bytes {number}".encode())
    program = (
        "import os, sys, signal\n"
        "from pathlib import Path\n"
        "from tests.support.backups import maker\n"
        "made = maker(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "def die(what, done, all_):\n"
        "    if what == sys.argv[3]:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "made._progress = die\n"
        "made.make()\n"
    )
    for what in ("blobs", "database"):
        died = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", program, str(store), str(to), what],
            cwd=Path(__file__).parents[2],
            env={**os.environ},
            check=False,
        )
        assert died.returncode == -9
        assert Shelf(to).names() == ()
    manifest = await back_up(store, to)
    assert verify_backup(Shelf(to), manifest.name, quiet).whole
    assert [one.name for one in to.iterdir() if one.name.startswith(".making")] == []


async def test_nothing_is_ever_put_over_a_store(tmp_path: Path) -> None:
    store, to = tmp_path / "store", tmp_path / "to"
    async with opened(store) as memory:
        await keep(memory, 1, b"bytes")
        manifest = await back_up(store, to)
    with pytest.raises(ConfigurationError, match="not empty"):
        put_back(Shelf(to), manifest.name, store)
    assert (store / "depesha.db").exists()
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "lock").touch()
    put_back(Shelf(to), manifest.name, empty)
    with reading(empty / "depesha.db") as connection:
        assert connection.execute("SELECT count(*) FROM evidence").fetchone() == (1,)


async def test_refused_bytes_come_back_with_their_keys(tmp_path: Path) -> None:
    store, to, clock = tmp_path / "store", tmp_path / "to", HandClock(START)
    async with opened(store, clock) as memory:
        name = await asyncio.to_thread(memory.blobs.put, b"refused")
        clock.advance(600)
        until = START + timedelta(days=30)
        assert await asyncio.to_thread(memory.quarantine.seal, name, until)
        manifest = await back_up(store, to, clock)
    put_back(Shelf(to), manifest.name, tmp_path / "again")
    async with opened(tmp_path / "again", clock) as restored:
        assert await asyncio.to_thread(restored.quarantine.open, name) == b"refused"
