"""Opens the listeners and closes them again, each on its own address."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from aiohttp import web

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


class Listeners:
    """The open listeners of one gateway."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._runners: list[web.AppRunner] = []

    async def open(
        self, application: web.Application, address: Address, tls: ssl.SSLContext | None
    ) -> None:
        """Open one; raises `ConfigurationError` where the address is taken."""
        runner = web.AppRunner(
            application,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=CLOSE_SECONDS,
            # Without it whoever sends half a head, or none, holds a connection for an hour.
            keepalive_timeout=self._settings.listen.idle_seconds,
            lingering_time=LINGER_SECONDS,
        )
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, address.host, address.port, ssl_context=tls, backlog=BACKLOG)
        try:
            await site.start()
        except OSError as error:
            raise ConfigurationError(
                f"the address {address} cannot be listened on: {error.strerror}",
                remedy="another program, or another gateway, may hold it",
            ) from None

    async def close(self) -> None:
        """Take no new callers, let answers under way go out. Closing twice is safe."""
        while self._runners:
            await self._runners.pop().cleanup()

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
