"""Files handed to a real clamd ahead of their scan: the same verdicts, and silence helps nobody."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from depesha.adapters import foresight as module
from depesha.adapters.clamd import ClamdScanner
from depesha.adapters.foresight import ClamdForesight
from depesha.schemas.facts import ScanResult
from depesha.simulators.scanner import PrivateClamd
from tests.support.contents import EICAR, RealClock, pdf, private_clamd, write

__all__ = ["private_clamd"]
pytestmark = pytest.mark.clamd


class Counting(ClamdScanner):
    """Counts the exchanges that a scan makes itself."""

    asked = 0

    async def _ask(self, scanner: object, path: Path) -> str:
        self.asked += 1
        return await super()._ask(scanner, path)  # type: ignore[arg-type]  # passed on as it came


async def ready(private_clamd: PrivateClamd, tmp_path: Path) -> Counting:
    """A scanner whose version is known, as after its first file."""
    scanner = Counting([private_clamd.address], clock=RealClock())
    assert ClamdForesight(scanner, RealClock()).begin([(1, b"x")]) is None
    await scanner.scan([(1, write(tmp_path, b"first", "first"))], 20.0)
    scanner.asked = 0
    return scanner


def look_ahead(foresight: ClamdForesight, *files: bytes | Path) -> tuple[ScanResult, ...] | None:
    looking = foresight.begin(list(enumerate(files, 1)))
    return None if looking is None else looking.finish()


async def scanned(scanner: ClamdScanner, *files: Path) -> tuple[ScanResult, ...]:
    return await scanner.scan(list(enumerate(files, 1)), 20.0)


async def test_what_is_foreseen_is_what_a_scan_says(
    private_clamd: PrivateClamd, tmp_path: Path
) -> None:
    scanner = await ready(private_clamd, tmp_path)
    told: list[tuple[ScanResult, ...]] = []
    foresight = ClamdForesight(
        scanner, RealClock(), told=lambda results, _seconds: told.append(results)
    )
    files = write(tmp_path, pdf(), "good"), write(tmp_path, EICAR, "bad")
    ahead = await asyncio.to_thread(look_ahead, foresight, *files)
    assert scanner.asked == 0
    assert ahead == await asyncio.to_thread(look_ahead, foresight, pdf(), EICAR)
    assert ahead == await scanned(scanner, *files)
    assert ahead is not None
    assert [bool(one.malware) for one in ahead] == [False, True]
    assert all(one.engine.startswith("ClamAV") for one in ahead)
    assert told == [ahead, ahead]


async def test_a_silent_scanner_is_not_waited_for_again_and_nothing_is_foreseen(
    private_clamd: PrivateClamd, tmp_path: Path
) -> None:
    scanner = await ready(private_clamd, tmp_path)
    foresight = ClamdForesight(scanner, RealClock(), patience=0.2)
    file = write(tmp_path, pdf(), "good")
    os.kill(private_clamd.pid, signal.SIGSTOP)
    try:
        assert await asyncio.to_thread(look_ahead, foresight, file) == ()
        assert look_ahead(foresight, pdf()) is None
        (result,) = await scanner.scan([(1, file)], 0.5)
    finally:
        os.kill(private_clamd.pid, signal.SIGCONT)
    assert result.incomplete == "time"
    assert scanner.asked == 1


async def test_large_or_many_files_are_left_to_the_scan(
    private_clamd: PrivateClamd, tmp_path: Path
) -> None:
    foresight = ClamdForesight(await ready(private_clamd, tmp_path), RealClock())
    large = write(tmp_path, bytes(module.MOST_BYTES + 1), "large")
    small = [write(tmp_path, b"x", str(number)) for number in range(module.MOST_FILES + 1)]
    assert look_ahead(foresight, large) is None
    assert look_ahead(foresight, bytes(module.MOST_BYTES), b"x") is None
    assert look_ahead(foresight, *small) is None
    assert look_ahead(foresight) is None
    assert look_ahead(foresight, tmp_path / "gone") is None
