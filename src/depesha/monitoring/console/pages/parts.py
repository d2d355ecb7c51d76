"""What the content pages are made with: ports, and values that say who we are. No logic."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Protocol

from depesha.schemas.surroundings import Surroundings

if TYPE_CHECKING:
    from depesha.monitoring.console.access.pages import Pages
    from depesha.monitoring.console.access.reasons import Reasons
    from depesha.ports import (
        BlobStore,
        Clock,
        Desk,
        Journal,
        Notebook,
        Outbox,
        Overview,
        ParkedTasks,
        Threads,
    )
    from depesha.schemas.envelope import Party


class Changes(Protocol):
    """Wakes the live pages; `TaskQueue.wait` will do."""

    async def wait(self, seconds: float) -> None:
        """Return when something may have changed, or after `seconds`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How long a proof holds; an older one turns yellow: "not proven lately", not "bad"."""

    network: timedelta = timedelta(hours=1)
    scanner: timedelta = timedelta(hours=24)
    evidence: timedelta = timedelta(hours=26)
    disk_percent: int = 10
    """Less free space than this is yellow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageParts:
    """Everything the content pages stand on."""

    pages: Pages
    reasons: Reasons
    overview: Overview
    desk: Desk
    outbox: Outbox
    journal: Journal
    parked: ParkedTasks
    blobs: BlobStore
    changes: Changes
    clock: Clock
    threads: Threads
    zone: tzinfo
    """In which a day begins, and times are shown."""
    own: Party
    """Who signs the letters."""
    contact: str = ""
    """Telephone or address for the letters."""
    freshness: Freshness = field(default_factory=Freshness)
    surroundings: Callable[[], Surroundings] = Surroundings
    """What stands around the store, as last looked at."""
    notebook: Notebook | None = None
    """What people noted for each other; None: nothing can be noted here."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set before the listeners close, so that live streams do not hold them up."""

    def midnight(self, now: datetime) -> datetime:
        """Return the start of the day that is balanced."""
        return now.astimezone(self.zone).replace(hour=0, minute=0, second=0, microsecond=0)
