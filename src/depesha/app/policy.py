"""Turns the operator's settings into the values the rooms take. Opens nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.gateway.retry import Schedule
from depesha.schemas.envelope import Party
from depesha.schemas.ids import Guid
from depesha.schemas.policy import DEFAULT_FORMATS, Limits, Policy

if TYPE_CHECKING:
    from depesha.config import Settings


def own_party(settings: Settings) -> Party:
    """Who we are in the networks' registers."""
    us = settings.participant
    return Party(identifier=us.identifier, name=us.name, guid=Guid(us.guid) if us.guid else None)


def limits(settings: Settings) -> Limits:
    """The limits; the scanner's own budget bounds a scan too."""
    return Limits(**settings.limits.model_dump())


def policy(settings: Settings, *, strict: bool) -> Policy:
    """How arrivals are judged."""
    formats = settings.formats
    us = own_party(settings)
    return Policy(
        own_identifiers=frozenset({us.identifier}),
        own_guids=frozenset({us.guid} if us.guid is not None else set()),
        strict_schema=strict,
        formats=DEFAULT_FORMATS if formats.allowed is None else frozenset(formats.allowed),
        macros_allowed=formats.macros_allowed,
        archives_allowed=formats.archives_allowed,
        unknown_formats_held=formats.unknown_held,
        limits=limits(settings),
    )


def notice_schedule(settings: Settings) -> Schedule:
    """When a notice that was not taken is told again."""
    return Schedule(delays=settings.retry.notice, jitter=settings.retry.jitter)
