"""A busy week in the memory of a gateway that was never there: for `depesha demo` and for tests.

Written before the gateway starts, through its own rooms and the store's own ports, over a clock
that walks from a week ago to now. All states of both lifecycles are left, the books balance, the
evidence verifies, and nothing of it is ever sent. It must never be used on a store in real use.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from depesha.adapters.system import SystemClock
from depesha.app.week.agenda import SATURDAY, Agenda, Hours
from depesha.app.week.inward import Inward
from depesha.app.week.outward import Outward
from depesha.app.week.rooms import WeekGateway
from depesha.app.week.staff import Staff
from depesha.errors import ConfigurationError
from depesha.simulators.bodies import POLYANA
from depesha.simulators.traffic import Dice
from depesha.simulators.week_letters import (
    BULGARIAN,
    CIZI,
    CZECH,
    NEPOZNAT,
    OBLAST,
    SKOLA,
    UKAZKOV,
    Writer,
)

if TYPE_CHECKING:
    from depesha.config import Settings

DAYS = 7
BUSY, CALM = (26, 13), (8, 4)
"""Received and sent on a working day."""
END = timedelta(minutes=75)
"""The last stretch, in which nothing is left to chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """What the week left."""

    rows: int
    """Of the evidence chain, verified."""
    received: int
    sent: int


async def live_a_week(settings: Settings, *, busy: bool = True, seed: str = "week") -> Lived:
    """Fill the settings' store; raises `ConfigurationError` where it is not empty."""
    clock = SystemClock()
    now = clock.now()
    zone = ZoneInfo(settings.calendar.zone)
    czech = "seos" not in settings.networks
    bodies = CZECH if czech else BULGARIAN
    strangers = (CIZI,) if czech else (NEPOZNAT,)
    dice = Dice(f"{seed}/{settings.participant.identifier}")
    start = datetime.combine((now - timedelta(days=DAYS)).astimezone(zone).date(), time(7), zone)
    start = start.astimezone(now.tzinfo)
    async with WeekGateway(settings, start, bodies, strangers, dice) as gateway:
        counts = await gateway.memory.store.counts()
        if counts.by_state or counts.outbound_by_state:
            raise ConfigurationError("a week is only told to an empty store")
        return await _lived(gateway, settings, now, zone, dice, busy=busy, czech=czech)


async def _lived(
    gateway: WeekGateway,
    settings: Settings,
    now: datetime,
    zone: ZoneInfo,
    dice: Dice,
    *,
    busy: bool,
    czech: bool,
) -> Lived:
    agenda = Agenda(gateway.clock, gateway.work)
    hours = Hours(zone, dice, now - END)
    writer = Writer(dice, czech=czech)
    bodies = CZECH if czech else BULGARIAN
    inward = Inward(
        gateway=gateway,
        agenda=agenda,
        hours=hours,
        writer=writer,
        networks=tuple(settings.networks),
        bodies=bodies,
        czech=czech,
    )
    outward = Outward(
        gateway=gateway,
        agenda=agenda,
        hours=hours,
        writer=writer,
        bodies=bodies,
        two_roads=UKAZKOV if czech else OBLAST,
        by_mail=SKOLA if czech else POLYANA,
        czech=czech,
    )
    staff = Staff(gateway, agenda, settings, inward.shown)
    days = [gateway.clock.now() + timedelta(days=n) for n in range(DAYS + 1)]
    working = [
        datetime.combine(day.astimezone(zone).date(), time(8, 35), zone)
        for day in days
        if day.astimezone(zone).weekday() < SATURDAY
    ]
    past = [day for day in working if day + timedelta(hours=9) < now - END]
    await staff.join()
    staff.plan(past)
    outward.before(past)
    received, sent = BUSY if busy else CALM
    inward.plan([one for day in days for one in hours.moments(day, received)])
    outward.plan([one for day in days for one in hours.moments(day, sent)])
    inward.plan(_lately(now, dice, received))
    outward.plan(_lately(now, dice, sent))
    inward.end(now)
    outward.end(now)
    _clockwork(gateway, agenda, now)
    await agenda.live(now)
    return await _closed(gateway)


def _lately(now: datetime, dice: Dice, count: int) -> list[datetime]:
    """Return moments of the last hours, whatever the hour: so that a day is never empty."""
    span = int((6 * END).total_seconds())
    seconds = sorted((dice.below(span) for _ in range(count // 2)), reverse=True)
    return [now - END - timedelta(seconds=one) for one in seconds]


def _clockwork(gateway: WeekGateway, agenda: Agenda, now: datetime) -> None:
    """Seals every hour, and work that falls due while nothing happens."""
    moment = gateway.clock.now()
    while moment < now:
        agenda.at(moment, gateway.memory.journal.seal)
        moment += timedelta(hours=1)
    for minute in range(1, 120):
        agenda.at(now - timedelta(minutes=minute), gateway.work)


async def _closed(gateway: WeekGateway) -> Lived:
    gateway.scanner.failure = ""
    await gateway.rest()
    memory = gateway.memory
    await memory.overview.catch_up()
    await memory.journal.seal()
    rows = await memory.journal.verify()
    counts = await memory.store.counts()
    return Lived(
        rows=rows,
        received=sum(counts.by_state.values()),
        sent=sum(counts.outbound_by_state.values()),
    )
