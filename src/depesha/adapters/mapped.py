"""A file mapped into memory that is looked through in windows and never stays there whole.

What was touched of a plain mapping counts as memory of the process until it is closed: a file of
100 MB costs 100 MB while it is searched. It only reads, and judges nothing.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

    from depesha.adapters.zips import Bytes

WINDOW: Final = 1024 * 1024
"""Bytes searched at once; other threads may run in between."""
HELD: Final = 8 * WINDOW
"""Bytes handed out before the pages go back to the system."""


class Mapped(mmap.mmap):
    """`mmap.mmap` for reading: the same answers, a bounded part of the file in memory.

    For one thread. Slices are copies, as with any mapping.
    """

    _touched = 0

    def __getitem__(self, key: Any) -> Any:
        """Return a byte or a copy of a slice."""
        found = super().__getitem__(key)
        self._count(len(found) if isinstance(found, bytes) else 1)
        return found

    def find(self, sub: Any, start: int = 0, end: int | None = None) -> int:
        """Return what `bytes.find` returns, for a `sub` that is not empty."""
        begin, stop, _ = slice(start, end).indices(len(self))
        overlap = max(0, len(sub) - 1)
        for at in range(begin, max(begin + 1, stop - overlap), WINDOW):
            found: int = self[at : min(at + WINDOW + overlap, stop)].find(sub)
            if found >= 0:
                return at + found
        return -1

    def let_go(self) -> None:
        """Give the pages back; whoever reads them again has them from the file, or its cache."""
        self._touched = 0
        self.madvise(mmap.MADV_DONTNEED)

    def _count(self, size: int) -> None:
        self._touched += size
        if self._touched >= HELD:
            self.let_go()


def matches(pattern: re.Pattern[bytes], literal: bytes, data: Bytes) -> Iterator[re.Match[bytes]]:
    """Yield what `pattern.finditer(data)` yields, for a pattern that begins with `literal`.

    A pattern that is let loose on a mapping reads it whole without a rest.
    """
    at = data.find(literal)
    while at >= 0:
        match = pattern.match(data, at)
        if match is not None:
            yield match
        at = data.find(literal, at + 1 if match is None else match.end())


class Pages:
    """The part of a file's manners that `tarfile` needs, over bytes or a mapping."""

    def __init__(self, data: Bytes) -> None:
        self._data = data
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most `size`."""
        end = len(self._data) if size < 0 else self._at + size
        piece: bytes = self._data[self._at : end]
        self._at += len(piece)
        return piece

    def seek(self, at: int) -> int:
        """Go to a position from the start."""
        self._at = at
        return at

    def tell(self) -> int:
        """Return the position."""
        return self._at
