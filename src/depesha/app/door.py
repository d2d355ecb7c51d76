"""A listener's door: so many connections at once, and everybody served in turn.

Whoever finds it full waits in the kernel's queue, where a connection costs us nothing, and is taken
in order of arrival. While somebody waits, a connection that has had its turn ends with its answer,
told so by `Connection: close`, and one that nobody uses is closed. It never cuts off a request.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import select
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Coroutine

HANG_UP: Final = 5.0
"""Seconds it has to take note of the end (of TLS)."""
_SHORT: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_REST: Final = 1.0
"""Seconds without a new caller where the machine has no descriptor left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long who is in may stay while others wait, in seconds."""

    turn: float = 2.0
    """Of a connection, whatever it asks: short enough that all of a thousand callers come up
    within seconds, long enough for some requests."""
    unused: float = 1.0
    """Without a request."""
    look: float = 0.1
    """Between two looks while the door is full."""
    handshake: float = 15.0
    """For TLS, and for the rest of half a request head."""


class Guest(web.RequestHandler):
    """One connection, which knows how long it is there and whether anybody uses it."""

    __slots__ = ("_begun", "_door", "_heard", "_since")

    def enter(self, door: Door) -> None:
        """Say whose place it takes; before it is connected."""
        self._door = door
        self._since = self._heard = door.time()
        self._begun = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin its turn: a handshake is no part of it."""
        super().connection_made(transport)
        self._since = self._heard = self._door.time()
        self._door.entered(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Free its place."""
        super().connection_lost(exc)
        self._door.left(self)

    def data_received(self, data: bytes) -> None:
        """Note that it is used; bytes that make no whole head count once, or few would do."""
        super().data_received(data)
        if not (self._begun and self._waits):
            self._heard = self._door.time()
        self._begun = self._waits

    @property
    def _waits(self) -> bool:
        """Whether no request is under way, nor here as a whole."""
        return self._waiter is not None and not self._waiter.done()

    def had_turn(self, now: float) -> bool:
        """Whether others should come up."""
        return now - self._since >= self._door.pace.turn

    def unused(self, now: float) -> bool:
        """Whether nobody would miss it: no request for a while, or half a head for a long one."""
        answered = self._next_keepalive_close_time - self._keepalive_timeout
        rest = now - max(self._heard, answered)
        pace = self._door.pace
        return self._waits and rest >= (pace.handshake if self._begun else pace.unused)


class Door:
    """Lets `most` connections in. Opened once, on any number of listening sockets."""

    def __init__(
        self,
        made: Callable[[], Guest],
        tls: ssl.SSLContext | None,
        most: int,
        pace: Pace,
    ) -> None:
        """`made` gives a connection's protocol, which has not entered yet."""
        self.pace = pace
        self._made = made
        self._tls = tls
        self._most = most
        self._taken = 0
        self._guests: set[Guest] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._freed = asyncio.Event()
        self._waited_at: set[int] = set()
        self._sockets: list[socket.socket] = []
        self._tls_limits = {
            "ssl_handshake_timeout": pace.handshake,
            "ssl_shutdown_timeout": HANG_UP,
        }
        self.time = asyncio.get_running_loop().time

    @property
    def crowded(self) -> bool:
        """Whether somebody waits outside."""
        return bool(self._waited_at)

    def open(self, listening: socket.socket) -> None:
        """Let callers in from a bound socket that does not block; it is closed with the door."""
        self._sockets.append(listening)
        self._begin(self._serve(listening))

    def close(self) -> None:
        """Let nobody in any more. Who is in stays."""
        for task in self._tasks:
            task.cancel()
        for listening in self._sockets:
            listening.close()
        self._sockets.clear()

    def entered(self, guest: Guest) -> None:
        """Know a connection that is ready for requests."""
        self._guests.add(guest)

    def left(self, guest: Guest) -> None:
        """Free the place of a connection that was ready."""
        if guest in self._guests:
            self._guests.remove(guest)
            self._free()

    async def tell(self, request: web.Request, response: web.StreamResponse) -> None:
        """Say with an answer that the connection ends, where it has had its turn (a signal)."""
        guest = request.protocol
        if self.crowded and isinstance(guest, Guest) and guest.had_turn(self.time()):
            response.force_close()
            response.headers["Connection"] = "close"

    def _begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _free(self) -> None:
        self._taken -= 1
        self._freed.set()

    async def _serve(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._place(listening)
            try:
                connection, _ = await loop.sock_accept(listening)
            except OSError as error:  # one that went away meanwhile, or no descriptor left
                if error.errno in _SHORT:
                    await self._rest(_REST)
                continue
            self._taken += 1
            admitted = self._begin(self._admit(connection))
            admitted.add_done_callback(functools.partial(_hang_up, connection))

    async def _place(self, listening: socket.socket) -> None:
        """Wait for a free place; meanwhile make room where somebody waits."""
        while self._taken >= self._most:
            if _is_waiting(listening):
                self._waited_at.add(listening.fileno())
                self._make_room()
            else:
                self._waited_at.discard(listening.fileno())
            await self._rest(self.pace.look)
        self._waited_at.discard(listening.fileno())

    async def _rest(self, seconds: float) -> None:
        """Wait until a place is free, but not longer."""
        self._freed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._freed.wait()

    def _make_room(self) -> None:
        now = self.time()
        for guest in [each for each in self._guests if each.unused(now)]:
            guest.force_close()

    async def _admit(self, connection: socket.socket) -> None:
        guest = self._made()
        guest.enter(self)
        limits = {} if self._tls is None else self._tls_limits
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: guest, connection, ssl=self._tls, **limits
            )
        except OSError:  # of the handshake mostly: whoever caused it knows
            connection.close()
            if guest not in self._guests:
                self._free()


def _hang_up(connection: socket.socket, task: asyncio.Task[None]) -> None:
    """Hang up on a caller who was still in the doorway when the door was closed."""
    if task.cancelled():
        connection.close()


def _is_waiting(listening: socket.socket) -> bool:
    """Tell whether a connection could be accepted."""
    look = select.poll()
    look.register(listening, select.POLLIN)
    return bool(look.poll(0))
