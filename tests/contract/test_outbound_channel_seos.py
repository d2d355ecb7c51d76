"""The contract of `ports.OutboundChannel` on SEOS: real sockets, keys, register and partner."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from depesha.adapters.seos import register
from depesha.adapters.system import SystemClock
from depesha.schemas.envelope import Party
from depesha.schemas.ids import Guid
from depesha.simulators.seos_quirks import ALWAYS, Quirks
from tests.contract.outbound_channel import Network, OutboundChannelContract
from tests.support.seos_outbound import Gateway, gateway
from tests.support.simulators import B, world


class SeosNetwork(Network):
    """The partner's switches as the world."""

    def __init__(self, made: Gateway) -> None:
        self._made = made
        self.channel = made.channel.outbound
        self.blobs = made.blobs
        self.dispatch = made.letter()
        self.stranger = replace(
            self.dispatch, recipient=Party(identifier="999999999", name="Агенция Никоя")
        )
        self.now = SystemClock().now()

    async def forget(self) -> bool:
        # As after a start without any copy of the register.
        self._made.channel.directory._copy = register._copy((), None)
        return True

    async def cut(self) -> None:
        await self._made.peer.stop()
        await self._made.world.register.stop()

    async def break_off(self) -> None:
        self._made.peer.quirks = Quirks(reset_requests=1)

    async def lose_answer(self) -> None:
        self._made.peer.quirks = Quirks(lost_answers=1)

    async def refuse(self) -> None:
        self._made.peer.quirks = Quirks(errors=ALWAYS, error="InvalidSender")

    async def heal(self) -> None:
        self._made.peer.quirks = Quirks()
        await self._made.peer.stop()
        await self._made.peer.start()
        await self._made.world.register.stop()
        await self._made.world.register.start()

    async def held(self) -> tuple[Guid, ...]:
        return tuple(self._made.peer.books.received)


class TestSeosOutbound(OutboundChannelContract):
    """See `OutboundChannelContract`."""

    @pytest.fixture
    async def network(self, tmp_path: Path) -> AsyncIterator[Network]:
        async with world(tmp_path) as small:
            peer = await small.join(B)
            async with gateway(small, peer) as made:
                yield SeosNetwork(made)
