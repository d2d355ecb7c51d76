"""The schedule of a torture follows from its seed, and holds what was asked for."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.torture.schedule import KILLS, Pain, Victims, digest_of, make_schedule

VICTIMS = Victims(gateways=("a", "b"), networks=("seos", "ssev"))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_seed_makes_the_same_schedule_again(seed: int) -> None:
    first = make_schedule(50, 180, seed, VICTIMS)
    assert digest_of(first) == digest_of(make_schedule(50, 180, seed, VICTIMS))
    assert digest_of(first) != digest_of(make_schedule(50, 180, seed + 1, VICTIMS))


def test_it_holds_as_many_kills_as_asked_for_within_the_time() -> None:
    turns = make_schedule(500, 1800, 7, VICTIMS)
    assert sum(turn.pain in KILLS for turn in turns) == 500
    assert [turn.at for turn in turns] == sorted(turn.at for turn in turns)
    assert all(0 <= turn.at <= 1800 for turn in turns)
    pains = Counter(turn.pain for turn in turns)
    assert pains[Pain.KILL_GATEWAY] > pains[Pain.KILL_SCANNER] > 0
    assert {turn.target for turn in turns if turn.pain is Pain.CUT_NETWORK} == {"seos", "ssev"}


def test_what_there_is_not_is_left_alone() -> None:
    pains = {turn.pain for turn in make_schedule(500, 1800, 7, VICTIMS)}
    assert not pains & {
        Pain.KILL_DATABASE,
        Pain.KILL_READER,
        Pain.FULL_DISK,
        Pain.SLOW_DISK,
    }
    whole = Victims(gateways=("a",), networks=("seos",), readers=("a",), database=True, disks=True)
    assert {turn.pain for turn in make_schedule(500, 1800, 7, whole)} == set(Pain)
