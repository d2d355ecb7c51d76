"""A balancer before several gateways of one body: each connection goes to one that takes it.

As simple as a TCP balancer can be; it knows nothing of what flows.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Self

HOST = "127.0.0.1"
PIECE = 65_536


class Balancer:
    """`async with Balancer(port, (port, port))`: connections go to the gateways in turn."""

    def __init__(self, port: int, behind: tuple[int, ...]) -> None:
        self._port = port
        self._behind = behind
        self._next = 0
        self._server: asyncio.Server | None = None
        self._flows: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, HOST, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for flow in tuple(self._flows):
            flow.cancel()
        await asyncio.gather(*self._flows, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._flows.add(task)
            task.add_done_callback(self._flows.discard)
        self._next += 1
        for turn in range(len(self._behind)):
            port = self._behind[(self._next + turn) % len(self._behind)]
            try:
                theirs, ours = await asyncio.open_connection(HOST, port)
            except OSError:
                continue
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(_flow(reader, ours))
                    group.create_task(_flow(theirs, writer))
            finally:
                ours.transport.abort()
                writer.transport.abort()
            return
        writer.transport.abort()


async def _flow(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Carry everything over; what breaks off here breaks off there."""
    try:
        while piece := await source.read(PIECE):
            sink.write(piece)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()
    except OSError:
        with suppress(RuntimeError):
            sink.transport.abort()
