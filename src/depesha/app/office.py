"""Puts the console's office pages together over a running gateway's parts. Decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from depesha.adapters.catalog import NETWORKS
from depesha.adapters.email.settings import EmailSettings
from depesha.adapters.isds.settings import IsdsSettings
from depesha.adapters.owncertificates import read_own
from depesha.adapters.seos.settings import SeosSettings
from depesha.adapters.ssev.settings import SsevSettings
from depesha.app.console import lock_rules
from depesha.app.networks import table
from depesha.monitoring.console.access.attempts import Addresses
from depesha.monitoring.console.office.parts import OfficeParts
from depesha.schemas.certificates import Use

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from depesha.app.base import Base
    from depesha.app.console import ConsoleParts
    from depesha.config import Settings
    from depesha.monitoring.console.pages.parts import Freshness
    from depesha.monitoring.health import Readiness
    from depesha.ports import Tokens
    from depesha.schemas.surroundings import Surroundings


def office_parts(
    base: Base,
    console: ConsoleParts,
    *,
    tokens: Tokens,
    ready: Callable[[], Awaitable[Readiness]],
    freshness: Freshness,
    surroundings: Callable[[], Surroundings],
) -> OfficeParts:
    """Return the parts; `tokens` are the running registry API's own, `ready` is `Health.ready`."""
    settings, memory = base.settings, base.memory
    return OfficeParts(
        pages=console.pages,
        reasons=console.reasons,
        cookies=console.cookies,
        addresses=Addresses(base.clock, lock_rules(settings.console)),
        keeper=console.keeper,
        passwords=console.passwords,
        accounts=memory.accounts,
        sessions=memory.sessions,
        audit=memory.audit,
        tokens=tokens,
        notebook=memory.notebook,
        journal=memory.journal,
        overview=memory.overview,
        ready=ready,
        certificates=lambda: read_own(tuple(own_certificates(settings))),
        settings=lambda: settings.sources(NETWORKS),
        settings_file=settings.file.name,
        clock=base.clock,
        ids=base.ids,
        threads=base.threads,
        zone=ZoneInfo(settings.calendar.zone),
        freshness=freshness,
        surroundings=surroundings,
    )


def own_certificates(settings: Settings) -> Iterator[tuple[Use, str, Path]]:
    """Name every certificate of ours in the settings: what it is for, its key there, its file."""
    yield Use.SIGNING, "keys.certificate", settings.keys.certificate
    if settings.listen.certificate is not None:
        yield Use.LISTENERS, "listen.certificate", settings.listen.certificate
    for use, key, name in _of_networks(settings):
        if name:
            yield use, f"networks.{key}", settings.path(name)


def _of_networks(settings: Settings) -> Iterator[tuple[Use, str, str]]:
    seos = table(settings, "seos", SeosSettings)
    if seos is not None:
        key = "seos.register_client_certificate"
        yield Use.SEOS_REGISTER, key, seos.register_client_certificate
    ssev = table(settings, "ssev", SsevSettings)
    if ssev is not None and ssev.rest is not None:
        yield Use.SSEV_CLIENT, "ssev.rest.client_certificate", ssev.rest.client_certificate
    if ssev is not None and ssev.soap is not None:
        yield Use.SSEV_SIGNING, "ssev.soap.signing_certificate", ssev.soap.signing_certificate
    isds = table(settings, "isds", IsdsSettings)
    for at, box in enumerate(() if isds is None else isds.boxes):
        yield Use.ISDS_LOGIN, f"isds.boxes.{at}.client_certificate", box.client_certificate
    mail = table(settings, "email", EmailSettings)
    if mail is not None:
        yield Use.MAIL, "email.certificate", mail.certificate
