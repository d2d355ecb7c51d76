"""Writes MTOM requests to SSEV: multipart/related, parts streamed from files (facts 7.1).

Memory is bounded by the envelope and one piece of a part, whatever a message weighs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from depesha.adapters.filestreams import FileSource

if TYPE_CHECKING:
    from depesha.ports import Threads

ROOT_ID: Final = "root@depesha.example"
XOP_TYPE: Final = "application/xop+xml"
PARTS: Final = 1_000
"""Binary parts of one answer: three a document and three proofs are usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePart:
    """A part to be sent: a file and the name by which the envelope includes it."""

    content_id: str
    path: Path
    size: int


class MtomRequest:
    """One request: what its headers say, and its bytes once."""

    def __init__(
        self, *, envelope: bytes, parts: Sequence[FilePart], boundary: str, action: str
    ) -> None:
        """`boundary` is a fresh secret, so that no content holds it."""
        self._envelope = envelope
        self._parts = tuple(parts)
        self._boundary = boundary
        self._heads = [_head(boundary, p.content_id, "application/octet-stream") for p in parts]
        self._first = _head(boundary, ROOT_ID, f'{XOP_TYPE}; charset=utf-8; type="text/xml"')[2:]
        self._end = f"\r\n--{boundary}--\r\n".encode()
        self.length = (
            len(self._first)
            + len(envelope)
            + sum(len(head) for head in self._heads)
            + sum(part.size for part in parts)
            + len(self._end)
        )
        self.headers = {
            "Content-Type": (
                f'multipart/related; type="{XOP_TYPE}"; start="<{ROOT_ID}>"; '
                f'start-info="text/xml"; boundary="{boundary}"'
            ),
            "Content-Length": str(self.length),
            "MIME-Version": "1.0",
            "SOAPAction": f'"{action}"',
        }

    @asynccontextmanager
    async def body(self, threads: Threads) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open every file and give the bytes; `StorageError` where one is not as declared."""
        files = [(part.path, part.size) for part in self._parts]
        async with FileSource(files, threads) as source:
            yield self._stream(source)

    async def _stream(self, source: FileSource) -> AsyncIterator[bytes]:
        yield self._first + self._envelope
        for index, head in enumerate(self._heads):
            yield head
            async for piece in source.stream(index):
                yield piece
        yield self._end


def _head(boundary: str, content_id: str, kind: str) -> bytes:
    return (
        f"\r\n--{boundary}\r\nContent-ID: <{content_id}>\r\n"
        f"Content-Transfer-Encoding: binary\r\nContent-Type: {kind}\r\n\r\n"
    ).encode()
