"""One connection through a faulty wire, and what becomes of it.

Bytes go through untouched, TLS included, and are never understood: of TLS only the record heads
are read, to know where a caller's own data begins.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from depesha.ports import Clock

PIECE: Final = 64 * 1024
SETTLE_SECONDS: Final = 0.3
"""Silence after which a caller is taken to have said everything."""
ANSWER_SECONDS: Final = 60.0
"""Longest wait for a server's answer that will be swallowed."""
SWALLOW_SECONDS: Final = 10.0
"""How long a server may go on with an answer once its caller was reset."""
LINGER: Final = struct.pack("ii", 1, 0)
"""Closing sends a reset instead of a farewell."""
_OWN_DATA: Final = 23
_HANDSHAKE: Final = 22
_HEAD: Final = 5
"""Bytes of the head of a TLS record: kind, version, length."""


class Mode(StrEnum):
    """What becomes of a connection."""

    PASS = "pass"  # noqa: S105 - a way, no word to keep secret
    REFUSE = "refuse"
    """Nobody listens."""
    RESET_BEFORE = "reset_before"
    """Reset right after it was taken: nothing of it reaches the server."""
    RESET_AFTER_REQUEST = "reset_after_request"
    """The request arrives whole, the answer is swallowed, the caller is reset: a lost answer."""
    CUT_MID_REQUEST = "cut_mid_request"
    """Both sides are reset within the request, of which nothing complete arrived."""
    SLOW = "slow"
    """The request arrives at once, every piece of the answer late."""
    BLACKHOLE = "blackhole"
    """Taken, and never answered; nothing of it reaches the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with the wire, and for how many connections."""

    mode: Mode = Mode.PASS
    connections: int = 0
    """So many of the next ones, then all pass again; 0: all, until told otherwise."""
    request_bytes: int = 4096
    """CUT_MID_REQUEST: so many bytes pass. They count from the caller's first own data; with TLS
    1.3 its certificate is among them. A shorter request loses its end all the same."""
    seconds: float = 30.0
    """SLOW: how much later."""

    def __post_init__(self) -> None:
        """Refuse what cannot be done: a closed listener hears no connection to count."""
        if self.mode is Mode.REFUSE and self.connections:
            raise ValueError("refused connections cannot be counted")


SOUND: Final = Fault()


@dataclass(slots=True, kw_only=True)
class Wire:
    """What all connections of a proxy share."""

    target: tuple[str, int]
    clock: Clock
    fault: Fault = SOUND
    """In force for the next connection."""
    counts: Counter[Mode] = field(default_factory=Counter)
    """Connections taken, by what became of them; refused ones cannot be seen."""
    bytes_up: int = 0
    """Bytes that reached the server."""
    bytes_down: int = 0
    """Bytes that reached callers."""


