"""What stands around the store and decides how far we reach: scanners, certificates, disk, rules.

Gathered by a clockwork and shown on the home page and in the metrics. Values only; never a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

_DAY = timedelta(days=1)
LEAST_SPAN = timedelta(hours=6)
"""A slope over less than this says nothing: nights and mornings differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannerState:
    """One malware scanner."""

    alive: bool
    engine: str = ""
    """Such as `ClamAV 1.4.6`."""
    database: str = ""
    """Number of its database; empty where it has none of its makers'."""
    database_built: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateEnd:
    """When a certificate ends."""

    use: str
    """What for: a `schemas.certificates.Use`; of a peer's, whose it is."""
    subject: str
    ends: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerCertificates:
    """Certificates of others, as far as files of theirs are named in the settings."""

    known: int
    next_end: datetime | None = None
    next_of: str = ""
    """Whose certificate ends next: the body's name or identifier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskOutlook:
    """How long the disk will last."""

    days_left: float | None
    """At the pace of the measured time; None where that was too short, or it does not fill."""
    measured: timedelta = timedelta()
    """Over how long the pace was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long things are kept, by the settings."""

    quarantine_days: int
    """Refused bytes; then their keys are destroyed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Everything gathered, and when; None as moment: not yet."""

    at: datetime | None = None
    scanners: tuple[ScannerState, ...] = ()
    certificates: tuple[CertificateEnd, ...] = ()
    """Own ones, the soonest to end first."""
    peers: PeerCertificates | None = None
    disk: DiskOutlook | None = None
    retention: Retention | None = None

    @property
    def database_built(self) -> datetime | None:
        """Return the age of the oldest database of a living scanner; None where none tells."""
        built = [s.database_built for s in self.scanners if s.alive and s.database_built]
        return min(built, default=None)


def days_until(ends: datetime, now: datetime) -> int:
    """Return whole days; negative after the end."""
    return (ends - now) // _DAY


def outlook(samples: Sequence[tuple[datetime, int]]) -> DiskOutlook:
    """Return how long the free bytes last, by the line through samples of (moment, free bytes).

    The line is that of least squares, so that one large file that came and went says little.
    """
    if len(samples) < 2 or samples[-1][0] - samples[0][0] < LEAST_SPAN:  # noqa: PLR2004 - a line
        return DiskOutlook(days_left=None)
    start, span = samples[0][0], samples[-1][0] - samples[0][0]
    times = [(at - start) / _DAY for at, _ in samples]
    frees = [float(free) for _, free in samples]
    middle, mean = sum(times) / len(times), sum(frees) / len(frees)
    spread = sum((t - middle) ** 2 for t in times)
    pace = sum((t - middle) * (f - mean) for t, f in zip(times, frees, strict=True)) / spread
    if pace >= 0:
        return DiskOutlook(days_left=None, measured=span)
    return DiskOutlook(days_left=max(0.0, frees[-1] / -pace), measured=span)
