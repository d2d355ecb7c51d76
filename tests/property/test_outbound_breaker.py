"""FBK-04: a channel that is down is left alone, probed, and comes back by itself."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from depesha.errors import Blame
from depesha.gateway import breaker
from depesha.gateway.breaker import BreakerPolicy, begun, circuit_at, heard, lets_through
from depesha.schemas.dispatch import AttemptOutcome
from depesha.schemas.route import ChannelHealth, Circuit
from tests.support.outbound import NOW

POLICIES = st.builds(
    lambda failures, peers, rest, growth, longest, probes: BreakerPolicy(
        failures=failures,
        peers=peers,
        rest=timedelta(seconds=rest),
        growth=growth,
        rest_longest=timedelta(seconds=rest + longest),
        probes=probes,
    ),
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(1, 600),
    st.integers(1, 4),
    st.integers(0, 5000),
    st.integers(1, 3),
)
WHOLE = ChannelHealth(network="seos")
ONE_PEER = ChannelHealth(network="seos", peer="a")
EVENTS = st.lists(
    st.tuples(st.booleans(), st.sampled_from("abc"), st.integers(0, 2000)), max_size=30
)


@given(POLICIES, st.sampled_from([WHOLE, ONE_PEER]), EVENTS)
def test_it_always_comes_back_by_itself(
    policy: BreakerPolicy, health: ChannelHealth, events: list[tuple[bool, str, int]]
) -> None:
    now = NOW
    for alive, peer, seconds in events:
        now += timedelta(seconds=seconds)
        if lets_through(health, now):
            health = begun(health, now, policy)
        health = heard(health, peer, now, policy, alive=alive, code="UNREACHABLE")
        if health.circuit is Circuit.OPEN:
            assert health.probe_at is not None
            assert now < health.probe_at or seconds >= 0
            assert health.probe_at <= now + policy.rest_longest
    now += max(policy.rest_longest, policy.probe)
    for _ in range(policy.probes):
        assert lets_through(health, now), "time alone lets a probe through"
        health = begun(health, now, policy)
        health = heard(health, "a", now, policy, alive=True)
    assert circuit_at(health, now) is Circuit.CLOSED
    assert health.failures == 0
    assert health.last_alive == now


@given(POLICIES, EVENTS)
def test_it_opens_only_after_enough_failures_in_a_row(
    policy: BreakerPolicy, events: list[tuple[bool, str, int]]
) -> None:
    health, row, peers = WHOLE, 0, set[str]()
    for alive, peer, _ in events:
        health = heard(health, peer, NOW, policy, alive=alive)
        row, peers = (0, set()) if alive else (row + 1, peers | {peer})
        if health.circuit is not Circuit.CLOSED:
            assert row >= policy.failures
            assert len(peers) >= policy.peers
            return
        assert row < policy.failures or len(peers) < policy.peers


@given(POLICIES, st.integers(1, 20))
def test_one_dead_partner_never_closes_a_direct_network(
    policy: BreakerPolicy, failures: int
) -> None:
    health = WHOLE
    for _ in range(failures):
        health = heard(health, "a", NOW, policy, alive=False)
    if policy.peers > 1:
        assert lets_through(health, NOW)


def test_half_open_lets_one_probe_through_and_a_dead_probe_frees_the_way() -> None:
    policy = BreakerPolicy(failures=1, peers=1)
    health = heard(WHOLE, "a", NOW, policy, alive=False, code="UNREACHABLE")
    assert not lets_through(health, NOW)
    later = NOW + policy.rest
    assert circuit_at(health, later) is Circuit.HALF_OPEN
    health = begun(health, later, policy)
    assert not lets_through(health, later + timedelta(seconds=1))
    assert lets_through(health, later + policy.probe)
    failed = heard(health, "a", later, policy, alive=False)
    assert failed.probe_at == later + 2 * policy.rest
    assert failed.opened_at == NOW


@given(st.integers(0, 500), POLICIES)
def test_the_rest_grows_and_is_bounded(trips: int, policy: BreakerPolicy) -> None:
    first = breaker.rest_after(trips, policy)
    assert policy.rest <= first <= breaker.rest_after(trips + 1, policy) <= policy.rest_longest


def test_only_faults_of_others_count() -> None:
    assert breaker.is_alive(AttemptOutcome.DEFERRED, Blame.OURS) is None
    assert breaker.is_alive(AttemptOutcome.DEFERRED, Blame.NETWORK) is False
    assert breaker.is_alive(AttemptOutcome.UNCLEAR, None) is False
    for answered in ("ACCEPTED", "DELIVERED", "REFUSED", "ABSENT"):
        assert breaker.is_alive(AttemptOutcome(answered), None) is True


@given(st.integers(0, 400))
def test_who_meets_a_probe_waits_as_long_again_as_it_has_lasted(seconds: int) -> None:
    policy = BreakerPolicy(failures=1, peers=1)
    began = NOW + policy.rest
    health = heard(WHOLE, "a", NOW, policy, alive=False, code="UNREACHABLE")
    assert breaker.look_again(health, NOW) == began, "before the probe the rest counts"
    health = begun(health, began, policy)
    now = began + timedelta(seconds=seconds)
    again = breaker.look_again(health, now)
    assert again is not None
    assert again <= began + policy.probe
    assert again == began + policy.probe or again - now == max(breaker.SOON, now - began)
    assert heard(health, "a", now, policy, alive=False).probing_since is None
    assert heard(health, "a", now, policy, alive=True).probing_since is None
