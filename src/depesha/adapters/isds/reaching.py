"""Finds out whether a recipient's box can be written to, and whose it is (facts 5.3). Asks only."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from depesha.adapters.isds import outcomes
from depesha.adapters.isds.codes import Action
from depesha.adapters.isds.parties import is_ico
from depesha.adapters.isds.problems import IsdsError
from depesha.errors import DepeshaError
from depesha.schemas.route import Reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from depesha.adapters.isds.client import IsdsClient
    from depesha.adapters.isds.parties import PartnerBook
    from depesha.adapters.isds.settings import IsdsSettings
    from depesha.adapters.isds.values import Box
    from depesha.ports import Clock, Observer

REMEMBERED: Final = 5_000
"""Answers kept in memory at most."""
SEVERAL: Final = "SEVERAL_BOXES"
"""An IČO has several boxes: the settings must name the one that is meant."""
ACCESSIBLE: Final = 1
STATES: Final = {
    ACCESSIBLE: Reach.REGISTERED,
    2: Reach.AWAY,
    3: Reach.AWAY,
    4: Reach.INACTIVE,
    5: Reach.INACTIVE,
    6: Reach.AWAY,
}
"""Facts 6.6; any other is no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """An answer about a recipient, and when it was given."""

    reach: Reach
    at: datetime
    box_id: str = ""
    """Empty where there is no box."""
    authority: bool = False
    """A message counts as delivered once it lies in the box (facts 10)."""


class Reacher:
    """Asks ISDS about recipients; what it said a moment ago is told again."""

    def __init__(
        self,
        *,
        client: IsdsClient,
        book: PartnerBook,
        settings: IsdsSettings,
        clock: Clock,
        observer: Observer,
    ) -> None:
        self._client = client
        self._book = book
        self._settings = settings
        self._clock = clock
        self._observer = observer
        self._known: OrderedDict[str, Reached] = OrderedDict()

    async def reach(self, identifier: str) -> Reached | None:
        """Return how a recipient stands; None where nobody can tell. Never raises its faults."""
        identifier, now = identifier.strip(), self._clock.now()
        kept = self._known.get(identifier)
        if kept and now - kept.at < timedelta(seconds=self._settings.reach_seconds):
            return kept
        try:
            async with asyncio.timeout(self._settings.lookup_seconds):
                found = await self._ask(identifier, now)
        except TimeoutError:
            return None
        except DepeshaError as error:
            if outcomes.is_alarming(error):
                self._observer.trouble("isds.lookup", outcomes.code_of(error))
            return None
        if found.reach is Reach.NOT_PERMITTED:
            self._observer.trouble("isds.lookup", found.reach.value)
        self._known[identifier] = found
        self._known.move_to_end(identifier)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return found

    def forget(self, identifier: str) -> None:
        """Let the next plan ask anew about a recipient that was not taken."""
        self._known.pop(identifier.strip(), None)

    async def box_id(self, identifier: str) -> str | None:
        """Return the box of a recipient; asks only where nobody else can tell."""
        known = self._book.box_of(identifier)
        if known is not None:
            return known
        found = await self.reach(identifier)
        return None if found is None else found.box_id or None

    async def is_authority(self, box_id: str) -> bool:
        """Tell whether a box is a public authority's; raises `DepeshaError`."""
        for known in self._known.values():
            if known.box_id == box_id:
                return known.authority
        box = _one(await self._found(box_id, by="DBID"))
        return box is not None and _is_authority(box)

    async def _ask(self, identifier: str, now: datetime) -> Reached:
        box_id = self._book.box_of(identifier)
        if box_id is None:
            if not (self._settings.search and is_ico(identifier)):
                return Reached(reach=Reach.NOT_REGISTERED, at=now)
            box = self._chosen(await self._found(identifier, by="ICO"))
            if box is None:
                return Reached(reach=Reach.NOT_REGISTERED, at=now)
            box_id = box.box_id
        state = await self._state(box_id)
        if state is None:
            return Reached(reach=Reach.NOT_REGISTERED, at=now)
        box = _one(await self._found(box_id, by="DBID"))
        reach = STATES.get(state, Reach.UNKNOWN)
        if reach is Reach.REGISTERED and box is not None and not self._is_allowed(box):
            reach = Reach.NOT_PERMITTED
        authority = box is not None and _is_authority(box)
        return Reached(reach=reach, at=now, box_id=box_id, authority=authority)

    def _chosen(self, boxes: Sequence[Box]) -> Box | None:
        """Return the box that an IČO means: the only one, or the only one of the basic kinds."""
        if len(boxes) > 1:
            boxes = [box for box in boxes if box.kind in {"OVM", "PO", "PFO"}]
        if len(boxes) > 1:
            self._observer.trouble("isds.lookup", SEVERAL)
        return _one(boxes)

    async def _state(self, box_id: str) -> int | None:
        """Return a box's state; None where there is no such box."""
        try:
            return await self._client.box_state(box_id)
        except IsdsError as error:
            if error.action is Action.REFUSED:
                return None
            raise

    async def _found(self, text: str, *, by: str) -> Sequence[Box]:
        try:
            return (await self._client.search(text, by=by)).boxes
        except IsdsError as error:
            if error.action is Action.REFUSED:
                return ()
            raise

    def _is_allowed(self, box: Box) -> bool:
        """Tell whether we may write there: free of charge, or paid where that is set."""
        return box.send_options not in {"NONE", "PDZ"} or (
            box.send_options == "PDZ" and self._settings.paid_messages
        )


def _one(boxes: Sequence[Box]) -> Box | None:
    return boxes[0] if len(boxes) == 1 else None


def _is_authority(box: Box) -> bool:
    return box.kind.startswith("OVM")
