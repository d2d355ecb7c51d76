"""The breakers as they stand now: one for each channel, one for each peer on it. Keeps only.

The rules are `breaker.py`'s; here only the values are held, for many documents look at them at
once. Every change is handed back, to be written in the transaction of the step that taught it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from depesha.gateway import breaker
from depesha.gateway.breaker import BreakerPolicy
from depesha.schemas.route import ChannelHealth, Circuit

if TYPE_CHECKING:
    from datetime import datetime

    from depesha.schemas.outbound import Settlement


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """What an outcome taught, and which circuits it opened or closed."""

    health: tuple[ChannelHealth, ...] = ()
    opened: tuple[ChannelHealth, ...] = ()
    closed: tuple[ChannelHealth, ...] = ()


@dataclass(slots=True)
class Breakers:
    """The health of every channel and peer in this process."""

    policies: Mapping[str, BreakerPolicy] = field(default_factory=dict)
    """By network; others go by the default policy."""
    known: dict[tuple[str, str], ChannelHealth] = field(default_factory=dict)

    def load(self, health: Iterable[ChannelHealth]) -> None:
        """Take what an earlier run had learnt."""
        self.known |= {(one.network, one.peer): one for one in health}

    def all(self) -> tuple[ChannelHealth, ...]:
        """Return everything known."""
        return tuple(self.known.values())

    def of(self, network: str, peer: str = "") -> ChannelHealth:
        """Return the health of a channel, or of one peer on it."""
        return self.known.get((network, peer)) or ChannelHealth(network=network, peer=peer)

    def begun(self, network: str, peer: str, now: datetime) -> tuple[ChannelHealth, ...]:
        """A try was let through: while half-open it keeps the next ones out."""
        after = [
            breaker.begun(self.of(network, name), now, self._policy(network)) for name in ("", peer)
        ]
        return self._kept(after)

    def heard(self, network: str, peer: str, now: datetime, settled: Settlement) -> Taught:
        """A try with `peer` ended, or was asked about."""
        alive = breaker.is_alive(settled.outcome, settled.blame)
        if alive is None:
            return Taught()
        before = [self.of(network, name) for name in ("", peer)]
        policy = self._policy(network)
        after = [
            breaker.heard(one, peer, now, policy, alive=alive, code=settled.code) for one in before
        ]
        pairs = list(zip(before, after, strict=True))
        return Taught(
            health=self._kept(after),
            opened=tuple(new for old, new in pairs if _shut(new) and not _shut(old)),
            closed=tuple(new for old, new in pairs if _shut(old) and not _shut(new)),
        )

    def _policy(self, network: str) -> BreakerPolicy:
        return self.policies.get(network) or BreakerPolicy()

    def _kept(self, health: list[ChannelHealth]) -> tuple[ChannelHealth, ...]:
        news = tuple(one for one in health if self.known.get((one.network, one.peer)) != one)
        self.load(news)
        return news


def _shut(health: ChannelHealth) -> bool:
    return health.circuit is not Circuit.CLOSED
