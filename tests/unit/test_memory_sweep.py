"""Blobs nobody needs go, and no other: whatever refers to them, and whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from depesha.adapters.memory.system import CountingIds, HandClock
from depesha.errors import StorageError
from depesha.queue import statements
from depesha.queue.blobs import FileBlobs
from depesha.queue.opening import Memory
from depesha.queue.sweep import GRACE, Sweeper
from depesha.schemas.envelope import Attachment
from depesha.schemas.facts import Arrival
from depesha.schemas.ids import Digest
from depesha.schemas.lifecycle import InboundEvent, InboundState
from depesha.schemas.message import EvidenceKind
from tests.support.memory import START, arrival, envelope, evidence, new_message, opened, step
from tests.support.outbound_memory import begun, new_outbound, signed, try_of


@pytest.fixture
def clock() -> HandClock:
    return HandClock(START)


@pytest.fixture
async def memory(tmp_path: Path, clock: HandClock) -> AsyncIterator[Memory]:
    async with opened(tmp_path, clock, CountingIds()) as opened_memory:
        yield opened_memory


def old(clock: HandClock) -> None:
    clock.advance(GRACE.total_seconds() + 1)


def message_of(memory: Memory, number: int) -> Arrival:
    """An arrival whose original and two attachments lie in the store."""
    letter = envelope(number)
    files = tuple(
        replace(file, digest=memory.blobs.put(f"file {number} {file.index}".encode()))
        for file in letter.attachments
    )
    came = arrival(number, envelope_=replace(letter, attachments=files))
    return replace(came, original=memory.blobs.put(f"original {number}".encode()))


def files_of(came: Arrival) -> list[Digest]:
    assert came.envelope is not None
    return [file.digest for file in came.envelope.attachments]


def there(memory: Memory, *digests: Digest) -> list[bool]:
    return [memory.blobs.path(digest) is not None for digest in digests]


async def test_orphans_go_once_they_are_old(memory: Memory, clock: HandClock) -> None:
    orphans = [memory.blobs.put(f"orphan {n}".encode()) for n in range(5)]
    assert await memory.sweeper.sweep() == 0
    clock.advance(GRACE.total_seconds())
    assert await memory.sweeper.sweep() == 0
    clock.advance(1)
    young = memory.blobs.put(b"young")
    assert await memory.sweeper.sweep() == 5
    assert there(memory, *orphans, young) == [False] * 5 + [True]
    assert await memory.sweeper.sweep() == 0


async def test_a_messages_bytes_stay(memory: Memory, clock: HandClock) -> None:
    came = message_of(memory, 1)
    await memory.store.admit(new_message(1, arrived=came))
    old(clock)
    assert await memory.sweeper.sweep() == 0
    assert there(memory, came.original, *files_of(came)) == [True] * 3


async def test_a_refused_messages_original_stays_and_its_copies_go(
    memory: Memory, clock: HandClock
) -> None:
    """The original waits to be sealed away; the copies taken out of it are in nobody's interest."""
    came = message_of(memory, 1)
    await memory.store.admit(new_message(1, state=InboundState.REJECTED, arrived=came))
    held = message_of(memory, 2)
    await memory.store.admit(new_message(2, state=InboundState.HELD, arrived=held))
    old(clock)
    assert await memory.sweeper.sweep() == 2
    assert there(memory, came.original, *files_of(came)) == [True, False, False]
    await memory.store.change(step(2, InboundEvent.CHECKED_REJECTED, EvidenceKind.RECHECKED))
    assert await memory.sweeper.sweep() == 2
    assert there(memory, held.original, *files_of(held)) == [True, False, False]


