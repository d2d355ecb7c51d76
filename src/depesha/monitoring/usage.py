"""Eyes on two neighbours of every message: the malware scanner and the event loop.

They measure and pass on; they never change what passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from depesha.monitoring.metrics import Words
from depesha.schemas.facts import ScanResult

if TYPE_CHECKING:
    from depesha.monitoring.metrics import Metrics
    from depesha.ports import Clock, MalwareScanner

NAP = 0.1
"""Seconds the loop is asked to sleep; what it sleeps longer is its lag."""


class WatchedScanner:
    """`ports.MalwareScanner` that counts and times what another does."""

    def __init__(self, scanner: MalwareScanner, metrics: Metrics, clock: Clock) -> None:
        self._scanner = scanner
        self._metrics = metrics
        self._word = Words()
        self._clock = clock

    async def scan(
        self, files: Sequence[tuple[int, Path]], budget: float
    ) -> tuple[ScanResult, ...]:
        """Scan files (index, path) within `budget` seconds; one result each, in order."""
        began = self._clock.monotonic()
        results = await self._scanner.scan(files, budget)
        self.told(results, self._clock.monotonic() - began)
        return results

    def told(self, results: tuple[ScanResult, ...], seconds: float) -> None:
        """Note results of files that were looked at together; from any thread."""
        self._metrics.scan_seconds.observe(seconds)
        for result in results:
            self._metrics.scans.labels(self._word(_outcome(result))).inc()

    async def ping(self) -> str:
        """Return engine and database version of a living scanner; raise `ScannerError`."""
        return await self._scanner.ping()


def _outcome(result: ScanResult) -> str:
    """`clean`, `malware`, or why the scan is incomplete; the malware's name is no label."""
    if result.malware:
        return "malware"
    return result.incomplete.replace(" ", "_") or "clean"


class LoopLag:
    """Measures how late the event loop wakes who sleeps: a look each turn of a clockwork."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock

    async def look(self) -> None:
        """Sleep a moment and note what it was longer than asked for."""
        began = self._clock.monotonic()
        await self._clock.sleep(NAP)
        self._metrics.loop_lag.observe(max(0.0, self._clock.monotonic() - began - NAP))
