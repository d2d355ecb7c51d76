"""Reads MTOM answers as they come: the envelope to memory, binary parts to files (XOP, MTOM).

Memory is bounded by the envelope and one piece of a part, whatever a message weighs. It never
looks into a part and never trusts a name in it for a path.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import Message as Headers
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from depesha.adapters.filestreams import FileSink, StoredFile
from depesha.errors import BrokenOffError, TooLargeError, WireError

if TYPE_CHECKING:
    from depesha.ports import Threads

HEADER: Final = 8 * 1024
"""Bytes of one part's header."""
PREAMBLE: Final = 8 * 1024
BOUNDARY: Final = 70
"""Characters of a boundary (RFC 2046, 5.1.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MtomAnswer:
    """An answer taken apart: the envelope in memory, each part in a file of ours."""

    envelope: bytes
    parts: dict[str, StoredFile]

    def included(self, reference: str) -> StoredFile:
        """Return the part that an `xop:Include` names; raise `WireError` where it is not there."""
        name = unquote(reference.removeprefix("cid:"))
        try:
            return self.parts[name]
        except KeyError:
            raise WireError("an answer includes a part that it does not bring") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class MtomLimits:
    """How much an answer may bring, and whose it is."""

    service: str
    """Who answers: stands in errors."""
    parts: int = 100
    """Binary parts of one answer."""
    envelope_bytes: int = 8 * 1024 * 1024
    part_bytes: int = 64 * 1024 * 1024
    """Of all parts together."""


async def read_answer(
    content_type: str,
    chunks: AsyncIterator[bytes],
    *,
    folder: Path | None,
    limits: MtomLimits,
    threads: Threads,
) -> MtomAnswer:
    """Read an answer as it comes, parts into `folder` under numbers; plain XML has none.

    Without a folder an answer may bring no parts.

    Raises `WireError` for what is no multipart, `TooLargeError` past a limit, `BrokenOffError`
    where it ends before its closing boundary. Files written until then are removed.
    """
    header = Headers()
    header["Content-Type"] = content_type
    if header.get_content_type() != "multipart/related":
        return MtomAnswer(envelope=await _plain(chunks, limits), parts={})
    boundary, start = header.get_param("boundary"), header.get_param("start")
    if not isinstance(boundary, str) or not 0 < len(boundary) <= BOUNDARY:
        raise WireError("an answer in parts names no usable boundary")
    reader = _Reader(
        delimiter=b"\r\n--" + boundary.encode("ascii", "replace"),
        root=start.strip("<> ") if isinstance(start, str) else "",
        folder=folder,
        limits=limits,
        threads=threads,
    )
    try:
        async for chunk in chunks:
            await reader.feed(chunk)
        return reader.result()
    except BaseException:
        await reader.discard()
        raise


async def _plain(chunks: AsyncIterator[bytes], limits: MtomLimits) -> bytes:
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > limits.envelope_bytes:
            raise TooLargeError(f"an answer of {limits.service} passes the permitted size")
    return bytes(body)


class _Reader:
    """The state between pieces: before the first part, in a header, in a body, after the end."""

    def __init__(
        self,
        *,
        delimiter: bytes,
        root: str,
        folder: Path | None,
        limits: MtomLimits,
        threads: Threads,
    ) -> None:
        self._delimiter = delimiter
        self._root = root
        self._folder = folder
        self._limits = limits
        self._threads = threads
        self._buffer = bytearray(b"\r\n")  # the first boundary may stand at the very start
        self._state = "preamble"
        self._name = ""
        self._sink: FileSink | None = None
        self._envelope: bytearray | None = None
        self._parts: dict[str, StoredFile] = {}
        self._paths: list[Path] = []
        self._bytes = 0

    async def feed(self, chunk: bytes) -> None:
        """Take the next piece of the body."""
        self._buffer += chunk
        while await self._step():
            pass

    async def _step(self) -> bool:
        """Do what the bytes at hand allow; False: more are needed."""
        match self._state:
            case "preamble":
                return self._skip_preamble()
            case "boundary":
                return self._after_boundary()
            case "header":
                return await self._begin_part()
            case "body":
                return await self._take_body()
            case _:
                self._buffer.clear()  # an epilogue says nothing
                return False

    def _skip_preamble(self) -> bool:
        at = self._buffer.find(self._delimiter)
        if at < 0:
            if len(self._buffer) > PREAMBLE:
                raise WireError("an answer in parts does not begin with its boundary")
            return False
        del self._buffer[: at + len(self._delimiter)]
        self._state = "boundary"
        return True

    def _after_boundary(self) -> bool:
        if len(self._buffer) < 2:  # noqa: PLR2004 -- `--` or a line's end
            return False
        if self._buffer.startswith(b"--"):
            self._state = "end"
            return True
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > HEADER:
                raise WireError("a boundary in an answer does not end")
            return False
        if self._buffer[:end].strip(b" \t"):
            raise WireError("a boundary in an answer is followed by something")
        del self._buffer[:end]  # the line's end stays, for a header that is empty
        self._state = "header"
        return True

    async def _begin_part(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or end > HEADER:
            if len(self._buffer) > HEADER:
                raise WireError("a part's header in an answer is too long")
            return False
        head = bytes(self._buffer[:end]).decode("latin-1")
        # The blank line's second half stays: an empty body's boundary begins with it.
        del self._buffer[: end + 4]
        await self._enter(head)
        self._state = "body"
        return True

    async def _enter(self, head: str) -> None:
        fields = {}
        for line in head.split("\r\n"):
            name, _, value = line.partition(":")
            fields[name.strip().lower()] = value.strip()
        if fields.get("content-transfer-encoding", "binary").lower() not in {
            "binary",
            "8bit",
            "7bit",
        }:
            raise WireError("a part of an answer is encoded")
        self._name = fields.get("content-id", "").strip("<> ")
        if self._envelope is None and (not self._root or self._name == self._root):
            self._envelope = bytearray()
            self._sink = None
            return
        if self._name in self._parts or len(self._parts) >= self._limits.parts:
            raise WireError("an answer has too many parts, or two of one name")
        if self._folder is None:
            raise WireError("an answer brings parts that were not asked for")
        path = self._folder / f"part-{len(self._paths) + 1}"
        self._paths.append(path)
        self._sink = FileSink(path, self._threads)
        await self._sink.open()

    async def _take_body(self) -> bool:
        at = self._buffer.find(self._delimiter)
        ready = at if at >= 0 else len(self._buffer) - len(self._delimiter)
        if ready > 0:
            await self._keep(bytes(self._buffer[:ready]))
            del self._buffer[:ready]
        if at < 0:
            return False
        del self._buffer[: len(self._delimiter)]
        if self._sink is not None:
            self._parts[self._name] = await self._sink.finish()
            self._sink = None
        self._state = "boundary"
        return True

    async def _keep(self, piece: bytes) -> None:
        service = self._limits.service
        if self._sink is None:
            if self._envelope is not None:
                self._envelope += piece
                if len(self._envelope) > self._limits.envelope_bytes:
                    raise TooLargeError(f"an envelope of {service} passes the permitted size")
            return
        self._bytes += len(piece)
        if self._bytes > self._limits.part_bytes:
            raise TooLargeError(f"the parts of an answer of {service} pass the permitted size")
        await self._sink.write(piece)

    def result(self) -> MtomAnswer:
        """Return what came; raise `BrokenOffError` where the end is missing."""
        if self._state != "end":
            raise BrokenOffError(f"the exchange with {self._limits.service} broke before its end")
        if self._envelope is None:
            raise WireError("an answer in parts has no envelope")
        return MtomAnswer(envelope=bytes(self._envelope), parts=self._parts)

    async def discard(self) -> None:
        """Remove every file written so far."""
        if self._sink is not None:
            await self._sink.close()
        for path in self._paths:
            await self._threads.run(path.unlink, missing_ok=True)
