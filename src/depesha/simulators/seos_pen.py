"""Writing and signing a participant's messages in its own manner."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from depesha.ports import Clock, IdSource
from depesha.schemas.envelope import Party
from depesha.schemas.ids import Guid
from depesha.simulators.authority import Identity
from depesha.simulators.seos_documents import Body, Header
from depesha.simulators.seos_quirks import Oddity
from depesha.simulators.seos_signing import Hand, sign
from depesha.simulators.seos_writing import build


class Pen:
    """Makes signed messages of one participant; new MessageGUIDs unless its quirk forbids."""

    def __init__(
        self, *, party: Party, identity: Identity, clock: Clock, ids: IdSource, oddity: Oddity
    ) -> None:
        self._party = party
        self._identity = identity
        self._clock = clock
        self._ids = ids
        self._oddity = oddity
        self._only_guid = ids.guid()

    def header(self, recipient: Party, message_guid: Guid | None = None) -> Header:
        """Head a message of our own starting."""
        if message_guid is None:
            repeat = self._oddity.quirks.repeat_message_guid
            message_guid = self._only_guid if repeat else self._ids.guid()
        return Header(
            message_guid=message_guid,
            created_at=self._clock.now(),
            sender=self._party,
            recipient=recipient,
        )

    async def write(self, header: Header, body: Body, hand: Hand | None = None) -> str:
        """Build and sign a message in a thread; return the text that travels."""
        quirks = self._oddity.quirks

        def work() -> str:
            tree = build(header, body, quirks.spelling)
            return sign(tree, self._identity, hand or quirks.hand)

        return await asyncio.to_thread(work)

    async def answer(self, recipient: Party, body: Body, *, sound: bool = False) -> str:
        """Write a synchronous answer, always under a new MessageGUID (facts 6.2).

        `sound`: signed well, whatever the quirks say.
        """
        quirks = self._oddity.quirks
        hand = replace(quirks.hand, broken=quirks.wrong_answer_signature and not sound)
        return await self.write(self.header(recipient, self._ids.guid()), body, hand)
