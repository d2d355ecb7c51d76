"""DDL-01, -02, -04 to -07 and S22: what counts from when, and ends on which day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from depesha.gateway.calendar import Hours, WorkingCalendar

SOFIA = ZoneInfo("Europe/Sofia")
MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
DAYS = st.dates(date(2025, 1, 1), date(2027, 12, 31))
CALENDARS = st.builds(
    lambda weekdays, holidays, working: WorkingCalendar(
        zone=SOFIA, weekdays=weekdays, holidays=holidays, working=working
    ),
    st.frozensets(st.integers(0, 6), min_size=1),
    st.frozensets(DAYS, max_size=20),
    st.frozensets(DAYS, max_size=5),
)
AMOUNTS = st.timedeltas(timedelta(0), timedelta(days=10))


@given(CALENDARS, MOMENTS, AMOUNTS)
def test_working_time_added_is_working_time_between(
    calendar: WorkingCalendar, at: datetime, amount: timedelta
) -> None:
    due = calendar.add(at, amount)
    assert due >= at
    assert calendar.between(at, due) == amount


@given(CALENDARS, MOMENTS, AMOUNTS, AMOUNTS)
def test_more_working_time_is_never_earlier_and_adds_up(
    calendar: WorkingCalendar, at: datetime, first: timedelta, second: timedelta
) -> None:
    half = calendar.add(at, first)
    assert calendar.add(half, second) == calendar.add(at, first + second) or not second
    assert half <= calendar.add(at, first + second)


@given(CALENDARS, MOMENTS, st.timedeltas(timedelta(0), timedelta(days=30)))
def test_working_time_is_never_longer_than_time(
    calendar: WorkingCalendar, at: datetime, span: timedelta
) -> None:
    assert timedelta(0) <= calendar.between(at, at + span) <= span
    assert calendar.between(at + span, at) == timedelta(0) or not span


@given(CALENDARS, MOMENTS, st.integers(0, 400))
def test_a_period_ends_on_a_working_day_not_before_its_days(
    calendar: WorkingCalendar, received: datetime, days: int
) -> None:
    start, due = calendar.counting_from(received), calendar.due_day(received, days)
    assert calendar.is_working_day(start)
    assert calendar.is_working_day(due)
    assert start >= calendar.day_of(received)
    assert due >= start + timedelta(days=days)
    assert not any(
        calendar.is_working_day(start + timedelta(days=n)) for n in range(days, (due - start).days)
    ), "it moves to the very next working day"


@given(CALENDARS, MOMENTS, MOMENTS, st.integers(0, 60))
def test_who_comes_later_is_never_due_earlier(
    calendar: WorkingCalendar, one: datetime, other: datetime, days: int
) -> None:
    first, second = sorted((one, other))
    assert calendar.due_day(first, days) <= calendar.due_day(second, days)


BULGARIA = WorkingCalendar(
    zone=SOFIA,
    holidays=frozenset({date(2026, 3, 2), date(2026, 3, 3)}),
    known_years=frozenset({2026}),
)


def local(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=SOFIA)


def test_s22_friday_night_before_a_holiday() -> None:
    """S22: receipt Friday 23:10; Monday and Tuesday are holidays; it counts from Wednesday."""
    received = datetime(2026, 2, 27, 23, 10, tzinfo=SOFIA)
    assert BULGARIA.day_of(received) == date(2026, 2, 27), "receipt itself stands (DDL-01)"
    assert BULGARIA.counting_from(received) == date(2026, 3, 4)
    assert BULGARIA.due_day(received) == date(2026, 3, 11)
    assert BULGARIA.due_day(received, 10) == date(2026, 3, 16), "Saturday 14th moves to Monday"
    assert BULGARIA.due_day(received, 0) == date(2026, 3, 4)


def test_out_of_hours_moves_on_and_breaks_do_not() -> None:
    """DDL-05."""
    assert BULGARIA.counting_from(local(4, 6)) == date(2026, 3, 4)
    assert BULGARIA.counting_from(local(4, 12, 30)) == date(2026, 3, 4)
    assert BULGARIA.counting_from(local(4, 17)) == date(2026, 3, 4)
    assert BULGARIA.counting_from(local(4, 17, 1)) == date(2026, 3, 5)


def test_working_hours_pass_over_breaks_nights_and_weekends() -> None:
    """DDL-04: Friday 16:00 and three hours is Monday 10:00."""
    assert BULGARIA.add(local(6, 16), timedelta(hours=3)) == local(9, 10)
    assert BULGARIA.add(local(4, 11), timedelta(hours=2)) == local(4, 14)
    assert BULGARIA.is_working(local(4, 8))
    assert not BULGARIA.is_working(local(4, 12, 15))
    assert not BULGARIA.is_working(local(3, 9))


def test_handed_over_by_the_cut_off_leaves_the_same_day() -> None:
    """DDL-02."""
    assert BULGARIA.day_if_by(local(4, 16, 30), time(16, 30)) == date(2026, 3, 4)
    assert BULGARIA.day_if_by(local(4, 16, 31), time(16, 30)) == date(2026, 3, 5)
    assert BULGARIA.day_if_by(local(7, 9), time(16, 30)) == date(2026, 3, 9)


def test_the_clock_change_neither_gives_nor_takes_working_time() -> None:
    nights = WorkingCalendar(
        zone=SOFIA,
        hours=(Hours(start=time(0), end=time(0)),),
        weekdays=frozenset(range(7)),
    )
    before = datetime(2026, 3, 28, 12, tzinfo=SOFIA)
    assert nights.add(before, timedelta(hours=24)) == datetime(2026, 3, 29, 13, tzinfo=SOFIA)


def test_a_worked_saturday_works_and_unknown_years_are_told() -> None:
    swapped = WorkingCalendar(zone=SOFIA, working=frozenset({date(2026, 3, 7)}))
    assert swapped.is_working_day(date(2026, 3, 7))
    assert BULGARIA.is_known(date(2026, 12, 31))
    assert not BULGARIA.is_known(date(2027, 1, 1))


@pytest.mark.parametrize(
    "hours",
    [
        (),
        (Hours(start=time(13), end=time(17)), Hours(start=time(8), end=time(12))),
        (Hours(start=time(8), end=time(0)), Hours(start=time(9), end=time(10))),
    ],
)
def test_hours_that_make_no_sense_are_refused(hours: tuple[Hours, ...]) -> None:
    with pytest.raises(ValueError, match="hours"):
        WorkingCalendar(zone=SOFIA, hours=hours)
    with pytest.raises(ValueError, match="same day"):
        Hours(start=time(12), end=time(8))
