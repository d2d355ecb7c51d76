"""A truthful peer: repeats the same bytes, or asks first, until it holds the number."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from depesha.errors import PeerError
from depesha.ports import Clock
from depesha.schemas.envelope import Party
from depesha.schemas.ids import Guid
from depesha.simulators import papers
from depesha.simulators.seos_books import Exchange, Seen
from depesha.simulators.seos_documents import (
    NOT_FOUND,
    REGISTERED,
    Enclosure,
    RegistrationRequest,
    StatusResponse,
)
from depesha.simulators.seos_participant import SeosParticipant
from tests.support.simulators import letter

PATIENCE = 40.0
"""Seconds until a number must have come; a gateway needs a few to start again."""
PAUSE = 0.1
"""The network waits a quarter of an hour; nothing but patience is different here."""
ASKS_EVERY = 0.5


class FaultError(Exception):
    """What must never happen did."""


def document() -> RegistrationRequest:
    """A document with two files nobody else has."""
    plain = letter()
    guid = plain.document.guid
    files = (
        Enclosure(name="писмо.pdf", content=papers.pdf(guid, bytes(40_960)), media_type=papers.PDF),
        Enclosure(
            name="таблица.csv",
            content=papers.csv(40) + guid.encode(),
            media_type=papers.CSV,
        ),
    )
    return replace(plain, enclosures=files)


class Sender:
    """Sends to one gateway. `asks`: asks after a document whose fate it does not know."""

    def __init__(self, peer: SeosParticipant, to: Party, url: str, clock: Clock) -> None:
        self.peer = peer
        self._to, self._url = to, url
        self._clock = clock

    async def submit(self, request: RegistrationRequest) -> Exchange:
        """Send it once."""
        return await self.peer.submit(self._to, self._url, request)

    def seen(self, guid: Guid) -> list[Seen]:
        """What was said of the document, "never heard of it" left out."""
        return [s for s in self.peer.books.sent[guid].seen if s.status != NOT_FOUND]

    async def again(self, guid: Guid, *, asks: bool) -> Exchange:
        """Do what a peer does that does not know: repeat the very bytes, or ask first."""
        if not asks:
            return await self.peer.resend(guid)
        exchange = await self.ask(guid)
        body = exchange.heard.body if exchange.heard else None
        if isinstance(body, StatusResponse) and body.status == NOT_FOUND:
            return await self.peer.resend(guid)
        return exchange

    async def ask(self, guid: Guid) -> Exchange:
        """Ask after the document's state."""
        asked = self.peer.books.sent[guid].request.document
        return await self.peer.ask(self._to, self._url, asked)

    async def until_answered(self, guid: Guid, *, asks: bool) -> None:
        """Go on until the gateway said something of the document."""
        until = self._clock.monotonic() + PATIENCE
        while not self.seen(guid):
            if self._clock.monotonic() > until:
                raise FaultError("the document was never answered")
            await asyncio.sleep(PAUSE)
            await self.again(guid, asks=asks)

    async def until_registered(self, guid: Guid, *, asks: bool) -> None:
        """Wait for the number, which must be pushed; whoever asks does so meanwhile as well."""
        until = self._clock.monotonic() + PATIENCE
        while not any(s.pushed and s.status == REGISTERED for s in self.seen(guid)):
            if self._clock.monotonic() > until:
                told = ", ".join(s.status for s in self.seen(guid))
                raise FaultError(f"the number never came; told: {told}")
            await self._wait(guid)
            if asks and not any(s.status == REGISTERED for s in self.seen(guid)):
                await self.ask(guid)

    async def _wait(self, guid: Guid) -> None:
        if any(s.status == REGISTERED for s in self.seen(guid)):
            await asyncio.sleep(PAUSE)  # by an answer; the notice is still to come
            return
        try:
            await self.peer.wait_for_status(guid, REGISTERED, ASKS_EVERY)
        except PeerError:
            return
