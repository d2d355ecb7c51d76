"""Every network this gateway is set up for, put together; the rooms see only ports.

Reads settings and keys; decides nothing about messages. Made in a thread, for it reads files.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from depesha.adapters.catalog import NETWORKS
from depesha.adapters.email.settings import EmailSettings
from depesha.adapters.isds.settings import IsdsSettings
from depesha.adapters.revocation import HttpListFetcher, RevocationLists, RevocationRefresher
from depesha.adapters.seos.settings import SeosSettings
from depesha.adapters.ssev.settings import SsevSettings
from depesha.app import policy as values
from depesha.app.sentences import czech_sentence, peer_sentence
from depesha.app.seos import SeosSide
from depesha.app.trust import password
from depesha.errors import ConfigurationError
from depesha.gateway.service import Clockwork, Gate
from depesha.queue.restored import noted
from depesha.schemas.message import EvidenceKind, NewEvidence
from depesha.schemas.outcome import Delivered, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from depesha.adapters.email.assembly import MailChannel
    from depesha.adapters.isds.assembly import IsdsChannel
    from depesha.adapters.ssev.assembly import SsevChannel
    from depesha.app.base import Base
    from depesha.config import Settings
    from depesha.gateway.pauses import Pauses
    from depesha.ports import (
        Directory,
        Extractor,
        Intake,
        Notifier,
        OutboundChannel,
        Signals,
    )
    from depesha.schemas.outbound import Signal

M = TypeVar("M", bound=BaseModel)

HOUR, DAY = 3600.0, 24 * 3600.0
MAIL_PLACE = "email-places.json"


def table(settings: Settings, name: str, model: type[M]) -> M | None:
    """Return a network's table, checked; None where it is not set up; `ConfigurationError`."""
    given = settings.networks.get(name)
    if given is None:
        return None
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise settings.reject(error, model, ("networks", name)) from None


INBOXES = frozenset({"ssev", "ssev-profiles", "isds", "email"})
"""Clockworks that write down in files how far they came."""


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
    if not settings.networks:
        raise ConfigurationError(
            f"{settings.file}: no network is set up", remedy="add a table such as [networks.seos]"
        )


class NoOperators:
    """`ports.Signals` where no mail is set up: webhooks and the journal alone are told."""

    async def tell(self, _signal: Signal) -> Outcome:
        """There is nobody to be told."""
        return Delivered()


