"""All networks' registers as one, for those who ask about a body on any network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from depesha.schemas.participant import DirectoryState

if TYPE_CHECKING:
    from depesha.ports import Directory
    from depesha.schemas.ids import Guid
    from depesha.schemas.participant import Participant


@dataclass(frozen=True, slots=True)
class AllDirectories:
    """`ports.Directory` over several: the first one that knows a body names it."""

    directories: Mapping[str, Directory]

    def find(self, guid: Guid) -> Participant | None:
        """Return the participant with this register GUID."""
        found = (one.find(guid) for one in self.directories.values())
        return next((participant for participant in found if participant is not None), None)

    def by_identifier(self, identifier: str) -> Participant | None:
        """Return the participant with this identifier."""
        found = (one.by_identifier(identifier) for one in self.directories.values())
        return next((participant for participant in found if participant is not None), None)

    def search(self, words: str, limit: int) -> tuple[Participant, ...]:
        """Return participants by words, each body once, the first network's first."""
        found: dict[str, Participant] = {}
        for one in self.directories.values():
            for participant in one.search(words, limit):
                found.setdefault(participant.identifier, participant)
        return tuple(found.values())[:limit]

    def state(self) -> DirectoryState:
        """Tell how fresh the oldest copy is, and how many are known in all."""
        states = [one.state() for one in self.directories.values()]
        loaded = [state.loaded_at for state in states]
        known = [at for at in loaded if at is not None]
        return DirectoryState(
            loaded_at=min(known) if len(known) == len(loaded) and known else None,
            participants=sum(state.participants for state in states),
            last_error=next((state.last_error for state in states if state.last_error), ""),
        )

    async def refresh(self) -> DirectoryState:
        """Fetch every register; on failure the last good copies stay. Safe to repeat."""
        for one in self.directories.values():
            await one.refresh()
        return self.state()
