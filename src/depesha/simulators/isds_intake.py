"""How bytes come in to the simulated ISDS: SOAP 1.1 and 1.2, plain or MTOM, large ones to disk.

It finds the envelope and the parts and looks into neither further than to the operation.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import BodyPartReader, web
from lxml import etree

from depesha.errors import WireError
from depesha.schemas import xml
from depesha.schemas.wire.isds import SOAP11, SOAP12
from depesha.simulators.isds_reading import Call
from depesha.simulators.isds_store import FileStore

IN_MEMORY: Final = 1024 * 1024
"""Envelopes up to here are read at once."""
_PIECE: Final = 256 * 1024
_PLAIN: Final = frozenset({"text/xml", "application/soap+xml", "application/xml"})


class NotMtomError(Exception):
    """The content type is not one the big-message host takes: HTTP 599 (facts 1.5)."""


@dataclass(slots=True, kw_only=True)
class Received:
    """A request: its envelope, its binary parts, and the files that hold them."""

    envelope: bytes | Path = b""
    parts: dict[str, Path] = field(default_factory=dict)
    spooled: list[Path] = field(default_factory=list)
    """Files to be removed when the request is done, unless they were kept."""

    @property
    def size(self) -> int:
        """Bytes of the envelope."""
        if isinstance(self.envelope, bytes):
            return len(self.envelope)
        return self.envelope.stat().st_size


async def receive(request: web.Request, files: FileStore, *, big: bool) -> Received:
    """Take a request in; raises `WireError`, and `NotMtomError` on the host for big messages."""
    got = Received()
    try:
        if request.content_type == "multipart/related":
            await _multipart(request, files, got)
        elif not big or request.content_type in _PLAIN:
            got.envelope = await _spool(request.content.iter_chunked(_PIECE), files, got)
        else:
            raise NotMtomError
    except ValueError as error:  # aiohttp's word for a multipart it cannot read
        raise WireError("the parts of the message cannot be read") from error
    return got


async def _multipart(request: web.Request, files: FileStore, got: Received) -> None:
    header = request.headers["Content-Type"].lower()
    if "application/xop+xml" not in header:
        raise NotMtomError
    found = False
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise WireError("a part has parts of its own")
        name = part.headers.get("Content-ID", "").strip().strip("<>")
        if not found:  # the root comes first in every stack seen
            got.envelope = await _spool(_chunks(part), files, got)
            found = True
            continue
        path = files.fresh()
        got.spooled.append(path)
        with path.open("wb") as file:
            async for piece in _chunks(part):
                await asyncio.to_thread(file.write, piece)
        got.parts[name] = path
    if not found:
        raise WireError("the message has no parts")


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while piece := await part.read_chunk(_PIECE):
        yield part.decode(piece) if "Content-Transfer-Encoding" in part.headers else piece


async def _spool(pieces: AsyncIterator[bytes], files: FileStore, got: Received) -> bytes | Path:
    first = bytearray()
    async for piece in pieces:
        first += piece
        if len(first) > IN_MEMORY:
            break
    else:
        return bytes(first)
    path = files.fresh("xml")
    got.spooled.append(path)
    with path.open("wb") as file:
        file.write(first)
        async for piece in pieces:
            await asyncio.to_thread(file.write, piece)
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as understood: the SOAP version, the operation's element, the parsed whole."""

    soap: str
    """Namespace of the envelope."""
    call: Call
    element: etree._Element


def understand(got: Received) -> Asked:
    """Parse the envelope; raises `WireError`. Blocking."""
    root = xml.parse(got.envelope).root
    name = etree.QName(root)
    body = root.find(f"{{{name.namespace}}}Body")
    if name.localname != "Envelope" or name.namespace not in {SOAP11, SOAP12}:
        raise WireError("this is no SOAP envelope")
    if body is None or len(body) != 1:
        raise WireError("the envelope holds no call")
    return Asked(soap=str(name.namespace), call=Call(body[0], got.parts), element=body[0])
