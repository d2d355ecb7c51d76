"""Puts the console's access layer together over the memory: people, guards, log-in pages."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from depesha.config.secret import secret
from depesha.errors import ConfigurationError
from depesha.gateway import people
from depesha.monitoring.console.access.attempts import Addresses
from depesha.monitoring.console.access.console import Console
from depesha.monitoring.console.access.cookies import Cookies
from depesha.monitoring.console.access.desk import AccessDesk
from depesha.monitoring.console.access.doors import Doors
from depesha.monitoring.console.access.entrance import Entrance
from depesha.monitoring.console.access.guard import Guard
from depesha.monitoring.console.access.managing import AccountKeeper
from depesha.monitoring.console.access.openid import OpenId, OpenIdSettings
from depesha.monitoring.console.access.pages import Pages
from depesha.monitoring.console.access.passwords import Cost, Passwords
from depesha.monitoring.console.access.provider import ProviderDesk
from depesha.monitoring.console.access.reasons import Reasons
from depesha.monitoring.console.access.vault import Vault, load_or_create_key
from depesha.schemas.people import LockRules, PasswordRules, Role, SessionRules

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

    from depesha.config import Settings
    from depesha.config.console_sections import ConsoleSection
    from depesha.monitoring.console.access.routes import Route
    from depesha.ports import Accounts, Clock, IdSource, Journal, Observer, Sessions, Threads


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """What remembers people, of a `Memory` or of doubles."""

    accounts: Accounts
    sessions: Sessions
    journal: Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What everything stands on."""

    clock: Clock
    ids: IdSource
    threads: Threads
    observer: Observer
    session: aiohttp.ClientSession
    """To the OpenID provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleParts:
    """What there is before any page: content pages are made with these, then `build_console`."""

    pages: Pages
    entrance: Entrance
    keeper: AccountKeeper
    passwords: Passwords
    vault: Vault
    cookies: Cookies
    openid: OpenId | None
    reasons: Reasons
    tls: bool


async def console_parts(
    settings: Settings, kept: People, world: World, *, cost: Cost | None = None
) -> ConsoleParts:
    """Make the parts; raises `ConfigurationError`. Takes about a second, in threads."""
    section, run = settings.console, world.threads.run
    vault = Vault(await run(load_or_create_key, section.key))
    passwords = await run(Passwords, password_rules(section), world.threads, cost)
    locks, tls = lock_rules(section), over_tls(settings)
    doors = Doors(
        accounts=kept.accounts,
        sessions=kept.sessions,
        journal=kept.journal,
        decisions=people,
        passwords=passwords,
        addresses=Addresses(world.clock, locks),
        vault=vault,
        clock=world.clock,
        ids=world.ids,
        observer=world.observer,
        zone=ZoneInfo(settings.calendar.zone),
        rules=session_rules(section),
        locks=locks,
        password_login=not section.oidc.only,
    )
    return ConsoleParts(
        pages=await run(Pages, world.threads, name=settings.participant.name),
        entrance=Entrance(doors),
        keeper=account_keeper(kept.accounts, passwords, world.clock),
        passwords=passwords,
        vault=vault,
        cookies=Cookies(secure=tls),
        openid=_openid(section, vault, world),
        reasons=Reasons(people, kept.journal),
        tls=tls,
    )


def build_console(
    settings: Settings,
    kept: People,
    world: World,
    parts: ConsoleParts,
    routes: Sequence[Route] = (),
) -> Console:
    """Put the table of routes together; `routes` are those of the content pages."""
    section = settings.console
    desk = AccessDesk(
        entrance=parts.entrance,
        accounts=kept.accounts,
        decisions=people,
        passwords=parts.passwords,
        vault=parts.vault,
        cookies=parts.cookies,
        pages=parts.pages,
        threads=world.threads,
        issuer=f"Depesha {settings.participant.identifier}",
        provider=parts.openid is not None,
        password_login=not section.oidc.only,
    )
    provider = None
    if parts.openid is not None:
        provider = ProviderDesk(
            openid=parts.openid,
            entrance=parts.entrance,
            accounts=kept.accounts,
            decisions=people,
            cookies=parts.cookies,
            pages=parts.pages,
        )
    guard = Guard(
        entrance=parts.entrance,
        decisions=people,
        journal=kept.journal,
        cookies=parts.cookies,
        pages=parts.pages,
        clock=world.clock,
        ids=world.ids,
        threads=world.threads,
        observer=world.observer,
        origin=section.origin,
        second_factor_roles=frozenset(Role(name) for name in section.second_factor_roles),
        language=section.language,
    )
    return Console(
        guard=guard,
        pages=parts.pages,
        desk=desk,
        provider=provider,
        routes=routes,
        tls=parts.tls,
    )


def account_keeper(accounts: Accounts, passwords: Passwords, clock: Clock) -> AccountKeeper:
    """Return what the page of users and the command line manage accounts with."""
    return AccountKeeper(accounts=accounts, decisions=people, passwords=passwords, clock=clock)


def over_tls(settings: Settings) -> bool:
    """Tell whether browsers come by TLS: ours, or that of a proxy named by its origin."""
    return settings.listen.operators_tls or settings.console.origin.startswith("https:")


def password_rules(section: ConsoleSection) -> PasswordRules:
    """Return the rules of the settings."""
    return PasswordRules(
        characters=section.password_characters, initial_hours=section.initial_password_hours
    )


def lock_rules(section: ConsoleSection) -> LockRules:
    """Return the rules of the settings."""
    return LockRules(
        failures=section.failures,
        seconds=section.lock_seconds,
        address_failures=section.address_failures,
    )


def session_rules(section: ConsoleSection) -> SessionRules:
    """Return the rules of the settings."""
    return SessionRules(
        minutes=section.session_minutes,
        idle_minutes=section.idle_minutes,
        half_minutes=section.second_factor_minutes,
    )


def _openid(section: ConsoleSection, vault: Vault, world: World) -> OpenId | None:
    oidc = section.oidc
    if not oidc.issuer:
        return None
    named = {value: Role(name.replace("_", "-")) for name, value in oidc.roles.model_dump().items()}
    known = OpenIdSettings(
        issuer=oidc.issuer,
        client_id=oidc.client_id,
        client_secret=secret(env=oidc.client_secret_env) or "",
        origin=section.origin,
        scopes=oidc.scopes,
        login_claim=oidc.login_claim,
        roles_claim=oidc.roles_claim,
        roles={value: role for value, role in named.items() if value},
        second_factor=oidc.second_factor,
        seconds=oidc.answer_seconds,
        plain_http=oidc.plain_http,
    )
    tls = _trusting(oidc.authorities) if oidc.authorities else None
    return OpenId(
        known,
        session=world.session,
        tls=tls,
        vault=vault,
        clock=world.clock,
        ids=world.ids,
        threads=world.threads,
    )


def _trusting(authorities: Sequence[Path]) -> ssl.SSLContext:
    """TLS that believes these authorities alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for authority in authorities:
        try:
            context.load_verify_locations(authority)
        except OSError:
            raise ConfigurationError(f"the authority {authority.name} cannot be read") from None
    return context
