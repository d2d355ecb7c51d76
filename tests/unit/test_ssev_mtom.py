"""MTOM both ways: whatever the pieces, whatever the cut; limits while streaming."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from depesha.adapters.memory.system import InlineThreads
from depesha.adapters.multipart import MtomAnswer, MtomLimits, read_answer
from depesha.adapters.ssev.mtom import FilePart, MtomRequest
from depesha.errors import BrokenOffError, StorageError, TooLargeError, WireError
from depesha.simulators.ssev_mtom import Parts, split

THREADS = InlineThreads()
TRICKY = b"\r\n--uuid:x\r\n--\r\n\r\n--uuid:" + bytes(range(256)) * 20


def answer(*contents: bytes) -> tuple[str, bytes]:
    parts = Parts(0)
    for content in contents:
        parts.add(content)
    return parts.join(b"<a/>", "uuid:1+id=1")


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def read(
    kind: str, body: bytes, folder: Path, size: int = 7, limits: MtomLimits | None = None
) -> MtomAnswer:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    return await read_answer(
        kind, chunks(), folder=folder, limits=limits or MtomLimits(service="SSEV"), threads=THREADS
    )


@pytest.mark.parametrize("size", [1, 2, 7, 64, 100_000])
async def test_parts_come_out_whole_whatever_the_pieces(tmp_path: Path, size: int) -> None:
    kind, body = answer(TRICKY, b"", b"\r\n")
    got = await read(kind, body, tmp_path, size)
    assert got.envelope == b"<a/>"
    stored = list(got.parts.values())
    assert [part.path.read_bytes() for part in stored] == [TRICKY, b"", b"\r\n"]
    assert stored[0].digest == hashlib.sha256(TRICKY).hexdigest()
    name = next(iter(got.parts)).replace(":", "%3A").replace("/", "%2F")
    assert got.included(f"cid:{name}").size == len(TRICKY)
    with pytest.raises(WireError):
        got.included("cid:none")


async def test_an_answer_cut_anywhere_is_broken_off_and_leaves_no_file(tmp_path: Path) -> None:
    kind, body = answer(TRICKY)
    for end in range(0, len(body) - 4, 97):
        with pytest.raises(BrokenOffError):
            await read(kind, body[:end], tmp_path, 500)
    assert files_in(tmp_path) == []


async def test_limits_hold_while_streaming(tmp_path: Path) -> None:
    kind, body = answer(b"x" * 5000)
    with pytest.raises(TooLargeError):
        await read(kind, body, tmp_path, limits=MtomLimits(service="SSEV", part_bytes=4999))
    with pytest.raises(TooLargeError):
        await read(kind, body, tmp_path, limits=MtomLimits(service="SSEV", envelope_bytes=3))
    with pytest.raises(TooLargeError):
        await read(
            "text/xml", b"x" * 11, tmp_path, limits=MtomLimits(service="SSEV", envelope_bytes=10)
        )
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda body: b"garbage" * 3000 + body,
        lambda body: body.replace(b"Transfer-Encoding: binary", b"Transfer-Encoding: base64"),
        lambda body: body.replace(b"id=1\r\nContent-ID", b"id=1 x\r\nContent-ID"),
        lambda body: body.replace(b"Content-ID: <", b"X: " + b"y" * 9000 + b"\r\nContent-ID: <"),
    ],
)
async def test_what_is_no_multipart_is_refused(tmp_path: Path, change: object) -> None:
    kind, body = answer(b"abc")
    assert callable(change)
    with pytest.raises(WireError):
        await read(kind, change(body), tmp_path, 1000)


async def test_a_request_is_as_long_as_it_says_and_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(TRICKY)
    request = MtomRequest(
        envelope=b"<e/>",
        parts=[FilePart(content_id="f@x", path=path, size=len(TRICKY))],
        boundary="depesha-1",
        action="urn:x",
    )
    async with request.body(THREADS) as pieces:
        body = b"".join([piece async for piece in pieces])
    assert len(body) == request.length == int(request.headers["Content-Length"])
    envelope, parts = split(request.headers["Content-Type"], body)
    assert envelope == b"<e/>"
    assert parts == {"f@x": TRICKY}


async def test_a_file_that_changed_stops_a_request_before_it_leaves(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    for changed in (
        FilePart(content_id="f", path=path, size=4),
        FilePart(content_id="f", path=tmp_path / "none", size=4),
    ):
        request = MtomRequest(envelope=b"", parts=[changed], boundary="b", action="a")
        with pytest.raises(StorageError):
            await request.body(THREADS).__aenter__()


async def test_memory_stays_at_a_few_pieces(tmp_path: Path) -> None:
    head, tail = answer(b"MIDDLE")[1].split(b"MIDDLE")
    kind = answer(b"")[0]

    async def chunks() -> AsyncIterator[bytes]:
        yield head
        for _ in range(24 * 16):
            yield bytes(64 * 1024)
        yield tail

    tracemalloc.start()
    got = await read_answer(
        kind, chunks(), folder=tmp_path, limits=MtomLimits(service="SSEV"), threads=THREADS
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert next(iter(got.parts.values())).size == 24 * 1024 * 1024
    assert peak < 5 * 1024 * 1024
