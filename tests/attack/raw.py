"""A caller that speaks bytes, not HTTP: it says whatever an attacker would, in whatever pieces.

It reads what comes back as leniently as it can and never decides whether that is right.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from tests.attack.stand import CLOSED, Came, understand

if TYPE_CHECKING:
    from tests.attack.stand import Stand

PATIENCE: Final = 12.0
"""Seconds to wait for a first answer: longer than any patience of the gateway under attack."""
QUIET: Final = 0.3
"""Seconds of silence after an answer that count as "nothing more comes"."""
HOST: Final = b"Host: localhost\r\n"
XML: Final = b"Content-Type: text/xml; charset=utf-8\r\n"


def post(body: bytes, *headers: bytes, path: bytes = b"/seos", length: bool = True) -> bytes:
    """Return a whole request."""
    sized = (b"Content-Length: %d" % len(body),) if length else ()
    head = b"".join(line + b"\r\n" for line in (*sized, *headers))
    return b"POST " + path + b" HTTP/1.1\r\n" + HOST + XML + head + b"\r\n" + body


def chunked(*chunks: bytes, end: bool = True) -> bytes:
    """Return a body in chunks."""
    made = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return made + (b"0\r\n\r\n" if end else b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Which listener, and as whom; `tls` None for plain TCP."""

    port: int
    tls: ssl.SSLContext | None


def partners(stand: Stand, who: str = "bare-1") -> Door:
    """Return the partners' listener."""
    return Door(port=stand.gateway.plan.partners_port, tls=stand.tls(who))


def registry(stand: Stand) -> Door:
    """Return the registry's listener."""
    return Door(port=stand.gateway.plan.registry_port, tls=None)


def operators(stand: Stand) -> Door:
    """Return the operators' listener."""
    return Door(port=stand.gateway.plan.operators_port, tls=None)


async def speak(
    stand: Stand,
    *pieces: bytes | float,
    door: Door | None = None,
    patience: float = PATIENCE,
    hang_up: bool = False,
) -> Came:
    """Say the pieces (a number is a pause in seconds) and return the last answer.

    `hang_up` closes our half of the conversation after the last piece.
    """

    async def spoken() -> AsyncIterator[bytes]:
        for piece in pieces:
            if isinstance(piece, float):
                await asyncio.sleep(piece)
            else:
                yield piece

    return await stream(stand, spoken(), door=door, patience=patience, hang_up=hang_up)


async def stream(
    stand: Stand,
    pieces: AsyncIterator[bytes],
    *,
    door: Door | None = None,
    patience: float = PATIENCE,
    hang_up: bool = False,
) -> Came:
    """Do as `speak` does with a source of bytes that may not end."""
    door = door or partners(stand)
    name = "localhost" if door.tls else None
    try:
        reader, writer = await asyncio.wait_for(
            asyncio.open_connection(
                "127.0.0.1", door.port, ssl=door.tls, server_hostname=name, limit=2**22
            ),
            patience,
        )
    except (OSError, TimeoutError):
        return CLOSED
    talking = asyncio.create_task(_talk(writer, pieces, hang_up=hang_up))
    try:
        raw = await _listen(reader, patience)
    finally:
        talking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await talking
        writer.transport.abort()
    return stand.heard(last(raw))


async def _talk(
    writer: asyncio.StreamWriter, pieces: AsyncIterator[bytes], *, hang_up: bool
) -> None:
    with contextlib.suppress(OSError, ssl.SSLError, RuntimeError):
        async for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if hang_up:
            writer.close()


async def _listen(reader: asyncio.StreamReader, patience: float) -> bytes:
    raw = b""
    with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
        while True:
            wait = QUIET if answers(raw) else patience
            piece = await asyncio.wait_for(reader.read(65536), wait)
            if not piece:
                break
            raw += piece
    return raw


def answers(raw: bytes) -> Sequence[tuple[int, bytes]]:
    """Return the whole final answers in what was heard: status and body."""
    found = []
    while raw.startswith(b"HTTP/") and b"\r\n\r\n" in raw:
        head, _, rest = raw.partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        length = _length(head)
        if len(rest) < length and rest:
            break
        if status >= 200:
            found.append((status, rest[:length]))
        raw = rest[length:]
    return found


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


def last(raw: bytes) -> Came:
    """Return the last answer heard, and how many there were."""
    heard = answers(raw)
    if not heard:
        return CLOSED if not raw else replace(CLOSED, said="broken answer", body=raw)
    return replace(understand(*heard[-1]), answers=len(heard))
