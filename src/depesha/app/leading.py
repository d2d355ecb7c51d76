"""What one gateway alone does where several share a store: asked for before each round of it.

On SQLite a gateway is alone and leads always. Who leads is agreed in the store (`ports.Leaders`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from depesha.gateway.service import Clockwork, Gate, Lane

if TYPE_CHECKING:
    from depesha.ports import Clock, Leaders

NETWORKS = "networks"
"""Whoever leads this speaks those networks whose state lies in files: SSEV, ISDS, mail."""
HOUSE = "house"
"""Whoever leads this seals, shreds, sweeps and keeps the terms of the store."""
ASKED_SECONDS = 1.0
"""So long an answer is believed; leadership of one who died ends much later."""


class Leading:
    """One leadership, for lanes and clockworks to ask after."""

    def __init__(
        self,
        name: str,
        leaders: Leaders,
        clock: Clock,
        gained: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`gained` is awaited each time the leadership came to us; where it raises, it did not.

        It may have come back to us unnoticed, after another gateway led: by a new term.
        """
        self._name = name
        self._leaders = leaders
        self._clock = clock
        self._gained = gained
        self._term = 0
        """0: it is not ours."""
        self._asked_at: float | None = None

    async def __call__(self) -> bool:
        """Tell whether it falls to us now; raises `StorageError` where the store cannot say."""
        now = self._clock.monotonic()
        if self._asked_at is not None and now - self._asked_at < ASKED_SECONDS:
            return bool(self._term)
        term = await self._leaders.leading(self._name)
        if term not in {0, self._term} and self._gained is not None:
            await self._gained()
        self._term, self._asked_at = term, now
        return bool(term)


W = TypeVar("W", Clockwork, Lane)


def alone(works: tuple[W, ...], gate: Gate) -> tuple[W, ...]:
    """Return lanes or clockworks, each of them only while the gate is open."""
    return tuple(replace(one, gate=gate) for one in works)