async def test_a_file_that_two_messages_share_stays_for_the_one(
    memory: Memory, clock: HandClock
) -> None:
    came = message_of(memory, 1)
    letter = envelope(2)
    assert came.envelope is not None
    shared = replace(letter, attachments=came.envelope.attachments)
    second = replace(arrival(2, envelope_=shared), original=memory.blobs.put(b"second"))
    await memory.store.admit(new_message(1, arrived=came))
    await memory.store.admit(new_message(2, state=InboundState.HELD, arrived=second))
    await memory.store.change(step(2, InboundEvent.CHECKED_REJECTED, EvidenceKind.RECHECKED))
    old(clock)
    assert await memory.sweeper.sweep() == 0


async def test_what_an_undone_admission_put_is_an_orphan(memory: Memory, clock: HandClock) -> None:
    await memory.store.admit(new_message(1, arrived=message_of(memory, 1)))
    repeat = arrival(2, envelope_=envelope(2, transport=1))
    again = replace(repeat, original=memory.blobs.put(b"the loser of a race"))
    await memory.store.admit(new_message(2, arrived=again))
    old(clock)
    assert await memory.sweeper.sweep() == 1


@pytest.mark.parametrize("kind", [EvidenceKind.REPEATED, EvidenceKind.WORD_RECEIVED])
async def test_what_evidence_names_stays(
    memory: Memory, clock: HandClock, kind: EvidenceKind
) -> None:
    digests = [memory.blobs.put(f"word {n}".encode()) for n in range(3)]
    await memory.journal.record(
        evidence(None, kind, original=digests[0], others=list[str](digests[1:]))
    )
    old(clock)
    assert await memory.sweeper.sweep() == 0


async def test_bytes_whose_destruction_is_evidence_do_not_stay_for_it(
    memory: Memory, clock: HandClock
) -> None:
    again = memory.blobs.put(b"destroyed once, put again, and then nothing")
    await memory.journal.record(evidence(None, EvidenceKind.SHREDDED, digest=again))
    old(clock)
    assert await memory.sweeper.sweep() == 1


async def test_a_document_of_ours_keeps_all_its_parts(memory: Memory, clock: HandClock) -> None:
    file, release, payload = (memory.blobs.put(n) for n in (b"file", b"release", b"payload"))
    named = Attachment(index=1, name="a.pdf", media_type="application/pdf", size=4, digest=file)
    await memory.outbound.submit(new_outbound(1, files=(named,)))
    await memory.outbound.change(replace(signed(1), release=release))
    await memory.outbound.change(replace(begun(1), begin=try_of(1, payload=payload)))
    old(clock)
    assert await memory.sweeper.sweep() == 0
    assert there(memory, file, release, payload) == [True] * 3


async def test_refused_bytes_in_the_clear_once_more_go_where_they_lie_sealed(
    memory: Memory, clock: HandClock
) -> None:
    came = message_of(memory, 1)
    await memory.store.admit(new_message(1, state=InboundState.REJECTED, arrived=came))
    clock.advance(300)
    until = START + timedelta(days=90)
    assert await asyncio.to_thread(memory.quarantine.seal, came.original, until)
    memory.blobs.put(b"original 1")  # sent once more, and then we died
    old(clock)
    assert await memory.sweeper.sweep() == 3
    assert there(memory, came.original) == [False]
    assert await asyncio.to_thread(memory.quarantine.open, came.original) == b"original 1"
    assert await asyncio.to_thread(memory.quarantine.shred, until - timedelta(seconds=1)) == ()


