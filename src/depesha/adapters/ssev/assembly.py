"""Puts the parts of the SSEV channel together, in one place. It does nothing else."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from depesha.adapters.keys import load_key_pair
from depesha.adapters.ssev.answering import SsevAnswers
from depesha.adapters.ssev.calling import Carrier, CarrierLimits
from depesha.adapters.ssev.directory import SsevDirectory
from depesha.adapters.ssev.extracting import SsevExtractor
from depesha.adapters.ssev.ledger import LedgerFile
from depesha.adapters.ssev.network import SsevNetwork
from depesha.adapters.ssev.notifying import SsevNotifier
from depesha.adapters.ssev.opening import Opener
from depesha.adapters.ssev.outbound import SsevOutbound
from depesha.adapters.ssev.proofs import SentStates
from depesha.adapters.ssev.receiving import SsevReceiver
from depesha.adapters.ssev.rest_client import SsevRestClient
from depesha.adapters.ssev.soap_client import SsevSoapClient
from depesha.adapters.ssev.soap_security import TimestampSigner
from depesha.adapters.ssev.tokens import TokenKeeper
from depesha.adapters.ssev.watching import OutboxWatch
from depesha.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from depesha.adapters.signing import SigningIdentity
    from depesha.adapters.ssev.receiving import Parked
    from depesha.adapters.ssev.settings import SsevRestSettings, SsevSettings, SsevSoapSettings
    from depesha.ports import (
        BlobStore,
        Checkpoint,
        Clock,
        ContentInspector,
        IdSource,
        MessageStore,
        Observer,
        Restored,
        Threads,
    )
    from depesha.schemas.envelope import Party
    from depesha.schemas.policy import Limits
    from depesha.schemas.verdict import Finding

LEDGER: Final = "ssev-receiver.json"
ANSWERS: Final = "ssev-answers.json"
PROFILES: Final = "ssev-profiles.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SsevKeys:
    """The gateway's own keys, taken where the settings name none of SSEV's own."""

    certificate: Path
    """PEM files, for mutual TLS."""
    key: Path
    password: str | None = field(repr=False)
    signing: SigningIdentity
    """For WS-Security; its certificate's thumbprint is registered with SSEV."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SsevEnvironment:
    """What the channel is given by the house."""

    settings: SsevSettings
    own: Party
    keys: SsevKeys
    path: Callable[[str], Path]
    """Where a file named in the settings lies."""
    folder: Path
    """Where the channel keeps its three state files: the store's own folder."""
    limits: Limits
    blobs: BlobStore
    store: MessageStore
    inspector: ContentInspector
    peer_sentence: Callable[[Finding], str]
    parked: Parked
    """Told of every message in SSEV's inbox that is put by, with its name and a bounded reason."""
    restored: Restored
    threads: Threads
    clock: Clock
    ids: IdSource
    observer: Observer
    checkpoint: Checkpoint


