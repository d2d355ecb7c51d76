"""Every network this gateway is set up for, put together; the rooms see only ports.

Reads settings and keys; decides nothing about messages. Made in a thread, for it reads files.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from depesha.adapters.catalog import NETWORKS
from depesha.adapters.email.assembly import MailChannel, MailEnvironment
from depesha.adapters.email.settings import EmailSettings
from depesha.adapters.revocation import HttpListFetcher, RevocationRefresher
from depesha.adapters.ssev.assembly import SsevChannel, SsevEnvironment, SsevKeys
from depesha.adapters.ssev.settings import SsevSettings
from depesha.app import policy as values
from depesha.app.trust import password
from depesha.errors import ConfigurationError
from depesha.gateway.service import Clockwork
from depesha.schemas.message import EvidenceKind, NewEvidence
from depesha.schemas.outcome import Delivered, Outcome
from depesha.schemas.sentences import sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp

    from depesha.adapters.contents import Inspector
    from depesha.adapters.seos.assembly import SeosChannel
    from depesha.app.trust import Trust
    from depesha.config import Settings
    from depesha.ports import (
        Checkpoint,
        Clock,
        Directory,
        Extractor,
        IdSource,
        Intake,
        Notifier,
        Observer,
        OutboundChannel,
        Signals,
        Threads,
    )
    from depesha.queue.opening import Memory
    from depesha.schemas.outbound import Signal
    from depesha.schemas.verdict import Finding

M = TypeVar("M", bound=BaseModel)

PEER_LANGUAGE = "bg"
"""Of what SEOS and SSEV peers are told of a finding."""
DAY = 24 * 3600.0
MAIL_PLACE = "email-places.json"


def peer_sentence(finding: Finding) -> str:
    """Return what a peer is told of a finding."""
    return sentence(finding, PEER_LANGUAGE, "peer")


def table(settings: Settings, name: str, model: type[M]) -> M | None:
    """Return a network's table, checked; None where it is not set up; `ConfigurationError`."""
    given = settings.networks.get(name)
    if given is None:
        return None
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise settings.reject(error, model, ("networks", name)) from None


def check_names(settings: Settings) -> None:
    """Raise `ConfigurationError` for a table of a network that nobody knows."""
    unknown = set(settings.networks) - set(NETWORKS)
    if unknown:
        name = min(unknown)
        line = settings.locate(("networks", name))
        raise ConfigurationError(
            f"{settings.file}:{line}: no network is called {name!r}",
            remedy=f"known networks: {', '.join(sorted(NETWORKS))}",
        )


class NoOperators:
    """`ports.Signals` where no mail is set up: webhooks and the journal alone are told."""

    async def tell(self, _signal: Signal) -> Outcome:
        """There is nobody to be told."""
        return Delivered()


