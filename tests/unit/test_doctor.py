"""The doctor: what is well, what is not, and what to do, each in a sentence; it never raises."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from depesha.adapters import doctor
from depesha.adapters.clamd import ScannerFacts
from depesha.adapters.instance import create_instance
from depesha.adapters.memory.system import START, CountingIds, HandClock, InlineThreads
from depesha.errors import ConfigurationError, ScannerError
from depesha.schemas.facts import ScanResult
from tests.support.monitoring import FixedDirectory

NOW = START


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = create_instance(
        tmp_path_factory.mktemp("doctor") / "gateway",
        settings="",
        host="gateway.example",
        identifier="000000001",
        request_only=False,
        clock=HandClock(),
        ids=CountingIds(),
    )
    return made.folder / "keys"


def test_a_certificate_tells_its_days(keys: Path) -> None:
    pair = (keys / "gateway.key", keys / "gateway.crt", "")
    assert doctor.key_pair(*pair, NOW).state == "ok"
    assert "90 days left" in doctor.key_pair(*pair, NOW).sentence
    late = doctor.key_pair(*pair, NOW + timedelta(days=80))
    assert (late.state, "only 10 days left" in late.sentence) == ("warn", True)
    ended = doctor.key_pair(*pair, NOW + timedelta(days=100))
    assert (ended.state, "ended" in ended.sentence) == ("bad", True)
    early = doctor.key_pair(*pair, NOW - timedelta(days=2))
    assert (early.state, "not valid before" in early.sentence) == ("bad", True)


def test_a_key_open_to_others_is_told(keys: Path, tmp_path: Path) -> None:
    loose = tmp_path / "loose.key"
    loose.write_bytes((keys / "gateway.key").read_bytes())
    loose.chmod(0o644)
    assert doctor.key_pair(loose, keys / "gateway.crt", "", NOW).state == "warn"
    assert doctor.private((loose,)).state == "bad"
    assert doctor.private((keys / "gateway.key", keys / "cli.token")).state == "ok"
    later = (loose, tmp_path / "not made yet")
    assert "loose.key" in doctor.private((keys / "gateway.key",), later).sentence
    assert doctor.private((keys / "gateway.key",), later[1:]).state == "ok"
    assert "missing: none" in doctor.private((tmp_path / "none",)).sentence


def test_trust_is_a_way_to_a_ca(keys: Path, tmp_path: Path) -> None:
    own = keys / "gateway.crt"
    assert doctor.chain(own, (), NOW).state == "bad"
    assert doctor.chain(own, (own,), NOW).state == "ok"
    other = create_instance(
        tmp_path / "other",
        settings="",
        host="other.example",
        identifier="000000002",
        request_only=False,
        clock=HandClock(),
        ids=CountingIds(),
    )
    assert doctor.chain(own, (other.folder / "keys/gateway.crt",), NOW).state == "warn"
    assert doctor.chain(own, (own,), NOW + timedelta(days=200)).state == "warn"


def test_tls_files_are_tried(keys: Path) -> None:
    assert doctor.tls_files(keys / "gateway.crt", keys / "gateway.key", None).state == "ok"
    assert doctor.tls_files(keys / "gateway.crt", keys / "seal.pem", None).state == "bad"
    assert doctor.tls_files(keys / "none", keys / "gateway.key", None).state == "bad"


def test_the_clock_is_compared(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    assert doctor.clock(now, tmp_path, None).state == "ok"
    assert doctor.clock(now, tmp_path, now + timedelta(seconds=1)).state == "ok"
    assert doctor.clock(now, tmp_path, now + timedelta(seconds=90)).state == "bad"
    assert doctor.clock(now + timedelta(hours=1), tmp_path, None).state == "bad"


def test_the_disk_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = HandClock()

    def slow() -> float:
        clock.advance(0.05)
        return clock.monotonic()

    monkeypatch.setattr(doctor, "_LEAST_FREE", 0)
    assert doctor.disk(tmp_path / "store", clock.monotonic).state == "ok"
    assert doctor.disk(tmp_path / "store", slow).state == "warn"
    monkeypatch.setattr(doctor, "_LEAST_FREE", 1 << 62)
    assert doctor.disk(tmp_path / "store", clock.monotonic).state == "bad"
    assert list((tmp_path / "store").iterdir()) == []


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_ports_are_free_ours_or_taken(taken: int) -> None:
    listeners = (("partners", "127.0.0.1", taken), ("registry", "127.0.0.1", 0))
    assert doctor.ports(listeners, ours=False).state == "bad"
    assert doctor.ports(listeners, ours=True).state == "ok"
    assert doctor.ports(listeners[1:], ours=False).state == "ok"


def test_listeners_without_tls_stay_on_this_machine() -> None:
    assert doctor.exposure((("registry", "127.0.0.1", False),)).state == "ok"
    assert doctor.exposure((("registry", "192.0.2.1", True),)).state == "ok"
    assert doctor.exposure((("registry", "192.0.2.1", False),)).state == "warn"


@pytest.mark.parametrize(
    ("version", "state"), [("3.40.1", "bad"), ("3.51.2", "bad"), ("3.51.3", "ok"), ("3.54.1", "ok")]
)
def test_sqlite_is_past_the_fault(version: str, state: str) -> None:
    assert doctor.sqlite(version).state == state


def facts(*, alive: bool = True, days: int | None = 1, address: str = "unix:/a") -> ScannerFacts:
    built = None if days is None else NOW - timedelta(days=days)
    engine = "ClamAV 1.4" if alive else ""
    return ScannerFacts(address=address, alive=alive, engine=engine, database_built=built)


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        ((facts(),), "ok", "database 1 days old"),
        ((facts(days=9),), "warn", "database 9 days old"),
        ((facts(days=None),), "warn", "without a date"),
        ((facts(), facts(alive=False, address="unix:/b")), "warn", "silent: unix:/b"),
        ((facts(alive=False),), "bad", "silent: unix:/a"),
    ],
)
def test_scanners_answer_and_are_fresh(
    found: tuple[ScannerFacts, ...], state: str, words: str
) -> None:
    told = doctor.scanners(found, NOW)
    assert (told.state, words in told.sentence) == (state, True)


class Scanner:
    """Finds the test file, or does not, or cannot tell."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.content = b""

    async def scan(self, files: object, budget: float) -> tuple[ScanResult, ...]:
        assert budget > 0
        ((index, path),) = cast("list[tuple[int, Path]]", files)
        self.content = path.read_bytes()
        if self.answer == "raise":
            raise ScannerError("silent")
        if self.answer == "incomplete":
            return (ScanResult(index=index, incomplete="time"),)
        return (ScanResult(index=index, malware=self.answer),)

    async def ping(self) -> str:
        return "ClamAV 1.4"


