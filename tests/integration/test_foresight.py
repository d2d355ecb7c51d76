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
from depesha.adapters.memory.system import HandClock
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
    assert ClamdForesight(scanner, RealClock()).begin([write(tmp_path, b"x", "first")]) is None
    await scanner.scan([(1, write(tmp_path, b"first", "first"))], 20.0)
    scanner.asked = 0
    return scanner


def look_ahead(foresight: ClamdForesight, *files: Path) -> bool:
    looking = foresight.begin(files)
    if looking is not None:
        looking.finish()
    return looking is not None


async def scanned(scanner: ClamdScanner, *files: Path) -> tuple[ScanResult, ...]:
    return await scanner.scan(list(enumerate(files, 1)), 20.0)


async def test_what_was_foreseen_is_the_verdict_once(
    private_clamd: PrivateClamd, tmp_path: Path
) -> None:
    scanner = await ready(private_clamd, tmp_path)
    foresight = ClamdForesight(scanner, RealClock())
    files = write(tmp_path, pdf(), "good"), write(tmp_path, EICAR, "bad")
    assert await asyncio.to_thread(look_ahead, foresight, *files)
    ahead = await scanned(scanner, *files)
    assert scanner.asked == 0
    assert await scanned(scanner, *files) == ahead
    assert scanner.asked == 2
    assert [bool(one.malware) for one in ahead] == [False, True]
    assert all(one.engine.startswith("ClamAV") for one in ahead)


async def test_a_silent_scanner_is_not_waited_for_again_and_nothing_is_foreseen(
    private_clamd: PrivateClamd, tmp_path: Path
) -> None:
    scanner = await ready(private_clamd, tmp_path)
    foresight = ClamdForesight(scanner, RealClock(), patience=0.2)
    file = write(tmp_path, pdf(), "good")
    os.kill(private_clamd.pid, signal.SIGSTOP)
    try:
        assert await asyncio.to_thread(look_ahead, foresight, file)
        assert foresight.begin([file]) is None
        (result,) = await scanner.scan([(1, file)], 0.5)
    finally:
        os.kill(private_clamd.pid, signal.SIGCONT)
    assert result.incomplete == "time"
    assert scanner.asked == 1


async def test_an_old_verdict_serves_nobody(private_clamd: PrivateClamd, tmp_path: Path) -> None:
    clock = HandClock()
    scanner = Counting([private_clamd.address], clock=clock)
    file = write(tmp_path, EICAR, "bad")
    scanner.foresee(file, b"fd[9]: OK\0", "ClamAV, a while ago")
    clock.advance(11)
    (result,) = await scanner.scan([(1, file)], 20.0)
    assert result.malware


async def test_large_or_many_files_are_left_to_the_scan(
    private_clamd: PrivateClamd, tmp_path: Path
) -> None:
    foresight = ClamdForesight(await ready(private_clamd, tmp_path), RealClock())
    large = write(tmp_path, bytes(module.MOST_BYTES + 1), "large")
    small = [write(tmp_path, b"x", str(number)) for number in range(module.MOST_FILES + 1)]
    assert foresight.begin([large]) is None
    assert foresight.begin(small) is None
    assert foresight.begin([]) is None
    assert foresight.begin([tmp_path / "gone"]) is None
