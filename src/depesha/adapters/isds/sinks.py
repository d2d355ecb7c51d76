"""Streams received bytes into a file, with size and digest; blocking work in threads."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from depesha.adapters.isds.values import StoredFile
from depesha.errors import StorageError
from depesha.schemas.ids import Digest

if TYPE_CHECKING:
    from depesha.ports import Threads

PIECE: Final = 1024 * 1024
"""Bytes written in one thread call: memory stays at a few of these."""


class FileSink:
    """Streams bytes into a file in large pieces, with the digest; blocking work in threads.

    Local disk failures are `StorageError`, so that they are never taken for the network's.
    """

    def __init__(self, path: Path, threads: Threads) -> None:
        self._path = path
        self._threads = threads
        self._digest = hashlib.sha256()
        self._buffer = bytearray()
        self._file: BinaryIO | None = None
        self.size = 0

    async def open(self) -> None:
        """Make the file, or empty what lies there."""
        self._file = await self._threads.run(self._open)

    def _open(self) -> BinaryIO:
        try:
            return self._path.open("wb")
        except OSError as error:
            raise StorageError("a received file cannot be written") from error

    async def write(self, piece: bytes | memoryview) -> None:
        """Take a piece."""
        self._buffer += piece
        self.size += len(piece)
        if len(self._buffer) >= PIECE:
            await self._flush()

    async def _flush(self) -> None:
        block, self._buffer = self._buffer, bytearray()
        await self._threads.run(self._put, block)

    def _put(self, block: bytearray) -> None:
        try:
            if self._file is not None:
                self._file.write(block)
        except OSError as error:
            raise StorageError("a received file cannot be written") from error
        self._digest.update(block)

    async def finish(self) -> StoredFile:
        """Write the rest, close, and return what lies there now."""
        await self._flush()
        await self.close()
        return StoredFile(path=self._path, size=self.size, digest=Digest(self._digest.hexdigest()))

    async def close(self) -> None:
        """Close the file, keeping what was written so far. Closing twice is safe."""
        file, self._file = self._file, None
        if file is not None:
            await asyncio.shield(self._threads.run(file.close))
