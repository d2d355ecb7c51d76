"""Hands bytes out as a file to be saved: never shown by the browser, never guessed at."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote

from aiohttp import web

if TYPE_CHECKING:
    from depesha.monitoring.console.access.routes import Visit
    from depesha.ports import Threads

_CHUNK = 256 * 1024
_WRITE_SECONDS = 60.0


async def send(visit: Visit, file: BinaryIO, name: str, threads: Threads) -> web.StreamResponse:
    """Send `file` under `name` and close it; a browser that went away ends only its own answer."""
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    response = web.StreamResponse(
        headers={"Content-Type": "application/octet-stream", "Content-Disposition": disposition}
    )
    try:
        await response.prepare(visit.request)
        with suppress(ConnectionError, TimeoutError):
            while chunk := await threads.run(file.read, _CHUNK):
                async with asyncio.timeout(_WRITE_SECONDS):
                    await response.write(chunk)
            await response.write_eof()
    finally:
        await threads.run(file.close)
    return response
