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


_MINUTE, _HOUR = 60.0, 3600.0

SEOS = Schedule(delays=(10.0, _MINUTE, 5 * _MINUTE, *(m * _MINUTE for m in NETWORK_MINUTES)))
"""Documents to a SEOS peer: quick tries first, then the network's table to its end."""

SSEV = Schedule(
    delays=(
        *(_MINUTE, 5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE),
        *(h * _HOUR for h in (1, 2, 4, 8, 16, 24, 24, 24)),
    )
)
"""Documents to the SSEV hub: about four days, for it has no table of its own."""

EMAIL = Schedule(
    delays=(
        *(5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE),
        *(h * _HOUR for h in (1, 2, 4, 4, 8, 8, 12, 12, 24, 24)),
    )
)
"""Mail that our server does not take: about four days (RFC 5321 4.5.4.1: at least four)."""

FAULTS = Schedule(delays=(_MINUTE, 15 * _MINUTE, _HOUR, 4 * _HOUR, 12 * _HOUR, 24 * _HOUR))
"""Tries that the other side answered with a fault (500, 503, SOAP fault): a budget of its own."""

QUESTIONS = Schedule(
    delays=(5.0, 30.0, 2 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE, *(h * _HOUR for h in (1, 2, 4, 8)))
)
"""Questions after a try that may have got through; after the last one a person decides."""

BY_NETWORK = {"seos": SEOS, "ssev": SSEV, "email": EMAIL}
"""Default schedules; an installation sets its own."""


def has_try_left(schedule: Schedule, failed: int) -> bool:
    """Tell whether another try follows after `failed` failed ones."""
    return schedule.endless or failed <= len(schedule.delays)
