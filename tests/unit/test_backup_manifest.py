"""The manifest of a back-up, and which back-ups stay."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from depesha.errors import EvidenceError
from depesha.schemas.backup import (
    Keeping,
    Manifest,
    Part,
    backup_name,
    backup_time,
    kept,
    manifest_bytes,
    read_manifest,
    sign_manifest,
)
from depesha.schemas.evidence import sha256
from depesha.schemas.journal import SealKey
from tests.support.memory import SEAL_KEY, START

OTHER = SealKey(bytes(range(1, 33)))
MANIFEST = Manifest(
    name=backup_name(START),
    at=START,
    version="1",
    schema=7,
    participant="000000001",
    seal=SEAL_KEY.public,
    certificate="",
    sequence=3,
    chain=sha256(b"chain"),
    parts=(Part(path="depesha.db", size=5, digest=sha256(b"db")),),
    blobs=((sha256(b"blob"), 4),),
    missing=(sha256(b"gone"),),
)
BYTES = manifest_bytes(MANIFEST)


def test_a_manifest_reads_back_as_it_was_signed() -> None:
    signature = sign_manifest(BYTES, SEAL_KEY)
    assert read_manifest(BYTES, signature) == MANIFEST
    assert read_manifest(BYTES, signature, [SEAL_KEY.public]) == MANIFEST
    assert MANIFEST.size == 9


def test_any_changed_byte_is_refused() -> None:
    signature = sign_manifest(BYTES, SEAL_KEY)
    for place in range(0, len(BYTES), 7):
        changed = bytearray(BYTES)
        changed[place] ^= 1
        with pytest.raises(EvidenceError):
            read_manifest(bytes(changed), signature)
    with pytest.raises(EvidenceError):
        read_manifest(BYTES, "00" * 64)


def test_another_key_is_refused_where_one_is_expected() -> None:
    signature = sign_manifest(BYTES, SEAL_KEY)
    with pytest.raises(EvidenceError, match="not expected"):
        read_manifest(BYTES, signature, [OTHER.public])
    forged = manifest_bytes(replace(MANIFEST, seal=OTHER.public))
    with pytest.raises(EvidenceError, match="not valid"):
        read_manifest(forged, signature)


def test_a_name_tells_its_moment() -> None:
    assert backup_time(backup_name(START)) == START
    assert backup_time("20260303") is None


def nights(count: int, last: datetime) -> list[str]:
    return [backup_name(last - timedelta(days=n)) for n in range(count)]


def test_the_newest_stay_and_one_of_each_week_and_month() -> None:
    last = datetime(2026, 3, 31, 2, 0, tzinfo=UTC)  # a Tuesday
    names = nights(90, last)
    assert kept(names, Keeping()) == frozenset(names)
    assert kept(names, Keeping(latest=3)) == frozenset(names[:3])
    weekly = {backup_time(n) for n in kept(names, Keeping(weekly=3))}
    assert weekly == {last, last - timedelta(days=2), last - timedelta(days=9)}
    monthly = {backup_time(n) for n in kept(names, Keeping(monthly=3))}
    assert monthly == {
        last,
        datetime(2026, 2, 28, 2, 0, tzinfo=UTC),
        datetime(2026, 1, 31, 2, 0, tzinfo=UTC),
    }
    assert kept([], Keeping(latest=1)) == frozenset()
