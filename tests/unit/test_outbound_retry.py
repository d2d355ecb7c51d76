"""Default schedules of the channels: quick tries first, growing waits, and an end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from depesha.gateway import retry
from tests.support.outbound import NOW

DEFAULTS = {**retry.BY_NETWORK, "faults": retry.FAULTS, "questions": retry.QUESTIONS}


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_waits_grow_and_end(name: str) -> None:
    schedule = DEFAULTS[name]
    assert list(schedule.delays) == sorted(schedule.delays)
    tries = len(schedule.delays)
    assert retry.has_try_left(schedule, tries)
    assert not retry.has_try_left(schedule, tries + 1)
    assert retry.next_try(schedule, tries + 1, NOW, 0.0) is None
    assert retry.has_try_left(retry.RECHECKS, 10_000)


def test_seos_ends_with_the_networks_own_table() -> None:
    """SEOS facts 9: ten doubling waits from 15 minutes, after first tries within minutes."""
    assert retry.SEOS.delays[-10:] == tuple(m * 60 for m in retry.NETWORK_MINUTES)
    assert sum(retry.SEOS.delays[:-10]) < timedelta(minutes=15).total_seconds()


@pytest.mark.parametrize("name", ["ssev", "email"])
def test_hub_and_mail_are_tried_for_four_days(name: str) -> None:
    assert timedelta(days=4) <= timedelta(seconds=sum(DEFAULTS[name].delays)) < timedelta(days=6)
