"""Parts of the gateway that only tell how they stand, for the tests of health and metrics."""

from __future__ import annotations

from datetime import datetime
from typing import Never

from depesha.errors import StorageError
from depesha.schemas.facts import Arrival, Known
from depesha.schemas.ids import Guid, MessageId
from depesha.schemas.message import Change, Counts, Message, NewMessage, Page, Query, Stored
from depesha.schemas.participant import DirectoryState, Participant


class FixedStore:
    """A store that can only count."""

    def __init__(self, *, scanner_error: Exception | None = None) -> None:
        self.error: Exception | None = None
        self.scanner_error = scanner_error

    async def counts(self) -> Counts:
        if self.error is not None:
            raise self.error
        return Counts(
            by_state={"ADMITTED": 3}, oldest_waiting=None, tasks_due=0, oldest_due=None, parked=0
        )

    async def admit(self, new: NewMessage) -> Stored | Known:
        return _no(new)

    async def change(self, change: Change) -> Message:
        return _no(change)

    async def known(self, arrival: Arrival) -> tuple[Known, ...]:
        return _no(arrival)

    async def find_document(self, network: str, sender: Guid, document: Guid) -> Message | None:
        return _no((network, sender, document))

    async def get(self, message_id: MessageId) -> Message:
        return _no(message_id)

    async def page(self, query: Query) -> Page:
        return _no(query)


def _no(asked: object) -> Never:
    raise StorageError(f"this part only tells how it stands; asked about a {type(asked).__name__}")


class FixedDirectory:
    """A register that can only tell how fresh it is."""

    def __init__(self, *, loaded_at: datetime | None, last_error: str = "") -> None:
        self._state = DirectoryState(loaded_at=loaded_at, participants=2, last_error=last_error)

    def find(self, guid: Guid) -> Participant | None:
        return _no(guid)

    def by_identifier(self, identifier: str) -> Participant | None:
        return _no(identifier)

    def search(self, words: str, limit: int) -> tuple[Participant, ...]:
        return _no((words, limit))

    def state(self) -> DirectoryState:
        return self._state

    async def refresh(self) -> DirectoryState:
        return self._state
