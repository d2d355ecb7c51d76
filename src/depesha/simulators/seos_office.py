"""The office behind a simulated participant: it registers, declines, closes, and tells the sender.

By hand, or by itself where the quirk `registers_after` says so. It answers no calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from depesha.errors import PeerError, UnreachableError
from depesha.ports import Clock
from depesha.schemas.envelope import Party, RegistrationNumber
from depesha.schemas.ids import Guid
from depesha.simulators import seos_checks
from depesha.simulators.seos_books import Books, Exchange, Received
from depesha.simulators.seos_documents import (
    CLOSED,
    REGISTERED,
    REJECTED,
    STOPPED,
    Body,
    DocumentId,
    StatusResponse,
)
from depesha.simulators.seos_endpoint import state_of
from depesha.simulators.seos_quirks import Oddity

Say = Callable[[Party, str, Body], Awaitable[Exchange]]
"""Sends a body to a party at a URL."""
FIRST_NUMBER: Final = 500


class Office:
    """One event loop. What it settles stands in the books before the sender is told."""

    def __init__(
        self, *, books: Books, find: seos_checks.Find, say: Say, clock: Clock, oddity: Oddity
    ) -> None:
        self._books = books
        self._find = find
        self._say = say
        self._clock = clock
        self._oddity = oddity
        self._tasks: set[asyncio.Task[None]] = set()
        self._given = FIRST_NUMBER

    def took(self, document: Guid) -> None:
        """A document came in: it is registered by itself after a while, where the quirk says so."""
        after = self._oddity.quirks.registers_after
        if after is None:
            return
        task = asyncio.get_running_loop().create_task(self._register_later(document, after))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Go home: whatever is not registered yet stays so."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def settle(
        self,
        document: Guid,
        status: str,
        *,
        number: RegistrationNumber | None = None,
        reason: str = "",
    ) -> Exchange:
        """Enter a state into the books and tell the sender."""
        received = self.received(document)
        received.status, received.number, received.reason = status, number, reason
        return await self._tell(received, state_of(document, received))

    async def register(self, document: Guid, number: RegistrationNumber) -> Exchange:
        """Register a received document and tell its sender."""
        return await self.settle(document, REGISTERED, number=number)

    async def reject(self, document: Guid, reason: str) -> Exchange:
        """Decline a received document and tell its sender."""
        return await self.settle(document, REJECTED, reason=reason)

    async def close(self, document: Guid, *, early: bool) -> Exchange:
        """End the work on a registered document and tell its sender."""
        number = self.received(document).number
        return await self.settle(document, STOPPED if early else CLOSED, number=number)

    async def claim(
        self, document: Guid, status: str, number: RegistrationNumber | None = None
    ) -> Exchange:
        """Tell the sender any status, out of order or going back; the books stay as they are."""
        told = StatusResponse(document=DocumentId(guid=document, number=number), status=status)
        return await self._tell(self.received(document), told)

    def received(self, document: Guid) -> Received:
        """Return a received document; raise `PeerError` for any other."""
        try:
            return self._books.received[document]
        except KeyError:
            raise PeerError("this document was not received") from None

    async def _tell(self, received: Received, body: StatusResponse) -> Exchange:
        sender = received.heard.header.sender
        entry = self._find(sender.guid) if sender.guid else None
        if entry is None:
            raise UnreachableError("the sender is no longer in the register")
        return await self._say(sender, entry.url, body)

    async def _register_later(self, document: Guid, after: float) -> None:
        await self._clock.sleep(after)
        self._given += 1
        day = self._clock.now().date()
        await self.register(document, RegistrationNumber(number=f"ВХ-{self._given}", date=day))
