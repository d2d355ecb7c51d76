"""Puts the home page's facts together from what was counted. Pure.

Both bodies of `Overview` count in their own way and come here with the counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from depesha.schemas.lifecycle import InboundState
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.overview import (
    Balance,
    BalanceIn,
    BalanceOut,
    Direction,
    GateCount,
    Gates,
    Need,
    NeedItem,
    Promises,
    RegistryPulse,
    Strip,
)
from depesha.schemas.overview_filing import (
    FAILED,
    FALLBACK,
    GATE,
    HELD,
    LIVELY,
    NUMBERED,
    RECEIVED,
    REJECTED,
    REPEATED,
    SCANNED,
    SENT,
    SUBMITTED,
    THROUGH,
    TRIED,
    hour_of,
    side_in,
    side_out,
)
from depesha.schemas.route import ChannelHealth, Circuit

HOURS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The hours that are balanced, and the moment of the look."""

    first: int
    now: datetime

    @classmethod
    def of(cls, start: datetime, now: datetime) -> Day:
        """The day that begins at `start`."""
        return cls(first=hour_of(start), now=now)

    @property
    def end(self) -> int:
        """The first hour after it."""
        return self.first + HOURS

    @property
    def earliest(self) -> int:
        """The first hour of which anything is asked."""
        return min(self.first, hour_of(self.now) - HOURS + 1)

    def moment(self, hour: int) -> datetime:
        """Return when an hour began."""
        return datetime.fromtimestamp(hour * 3600, UTC)


@dataclass(slots=True)
class Pulses:
    """How often each word was written, hour by hour, and when last."""

    counts: dict[tuple[str, str], dict[int, int]] = field(default_factory=dict)
    lasts: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def on(self, day: Day, network: str, word: str) -> int:
        """Return the count of a day."""
        hours = self.counts.get((network, word), {})
        return sum(count for hour, count in hours.items() if day.first <= hour < day.end)

    def all_on(self, day: Day, word: str) -> int:
        """Return the count of a day over all networks."""
        return sum(self.on(day, network, word) for network in self.networks(word))

    def networks(self, word: str) -> tuple[str, ...]:
        """Return the networks of which a word was ever written."""
        return tuple(sorted(network for network, other in self.lasts if other == word))

    def hours(self, now: datetime, network: str, word: str) -> tuple[int, ...]:
        """Return the counts of the last hours, the present one last."""
        present, hours = hour_of(now), self.counts.get((network, word), {})
        return tuple(hours.get(hour, 0) for hour in range(present - HOURS + 1, present + 1))

    def last(self, network: str, *words: str) -> datetime | None:
        """Return when any of these words was last written."""
        found = (self.lasts.get((network, word)) for word in words)
        return max((moment for moment in found if moment is not None), default=None)


def networks_of(pulses: Pulses, configured: Iterable[str]) -> tuple[str, ...]:
    """Return the networks to be shown: those configured in their order, then others seen."""
    seen = sorted({network for network, _word in pulses.lasts if network})
    return tuple(dict.fromkeys([*configured, *seen]))


def balance_of(day: Day, pulses: Pulses, tallies: Mapping[tuple[str, str, str], int]) -> Balance:
    """Return the day's balance; `tallies` counts by direction, network and state."""
    sides: dict[tuple[str, str], Counter[str]] = {}
    for (direction, network, state), count in tallies.items():
        side = (
            side_in(InboundState(state))
            if direction == Direction.IN
            else side_out(OutboundState(state))
        )
        sides.setdefault((direction, network), Counter())[side] += count
    return Balance(
        start=day.moment(day.first),
        end=day.moment(day.end),
        received=tuple(
            BalanceIn(network=network, received=count, **_parts(part, BalanceIn))
            for network, count, part in _balanced(day, pulses, RECEIVED, Direction.IN, sides)
        ),
        sent=tuple(
            BalanceOut(network=network, sent=count, **_parts(part, BalanceOut))
            for network, count, part in _balanced(day, pulses, SENT, Direction.OUT, sides)
        ),
        submitted=pulses.on(day, "", SUBMITTED),
    )