class Networks:
    """The channels by name, as ports; the code of a network that is not set up is not loaded."""

    def __init__(self, base: Base) -> None:
        """Build what the settings name; raises `ConfigurationError`. Blocking."""
        self._base = base
        settings = base.settings
        seos = table(settings, "seos", SeosSettings)
        self.seos = None if seos is None else SeosSide(base, seos)
        self.ssev_settings = table(settings, "ssev", SsevSettings)
        self.mail_settings = table(settings, "email", EmailSettings)
        self.ssev = None if self.ssev_settings is None else self._ssev(self.ssev_settings)
        isds = table(settings, "isds", IsdsSettings)
        self.isds_settings = isds
        self.isds = None if isds is None else self._isds(isds)
        self.mail = None if self.mail_settings is None else self._mail(self.mail_settings)

    def _ssev(self, settings: SsevSettings) -> SsevChannel:
        from depesha.adapters.ssev.assembly import (  # noqa: PLC0415 - see the class
            SsevChannel,
            SsevEnvironment,
            SsevKeys,
        )

        base, keys = self._base, self._base.settings.keys
        return SsevChannel(
            SsevEnvironment(
                settings=settings,
                own=values.own_party(base.settings),
                keys=SsevKeys(
                    certificate=keys.certificate,
                    key=keys.key,
                    password=password(base.settings),
                    signing=base.trust.papers.pair,
                ),
                path=base.settings.path,
                folder=base.settings.store.folder,
                limits=values.limits(base.settings),
                blobs=base.memory.blobs,
                store=base.memory.store,
                inspector=base.inspector,
                peer_sentence=peer_sentence,
                parked=partial(self._put_by, "ssev"),
                restored=partial(noted, base.memory.notebook),
                threads=base.threads,
                clock=base.clock,
                ids=base.ids,
                observer=base.observer,
                checkpoint=base.checkpoint,
            )
        )

    def _isds(self, settings: IsdsSettings) -> IsdsChannel:
        from depesha.adapters.isds.assembly import (  # noqa: PLC0415 - see the class
            IsdsChannel,
            IsdsEnvironment,
        )

        base = self._base
        return IsdsChannel(
            IsdsEnvironment(
                settings=settings,
                own=values.own_party(base.settings),
                path=base.settings.path,
                folder=base.settings.store.folder,
                limits=values.limits(base.settings),
                blobs=base.memory.blobs,
                store=base.memory.store,
                journal=base.memory.journal,
                inspector=base.inspector,
                peer_sentence=czech_sentence,
                parked=partial(self._put_by, "isds"),
                restored=partial(noted, base.memory.notebook),
                threads=base.threads,
                clock=base.clock,
                ids=base.ids,
                jitter=base.jitter,
                observer=base.observer,
                checkpoint=base.checkpoint,
            )
        )

    def _mail(self, settings: EmailSettings) -> MailChannel:
        from depesha.adapters.email.assembly import (  # noqa: PLC0415 - see the class
            MailChannel,
            MailEnvironment,
        )

        base = self._base
        return MailChannel(
            MailEnvironment(
                settings=settings,
                own=values.own_party(base.settings),
                resolve=base.settings.path,
                secret=_secret,
                place=base.settings.store.folder / MAIL_PLACE,
                limits=values.limits(base.settings),
                blobs=base.memory.blobs,
                inspector=base.inspector,
                messages=base.memory.store,
                register=None if self.seos is None else self.seos.channel.directory,
                operators=base.settings.signals.addresses,
                operators_language=base.settings.signals.language,
                threads=base.threads,
                clock=base.clock,
                ids=base.ids,
                observer=base.observer,
            )
        )

    async def start(self) -> None:
        """Take up where the last run ended; asks others no longer than a moment."""
        if self.seos is not None:
            await self.seos.start()
        if self.ssev is not None:
            await self.ssev.start()
        if self.isds is not None:
            await self.isds.start()
        if self.mail is not None:
            await self.mail.start()

    async def close(self) -> None:
        """Close every connection to others."""
        for channel in (self.mail, self.isds, self.ssev, self.seos):
            if channel is not None:
                await channel.close()

    @property
    def directories(self) -> Mapping[str, Directory]:
        """Whom each network knows."""
        found: dict[str, Directory] = {}
        if self.seos is not None:
            found["seos"] = self.seos.channel.directory
        if self.ssev is not None:
            found["ssev"] = self.ssev.directory
        if self.isds is not None:
            found["isds"] = self.isds.directory
        if self.mail is not None:
            found["email"] = self.mail.directory
        return found

    @property
    def notifiers(self) -> dict[str, Notifier]:
        """What tells the senders of received messages their state."""
        found: dict[str, Notifier] = {}
        if self.seos is not None:
            found["seos"] = self.seos.channel.notifier
        if self.ssev is not None:
            found["ssev"] = self.ssev.notifier
        if self.isds is not None:
            found["isds"] = self.isds.notifier
        if self.mail is not None:
            found["email"] = self.mail.notifier
        return found

    @property
    def extractors(self) -> dict[str, Extractor]:
        """What gets attachments back out of stored originals."""
        found: dict[str, Extractor] = {}
        if self.seos is not None:
            found["seos"] = self.seos.channel.reader
        if self.ssev is not None:
            found["ssev"] = self.ssev.extractor
        if self.isds is not None:
            found["isds"] = self.isds.extractor
        if self.mail is not None:
            found["email"] = self.mail.extractor
        return found

    @property
    def outbound(self) -> Mapping[str, OutboundChannel]:
        """What sends documents of ours, in the order of choice."""
        found: dict[str, OutboundChannel] = {}
        if self.seos is not None:
            found["seos"] = self.seos.channel.outbound
        if self.ssev is not None:
            found["ssev"] = self.ssev.outbound
        if self.isds is not None:
            found["isds"] = self.isds.outbound
        if self.mail is not None:
            found["email"] = self.mail.outbound
        order = self._base.settings.outbound.channels
        return {name: found[name] for name in order if name in found}

    @property
    def signals(self) -> Signals:
        """What tells networks' operators of trouble."""
        return NoOperators() if self.mail is None else self.mail.signals

    @property
    def kept_in_files(self) -> bool:
        """Tell whether a network is set up whose state lies in files, for one gateway at a time."""
        return any((self.ssev, self.isds, self.mail))

    def clockworks(
        self, intake: Intake, pauses: Pauses, gate: Gate | None = None
    ) -> tuple[Clockwork, ...]:
        """Return the looks into inboxes, and what keeps registers and revocation lists fresh.

        A look into an inbox is left out while a person's pause of receiving lasts, and by
        gateways for which the `gate` is closed.
        """
        found = (
            *(() if self.seos is None else self.seos.clockworks()),
            *self._ssev_clockworks(intake, pauses),
            *self._isds_clockworks(intake, pauses),
            *self._mail_clockworks(intake, pauses),
        )
        return tuple(replace(one, gate=gate) if one.name in INBOXES else one for one in found)

    def _ssev_clockworks(self, intake: Intake, pauses: Pauses) -> Iterator[Clockwork]:
        if self.ssev is None or self.ssev_settings is None:
            return
        receiver, seconds = self.ssev.receiver, self.ssev_settings.poll_seconds
        look = pauses.heeding("ssev", lambda: receiver.poll(intake))
        yield Clockwork(name="ssev", seconds=seconds, job=look)
        yield Clockwork(name="ssev-profiles", seconds=DAY, job=self.ssev.directory.refresh)

    def _isds_clockworks(self, intake: Intake, pauses: Pauses) -> Iterator[Clockwork]:
        isds, settings = self.isds, self.isds_settings
        if isds is None or settings is None:
            return
        look = pauses.heeding("isds", lambda: isds.tick(intake))
        yield Clockwork(name="isds", seconds=settings.tick_seconds, job=look)
        if settings.revocation_lists:
            yield self._lists("isds", isds.lists, settings.revocation_lists)

    def _mail_clockworks(self, intake: Intake, pauses: Pauses) -> Iterator[Clockwork]:
        mail, settings = self.mail, self.mail_settings
        if mail is None or settings is None:
            return
        inbox = mail.receiver
        if inbox is not None and settings.mailbox is not None:
            seconds = settings.mailbox.poll_seconds
            look = pauses.heeding("email", lambda: inbox.poll(intake))
            yield Clockwork(name="email", seconds=seconds, job=look)
        if settings.trust.revocation_lists:
            yield self._lists("email", mail.lists, settings.trust.revocation_lists)

    def _lists(self, network: str, lists: RevocationLists, names: Sequence[str]) -> Clockwork:
        base = self._base
        refresher = RevocationRefresher(
            sources=[
                name if name.startswith(("http://", "https://")) else str(base.settings.path(name))
                for name in names
            ],
            lists=lists,
            fetch=HttpListFetcher(base.session),
            clock=base.clock,
            threads=base.threads,
            observer=base.observer,
            every=timedelta(hours=1),
        )
        return Clockwork(name=f"{network}-revocation", seconds=HOUR, job=refresher.refresh)

    async def _put_by(self, network: str, name: str, reason: str) -> None:
        """A message in an inbox waits for a person: kept as evidence under its name there."""
        await self._base.memory.journal.record(
            NewEvidence(
                kind=EvidenceKind.PARKED,
                at=self._base.clock.now(),
                message_id=None,
                actor=f"network:{network}",
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
