"""The SEOS channel from settings, its lists and its door. Opens nothing but files."""

from __future__ import annotations

import asyncio
import pickle
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

from depesha.adapters.processes import WorkerProcesses
from depesha.adapters.revocation import HttpListFetcher, RevocationRefresher
from depesha.adapters.seos.assembly import SeosChannel, SeosEnvironment
from depesha.adapters.seos.reading import ProcessReaders
from depesha.app import policy as values
from depesha.app.greeting import Greeting, program
from depesha.app.memory import shared
from depesha.app.sentences import peer_sentence
from depesha.app.trust import seos_tls
from depesha.errors import ConfigurationError
from depesha.gateway.service import Clockwork
from depesha.monitoring.health import directory_part, readers_part

if TYPE_CHECKING:
    from aiohttp import web

    from depesha.adapters.seos.settings import SeosSettings
    from depesha.app.base import Base
    from depesha.monitoring.health import Part
    from depesha.ports import Clock, Intake

REGISTER_SECONDS = 5.0
"""How long the first answer of a participants' register is waited for at start."""
REGISTER_COPY = "seos-register.json"
"""In the store's folder."""


READ: tuple[str, ...] = (sys.executable, "-P", "-m", "depesha.app.reading")
"""Starts a process that reads."""


class SeosSide:
    """SEOS in a running gateway."""

    def __init__(self, base: Base, seos: SeosSettings) -> None:
        """Build the channel; raises `ConfigurationError`. Blocking."""
        self._base = base
        self.settings = seos
        settings = base.settings
        if not settings.participant.guid:
            raise ConfigurationError(
                f"{settings.file}: SEOS knows participants by their GUID",
                remedy="set guid in [participant] as the participants' register has it",
            )
        self.channel = SeosChannel(
            SeosEnvironment(
                settings=seos,
                own=values.own_party(settings),
                tls=seos_tls(settings, seos),
                register_copy=settings.store.folder / REGISTER_COPY,
                limits=values.limits(settings),
                blobs=base.memory.blobs,
                signer=base.trust.signer,
                verifier=base.trust.verifier,
                inspector=base.inspector,
                peer_sentence=peer_sentence,
                threads=base.threads,
                clock=base.clock,
                ids=base.ids,
                observer=base.observer,
                checkpoint=base.checkpoint,
                foresight=base.foresight,
            )
        )
        self._lists = RevocationRefresher(
            sources=[
                name if name.startswith(("http://", "https://")) else str(settings.path(name))
                for name in seos.trust.revocation_lists
            ],
            lists=base.trust.lists,
            fetch=HttpListFetcher(base.session),
            clock=base.clock,
            threads=base.threads,
            observer=base.observer,
            every=timedelta(seconds=seos.trust.revocation_refresh_seconds),
        )

        self._processes: WorkerProcesses | None = None

    async def start(self) -> None:
        """Take the last good copies from disk, and the lists of what is revoked."""
        await self.channel.start()
        await self._lists.refresh()

    async def know_participants(self) -> None:
        """Ask the register before the doors open, for a listener without participants holds all.

        Not for long: it may hang, and with the last good copy, or with nothing, work can begin. The
        clockwork asks on.
        """
        try:
            async with asyncio.timeout(REGISTER_SECONDS):
                await self.channel.directory.refresh()
        except TimeoutError:
            self._base.observer.trouble("register", "TIME")

    async def application(self, intake: Intake) -> web.Application:
        """Return the partners' listener; raises `ConfigurationError` where nobody can read."""
        if not self.settings.reading_processes:
            return self.channel.application(intake)
        base, greeting = self._base, await self._base.threads.run(self._greeting)
        self._processes = WorkerProcesses(
            command=(*READ, await base.threads.run(program)),
            greeting=greeting,
            size=self.settings.reading_processes,
            clock=base.clock,
            observer=base.observer,
        )
        await self._processes.open()
        readers = ProcessReaders(
            processes=self._processes,
            replies=self.channel.replies,
            directory=self.channel.directory,
            lists=base.trust.lists,
            scanner=base.foresight.ready,
            told=base.foresight.tell,
            threads=base.threads,
            clock=base.clock,
            observer=base.observer,
            checkpoint=base.checkpoint,
        )
        return self.channel.application(intake, readers)

    def _greeting(self) -> bytes:
        settings = self._base.settings
        spool = f"{settings.store.gateway}/reading" if shared(settings) else "reading"
        return pickle.dumps(
            Greeting(
                settings=settings,
                seos=self.settings,
                papers=self._base.trust.papers,
                spool=spool,
            )
        )

    def parts(self, clock: Clock) -> tuple[Part, ...]:
        """What has to answer for messages to be read and their senders to be known."""
        known = directory_part(self.channel.directory, clock)
        if self._processes is None:
            return (known,)
        return known, readers_part(self._processes)

    async def close(self) -> None:
        """End the processes and close every connection to others."""
        if self._processes is not None:
            await self._processes.close()
        await self.channel.close()

    def clockworks(self) -> tuple[Clockwork, ...]:
        """Return what keeps register and lists fresh."""
        seos = self.settings
        return (
            Clockwork(
                name="register",
                seconds=seos.register_refresh_seconds,
                job=self.channel.directory.refresh,
            ),
            Clockwork(
                name="revocation",
                seconds=seos.trust.revocation_refresh_seconds,
                job=self._lists.refresh,
            ),
        )
