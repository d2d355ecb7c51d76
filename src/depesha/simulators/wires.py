"""The wires of a country by name, `network.place`, and what may be done to a network as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack

from depesha.ports import Clock
from depesha.simulators.fault_proxy import Fault, FaultProxy, Mode


class Wires:
    """Lays proxies; each listens until the stack it was given closes."""

    def __init__(self, *, clock: Clock, host: str) -> None:
        self._clock = clock
        self._host = host
        self._laid: dict[str, FaultProxy] = {}

    async def lay(
        self, stack: AsyncExitStack, name: str, host: str, port: int, listen_port: int = 0
    ) -> FaultProxy:
        """Listen before a server, which need not be there yet."""
        proxy = FaultProxy(
            host, port, clock=self._clock, listen_host=self._host, listen_port=listen_port
        )
        self._laid[name] = await stack.enter_async_context(proxy)
        return proxy

    def __getitem__(self, name: str) -> FaultProxy:
        """Return a wire, such as `seos.primer`, `ssev.soap`, `email.smtp`."""
        return self._laid[name]

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self._laid)

    def of(self, network: str) -> tuple[FaultProxy, ...]:
        """Return all wires of a network."""
        return tuple(w for name, w in self._laid.items() if name.partition(".")[0] == network)

    async def set(self, network: str, fault: Fault | Mode) -> None:
        """Put a fault in force on a whole network."""
        for wire in self.of(network):
            await wire.set(fault)

    async def cut(self, network: str) -> None:
        """Refuse every connection of a network and reset those there are."""
        for wire in self.of(network):
            await wire.cut()

    async def mend(self, network: str) -> None:
        """Let everything of a network pass."""
        await self.set(network, Mode.PASS)
