"""What everything in a running gateway stands on: settings, world, memory, keys. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import aiohttp

    from depesha.adapters.contents import Inspector
    from depesha.adapters.foresight import ClamdForesight
    from depesha.app.trust import Trust
    from depesha.config import Settings
    from depesha.ports import (
        Checkpoint,
        Clock,
        IdSource,
        Jitter,
        MalwareScanner,
        Observer,
        Threads,
    )
    from depesha.queue.opening import Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """Opened first, closed last."""

    settings: Settings
    clock: Clock
    ids: IdSource
    jitter: Jitter
    threads: Threads
    observer: Observer
    checkpoint: Checkpoint
    trust: Trust
    memory: Memory
    session: aiohttp.ClientSession
    scanner: MalwareScanner
    inspector: Inspector
    foresight: ClamdForesight