def _balanced(
    day: Day,
    pulses: Pulses,
    word: str,
    direction: Direction,
    sides: Mapping[tuple[str, str], Counter[str]],
) -> Iterable[tuple[str, int, Counter[str]]]:
    """Yield network, what was counted, and the parts; networks without either are left out."""
    stored = {network for way, network in sides if way == direction}
    for network in sorted({*pulses.networks(word), *stored}):
        count, part = pulses.on(day, network, word), sides.get((direction, network), Counter())
        if count or any(part.values()):
            yield network, count, part


_NAMES: dict[type[BalanceIn | BalanceOut], tuple[str, ...]] = {
    BalanceIn: ("registered", "refused", "held", "waiting"),
    BalanceOut: ("confirmed", "refused", "unclear", "waiting"),
}


def _parts(part: Counter[str], kind: type[BalanceIn | BalanceOut]) -> dict[str, int]:
    return {name: part[name] for name in _NAMES[kind]}


def gates_of(day: Day, pulses: Pulses) -> Gates:
    """Return what the checks did."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for network, word in pulses.lasts:
        if word.startswith(GATE):
            _gate, check, kind, reason = (*word.split(":"), "")[:4]
            counts[check, kind, reason] += pulses.on(day, network, word)
    scanned = [pulses.lasts[network, SCANNED] for network in pulses.networks(SCANNED)]
    return Gates(
        received=pulses.all_on(day, RECEIVED),
        held=pulses.all_on(day, HELD),
        rejected=pulses.all_on(day, REJECTED),
        repeated=pulses.all_on(day, REPEATED),
        reasons=tuple(
            GateCount(check=check, kind=kind, reason=reason, count=count)
            for (check, kind, reason), count in sorted(counts.items())
            if count
        ),
        last_scanned=max(scanned, default=None),
    )


def strip_of(
    network: str,
    day: Day,
    pulses: Pulses,
    health: ChannelHealth | None,
    oldest: Mapping[Direction, datetime | None],
) -> Strip:
    """Return one network at a glance."""
    heard = pulses.last(network, *LIVELY)
    alive = None if health is None else health.last_alive
    return Strip(
        network=network,
        last_alive=max((m for m in (heard, alive) if m is not None), default=None),
        last_in=pulses.last(network, RECEIVED, REPEATED),
        last_out=pulses.last(network, THROUGH),
        in_today=pulses.on(day, network, RECEIVED),
        out_today=pulses.on(day, network, TRIED),
        oldest_waiting_in=oldest.get(Direction.IN),
        oldest_waiting_out=oldest.get(Direction.OUT),
        last_code="" if health is None else health.last_code,
        last_failure=pulses.last(network, FAILED),
        circuit=Circuit.CLOSED if health is None else health.circuit,
        probe_at=None if health is None else health.probe_at,
        fallbacks_today=pulses.on(day, network, FALLBACK),
        hours_in=pulses.hours(day.now, network, RECEIVED),
        hours_out=pulses.hours(day.now, network, TRIED),
    )


def registry_of(pulses: Pulses, waiting_since: datetime | None) -> RegistryPulse:
    """Return how the registry keeps up."""
    return RegistryPulse(waiting_since=waiting_since, last_number=pulses.last("", NUMBERED))


def silence(registry: RegistryPulse, promises: Promises, now: datetime) -> NeedItem | None:
    """Return the need that the registry's silence is, where it has been silent for too long."""
    if registry.waiting_since is None:
        return None
    since = max(registry.waiting_since, registry.last_number or registry.waiting_since)
    if now - since < promises.registry_silent_after:
        return None
    return NeedItem(
        need=Need.REGISTRY_SILENT,
        since=since,
        deadline=deadline(Need.REGISTRY_SILENT, since, promises),
    )


def deadline(need: Need, since: datetime, promises: Promises) -> datetime:
    """Return until when a person should have seen to it; at once where nothing is promised."""
    return since + promises.within.get(need, timedelta())


def in_order(items: Iterable[NeedItem]) -> tuple[NeedItem, ...]:
    """Return needs with the nearest deadline first."""
    return tuple(sorted(items, key=lambda item: (item.deadline, item.since, item.need)))


def oldest_of(moments: Sequence[datetime | None]) -> datetime | None:
    """Return the earliest of some moments."""
    return min((moment for moment in moments if moment is not None), default=None)
