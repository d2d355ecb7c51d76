"""★ The composition root: the only place where parts meet. Reading it tells what is running.

Opening is in order, closing in reverse; what was opened is closed when a later part fails.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo

import aiohttp

from depesha import __version__
from depesha.adapters.clamd import ClamdScanner
from depesha.adapters.contents import Inspector
from depesha.adapters.registry.api import build_app as registry_app
from depesha.adapters.registry.builtin import BuiltinRegistry, NumberTemplate
from depesha.adapters.registry.drafting import Submitter
from depesha.adapters.registry.feed import Bell, RingingObserver
from depesha.adapters.registry.folder import OutboxFolder
from depesha.adapters.registry.routes import Parts as RegistryParts
from depesha.adapters.registry.routes import Sending as RegistrySending
from depesha.adapters.registry.settings import (
    RegistryApiSettings,
    SubmissionLimits,
    WebhookSettings,
)
from depesha.adapters.registry.tokens import TokenStore
from depesha.adapters.registry.webhooks import WebhookSender
from depesha.adapters.revocation import HttpListFetcher, RevocationRefresher
from depesha.adapters.seos.assembly import SeosChannel, SeosEnvironment
from depesha.adapters.system import (
    NoCheckpoint,
    SystemClock,
    SystemIds,
    SystemJitter,
    WorkerThreads,
)
from depesha.app import policy as values
from depesha.app.departing import Departing, House
from depesha.app.listeners import Listeners
from depesha.app.networks import Networks, check_names, peer_sentence
from depesha.app.profiles import Profiles
from depesha.app.trust import load_trust
from depesha.config import secret
from depesha.gateway.checks.chain import Chain
from depesha.gateway.desk import RegistryDesk
from depesha.gateway.explain import as_text, explain
from depesha.gateway.inbound import Inbound
from depesha.gateway.labour import KINDS, Labour
from depesha.gateway.service import Clockwork, Lane, Service
from depesha.gateway.tasks import EVENTS, FollowUps
from depesha.monitoring.health import (
    Health,
    directory_part,
    disk_part,
    scanner_part,
    store_part,
)
from depesha.monitoring.log import configure
from depesha.monitoring.metrics import Metrics
from depesha.monitoring.observer import LiveObserver
from depesha.monitoring.server import Operators
from depesha.queue.opening import open_memory
from depesha.schemas import outbound_sentences, sentences
from depesha.schemas.outbound import SignalKind
from depesha.schemas.outbound_events import DISPATCH_EVENTS
from depesha.schemas.sentences import sentence

if TYPE_CHECKING:
    from depesha.adapters.seos.settings import SeosSettings
    from depesha.app.trust import Trust
    from depesha.config import Settings
    from depesha.ports import Checkpoint, Clock
    from depesha.queue.opening import Memory

WORKERS = 8
"""Tasks done side by side: they mostly wait for others."""
SHRED_SECONDS = 3600.0
REGISTER_SECONDS = 5.0
"""How long the first answer of a participants' register is waited for at start."""
ALL_EVENTS = frozenset(
    (*EVENTS.values(), *DISPATCH_EVENTS.values(), *(str(kind) for kind in SignalKind))
)
"""What a webhook hears that names no events."""
SWEEP_SECONDS = 24 * 3600.0


