"""A mapped file answers as its bytes do, and does not stay in memory."""

from __future__ import annotations

import io
import mmap
import os
import re
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from depesha.adapters import mapped
from depesha.adapters.contents import Inspector
from depesha.adapters.mapped import Mapped, Pages, matches
from depesha.schemas.policy import Limits
from tests.support.contents import attachment

DATA = (b"abc/Encrypt 1 0 R" + bytes(range(256))) * 40 + b"tail\x00end"
PATTERN = re.compile(rb"/Encrypt\s*(?:\d+\s+\d+\s+R|<<)")
MB = 1_000_000


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapped]:
    monkeypatch.setattr(mapped, "WINDOW", 7)
    monkeypatch.setattr(mapped, "HELD", 100)
    path = tmp_path / "file"
    path.write_bytes(DATA)
    with path.open("rb") as file:
        made = Mapped(file.fileno(), 0, access=mmap.ACCESS_READ)
    yield made
    made.close()


@pytest.mark.parametrize("sub", [b"a", b"/Encrypt", b"tail\x00end", b"absent", b"R\x00\x01"])
@pytest.mark.parametrize("start", [0, 1, 6, 7, 8, 270, -9, -3, len(DATA), len(DATA) + 5])
@pytest.mark.parametrize("end", [None, 0, 7, 15, 300, -1, len(DATA) + 9])
def test_it_finds_what_bytes_find(small: Mapped, sub: bytes, start: int, end: int | None) -> None:
    assert small.find(sub, start, end) == DATA.find(sub, start, end)


def test_patterns_match_where_they_match_in_bytes(small: Mapped) -> None:
    expected = [(each.span(), each[0]) for each in PATTERN.finditer(DATA)]
    for data in (small, DATA):
        found = [(each.span(), each[0]) for each in matches(PATTERN, b"/Encrypt", data)]
        assert found == expected
    assert next(iter(matches(PATTERN, b"/Encrypt", b"/Encrypt /Encrypt <<"))).start() == 9


def test_it_is_read_as_a_file(small: Mapped) -> None:
    pages = Pages(small)
    assert (pages.read(3), pages.tell()) == (b"abc", 3)
    assert pages.seek(len(DATA) - 3) == len(DATA) - 3
    assert (pages.read(), pages.read(5)) == (b"end", b"")


@pytest.mark.parametrize("kind", ["pdf", "tar", "zip"])
def test_a_large_file_is_looked_at_in_little_memory(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"large.{kind}"
    content = os.urandom(80 * MB)
    if kind == "tar":
        with tarfile.open(path, "w") as tar:
            member = tarfile.TarInfo("inside.bin")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    else:
        head = b"%PDF-1.7\n/ByteRange /Encrypt \n" if kind == "pdf" else b""
        path.write_bytes(head + content if head else _zipped(content))
    del content
    told = attachment(path.name, path.read_bytes()[:10])
    _forget()
    before = _memory("VmRSS")
    with path.open("rb") as file:
        Inspector(limits=Limits()).inspect(told, file)
    assert _memory("VmHWM") - before < 40 * MB


def _zipped(content: bytes) -> bytes:

    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as made:
        made.writestr("inside.bin", content)
    return into.getvalue()


def _forget() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _memory(field: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field + ":"))
