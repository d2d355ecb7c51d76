"""When things happen in a simulated week: office hours, and an agenda worked off in order."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from zoneinfo import ZoneInfo

    from depesha.app.week.edges import WalkingClock
    from depesha.simulators.traffic import Dice

OPENS, CLOSES = time(8, 40), time(17, 20)
SATURDAY = 5


@dataclass(slots=True)
class Agenda:
    """Acts by time; an act may add further ones. Between two of them what is due gets done."""

    clock: WalkingClock
    work: Callable[[], Awaitable[None]]
    _acts: list[tuple[datetime, int, Callable[[], Awaitable[object]]]] = field(default_factory=list)
    _count: Iterator[int] = field(default_factory=itertools.count)

    def at(self, moment: datetime, act: Callable[[], Awaitable[object]]) -> None:
        """Plan an act."""
        heapq.heappush(self._acts, (moment, next(self._count), act))

    async def live(self, until: datetime) -> None:
        """Do everything planned up to a moment."""
        while self._acts and self._acts[0][0] <= until:
            moment, _, act = heapq.heappop(self._acts)
            self.clock.to(moment)
            await self.work()
            await act()
            self.clock.advance(1.0)
            await self.work()
        self.clock.to(until)


@dataclass(frozen=True, slots=True)
class Hours:
    """The office's hours, up to the last moments that belong to the story's end."""

    zone: ZoneInfo
    dice: Dice
    last: datetime
    """Nothing of every day is done after it."""

    def moments(self, day: datetime, count: int) -> list[datetime]:
        """Return moments of one day; at a weekend few, and none that is still to come."""
        start = day.astimezone(self.zone)
        if start.weekday() >= SATURDAY:
            count = max(1, count // 8)
        opens = datetime.combine(start.date(), OPENS, self.zone)
        closes = datetime.combine(start.date(), CLOSES, self.zone)
        span = int((closes - opens).total_seconds())
        found = sorted(opens + timedelta(seconds=self.dice.below(span)) for _ in range(count))
        return [one for one in found if one < self.last]

    def later(self, after: datetime, minutes: tuple[int, int]) -> datetime:
        """Return a moment of the office's time, this long after another, and in time."""
        least, most = minutes
        moment = after + timedelta(minutes=least + self.dice.below(max(1, most - least)))
        moment = moment.astimezone(self.zone)
        while moment.weekday() >= SATURDAY or not OPENS <= moment.time() <= CLOSES:
            moment += timedelta(minutes=47)
        early = after + timedelta(minutes=2 + self.dice.below(9))
        return moment if moment < self.last else max(early, min(moment, self.last))
