"""A packed back-up may come from anywhere: nothing of it leaves its folder."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from depesha.app.backing_up import opened
from depesha.errors import EvidenceError


def packed(place: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(place, "x") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return place


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, link, 3 if kind == tarfile.REGTYPE else 0
    return made


@pytest.mark.parametrize(
    "hostile",
    [
        member("../outside"),
        member("/outside"),
        member("a/../../outside"),
        member("link", tarfile.SYMTYPE, "/etc/passwd"),
        member("link", tarfile.LNKTYPE, "../outside"),
        member("pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda one: f"{one.name}-{one.type!r}",
)
def test_what_no_back_up_holds_is_refused(tmp_path: Path, hostile: tarfile.TarInfo) -> None:
    place = packed(tmp_path / "hostile.tar", hostile)
    with pytest.raises(EvidenceError), opened(place):
        raise AssertionError("it was opened")
    assert [one.name for one in tmp_path.iterdir()] == ["hostile.tar"]


def test_files_and_folders_come_out(tmp_path: Path) -> None:
    folder = member("./deep", tarfile.DIRTYPE)
    place = packed(tmp_path / "good.tar", folder, member("./deep/file"))
    with opened(place):
        (found,) = tmp_path.glob(".good.tar.open-*/deep/file")
        assert found.read_bytes() == b"xxx"
    assert [one.name for one in tmp_path.iterdir()] == ["good.tar"]