async def test_a_put_during_the_sweep_is_not_lost(
    memory: Memory, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Judged an orphan, then put again by somebody who means to use it, then to be removed."""
    digest = memory.blobs.put(b"wanted again")
    old(clock)
    retire, judged = FileBlobs.retire, threading.Event()

    def late(blobs: FileBlobs, *args: object, **more: object) -> bool:
        judged.set()
        blobs.put(b"wanted again")
        return retire(blobs, *args, **more)  # type: ignore[arg-type] # as it was called

    monkeypatch.setattr(FileBlobs, "retire", late)
    assert await memory.sweeper.sweep() == 0
    assert judged.is_set()
    assert there(memory, digest) == [True]


async def test_mended_bytes_are_not_taken_for_the_damaged_ones(
    memory: Memory, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A put that replaces a damaged file waits for the removal, and then stands."""
    digest = memory.blobs.put(b"whole")
    path = memory.blobs.path(digest)
    assert path is not None
    path.write_bytes(b"torn!")
    os.utime(path, (START.timestamp(), START.timestamp()))
    old(clock)
    have, put_at = FileBlobs._have, FileBlobs.put_at
    decided, looked = threading.Event(), threading.Event()

    def paused(blobs: FileBlobs, *args: Any, **more: Any) -> bool:
        found = have(blobs, *args, **more)
        decided.set()
        looked.wait(5)
        return found

    def slow(blobs: FileBlobs, name: Digest) -> object:
        seen = put_at(blobs, name)
        looked.set()
        putter.join(0.3)  # whole bytes must not come between this look and the removal
        return seen

    monkeypatch.setattr(FileBlobs, "_have", paused)
    monkeypatch.setattr(FileBlobs, "put_at", slow)
    putter = threading.Thread(target=memory.blobs.put, args=(b"whole",))
    putter.start()
    assert decided.wait(5)
    assert await memory.sweeper.sweep() == 1
    putter.join(5)
    assert path.read_bytes() == b"whole"


async def test_sweeps_puts_and_commits_beside_each_other_lose_nothing(
    memory: Memory, clock: HandClock
) -> None:
    digests = [memory.blobs.put(f"blob {n}".encode()) for n in range(60)]
    old(clock)

    async def use(n: int) -> None:
        again = await asyncio.to_thread(memory.blobs.put, f"blob {n}".encode())
        await memory.journal.record(evidence(None, EvidenceKind.WORD_RECEIVED, original=again))

    sweeping = asyncio.create_task(memory.sweeper.sweep())
    await asyncio.gather(*(use(n) for n in range(0, 60, 2)))
    assert await sweeping + await memory.sweeper.sweep() >= 30
    assert there(memory, *digests) == [n % 2 == 0 for n in range(60)]


async def test_only_blobs_are_looked_at(memory: Memory, clock: HandClock, tmp_path: Path) -> None:
    strangers = [tmp_path / "blobs" / name for name in ("ab/note.txt", "spool/1", "readme")]
    for path in strangers:
        path.write_bytes(b"")
        os.utime(path, (0, 0))
    (tmp_path / "blobs" / "cd" / ("0" * 64)).mkdir()
    old(clock)
    assert await memory.sweeper.sweep() == 0
    assert all(path.exists() for path in strangers)


async def test_look_ups_come_in_bounded_batches(memory: Memory, clock: HandClock) -> None:
    orphans = [memory.blobs.put(f"orphan {n}".encode(), durable=False) for n in range(2000)]
    old(clock)
    seen: list[int] = []
    read = memory.db.read

    async def counted(work: object) -> object:
        seen.append(1)
        return await read(work)  # type: ignore[arg-type] # handed on as it came

    memory.db.read = counted  # type: ignore[method-assign, assignment] # counts, and hands on
    sweeper = Sweeper(memory.db, memory.blobs, memory.quarantine, clock, batch=2)
    assert await sweeper.sweep() == len(orphans)
    assert len(seen) >= 1000


async def test_a_disk_that_fails_is_told_and_nothing_is_lost(
    memory: Memory, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    came = message_of(memory, 1)
    await memory.store.admit(new_message(1, arrived=came))
    memory.blobs.put(b"orphan")
    old(clock)
    with monkeypatch.context() as broken:
        broken.setattr(statements, "BLOB_REF", "SELECT 1 FROM nowhere WHERE digest = ?")
        with pytest.raises(StorageError):
            await memory.sweeper.sweep()
    assert await memory.sweeper.sweep() == 1
