"""Turns the operator's settings about the way out into the values the rooms take. Opens nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import holidays

from depesha.gateway.bars import ChannelPolicy, RoutingPolicy
from depesha.gateway.breaker import BreakerPolicy
from depesha.gateway.calendar import Hours, WorkingCalendar
from depesha.gateway.followup import FollowUpPolicy, Thresholds
from depesha.gateway.retry import Schedule
from depesha.gateway.submission import DEFAULT_KINDS, SubmissionPolicy

if TYPE_CHECKING:
    from datetime import datetime

    from depesha.config import Settings

YEARS_BACK, YEARS_AHEAD = 1, 2
"""Holidays are looked up for these years around the present one."""
DIRECT = frozenset({"seos"})
"""Networks where each partner has a server of its own; elsewhere one server stands for all."""


def routing(settings: Settings) -> RoutingPolicy:
    """The order of networks with their schedules."""
    outbound = settings.outbound
    retry = outbound.retry
    waits = {"seos": retry.seos, "ssev": retry.ssev, "isds": retry.isds, "email": retry.email}
    jitter = settings.retry.jitter
    patience = timedelta(seconds=outbound.patience_seconds)
    faults = Schedule(delays=outbound.retry.faults, jitter=jitter)
    return RoutingPolicy(
        channels=tuple(
            ChannelPolicy(
                network=network,
                schedule=Schedule(delays=waits[network], jitter=jitter),
                faults=faults,
                patience=patience,
            )
            for network in outbound.channels
        ),
        confirm_fallback=outbound.confirm_fallback,
        questions=len(outbound.retry.questions),
        stale_after=timedelta(seconds=outbound.stale_seconds),
        look_again=timedelta(seconds=outbound.look_again_seconds),
    )


def questions(settings: Settings) -> Schedule:
    """When an unclear try is asked about."""
    return Schedule(delays=settings.outbound.retry.questions, jitter=settings.retry.jitter)


def breakers(settings: Settings) -> dict[str, BreakerPolicy]:
    """When each network is left alone for a while."""
    b = settings.outbound.breaker
    return {
        network: BreakerPolicy(
            failures=b.failures,
            peers=b.peers if network in DIRECT else 1,
            rest=timedelta(seconds=b.rest_seconds),
            rest_longest=timedelta(seconds=max(b.rest_seconds, b.rest_longest_seconds)),
            probe=timedelta(seconds=b.probe_seconds),
        )
        for network in settings.outbound.channels
    }


def submission(settings: Settings) -> SubmissionPolicy:
    """What may leave."""
    outbound = settings.outbound
    return SubmissionPolicy(
        own_identifiers=frozenset({settings.participant.identifier}),
        kinds=DEFAULT_KINDS if outbound.kinds is None else frozenset(outbound.kinds),
        macros_allowed=outbound.macros_allowed,
        signature_needed=outbound.signature_needed,
    )


def follow_up(settings: Settings) -> FollowUpPolicy:
    """When an answer is late."""
    f = settings.follow_up
    return FollowUpPolicy(
        default=Thresholds(
            late=timedelta(hours=f.late_hours),
            again=timedelta(hours=f.again_hours),
            unclear=f.unclear,
            unclear_again=timedelta(hours=f.unclear_again_hours),
            waiting=f.waiting,
        )
    )


def calendar(settings: Settings, now: datetime) -> WorkingCalendar:
    """When this administration works, with the holidays of the years around `now`."""
    c = settings.calendar
    years = range(now.year - YEARS_BACK, now.year + YEARS_AHEAD + 1)
    known = holidays.country_holidays(c.country, years=years) if c.country else {}
    return WorkingCalendar(
        zone=ZoneInfo(c.zone),
        hours=tuple(Hours(start=start, end=end) for start, end in c.hours),
        weekdays=c.weekdays,
        holidays=frozenset(known) | c.holidays,
        working=c.working,
        known_years=frozenset(years) if c.country else frozenset(),
    )
