"""Carries HTTP for both SSEV clients: time limits, size limits, foreign failures made ours.

It moves bytes and nothing else: no meaning of a status, no retry, no redirect.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final, Self

import aiohttp
from yarl import URL

from depesha.adapters.ssev.problems import Problem, SsevError
from depesha.adapters.ssev.values import StoredFile
from depesha.errors import BrokenOffError, StorageError, TooLargeError, UnreachableError
from depesha.schemas.ids import Digest

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from depesha.ports import Threads

PIECE: Final = 1024 * 1024
"""Bytes written or read in one thread call: memory stays at a few of these."""
_READ: Final = 64 * 1024
Body = bytes | AsyncIterator[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierLimits:
    """How long a call may take, and how many run at once."""

    connect_seconds: float = 15.0
    whole_seconds: float = 60.0
    keep_alive_seconds: float = 15.0
    connections: int = 8


class Carrier:
    """One HTTP session; made when first used, kept until `close`."""

    def __init__(self, *, tls: ssl.SSLContext, limits: CarrierLimits) -> None:
        """`tls` says whom to trust and, for mutual TLS, who we are."""
        self._tls = tls
        self._limits = limits
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        body: Body | None = None,
        whole_seconds: float | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Make one request and give its answer while it is being read.

        Raises `UnreachableError` where nothing left, `BrokenOffError` where it broke later. A
        GET or DELETE on a kept connection that was closed meanwhile is asked once more by
        aiohttp itself; a POST never is.
        A body in pieces needs its `Content-Length` among the headers.
        """
        limits = self._limits
        timeout = aiohttp.ClientTimeout(
            total=whole_seconds or limits.whole_seconds, sock_connect=limits.connect_seconds
        )
        try:
            async with self._ready().request(
                method,
                _url(url),
                params=params,
                data=body,
                headers={"Accept-Encoding": "identity", **headers},
                allow_redirects=False,
                timeout=timeout,
            ) as response:
                yield response
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise UnreachableError("SSEV could not be reached") from error
        except aiohttp.InvalidURL as error:
            raise UnreachableError("an address of SSEV cannot be used") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise BrokenOffError("the exchange with SSEV broke before its end") from error

    def _ready(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=self._tls,
                    limit=self._limits.connections,
                    keepalive_timeout=self._limits.keep_alive_seconds,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session

    async def close(self) -> None:
        """Close the session. Closing twice is safe."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def _url(address: str) -> URL:
    try:
        url = URL(address, encoded=True)
    except ValueError as error:
        raise UnreachableError("an address of SSEV cannot be used") from error
    if url.scheme != "https" or not url.host:
        raise UnreachableError("an address of SSEV cannot be used")
    return url


async def pieces(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Give an answer's body in small pieces; refuse a packed one, which could unfold."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise SsevError("SSEV's answer is packed", Problem.UNREADABLE, status=response.status)
    async for piece in response.content.iter_chunked(_READ):
        yield piece


async def read_whole(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Read a body of at most `limit` bytes; raise `TooLargeError` beyond."""
    body = bytearray()
    async for piece in pieces(response):
        body += piece
        if len(body) > limit:
            raise TooLargeError("SSEV's answer passes the permitted size")
    return bytes(body)


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
