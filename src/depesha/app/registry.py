"""The registry's side of a running gateway: API, submissions, outbox folder, webhooks, numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from depesha import __version__
from depesha.adapters.registry.api import build_app
from depesha.adapters.registry.builtin import BuiltinRegistry, NumberTemplate
from depesha.adapters.registry.drafting import Submitter
from depesha.adapters.registry.folder import OutboxFolder
from depesha.adapters.registry.routes import Parts, Sending
from depesha.adapters.registry.settings import (
    RegistryApiSettings,
    SubmissionLimits,
    WebhookSettings,
)
from depesha.adapters.registry.tokens import TokenStore
from depesha.adapters.registry.webhooks import WebhookSender
from depesha.app import policy as values
from depesha.app.directories import AllDirectories
from depesha.app.profiles import Profiles
from depesha.config import secret
from depesha.gateway.explain import as_text, explain
from depesha.gateway.service import Clockwork
from depesha.gateway.tasks import EVENTS
from depesha.schemas.outbound import SignalKind
from depesha.schemas.outbound_events import DISPATCH_EVENTS
from depesha.schemas.sentences import sentence

if TYPE_CHECKING:
    from aiohttp import web

    from depesha.adapters.registry.feed import Bell
    from depesha.app.base import Base
    from depesha.app.departing import Departing
    from depesha.app.networks import Networks
    from depesha.ports import Desk

ALL_EVENTS = frozenset(
    (*EVENTS.values(), *DISPATCH_EVENTS.values(), *(str(kind) for kind in SignalKind))
)
"""What a webhook hears that names no events."""


def webhooks(base: Base) -> WebhookSender:
    """Return what tells the registry's listeners; raises `ConfigurationError`."""
    listeners = [
        WebhookSettings(
            name=f"webhook{number}",
            url=hook.url,
            secret=secret(env=hook.secret_env, file=hook.secret_file) or "",
            events=frozenset(hook.events) or ALL_EVENTS,
            plain_http=hook.plain_http,
        )
        for number, hook in enumerate(base.settings.registry.webhooks, start=1)
    ]
    return WebhookSender(
        session=base.session, listeners=listeners, clock=base.clock, observer=base.observer
    )


def numbers(base: Base) -> BuiltinRegistry | None:
    """Return the built-in registry, where the settings ask for it; the caller closes it."""
    registry = base.settings.registry
    if registry.kind != "builtin":
        return None
    template = NumberTemplate(
        text=registry.template, index=registry.index, zone=ZoneInfo(registry.zone)
    )
    return BuiltinRegistry(base.settings.store.folder / "numbers.log", template, base.clock)


class RegistrySide:
    """Stands between the registry's software and the rooms."""

    def __init__(self, base: Base, networks: Networks, departing: Departing, desk: Desk) -> None:
        self._base = base
        self._departing = departing
        self._desk = desk
        self._directory = AllDirectories(networks.directories)
        self._tokens = TokenStore(base.settings.registry.tokens, base.clock, base.ids)
        self._submitter = Submitter(
            outbox=departing.desk,
            own=values.own_party(base.settings),
            directories=tuple(networks.directories.values()),
            blobs=base.memory.blobs,
            inspector=base.inspector,
            threads=base.threads,
            clock=base.clock,
            limits=SubmissionLimits(),
        )
        self._profiles = Profiles(
            own=values.own_party(base.settings),
            phone=base.settings.participant.phone,
            email=base.settings.participant.email,
            channels=networks.outbound,
            register=self._directory,
            breakers=departing.breakers,
            clock=base.clock,
        )

    @property
    def tokens(self) -> TokenStore:
        """The API's own tokens: what the console revokes here is useless at once."""
        return self._tokens

    async def load(self) -> None:
        """Read the tokens."""
        await self._base.threads.run(self._tokens.reload)

    def application(self, bell: Bell) -> web.Application:
        """Return the registry API."""
        base = self._base
        parts = Parts(
            desk=self._desk,
            journal=base.memory.journal,
            tasks=base.memory.tasks,
            directory=self._directory,
            blobs=base.memory.blobs,
            tokens=self._tokens,
            ids=base.ids,
            clock=base.clock,
            threads=base.threads,
            observer=base.observer,
            bell=bell,
            sentence=lambda finding, language: sentence(finding, language, "clerk"),
            settings=RegistryApiSettings(),
            sending=Sending(
                outbox=self._departing.desk,
                submitter=self._submitter,
                explained=explain,
                as_text=as_text,
                profile=self._profiles.of,
            ),
        )
        return build_app(parts, version=__version__)

    def clockworks(self) -> tuple[Clockwork, ...]:
        """Return the looks into the outbox folder, where there is one."""
        base, outbound = self._base, self._base.settings.outbound
        if outbound.folder is None:
            return ()
        outbound.folder.mkdir(parents=True, exist_ok=True)
        folder = OutboxFolder(
            outbound.folder,
            submitter=self._submitter,
            threads=base.threads,
            clock=base.clock,
            observer=base.observer,
            language=base.settings.signals.language,
        )
        return (Clockwork(name="outbox", seconds=outbound.folder_seconds, job=folder.look),)