@pytest.mark.parametrize(("answer", "state"), [("Eicar", "ok"), ("", "bad"), ("incomplete", "bad")])
async def test_detection_is_really_tried(tmp_path: Path, answer: str, state: str) -> None:
    scanner = Scanner(answer)
    told = await doctor.detection(scanner, tmp_path, InlineThreads())
    assert told.state == state
    assert (len(scanner.content), scanner.content[:3]) == (68, b"X5O")
    assert await asyncio.to_thread(lambda: list(tmp_path.iterdir())) == []


async def test_a_register_tells_its_age() -> None:
    clock = HandClock()
    never = FixedDirectory(loaded_at=None, last_error="refused")
    assert (await doctor.register(never, clock, 60)).state == "bad"
    fresh = FixedDirectory(loaded_at=START)
    assert (await doctor.register(fresh, clock, 60)).state == "ok"
    clock.advance(90)
    failing = FixedDirectory(loaded_at=START, last_error="refused")
    assert (await doctor.register(failing, clock, 600)).state == "warn"
    assert (await doctor.register(failing, clock, 60)).state == "bad"


async def test_probes_become_findings_whatever_happens(tmp_path: Path) -> None:
    def broken() -> doctor.Diagnosis:
        raise ConfigurationError("lxml and xmlsec do not fit", remedy="install the wheels")

    async def silent() -> doctor.Diagnosis:
        await asyncio.Event().wait()
        return doctor.sqlite("3.54.1")

    async def raising() -> doctor.Diagnosis:
        raise ScannerError("the scanner is gone")

    threads = InlineThreads()
    found = await doctor.examine(
        [
            ("sqlite", doctor.probe(threads, "sqlite", doctor.sqlite, "3.54.1")),
            ("xml", doctor.probe(threads, "xml", broken)),
            ("tls", doctor.probe(threads, "tls", doctor.private, (tmp_path / "x" / "y",))),
            ("register", silent),
            ("detection", raising),
        ],
        seconds=0.05,
    )
    assert [(one.name, one.state) for one in found] == [
        ("sqlite", "ok"),
        ("xml", "bad"),
        ("secrets", "bad"),
        ("register", "bad"),
        ("detection", "bad"),
    ]
    assert found[1].remedy == "install the wheels"
