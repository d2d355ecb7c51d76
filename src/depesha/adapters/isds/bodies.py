"""Requests of ISDS as bytes: envelopes with long contents streamed from disk, plain or as MTOM.

SOAP 1.1 with base64 for ordinary services, SOAP 1.2 and MTOM for big messages (facts 2, 8.4).
Memory is bounded by the envelope and one piece of a file.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import pybase64

from depesha.errors import StorageError
from depesha.schemas.wire.isds import XOP

if TYPE_CHECKING:
    from depesha.adapters.isds.dialect import Call
    from depesha.ports import Threads

PIECE: Final = 3 * 256 * 1024
"""Bytes read at once: a multiple of three, so that pieces of base64 join."""
ROOT_ID: Final = "rootpart@depesha.example"
Content = tuple[Path, int]
"""A file and the size it must have."""


class PlainBody:
    """An envelope with its contents inside as base64."""

    def __init__(self, call: Call, contents: Sequence[Content] = ()) -> None:
        self._call = call
        self._contents = tuple(contents)
        length = sum(len(piece) for piece in call.pieces)
        length += sum((size + 2) // 3 * 4 for _, size in contents)
        kind = "application/soap+xml" if call.service.on_ws2 else "text/xml"
        self.headers: Mapping[str, str] = {
            "Content-Type": f"{kind}; charset=utf-8",
            "Content-Length": str(length),
            **({} if call.service.on_ws2 else {"SOAPAction": '""'}),
        }

    @asynccontextmanager
    async def opened(self, threads: Threads) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open every file and give the bytes; `StorageError` where one is not as declared."""
        async with _opened(self._contents, threads) as files:
            yield _stream(threads, self._pieces(files))

    def _pieces(self, files: Sequence[BinaryIO]) -> Iterator[bytes]:
        yield self._call.pieces[0]
        for file, following in zip(files, self._call.pieces[1:], strict=True):
            while piece := file.read(PIECE):
                yield pybase64.b64encode(piece)
            yield following


class MtomBody:
    """An envelope that includes its contents as parts beside it."""

    def __init__(self, call: Call, contents: Sequence[Content], boundary: str) -> None:
        """`boundary` is a fresh secret, so that no content holds it."""
        self._contents = tuple(contents)
        names = [f"content{number}@depesha.example" for number in range(1, len(contents) + 1)]
        self._root = _head(
            boundary,
            ROOT_ID,
            'application/xop+xml; charset=UTF-8; type="application/soap+xml"',
        )[2:] + _included(call.pieces, names)
        self._heads = [_head(boundary, name, "application/octet-stream") for name in names]
        self._end = f"\r\n--{boundary}--\r\n".encode()
        length = len(self._root) + len(self._end) + sum(len(head) for head in self._heads)
        length += sum(size for _, size in contents)
        self.headers: Mapping[str, str] = {
            "Content-Type": (
                f'multipart/related; type="application/xop+xml"; start="<{ROOT_ID}>"; '
                f'start-info="application/soap+xml"; boundary="{boundary}"'
            ),
            "Content-Length": str(length),
            "MIME-Version": "1.0",
        }

    @asynccontextmanager
    async def opened(self, threads: Threads) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open every file and give the bytes; `StorageError` where one is not as declared."""
        async with _opened(self._contents, threads) as files:
            yield _stream(threads, self._pieces(files))

    def _pieces(self, files: Sequence[BinaryIO]) -> Iterator[bytes]:
        yield self._root
        for file, head in zip(files, self._heads, strict=True):
            yield head
            while piece := file.read(PIECE):
                yield piece
        yield self._end


def _included(pieces: Sequence[bytes], names: Sequence[str]) -> bytes:
    made = pieces[0]
    for name, following in zip(names, pieces[1:], strict=True):
        made += f'<xop:Include xmlns:xop="{XOP}" href="cid:{name}"/>'.encode() + following
    return made


def _head(boundary: str, content_id: str, kind: str) -> bytes:
    return (
        f"\r\n--{boundary}\r\nContent-Type: {kind}\r\n"
        f"Content-Transfer-Encoding: binary\r\nContent-ID: <{content_id}>\r\n\r\n"
    ).encode()


@asynccontextmanager
async def _opened(
    contents: Sequence[Content], threads: Threads
) -> AsyncIterator[Sequence[BinaryIO]]:
    """Open every file before anything leaves."""
    files = await threads.run(_open, contents)
    try:
        yield files
    finally:
        _close(files)


async def _stream(threads: Threads, made: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Read and encode piece by piece in threads."""
    while (piece := await threads.run(_next, made)) is not None:
        yield piece


def _next(made: Iterator[bytes]) -> bytes | None:
    return next(made, None)


def _open(contents: Sequence[Content]) -> list[BinaryIO]:
    files: list[BinaryIO] = []
    try:
        for path, _ in contents:
            files.append(path.open("rb"))
        sizes = [os.fstat(file.fileno()).st_size for file in files]
    except OSError as error:
        _close(files)
        raise StorageError("a file to be sent cannot be read") from error
    if sizes != [size for _, size in contents]:
        _close(files)
        raise StorageError("a file to be sent is not as long as declared")
    return files


def _close(files: Sequence[BinaryIO]) -> None:
    for file in files:
        file.close()
