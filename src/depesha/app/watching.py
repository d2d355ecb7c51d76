"""Puts the gauges of a running gateway together: what is in use, what stands, what is around.

Wires only: everything is asked of parts that exist anyway.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from depesha.app.surroundings import EVERY_SECONDS, SurroundingsWatch
from depesha.gateway.service import Clockwork
from depesha.monitoring.gauges import Gauges
from depesha.monitoring.standing import Standing
from depesha.monitoring.usage import LoopLag
from depesha.schemas.usage import Usage

if TYPE_CHECKING:
    from depesha.adapters.clamd import ClamdScanner
    from depesha.adapters.system import WorkerThreads
    from depesha.config import Settings
    from depesha.gateway.service import Service
    from depesha.monitoring.metrics import Metrics
    from depesha.ports import Clock, Observer
    from depesha.queue.opening import Memory

LAG_SECONDS = 1.0
PROOF_SECONDS = 3600.0
PROOF_AGE = timedelta(hours=20)
"""The whole journal is verified once it was not for so long: each day, and not at every start."""


class Watching:
    """One for a gateway."""

    def __init__(
        self,
        settings: Settings,
        *,
        metrics: Metrics,
        memory: Memory,
        scanner: ClamdScanner,
        threads: WorkerThreads,
        clock: Clock,
        observer: Observer,
    ) -> None:
        """Nothing is opened or asked yet."""
        metrics.know(settings.networks)
        self._memory = memory
        self._clock = clock
        self._threads = threads
        self._service: Service | None = None
        self._lag = LoopLag(metrics, clock)
        self.surroundings = SurroundingsWatch(
            settings, scanner=scanner, clock=clock, threads=threads, observer=observer
        )
        self._zone = ZoneInfo(settings.calendar.zone)
        self.standing = Standing(
            gauges=Gauges(metrics),
            overview=memory.overview,
            clock=clock,
            midnight=self._midnight,
            usage=self._usage,
            surroundings=self.surroundings.now,
        )

    def serves(self, service: Service) -> None:
        """Take note of the workers; until then none are shown."""
        self._service = service

    def _midnight(self, now: datetime) -> datetime:
        local = now.astimezone(self._zone)
        return local.replace(hour=0, minute=0, second=0, microsecond=0)

    def _usage(self) -> Usage:
        return Usage(
            hands=() if self._service is None else self._service.hands(),
            threads=self._threads.use(),
            store_waiting=self._memory.db.waiting(),
        )

    async def _prove(self) -> None:
        """Verify the journal where that is due; raises `EvidenceError` where it does not hold."""
        now = self._clock.now()
        sealing = (await self._memory.overview.home(self._midnight(now), most=1)).sealing
        if sealing.verified_at is None or now - sealing.verified_at >= PROOF_AGE:
            await self._memory.journal.verify()

    def clockworks(self) -> tuple[Clockwork, ...]:
        """Return the looks around, at the loop, and through the whole journal."""
        return (
            Clockwork(name="surroundings", seconds=EVERY_SECONDS, job=self.surroundings.look),
            Clockwork(name="lag", seconds=LAG_SECONDS, job=self._lag.look),
            Clockwork(name="verify", seconds=PROOF_SECONDS, job=self._prove),
        )
