"""The commands about ZFO files: words for a clerk, exit statuses, names that harm nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from depesha.cli import OURS, USAGE, run
from depesha.schemas.wire.isds import Paper
from depesha.simulators.isds_seal import SealForm
from tests.support import isds_papers
from tests.support.isds_papers import PDF, body, encoded, paper, places, seal


@pytest.fixture
def trusted(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_bytes(isds_papers.sealer().trusted_pem)
    return path


def test_show_says_envelope_and_attachments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["zfo", "show", str(seal(tmp_path))]) == 0
    said = capsys.readouterr().out
    for word in ("Město Ukázkov (xyz6789)", "UK-345/2026", "odpoved.pdf", "received message"):
        assert word in said
    assert run(["zfo", "show", str(seal(tmp_path)), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["dm_id"], told["files"][0]["bytes"]) == ("20260001", len(PDF))


def test_show_says_events_of_a_delivery(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = paper(body(), kind=Paper.DELIVERY)
    assert run(["zfo", "show", str(seal(tmp_path, content))]) == 0
    said = capsys.readouterr().out
    assert "delivery information" in said
    assert "EV13" in said


@pytest.mark.parametrize("form", [SealForm(), SealForm(pkcs1=True, der=True)])
def test_a_good_paper_is_genuine(
    tmp_path: Path, trusted: Path, form: SealForm, capsys: pytest.CaptureFixture[str]
) -> None:
    good = str(seal(tmp_path, form=form))
    assert run(["zfo", "verify", good, "--trusted", str(trusted)]) == 0
    assert "Genuine" in capsys.readouterr().out
    assert run(["zfo", "verify", good]) == 0
    said = capsys.readouterr().out
    assert "Genuine" not in said  # nobody vouches for it
    assert "--trusted" in said
    assert run(["zfo", "verify", good, "--trusted", str(trusted), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["genuine"], told["broken"]) == (True, [])


@pytest.mark.parametrize("part", ["SIGNATURE", "SIGNED_ATTRIBUTES", "CONTENT", "STAMP"])
def test_the_broken_part_is_named(
    tmp_path: Path, trusted: Path, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    content = paper()
    path = seal(tmp_path, content)
    raw = bytearray(path.read_bytes())
    found = places(bytes(raw), content)
    spots = {
        "SIGNATURE": found.signature[40],
        "SIGNED_ATTRIBUTES": found.attributes[-1],
        "CONTENT": found.content[500],
        "STAMP": found.stamp[-10],
    }
    raw[spots[part]] ^= 1
    path.write_bytes(raw)
    assert run(["zfo", "verify", str(path), "--trusted", str(trusted)]) == 1
    said = capsys.readouterr().out
    assert f"({part}: " in said
    assert "Genuine" not in said
    assert run(["zfo", "verify", str(path), "--json"]) == 1
    assert part in [each["part"] for each in json.loads(capsys.readouterr().out)["broken"]]


def test_a_stranger_is_not_trusted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(isds_papers.stranger_pem())
    assert run(["zfo", "verify", str(seal(tmp_path)), "--trusted", str(other)]) == 1
    assert "no trusted authority stands behind it" in capsys.readouterr().out


def test_attachments_go_out_under_names_that_harm_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = encoded("../../etc/passwd", b"one") + encoded("a.pdf", PDF, "enclosure")
    files += encoded("a.pdf", b"%PDF-two", "enclosure") + encoded("&#x202e;fdp.exe", b"x", "meta")
    path = seal(tmp_path, paper(body(files=files)))
    into = tmp_path / "out" / "deep"
    assert run(["zfo", "export", str(path), "--into", str(into)]) == 0
    assert sorted(each.name for each in into.iterdir()) == [
        "a (2).pdf",
        "a.pdf",
        "fdp.exe",
        "passwd",
    ]
    assert (into / "a.pdf").read_bytes() == PDF
    capsys.readouterr()
    assert run(["zfo", "export", str(path), "--into", str(into), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 4
    assert len(list(into.iterdir())) == 8  # nothing was replaced


@pytest.mark.parametrize("command", ["show", "export"])
def test_what_is_no_paper_ends_in_one_line(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "form.zfo"
    bad.write_bytes(b"PK\x03\x04 a form of another make")
    more = ["--into", str(tmp_path / "out")] if command == "export" else []
    assert run(["zfo", command, str(bad), *more]) == OURS
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "form.zfo" in said
    assert run(["zfo", "verify", str(bad)]) == 1
    assert "no sealed paper" in capsys.readouterr().out
    assert run(["zfo", command, str(tmp_path / "none.zfo"), *more]) == USAGE