class Networks:
    """The channels by name, as ports."""

    def __init__(
        self,
        *,
        settings: Settings,
        seos: SeosChannel,
        trust: Trust,
        memory: Memory,
        inspector: Inspector,
        threads: Threads,
        clock: Clock,
        ids: IdSource,
        observer: Observer,
        checkpoint: Checkpoint,
    ) -> None:
        """Build what the settings name; raises `ConfigurationError`. Blocking."""
        self._settings = settings
        self._memory = memory
        self._clock = clock
        self._threads = threads
        self._observer = observer
        self.seos = seos
        self.ssev_settings = table(settings, "ssev", SsevSettings)
        self.mail_settings = table(settings, "email", EmailSettings)
        self.ssev = (
            None
            if self.ssev_settings is None
            else SsevChannel(
                SsevEnvironment(
                    settings=self.ssev_settings,
                    own=values.own_party(settings),
                    keys=SsevKeys(
                        certificate=settings.keys.certificate,
                        key=settings.keys.key,
                        password=password(settings),
                        signing=trust.pair,
                    ),
                    path=settings.path,
                    folder=settings.store.folder,
                    limits=values.limits(settings),
                    blobs=memory.blobs,
                    store=memory.store,
                    inspector=inspector,
                    peer_sentence=peer_sentence,
                    parked=self._put_by,
                    threads=threads,
                    clock=clock,
                    ids=ids,
                    observer=observer,
                    checkpoint=checkpoint,
                )
            )
        )
        self.mail = (
            None
            if self.mail_settings is None
            else MailChannel(
                MailEnvironment(
                    settings=self.mail_settings,
                    own=values.own_party(settings),
                    resolve=settings.path,
                    secret=_secret,
                    place=settings.store.folder / MAIL_PLACE,
                    limits=values.limits(settings),
                    blobs=memory.blobs,
                    inspector=inspector,
                    messages=memory.store,
                    register=seos.directory,
                    operators=settings.signals.addresses,
                    operators_language=settings.signals.language,
                    threads=threads,
                    clock=clock,
                    ids=ids,
                    observer=observer,
                )
            )
        )

    async def start(self) -> None:
        """Take up where the last run ended; asks others no longer than a moment."""
        await self.seos.start()
        if self.ssev is not None:
            await self.ssev.start()
        if self.mail is not None:
            await self.mail.start()

    async def close(self) -> None:
        """Close every connection to others."""
        for channel in (self.mail, self.ssev, self.seos):
            if channel is not None:
                await channel.close()

    @property
    def directories(self) -> Mapping[str, Directory]:
        """Whom each network knows."""
        found: dict[str, Directory] = {"seos": self.seos.directory}
        if self.ssev is not None:
            found["ssev"] = self.ssev.directory
        if self.mail is not None:
            found["email"] = self.mail.directory
        return found

    @property
    def notifiers(self) -> dict[str, Notifier]:
        """What tells the senders of received messages their state."""
        found: dict[str, Notifier] = {"seos": self.seos.notifier}
        if self.ssev is not None:
            found["ssev"] = self.ssev.notifier
        if self.mail is not None:
            found["email"] = self.mail.notifier
        return found

    @property
    def extractors(self) -> dict[str, Extractor]:
        """What gets attachments back out of stored originals."""
        found: dict[str, Extractor] = {"seos": self.seos.reader}
        if self.ssev is not None:
            found["ssev"] = self.ssev.extractor
        if self.mail is not None:
            found["email"] = self.mail.extractor
        return found

    @property
    def outbound(self) -> Mapping[str, OutboundChannel]:
        """What sends documents of ours, in the order of choice."""
        found: dict[str, OutboundChannel] = {"seos": self.seos.outbound}
        if self.ssev is not None:
            found["ssev"] = self.ssev.outbound
        if self.mail is not None:
            found["email"] = self.mail.outbound
        order = self._settings.outbound.channels
        return {name: found[name] for name in order if name in found}

    @property
    def signals(self) -> Signals:
        """What tells networks' operators of trouble."""
        return NoOperators() if self.mail is None else self.mail.signals

    def clockworks(self, intake: Intake, session: aiohttp.ClientSession) -> tuple[Clockwork, ...]:
        """Return the looks into inboxes, and what keeps the mail's revocation lists fresh."""
        found: list[Clockwork] = []
        ssev, mail = self.ssev, self.mail
        if ssev is not None and self.ssev_settings is not None:
            receiver = ssev.receiver
            found.append(
                Clockwork(
                    name="ssev",
                    seconds=self.ssev_settings.poll_seconds,
                    job=lambda: receiver.poll(intake),
                )
            )
            found.append(Clockwork(name="ssev-profiles", seconds=DAY, job=ssev.directory.refresh))
        if mail is None or self.mail_settings is None:
            return tuple(found)
        if mail.receiver is not None and self.mail_settings.mailbox is not None:
            inbox = mail.receiver
            found.append(
                Clockwork(
                    name="email",
                    seconds=self.mail_settings.mailbox.poll_seconds,
                    job=lambda: inbox.poll(intake),
                )
            )
        if self.mail_settings.trust.revocation_lists:
            found.append(self._mail_lists(mail, self.mail_settings, session))
        return tuple(found)

    def _mail_lists(
        self, mail: MailChannel, settings: EmailSettings, session: aiohttp.ClientSession
    ) -> Clockwork:
        refresher = RevocationRefresher(
            sources=[
                name if name.startswith(("http://", "https://")) else str(self._settings.path(name))
                for name in settings.trust.revocation_lists
            ],
            lists=mail.lists,
            fetch=HttpListFetcher(session),
            clock=self._clock,
            threads=self._threads,
            observer=self._observer,
            every=timedelta(hours=1),
        )
        return Clockwork(name="mail-revocation", seconds=3600.0, job=refresher.refresh)

    async def _put_by(self, name: str, reason: str) -> None:
        """A message in SSEV's inbox waits for a person: kept as evidence under its name there."""
        await self._memory.journal.record(
            NewEvidence(
                kind=EvidenceKind.PARKED,
                at=self._clock.now(),
                message_id=None,
                actor="network:ssev",
                facts={"name": name, "reason": reason},
            )
        )


def _secret(variable: str) -> str:
    value = os.environ.get(variable)
    if value is None:
        raise ConfigurationError(
            f"the environment variable {variable} is not set",
            remedy="set it to the password that the settings name by it",
        )
    return value
