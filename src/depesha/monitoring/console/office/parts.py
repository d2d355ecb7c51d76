"""What the office pages are made with: ports, and values that say who we are. No logic."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from depesha.monitoring.console.pages.parts import Freshness
from depesha.monitoring.console.pages.telling import Teller
from depesha.schemas.surroundings import Surroundings

if TYPE_CHECKING:
    from depesha.config import Source
    from depesha.monitoring.console.access.attempts import Addresses
    from depesha.monitoring.console.access.cookies import Cookies
    from depesha.monitoring.console.access.managing import AccountKeeper
    from depesha.monitoring.console.access.pages import Pages
    from depesha.monitoring.console.access.passwords import Passwords
    from depesha.monitoring.console.access.reasons import Reasons
    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.health import Readiness
    from depesha.ports import (
        Accounts,
        Audit,
        Clock,
        IdSource,
        Journal,
        Notebook,
        Overview,
        Sessions,
        Threads,
        Tokens,
    )
    from depesha.schemas.certificates import OwnCertificate


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficeParts:
    """Everything the office pages stand on."""

    pages: Pages
    reasons: Reasons
    cookies: Cookies
    addresses: Addresses
    """Counts wrong wall codes, apart from wrong passwords."""
    keeper: AccountKeeper
    passwords: Passwords
    accounts: Accounts
    sessions: Sessions
    audit: Audit
    tokens: Tokens
    """Of the running registry API itself: what is revoked is useless at once."""
    notebook: Notebook
    journal: Journal
    overview: Overview
    ready: Callable[[], Awaitable[Readiness]]
    """`Health.ready`."""
    certificates: Callable[[], Sequence[OwnCertificate]]
    """Reads the certificates in use anew. Blocking."""
    settings: Callable[[], Sequence[Source]]
    """The running values. Blocking."""
    settings_file: str
    """Name of the file they came from."""
    clock: Clock
    ids: IdSource
    threads: Threads
    zone: tzinfo
    freshness: Freshness = field(default_factory=Freshness)
    surroundings: Callable[[], Surroundings] = Surroundings
    """What stands around the store, as last looked at; the same as the home page's."""

    def tell(self, visit: Visit) -> Teller:
        """Return what tells values to this visitor."""
        return Teller(language=visit.language, zone=self.zone, now=visit.now)

    def midnight(self, now: datetime) -> datetime:
        """Return the start of the day that is balanced."""
        return now.astimezone(self.zone).replace(hour=0, minute=0, second=0, microsecond=0)
