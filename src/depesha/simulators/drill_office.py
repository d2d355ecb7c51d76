"""The registries of the restore drill: they number, submit, and remember outside of the gateways.

As a registry should, one gives a document of a sender the same number however often, and under
whatever name of the gateway's, it is offered; and it can submit again, under the same keys, what it
submitted since a moment. It judges nothing.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from depesha.errors import BrokenOffError, DepeshaError, UnreachableError
from depesha.ports import Clock
from depesha.schemas.ids import Guid
from depesha.simulators import papers
from depesha.simulators.bodies import Body
from depesha.simulators.demo_witness import document_of
from depesha.simulators.registry import RegistryClient, RegistryProblemError
from depesha.simulators.traffic import Dice

PAUSE: Final = 0.1
_PICTURE: Final = 8_192


@dataclass(slots=True, kw_only=True)
class Letter:
    """A document of one office."""

    guid: Guid
    sender: Body
    recipient: Body
    number: str
    channels: tuple[str, ...]
    """Networks it may take; empty: all."""
    stage: str
    """When it was handed in, as the table calls it."""
    content: bytes = field(repr=False)
    at: datetime
    ids: list[str] = field(default_factory=list)
    """The gateway's, each time it was handed in."""

    def words(self) -> dict[str, Any]:
        """As the registry API takes them."""
        return {
            "recipient": {"identifier": self.recipient.party.identifier},
            "document": {
                "guid": self.guid,
                "number": self.number,
                "date": self.at.date().isoformat(),
            },
            "kind": "Писмо",
            "subject": f"Учение {self.number}",
            "scan_instead": "Подписан на хартия; изпраща се сканирано копие.",
            "channels": list(self.channels),
        }


class DrillOffice:
    """One registry; `work()` until cancelled."""

    def __init__(self, body: Body, client: RegistryClient, clock: Clock, dice: Dice) -> None:
        self.body = body
        self.client = client
        self.letters: list[Letter] = []
        self.book: dict[str, dict[str, str]] = {}
        """Document GUID → the gateway's names of it → the number given."""
        self.resting = False
        """While True it numbers nothing."""
        self._clock = clock
        self._dice = dice

    async def work(self) -> None:
        """Number whatever waits, until cancelled; a gateway that is away is waited for."""
        while True:
            waiting: list[dict[str, Any]] = []
            if not self.resting:
                with suppress(DepeshaError):
                    waiting = await self.client.waiting()
            for item in waiting:
                with suppress(DepeshaError):  # one that cannot be numbered keeps no other waiting
                    await self._register(str(item["id"]))
            await self._clock.sleep(PAUSE)

    async def _register(self, message_id: str) -> None:
        document = document_of(await self.client.message(message_id))
        known = self.book.setdefault(document, {})
        number = next(iter(known.values()), f"ВХ-{self.body.folder[:2]}-{len(self.book)}")
        known[message_id] = number
        await self.client.register(message_id, number, self._clock.now().date())

    def write(self, recipient: Body, stage: str, *channels: str) -> Letter:
        """Write a document; it is handed in by `submit`."""
        guid = Guid(self._dice.guid())
        number = f"ИЗХ-{self.body.folder[:2]}-{len(self.letters) + 1}"
        letter = Letter(
            guid=guid,
            sender=self.body,
            recipient=recipient,
            number=number,
            channels=channels,
            stage=stage,
            content=papers.pdf(f"Drill {guid}", self._dice.bytes(_PICTURE)),
            at=self._clock.now(),
        )
        self.letters.append(letter)
        return letter

    async def submit(self, letter: Letter) -> None:
        """Hand it in, under the same key until the gateway answered."""
        files = [("писмо.pdf", papers.PDF, letter.content)]
        while True:
            try:
                taken = await self.client.submit(letter.words(), files, key=letter.guid)
            except (UnreachableError, BrokenOffError):
                await self._clock.sleep(PAUSE)
            except RegistryProblemError as problem:
                if problem.status != HTTPStatus.SERVICE_UNAVAILABLE:
                    raise
                await self._clock.sleep(PAUSE)
            else:
                letter.ids.append(str(taken["id"]))
                return

    async def submit_again(self, since: datetime) -> int:
        """Hand in once more whatever was handed in since a moment; return how many."""
        late = [one for one in self.letters if one.at >= since and one.ids]
        await asyncio.gather(*(self.submit(one) for one in late))
        return len(late)

    async def told(self) -> dict[str, list[dict[str, Any]]]:
        """Return what the gateway says of all its documents, by GUID."""
        found: dict[str, list[dict[str, Any]]] = {}
        after = ""
        while True:
            items, after = await self.client.outbox(after=after, limit=200)
            for one in items:
                found.setdefault(one["document"]["guid"], []).append(one)
            if not after:
                return found

    async def repeats(self, document: str) -> int:
        """Return how often a document came again to this gateway, by its own journal."""
        count = 0
        for message_id in self.book.get(document, {}):
            try:
                journey = await self.client.events(message_id)
            except DepeshaError:
                continue  # a name that only the lost store knew
            count += sum(one["body"]["kind"] == "REPEATED" for one in journey)
        return count
