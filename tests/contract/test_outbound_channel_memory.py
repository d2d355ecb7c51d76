"""The contract of `ports.OutboundChannel` on the double: one that can be asked, and one as mail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from depesha.adapters.memory.blobs import MemoryBlobs
from depesha.adapters.memory.channel import BROKEN, REFUSED, MemoryChannel, Planned
from depesha.adapters.memory.system import CountingIds, HandClock
from depesha.ports import BlobStore
from depesha.schemas.dispatch import Dispatch, Quality
from depesha.schemas.envelope import Party
from depesha.schemas.ids import Guid
from depesha.schemas.route import Reach
from tests.contract.outbound_channel import Network, OutboundChannelContract
from tests.support.outbound import attachment, dispatch


class MemoryNetwork(Network):
    """The double, and its script as the world."""

    def __init__(self, channel: MemoryChannel, blobs: BlobStore) -> None:
        self.channel: MemoryChannel = channel
        self.blobs = blobs
        self.dispatch: Dispatch = dispatch(
            files=(replace(attachment(), digest=blobs.put("съдържание".encode())),)
        )
        nobody = Party(identifier="999999999", name="Никой")
        self.stranger = replace(self.dispatch, recipient=nobody)
        channel.reaches[nobody.identifier] = Reach.NOT_REGISTERED

    async def forget(self) -> bool:
        self.channel.reaches[self.dispatch.recipient.identifier] = Reach.UNKNOWN
        return True

    async def cut(self) -> None:
        self.channel.down = True

    async def break_off(self) -> None:
        self.channel.script.append(Planned(outcome=BROKEN))

    async def lose_answer(self) -> None:
        self.channel.script.append(Planned(outcome=BROKEN, stored=True))

    async def refuse(self) -> None:
        self.channel.script.append(Planned(outcome=REFUSED))

    async def heal(self) -> None:
        self.channel.down = False
        self.channel.script.clear()

    async def held(self) -> tuple[Guid, ...]:
        return tuple(copy.document for copy in self.channel.arrived)


class TestMemoryChannel(OutboundChannelContract):
    """See `OutboundChannelContract`."""

    @pytest.fixture(params=["asked", "mail"])
    def network(self, request: pytest.FixtureRequest, tmp_path: Path) -> Network:
        clock = HandClock()
        blobs = MemoryBlobs(tmp_path, clock)
        mail = request.param == "mail"
        channel = MemoryChannel(
            "email" if mail else "seos",
            blobs=blobs,
            clock=clock,
            ids=CountingIds(),
            quality=Quality.SIGNED_MAIL if mail else Quality.REGISTERED_DELIVERY,
            can_ask=not mail,
            proves=not mail,
        )
        return MemoryNetwork(channel, blobs)
