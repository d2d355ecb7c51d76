"""Working time and days: what counts from when, and ends on which day. Pure arithmetic.

Receipt stands at its own moment (DDL-01); only what is counted from it moves to working time.
The table of hours and holidays is given as a value, one for each installation (DDL-04); nothing
here knows a country. Moments are aware; days are days of the calendar's own time zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MONDAY_TO_FRIDAY = frozenset(range(5))
DEFAULT_DAYS = 7
"""Where no period is set (DDL-07); an urgent one has 0 days: the day of receipt."""
_DAY = timedelta(days=1)
_NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """One stretch of a working day, local time; an end of 00:00 is midnight."""

    start: time
    end: time

    def __post_init__(self) -> None:
        if self.end != time.min and self.end <= self.start:
            raise ValueError("working hours end after they start, on the same day")


OFFICE_HOURS = (Hours(start=time(8), end=time(12)), Hours(start=time(13), end=time(17)))
"""As the rules of one municipality have them (DDL-04)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingCalendar:
    """When an installation works."""

    zone: tzinfo
    hours: tuple[Hours, ...] = OFFICE_HOURS
    """In order, without overlap."""
    weekdays: frozenset[int] = MONDAY_TO_FRIDAY
    """Monday is 0."""
    holidays: frozenset[date] = frozenset()
    working: frozenset[date] = frozenset()
    """Days worked although they are holidays or no weekdays, such as a Saturday worked off."""
    known_years: frozenset[int] = frozenset()
    """Years whose holidays are in the table; in others only weekdays tell."""

    def __post_init__(self) -> None:
        if not self.weekdays or not self.weekdays <= frozenset(range(7)):
            raise ValueError("a working week has days, Monday is 0 and Sunday 6")
        if not self.hours:
            raise ValueError("a working day has hours")
        for before, after in zip(self.hours, self.hours[1:], strict=False):
            if before.end == time.min or after.start < before.end:
                raise ValueError("working hours stand in order and do not overlap")

    def is_working_day(self, day: date) -> bool:
        """Tell whether the house works on that day."""
        if day in self.working:
            return True
        return day.weekday() in self.weekdays and day not in self.holidays

    def is_known(self, day: date) -> bool:
        """Tell whether the table of holidays covers that day."""
        return day.year in self.known_years

    def day_of(self, at: datetime) -> date:
        """Return the day on which a moment falls here."""
        return at.astimezone(self.zone).date()

    def working_day_from(self, day: date) -> date:
        """Return that day, or the next one that is worked."""
        while not self.is_working_day(day):
            day += _DAY
        return day

    def counting_from(self, received: datetime) -> date:
        """Return the day from which a period runs: receipt out of hours moves on (DDL-05, S22).

        Before opening, or in a break, it is still that working day; after closing the next one.
        """
        day = self.day_of(received)
        if self.is_working_day(day) and received <= self._span(day, self.hours[-1])[1]:
            return day
        return self.working_day_from(day if not self.is_working_day(day) else day + _DAY)

    def due_day(self, received: datetime, days: int = DEFAULT_DAYS) -> date:
        """Return the last day of a period of calendar days (DDL-06).

        Counted from the first day after the one from which it runs; ends on a working day.
        """
        if days < 0:
            raise ValueError("a period has no fewer than 0 days")
        return self.working_day_from(self.counting_from(received) + days * _DAY)

    def day_if_by(self, handed_over: datetime, cut_off: time) -> date:
        """Return the working day of leaving for what is handed over by `cut_off` (DDL-02)."""
        day = self.working_day_from(self.day_of(handed_over))
        late = handed_over > self._utc(day, cut_off)
        return self.working_day_from(day + _DAY) if late else day

    def is_working(self, at: datetime) -> bool:
        """Tell whether the house works at that moment."""
        day = self.day_of(at)
        return self.is_working_day(day) and any(
            start <= at < end for start, end in self._spans(day)
        )

    def add(self, at: datetime, amount: timedelta) -> datetime:
        """Return the moment when `amount` of working time has passed since `at`.

        In UTC. It lies within working hours, or at their end; 0 leaves `at` as it is.
        """
        if amount < _NOTHING:
            raise ValueError("working time is counted forwards")
        if amount == _NOTHING:
            return at.astimezone(UTC)
        left, stretches = amount, self._from(at)
        start, end = next(stretches)
        while left > end - start:
            left -= end - start
            start, end = next(stretches)
        return start + left

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Return the working time from `start` to `end`; nothing where `end` is earlier."""
        passed = _NOTHING
        for opens, closes in self._from(start):
            if opens >= end:
                break
            passed += min(closes, end) - opens
        return passed

    def _from(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield what is left of every working stretch from `at` on, in UTC, without end."""
        at = at.astimezone(UTC)
        day = self.day_of(at)
        while True:
            day = self.working_day_from(day)
            for start, end in self._spans(day):
                if end > at:
                    yield max(start, at), end
            day += _DAY

    def _spans(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        for hours in self.hours:
            start, end = self._span(day, hours)
            if start < end:
                yield start, end

    def _span(self, day: date, hours: Hours) -> tuple[datetime, datetime]:
        last = day + _DAY if hours.end == time.min else day
        return self._utc(day, hours.start), self._utc(last, hours.end)

    def _utc(self, day: date, at: time) -> datetime:
        """Return a local time in UTC: when clocks change, real time counts, not the dial."""
        return datetime.combine(day, at, tzinfo=self.zone).astimezone(UTC)
