"""The look around a gateway: scanners, own and partners' certificates, disk, rules."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from depesha.adapters.clamd import ClamdScanner
from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.memory.system import HandClock, InlineThreads
from depesha.app import surroundings
from depesha.app.surroundings import SAMPLE_EVERY, SurroundingsWatch
from depesha.config import load
from depesha.schemas.certificates import Use
from depesha.schemas.surroundings import days_until
from tests.support.memory import START

SETTINGS = """
[participant]
name = "Община Пример"
identifier = "000000001"
guid = "{aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa}"
[keys]
certificate = "own.pem"
key = "own.key"
[listen]
certificate = "door.pem"
key = "door.key"
[quarantine]
days = 33
[networks.seos]
register_url = "https://register.example/service"
register_client_certificate = "own.pem"
register_client_key = "own.key"
[networks.email]
address = "a@primer.example"
certificate = "gone.pem"
key = "mail.key"
[networks.email.submission]
host = "mail.example"
[[networks.email.partners]]
identifier = "000000002"
name = "Агенция Образец"
address = "b@obrazets.example"
certificate = "theirs.pem"
"""


def certificate(path: Path, name: str, ends: datetime) -> None:
    key = Ed25519PrivateKey.generate()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(START - timedelta(days=100))
        .not_valid_after(ends)
        .sign(key, None)
    )
    path.write_bytes(made.public_bytes(Encoding.PEM))


@pytest.fixture
def clock() -> HandClock:
    return HandClock(START)


@pytest.fixture
def observer() -> RecordingObserver:
    return RecordingObserver()


@pytest.fixture
def free() -> list[int]:
    return [100_000]


@pytest.fixture
def watch(
    tmp_path: Path, clock: HandClock, observer: RecordingObserver, free: list[int]
) -> SurroundingsWatch:
    certificate(tmp_path / "own.pem", "Община Пример", START + timedelta(days=300))
    certificate(tmp_path / "door.pem", "primer.example", START + timedelta(days=20))
    certificate(tmp_path / "theirs.pem", "Агенция Образец", START + timedelta(days=9))
    (tmp_path / "store").mkdir()
    file = tmp_path / "depesha.toml"
    file.write_text(SETTINGS, "utf-8")
    return SurroundingsWatch(
        load(file),
        scanner=ClamdScanner([f"unix:{tmp_path}/no.sock"], clock=clock),
        clock=clock,
        threads=InlineThreads(),
        observer=observer,
        free=lambda _folder: free[0],
    )


async def test_it_sees_scanners_certificates_and_rules(
    watch: SurroundingsWatch, observer: RecordingObserver
) -> None:
    assert watch.now().at is None
    await watch.look()
    seen = watch.now()
    assert seen.at == START
    assert [one.alive for one in seen.scanners] == [False]
    assert [(one.use, days_until(one.ends, START)) for one in seen.certificates] == [
        (Use.LISTENERS, 20),
        (Use.SIGNING, 300),
    ], "the same file for SEOS's register counts once; the soonest to end comes first"
    assert seen.certificates[1].subject == "Община Пример"
    assert seen.peers is not None
    assert (seen.peers.known, seen.peers.next_of) == (1, "Агенция Образец")
    assert seen.retention is not None
    assert seen.retention.quarantine_days == 33
    assert observer.named("trouble") == [("certificates", "UNREADABLE")]


async def test_a_replaced_certificate_is_seen_without_a_restart(
    watch: SurroundingsWatch, tmp_path: Path
) -> None:
    await watch.look()
    certificate(tmp_path / "door.pem", "primer.example", START + timedelta(days=700))
    await watch.look()
    assert [one.use for one in watch.now().certificates] == [Use.SIGNING, Use.LISTENERS]


async def test_the_pace_of_the_disk_needs_some_hours(
    watch: SurroundingsWatch, free: list[int], clock: HandClock
) -> None:
    for _ in range(36):
        await watch.look()
        assert (disk := watch.now().disk) is not None
        assert disk.days_left is None
        clock.advance(SAMPLE_EVERY.total_seconds())
        free[0] -= 1_000
    await watch.look()
    assert (disk := watch.now().disk) is not None
    assert disk.days_left == pytest.approx(64 / 144, rel=0.01)
    assert timedelta(days=7) <= surroundings.SAMPLES * SAMPLE_EVERY
