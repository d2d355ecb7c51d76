"""Long documents as a row of pieces: words of ours, and files that are encoded while they leave.

So that a message of 100 MB is hashed, sealed and sent without lying in memory. It knows no
element by name.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape, quoteattr
from zoneinfo import ZoneInfo

import pybase64

PRAGUE: Final = ZoneInfo("Europe/Prague")
SLICE: Final = 3 * 64 * 1024
"""Bytes encoded at once: a multiple of three, so that the pieces join."""
LINE: Final = 76


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePiece:
    """A file's content, as base64 on one line or raw."""

    path: Path
    size: int
    raw: bool = False

    @property
    def length(self) -> int:
        """Bytes it takes."""
        return self.size if self.raw else (self.size + 2) // 3 * 4


Piece = bytes | FilePiece
Pieces = tuple[Piece, ...]


def chunks(pieces: Pieces) -> Iterator[bytes]:
    """Give the whole document in portions of about 256 kB. Reads files: use it in threads."""
    waiting = bytearray()
    for piece in pieces:
        if isinstance(piece, bytes):
            waiting += piece
        else:
            with piece.path.open("rb") as file:
                while part := file.read(SLICE):
                    waiting += part if piece.raw else pybase64.b64encode(part)
                    if len(waiting) >= SLICE:
                        yield bytes(waiting)
                        waiting.clear()
    if waiting:
        yield bytes(waiting)


def regular(parts: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Cut a stream anew into pieces of exactly `size` bytes, the last excepted."""
    waiting = b""
    for part in parts:
        waiting += part
        end = len(waiting) - len(waiting) % size
        for start in range(0, end, size):
            yield waiting[start : start + size]
        waiting = waiting[end:]
    if waiting:
        yield waiting


def length(pieces: Pieces) -> int:
    """Return how many bytes the document has."""
    return sum(len(p) if isinstance(p, bytes) else p.length for p in pieces)


def skeleton(pieces: Pieces) -> bytes:
    """Return the document with every file left out: what a schema can judge quickly."""
    return b"".join(piece for piece in pieces if isinstance(piece, bytes))


def moment(value: datetime, *, zulu: bool = False) -> str:
    """Return a date-time with milliseconds and Prague's offset (facts 2)."""
    if zulu:
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value.astimezone(PRAGUE).isoformat(timespec="milliseconds")


def wrapped(content: bytes) -> str:
    """Return base64 in lines of 76 characters, each ended: as hashes and stamps come."""
    text = pybase64.b64encode_as_string(content)
    return "".join(text[i : i + LINE] + "\n" for i in range(0, len(text), LINE))


class Pen:
    """Writes elements of one prefix at a time, in order, exactly as told."""

    def __init__(self, *, zulu: bool = False) -> None:
        self._zulu = zulu
        self._parts: list[str | FilePiece] = []

    def open(self, name: str, **attributes: str | None) -> None:
        """Begin an element; attributes that are None are left out, `xmlns_` is `xmlns:`."""
        self._parts.append(f"<{name}{_attributes(attributes)}>")

    def close(self, *names: str) -> None:
        """End elements, innermost first."""
        self._parts.extend(f"</{name}>" for name in names)

    def add(self, name: str, value: object, **attributes: str | None) -> None:
        """Write an element with its value; None is nil."""
        told = _attributes(attributes)
        if value is None:
            self._parts.append(f'<{name} xsi:nil="true"{told}></{name}>')
            return
        self._parts.append(f"<{name}{told}>{escape(self._text(value))}</{name}>")

    def raw(self, pieces: Pieces) -> None:
        """Put in what is written already."""
        for piece in pieces:
            self._parts.append(piece.decode() if isinstance(piece, bytes) else piece)

    def file(self, piece: FilePiece) -> None:
        """Put in a file's content."""
        self._parts.append(piece)

    def done(self) -> Pieces:
        """Return what was written, neighbouring words joined."""
        made: list[Piece] = []
        for is_text, group in itertools.groupby(self._parts, lambda p: isinstance(p, str)):
            if is_text:
                made.append("".join(str(p) for p in group).encode())
            else:
                made.extend(p for p in group if isinstance(p, FilePiece))
        return tuple(made)

    def _text(self, value: object) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, datetime):
            return moment(value, zulu=self._zulu)
        if isinstance(value, bytes):
            return wrapped(value)
        return str(value)


def _attributes(attributes: dict[str, str | None]) -> str:
    given = ((name, value) for name, value in attributes.items() if value is not None)
    return "".join(f" {name.replace('xmlns_', 'xmlns:')}={quoteattr(v)}" for name, v in given)
