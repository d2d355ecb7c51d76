"""Takes one HTTP body off the wire: counted, timed, spooled past a size, cut at the limit.

It looks into nothing. What it wrote to disk is removed by whoever leaves its context.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from aiohttp.web_protocol import RequestPayloadError

from depesha.errors import BrokenOffError, StorageError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from typing import BinaryIO

    from aiohttp import StreamReader

    from depesha.ports import BlobStore, Clock, Threads

IN_MEMORY: Final = 1024 * 1024
"""Bodies up to this size are never written to disk before they are read."""
PIECE: Final = 1024 * 1024
"""Bytes written at once."""


class BodyTaker:
    """Takes bodies within one size limit and one idea of "too slow"."""

    def __init__(
        self,
        *,
        blobs: BlobStore,
        threads: Threads,
        clock: Clock,
        body_bytes: int,
        idle_seconds: float,
        slowest_bytes_per_second: int,
    ) -> None:
        self._blobs = blobs
        self._threads = threads
        self._clock = clock
        self._body_bytes = body_bytes
        self._idle_seconds = idle_seconds
        self._slowest = slowest_bytes_per_second

    def judge_announced(self, length: int | None) -> None:
        """Refuse by the announced length, before a byte is read; raise `TooLargeError`."""
        if length is not None and length > self._body_bytes:
            raise TooLargeError("the message passes the permitted size", limit=self._body_bytes)

    @asynccontextmanager
    async def take(
        self, content: StreamReader, announced: int | None = None
    ) -> AsyncIterator[bytes | Path]:
        """Yield the body: in memory up to 1 MiB, else a file, gone when the context ends.

        `announced` is the Content-Length, where there is one. Raises `TooLargeError`,
        `BrokenOffError` (too slow, or ended early) and `StorageError`.
        """
        if announced is not None and announced <= IN_MEMORY:
            yield await self._small(content, announced) if announced else b""
            return
        pieces = self._pieces(content)
        memory = bytearray()
        async for piece in pieces:
            memory += piece
            if len(memory) > IN_MEMORY:
                break
        else:
            yield bytes(memory)
            return
        path = self._blobs.spool()
        try:
            await self._spool(path, memory, pieces)
            del memory
            yield path
        finally:
            await self._threads.run(path.unlink, missing_ok=True)

    async def _small(self, content: StreamReader, announced: int) -> bytes:
        """Read the usual body at one go: one time limit instead of one a piece."""
        try:
            async with asyncio.timeout(self._idle_seconds + announced / self._slowest):
                return await content.readexactly(announced)
        except TimeoutError as error:
            raise BrokenOffError("the message came too slowly") from error
        except (EOFError, ConnectionError, RequestPayloadError, ValueError) as error:
            raise BrokenOffError("the message broke off") from error

    async def _spool(self, path: Path, memory: bytearray, pieces: AsyncIterator[bytes]) -> None:
        try:
            file: BinaryIO = await self._threads.run(path.open, "wb")
            try:
                async for piece in pieces:
                    memory += piece
                    if len(memory) >= PIECE:
                        await self._threads.run(file.write, bytes(memory))
                        memory.clear()
                await self._threads.run(file.write, bytes(memory))
            finally:
                await self._threads.run(file.close)
        except OSError as error:
            raise StorageError("a received body cannot be spooled") from error

    async def _pieces(self, content: StreamReader) -> AsyncIterator[bytes]:
        started = self._clock.monotonic()
        count = 0
        while True:
            piece = await self._next(content, count, self._clock.monotonic() - started)
            if not piece:
                return
            count += len(piece)
            self.judge_announced(count)
            yield piece

    async def _next(self, content: StreamReader, count: int, elapsed: float) -> bytes:
        allowed = self._idle_seconds + count / self._slowest - elapsed
        try:
            async with asyncio.timeout(min(self._idle_seconds, max(0.0, allowed))):
                return await content.readany()
        except TimeoutError as error:
            raise BrokenOffError("the message came too slowly") from error
        except (ConnectionError, RequestPayloadError, ValueError) as error:
            raise BrokenOffError("the message broke off") from error
