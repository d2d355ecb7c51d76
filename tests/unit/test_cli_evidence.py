"""A pack is exported byte for byte and verified with no gateway at all."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from depesha.cli import OURS, USAGE, run
from depesha.schemas.evidence import GENESIS, canonical, inclusion_path
from depesha.schemas.ids import MessageId
from depesha.schemas.journal import SealKey, make_seal, next_record
from depesha.schemas.message import EvidenceKind, NewEvidence
from tests.support.registry_stub import registry_stub

ID = "0" * 31 + "7"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEY = SealKey(b"\x07" * 32)


def pack() -> bytes:
    """One row under one seal, as the format of `schemas/pack.py` wants it."""
    new = NewEvidence(
        kind=EvidenceKind.RECEIVED, at=NOW, message_id=MessageId(ID), actor="peer:\x1b[31m"
    )
    row = next_record(1, GENESIS, new)
    seal = make_seal(KEY, None, 1, [row.hash], NOW)
    proven = dataclasses.asdict(row) | {"seal": 1, "path": inclusion_path([row.hash], 0)}
    return canonical(
        {
            "format": "depesha-evidence-pack/1",
            "message_id": ID,
            "key": KEY.public,
            "blobs": [],
            "rows": [proven],
            "seals": [dataclasses.asdict(seal)],
        }
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "good.json"
    path.write_bytes(pack())
    return path


def test_a_good_pack_holds(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evidence", "verify", str(file), "--key", KEY.public]) == 0
    told = capsys.readouterr().out
    assert f"Message {ID}: 1 rows under 1 seals hold." in told
    assert "agrees with itself" not in told
    assert "\x1b" not in told


def test_without_a_key_it_says_what_is_proven(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evidence", "verify", str(file)]) == 0
    assert KEY.public in capsys.readouterr().out


def test_the_key_may_stand_in_a_file_and_the_answer_be_json(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "seal.pub").write_text(KEY.public + "\n")
    ask = ["evidence", "verify", str(file), "--key", str(tmp_path / "seal.pub"), "--json"]
    assert run(ask) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["message_id"], report["trusted"]) == (ID, True)


def test_another_key_or_a_changed_row_does_not_hold(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evidence", "verify", str(file), "--key", "ab" * 32]) == OURS
    file.write_bytes(file.read_bytes().replace(b"RECEIVED", b"REPEATED"))
    assert run(["evidence", "verify", str(file)]) == OURS
    assert capsys.readouterr().err.count("\n") == 2


def test_a_pack_is_exported_as_it_is(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    with registry_stub() as stub:
        stub.answers[f"GET /api/v1/messages/{ID}/evidence"] = (200, b'{"exact":\t1}')
        ask = ["evidence", "export", ID, "--api", stub.url, "--token", "x"]
        assert run(ask) == 0
        assert capsysbinary.readouterr().out == b'{"exact":\t1}'
        assert run([*ask, "-o", str(tmp_path / "pack.json")]) == 0
        assert run([*ask, "-o", str(tmp_path / "none" / "pack.json")]) == OURS
    assert (tmp_path / "pack.json").read_bytes() == b'{"exact":\t1}'


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format": "other"}', "\x00"])
def test_what_is_no_pack_does_not_verify(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "pack.json"
    file.write_text(content)
    assert run(["evidence", "verify", str(file)]) == OURS
    assert "evidence pack" in capsys.readouterr().err


@pytest.mark.parametrize("key", ["abc", "/none", "0" * 63])
def test_a_key_that_is_none_is_wrong_usage(tmp_path: Path, key: str) -> None:
    file = tmp_path / "pack.json"
    file.write_text("{}")
    assert run(["evidence", "verify", str(file), "--key", key]) == USAGE
