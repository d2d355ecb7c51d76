"""Looks at the store for a scrape: bounded in time, once for however many ask at once.

A scrape never starts a second look while one is under way, and never waits longer than its limit:
then the gauges keep what they had, and the age of the facts says so. Changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from depesha.errors import DepeshaError
from depesha.schemas.surroundings import Surroundings
from depesha.schemas.usage import Usage

if TYPE_CHECKING:
    from depesha.monitoring.gauges import Gauges
    from depesha.ports import Clock, Overview


class Standing:
    """Keeps the gauges true."""

    def __init__(
        self,
        *,
        gauges: Gauges,
        overview: Overview,
        clock: Clock,
        midnight: Callable[[datetime], datetime],
        usage: Callable[[], Usage] = Usage,
        surroundings: Callable[[], Surroundings] = Surroundings,
        seconds: float = 2.0,
        keep: float = 5.0,
    ) -> None:
        """`midnight` is the start of the day of a moment.

        A scrape waits for the store at most `seconds`; what was seen is good for `keep` seconds.
        """
        self._gauges = gauges
        self._overview = overview
        self._clock = clock
        self._midnight = midnight
        self._usage = usage
        self._surroundings = surroundings
        self._seconds = seconds
        self._keep = keep
        self._looking: asyncio.Task[bool] | None = None
        self._seen_at = float("-inf")

    async def show(self) -> bool:
        """Set every gauge; False where the store did not answer in time."""
        self._gauges.show_usage(self._usage(), self._clock.now())
        self._gauges.show_surroundings(self._surroundings())
        if self._clock.monotonic() - self._seen_at < self._keep:
            return True
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        # The look itself goes on: cutting it off would free nothing in the store.
        done, _ = await asyncio.wait({self._looking}, timeout=self._seconds)
        return bool(done) and self._looking.result()

    async def _look(self) -> bool:
        try:
            now = self._clock.now()
            home = await self._overview.home(self._midnight(now), most=1)
            ages = await self._overview.queue()
        except DepeshaError:
            return False
        self._gauges.show_home(home)
        self._gauges.show_queue(ages, now)
        self._seen_at = self._clock.monotonic()
        return True

    async def close(self) -> None:
        """Let go of a look under way. Twice is safe."""
        looking, self._looking = self._looking, None
        if looking is not None:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
