"""The blobs service of the simulated SSEV: uploads in, downloads by link out (facts 3.1).

Everything streams through files; nothing here knows of messages.
"""

from __future__ import annotations

import asyncio
import base64
import mimetypes
import re
from pathlib import Path
from typing import Final
from urllib.parse import quote

from aiohttp import BodyPartReader, web

from depesha.simulators.ssev_files import Files, StamperDownError
from depesha.simulators.ssev_gate import Gate, abort
from depesha.simulators.ssev_quirks import SsevOddity, SsevOperation
from depesha.simulators.ssev_rest_shapes import Shapes
from depesha.simulators.ssev_values import Blob, BlobKind, Caller, Scan, Uploaded

REQUEST_BYTES: Final = 53_477_376
"""51 MiB, the web server's limit (facts 3.1)."""
EXPIRED: Final = "Връзката е изтекла или невалидна. Моля, презаредете страницата."
_KINDS: Final = {
    "temporary": BlobKind.TEMPORARY,
    "0": BlobKind.TEMPORARY,
    "": BlobKind.TEMPORARY,
    "storage": BlobKind.STORAGE,
    "1": BlobKind.STORAGE,
}
_INTERNAL: Final = {"registration", "template", "pdfstamp", "translation", "2", "3", "4", "5"}
_PIECE: Final = 256 * 1024
_RANGE: Final = re.compile(r"bytes=(\d+)-(\d*)")


class Uploads:
    """Takes uploads and gives downloads."""

    def __init__(self, *, files: Files, shapes: Shapes, oddity: SsevOddity, gate: Gate) -> None:
        self._files = files
        self._gate = gate
        self._shapes = shapes
        self._oddity = oddity

    async def handle(self, request: web.Request, caller: Caller | None) -> web.StreamResponse:
        """Take one upload."""
        refusal = _refusal(request, caller)
        if refusal is not None or caller is None:
            return refusal or web.Response(status=401)
        if not self._files.fits(caller.profile, request.content_length or 0):
            done = Uploaded(name="", size=0, sha256="", blob=None, scan=Scan.NONE, no_space=True)
            return web.json_response(self._shapes.uploaded(done))
        return await self._take(request, caller, _KINDS[request.query.get("type", "").lower()])

    async def _take(
        self, request: web.Request, caller: Caller, kind: BlobKind
    ) -> web.StreamResponse:
        async for part in await request.multipart():
            if isinstance(part, BodyPartReader) and part.filename:
                path = self._files.fresh()
                await _spool(part, path)
                try:
                    done = await self._files.take(caller.profile, part.filename, path, kind)
                except StamperDownError:
                    return web.Response(status=405)
                return web.json_response(self._shapes.uploaded(done))
        return web.json_response("No file in the request.", status=400)

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Answer the blobs host: the token in the link is all it asks for."""
        if request.method != "GET" or request.path not in {"/message", "/profile"}:
            return web.Response(status=404)
        instead = self._gate.before(request, SsevOperation.DOWNLOAD)
        if instead is not None:
            return instead
        try:
            blob = self._files.follow(
                request.query.get("t", ""), in_message=request.path == "/message"
            )
        except KeyError:
            return web.Response(status=404)
        if blob is None:
            answer = web.Response(status=400, text=EXPIRED, content_type="text/plain")
            return await self._gate.after(request, answer, SsevOperation.DOWNLOAD)
        return await self._give(request, blob)

    async def _give(self, request: web.Request, blob: Blob) -> web.StreamResponse:
        tag = '"' + base64.b64encode(blob.blob_id.to_bytes(8, "big")).decode() + '"'
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304)
        start, end, status = _range(request, blob.size, tag)
        if status == 416:  # noqa: PLR2004 -- Range Not Satisfiable
            return web.Response(status=416, headers={"Content-Range": f"bytes */{blob.size}"})
        response = web.StreamResponse(status=status)
        media_type = mimetypes.guess_type(blob.name)[0] or "application/octet-stream"
        response.headers["Content-Type"] = media_type
        response.headers["Accept-Ranges"] = "bytes"
        response.headers["ETag"] = tag
        name = quote(blob.name, safe="")
        response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
        if status == 206:  # noqa: PLR2004 -- Partial Content
            response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{blob.size}"
        response.content_length = end - start
        await response.prepare(request)
        await self._stream(request, response, blob.path, start, end)
        return response

    async def _stream(
        self, request: web.Request, response: web.StreamResponse, path: Path, start: int, end: int
    ) -> None:
        cut = self._oddity.spend("cut_downloads")
        corrupt = self._oddity.spend("corrupt_downloads")
        last = min(end, start + self._oddity.quirks.cut_after) if cut else end
        with path.open("rb") as file:
            file.seek(start)
            position = start
            while position < last:
                piece = await asyncio.to_thread(file.read, min(_PIECE, last - position))
                position += len(piece)
                if corrupt:
                    piece, corrupt = bytes([piece[0] ^ 1]) + piece[1:], False
                await response.write(piece)
        if cut:
            await asyncio.to_thread(path.stat)  # what was written may leave first
            abort(request)


def _refusal(request: web.Request, caller: Caller | None) -> web.Response | None:
    """Return what speaks against an upload before a byte of it is read."""
    length, kind = request.content_length, request.query.get("type", "").lower()
    if request.method != "POST" or length is None:
        return web.Response(status=405)  # a server error in a POST looks so (facts 2.6)
    if length > REQUEST_BYTES:
        return web.Response(status=404)  # the web server's 404.13
    if caller is None:
        return web.Response(status=401)
    if kind not in _KINDS:
        return _refused(kind)
    if not request.content_type.startswith("multipart/form-data"):
        return web.json_response("Expected a multipart request.", status=400)
    return None


def _refused(kind: str) -> web.Response:
    if kind in _INTERNAL:
        return web.json_response("Unsupported blob type.", status=400)
    body = {"title": "One or more validation errors occurred.", "status": 400, "errors": {}}
    return web.json_response(body, status=400, content_type="application/problem+json")


async def _spool(part: BodyPartReader, path: Path) -> None:
    with path.open("wb") as file:
        while piece := await part.read_chunk(_PIECE):
            await asyncio.to_thread(file.write, part.decode(piece))


def _range(request: web.Request, size: int, tag: str) -> tuple[int, int, int]:
    given = request.headers.get("Range")
    if given is None or request.headers.get("If-Range", tag) != tag:
        return 0, size, 200
    match = _RANGE.fullmatch(given)
    if match is None:
        return 0, size, 200
    start = int(match[1])
    end = min(size, int(match[2]) + 1) if match[2] else size
    return (start, end, 206) if start < end else (0, 0, 416)
