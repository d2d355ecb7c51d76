"""The people of the country: clerks who hand documents in, offices of peers, and portal readers.

They know nothing of faults but that a call may fail: then they make it again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from depesha.errors import BrokenOffError, DepeshaError, UnreachableError
from depesha.schemas.envelope import RegistrationNumber
from depesha.schemas.ids import Guid
from depesha.simulators.bodies import SSEV, Body
from depesha.simulators.registry import RegistryClient, RegistryProblemError
from depesha.simulators.seos_documents import Failure
from depesha.simulators.ssev_state import ServerError
from tests.chaos import papers
from tests.chaos.plan import Document

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from depesha.ports import Clock
    from depesha.simulators.country import Country
    from depesha.simulators.seos_participant import SeosParticipant
    from tests.chaos.papers import Content

PAUSE = 0.1
SIDE_BY_SIDE = 12
"""Clerks."""
UNFINISHED = 150
"""Documents that may be on their way before clerks wait."""


@dataclass(slots=True, kw_only=True)
class HandedIn:
    """What a gateway said to a document that was handed in."""

    ids: set[str] = field(default_factory=set)
    """Its names; more than one is a fault."""
    refusal: str = ""
    digests: tuple[str, ...] = ()


class Clerks:
    """They hand the documents in, in the order of the plan and several at a time."""

    def __init__(
        self,
        clients: Mapping[str, RegistryClient],
        clock: Clock,
        handed_in: Callable[[int], None],
        unfinished: Callable[[], int],
    ) -> None:
        """`clients` by the sender's folder; `handed_in` hears how many were answered so far."""
        self.answers: dict[str, HandedIn] = {}
        """By document GUID."""
        self.calls: Counter[str] = Counter()
        self.faults: list[str] = []
        self._clients = clients
        self._clock = clock
        self._handed_in = handed_in
        self._unfinished = unfinished

    async def work(self, documents: tuple[Document, ...]) -> None:
        """Hand all of them in."""
        left = list(reversed(documents))

        async def clerk() -> None:
            while left:
                if self._unfinished() > UNFINISHED:
                    await asyncio.sleep(PAUSE)
                    continue
                await self._one(left.pop())
                self._handed_in(len(self.answers))

        async with asyncio.TaskGroup() as group:
            for _ in range(SIDE_BY_SIDE):
                group.create_task(clerk())

    async def _one(self, document: Document) -> None:
        files = await asyncio.to_thread(papers.files_of, document)
        digests = await asyncio.to_thread(papers.digests_of, files)
        words = papers.words_of(document, self._clock.now().date())
        answer = HandedIn(digests=digests)
        if document.broken_after is not None:
            await self._broken_off(document, words, files)
        calls = [self._until_answered(document, words, files, answer)]
        calls += [
            self._until_answered(document, words, files, answer) for _ in range(document.repeats)
        ]
        if document.together:
            await asyncio.gather(*calls)
        else:
            for call in calls:
                await call
        self.answers[document.guid] = answer

    async def _broken_off(
        self, document: Document, words: dict[str, Any], files: tuple[Content, ...]
    ) -> None:
        """Begin a call and go away, wherever that is."""
        self.calls["broken off by the registry"] += 1
        try:
            async with asyncio.timeout(document.broken_after):
                await self._clients[document.sender].submit(words, files, key=document.guid)
        except (TimeoutError, DepeshaError):
            pass

    async def _until_answered(
        self,
        document: Document,
        words: dict[str, Any],
        files: tuple[Content, ...],
        answer: HandedIn,
    ) -> None:
        client = self._clients[document.sender]
        while True:
            self.calls["submissions"] += 1
            try:
                taken = await client.submit(words, files, key=document.guid)
            except (UnreachableError, BrokenOffError):
                self.calls["without an answer"] += 1
            except RegistryProblemError as problem:
                if problem.status != HTTPStatus.SERVICE_UNAVAILABLE:
                    answer.refusal = str(problem.problem.get("code", problem.status))
                    return
            else:
                answer.ids.add(taken["id"])
                return
            await asyncio.sleep(PAUSE)


class PeerOffice:
    """The office behind an acting SEOS participant: numbers what came, tells it until taken."""

    def __init__(self, peer: SeosParticipant, index: str, clock: Clock) -> None:
        self.told: set[Guid] = set()
        self._peer = peer
        self._index = index
        self._clock = clock

    async def work(self) -> None:
        """Register whatever came, until cancelled."""
        while True:
            for guid in [g for g in self._peer.books.received if g not in self.told]:
                await self._tell(guid)
            await asyncio.sleep(PAUSE)

    async def _tell(self, guid: Guid) -> None:
        received = self._peer.books.received[guid]
        number = received.number or RegistrationNumber(
            number=f"{self._index}-{len(self.told) + 1}-{guid[:4]}", date=self._clock.now().date()
        )
        try:
            exchange = await self._peer.register(guid, number)
        except DepeshaError:
            return
        said = exchange.heard.body if exchange.heard is not None else None
        if exchange.http_status == HTTPStatus.OK and not isinstance(said, Failure):
            self.told.add(guid)


async def read_portal(country: Country, readers: tuple[Body, ...]) -> None:
    """Open in the portal whatever bodies without software got, until cancelled."""
    state = country.ssev.simulator.state
    profiles = [country.ssev.profiles[b.folder] for b in readers if SSEV in b.networks]
    while True:
        for message in tuple(state.messages.values()):
            for profile in profiles:
                copy = message.copy_for(profile.profile_id)
                if copy is not None and copy.opened_at is None:
                    try:
                        await state.open_by_person(message.message_id, profile)
                    except (ServerError, DepeshaError):
                        await asyncio.sleep(PAUSE)
        await asyncio.sleep(PAUSE)
