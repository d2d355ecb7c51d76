"""Whom SSEV has told us of (`ports.Directory`): institutions, and senders as they were checked.

SSEV has no register to be fetched over REST, so what was seen is kept on disk: a message can be
looked at again after a restart. Persons never get in here.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from depesha.adapters.ssev.mapping import party_guid
from depesha.adapters.ssev.values import ProfileKind
from depesha.adapters.statefile import StateFile
from depesha.errors import DepeshaError, StorageError
from depesha.schemas.participant import DirectoryState, Participant, ParticipantStatus

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from depesha.adapters.ssev.network import SsevNetwork
    from depesha.adapters.ssev.values import Profile
    from depesha.ports import Clock, Observer, Threads
    from depesha.schemas.ids import Guid


@dataclass(frozen=True, slots=True, kw_only=True)
class _Book:
    """What is kept on disk."""

    told_at: datetime | None
    """When SSEV last told us of anybody."""
    participants: tuple[Participant, ...] = ()


class SsevDirectory:
    """`ports.Directory` over what SSEV told; look-ups never block and never ask."""

    def __init__(
        self,
        *,
        net: SsevNetwork,
        environment: str,
        file: Path,
        threads: Threads,
        clock: Clock,
        observer: Observer,
    ) -> None:
        """Start empty: `load` takes the copy in `file`."""
        self._net = net
        self._environment = environment
        self._file = StateFile(file, TypeAdapter(_Book))
        self._threads = threads
        self._clock = clock
        self._observer = observer
        self._by_guid: dict[Guid, Participant] = {}
        self._told_at: datetime | None = None
        self._last_error = ""
        self._writing = asyncio.Lock()

    def load(self) -> DirectoryState:
        """Take the copy on disk, if there is a good one. Blocks: called in a thread, at start."""
        try:
            book = self._file.read()
        except StorageError as error:
            self._fail("ssev.directory.file", error)
            return self.state()
        if book is not None:
            self._by_guid = {each.guid: each for each in book.participants}
            self._told_at = book.told_at
        return self.state()

    def find(self, guid: Guid) -> Participant | None:
        """Return the participant with this derived GUID (`mapping.party_guid`)."""
        return self._by_guid.get(guid)

    def by_identifier(self, identifier: str) -> Participant | None:
        """Return the participant with this EIK."""
        return self._by_guid.get(party_guid(self._environment, identifier.strip()))

    def search(self, words: str, limit: int) -> tuple[Participant, ...]:
        """Return participants whose name or identifier holds all the words, by name."""
        wanted = words.casefold().split()
        found = sorted(
            (
                each
                for each in self._by_guid.values()
                if all(word in f"{each.name} {each.identifier}".casefold() for word in wanted)
            ),
            key=lambda each: (each.name.casefold(), each.identifier),
        )
        return tuple(found[:limit])

    def state(self) -> DirectoryState:
        """Tell when SSEV last told us of anybody, and of how many it did."""
        return DirectoryState(
            loaded_at=self._told_at,
            participants=len(self._by_guid),
            last_error=self._last_error,
        )

    async def refresh(self) -> DirectoryState:
        """Fetch the list of institutions, where SOAP is set up; on failure the old copy stays."""
        try:
            told = await self._net.institutions()
        except DepeshaError as error:
            self._fail("ssev.directory", error)
            return self.state()
        if told:
            await self._learn(told)
        return self.state()

    async def note(self, profile: Profile) -> None:
        """Keep a sender as SSEV has just told us of it; durable when this returns.

        Raises `StorageError`: a sender that a recheck would not know must not be opened.
        """
        self._last_error = ""
        if await self._learn((profile,)):
            raise StorageError("the senders of SSEV cannot be kept")

    async def _learn(self, profiles: Iterable[Profile]) -> str:
        """Take profiles in and write them down where they are news; return what failed."""
        known = dict(self._by_guid)
        for profile in profiles:
            participant = self._participant(profile)
            if participant is not None:
                known[participant.guid] = participant
        news = known != self._by_guid
        self._by_guid, self._told_at, self._last_error = known, self._clock.now(), ""
        if not news:
            return ""
        async with self._writing:
            book = _Book(told_at=self._told_at, participants=tuple(self._by_guid.values()))
            try:
                await self._threads.run(self._file.write, book)
            except StorageError as error:
                self._fail("ssev.directory.file", error)
                return error.public
        return ""

    def _participant(self, profile: Profile) -> Participant | None:
        identifier = profile.identifier.strip()
        if not identifier or profile.kind is ProfileKind.PERSON:
            return None
        status = ParticipantStatus.ACTIVE if profile.active else ParticipantStatus.INACTIVE
        guid = party_guid(self._environment, identifier)
        seen = self._by_guid.get(guid)
        made = Participant(
            guid=guid,
            identifier=identifier,
            name=profile.name,
            status=status,
            serial=None,
            url="",
            changed_at=self._clock.now(),
        )
        if seen is not None and replace(seen, changed_at=made.changed_at) == made:
            return seen
        return made

    def _fail(self, where: str, error: DepeshaError) -> None:
        self._last_error = error.public
        self._observer.trouble(where, error.code)
