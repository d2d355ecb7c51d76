"""Writes down that somebody looked (AUD-05): once in a while for each person and page.

The rows name pages and counts, never what was typed or shown.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from depesha.schemas.message import EvidenceKind, NewEvidence

if TYPE_CHECKING:
    from depesha.monitoring.console.access.routes import Visit
    from depesha.ports import Clock, Journal
    from depesha.schemas.ids import MessageId

AGAIN_SECONDS = 900.0
_REMEMBERED = 4096


class Looks:
    """Who looked at what lately; in memory only, so a restart writes a look down once more."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._lately: OrderedDict[tuple[str, str], float] = OrderedDict()

    async def note(
        self, visit: Visit, page: str, message: MessageId | None = None, **facts: int
    ) -> None:
        """Return when the look is on disk: now, or from a moment ago."""
        key, now = (visit.login, message or page), self._clock.monotonic()
        before = self._lately.get(key)
        if before is not None and now - before < AGAIN_SECONDS:
            return
        row = NewEvidence(
            kind=EvidenceKind.VIEWED,
            at=visit.now,
            message_id=message,
            actor=visit.actor,
            facts={"page": page, **facts},
        )
        await self._journal.record(row)
        self._lately[key] = now
        self._lately.move_to_end(key)
        while len(self._lately) > _REMEMBERED:
            self._lately.popitem(last=False)
