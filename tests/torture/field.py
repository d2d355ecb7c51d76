"""The field of a torture: that of a chaos run, at an even pace, under a schedule of pain."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from tests.chaos.field import Field
from tests.chaos.staff import UNFINISHED
from tests.torture.ground import Ground
from tests.torture.torment import Torment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.chaos.plan import Plan
    from tests.torture.schedule import Turn

PATIENCE: Final = 600.0
"""A clock that went ahead by four minutes put some work off by as much."""


class TortureField(Field):
    """`async with TortureField(plan, turns, seconds, …) as field`, then `play` once."""

    patience = PATIENCE

    def __init__(
        self,
        plan: Plan,
        turns: tuple[Turn, ...],
        folder: Path,
        say: Callable[[str], None],
        *,
        seconds: float,
        disks: bool,
    ) -> None:
        """`seconds`: over which the documents are handed in; `disks`: each store gets its own."""
        super().__init__(plan, folder, say)
        self.turns = turns
        self._seconds = seconds
        self._disks = disks
        self.grounds: dict[str, Ground] = {}

    async def _open(self) -> None:
        if self._disks:
            for body in self.land.pair:
                await asyncio.to_thread(self._lay, body.folder)
        await super()._open()
        self.torment = Torment(self.stand, self.turns, self.grounds)
        self._work(self.torment.work())

    def _lay(self, folder: str) -> None:
        place = self.folder / "country" / f"gateway-{folder}" / "store"
        self.folder.mkdir(parents=True, exist_ok=True)
        ground = Ground(self.folder / f"{folder}.img", place)
        self._stack.callback(ground.lift)
        ground.lay()
        self.grounds[folder] = ground

    def unfinished(self) -> int:
        """As many as clerks may not exceed, while they are ahead of the even pace."""
        share = (self.stand.clock.monotonic() - self.torment.begun) / self._seconds
        ahead = self.weather.answered > share * len(self.plan.documents)
        return UNFINISHED + 1 if ahead else super().unfinished()

    async def calm(self) -> None:
        """Wait until the schedule is through."""
        await self.torment.over()