class SsevChannel:
    """The channel, put together. The intake is given to each poll."""

    def __init__(self, environment: SsevEnvironment) -> None:
        """Load the keys that the settings name; raises `ConfigurationError`. Blocking."""
        e = environment
        settings = e.settings
        self._environment = e
        self._net = SsevNetwork(
            soap=None if settings.soap is None else _soap(e, settings.soap),
            rest=None if settings.rest is None else _rest(e, settings.rest),
            settings=settings,
        )
        states = SentStates(
            net=self._net,
            blobs=e.blobs,
            threads=e.threads,
            observer=e.observer,
            seconds=settings.lookup_seconds,
        )
        self.outbound = SsevOutbound(
            net=self._net,
            states=states,
            blobs=e.blobs,
            settings=settings,
            threads=e.threads,
            clock=e.clock,
            ids=e.ids,
            observer=e.observer,
        )
        self.directory = SsevDirectory(
            net=self._net,
            environment=settings.environment,
            file=e.folder / PROFILES,
            threads=e.threads,
            clock=e.clock,
            observer=e.observer,
        )
        self.extractor = SsevExtractor(
            blobs=e.blobs, inspector=e.inspector, limits=e.limits, own=e.own
        )
        self._answers = SsevAnswers(
            net=self._net,
            file=e.folder / ANSWERS,
            threads=e.threads,
            clock=e.clock,
            observer=e.observer,
            restored=e.restored,
            absence_seconds=settings.absence_seconds,
        )
        self.notifier = SsevNotifier(
            answers=self._answers,
            store=e.store,
            blobs=e.blobs,
            peer_sentence=e.peer_sentence,
            threads=e.threads,
            observer=e.observer,
        )
        self._ledger = LedgerFile(file=e.folder / LEDGER, threads=e.threads, clock=e.clock)
        self.receiver = self._receiver(states)

    def _receiver(self, states: SentStates) -> SsevReceiver:
        e = self._environment
        return SsevReceiver(
            net=self._net,
            opener=Opener(
                net=self._net,
                blobs=e.blobs,
                threads=e.threads,
                environment=e.settings.environment,
            ),
            extractor=self.extractor,
            answers=self._answers,
            watch=OutboxWatch(
                net=self._net,
                states=states,
                ledger=self._ledger,
                blobs=e.blobs,
                settings=e.settings,
                threads=e.threads,
                clock=e.clock,
                observer=e.observer,
            ),
            directory=self.directory,
            ledger=self._ledger,
            blobs=e.blobs,
            settings=e.settings,
            peer_sentence=e.peer_sentence,
            parked=e.parked,
            threads=e.threads,
            clock=e.clock,
            observer=e.observer,
            checkpoint=e.checkpoint,
        )

    async def start(self) -> None:
        """Read the state files; raises `StorageError` for a damaged one, and asks nobody.

        Safe to repeat: a gateway that takes this network over from another one reads them anew.
        """
        e = self._environment
        await e.threads.run(self.directory.load)
        await e.threads.run(self._answers.load)
        self._ledger.forget()
        await self._ledger.open()

    async def close(self) -> None:
        """Close every connection."""
        await self._net.close()


def _soap(e: SsevEnvironment, settings: SsevSoapSettings) -> SsevSoapClient:
    identity = e.keys.signing
    if settings.signing_key and settings.signing_certificate:
        identity = load_key_pair(e.path(settings.signing_key), e.path(settings.signing_certificate))
    limits = CarrierLimits(
        connect_seconds=settings.connect_seconds, whole_seconds=settings.answer_seconds
    )
    return SsevSoapClient(
        settings=settings,
        carrier=Carrier(tls=_trusting(e, settings.authorities), limits=limits),
        signer=TimestampSigner(
            identity,
            algorithm=settings.algorithm,
            life=timedelta(seconds=settings.timestamp_seconds),
        ),
        clock=e.clock,
        ids=e.ids,
        threads=e.threads,
        lookup_pages=e.settings.lookup_pages,
    )


def _rest(e: SsevEnvironment, settings: SsevRestSettings) -> SsevRestClient:
    limits = CarrierLimits(
        connect_seconds=settings.connect_seconds, whole_seconds=settings.answer_seconds
    )
    gateway = Carrier(tls=_showing(e, settings), limits=limits)
    return SsevRestClient(
        settings=settings,
        gateway=gateway,
        blobs=Carrier(tls=_trusting(e, settings.authorities), limits=limits),
        tokens=TokenKeeper(settings=settings, carrier=gateway, clock=e.clock),
        clock=e.clock,
        ids=e.ids,
        threads=e.threads,
        lookup_pages=e.settings.lookup_pages,
    )


def _trusting(e: SsevEnvironment, authorities: tuple[str, ...]) -> ssl.SSLContext:
    """Trust the named authorities alone, or the system's where none is named."""
    try:
        if not authorities:
            return ssl.create_default_context()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        for name in authorities:
            context.load_verify_locations(e.path(name))
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError("an authority for SSEV cannot be read") from error
    return context


def _showing(e: SsevEnvironment, settings: SsevRestSettings) -> ssl.SSLContext:
    """Show our client certificate (facts 2.2): SSEV's own one, or the gateway's."""
    context = _trusting(e, settings.authorities)
    certificate, key, password = e.keys.certificate, e.keys.key, e.keys.password
    if settings.client_certificate and settings.client_key:
        certificate, key = e.path(settings.client_certificate), e.path(settings.client_key)
        variable = settings.client_key_password_env
        password = os.environ.get(variable) if variable else None
    try:
        context.load_cert_chain(certificate, key, password)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError("the client certificate for SSEV cannot be used") from error
    return context
