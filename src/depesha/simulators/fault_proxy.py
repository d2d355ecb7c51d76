"""A wire that may be cut: a TCP proxy on loopback whose faults are set while it runs.

What a fault does to a connection is in `fault_link`. It must never be used outside of tests.
"""

from __future__ import annotations

import asyncio
from typing import Self

from depesha.errors import UnreachableError
from depesha.ports import Clock
from depesha.simulators.fault_link import PIECE, SOUND, Fault, Link, Mode, Wire

__all__ = ["SOUND", "Fault", "FaultProxy", "Mode"]


class FaultProxy:
    """`async with FaultProxy(host, port, clock=…) as proxy`; one event loop.

    The next request on a connection that was kept open meets a new fault, too: idle ones are
    reset when it is set, and busy ones when they begin something new.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        clock: Clock,
        listen_host: str = "127.0.0.1",
        listen_port: int = 0,
    ) -> None:
        """`host` and `port` are the server's; a `listen_port` of 0 is replaced by a free one."""
        self.host = listen_host
        self.port = listen_port
        self.wire = Wire(target=(host, port), clock=clock)
        """Counts what went through."""
        self._left = 0
        self._server: asyncio.Server | None = None
        self._links: dict[Link, asyncio.Task[None] | None] = {}

    @property
    def fault(self) -> Fault:
        """What is in force for the next connection."""
        return self.wire.fault

    async def set(self, fault: Fault | Mode) -> None:
        """Put a fault in force."""
        self.wire.fault = Fault(mode=fault) if isinstance(fault, Mode) else fault
        self._left = self.wire.fault.connections
        if self.wire.fault.mode is Mode.REFUSE:
            self._stop_listening()
        elif self._server is None:
            await self._listen()
        if self.wire.fault.mode is not Mode.PASS:
            for link in tuple(self._links):
                if link.fault.mode is Mode.PASS and not link.busy:
                    link.reset()

    async def cut(self) -> None:
        """Refuse new connections and reset all there are."""
        await self.set(Mode.REFUSE)
        self.drop()

    async def mend(self) -> None:
        """Let everything pass."""
        await self.set(SOUND)

    def drop(self) -> None:
        """Reset every open connection, at both ends."""
        for link in tuple(self._links):
            link.reset()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen, unless the fault in force is to refuse."""
        await self.set(self.wire.fault)

    async def stop(self) -> None:
        """Stop listening and end every connection; stopping twice is safe."""
        self._stop_listening()
        tasks = [task for task in self._links.values() if task is not None]
        self.drop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self) -> None:
        try:
            self._server = await asyncio.start_server(
                self._serve, self.host, self.port, limit=PIECE
            )
        except OSError as error:
            raise UnreachableError("the proxy cannot listen on its port") from error
        self.port = self._server.sockets[0].getsockname()[1]

    def _stop_listening(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _next_fault(self) -> Fault:
        """Take the fault for one more connection."""
        fault = self.wire.fault
        if fault.connections:
            self._left -= 1
            if self._left <= 0:
                self.wire.fault = SOUND
        self.wire.counts[fault.mode] += 1
        return fault

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(self.wire, self._next_fault(), reader, writer)
        self._links[link] = asyncio.current_task()
        try:
            await link.run()
        except (OSError, asyncio.IncompleteReadError):
            link.reset()  # one end has gone: the other one learns it
        finally:
            del self._links[link]
            link.close()
