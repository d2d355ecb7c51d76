"""Streams bytes between the network and files of ours, with size and digest; threads do the I/O.

Local disk failures are `StorageError`, so that they are never taken for the network's.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Self

from depesha.errors import StorageError
from depesha.schemas.ids import Digest

if TYPE_CHECKING:
    from depesha.ports import Threads

PIECE: Final = 1024 * 1024
"""Bytes written or read in one thread call: memory stays at a few of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """Bytes that were fetched or taken out, in a file of ours."""

    path: Path
    size: int
    digest: Digest


class FileSink:
    """Streams bytes into a file in large pieces, with the digest; blocking work in threads.

    Local disk failures are `StorageError`, so that they are never taken for the network's.
    """

    def __init__(self, path: Path, threads: Threads, *, append: bool = False) -> None:
        self._path = path
        self._threads = threads
        self._append = append
        self._digest = hashlib.sha256()
        self._buffer = bytearray()
        self._file: BinaryIO | None = None
        self.size = 0

    async def open(self) -> None:
        """Make the file, or take up what lies there and its digest."""
        self._file = await self._threads.run(self._open)

    def _open(self) -> BinaryIO:
        try:
            old = self._append and self._path.exists()
            file = self._path.open("r+b" if old else "wb")
            while old and (piece := file.read(PIECE)):
                self._digest.update(piece)
                self.size += len(piece)
        except OSError as error:
            raise StorageError("a received file cannot be written") from error
        return file

    async def restart(self) -> None:
        """Forget what lies there: the other side sends from the beginning."""
        self._buffer.clear()
        self.size = 0
        await self._threads.run(self._truncate)

    def _truncate(self) -> None:
        self._digest = hashlib.sha256()
        try:
            if self._file is not None:
                self._file.seek(0)
                self._file.truncate()
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


class FileSource:
    """Gives files' bytes in large pieces, read in threads. `async with`: every file is closed.

    All files are opened first, so that one that is missing or changed stops a request before
    anything leaves; `StorageError`.
    """

    def __init__(self, files: Sequence[tuple[Path, int]], threads: Threads) -> None:
        """`files`: path and the size it must have."""
        self._files = tuple(files)
        self._threads = threads
        self._open: list[BinaryIO] = []

    async def __aenter__(self) -> Self:
        await self._threads.run(self._open_all)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._close_all()

    def _open_all(self) -> None:
        try:
            for path, size in self._files:
                file = path.open("rb")
                self._open.append(file)
                if os.fstat(file.fileno()).st_size != size:
                    self._close_all()
                    raise StorageError("a file to be sent is not as long as declared")
        except OSError as error:
            self._close_all()
            raise StorageError("a file to be sent cannot be read") from error

    def _close_all(self) -> None:
        for file in self._open:
            file.close()

    async def stream(self, index: int) -> AsyncIterator[bytes]:
        """Give the content of one file, once."""
        while piece := await self._threads.run(self._open[index].read, PIECE):
            yield piece
