"""Puts the parts of the SEOS channel together, in one place. It does nothing else."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from depesha.adapters.seos.calling import Caller, CallLimits
from depesha.adapters.seos.channel import SeosNotifier
from depesha.adapters.seos.client import SeosClient
from depesha.adapters.seos.outbound import SeosOutbound
from depesha.adapters.seos.reader import SeosReader
from depesha.adapters.seos.reading import Reading, ThreadReaders
from depesha.adapters.seos.register import SeosDirectory, SeosRegister
from depesha.adapters.seos.replies import SeosReplies
from depesha.adapters.seos.server import SeosServer, build_app

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from aiohttp import web

    from depesha.adapters.seos.reading import Readers
    from depesha.adapters.seos.settings import SeosSettings
    from depesha.ports import (
        BlobStore,
        Checkpoint,
        Clock,
        ContentInspector,
        Foresight,
        IdSource,
        Intake,
        Observer,
        SignatureVerifier,
        Signer,
        Threads,
    )
    from depesha.schemas.envelope import Party
    from depesha.schemas.policy import Limits
    from depesha.schemas.verdict import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class SeosTls:
    """Our transport certificate, and whom we believe at the other end of a call. PEM files."""

    certificate: Path
    key: Path
    password: str | None
    authorities: tuple[Path, ...]
    register_authorities: tuple[Path, ...]
    """Empty: the system's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeosEnvironment:
    """What the channel is given by the house."""

    settings: SeosSettings
    own: Party
    tls: SeosTls
    register_copy: Path
    """Where the last good copy of the participants' register is kept."""
    limits: Limits
    blobs: BlobStore
    signer: Signer
    verifier: SignatureVerifier
    inspector: ContentInspector
    peer_sentence: Callable[[Finding], str]
    threads: Threads
    clock: Clock
    ids: IdSource
    observer: Observer
    checkpoint: Checkpoint
    foresight: Foresight | None = None


class SeosChannel:
    """The channel, put together but for the intake, which stands on it in its turn."""

    def __init__(self, environment: SeosEnvironment) -> None:
        e = environment
        self._environment = e
        self._register_caller = Caller(
            tls=_register_context(e), limits=_register_limits(e.settings), plain_http=True
        )
        self._partner_caller = Caller(
            tls=_partner_context(e),
            limits=_partner_limits(e.settings),
            plain_http=e.settings.plain_http,
        )
        register = SeosRegister(
            url=e.settings.register_url, caller=self._register_caller, threads=e.threads
        )
        self.directory = SeosDirectory(
            register=register,
            threads=e.threads,
            clock=e.clock,
            observer=e.observer,
            file=e.register_copy,
            max_deactivated=e.settings.register_max_deactivated,
        )
        self.reader = SeosReader(
            blobs=e.blobs,
            directory=self.directory,
            verifier=e.verifier,
            inspector=e.inspector,
            limits=e.limits,
            checkpoint=e.checkpoint,
            observer=e.observer,
        )
        own: Sequence[Party] = (e.own,)
        self.replies = SeosReplies(
            own=own,
            signer=e.signer,
            threads=e.threads,
            clock=e.clock,
            ids=e.ids,
            peer_sentence=e.peer_sentence,
            algorithm_for=e.settings.algorithm_for,
        )
        self._client = SeosClient(caller=self._partner_caller, threads=e.threads)
        self.notifier = SeosNotifier(
            client=self._client,
            replies=self.replies,
            directory=self.directory,
            verifier=e.verifier,
            own=own,
            threads=e.threads,
            clock=e.clock,
            observer=e.observer,
        )
        self.outbound = SeosOutbound(
            client=self._client,
            register=register,
            directory=self.directory,
            blobs=e.blobs,
            signer=e.signer,
            verifier=e.verifier,
            own=own,
            settings=e.settings,
            threads=e.threads,
            clock=e.clock,
            ids=e.ids,
            observer=e.observer,
        )

    async def start(self) -> None:
        """Take the last good copy of the register from disk and load the service description."""
        await self._environment.threads.run(self.directory.load)
        await self._client.start()

    def application(self, intake: Intake, readers: Readers | None = None) -> web.Application:
        """Return the partners' listener, which hands what it hears to `intake`.

        Without `readers`, bodies are read in the house's threads.
        """
        e = self._environment
        server = SeosServer(
            readers=readers or self._threads(),
            intake=intake,
            blobs=e.blobs,
            threads=e.threads,
            clock=e.clock,
            observer=e.observer,
            checkpoint=e.checkpoint,
            settings=e.settings,
            body_bytes=e.settings.body_bytes or e.limits.message_bytes,
        )
        return build_app(server)

    def _threads(self) -> ThreadReaders:
        e = self._environment
        reading = Reading(
            reader=self.reader, replies=self.replies, blobs=e.blobs, foresight=e.foresight
        )
        return ThreadReaders(reading, e.threads)

    async def close(self) -> None:
        """Close every connection to others."""
        await self._partner_caller.close()
        await self._register_caller.close()


def _own_certificate(e: SeosEnvironment, context: ssl.SSLContext) -> ssl.SSLContext:
    context.load_cert_chain(e.tls.certificate, e.tls.key, e.tls.password)
    return context


def _partner_context(e: SeosEnvironment) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not e.settings.verify_peer_tls:
        # Named in the settings: some peers' certificates carry no name a check could use.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    for authority in e.tls.authorities:
        context.load_verify_locations(authority)
    return _own_certificate(e, context)


def _register_context(e: SeosEnvironment) -> ssl.SSLContext:
    context = ssl.create_default_context()
    for authority in e.tls.register_authorities:
        context.load_verify_locations(authority)
    return _own_certificate(e, context)


def _partner_limits(settings: SeosSettings) -> CallLimits:
    return CallLimits(
        connect_seconds=settings.connect_seconds,
        whole_seconds=settings.notice_seconds,
        answer_bytes=settings.answer_bytes,
    )


def _register_limits(settings: SeosSettings) -> CallLimits:
    return CallLimits(
        connect_seconds=settings.connect_seconds,
        whole_seconds=settings.register_answer_seconds,
        answer_bytes=settings.register_bytes,
    )
