"""Scanners, certificates, disk and rules on the home page: judged, told in four languages."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from depesha.adapters.memory.blobs import MemoryBlobs
from depesha.adapters.memory.overview import MemoryOverview
from depesha.adapters.memory.quarantine import MemoryQuarantine
from depesha.adapters.memory.state import MemoryState
from depesha.adapters.memory.system import HandClock
from depesha.monitoring.console.access.wording import catalogue
from depesha.monitoring.console.pages.home_view import HomeView, home_view
from depesha.monitoring.console.pages.horizon_view import Level, around_of
from depesha.monitoring.console.pages.parts import Freshness
from depesha.monitoring.console.pages.telling import Teller
from depesha.schemas.certificates import Use
from depesha.schemas.overview import Need
from depesha.schemas.people import PERMISSIONS, Role
from depesha.schemas.sentences import LANGUAGES
from depesha.schemas.surroundings import (
    CertificateEnd,
    DiskOutlook,
    PeerCertificates,
    Retention,
    ScannerState,
    Surroundings,
)
from tests.support.memory import START

LIVING = ScannerState(
    alive=True, engine="ClamAV 1.4.6", database="27838", database_built=START - timedelta(hours=9)
)
OLD = ScannerState(alive=True, database_built=START - timedelta(days=4))
DEAD = ScannerState(alive=False)


def ending(days: float, use: str = Use.SIGNING) -> CertificateEnd:
    return CertificateEnd(use=use, subject="Община Пример", ends=START + timedelta(days=days))


def around(**fields: object) -> Surroundings:
    return Surroundings(at=START, **fields)  # type: ignore[arg-type]  # the table's own fields


async def view(tmp_path: Path, surroundings: Surroundings, role: Role = Role.OPERATOR) -> HomeView:
    state, clock = MemoryState(), HandClock(START)
    quarantine = MemoryQuarantine(state, MemoryBlobs(tmp_path / "blobs", clock), clock)
    overview = MemoryOverview(state, clock, quarantine=quarantine)
    home = await overview.home(START.replace(hour=0))
    tell = Teller(language="en", zone=ZoneInfo("Europe/Sofia"), now=START)
    return home_view(home, tell, Freshness(), PERMISSIONS[role], surroundings)


@pytest.mark.parametrize(
    ("scanners", "level"),
    [
        ((), Level.GOOD),
        ((LIVING,), Level.GOOD),
        ((LIVING, DEAD), Level.UNPROVEN),
        ((OLD,), Level.UNPROVEN),
        ((DEAD, DEAD), Level.BAD),
    ],
)
def test_scanners_are_as_well_as_all_of_them(
    scanners: tuple[ScannerState, ...], level: Level
) -> None:
    assert around_of(around(scanners=scanners), START).engine is level


@pytest.mark.parametrize(
    ("days", "level"),
    [(400, Level.GOOD), (44.5, Level.UNPROVEN), (13.5, Level.BAD), (-1, Level.BAD)],
)
def test_certificates_turn_yellow_and_red_before_their_end(days: float, level: Level) -> None:
    seen = around_of(around(certificates=(ending(days),)), START)
    assert seen.own is seen.certificates[0].level is level


def test_a_disk_is_yellow_in_its_last_month() -> None:
    for days, level in ((29.0, Level.UNPROVEN), (31.0, Level.GOOD), (None, Level.GOOD)):
        disk = DiskOutlook(days_left=days, measured=timedelta(days=1))
        assert around_of(around(disk=disk), START).disk_level is level


async def test_a_dead_scanner_is_the_worst_thing(tmp_path: Path) -> None:
    shown = await view(tmp_path, around(scanners=(DEAD,)))
    assert shown.sentence.level is Level.BAD
    assert shown.sentence.text == "No malware scanner answers: messages with files are held."
    assert shown.sentence.link == "#gates"


async def test_a_certificate_near_its_end_needs_a_person_with_its_end_as_deadline(
    tmp_path: Path,
) -> None:
    for role in (Role.OPERATOR, Role.AUDITOR, Role.CLERK):
        shown = await view(tmp_path, around(certificates=(ending(5), ending(300))), role)
        [line] = shown.needs
        assert line.item.need is Need.CERTIFICATE
        assert line.item.deadline == START + timedelta(days=5)
        assert (line.reason, line.link) == ("Община Пример", "#horizon")
        assert shown.sentence.level is Level.BAD
        assert "certificate" in shown.sentence.text


async def test_yellow_things_are_named_and_good_ones_are_proofs(tmp_path: Path) -> None:
    shown = await view(tmp_path, around(scanners=(OLD,), certificates=(ending(30),)))
    assert shown.sentence.level is Level.UNPROVEN
    assert "scanners, certificates" in shown.sentence.text
    well = await view(tmp_path, around(scanners=(LIVING,), certificates=(ending(300),)))
    assert well.sentence.level is Level.GOOD
    assert {"proof.engine", "proof.certificates"} <= {proof.key for proof in well.proofs}


async def test_before_the_first_look_nothing_is_claimed(tmp_path: Path) -> None:
    shown = await view(tmp_path, Surroundings())
    assert not {"proof.engine", "proof.certificates"} & {proof.key for proof in shown.proofs}
    assert shown.sentence.level is Level.GOOD


def test_every_use_of_a_certificate_and_every_need_has_words() -> None:
    for language in LANGUAGES:
        words = catalogue(language)
        for key in (*(f"horizon.use.{use}" for use in Use), *(f"need.{need}" for need in Need)):
            assert words.get(key), (language, key)


def test_the_whole_horizon_is_a_value() -> None:
    seen = around_of(
        around(
            peers=PeerCertificates(known=2, next_end=START + timedelta(days=3), next_of="Б"),
            retention=Retention(quarantine_days=30),
        ),
        START,
    )
    assert (seen.peer_days, seen.peer_level) == (3, Level.BAD)
    assert around_of(around(), START).peer_days is None