class Link:
    """One connection and its fate."""

    def __init__(
        self,
        wire: Wire,
        fault: Fault,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.fault = fault
        self.busy = True
        """The caller spoke last: something is in hand."""
        self._wire = wire
        self._caller = (reader, writer)
        self._server: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._request = _RequestFinder()
        self._answered = False
        """The server has spoken since the caller last did."""

    async def run(self) -> None:
        """Do what the fault says."""
        match self.fault.mode:
            case Mode.RESET_BEFORE:
                self.reset()
            case Mode.BLACKHOLE:
                while await self._caller[0].read(PIECE):
                    pass
            case Mode.PASS | Mode.SLOW | Mode.REFUSE:  # REFUSE: it came just before
                await self._connect()
                await self._both(self._up(), self._down())
            case Mode.CUT_MID_REQUEST:
                await self._connect()
                await self._both(self._up_in_part(), self._down())
            case Mode.RESET_AFTER_REQUEST:
                await self._connect()
                await self._lose_answer()

    def reset(self) -> None:
        """Reset both ends."""
        _reset(self._caller[1])
        if self._server is not None:
            _reset(self._server[1])

    def close(self) -> None:
        """Let go of both ends, what was written first; after a reset nothing is left to do."""
        for _, writer in filter(None, (self._caller, self._server)):
            writer.close()

    async def _connect(self) -> None:
        self._server = await asyncio.open_connection(*self._wire.target, limit=PIECE)

    @staticmethod
    async def _both(*ways: Coroutine[None, None, None]) -> None:
        """Go both ways until both ended; a broken one ends the other."""
        broken = False
        try:
            async with asyncio.TaskGroup() as group:
                for way in ways:
                    group.create_task(way)
        except* OSError:
            broken = True
        if broken:  # raised in there, it would leave as a group
            raise ConnectionResetError

    @property
    def _ends(self) -> _Ends:
        if self._server is None:
            raise ConnectionResetError
        return _Ends(*self._caller, *self._server)

    async def _up(self) -> None:
        ends = self._ends
        while piece := await ends.from_caller.read(PIECE):
            if not self.busy and self._wire.fault.mode is not Mode.PASS is self.fault.mode:
                raise ConnectionResetError
            self.busy = True
            self._request.start_in(piece)
            await self._send_up(piece)
        _end(ends.to_server)

    async def _down(self) -> None:
        ends = self._ends
        while piece := await ends.from_server.read(PIECE):
            if self.fault.mode is Mode.SLOW and self._request.begun:
                await self._wire.clock.sleep(self.fault.seconds)
            ends.to_caller.write(piece)
            self.busy = False
            self._wire.bytes_down += len(piece)
            await ends.to_caller.drain()
        _end(ends.to_caller)

    async def _up_in_part(self) -> None:
        """Pass so many bytes of the request, and never the newest byte: then reset both ends."""
        ends, held, passed = self._ends, b"", 0
        while True:
            piece = await _read(ends.from_caller)
            if piece is None and not self._request.begun:
                continue
            if not piece:  # its end, or silence: whatever was held back is lost
                raise ConnectionResetError
            if not self._request.begun:
                start = self._request.start_in(piece)
                await self._send_up(piece[:start])
                piece = piece[start:]
            known = held + piece
            now = max(0, min(len(known) - 1, self.fault.request_bytes - passed))
            await self._send_up(known[:now])
            held, passed = known[now:], passed + now
            if passed >= self.fault.request_bytes:
                raise ConnectionResetError

    async def _lose_answer(self) -> None:
        """Pass the request whole; what the server says to it never comes down."""
        ends = self._ends
        down = asyncio.ensure_future(self._down_before_request())
        try:
            silent = 0.0
            while silent < ANSWER_SECONDS:
                if (piece := await _read(ends.from_caller)) is None:
                    silent += SETTLE_SECONDS
                    if self._answered:
                        break
                    continue
                if not piece:
                    break
                silent, self._answered = 0.0, False
                self._request.start_in(piece)
                await self._send_up(piece)
            _reset(ends.to_caller)
            await asyncio.wait({down}, timeout=SWALLOW_SECONDS)
        finally:
            down.cancel()

    async def _down_before_request(self) -> None:
        """Pass what the server says until the request begins; from then on swallow it."""
        ends = self._ends
        while piece := await ends.from_server.read(PIECE):
            if self._request.begun:
                self._answered = True
                continue
            ends.to_caller.write(piece)
            self._wire.bytes_down += len(piece)
            await ends.to_caller.drain()

    async def _send_up(self, piece: bytes) -> None:
        writer = self._ends.to_server
        writer.write(piece)
        self._wire.bytes_up += len(piece)
        await writer.drain()


@dataclass(frozen=True, slots=True)
class _Ends:
    """Both sides of a link."""

    from_caller: asyncio.StreamReader
    to_caller: asyncio.StreamWriter
    from_server: asyncio.StreamReader
    to_server: asyncio.StreamWriter


class _RequestFinder:
    """Finds where a caller's own data begins: at once, or after a TLS handshake."""

    def __init__(self) -> None:
        self.begun = False
        self._head = b""
        self._skip = 0
        self._first = True

    def start_in(self, piece: bytes) -> int:
        """Return how many bytes of this piece come before the caller's own data."""
        if self.begun:
            return 0
        if self._first:
            self._first = False
            if piece[0] != _HANDSHAKE:
                self.begun = True
                return 0
        at = 0
        while at < len(piece):
            if self._skip:
                step = min(self._skip, len(piece) - at)
                self._skip -= step
                at += step
                continue
            self._head += piece[at : at + 1]
            at += 1
            if self._head[0] == _OWN_DATA:
                self.begun = True
                return at - 1
            if len(self._head) == _HEAD:
                self._skip = int.from_bytes(self._head[3:], "big")
                self._head = b""
        return len(piece)


async def _read(reader: asyncio.StreamReader) -> bytes | None:
    """Return what comes next, nothing at the end, None after some silence."""
    try:
        async with asyncio.timeout(SETTLE_SECONDS):
            return await reader.read(PIECE)
    except TimeoutError:
        return None


def _end(writer: asyncio.StreamWriter) -> None:
    if not writer.transport.is_closing():
        writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):  # it is closed already
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
    writer.transport.abort()
