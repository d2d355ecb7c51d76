"""The people of a simulated week: accounts, log-ins, looks, openings. Roles, no persons."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from depesha.app.console import account_keeper, password_rules
from depesha.gateway import people
from depesha.monitoring.console.access.managing import NewPerson
from depesha.monitoring.console.access.passwords import Passwords
from depesha.schemas.message import EvidenceKind, NewEvidence
from depesha.schemas.people import Closing, Doer, Purpose, Role

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from depesha.app.week.agenda import Agenda
    from depesha.app.week.rooms import WeekGateway
    from depesha.config import Settings
    from depesha.schemas.ids import MessageId

MACHINE = Doer(actor="machine:root", machine=True)
SHIFT, AUDIT, SECURITY, LEFT = "smyana-1", "odit-1", "sigurnost-1", "praktikant-1"
_PEOPLE = (
    (SHIFT, "Първа смяна (пример)", frozenset({Role.CLERK, Role.OPERATOR})),
    (AUDIT, "Вътрешен одит (пример)", frozenset({Role.AUDITOR})),
    (SECURITY, "Сигурност (пример)", frozenset({Role.SECURITY_ADMINISTRATOR})),
    (LEFT, "Практикант (пример)", frozenset({Role.CLERK})),
)
GROUND = "ПРИМЕР-7/2026"


@dataclass
class Staff:
    """Who was at the console, and what they did there."""

    gateway: WeekGateway
    agenda: Agenda
    settings: Settings
    seen: Sequence[MessageId]
    """Documents that were looked at; it grows while the week goes on."""

    async def join(self) -> None:
        """Make the accounts."""
        gateway = self.gateway
        threads = gateway.threads
        passwords = await threads.run(Passwords, password_rules(self.settings.console), threads)
        self._keeper = account_keeper(gateway.memory.accounts, passwords, gateway.clock)
        for login, name, roles in _PEOPLE:
            new = NewPerson(
                login=login,
                name=name,
                roles=roles,
                ground=GROUND,
                undertaking=gateway.clock.now().date(),
            )
            await self._keeper.add(MACHINE, new, "")

    def plan(self, days: Sequence[datetime]) -> None:
        """Plan every working day; `days` are their beginnings."""
        for number, day in enumerate(days):
            self._at(day, 2, partial(self._enters, SHIFT))
            for minutes in (55, 140, 260, 390) if number else ():
                self._at(day, minutes, partial(self._looks, SHIFT, number + minutes))
            self._at(day, 95 + 7 * number, partial(self._opens, SHIFT, number))
            self._at(day, 505, partial(self._leaves, SHIFT))
            if number % 2:
                self._at(day, 70, partial(self._enters, AUDIT))
                self._at(day, 84, partial(self._looks, AUDIT, number))
        self._at(days[1], 31, partial(self._fails, LEFT))
        self._at(days[1], 32, partial(self._fails, None))
        self._at(days[2], 200, self._closes)

    def _at(self, day: datetime, minutes: int, act: Callable[[], Awaitable[object]]) -> None:
        self.agenda.at(day + timedelta(minutes=minutes), act)

    async def _write(self, row: NewEvidence) -> None:
        await self.gateway.memory.journal.record(row)

    async def _enters(self, login: str) -> None:
        await self._write(people.logged_in(login, self.gateway.clock.now(), "password"))

    async def _leaves(self, login: str) -> None:
        await self._write(people.logged_out(login, self.gateway.clock.now()))

    async def _fails(self, login: str | None) -> None:
        await self._write(people.login_failed(login, self.gateway.clock.now(), "password"))

    async def _looks(self, login: str, number: int) -> None:
        if self.seen:
            await self._write(
                NewEvidence(
                    kind=EvidenceKind.VIEWED,
                    at=self.gateway.clock.now(),
                    message_id=self.seen[number % len(self.seen)],
                    actor=people.actor_of(login),
                    facts={"page": "document"},
                )
            )

    async def _opens(self, login: str, number: int) -> None:
        if self.seen:
            await self._write(
                people.content_opened(
                    login=login,
                    message=self.seen[(3 * number) % len(self.seen)],
                    part="attachment-1",
                    purpose=Purpose.REGISTRATION,
                    ground=GROUND,
                    at=self.gateway.clock.now(),
                )
            )

    async def _closes(self) -> None:
        doer = Doer(
            actor=people.actor_of(SECURITY),
            roles=frozenset({Role.SECURITY_ADMINISTRATOR}),
        )
        await self._keeper.block(doer, LEFT, Closing.LEFT, GROUND)
