"""Gathers what stands around the store: scanners, certificates, disk, rules. Only looks.

A file that cannot be read is left out, and counted as trouble; `depesha doctor` names it.
"""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import NameOID

from depesha.adapters.email.settings import EmailSettings
from depesha.adapters.isds.settings import IsdsSettings
from depesha.adapters.seos.settings import SeosSettings
from depesha.adapters.ssev.settings import SsevSettings
from depesha.app.networks import table
from depesha.schemas.certificates import Use
from depesha.schemas.surroundings import (
    CertificateEnd,
    PeerCertificates,
    Retention,
    ScannerState,
    Surroundings,
    outlook,
)

if TYPE_CHECKING:
    from depesha.adapters.clamd import ClamdScanner
    from depesha.config import Settings
    from depesha.ports import Clock, Observer, Threads

EVERY_SECONDS = 60.0
SAMPLE_EVERY = timedelta(minutes=10)
SAMPLES = 7 * 24 * 6
"""A week of free space, kept in memory: after a start the pace is unknown for some hours."""


class SurroundingsWatch:
    """Looks around each minute; `now` is the last look. One for a gateway."""

    def __init__(
        self,
        settings: Settings,
        *,
        scanner: ClamdScanner,
        clock: Clock,
        threads: Threads,
        observer: Observer,
        free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        """`free` tells the free bytes where a folder lies; raises `OSError`."""
        self._measure = free
        self._settings = settings
        self._scanner = scanner
        self._clock = clock
        self._threads = threads
        self._observer = observer
        self._free: deque[tuple[datetime, int]] = deque(maxlen=SAMPLES)
        self._now = Surroundings()

    def now(self) -> Surroundings:
        """Return what the last look saw."""
        return self._now

    async def look(self) -> None:
        """Look around; takes as long as a dead scanner is waited for. Safe to repeat."""
        scanners = await self._scanner.facts()
        certificates, peers = await self._threads.run(self._certificates)
        now, free = self._clock.now(), await self._threads.run(self._free_bytes)
        if free is not None and (not self._free or now - self._free[-1][0] >= SAMPLE_EVERY):
            self._free.append((now, free))
        self._now = Surroundings(
            at=now,
            scanners=tuple(
                ScannerState(
                    alive=one.alive,
                    engine=one.engine,
                    database=one.database,
                    database_built=one.database_built,
                )
                for one in scanners
            ),
            certificates=certificates,
            peers=peers,
            disk=outlook(tuple(self._free)),
            retention=Retention(quarantine_days=self._settings.quarantine.days),
        )

    def _free_bytes(self) -> int | None:
        try:
            return self._measure(self._settings.store.folder)
        except OSError:
            return None  # readiness turns red by itself

    def _certificates(self) -> tuple[tuple[CertificateEnd, ...], PeerCertificates]:
        own = [self._read(use, path) for use, path in own_certificates(self._settings)]
        found = sorted((one for one in own if one is not None), key=lambda one: one.ends)
        theirs = [self._read(name, path) for name, path in peer_certificates(self._settings)]
        known = sorted((one for one in theirs if one is not None), key=lambda one: one.ends)
        peers = PeerCertificates(
            known=len(known),
            next_end=known[0].ends if known else None,
            next_of=known[0].use if known else "",
        )
        return tuple(found), peers

    def _read(self, use: str, path: Path) -> CertificateEnd | None:
        """Read the first certificate of a PEM file; it may have been replaced since the start."""
        try:
            certificate = x509.load_pem_x509_certificates(path.read_bytes())[0]
        except (OSError, ValueError):
            self._observer.trouble("certificates", "UNREADABLE")
            return None
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        subject = str(names[0].value) if names else certificate.subject.rfc4514_string()
        return CertificateEnd(use=use, subject=subject, ends=certificate.not_valid_after_utc)


def own_certificates(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Yield what we show to others, by use; a file that stands for several uses is yielded once."""
    seen: set[Path] = set()
    for use, path in _named(settings):
        if path not in seen:
            seen.add(path)
            yield use, path


def _named(settings: Settings) -> Iterator[tuple[str, Path]]:
    yield Use.SIGNING, settings.keys.certificate
    if settings.listen.certificate is not None:
        yield Use.LISTENERS, settings.listen.certificate
    seos = table(settings, "seos", SeosSettings)
    if seos is not None and seos.register_client_certificate:
        yield Use.SEOS_REGISTER, settings.path(seos.register_client_certificate)
    ssev = table(settings, "ssev", SsevSettings)
    if ssev is not None:
        yield from _of_ssev(settings, ssev)
    isds = table(settings, "isds", IsdsSettings)
    for box in () if isds is None else isds.boxes:
        if box.client_certificate:
            yield Use.ISDS_LOGIN, settings.path(box.client_certificate)
    email = table(settings, "email", EmailSettings)
    if email is not None:
        yield Use.MAIL, settings.path(email.certificate)


def _of_ssev(settings: Settings, ssev: SsevSettings) -> Iterator[tuple[str, Path]]:
    if ssev.rest is not None and ssev.rest.client_certificate:
        yield Use.SSEV_CLIENT, settings.path(ssev.rest.client_certificate)
    if ssev.soap is not None and ssev.soap.signing_certificate:
        yield Use.SSEV_SIGNING, settings.path(ssev.soap.signing_certificate)


def peer_certificates(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Yield certificates of others that the settings name, by whose they are."""
    email = table(settings, "email", EmailSettings)
    for partner in () if email is None else email.partners:
        if partner.certificate:
            yield partner.name, settings.path(partner.certificate)
