"""The health of a channel and of each peer on it, from outcomes. Pure; when to stop and to probe.

Closed → open after enough failures in a row; open → half-open by the passing of time alone, so
that a channel always comes back by itself (FBK-04); half-open → closed after enough probes that
showed life. A whole channel opens only when different peers fail: one dead partner on a direct
network says nothing about the others. Nothing here waits or reads a clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, assert_never

from depesha.errors import Blame
from depesha.schemas.dispatch import AttemptOutcome
from depesha.schemas.route import ChannelHealth, Circuit

if TYPE_CHECKING:
    from collections.abc import Iterable


SOON = timedelta(seconds=5)
"""Least wait of a document that meets a probe under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When to open and how to come back."""

    failures: int = 3
    """In a row, that open the circuit."""
    peers: int = 2
    """Different peers that must fail before a whole channel opens. 1 where one server stands for
    all, as with a hub; the peers' own circuits ask for 1 always."""
    rest: timedelta = timedelta(minutes=1)
    """From opening to the first probe."""
    growth: int = 2
    """The rest grows by this for each opening in a row."""
    rest_longest: timedelta = timedelta(minutes=30)
    probe: timedelta = timedelta(minutes=5)
    """A probe without outcome for so long is taken for dead, and another is let through."""
    probes: int = 1
    """That must show life before the circuit closes."""

    def __post_init__(self) -> None:
        counts = (self.failures, self.peers, self.growth, self.probes)
        if min(counts) < 1 or min(self.rest, self.probe) <= timedelta(0):
            raise ValueError("a breaker's counts are at least 1 and its times positive")
        if self.rest_longest < self.rest:
            raise ValueError("the longest rest is not shorter than the first one")


def is_alive(outcome: AttemptOutcome, blame: Blame | None) -> bool | None:
    """Tell what a try says of the channel: alive, failing, or (None) nothing.

    A refusal and an "it is not here" are answers: the channel lives. A fault of ours says nothing
    about it.
    """
    match outcome:
        case (
            AttemptOutcome.ACCEPTED
            | AttemptOutcome.DELIVERED
            | AttemptOutcome.REFUSED
            | AttemptOutcome.ABSENT
        ):
            return True
        case AttemptOutcome.DEFERRED | AttemptOutcome.UNCLEAR:
            return None if blame is Blame.OURS else False
        case _:
            assert_never(outcome)


def circuit_at(health: ChannelHealth, now: datetime) -> Circuit:
    """Return how the circuit stands now: an open one turns half-open when its rest is over."""
    if health.circuit is Circuit.OPEN and health.probe_at is not None and now >= health.probe_at:
        return Circuit.HALF_OPEN
    return health.circuit


def lets_through(health: ChannelHealth, now: datetime) -> bool:
    """Tell whether a try may be made now; while half-open only one probe at a time."""
    if circuit_at(health, now) is Circuit.CLOSED:
        return True
    return health.probe_at is None or now >= health.probe_at


def begun(health: ChannelHealth, now: datetime, policy: BreakerPolicy) -> ChannelHealth:
    """Return the health after a try was let through: a probe keeps others out for a while."""
    if circuit_at(health, now) is Circuit.CLOSED:
        return health
    return replace(
        health, circuit=Circuit.HALF_OPEN, probe_at=now + policy.probe, probing_since=now
    )


def look_again(health: ChannelHealth, now: datetime) -> datetime | None:
    """Return when one who was not let through looks again; None where that is not known.

    A probe may hold for minutes and mostly ends within a second: whoever meets one waits as long
    again as it has lasted, so that a channel that lives again is used by all of them soon, and
    one that hangs is not looked at by all of them all the time.
    """
    if health.probing_since is None or health.probe_at is None:
        return health.probe_at
    return min(health.probe_at, now + max(SOON, now - health.probing_since))


def heard(
    health: ChannelHealth,
    peer: str,
    now: datetime,
    policy: BreakerPolicy,
    *,
    alive: bool,
    code: str = "",
) -> ChannelHealth:
    """Return the health after one try with `peer` showed life or failed (`code`)."""
    return _lived(health, now, policy) if alive else _failed(health, peer, now, policy, code)


def _lived(health: ChannelHealth, now: datetime, policy: BreakerPolicy) -> ChannelHealth:
    successes = health.successes + 1
    if health.circuit is Circuit.CLOSED or successes >= policy.probes:
        return ChannelHealth(network=health.network, peer=health.peer, last_alive=now)
    return replace(
        health,
        circuit=Circuit.HALF_OPEN,
        successes=successes,
        probe_at=now,
        probing_since=None,
        last_alive=now,
    )


def _failed(
    health: ChannelHealth, peer: str, now: datetime, policy: BreakerPolicy, code: str
) -> ChannelHealth:
    peers_needed = 1 if health.peer else policy.peers
    seen = dict.fromkeys((*health.failed_peers, peer))
    failed = replace(
        health,
        failures=health.failures + 1,
        failed_peers=tuple(seen)[:peers_needed],
        last_code=code,
    )
    match circuit_at(health, now):
        case Circuit.OPEN:
            return failed
        case Circuit.HALF_OPEN:
            return _opened(failed, now, policy)
        case Circuit.CLOSED:
            enough = failed.failures >= policy.failures
            return (
                _opened(failed, now, policy)
                if enough and len(failed.failed_peers) >= peers_needed
                else failed
            )
        case circuit:
            assert_never(circuit)


def _opened(health: ChannelHealth, now: datetime, policy: BreakerPolicy) -> ChannelHealth:
    return replace(
        health,
        circuit=Circuit.OPEN,
        trips=health.trips + 1,
        successes=0,
        opened_at=health.opened_at or now,
        probe_at=now + rest_after(health.trips, policy),
        probing_since=None,
    )


def rest_after(trips: int, policy: BreakerPolicy) -> timedelta:
    """Return the rest after as many earlier openings in a row: growing, never past the longest."""
    rest = policy.rest
    for _ in range(trips):
        rest *= policy.growth
        if policy.growth == 1 or rest >= policy.rest_longest:
            break
    return min(rest, policy.rest_longest)


def worst(health: Iterable[ChannelHealth], now: datetime) -> ChannelHealth | None:
    """Return the one that lets nothing through, the longest closed first; None where all do.

    For a channel as a whole and one peer on it together.
    """
    shut = [one for one in health if not lets_through(one, now)]
    return max(shut, key=lambda one: (one.probe_at or now, one.peer), default=None)
