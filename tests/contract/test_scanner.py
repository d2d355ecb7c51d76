"""`ports.MalwareScanner`: one suite on the double and on a real clamd over both transports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from depesha.adapters.clamd import ClamdScanner
from depesha.adapters.memory.scanner import MemoryScanner
from depesha.ports import MalwareScanner
from depesha.simulators.scanner import PrivateClamd
from tests.support.contents import EICAR, RealClock, pdf, private_clamd, write

__all__ = ["private_clamd"]


@pytest.fixture(params=["memory", pytest.param("clamd", marks=pytest.mark.clamd)])
def scanner(request: pytest.FixtureRequest) -> MalwareScanner:
    if request.param == "memory":
        return MemoryScanner()
    clamd: PrivateClamd = request.getfixturevalue("private_clamd")
    return ClamdScanner([clamd.address], clock=RealClock())


@pytest.fixture
def unavailable(scanner: MalwareScanner, tmp_path: Path) -> MalwareScanner:
    """The same kind of scanner when nobody answers."""
    if isinstance(scanner, MemoryScanner):
        scanner.failure = "unavailable"
        return scanner
    return ClamdScanner([f"unix:{tmp_path}/none"], clock=RealClock())


@pytest.fixture
def file(tmp_path: Path) -> Callable[[bytes, str], Path]:
    return lambda content, name: write(tmp_path, content, name)


async def test_clean_and_infected_files_are_told_apart_in_order(
    scanner: MalwareScanner, file: Callable[[bytes, str], Path]
) -> None:
    """AVM-01, AVM-02."""
    files = [(1, file(pdf(), "a")), (2, file(EICAR, "b")), (7, file(pdf(), "c"))]
    results = await scanner.scan(files, 20.0)
    assert [result.index for result in results] == [1, 2, 7]
    assert [bool(result.malware) for result in results] == [False, True, False]
    assert not any(result.incomplete for result in results)
    assert all(result.engine for result in results)


async def test_nothing_to_scan_is_nothing_found(scanner: MalwareScanner) -> None:
    assert await scanner.scan([], 1.0) == ()


async def test_an_empty_file_is_clean(
    scanner: MalwareScanner, file: Callable[[bytes, str], Path]
) -> None:
    (result,) = await scanner.scan([(1, file(b"", "a"))], 20.0)
    assert not result.malware
    assert not result.incomplete


async def test_a_file_that_is_gone_is_not_clean(scanner: MalwareScanner, tmp_path: Path) -> None:
    """Law 1."""
    (result,) = await scanner.scan([(1, tmp_path / "gone")], 20.0)
    assert result.incomplete == "cut off"


async def test_a_spent_budget_is_not_clean(
    scanner: MalwareScanner, file: Callable[[bytes, str], Path]
) -> None:
    (result,) = await scanner.scan([(1, file(EICAR, "a"))], 0.0)
    assert result.incomplete == "time"
    assert not result.malware


async def test_silence_is_not_clean(
    unavailable: MalwareScanner, file: Callable[[bytes, str], Path]
) -> None:
    (result,) = await unavailable.scan([(1, file(pdf(), "a"))], 20.0)
    assert result.incomplete == "unavailable"
    with pytest.raises(Exception, match="no malware scanner answers"):
        await unavailable.ping()


async def test_a_living_scanner_names_itself(scanner: MalwareScanner) -> None:
    assert await scanner.ping()
