"""Whom ISDS knows (`ports.Directory`): every holder of a box, for ISDS vouches for its senders.

There is no register to be fetched: a genuine seal names the sender, and a party's GUID holds its
box id (`parties.py`). Partners are found by words; nobody else is kept. It asks nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.adapters.isds.parties import box_of_guid, is_box
from depesha.schemas.participant import DirectoryState, Participant, ParticipantStatus

if TYPE_CHECKING:
    from depesha.adapters.isds.parties import PartnerBook
    from depesha.ports import Clock
    from depesha.schemas.ids import Guid


class IsdsDirectory:
    """`ports.Directory` over partners and box ids; look-ups never block and never ask.

    Everybody is active here: that a sender's box was closed after it sent changes nothing about
    its message, and whether a recipient's box takes any is asked before each sending.
    """

    def __init__(self, *, book: PartnerBook, clock: Clock) -> None:
        self._book = book
        self._clock = clock

    def find(self, guid: Guid) -> Participant | None:
        """Return the holder of the box that this GUID holds."""
        box_id = box_of_guid(self._book.environment, guid)
        return None if box_id is None else self._participant(box_id)

    def by_identifier(self, identifier: str) -> Participant | None:
        """Return a partner by its identifier, or the holder of a box by its id."""
        box_id = self._book.box_of(identifier)
        return None if box_id is None or not is_box(box_id) else self._participant(box_id)

    def search(self, words: str, limit: int) -> tuple[Participant, ...]:
        """Return partners whose name, identifier or box id holds all the words, by name."""
        wanted = words.casefold().split()
        found = sorted(
            (
                each
                for each in self._book.partners
                if all(
                    w in f"{each.name} {each.identifier} {each.box_id}".casefold() for w in wanted
                )
            ),
            key=lambda each: (each.name.casefold(), each.identifier),
        )
        return tuple(self._participant(each.box_id) for each in found[:limit])

    def state(self) -> DirectoryState:
        """Tell that nothing here grows stale."""
        return DirectoryState(loaded_at=self._clock.now(), participants=len(self._book.partners))

    async def refresh(self) -> DirectoryState:
        """There is nothing to be fetched."""
        return self.state()

    def _participant(self, box_id: str) -> Participant:
        party = self._book.party(box_id, "")
        if party.guid is None:
            raise ValueError("the holder of a box has a GUID")
        return Participant(
            guid=party.guid,
            identifier=party.identifier,
            name=party.name,
            status=ParticipantStatus.ACTIVE,
            serial=None,
            url="",
        )
