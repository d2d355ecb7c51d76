"""What a simulated week sends: every state, a fallback, an unclear one, answers early and late."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from depesha.errors import Blame
from depesha.schemas.answer import DocumentStatus, StatusNotice
from depesha.schemas.envelope import DocumentReference, RegistrationNumber
from depesha.schemas.message import EvidenceKind, NewEvidence
from depesha.schemas.outbound import Decision, OutboundChange, TryReport
from depesha.schemas.outbound_lifecycle import OutboundEvent
from depesha.schemas.outcome import Deferred, Delivered, Refused, Unclear
from depesha.schemas.steps import OutboundStep
from depesha.simulators import papers
from depesha.simulators.bodies import EMAIL
from depesha.simulators.week_wires import said

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from depesha.app.week.agenda import Agenda, Hours
    from depesha.app.week.rooms import WeekGateway
    from depesha.schemas.answer import Answer
    from depesha.schemas.ids import MessageId
    from depesha.schemas.outbound import OutboundMessage
    from depesha.schemas.outcome import Outcome
    from depesha.simulators.bodies import Body
    from depesha.simulators.seos_documents import Enclosure
    from depesha.simulators.week_letters import Writer

OPERATOR = "person:smyana-1"
BROKEN = Unclear(code="BROKEN_OFF", public="the connection broke after the request had left")
NO = Refused(code="ERR_EXTERNAL", public="the recipient's server does not take it")
FAULT = Deferred(code="HTTP_503", public="a fault was answered", blame=Blame.THEIRS)
_ENDS = {
    "answered": DocumentStatus.REGISTERED,
    "closed": DocumentStatus.CLOSED,
    "stopped": DocumentStatus.STOPPED,
    "declined": DocumentStatus.REJECTED,
}
WEIGHTS = (("answered", 78), ("closed", 14), ("stopped", 3), ("declined", 3))
ROADS = 3
"""No body is on more networks than so many."""


@dataclass(slots=True)
class Outward:
    """The way out, told day by day."""

    gateway: WeekGateway
    agenda: Agenda
    hours: Hours
    writer: Writer
    bodies: Sequence[Body]
    two_roads: Body
    """Reached by the first choice and by the second."""
    by_mail: Body
    """Reached by mail alone."""
    czech: bool
    shown: list[MessageId] = field(default_factory=list)

    def plan(self, moments: Sequence[datetime]) -> None:
        """Plan what leaves at these moments; each sort at least once."""
        sorts = [name for name, _weight in WEIGHTS]
        for place, moment in enumerate(moments):
            sort = sorts[place] if place < len(sorts) else self._sort()
            self.agenda.at(moment, partial(self._leaves, sort))

    def _sort(self) -> str:
        left = self.writer.dice.below(sum(weight for _, weight in WEIGHTS))
        for name, weight in WEIGHTS:
            left -= weight
            if left < 0:
                return name
        return "answered"

    async def leaves(
        self,
        body: Body | None = None,
        *outcomes: Outcome,
        answers: Sequence[Unclear] = (),
        files: Sequence[Enclosure] = (),
        dies: bool = False,
        corrects: OutboundMessage | None = None,
    ) -> OutboundMessage:
        """Submit a document; what it meets is told by `outcomes` and `answers`."""
        gateway = self.gateway
        body = body or self.writer.dice.pick(self.bodies)
        letter = self.writer.letter(
            gateway.us,
            body.party,
            gateway.clock.now(),
            files or (self.writer.pdf(f"izhodyasht-{self.writer.dice.below(9000) + 1000}"),),
            sign="ODCH" if self.czech else "ИЗХ",
        )
        scripts = gateway.world.scripts
        if outcomes:
            scripts.outcomes[letter.document] = deque(outcomes)
        if answers:
            scripts.answers[letter.document] = deque(answers)
        if dies:
            scripts.deaths.add(letter.document)
        mended = None if corrects is None else corrects.dispatch.document.guid
        return await gateway.submit(letter, mended)

    async def _leaves(self, sort: str, corrects: OutboundMessage | None = None) -> None:
        body = None
        if corrects is not None:
            them = corrects.dispatch.recipient
            body = next(one for one in self.bodies if one.party == them)
        sent = await self.leaves(body, corrects=corrects)
        self.shown.append(sent.id)
        now = self.gateway.clock.now()
        arrived = now + timedelta(minutes=2 + self.writer.dice.below(30))
        answered = self.hours.later(arrived, (20, 900))
        self.agenda.at(arrived, partial(self.opened, sent.id))
        first = _ENDS["declined" if sort == "declined" else "answered"]
        self.agenda.at(answered, partial(self.answered, sent.id, first))
        if sort == "declined":
            mended = self.hours.later(answered, (40, 300))
            self.agenda.at(mended, partial(self._leaves, "answered", sent))
        elif sort in {"closed", "stopped"}:
            ended = self.hours.later(answered, (300, 1500))
            self.agenda.at(ended, partial(self.answered, sent.id, _ENDS[sort]))

    async def opened(self, message: MessageId) -> None:
        """Let the network say that the recipient has it."""
        gateway = self.gateway
        document = await gateway.memory.outbound.get(message)
        if not document.attempts:
            return
        attempt = document.attempts[-1]
        if attempt.outcome is not None and attempt.outcome != "ACCEPTED":
            return
        guid = document.dispatch.document.guid
        receipt = said(attempt.network, "OPENED", guid, None)
        await gateway.intake.report(
            TryReport(
                network=attempt.network,
                received_at=gateway.clock.now(),
                original=await gateway.heard(receipt.decode()),
                name=attempt.transport_id,
                outcome=Delivered(receipt=receipt),
                actor=f"network:{attempt.network}",
            )
        )

    async def answered(self, message: MessageId, status: DocumentStatus) -> None:
        """Let the recipient say what stands."""
        gateway = self.gateway
        document = await gateway.memory.outbound.get(message)
        if not document.attempts:
            return
        network, them = document.attempts[-1].network, document.dispatch.recipient
        guid, today = document.dispatch.document.guid, gateway.clock.now().date()
        rejected = status is DocumentStatus.REJECTED
        number = document.number or RegistrationNumber(
            number=f"ВХ-{them.identifier[-2:]}-{2000 + self.writer.dice.below(7000)}", date=today
        )
        wire = said(network, f"DS_{status}", guid, None if rejected else number)

        async def reply(answer: Answer) -> bytes:  # noqa: ARG001 -- there is nothing to say
            return b""

        await gateway.intake.notice(
            StatusNotice(
                network=network,
                received_at=gateway.clock.now(),
                original=await gateway.heard(wire.decode()),
                transport_id=self.writer.dice.guid(),
                sender=them,
                recipient=gateway.us,
                signature=gateway.signature(network, them),
                document=DocumentReference(guid=guid, number=None if rejected else number),
                status=status,
                reason="Не е посочено правно основание." if rejected else "",
            ),
            reply,
        )

    # --- episodes of the days before ----------------------------------------------------------

    def before(self, days: Sequence[datetime]) -> None:
        """Plan what happened on working days: a fallback, an unclear one, two without answer."""
        first, second, third = days[0], days[1], days[-1]
        self.agenda.at(first + timedelta(hours=1), partial(self.leaves, self.by_mail))
        unclear = partial(self._silent)
        self.agenda.at(first + timedelta(hours=1, minutes=20), unclear)
        self._away(third + timedelta(hours=2, minutes=5), timedelta(minutes=24))
        self.agenda.at(second + timedelta(hours=3), self._ruled)

    async def _silent(self) -> None:
        """A recipient that took it and cannot tell what became of it."""
        await self.leaves(self.two_roads, answers=(BROKEN,))

    def _away(self, since: datetime, span: timedelta) -> None:
        """The first choice does not reach one body for a while: documents take the next one."""
        first = self.two_roads.networks[0], self.two_roads.party.identifier
        deaf = self.gateway.world.scripts.deaf

        async def goes() -> None:
            deaf.add(first)
            sent = await self.leaves(self.two_roads)
            self.shown.insert(0, sent.id)
            back = since + span
            self.agenda.at(back + timedelta(minutes=9), partial(self.opened, sent.id))
            answered = partial(self.answered, sent.id, DocumentStatus.REGISTERED)
            self.agenda.at(back + timedelta(minutes=95), answered)

        async def returns() -> None:
            deaf.discard(first)

        self.agenda.at(since, goes)
        for minute in range(1, int(span.total_seconds() // 60)):
            self.agenda.at(since + timedelta(minutes=minute), self.gateway.work)
        self.agenda.at(since + span, returns)

    async def _ruled(self) -> None:
        """An unclear one that a person settled by telephone."""
        sent = await self.leaves(self.by_mail, BROKEN)
        await self.gateway.work()
        after = self.gateway.clock.now() + timedelta(minutes=35)
        reason = "По телефона потвърдиха, че писмото е при тях."
        decide = self.gateway.departing.desk.decide
        self.agenda.at(after, partial(decide, sent.id, Decision.RULE_THERE, reason, OPERATOR))
        answered = partial(self.answered, sent.id, DocumentStatus.REGISTERED)
        self.agenda.at(after + timedelta(hours=2), answered)

    # --- what is left at the end --------------------------------------------------------------

    def end(self, now: datetime) -> None:
        """Plan what is still under way when the week is over: each state, a closed network."""

        def at(minutes: float, act: Callable[[], Awaitable[object]]) -> None:
            self.agenda.at(now - timedelta(minutes=minutes), act)

        infected = (self.writer.pdf("dogovor", papers.EICAR),)
        at(290, self._declined)
        at(170, partial(self.leaves, self.two_roads, *[NO] * ROADS))
        at(140, partial(self.leaves, files=infected))
        at(70, partial(self.leaves, self.by_mail, BROKEN))
        self._away(now - timedelta(minutes=66), timedelta(minutes=40))
        at(52, partial(self.leaves, self.two_roads))
        at(23, partial(self.leaves, self._asked(), BROKEN, answers=(BROKEN,)))
        at(19, partial(self.leaves, self._taken_over()))
        at(14, partial(self.leaves, self._asked()))
        at(13, self._mail_goes_down)
        for minutes in (12, 11, 10):
            at(minutes, partial(self.leaves, self.by_mail))
        at(6, partial(self.leaves, self._asked(), FAULT))
        at(3.5, partial(self._stops, OutboundStep.OUTCOME_STORED, NO))
        at(3, self._routed)
        at(2.5, partial(self.leaves, self._asked(), dies=True))
        at(2, partial(self._stops, OutboundStep.RELEASED))
        at(0.5, self.leaves)

    def _asked(self) -> Body:
        """A body whose network can be asked."""
        first = self.two_roads.networks[0]
        return next(b for b in self.bodies if b.networks[0] == first and b != self.two_roads)

    def _taken_over(self) -> Body:
        """A body whose network takes documents before it has them."""
        own = {"ssev", "isds"}
        found = (b for b in self.bodies if b.networks[0] in own and b != self.two_roads)
        return next(found, self.two_roads)

    async def _declined(self) -> None:
        sent = await self.leaves(self._asked())
        later = self.gateway.clock.now() + timedelta(minutes=40)
        self.agenda.at(later, partial(self.opened, sent.id))
        declined = partial(self.answered, sent.id, DocumentStatus.REJECTED)
        self.agenda.at(later + timedelta(minutes=5), declined)

    async def _mail_goes_down(self) -> None:
        self.gateway.world.scripts.down.add(EMAIL)

    async def _stops(self, step: OutboundStep, *outcomes: Outcome) -> OutboundMessage:
        """Submit one on which the process dies, and which nobody has taken up yet."""
        sent = await self.leaves(self._asked(), *outcomes)
        self.gateway.switch.at = step
        await self.gateway.work()
        return sent

    async def _routed(self) -> None:
        """One that has a plan, and no try yet."""
        sent = await self._stops(OutboundStep.RELEASED)
        gateway = self.gateway
        await gateway.memory.outbound.change(
            OutboundChange(
                message_id=sent.id,
                evidence=NewEvidence(
                    kind=EvidenceKind.ROUTED,
                    at=gateway.clock.now(),
                    message_id=sent.id,
                    actor="gateway",
                    facts={"plan": [f"send:{self._asked().networks[0]}"]},
                ),
                events=(OutboundEvent.ROUTED,),
            )
        )
