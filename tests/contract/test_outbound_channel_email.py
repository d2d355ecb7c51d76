"""The contract of `ports.OutboundChannel` on e-mail, over real sockets with TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from depesha.schemas.envelope import Party
from depesha.schemas.ids import Guid, guid
from tests.contract.outbound_channel import Network, OutboundChannelContract
from tests.support.mail import read
from tests.support.mail_house import AT_B, Post, post


class MailNetwork(Network):
    """A body's channel, and the domain behind it."""

    def __init__(self, stand: Post) -> None:
        self._post = stand
        self._domain = stand.domain
        self.channel = stand.a.channel.outbound
        self.blobs = stand.a.blobs
        self.dispatch = stand.document()
        nobody = Party(identifier="999999999", name="Никой")
        self.stranger = stand.document(to=nobody)
        self.now = stand.clock.now()

    async def forget(self) -> bool:
        return False  # the settings always know

    async def cut(self) -> None:
        await self._domain.stop()

    async def break_off(self) -> None:
        self._domain.smtp.faults.lost_untaken = True

    async def lose_answer(self) -> None:
        self._domain.smtp.faults.lost_after_dot = True

    async def refuse(self) -> None:
        self._domain.smtp.faults.final = "554 5.6.0 no"

    async def heal(self) -> None:
        faults = self._domain.smtp.faults
        faults.lost_untaken = faults.lost_after_dot = False
        faults.final = ""
        await self._domain.start()

    async def held(self) -> tuple[Guid, ...]:
        mails = [read(mail.content) for mail in self._domain.box(AT_B).mails]
        return tuple(guid(mail.machine.document.guid) for mail in mails if mail.machine)


class TestMailChannel(OutboundChannelContract):
    """See `OutboundChannelContract`."""

    @pytest.fixture
    async def network(self, tmp_path: Path) -> AsyncIterator[Network]:
        async with post(tmp_path) as stand:
            yield MailNetwork(stand)
