"""Verifies the whole chain of evidence when a person asks, beside everything else that runs.

A long chain takes minutes: the work goes on when the browser is gone, once at a time, and ends with
the console.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from depesha.errors import DepeshaError, EvidenceError
from depesha.monitoring.console.machine.acts import operated

if TYPE_CHECKING:
    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.console.machine.parts import MachineParts

PATIENCE_SECONDS = 3.0
"""So long the asking page waits: a short chain is verified by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the last verification found, in this run of the gateway."""

    at: datetime
    rows: int = 0
    broken: str = ""
    """The dull sentence of what does not hold; empty: everything holds."""
    unfinished: str = ""
    """Code of what kept it from its end; empty: nothing did."""


class Prover:
    """Runs one verification at a time."""

    def __init__(self, parts: MachineParts) -> None:
        self._in = parts
        self._running: asyncio.Task[None] | None = None
        self.since: datetime | None = None
        """Since when one runs; None: none does."""
        self.last: Proof | None = None

    async def start(self, visit: Visit) -> None:
        """Begin, after that is written down; return soon. One that runs is waited for instead."""
        if self.since is None:
            self.since = visit.now  # before anything else: who asks in the same moment waits
            try:
                await self._in.pages.journal.record(operated(visit, "verifying"))
            except DepeshaError:
                self.since = None
                raise
            self._running = asyncio.create_task(self._run(visit))
        if self._running is not None:
            await asyncio.wait({self._running}, timeout=PATIENCE_SECONDS)

    async def _run(self, visit: Visit) -> None:
        work = asyncio.create_task(self._prove(visit))
        stopping = asyncio.create_task(self._in.pages.stopping.wait())
        try:
            await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (work, stopping):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await work
            self._running, self.since = None, None

    async def _prove(self, visit: Visit) -> None:
        journal, clock = self._in.pages.journal, self._in.pages.clock
        try:
            proof = Proof(at=clock.now(), rows=await journal.verify())
        except EvidenceError as error:
            proof = Proof(at=clock.now(), broken=error.public)
        except DepeshaError as error:
            self.last = Proof(at=clock.now(), unfinished=error.code)
            return
        self.last = proof
        decision = "verified-broken" if proof.broken else "verified"
        with suppress(DepeshaError):  # what was found is shown all the same
            await journal.record(operated(visit, decision, rows=proof.rows))
