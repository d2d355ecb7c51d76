"""Opens the listeners and closes them again, each on its own address."""

from __future__ import annotations

import asyncio
import ssl
from asyncio import sslproto
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from depesha.app.door import Door, Guest, Pace
from depesha.app.trust import password
from depesha.errors import ConfigurationError

if TYPE_CHECKING:
    from depesha.config import Address, Settings

CLOSE_SECONDS = 20.0
"""How long a stopping listener waits for answers under way."""
LINGER_SECONDS = 2.0
"""How long a caller answered early is still read, so that the answer reaches it."""
BACKLOG = 2048
"""Callers that may wait for a place: past capacity they queue in the kernel, not in our memory."""

MOST = 1_000
"""Connections of a listener at once where no setting says otherwise: a machine of ours calls."""

READ_BYTES = 32 * 1024
"""Of a body that nobody reads yet, about so much is taken from the wire: a thousand callers who
wait for a place shall cost little memory."""
sslproto.SSLProtocol.max_size = 2 * READ_BYTES
"""Each connection with TLS has one such buffer; the library's 256 KiB fill with whole messages."""


class Connection(Guest):
    """One connection as the library handles it, but a broken request is not repeated to anybody."""

    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Leave with the kernel what nobody reads yet; it slows the sender."""
        super().connection_made(transport)
        limit = getattr(transport, "set_read_buffer_limits", None)
        if limit is not None:  # with TLS alone: a plain connection has no buffer of its own
            limit(READ_BYTES)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 -- it quotes what came, documents included
    ) -> web.StreamResponse:
        """Answer with the status' own words."""
        return super().handle_error(request, status, exc, f"{HTTPStatus(status).phrase}\n")


class Listeners:
    """The open listeners of one gateway."""

    def __init__(self, settings: Settings, pace: Pace | None = None) -> None:
        """`pace`: of the doors, where it is not the usual one."""
        self._settings = settings
        self._pace = pace or Pace()
        self._open: list[tuple[web.AppRunner, Door]] = []

    async def open(
        self,
        application: web.Application,
        address: Address,
        tls: ssl.SSLContext | None,
        most: int = MOST,
    ) -> None:
        """Open one for `most` connections at once; raises `ConfigurationError` for a taken address.

        Further callers wait at the door (`app/door.py`).
        """
        runner = web.AppRunner(
            application, access_log=None, handle_signals=False, shutdown_timeout=CLOSE_SECONDS
        )
        door = Door(lambda: self._connection(runner), tls, most, self._pace)
        application.on_response_prepare.append(door.tell)
        await runner.setup()
        try:
            await _listen(door, address)
        except OSError as error:
            await runner.cleanup()
            raise ConfigurationError(
                f"the address {address} cannot be listened on: {error.strerror}",
                remedy="another program, or another gateway, may hold it",
            ) from None
        self._open.append((runner, door))

    def _connection(self, runner: web.AppRunner) -> Connection:
        manager = runner.server
        if manager is None:
            raise RuntimeError("the runner is not set up")
        return Connection(
            manager,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # None means none, as for the runner
            # Without it whoever sends half a head, or none, holds a connection for an hour.
            keepalive_timeout=self._settings.listen.idle_seconds,
            lingering_time=LINGER_SECONDS,
            # No caller has a reason to pack, and a bomb must not be unpacked to be refused.
            auto_decompress=False,
            read_bufsize=READ_BYTES,
        )

    async def close(self) -> None:
        """Take no new callers, let answers under way go out. Closing twice is safe."""
        while self._open:
            runner, door = self._open.pop()
            door.close()
            await runner.cleanup()

    def partners_tls(self) -> ssl.SSLContext:
        """TLS with client certificates from the trusted authorities (SEOS facts 2.4)."""
        context = self.own_tls()
        for authority in self._settings.keys.trusted:
            context.load_verify_locations(authority)
        required = self._settings.listen.client_certificates == "required"
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
        return context

    def own_tls(self) -> ssl.SSLContext:
        """TLS with our own certificate, 1.2 and up."""
        listen, keys = self._settings.listen, self._settings.keys
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(
            listen.certificate or keys.certificate, listen.key or keys.key, password(self._settings)
        )
        return context


async def _listen(door: Door, address: Address) -> None:
    """Bind every address that the name has, and open the door on them; raises `OSError`."""
    server = await asyncio.get_running_loop().create_server(
        asyncio.Protocol, address.host, address.port, start_serving=False
    )
    # The server is used for binding alone: it would accept whoever comes.
    for bound in server.sockets:
        listening = bound.dup()
        listening.listen(BACKLOG)
        listening.settimeout(0)
        door.open(listening)
    server.close()
