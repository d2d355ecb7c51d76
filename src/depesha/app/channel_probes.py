"""The doctor's look at the networks by which documents leave: does each of them answer now.

Each channel is built as in a running gateway, but over doubles in a scratch folder: nothing is
sent, received or kept.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from depesha.adapters.contents import Inspector
from depesha.adapters.doctor import Diagnosis
from depesha.adapters.email.assembly import MailChannel, MailEnvironment
from depesha.adapters.email.settings import EmailSettings
from depesha.adapters.isds.assembly import IsdsChannel, IsdsEnvironment
from depesha.adapters.isds.settings import IsdsSettings
from depesha.adapters.keys import load_key_pair
from depesha.adapters.memory.blobs import MemoryBlobs
from depesha.adapters.memory.journal import MemoryJournal
from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.memory.state import MemoryState
from depesha.adapters.memory.store import MemoryStore
from depesha.adapters.ssev.assembly import SsevChannel, SsevEnvironment, SsevKeys
from depesha.adapters.ssev.settings import SsevSettings
from depesha.adapters.system import NoCheckpoint, SystemIds, SystemJitter
from depesha.app import policy as values
from depesha.app.networks import table
from depesha.app.sentences import czech_sentence, peer_sentence
from depesha.app.trust import password
from depesha.errors import DepeshaError
from depesha.schemas.journal import SealKey

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from depesha.adapters.doctor import Probe
    from depesha.config import Settings
    from depesha.ports import Clock, OutboundChannel, Threads

    Channel = SsevChannel | IsdsChannel | MailChannel


class ChannelProbes:
    """Makes one probe for each network that is set up beside SEOS."""

    def __init__(self, settings: Settings, threads: Threads, scratch: Path, clock: Clock) -> None:
        self._settings = settings
        self._threads = threads
        self._clock = clock
        self._scratch = scratch

    def probes(self) -> list[tuple[str, Probe]]:
        """Return them by the name of their line."""
        return [
            (name, partial(self._look, name, build))
            for name, build in (
                ("ssev", self._ssev),
                ("isds", self._isds),
                ("email", self._mail),
            )
            if name in self._settings.networks
        ]

    async def _look(self, name: str, build: Callable[[], Channel]) -> Diagnosis:
        """Build the channel, ask it once, and take it down again."""
        channel = await self._threads.run(build)
        try:
            outbound: OutboundChannel = channel.outbound
            words = await outbound.ping()
        except DepeshaError as error:
            # Documents take the next network meanwhile; so this one is no reason to stop.
            return Diagnosis(
                name=name, state="warn", sentence=error.public, remedy="other networks are used"
            )
        finally:
            await channel.close()
        return Diagnosis(name=name, state="ok", sentence=words)

    def _ssev(self) -> SsevChannel:
        settings, keys = self._settings, self._settings.keys
        ssev = table(settings, "ssev", SsevSettings)
        if ssev is None:
            raise ValueError("a network that is not set up is looked at")
        pair = load_key_pair(keys.key, keys.certificate, password_variable=keys.key_password_env)
        return SsevChannel(
            SsevEnvironment(
                settings=ssev,
                own=values.own_party(settings),
                keys=SsevKeys(
                    certificate=keys.certificate,
                    key=keys.key,
                    password=password(settings),
                    signing=pair,
                ),
                path=settings.path,
                folder=self._scratch,
                limits=values.limits(settings),
                blobs=MemoryBlobs(self._scratch, self._clock),
                store=MemoryStore(MemoryState(), self._clock),
                inspector=Inspector(limits=values.limits(settings)),
                peer_sentence=peer_sentence,
                parked=_nobody,
                restored=_never,
                threads=self._threads,
                clock=self._clock,
                ids=SystemIds(self._clock),
                observer=RecordingObserver(),
                checkpoint=NoCheckpoint(),
            )
        )

    def _isds(self) -> IsdsChannel:
        settings = self._settings
        isds = table(settings, "isds", IsdsSettings)
        if isds is None:
            raise ValueError("a network that is not set up is looked at")
        state = MemoryState()
        return IsdsChannel(
            IsdsEnvironment(
                settings=isds,
                own=values.own_party(settings),
                path=settings.path,
                folder=self._scratch,
                limits=values.limits(settings),
                blobs=MemoryBlobs(self._scratch, self._clock),
                store=MemoryStore(state, self._clock),
                journal=MemoryJournal(state, self._clock, SealKey(bytes(32))),
                inspector=Inspector(limits=values.limits(settings)),
                peer_sentence=czech_sentence,
                parked=_nobody,
                restored=_never,
                threads=self._threads,
                clock=self._clock,
                ids=SystemIds(self._clock),
                jitter=SystemJitter(),
                observer=RecordingObserver(),
                checkpoint=NoCheckpoint(),
            )
        )

    def _mail(self) -> MailChannel:
        settings = self._settings
        mail = table(settings, "email", EmailSettings)
        if mail is None:
            raise ValueError("a network that is not set up is looked at")
        return MailChannel(
            MailEnvironment(
                settings=mail,
                own=values.own_party(settings),
                resolve=settings.path,
                secret=lambda variable: os.environ.get(variable, ""),
                place=self._scratch / "places.json",
                limits=values.limits(settings),
                blobs=MemoryBlobs(self._scratch, self._clock),
                inspector=Inspector(limits=values.limits(settings)),
                messages=MemoryStore(MemoryState(), self._clock),
                register=None,
                operators=settings.signals.addresses,
                operators_language=settings.signals.language,
                threads=self._threads,
                clock=self._clock,
                ids=SystemIds(self._clock),
                observer=RecordingObserver(),
            )
        )


async def _never() -> None:
    """Nobody is told anything, so nothing is asked about either."""


async def _nobody(_name: str, _reason: str) -> None:
    """Nothing is received, so nothing is put by."""
