"""Sends files in chunks, under names that cannot break a header, proving their digest on the way.

It must never read a whole file, and never complete an answer whose bytes are not the right ones.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote

from aiohttp import web

if TYPE_CHECKING:
    from depesha.adapters.registry.routes import Call, Parts
    from depesha.schemas.ids import Digest

_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._ ()+,=@\[\]^`{}~!#$&-]")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Control, format (direction overrides), surrogate, private use, line and paragraph separators."""
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_NAME_CHARACTERS = 150
OCTETS = "application/octet-stream"


def content_disposition(name: str) -> str:
    """Return `attachment` with the name in both forms of RFC 6266, whatever the name holds."""
    shown = unicodedata.normalize("NFC", name)
    shown = "".join("_" if unicodedata.category(c) in _HIDDEN else c for c in shown)
    shown = re.sub(r'[/\\:*?"<>|]', "_", shown).strip(" .") or "file"
    if len(shown) > _NAME_CHARACTERS:
        stem, dot, extension = shown.rpartition(".")
        keep = f"{dot}{extension}"[:20] if stem else ""
        shown = shown[: _NAME_CHARACTERS - len(keep)] + keep
    plain = _NOT_PLAIN.sub("_", shown)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(shown, safe='')}"


def media_type(detected: str) -> str:
    """Return a media type fit for a header; octets where there is none."""
    return detected if _MEDIA_TYPE.fullmatch(detected) else OCTETS


class _Reader:
    """Reads and hashes in one thread hop a chunk."""

    def __init__(self, file: BinaryIO, chunk_bytes: int) -> None:
        self._file = file
        self._chunk_bytes = chunk_bytes
        self._hash = hashlib.sha256()

    def read(self) -> bytes:
        """Return the next chunk, empty at the end."""
        chunk = self._file.read(self._chunk_bytes)
        self._hash.update(chunk)
        return chunk

    def digest(self) -> str:
        """Return the digest of what was read."""
        return self._hash.hexdigest()


def matches(call: Call, digest: Digest) -> bool:
    """Tell whether the caller has these very bytes already (If-None-Match)."""
    header = call.request.headers.get("If-None-Match", "")
    tags = {tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")}
    return digest in tags


def file_headers(name: str, detected: str, digest: Digest) -> dict[str, str]:
    """Return the headers that make a stranger's file safe to fetch with a browser."""
    encoded = base64.b64encode(bytes.fromhex(digest)).decode("ascii")
    return {
        "Content-Type": media_type(detected),
        "Content-Disposition": content_disposition(name),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "ETag": f'"{digest}"',
        "Digest": f"SHA-256={encoded}",
        "Repr-Digest": f"sha-256=:{encoded}:",
    }


async def send_file(
    parts: Parts, call: Call, file: BinaryIO, *, size: int, digest: Digest, headers: dict[str, str]
) -> web.StreamResponse:
    """Stream a file and close it. Bytes that turn out wrong break the connection off instead.

    The last chunk waits for the proof of the digest, so a caller never holds a whole wrong file.
    """
    try:
        response = web.StreamResponse(headers=headers)
        response.content_length = size
        await response.prepare(call.request)
        reader = _Reader(file, parts.settings.chunk_bytes)
        held = await parts.threads.run(reader.read)
        sent = 0
        while (chunk := await parts.threads.run(reader.read)) and sent + len(held) < size:
            sent += len(held)
            await write(parts, response, held)
            held = chunk
        if chunk or reader.digest() != digest or sent + len(held) != size:
            parts.observer.trouble("registry_api", "CONTENT_DIFFERS")
            if call.request.transport is not None:
                call.request.transport.abort()
            return response
        await write(parts, response, held)
        await response.write_eof()
        return response
    finally:
        file.close()


async def write(parts: Parts, response: web.StreamResponse, data: bytes) -> None:
    """Write with a time limit, so that a reader who takes nothing does not stay for ever."""
    if data:
        async with asyncio.timeout(parts.settings.write_seconds):
            await response.write(data)
