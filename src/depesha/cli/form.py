"""A multipart form that is sent without being held in memory: words first, then files.

The standard library only. The boundary is made from the digest of everything in the form, so that
nothing in it can contain it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

_PIECE_BYTES = 256 * 1024


def digest_of(words: Mapping[str, Any], files: Sequence[Path]) -> str:
    """Return one digest of words and files; raise `OSError`. Reads every file once."""
    hashed = hashlib.sha256(json.dumps(words, sort_keys=True).encode())
    for file in files:
        with file.open("rb") as opened:
            hashed.update(hashlib.file_digest(opened, "sha256").digest())
    return hashed.hexdigest()


@dataclass(slots=True)
class Form:
    """Words and files as one body of a known length."""

    words: Mapping[str, Any]
    files: Sequence[Path]
    digest: str
    """Of words and files, as `digest_of` gives it."""
    progress: Callable[[int, int], None]
    """Told of the bytes sent so far and of all."""
    length: int = 0
    _heads: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Work out the heads and the length."""
        words = json.dumps(self.words, ensure_ascii=False).encode()
        head = 'form-data; name="message"\r\nContent-Type: application/json'
        self._heads = [self._head(head) + words]
        for number, file in enumerate(self.files, 1):
            name = quote(file.name, safe="")
            shown = f"form-data; name=\"file{number}\"; filename*=UTF-8''{name}"
            self._heads.append(
                b"\r\n" + self._head(f"{shown}\r\nContent-Type: application/octet-stream")
            )
        sizes = sum(file.stat().st_size for file in self.files)
        self.length = sum(map(len, self._heads)) + sizes + len(self._end)

    @property
    def content_type(self) -> str:
        """The body's media type with its boundary."""
        return f"multipart/form-data; boundary={self._boundary}"

    def __iter__(self) -> Iterator[bytes]:
        """Give the body in pieces."""
        sent = 0
        for piece in self._pieces():
            yield piece
            sent += len(piece)
            self.progress(sent, self.length)

    def _pieces(self) -> Iterator[bytes]:
        yield self._heads[0]
        for head, file in zip(self._heads[1:], self.files, strict=True):
            yield head
            with file.open("rb") as opened:
                while piece := opened.read(_PIECE_BYTES):
                    yield piece
        yield self._end

    @property
    def _boundary(self) -> str:
        return f"depesha-{self.digest[:48]}"

    @property
    def _end(self) -> bytes:
        return f"\r\n--{self._boundary}--\r\n".encode()

    def _head(self, disposition: str) -> bytes:
        return f"--{self._boundary}\r\nContent-Disposition: {disposition}\r\n\r\n".encode()
