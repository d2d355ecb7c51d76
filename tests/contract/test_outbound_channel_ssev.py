"""The contract of `ports.OutboundChannel` on SSEV: over SOAP, over REST and over both.

Against the simulator with every oddity that is no fault switched on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from depesha.adapters.memory.blobs import MemoryBlobs
from depesha.adapters.ssev import mapping
from depesha.adapters.ssev.outbound import SsevOutbound
from depesha.schemas.dispatch import Dispatch
from depesha.schemas.envelope import Party
from depesha.schemas.ids import Guid
from depesha.simulators.ssev_quirks import SsevOperation
from tests.contract.outbound_channel import Network, OutboundChannelContract
from tests.support.ssev import CLOCK, EVERY_QUIRK, Office, Stand, stand
from tests.support.ssev_channel import WAYS, blobs_in, document, outbound_of

SEND = frozenset({SsevOperation.SEND})


class SsevWorld(Network):
    """The simulated SSEV, and the recipient's inbox in it."""

    def __init__(
        self, made: Stand, channel: SsevOutbound, blobs: MemoryBlobs, offices: tuple[Office, Office]
    ) -> None:
        self.stand = made
        self.channel = channel
        self.blobs = blobs
        self.sender, self.recipient = offices
        self.dispatch: Dispatch = document(blobs, self.sender, self.recipient.profile.identifier)
        nobody = Party(identifier="999999999", name="Никой")
        self.stranger = replace(self.dispatch, recipient=nobody)
        self.now = CLOCK.now()

    async def forget(self) -> bool:
        await self.cut()
        return True

    async def cut(self) -> None:
        await self.stand.ssev.stop()

    async def break_off(self) -> None:
        self.stand.ssev.quirks = replace(EVERY_QUIRK, aborts=1, at=SEND)

    async def lose_answer(self) -> None:
        self.stand.ssev.quirks = replace(EVERY_QUIRK, lost_answers=1)

    async def refuse(self) -> None:
        self.stand.ssev.people.change(self.recipient.profile, activated=False)

    async def heal(self) -> None:
        self.stand.ssev.quirks = EVERY_QUIRK
        self.stand.ssev.people.change(self.recipient.profile, activated=True)
        await self.stand.ssev.stop()
        await self.stand.ssev.start()

    async def held(self) -> tuple[Guid, ...]:
        found = (
            mapping.marked(message.subject)
            for message, _ in self.stand.ssev.state.inbox(self.recipient.profile)
        )
        return tuple(guid for guid in found if guid is not None)


class TestSsevChannel(OutboundChannelContract):
    """See `OutboundChannelContract`."""

    @pytest.fixture(params=WAYS)
    async def network(
        self, request: pytest.FixtureRequest, tmp_path: Path
    ) -> AsyncIterator[Network]:
        async with stand(tmp_path, EVERY_QUIRK) as made:
            a = await made.join("000000001", "Община Пример")
            b = await made.join("000000002", "Агенция Образец")
            blobs = blobs_in(tmp_path / "kept")
            yield SsevWorld(made, outbound_of(made, a, request.param, blobs), blobs, (a, b))
