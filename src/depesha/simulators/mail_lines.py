"""A listener for protocols made of lines: connections, TLS, lines within a limit. No protocol."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Final

from depesha.errors import UnreachableError

LINE_BYTES: Final = 64 * 1024


class Line:
    """One connection; ends with `ConnectionError` or `IncompleteReadError`, never with silence."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        """Return the next line without its CRLF."""
        try:
            return (await self._reader.readuntil(b"\n")).rstrip(b"\r\n")
        except asyncio.LimitOverrunError as error:
            raise ConnectionResetError("a line is too long") from error

    async def exactly(self, count: int) -> bytes:
        """Return so many bytes."""
        return await self._reader.readexactly(count)

    async def say(self, *lines: str | bytes) -> None:
        """Send lines, each with CRLF."""
        for line in lines:
            self._writer.write((line.encode() if isinstance(line, str) else line) + b"\r\n")
        await self._writer.drain()

    async def start_tls(self, tls: ssl.SSLContext) -> None:
        """Go on encrypted."""
        await self._writer.start_tls(tls)

    @property
    def encrypted(self) -> bool:
        """True under TLS."""
        return self._writer.get_extra_info("sslcontext") is not None

    def cut(self) -> None:
        """End the connection without a farewell."""
        self._writer.transport.abort()


class LineServer:
    """Serves every connection with one handler, until stopped."""

    def __init__(
        self, handler: Callable[[Line], Awaitable[None]], tls: ssl.SSLContext | None = None
    ) -> None:
        self._handler = handler
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.host = "127.0.0.1"
        self.port = 0

    async def start(self, port: int = 0) -> None:
        """Listen on loopback; a port of 0 is replaced by the free one found, and kept.

        Starting again while it listens is safe.
        """
        if self._server is not None:
            return
        try:
            self._server = await asyncio.start_server(
                self._serve, self.host, port or self.port, ssl=self._tls, limit=LINE_BYTES
            )
        except OSError as error:
            raise UnreachableError("the simulator cannot listen on its port") from error
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            await self._handler(Line(reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            return  # the caller has gone: nobody is left to be told
        finally:
            writer.transport.abort() if writer.transport.is_closing() else writer.close()

    async def stop(self) -> None:
        """Stop listening and end every connection; stopping twice is safe."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await server.wait_closed()
