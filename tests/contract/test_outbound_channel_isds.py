"""The contract of `ports.OutboundChannel` on ISDS, against the simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from depesha.adapters.isds import mapping
from depesha.adapters.isds.outbound import IsdsOutbound
from depesha.schemas.dispatch import Dispatch
from depesha.schemas.envelope import Party
from depesha.schemas.ids import Guid
from depesha.simulators.isds_quirks import Fault, FaultKind, IsdsQuirks
from depesha.simulators.isds_values import BoxState
from tests.contract.outbound_channel import Network, OutboundChannelContract
from tests.support.isds_channel import IsdsHouse, document, running
from tests.support.isds_client import CLOCK, Stand, stand

PLAIN = IsdsQuirks(zulu=True, coarse_sender_types=True)
WAYS = ("ordinary", "big")


class IsdsWorld(Network):
    """The simulated ISDS, and the recipient's box in it."""

    def __init__(self, place: Stand, channel: IsdsOutbound, house: IsdsHouse, way: str) -> None:
        self.place = place
        self.channel = channel
        self.blobs = house.blobs
        size = 21_000_000 if way == "big" else 10_000
        self.operation = "CreateBigMessage" if way == "big" else "CreateMessage"
        self.dispatch: Dispatch = document(house.blobs, "000000002", b"%PDF-1.4\n" + bytes(size))
        nobody = Party(identifier="99999999", name="Nikdo")
        self.stranger = replace(self.dispatch, recipient=nobody)
        self.now = CLOCK.now()

    async def forget(self) -> bool:
        await self.cut()
        return True

    async def cut(self) -> None:
        await self.place.isds.stop()

    async def break_off(self) -> None:
        self._fault(FaultKind.RESET_BEFORE)

    async def lose_answer(self) -> None:
        self._fault(FaultKind.LOST)

    def _fault(self, kind: FaultKind) -> None:
        fault = Fault(kind=kind, operation=self.operation)
        self.place.isds.quirks = replace(PLAIN, faults=(fault,))

    async def refuse(self) -> None:
        self.place.recipient.box.state = BoxState.CLOSED

    async def heal(self) -> None:
        self.place.isds.quirks = PLAIN
        self.place.recipient.box.state = BoxState.ACCESSIBLE
        await self.place.isds.stop()
        await self.place.isds.start()

    async def held(self) -> tuple[Guid, ...]:
        found = (
            mapping.referenced(message.draft.texts.get("dmSenderRefNumber", ""))
            for message in self.place.isds.state.received(self.place.recipient.box.box_id)
        )
        return tuple(guid for guid in found if guid is not None)


class TestIsdsChannel(OutboundChannelContract):
    """See `OutboundChannelContract`."""

    @pytest.fixture(params=WAYS)
    async def network(
        self, request: pytest.FixtureRequest, tmp_path: Path
    ) -> AsyncIterator[Network]:
        async with stand(tmp_path, PLAIN) as place:
            house = IsdsHouse(tmp_path / "house")
            async with running(place, place.sender, house) as channel:
                yield IsdsWorld(place, channel.outbound, house, request.param)
            await house.threads.close()
            assert place.isds.request_deviations == []
