"""★ The composition root: the only place where parts meet. Reading it tells what is running.

Opening is in order, closing in reverse; what was opened is closed when a later part fails.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Self

import aiohttp

from depesha import __version__
from depesha.adapters.clamd import ClamdScanner
from depesha.adapters.contents import Inspector
from depesha.adapters.foresight import ClamdForesight
from depesha.adapters.registry.feed import Bell, RingingObserver
from depesha.adapters.seos.settings import SeosSettings, TrustSettings
from depesha.adapters.system import (
    NoCheckpoint,
    SystemClock,
    SystemIds,
    SystemJitter,
    WorkerThreads,
)
from depesha.app import policy as values
from depesha.app import registry
from depesha.app.base import Base
from depesha.app.departing import Departing
from depesha.app.holding import Holding
from depesha.app.leading import HOUSE, NETWORKS, Leading, alone
from depesha.app.listeners import Listeners
from depesha.app.memory import check_shared, open_store, shared, sockets_of
from depesha.app.networks import Networks, check_names, table
from depesha.app.operators import OperatorsSide
from depesha.app.orders import open_door
from depesha.app.reconciling import Reconciling
from depesha.app.registry import RegistrySide
from depesha.app.retaining import Retaining
from depesha.app.trust import load_trust
from depesha.app.watching import Watching
from depesha.gateway.checks.chain import Chain
from depesha.gateway.desk import RegistryDesk
from depesha.gateway.inbound import Inbound
from depesha.gateway.labour import KINDS, Labour
from depesha.gateway.service import Clockwork, Lane, Service
from depesha.gateway.tasks import FollowUps
from depesha.monitoring.health import (
    Health,
    disk_part,
    scanner_part,
    store_part,
)
from depesha.monitoring.log import configure
from depesha.monitoring.metrics import Metrics
from depesha.monitoring.observer import LiveObserver
from depesha.monitoring.usage import WatchedScanner
from depesha.schemas import outbound_sentences, sentences

if TYPE_CHECKING:
    from depesha.adapters.registry.webhooks import WebhookSender
    from depesha.config import Settings
    from depesha.errors import StorageError
    from depesha.ports import Checkpoint, Clock, Numbers

WORKERS = 8
"""Tasks done side by side: they mostly wait for others."""
SHRED_SECONDS = 3600.0
SWEEP_SECONDS = 24 * 3600.0
RETENTION_SECONDS = 3600.0
FILING_SECONDS = 2.0
"""The words of a new document are filed so much later at most; a search files them at once."""


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
        self._bell = Bell()
        self._metrics = Metrics(__version__)
        self._logger = configure(sys.stderr, settings.log.level, settings.log.format)
        self._observer = RingingObserver(LiveObserver(self._logger, self._metrics), self._bell)

    @property
    def waits_for_store(self) -> bool:
        """Tell whether the store is a server, which may be away for a while and come back."""
        return shared(self._settings)

    def report(self, error: StorageError) -> None:
        """Write down that a start had to wait for the store."""
        self._observer.trouble("store.start", error.code)

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
        check_shared(settings)
        self._base = base = await self._ground(table(settings, "seos", SeosSettings))
        self._networks = await base.threads.run(Networks, base)
        self._stack.push_async_callback(self._networks.close)
        await self._networks.start()
        self._spokesman = Leading(
            NETWORKS,
            base.memory.leaders,
            base.clock,
            self._networks.start if shared(settings) else None,
        )
        hooks, numbers = registry.webhooks(base), registry.numbers(base)
        if numbers is not None:
            self._stack.callback(numbers.close)
        self._departing = Departing(base, self._networks, hooks)
        self._rooms(hooks, numbers)
        self._registry = RegistrySide(base, self._networks, self._departing, self._desk)
        self._operators = OperatorsSide(
            base,
            self._networks,
            self._departing,
            self._desk,
            self._registry.tokens,
            self._watching.surroundings.now,
        )
        await self._departing.load()
        reconciling = Reconciling(settings, base.memory, base.clock, self._departing.doubts)
        await reconciling.load()
        self._retaining = Retaining(settings, base.memory, base.clock)
        doers = {
            "reconcile": reconciling.do,
            "retention": self._retaining.do,
            "hold": Holding(base.memory, base.clock).do,
        }
        sockets = sockets_of(settings)
        sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._stack.enter_async_context(open_door(doers, sockets))
        await self._registry.load()
        await self._operators.load()
        await self._stack.enter_async_context(self._operators.door())
        await base.threads.run(_read_words)

    async def _ground(self, seos: SeosSettings | None) -> Base:
        """Open what everything stands on: threads, keys, memory."""
        settings = self._settings
        threads = WorkerThreads(settings.threads.size)
        self._stack.push_async_callback(threads.close)
        rules = TrustSettings() if seos is None else seos.trust
        trust = await threads.run(load_trust, settings, rules)
        memory = await open_store(
            settings,
            clock=self._clock,
            ids=self._ids,
            seal_key=trust.seal_key,
            observer=self._observer,
            checkpoint=self._checkpoint,
        )
        self._stack.push_async_callback(memory.close)
        session = aiohttp.ClientSession()
        self._stack.push_async_callback(session.close)
        scanner = ClamdScanner(settings.scanner.addresses, clock=self._clock)
        watched = WatchedScanner(scanner, self._metrics, self._clock)
        self._watching = Watching(
            settings,
            metrics=self._metrics,
            memory=memory,
            scanner=scanner,
            threads=threads,
            clock=self._clock,
            observer=self._observer,
        )
        self._stack.push_async_callback(self._watching.standing.close)
        return Base(
            settings=settings,
            clock=self._clock,
            ids=self._ids,
            jitter=SystemJitter(),
            threads=threads,
            observer=self._observer,
            checkpoint=self._checkpoint,
            trust=trust,
            memory=memory,
            session=session,
            scanner=watched,
            inspector=Inspector(limits=values.limits(settings)),
            foresight=ClamdForesight(scanner, self._clock, told=watched.told),
        )

    def _rooms(self, hooks: WebhookSender, numbers: Numbers | None) -> None:
        """The decisions of the way in, between the memory and the edges."""
        base, memory, networks = self._base, self._base.memory, self._networks
        follow_ups = FollowUps(webhooks=hooks, builtin_registry=numbers is not None)
        seos = networks.seos
        chain = Chain(
            directories=networks.directories,
            store=memory.store,
            blobs=memory.blobs,
            scanner=base.scanner,
            clock=base.clock,
            observer=base.observer,
            policy=values.policy(base.settings, strict=seos is not None and seos.settings.strict),
        )
        self._inbound = Inbound(
            chain=chain,
            store=memory.store,
            journal=memory.journal,
            follow_ups=follow_ups,
            hearing=self._departing.hearing,
            clock=base.clock,
            ids=base.ids,
            observer=base.observer,
            checkpoint=base.checkpoint,
            doubts=self._departing.doubts,
        )
        self._desk = RegistryDesk(
            store=memory.store,
            journal=memory.journal,
            blobs=memory.blobs,
            extractors=networks.extractors,
            follow_ups=follow_ups,
            clock=base.clock,
            threads=base.threads,
            observer=base.observer,
            checkpoint=base.checkpoint,
        )
        self._labour = Labour(
            chain=chain,
            store=memory.store,
            journal=memory.journal,
            tasks=memory.tasks,
            blobs=memory.blobs,
            quarantine=memory.quarantine,
            desk=self._desk,
            notifiers=networks.notifiers,
            extractors=networks.extractors,
            webhooks=hooks,
            numbers=numbers,
            follow_ups=follow_ups,
            notice_schedule=values.notice_schedule(base.settings),
            quarantine_for=timedelta(days=base.settings.quarantine.days),
            clock=base.clock,
            ids=base.ids,
            jitter=base.jitter,
            threads=base.threads,
            observer=base.observer,
            checkpoint=base.checkpoint,
            doubts=self._departing.doubts,
        )

    def _service(self) -> Service:
        """The hands and the clockwork; where gateways share a store, some of it is one's alone."""
        base = self._base
        lanes = (
            Lane(name="labour", kinds=KINDS, do=self._labour.do, workers=WORKERS),
            *self._departing.lanes(),
        )
        gated = shared(self._settings) and self._networks.kept_in_files
        return Service(
            lanes=alone(lanes, self._spokesman) if gated else lanes,
            tasks=base.memory.tasks,
            clockworks=(
                *alone(self._housework(), Leading(HOUSE, base.memory.leaders, base.clock)),
                *self._networks.clockworks(self._inbound, self._departing.pauses, self._spokesman),
                *self._watching.clockworks(),
            ),
            clock=base.clock,
            jitter=base.jitter,
            observer=base.observer,
        )

    def _housework(self) -> tuple[Clockwork, ...]:
        """What is done for the store as a whole."""
        base, memory = self._base, self._base.memory
        seal = base.settings.seal.every_seconds
        return (
            Clockwork(name="seal", seconds=seal, job=memory.journal.seal),
            Clockwork(name="shred", seconds=SHRED_SECONDS, job=self._shred),
            Clockwork(name="filing", seconds=FILING_SECONDS, job=memory.overview.catch_up),
            Clockwork(name="sweep", seconds=SWEEP_SECONDS, job=memory.sweeper.sweep),
            Clockwork(name="retention", seconds=RETENTION_SECONDS, job=self._retaining.tick),
            *self._registry.clockworks(),
            *self._operators.clockworks(),
        )

    async def _shred(self) -> None:
        base = self._base
        await base.threads.run(base.memory.quarantine.shred, base.clock.now())

    async def run(self, stop: asyncio.Event) -> None:
        """Open the listeners, work until `stop` is set, then finish what is in hand."""
        listeners, listen = Listeners(self._settings), self._settings.listen
        service = self._service()
        self._watching.serves(service)
        own_tls = listeners.own_tls
        seos = self._networks.seos
        if seos is not None:
            door, _ = await asyncio.gather(
                seos.application(self._inbound), seos.know_participants()
            )
        health = self._health()
        try:
            await listeners.open(
                self._operators.application(health, self._metrics, self._watching.standing),
                listen.operators,
                own_tls() if listen.operators_tls else None,
            )
            await listeners.open(
                self._registry.application(self._bell),
                listen.registry,
                own_tls() if listen.registry_tls else None,
            )
            if seos is not None:
                most = listen.partners_connections
                await listeners.open(door, listen.partners, listeners.partners_tls(), most)
            self._logger.info("gateway is open", version=__version__)
            await service.run(stop)
        finally:
            self._operators.stop()
            health.stop()
            await listeners.close()

    def _health(self) -> Health:
        base, seos = self._base, self._networks.seos
        parts = [
            scanner_part(base.scanner),
            store_part(base.memory.store),
            disk_part(self._settings.store.folder, base.threads),
        ]
        if seos is not None:
            parts.extend(seos.parts(base.clock))
        return Health(tuple(parts), base.clock)


def _read_words() -> None:
    """Before anybody waits for a sentence: it takes a tenth of a second for each catalogue."""
    sentences.load()
    outbound_sentences.load()
