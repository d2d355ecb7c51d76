"""What a simulated week brings in: every state, every kind of gate, repeats, notices not taken."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from depesha.errors import Blame
from depesha.schemas.envelope import RegistrationNumber
from depesha.schemas.outcome import Deferred, Refused
from depesha.schemas.verdict import Hold, Rejection, finding
from depesha.simulators.bodies import EMAIL, SEOS, SSEV
from depesha.simulators.week_letters import CIZI, NEPOZNAT, PLAYED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from depesha.app.week.agenda import Agenda, Hours
    from depesha.app.week.rooms import WeekGateway
    from depesha.schemas.envelope import Party
    from depesha.schemas.ids import MessageId
    from depesha.schemas.verdict import Finding
    from depesha.simulators.bodies import Body
    from depesha.simulators.seos_documents import Enclosure
    from depesha.simulators.week_letters import Letter, Writer

REGISTRY = "token:delovodstvo"
CLERK = "person:smyana-1"
WEIGHTS = (
    ("good", 62),
    ("closed", 9),
    ("declined", 6),
    ("repeated", 6),
    ("stopped", 2),
    ("infected", 3),
    ("program", 3),
    ("broken", 3),
    ("stranger", 2),
    ("misdirected", 1),
    ("released", 3),
)
_BY_NETWORK = {SEOS: 60, SSEV: 22, "isds": 70, EMAIL: 12}
DECLINED = {
    False: "Документът не е от компетентността на администрацията.",
    True: "Dokument nepatří do působnosti úřadu.",
}


@dataclass(slots=True)
class Inward:
    """The way in, told day by day."""

    gateway: WeekGateway
    agenda: Agenda
    hours: Hours
    writer: Writer
    networks: tuple[str, ...]
    bodies: Sequence[Body]
    czech: bool
    numbers: int = 5000
    shown: list[MessageId] = field(default_factory=list)
    """Good ones, for people to look at."""

    def plan(self, moments: Sequence[datetime]) -> None:
        """Plan what comes at these moments, each sort at least once."""
        sorts = [name for name, _weight in WEIGHTS]
        for place, moment in enumerate(moments):
            sort = sorts[place] if place < len(sorts) else self._sort()
            self.agenda.at(moment, partial(self._comes, sort, moment))

    def _sort(self) -> str:
        left = self.writer.dice.below(sum(weight for _, weight in WEIGHTS))
        for name, weight in WEIGHTS:
            left -= weight
            if left < 0:
                return name
        return "good"

    def network(self) -> str:
        """Draw a network."""
        drawn = [n for n in self.networks for _ in range(_BY_NETWORK.get(n, 10))]
        return self.writer.dice.pick(drawn)

    def sender(self, network: str, *, quiet: bool = False) -> Party:
        """Draw who writes; `quiet`: one whom nobody plays live."""
        able = [
            body
            for body in self.bodies
            if network in body.networks and not (quiet and body.folder in PLAYED)
        ]
        return self.writer.dice.pick(able).party

    async def comes(
        self,
        *,
        network: str = "",
        files: Sequence[Enclosure] = (),
        problem: Finding | None = None,
        letter: Letter | None = None,
    ) -> tuple[str, Letter, MessageId | None]:
        """Let a letter come that nobody registers by himself."""
        network = network or self.network()
        letter = letter or self.writer.letter(
            self.sender(network, quiet=True), self.gateway.us, self.gateway.clock.now(), files
        )
        return network, letter, await self.gateway.take(network, letter, problem)

    async def _comes(self, sort: str, at: datetime) -> None:
        gateway, writer, network = self.gateway, self.writer, self.network()
        sender, recipient = self.sender(network), gateway.us
        files: Sequence[Enclosure] = ()
        problem = None
        match sort:
            case "infected":
                files = writer.infected()
            case "program":
                files = writer.program()
            case "released":
                files, sender = writer.locked(), self.sender(network, quiet=True)
            case "broken":
                problem = finding(Rejection.SIGNATURE_INVALID)
            case "stranger":
                network = "isds" if self.czech else SEOS
                sender = (CIZI if self.czech else NEPOZNAT).party
            case "misdirected":
                recipient = next(b.party for b in self.bodies if b.party != sender)
            case _:
                pass
        letter = writer.letter(sender, recipient, at, files)
        message = await gateway.take(network, letter, problem)
        if message is not None:
            await self._follows(sort, network, letter, message)

    async def _follows(self, sort: str, network: str, letter: Letter, message: MessageId) -> None:
        now, later = self.gateway.clock.now(), self.hours.later
        registered = later(now, (8, 200))
        match sort:
            case "good":
                self.shown.append(message)
                self.agenda.at(registered, partial(self.register, message))
            case "closed" | "stopped":
                self.agenda.at(registered, partial(self.register, message))
                ended = later(registered, (400, 1900))
                self.agenda.at(ended, partial(self._close, message, finished=sort == "closed"))
            case "declined":
                self.agenda.at(registered, partial(self._decline, message))
            case "repeated":
                self.agenda.at(registered, partial(self.register, message))
                again = now + timedelta(minutes=1 + self.writer.dice.below(15))
                self.agenda.at(again, partial(self.gateway.take, network, letter))
            case "released":
                freed = later(now, (20, 90))
                self.agenda.at(freed, partial(self._release, message))
                self.agenda.at(later(freed, (8, 60)), partial(self.register, message))
            case _:
                return  # refused, and that is its end

    async def register(self, message: MessageId) -> None:
        """Give a number."""
        self.numbers += 1
        sign = "Č.j. " if self.czech else "ВХ-"
        today = self.gateway.clock.now().astimezone(self.hours.zone).date()
        number = RegistrationNumber(number=f"{sign}{self.numbers}", date=today)
        await self.gateway.desk.register(message, number, REGISTRY)

    async def _decline(self, message: MessageId) -> None:
        await self.gateway.desk.refuse(message, DECLINED[self.czech], REGISTRY)

    async def _close(self, message: MessageId, *, finished: bool) -> None:
        reason = "" if finished else "По искане на подателя."
        await self.gateway.desk.close(message, finished=finished, reason=reason, actor=REGISTRY)

    async def _release(self, message: MessageId) -> None:
        reason = "Паролата е дадена по телефона; архивът е прегледан."
        await self.gateway.desk.release(message, reason, CLERK)

    # --- what is left at the end --------------------------------------------------------------

    def end(self, now: datetime) -> None:
        """Plan what still waits when the week is over: each state, each kind of gate."""

        def at(minutes: float, act: Callable[[], Awaitable[object]]) -> None:
            self.agenda.at(now - timedelta(minutes=minutes), act)

        for minutes in (31, 24, 17, 11, 5, 2):
            at(minutes, self.comes)
        at(230, partial(self._held, "locked"))
        at(95, partial(self._held, "nameless"))
        at(58, partial(self._held, "unproved"))
        at(40, self._twins)
        at(34, partial(self._not_taken, declined=False))
        at(29, partial(self._not_taken, declined=True))
        at(21, self._nobody_takes)
        at(4, self._unlisted)
        at(1.5, self._unscanned)

    async def _held(self, why: str) -> None:
        problem = finding(Hold.REVOCATION_UNKNOWN) if why == "unproved" else None
        files = {"locked": self.writer.locked, "nameless": self.writer.nameless}.get(why)
        await self.comes(files=files() if files else (), problem=problem)

    async def _twins(self) -> None:
        """The same form twice, without a number of the sender's."""
        network, writer = self.network(), self.writer
        sender, at = self.sender(network, quiet=True), self.gateway.clock.now()
        first = writer.letter(sender, self.gateway.us, at, numbered=False)
        second = writer.letter(sender, self.gateway.us, at, first.files, numbered=False)
        second = replace(second, subject=first.subject, kind=first.kind)
        _, _, message = await self.comes(network=network, letter=first)
        if message is not None:
            await self.register(message)
        self.gateway.clock.advance(240)
        await self.comes(network=network, letter=second)

    async def _not_taken(self, *, declined: bool) -> None:
        """The registry has spoken, and the sender cannot be told yet."""
        away = Deferred(code="UNREACHABLE", public="nobody answers", blame=Blame.NETWORK)
        _, letter, message = await self.comes()
        self.gateway.world.scripts.notices[letter.document] = away
        self.gateway.clock.advance(90)
        if message is not None:
            await (self._decline(message) if declined else self.register(message))

    async def _nobody_takes(self) -> None:
        """The sender's software refuses our notice: a person's."""
        no = Refused(code="ERR_INTERNAL", public="the notice was refused")
        _, letter, message = await self.comes()
        self.gateway.world.scripts.notices[letter.document] = no
        self.gateway.clock.advance(90)
        if message is not None:
            await self.register(message)

    async def _unlisted(self) -> None:
        """The participants' register has gone away."""
        network = self.networks[-1]
        self.gateway.world.registers[network].away = True
        await self.comes(network=network)

    async def _unscanned(self) -> None:
        """The scanner has gone away."""
        self.gateway.scanner.failure = "unavailable"
        await self.comes(network=self.networks[0])
