"""The doctor's round: every probe with the values of the settings. Only looks, stores nothing.

It may run beside a living gateway: the register's copy is read from a copy of its own, and the
store is never opened.
"""

from __future__ import annotations

import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import apsw

from depesha.adapters import doctor as look
from depesha.adapters.clamd import ClamdScanner
from depesha.adapters.keys import load_key_pair
from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.seos.calling import Caller, CallLimits
from depesha.adapters.seos.register import SeosDirectory, SeosRegister
from depesha.adapters.seos.settings import SeosSettings
from depesha.adapters.signing import XmlSigner
from depesha.adapters.system import SystemClock, WorkerThreads
from depesha.app.channel_probes import ChannelProbes
from depesha.app.networks import check_names, table
from depesha.app.seos import REGISTER_COPY
from depesha.app.store_probes import store_probes
from depesha.app.trust import password
from depesha.errors import ConfigurationError, DepeshaError

if TYPE_CHECKING:
    from depesha.adapters.doctor import Diagnosis, Probe
    from depesha.config import Settings

_PROBE_SECONDS = 25.0
_NEIGHBOUR_SECONDS = 5.0


async def examine(settings: Settings) -> list[Diagnosis]:
    """Run every probe; return the findings in the order of the page."""
    threads = WorkerThreads(4)
    try:
        with tempfile.TemporaryDirectory(prefix="depesha-doctor-") as scratch:
            round_ = _Round(settings, threads, Path(scratch))
            return await look.examine(await round_.probes(), seconds=_PROBE_SECONDS)
    finally:
        await threads.close()


