"""One aiohttp listener that can be started, stopped and started again on the same port."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from aiohttp import web

from depesha.errors import UnreachableError

BODY_BYTES: Final = 256 * 1024 * 1024
"""A whole SEOS message; the reference node has no designed limit (facts 12.1)."""
GRACE: Final = 1.0
"""Seconds that requests in hand get when the listener stops."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Listener:
    """Serves every path and method with one handler, over TLS where a context is given."""

    def __init__(self, handler: Handler, tls: ssl.SSLContext | None, host: str, port: int) -> None:
        self._handler = handler
        self._tls = tls
        self._runner: web.AppRunner | None = None
        self.host = host
        self.port = port

    @property
    def origin(self) -> str:
        """Scheme, host and port, without a final slash."""
        return f"{'https' if self._tls else 'http'}://{self.host}:{self.port}"

    async def start(self) -> None:
        """Listen; a port of 0 is replaced by the free one found, and kept from then on."""
        application = web.Application(client_max_size=BODY_BYTES)
        application.router.add_route("*", "/{path:.*}", self._handler)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=GRACE)
        await runner.setup()
        site = web.TCPSite(runner, self.host, self.port, ssl_context=self._tls)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            raise UnreachableError("the simulator cannot listen on its port") from error
        self._runner = runner
        self.port = runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening; stopping twice is safe."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        server = runner.server
        open_ones = [] if server is None else [c.transport for c in server.connections]
        await runner.cleanup()
        for transport in open_ones:  # a TLS farewell would wait for the other side's for long
            if transport is not None:
                # Python before 3.11.4 has forgotten its protocol once such a connection is closed.
                with suppress(AttributeError):
                    transport.abort()
