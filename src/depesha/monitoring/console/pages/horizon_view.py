"""The home page's lines on scanners, certificates, disk and rules, out of what stands around. Pure.

Nothing known is said as such: before the first look, and where a thing cannot be measured.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from depesha.schemas.certificates import ALARM_DAYS, WARNING_DAYS
from depesha.schemas.overview import Need, NeedItem
from depesha.schemas.surroundings import (
    CertificateEnd,
    ScannerState,
    Surroundings,
    days_until,
)

DATABASE_DAYS = 3
"""A malware database that is older is "not proven lately": its makers issue one each day."""
DISK_DAYS = 30
"""A disk that lasts less long is yellow."""


class Level(StrEnum):
    """How a thing stands."""

    GOOD = "good"
    UNPROVEN = "unproven"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Something that was proven, and when last."""

    key: str
    level: Level
    at: datetime | None
    facts: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannerLine:
    """One scanner."""

    state: ScannerState
    level: Level


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateLine:
    """One certificate."""

    certificate: CertificateEnd
    days: int
    level: Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What the sections "gates" and "horizon" show beside the store's own facts."""

    surroundings: Surroundings
    scanners: tuple[ScannerLine, ...]
    certificates: tuple[CertificateLine, ...]
    peer_days: int | None
    peer_level: Level
    disk_days: int | None
    disk_level: Level

    @property
    def engine(self) -> Level:
        """Of all scanners: one that lives is enough to go on, but not enough to be well."""
        levels = [line.level for line in self.scanners]
        if levels and all(one is Level.BAD for one in levels):
            return Level.BAD
        return Level.GOOD if all(one is Level.GOOD for one in levels) else Level.UNPROVEN

    @property
    def own(self) -> Level:
        """The worst of our certificates."""
        levels = {line.level for line in self.certificates}
        return next((one for one in (Level.BAD, Level.UNPROVEN) if one in levels), Level.GOOD)


def around_of(surroundings: Surroundings, now: datetime) -> Around:
    """Return what stands around at a moment, judged."""
    peers, disk = surroundings.peers, surroundings.disk
    next_end = None if peers is None else peers.next_end
    peer_days = None if next_end is None else days_until(next_end, now)
    disk_days = None if disk is None or disk.days_left is None else int(disk.days_left)
    return Around(
        surroundings=surroundings,
        scanners=tuple(
            ScannerLine(state=one, level=_scanner(one, now)) for one in surroundings.scanners
        ),
        certificates=tuple(_certificate(one, now) for one in surroundings.certificates),
        peer_days=peer_days,
        peer_level=Level.GOOD if peer_days is None else _soon(peer_days),
        disk_days=disk_days,
        disk_level=Level.UNPROVEN
        if disk_days is not None and disk_days < DISK_DAYS
        else Level.GOOD,
    )


def _scanner(state: ScannerState, now: datetime) -> Level:
    if not state.alive:
        return Level.BAD
    built = state.database_built
    old = built is not None and now - built > timedelta(days=DATABASE_DAYS)
    return Level.UNPROVEN if old else Level.GOOD


def _certificate(certificate: CertificateEnd, now: datetime) -> CertificateLine:
    days = days_until(certificate.ends, now)
    return CertificateLine(certificate=certificate, days=days, level=_soon(days))


def _soon(days: int) -> Level:
    if days < ALARM_DAYS:
        return Level.BAD
    return Level.UNPROVEN if days < WARNING_DAYS else Level.GOOD


def certificate_needs(around: Around) -> tuple[NeedItem, ...]:
    """Return the certificates that a person must replace now; the deadline is their end."""
    return tuple(
        NeedItem(
            need=Need.CERTIFICATE,
            since=line.certificate.ends - timedelta(days=ALARM_DAYS),
            deadline=line.certificate.ends,
            reason=line.certificate.subject,
        )
        for line in around.certificates
        if line.level is Level.BAD
    )


def around_proofs(around: Around) -> tuple[Proof, ...]:
    """What stands around counts among the proofs once it was looked at.

    A certificate near its end is a need of its own, with a deadline, and no reason for "bad" here.
    """
    if around.surroundings.at is None:
        return ()
    ends = Level.GOOD if around.own is Level.GOOD else Level.UNPROVEN
    return (
        Proof(key="proof.engine", level=around.engine, at=around.surroundings.at),
        Proof(key="proof.certificates", level=ends, at=around.surroundings.at),
    )
