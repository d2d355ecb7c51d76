"""Which certificates of ours the settings name, and what is read of their files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from depesha.adapters.owncertificates import read_own
from depesha.app.office import own_certificates
from depesha.config import load
from depesha.monitoring.console.office.certificates_view import entry_bytes, load_entry, register
from depesha.monitoring.console.pages.horizon_view import Level
from depesha.schemas.certificates import CertificateEntry, CertificateKind, Use
from tests.support.console import BASE
from tests.support.console_office import certificate
from tests.support.memory import START


def made(path: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(0xABC)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(built.public_bytes(Encoding.PEM))
    return path


def test_every_certificate_of_the_settings_is_named(tmp_path: Path) -> None:
    file = tmp_path / "depesha.toml"
    listen = '[listen]\ncertificate = "tls.crt"\nkey = "tls.key"\n'
    file.write_text(BASE + listen, encoding="utf-8")
    found = list(own_certificates(load(file)))
    assert found == [
        (Use.SIGNING, "keys.certificate", tmp_path / "a.crt"),
        (Use.LISTENERS, "listen.certificate", tmp_path / "tls.crt"),
    ]


def test_a_file_is_read_and_one_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "broken.crt").write_text("nothing")
    one, broken, missing = read_own(
        [
            (Use.SIGNING, "keys.certificate", made(tmp_path / "a.crt", "Община Пример")),
            (Use.MAIL, "mail", tmp_path / "broken.crt"),
            (Use.LISTENERS, "listen.certificate", tmp_path / "missing.crt"),
        ]
    )
    assert one.facts is not None
    assert one.facts.serial.lower().lstrip("0") == "abc"
    assert one.facts.subject == "CN=Община Пример"
    assert (broken.facts, missing.facts) == (None, None)


@pytest.mark.parametrize(
    ("days", "level"),
    [(300, Level.GOOD), (45, Level.GOOD), (44, Level.UNPROVEN), (14, Level.UNPROVEN)],
)
def test_a_certificate_turns_yellow_and_red_before_its_end(days: int, level: Level) -> None:
    (line,) = register([certificate(days=days)], {}, START)
    assert (line.level, line.days_left) == (level, days)
    assert register([certificate(days=13)], {}, START)[0].level is Level.BAD


def test_a_revoked_certificate_still_in_use_is_red_and_one_at_rest_is_not() -> None:
    entry = entry_bytes(CertificateEntry(revoked_at=START, revocation_reason="изгубена"))
    used = certificate()
    assert used.facts is not None
    assert register([used], {used.facts.fingerprint: entry}, START)[0].level is Level.BAD
    assert register([], {"hand-1": entry}, START)[0].level is Level.GOOD


def test_an_entry_is_kept_as_it_was_written() -> None:
    entry = CertificateEntry(
        number="7A", kind=CertificateKind.QUALIFIED_SEAL, valid_to=START.date(), holder="Кмет"
    )
    assert load_entry(entry_bytes(entry)) == entry
