"""Retry decides, somebody else does: pure functions from history to a decision.

Properties kept by tests: never earlier than asked, monotone, bounded, jitter inside its band.
Nothing here waits, reads a clock or draws a number.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Waiting times in seconds after each failed try, in order."""

    delays: tuple[float, ...]
    jitter: float = 0.1
    """Added on top, as a share of the delay: never earlier than the delay itself."""
    endless: bool = False
    """True: the last delay repeats for ever; False: after the last one a person decides."""


NETWORK_MINUTES = tuple(15.0 * 2**n for n in range(10))
"""The network's own table: 15·2ⁿ minutes after the try before (SEOS facts 9)."""

NOTICES = Schedule(delays=(10.0, 60.0, 300.0, *(m * 60 for m in NETWORK_MINUTES)))
"""Notices to a sender: quick tries first, then the network's table to its end."""

RECHECKS = Schedule(delays=(15.0, 30.0, 60.0, 120.0, 300.0, 900.0), endless=True)
"""Held messages are looked at again until a verdict is had: a scanner may be away for long."""

WEBHOOKS = Schedule(
    delays=(5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
)
"""The schedule that Standard Webhooks recommends."""


def next_try(schedule: Schedule, failed: int, now: datetime, fraction: float) -> datetime | None:
    """Return when to try again after `failed` failed tries, or None: give up to a person.

    `fraction` is chance, from 0 up to 1.
    """
    index = failed - 1
    if index >= len(schedule.delays):
        if not schedule.endless:
            return None
        index = len(schedule.delays) - 1
    delay = schedule.delays[index]
    return now + timedelta(seconds=delay * (1 + schedule.jitter * fraction))
