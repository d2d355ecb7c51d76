"""The contracts of `BlobStore` and `Quarantine`, on the doubles and on files."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from depesha.errors import DepeshaError, StorageError
from depesha.schemas.envelope import Attachment
from depesha.schemas.ids import Digest
from depesha.schemas.lifecycle import InboundState
from tests.support.memory import (
    BODIES,
    START,
    Body,
    arrival,
    body,
    digest_of,
    envelope,
    new_message,
)
from tests.support.outbound_memory import begun, new_outbound, signed, try_of

MOMENT = 180.0
LATER = START + timedelta(days=30)
SIZES = (0, 1, 1024 * 1024 - 1, 1024 * 1024, 1024 * 1024 + 1, 3 * 1024 * 1024 + 17)


@pytest.fixture(params=BODIES)
async def memory(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Body]:
    async with body(request.param, tmp_path) as opened:
        yield opened


def content(memory: Body, digest: Digest) -> bytes:
    path = memory.blobs.path(digest)
    assert path is not None
    return path.read_bytes()


@pytest.mark.parametrize("durable", [True, False])
def test_bytes_are_found_by_their_digest(memory: Body, *, durable: bool) -> None:
    data = "писмо".encode()
    digest = memory.blobs.put(data, durable=durable)
    assert digest == hashlib.sha256(data).hexdigest()
    assert content(memory, digest) == data
    assert memory.blobs.put(data, durable=True) == digest


def test_a_file_is_moved_in(memory: Body) -> None:
    for _ in range(2):
        spool = memory.blobs.spool()
        spool.write_bytes(b"spooled")
        digest = memory.blobs.put(spool)
        assert not spool.exists()
        assert content(memory, digest) == b"spooled"


def test_spool_paths_are_fresh(memory: Body) -> None:
    paths = {memory.blobs.spool() for _ in range(10)}
    assert len(paths) == 10
    assert not any(path.exists() for path in paths)


def test_what_is_gone_has_no_path(memory: Body) -> None:
    digest = memory.blobs.put(b"soon gone")
    memory.blobs.remove(digest)
    memory.blobs.remove(digest)
    assert memory.blobs.path(digest) is None


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "x" * 64, "A" * 64, "spool"])
def test_no_name_becomes_a_path(memory: Body, name: str) -> None:
    with pytest.raises(DepeshaError):
        memory.blobs.path(Digest(name))


async def test_threads_put_the_same_bytes_at_once(memory: Body) -> None:
    digests = await asyncio.gather(
        *(asyncio.to_thread(memory.blobs.put, b"same bytes") for _ in range(16))
    )
    assert len(set(digests)) == 1
    assert content(memory, digests[0]) == b"same bytes"


@pytest.mark.parametrize("size", SIZES)
async def test_sealed_bytes_can_be_opened_until_shredded(memory: Body, size: int) -> None:
    data = bytes(size)
    digest = memory.blobs.put(data)
    memory.clock.advance(MOMENT)
    assert await sealed(memory, digest)
    assert memory.blobs.path(digest) is None
    assert await asyncio.to_thread(memory.quarantine.open, digest) == data
    assert await asyncio.to_thread(memory.quarantine.shred, LATER - timedelta(seconds=1)) == ()
    assert await asyncio.to_thread(memory.quarantine.open, digest) == data
    assert await asyncio.to_thread(memory.quarantine.shred, LATER) == (digest,)
    assert await asyncio.to_thread(memory.quarantine.shred, LATER) == ()
    with pytest.raises(StorageError):
        await asyncio.to_thread(memory.quarantine.open, digest)


async def sealed(memory: Body, digest: Digest, until: datetime = LATER) -> bool:
    return await asyncio.to_thread(memory.quarantine.seal, digest, until)


async def test_sealing_again_keeps_the_later_time(memory: Body) -> None:
    digest = memory.blobs.put(b"refused")
    memory.clock.advance(MOMENT)
    assert await sealed(memory, digest)
    assert await sealed(memory, digest)
    memory.blobs.put(b"refused")
    assert not await sealed(memory, digest, LATER + timedelta(days=1))
    memory.clock.advance(MOMENT)
    assert await sealed(memory, digest, LATER + timedelta(days=1))
    assert memory.blobs.path(digest) is None
    assert await asyncio.to_thread(memory.quarantine.shred, LATER) == ()
    assert await asyncio.to_thread(memory.quarantine.open, digest) == b"refused"


async def test_bytes_put_a_moment_ago_stay(memory: Body) -> None:
    digest = memory.blobs.put(b"refused")
    memory.clock.advance(MOMENT - 1)
    assert not await sealed(memory, digest)
    memory.blobs.put(b"refused")
    memory.clock.advance(2)
    assert not await sealed(memory, digest)
    assert content(memory, digest) == b"refused"
    with pytest.raises(StorageError):
        await asyncio.to_thread(memory.quarantine.open, digest)


async def test_bytes_of_a_message_that_was_not_refused_stay(memory: Body) -> None:
    digest = memory.blobs.put(b"refused once, then admitted")
    memory.clock.advance(MOMENT)
    refused = replace(arrival(1), original=digest)
    await memory.store.admit(new_message(1, state=InboundState.REJECTED, arrived=refused))
    await memory.store.admit(new_message(2, arrived=refused))
    assert await sealed(memory, digest)
    assert content(memory, digest) == b"refused once, then admitted"
    with pytest.raises(StorageError):
        await asyncio.to_thread(memory.quarantine.open, digest)


async def test_bytes_of_refused_messages_alone_are_sealed(memory: Body) -> None:
    digest = memory.blobs.put(b"refused twice")
    memory.clock.advance(MOMENT)
    for number in (1, 2):
        came = replace(arrival(number), original=digest)
        await memory.store.admit(new_message(number, state=InboundState.REJECTED, arrived=came))
    assert await sealed(memory, digest)
    assert memory.blobs.path(digest) is None


async def ours(memory: Body) -> list[Digest]:
    """Keep a document of ours: its file, the release, the bytes of a try."""
    file, release, payload = (memory.blobs.put(n) for n in (b"file", b"release", b"payload"))
    named = Attachment(index=1, name="a.pdf", media_type="application/pdf", size=4, digest=file)
    await memory.outbound.submit(new_outbound(1, files=(named,)))
    await memory.outbound.change(replace(signed(1), release=release))
    await memory.outbound.change(replace(begun(1), begin=try_of(1, payload=payload)))
    return [file, release, payload]


async def test_our_own_bytes_sent_back_to_us_and_refused_stay(memory: Body) -> None:
    """Whoever has a document of ours could else make us destroy our own copy of it."""
    digests = await ours(memory)
    memory.clock.advance(MOMENT)
    for number, digest in enumerate(digests):
        came = replace(arrival(number), original=digest)
        await memory.store.admit(new_message(number, state=InboundState.REJECTED, arrived=came))
        assert await sealed(memory, digest)
        await asyncio.to_thread(memory.quarantine.drop, digest)
        assert memory.blobs.path(digest) is not None


async def test_a_copy_out_of_refused_bytes_is_dropped(memory: Body) -> None:
    copy, shared = memory.blobs.put(b"copy"), memory.blobs.put(b"shared")
    letter = envelope(2)
    file = replace(letter.attachments[0], digest=shared)
    came = arrival(2, envelope_=replace(letter, attachments=(file,)))
    await memory.store.admit(new_message(2, arrived=came))
    memory.clock.advance(MOMENT - 1)
    await asyncio.to_thread(memory.quarantine.drop, copy)
    assert memory.blobs.path(copy) is not None
    memory.clock.advance(1)
    for digest in (copy, shared, copy, digest_of("nothing")):
        await asyncio.to_thread(memory.quarantine.drop, digest)
    assert memory.blobs.path(copy) is None
    assert memory.blobs.path(shared) is not None


async def test_sealing_at_once_keeps_the_bytes(memory: Body) -> None:
    digest = memory.blobs.put(b"refused by many")
    memory.clock.advance(MOMENT)
    assert all(await asyncio.gather(*(sealed(memory, digest) for _ in range(8))))
    assert await asyncio.to_thread(memory.quarantine.open, digest) == b"refused by many"


async def test_what_is_gone_needs_no_sealing_and_cannot_be_opened(memory: Body) -> None:
    assert await sealed(memory, digest_of("nothing"))
    with pytest.raises(StorageError):
        await asyncio.to_thread(memory.quarantine.open, digest_of("nothing"))


async def test_each_shredding_is_evidence_of_its_own(memory: Body) -> None:
    digests = {memory.blobs.put(data) for data in (b"one", b"two", b"kept on")}
    kept = memory.blobs.put(b"kept on")
    memory.clock.advance(MOMENT)
    for digest in digests:
        until = LATER + timedelta(days=1) if digest == kept else LATER
        assert await sealed(memory, digest, until)
    assert await memory.journal.after(0, 10) == ()
    for _ in range(2):
        await asyncio.to_thread(memory.quarantine.shred, LATER)
    records = await memory.journal.after(0, 10)
    rows = [json.loads(record.body) for record in records]
    assert {record.message_id for record in records} == {""}
    assert {(row["kind"], row["actor"]) for row in rows} == {("SHREDDED", "gateway")}
    assert sorted(row["facts"]["digest"] for row in rows) == sorted(digests - {kept})
    assert await memory.journal.verify() == 2