class Gateway:
    """One running gateway. `async with Gateway(settings) as gateway: await gateway.run(stop)`."""

    def __init__(
        self,
        settings: Settings,
        checkpoint: Checkpoint | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._checkpoint = checkpoint or NoCheckpoint()
        self._stack = AsyncExitStack()
        self._clock = clock or SystemClock()
        self._ids = SystemIds(self._clock)
        self._jitter = SystemJitter()
        self._bell = Bell()
        self._metrics = Metrics(__version__)
        self._logger = configure(sys.stderr, settings.log.level, settings.log.format)
        self._observer = RingingObserver(LiveObserver(self._logger, self._metrics), self._bell)

    async def __aenter__(self) -> Self:
        """Open everything but the listeners; raises `DepeshaError` with nothing left open."""
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close in reverse order."""
        await self._stack.aclose()

    async def _open(self) -> None:
        settings = self._settings
        check_names(settings)
        seos = values.seos_settings(settings)
        self._threads = WorkerThreads(settings.threads.size)
        self._stack.push_async_callback(self._threads.close)
        trust = await self._threads.run(load_trust, settings, seos)
        self._memory = await open_memory(
            settings.store.folder,
            clock=self._clock,
            ids=self._ids,
            seal_key=trust.seal_key,
            observer=self._observer,
            checkpoint=self._checkpoint,
        )
        self._stack.push_async_callback(self._memory.close)
        self._session = aiohttp.ClientSession()
        self._stack.push_async_callback(self._session.close)
        self._scanner = ClamdScanner(settings.scanner.addresses, clock=self._clock)
        self._inspector = Inspector(limits=values.limits(settings))
        self._channel = self._seos(seos, trust, self._memory)
        self._networks = await self._threads.run(self._all_networks, trust)
        self._stack.push_async_callback(self._networks.close)
        await self._networks.start()
        self._refresher = self._revocation(seos, trust)
        await self._refresher.refresh()
        self._rooms(seos, trust)
        await self._departing.load()
        await self._threads.run(_read_words)

    def _seos(self, seos: SeosSettings, trust: Trust, memory: Memory) -> SeosChannel:
        settings = self._settings
        limits = values.limits(settings)
        return SeosChannel(
            SeosEnvironment(
                settings=seos,
                own=values.own_party(settings),
                tls=trust.tls,
                register_copy=settings.store.folder / "seos-register.json",
                limits=limits,
                blobs=memory.blobs,
                signer=trust.signer,
                verifier=trust.verifier,
                inspector=self._inspector,
                peer_sentence=peer_sentence,
                threads=self._threads,
                clock=self._clock,
                ids=self._ids,
                observer=self._observer,
                checkpoint=self._checkpoint,
            )
        )

    def _all_networks(self, trust: Trust) -> Networks:
        return Networks(
            settings=self._settings,
            seos=self._channel,
            trust=trust,
            memory=self._memory,
            inspector=self._inspector,
            threads=self._threads,
            clock=self._clock,
            ids=self._ids,
            observer=self._observer,
            checkpoint=self._checkpoint,
        )

    def _revocation(self, seos: SeosSettings, trust: Trust) -> RevocationRefresher:
        sources = [
            name if name.startswith(("http://", "https://")) else str(self._settings.path(name))
            for name in seos.trust.revocation_lists
        ]
        return RevocationRefresher(
            sources=sources,
            lists=trust.lists,
            fetch=HttpListFetcher(self._session),
            clock=self._clock,
            threads=self._threads,
            observer=self._observer,
            every=timedelta(seconds=seos.trust.revocation_refresh_seconds),
        )

    def _rooms(self, seos: SeosSettings, trust: Trust) -> None:
        """The decisions, between the memory and the edges."""
        settings, memory = self._settings, self._memory
        webhooks = self._webhooks()
        numbers = self._numbers()
        follow_ups = FollowUps(webhooks=webhooks, builtin_registry=numbers is not None)
        chain = Chain(
            directories=self._networks.directories,
            store=memory.store,
            blobs=memory.blobs,
            scanner=self._scanner,
            clock=self._clock,
            observer=self._observer,
            policy=values.policy(settings, strict=seos.strict),
        )
        self._departing = Departing(
            House(
                settings=settings,
                networks=self._networks,
                memory=memory,
                scanner=self._scanner,
                signer=trust.signer,
                webhooks=webhooks,
                threads=self._threads,
                clock=self._clock,
                ids=self._ids,
                jitter=self._jitter,
                observer=self._observer,
                checkpoint=self._checkpoint,
            )
        )
        self._submitter = self._make_submitter()
        self._inbound = Inbound(
            chain=chain,
            store=memory.store,
            journal=memory.journal,
            follow_ups=follow_ups,
            hearing=self._departing.hearing,
            clock=self._clock,
            ids=self._ids,
            observer=self._observer,
            checkpoint=self._checkpoint,
        )
        self._desk = RegistryDesk(
            store=memory.store,
            journal=memory.journal,
            blobs=memory.blobs,
            extractors=self._networks.extractors,
            follow_ups=follow_ups,
            clock=self._clock,
            threads=self._threads,
            observer=self._observer,
            checkpoint=self._checkpoint,
        )
        labour = Labour(
            chain=chain,
            store=memory.store,
            tasks=memory.tasks,
            blobs=memory.blobs,
            quarantine=memory.quarantine,
            desk=self._desk,
            notifiers=self._networks.notifiers,
            extractors=self._networks.extractors,
            webhooks=webhooks,
            numbers=numbers,
            follow_ups=follow_ups,
            notice_schedule=values.notice_schedule(settings),
            quarantine_for=timedelta(days=settings.quarantine.days),
            clock=self._clock,
            ids=self._ids,
            jitter=self._jitter,
            threads=self._threads,
            observer=self._observer,
            checkpoint=self._checkpoint,
        )
        self._service = Service(
            lanes=(
                Lane(name="labour", kinds=KINDS, do=labour.do, workers=WORKERS),
                *self._departing.lanes(),
            ),
            tasks=memory.tasks,
            clockworks=self._clockworks(seos),
            clock=self._clock,
            jitter=self._jitter,
            observer=self._observer,
        )

    def _clockworks(self, seos: SeosSettings) -> tuple[Clockwork, ...]:
        refresh = seos.register_refresh_seconds
        outbound = self._settings.outbound
        folder = self._outbox_folder()
        return (
            Clockwork(name="register", seconds=refresh, job=self._channel.directory.refresh),
            Clockwork(
                name="revocation",
                seconds=seos.trust.revocation_refresh_seconds,
                job=self._refresher.refresh,
            ),
            Clockwork(name="seal", seconds=self._settings.seal.every_seconds, job=self._seal),
            Clockwork(name="shred", seconds=SHRED_SECONDS, job=self._shred),
            Clockwork(name="sweep", seconds=SWEEP_SECONDS, job=self._memory.sweeper.sweep),
            *self._networks.clockworks(self._inbound, self._session),
            *(
                ()
                if folder is None
                else (Clockwork(name="outbox", seconds=outbound.folder_seconds, job=folder.look),)
            ),
        )

    def _make_submitter(self) -> Submitter:
        return Submitter(
            outbox=self._departing.desk,
            own=values.own_party(self._settings),
            directories=tuple(self._networks.directories.values()),
            blobs=self._memory.blobs,
            inspector=self._inspector,
            threads=self._threads,
            clock=self._clock,
            limits=SubmissionLimits(),
        )

    def _outbox_folder(self) -> OutboxFolder | None:
        folder = self._settings.outbound.folder
        if folder is None:
            return None
        folder.mkdir(parents=True, exist_ok=True)
        return OutboxFolder(
            folder,
            submitter=self._submitter,
            threads=self._threads,
            clock=self._clock,
            observer=self._observer,
            language=self._settings.signals.language,
        )

    async def _seal(self) -> None:
        await self._memory.journal.seal()

    async def _shred(self) -> None:
        now = self._clock.now()
        await self._threads.run(self._memory.quarantine.shred, now)

    def _webhooks(self) -> WebhookSender:
        listeners = [
            WebhookSettings(
                name=f"webhook{number}",
                url=hook.url,
                secret=secret(env=hook.secret_env, file=hook.secret_file) or "",
                events=frozenset(hook.events) or ALL_EVENTS,
                plain_http=hook.plain_http,
            )
            for number, hook in enumerate(self._settings.registry.webhooks, start=1)
        ]
        return WebhookSender(
            session=self._session, listeners=listeners, clock=self._clock, observer=self._observer
        )

    def _numbers(self) -> BuiltinRegistry | None:
        registry = self._settings.registry
        if registry.kind != "builtin":
            return None
        template = NumberTemplate(
            text=registry.template, index=registry.index, zone=ZoneInfo(registry.zone)
        )
        path = self._settings.store.folder / "numbers.log"
        numbers = BuiltinRegistry(path, template, self._clock)
        self._stack.callback(numbers.close)
        return numbers

    async def run(self, stop: asyncio.Event) -> None:
        """Open the listeners, work until `stop` is set, then finish what is in hand."""
        settings = self._settings
        listeners = Listeners(settings)
        health = self._health()
        tokens = TokenStore(settings.registry.tokens, self._clock, self._ids)
        await self._threads.run(tokens.reload)
        own_tls = listeners.own_tls
        listen = settings.listen
        await self._know_participants()
        try:
            await listeners.open(
                self._operators(health),
                listen.operators,
                own_tls() if listen.operators_tls else None,
            )
            await listeners.open(
                self._registry(tokens),
                listen.registry,
                own_tls() if listen.registry_tls else None,
            )
            await listeners.open(
                self._channel.application(self._inbound), listen.partners, listeners.partners_tls()
            )
            self._logger.info("gateway is open", version=__version__)
            await self._service.run(stop)
        finally:
            health.stop()
            await listeners.close()

    async def _know_participants(self) -> None:
        """Ask the register before the doors open, for a listener without participants holds all.

        Not for long: it may hang, and with the last good copy, or with nothing, work can begin. The
        clockwork asks on.
        """
        try:
            async with asyncio.timeout(REGISTER_SECONDS):
                await self._channel.directory.refresh()
        except TimeoutError:
            self._observer.trouble("register", "TIME")

    def _registry(self, tokens: TokenStore) -> aiohttp.web.Application:
        return registry_app(
            RegistryParts(
                desk=self._desk,
                journal=self._memory.journal,
                tasks=self._memory.tasks,
                directory=self._channel.directory,
                blobs=self._memory.blobs,
                tokens=tokens,
                ids=self._ids,
                clock=self._clock,
                threads=self._threads,
                observer=self._observer,
                bell=self._bell,
                sentence=lambda finding, language: sentence(finding, language, "clerk"),
                settings=RegistryApiSettings(),
                sending=RegistrySending(
                    outbox=self._departing.desk,
                    submitter=self._submitter,
                    explained=explain,
                    as_text=as_text,
                    profile=self._profiles().of,
                ),
            ),
            version=__version__,
        )

    def _profiles(self) -> Profiles:
        return Profiles(
            own=values.own_party(self._settings),
            phone=self._settings.participant.phone,
            email=self._settings.participant.email,
            channels=self._networks.outbound,
            register=self._channel.directory,
            breakers=self._departing.breakers,
            clock=self._clock,
        )

    def _health(self) -> Health:
        return Health(
            (
                scanner_part(self._scanner),
                store_part(self._memory.store),
                disk_part(self._settings.store.folder, self._threads),
                directory_part(self._channel.directory, self._clock),
            ),
            self._clock,
        )

    def _operators(self, health: Health) -> aiohttp.web.Application:
        return Operators(
            health=health,
            metrics=self._metrics,
            store=self._memory.store,
            directory=self._channel.directory,
            clock=self._clock,
            threads=self._threads,
        ).application()


def _read_words() -> None:
    """Before anybody waits for a sentence: it takes a tenth of a second for each catalogue."""
    sentences.load()
    outbound_sentences.load()
