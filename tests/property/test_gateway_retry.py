"""Retry is a pure function: never earlier, monotone, bounded, jitter inside its band."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from depesha.gateway import retry

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
FRACTIONS = st.floats(0, 1, exclude_max=True)
SCHEDULES = st.builds(
    lambda delays, jitter, endless: retry.Schedule(
        delays=tuple(sorted(delays)), jitter=jitter, endless=endless
    ),
    st.lists(st.floats(0.1, 1e6), min_size=1, max_size=12),
    st.floats(0, 1),
    st.booleans(),
)


@given(SCHEDULES, st.integers(1, 40), FRACTIONS)
def test_a_try_is_never_earlier_than_its_delay_and_never_past_its_band(
    schedule: retry.Schedule, failed: int, fraction: float
) -> None:
    due = retry.next_try(schedule, failed, NOW, fraction)
    if due is None:
        assert failed > len(schedule.delays)
        assert not schedule.endless
        return
    delay = schedule.delays[min(failed, len(schedule.delays)) - 1]
    # A microsecond is the grain of datetime.
    grain = timedelta(microseconds=1)
    assert due >= NOW + timedelta(seconds=delay) - grain
    assert due <= NOW + timedelta(seconds=delay * (1 + schedule.jitter)) + grain


@given(SCHEDULES, st.integers(1, 20))
def test_delays_without_chance_never_shrink(schedule: retry.Schedule, failed: int) -> None:
    first = retry.next_try(schedule, failed, NOW, 0.0)
    second = retry.next_try(schedule, failed + 1, NOW, 0.0)
    if first is not None and second is not None:
        assert second >= first


def test_the_networks_own_table_ends_after_ten_tries_and_ten_days() -> None:
    """Facts 9: 15·2ⁿ minutes, the last try 10 d 15 h 45 min after the first."""
    network = retry.Schedule(delays=tuple(m * 60 for m in retry.NETWORK_MINUTES), jitter=0)
    at = NOW
    for failed in range(1, 11):
        due = retry.next_try(network, failed, at, 0.0)
        assert due is not None
        at = due
    assert at - NOW == timedelta(days=10, hours=15, minutes=45)
    assert retry.next_try(network, 11, at, 0.0) is None


def test_held_messages_are_looked_at_without_end() -> None:
    assert retry.next_try(retry.RECHECKS, 10_000, NOW, 0.5) is not None
