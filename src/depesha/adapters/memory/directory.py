"""A participants' register in a test's hands: entries are put, and a refresh can be made to fail.

An honest body of `ports.Directory`: it passes `tests/contract/test_directory.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.schemas.participant import DirectoryState, Participant, ParticipantStatus

if TYPE_CHECKING:
    from depesha.ports import Clock
    from depesha.schemas.ids import Guid


class MemoryDirectory:
    """`ports.Directory` over what `put` was told; seen only after a refresh, as in life."""

    def __init__(self, *participants: Participant, clock: Clock) -> None:
        """Participants given here are loaded at once; with none, nothing is loaded yet."""
        self._clock = clock
        self._register = {p.guid: p for p in participants}
        self._copy = dict(self._register)
        self._loaded_at = clock.now() if participants else None
        self._last_error = ""
        self.failure = ""
        """While not empty, a refresh fails with this dull text."""

    def put(self, participant: Participant) -> None:
        """Enter a participant in the register itself; a refresh brings it into the copy."""
        self._register[participant.guid] = participant

    def find(self, guid: Guid) -> Participant | None:
        """See `Directory.find`."""
        return self._copy.get(guid)

    def by_identifier(self, identifier: str) -> Participant | None:
        """See `Directory.by_identifier`; an active one before an inactive one."""
        return next((p for p in self._ordered() if p.identifier == identifier.strip()), None)

    def search(self, words: str, limit: int) -> tuple[Participant, ...]:
        """See `Directory.search`."""
        wanted = words.casefold().split()
        found = [p for p in self._ordered() if all(w in _text(p) for w in wanted)]
        return tuple(found[:limit])

    def state(self) -> DirectoryState:
        """See `Directory.state`."""
        return DirectoryState(
            loaded_at=self._loaded_at,
            participants=len(self._copy),
            last_error=self._last_error,
        )

    async def refresh(self) -> DirectoryState:
        """See `Directory.refresh`."""
        self._last_error = self.failure
        if not self.failure:
            self._copy = dict(self._register)
            self._loaded_at = self._clock.now()
        return self.state()

    def _ordered(self) -> list[Participant]:
        return sorted(self._copy.values(), key=_rank)


def _rank(participant: Participant) -> tuple[bool, str, str]:
    inactive = participant.status is not ParticipantStatus.ACTIVE
    return inactive, participant.name.casefold(), participant.identifier


def _text(participant: Participant) -> str:
    return f"{participant.name} {participant.identifier}".casefold()