class _Round:
    """The probes of one examination."""

    def __init__(self, settings: Settings, threads: WorkerThreads, scratch: Path) -> None:
        self._settings = settings
        self._threads = threads
        self._scratch = scratch
        self._clock = SystemClock()

    async def probes(self) -> list[tuple[str, Probe]]:
        """Every probe by the name of its line."""
        settings, keys, listen = self._settings, self._settings.keys, self._settings.listen
        now, probe = self._clock.now(), partial(look.probe, self._threads)
        variable = keys.key_password_env
        certificate, key = listen.certificate or keys.certificate, listen.key or keys.key
        return [
            (name, probe(name, function, *given))
            for name, function, *given in (
                ("certificate", look.key_pair, keys.key, keys.certificate, variable, now),
                ("trust", look.chain, keys.certificate, keys.trusted, now),
                ("tls", look.tls_files, certificate, key, password(settings)),
                ("secrets", look.private, (keys.key, settings.seal.key), self._made_later()),
                ("xml", look.xml_signatures, self._sign_once),
                ("sqlite", look.sqlite, apsw.sqlite_lib_version()),
                ("clock", look.clock, now, self._scratch, await self._neighbours_time()),
                ("disk", look.disk, settings.store.folder, self._clock.monotonic),
                ("ports", partial(look.ports, ours=await self._running()), self._addresses()),
                ("listeners", look.exposure, self._exposed()),
            )
        ] + [
            *await store_probes(settings, self._threads, self._clock),
            *self._neighbours(),
        ]

    def _neighbours(self) -> list[tuple[str, Probe]]:
        scanner = ClamdScanner(self._settings.scanner.addresses, clock=self._clock)

        async def scanners() -> Diagnosis:
            return look.scanners(await scanner.facts(), self._clock.now())

        async def detection() -> Diagnosis:
            return await look.detection(scanner, self._scratch, self._threads)

        channels = ChannelProbes(self._settings, self._threads, self._scratch, self._clock)
        return [
            ("scanner", scanners),
            ("detection", detection),
            ("register", self._register),
            *channels.probes(),
        ]

    def _sign_once(self) -> None:
        keys = self._settings.keys
        pair = load_key_pair(keys.key, keys.certificate, password_variable=keys.key_password_env)
        XmlSigner(pair).self_check()

    def _made_later(self) -> tuple[Path, ...]:
        """Secrets that a gateway makes for itself when it first needs them."""
        registry = self._settings.registry
        return registry.tokens, registry.own_token, self._settings.console.key

    def _addresses(self) -> tuple[tuple[str, str, int], ...]:
        listen = self._settings.listen
        named = ("partners", "registry", "operators")
        return tuple((n, getattr(listen, n).host, getattr(listen, n).port) for n in named)

    def _exposed(self) -> tuple[tuple[str, str, bool], ...]:
        listen = self._settings.listen
        return (
            ("registry", listen.registry.host, listen.registry_tls),
            ("operators", listen.operators.host, listen.operators_tls),
        )

    async def _running(self) -> bool:
        """Does a gateway answer where ours would?"""
        address = self._settings.listen.operators
        scheme = "https" if self._settings.listen.operators_tls else "http"
        local = "127.0.0.1" if address.host in {"0.0.0.0", "::"} else address.host  # noqa: S104
        url = f"{scheme}://{f'[{local}]' if ':' in local else local}:{address.port}/healthz"
        try:
            # Only whether it speaks like ours is asked; whoever it is gets nothing from us.
            async with _session() as session, session.get(url, ssl=False) as answer:
                return (await answer.json()).get("alive") is True
        except (aiohttp.ClientError, TimeoutError, ValueError, AttributeError):
            return False

    async def _neighbours_time(self) -> datetime | None:
        """The register's HTTP Date; None where it cannot be asked."""
        try:
            seos = self._seos()
            if seos is None:
                return None
            context = await self._threads.run(self._register_context, seos)
            url = seos.register_url
            async with _session() as session, session.get(url, ssl=context) as answer:
                return parsedate_to_datetime(answer.headers["Date"])
        except (aiohttp.ClientError, TimeoutError, DepeshaError, OSError, ValueError, KeyError):
            return None

    def _seos(self) -> SeosSettings | None:
        check_names(self._settings)
        return table(self._settings, "seos", SeosSettings)

    async def _register(self) -> Diagnosis:
        seos = self._seos()
        if seos is None:
            return look.Diagnosis(name="register", state="ok", sentence="SEOS is not set up")
        async with self._directory(seos) as directory:
            stale = self._settings.limits.directory_stale_seconds
            return await look.register(directory, self._clock, stale)

    @asynccontextmanager
    async def _directory(self, seos: SeosSettings) -> AsyncIterator[SeosDirectory]:
        limits = CallLimits(
            connect_seconds=_NEIGHBOUR_SECONDS,
            whole_seconds=_PROBE_SECONDS - _NEIGHBOUR_SECONDS,
            answer_bytes=seos.register_bytes,
        )
        context = await self._threads.run(self._register_context, seos)
        caller = Caller(tls=context, limits=limits, plain_http=True)
        directory = SeosDirectory(
            register=SeosRegister(url=seos.register_url, caller=caller, threads=self._threads),
            threads=self._threads,
            clock=self._clock,
            observer=RecordingObserver(),
            file=await self._threads.run(self._copied),
            max_deactivated=seos.register_max_deactivated,
        )
        try:
            await self._threads.run(directory.load)
            yield directory
        finally:
            await caller.close()

    def _register_context(self, seos: SeosSettings) -> ssl.SSLContext:
        context = ssl.create_default_context()
        keys = self._settings.keys
        try:
            for authority in seos.register_authorities:
                context.load_verify_locations(self._settings.path(authority))
            context.load_cert_chain(keys.certificate, keys.key, password(self._settings))
        except OSError:
            raise ConfigurationError("the files for TLS to the register cannot be used") from None
        return context

    def _copied(self) -> Path:
        """A copy of the register's last good copy, so that the gateway's own is left alone."""
        kept, copied = self._settings.store.folder / REGISTER_COPY, self._scratch / REGISTER_COPY
        if kept.exists():
            shutil.copyfile(kept, copied)
        return copied


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_NEIGHBOUR_SECONDS))
