"""What people paused, as the notebook has it now. Reads only; what follows is decided elsewhere.

Read anew after a moment, so that a pause set at another gateway over the same store holds here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from depesha.schemas.notes import Area
from depesha.schemas.pauses import Pause, Way, load_pauses, paused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from depesha.ports import Clock, Notebook

R = TypeVar("R")

FRESH_SECONDS = 1.0
"""So long what was read is believed: a document may still begin its way within it."""


@dataclass(slots=True)
class Pauses:
    """The pauses of this installation. Raises `StorageError` where the notebook cannot be read."""

    notebook: Notebook
    clock: Clock
    _known: tuple[Pause, ...] = field(default=(), init=False)
    _read_at: float | None = field(default=None, init=False)

    async def now(self) -> tuple[Pause, ...]:
        """Return everything that rests."""
        at = self.clock.monotonic()
        if self._read_at is None or at - self._read_at >= FRESH_SECONDS:
            self._known = load_pauses(await self.notebook.read(Area.PAUSES))
            self._read_at = at
        return self._known

    async def sending(self) -> dict[str, Pause]:
        """Return the networks by which nothing is sent."""
        return {one.network: one for one in await self.now() if one.way is Way.SENDING}

    def heeding(
        self, network: str, job: Callable[[], Awaitable[R]]
    ) -> Callable[[], Awaitable[R | None]]:
        """Return the job of looking into a network's inbox, not done while receiving rests."""

        async def unless_paused() -> R | None:
            if paused(await self.now(), network, Way.RECEIVING) is not None:
                return None
            return await job()

        return unless_paused
