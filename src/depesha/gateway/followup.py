"""Which sent documents lack an answer, and what comes next: wait, ask, or telephone. Pure.

Thresholds are working time (LAT-03, DDL-04), so that nobody is rung up for a weekend. All this
goes on although the registry closed the case at sending (LAT-05, S8). Nothing here asks or rings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from depesha.schemas.outbound import Question
from depesha.schemas.outbound_lifecycle import OutboundState

if TYPE_CHECKING:
    from depesha.gateway.calendar import WorkingCalendar

AWAITING = frozenset({OutboundState.ACCEPTED, OutboundState.DELIVERED})
"""States in which a recipient's word is awaited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """When an answer is late, in working time (LAT-03: the rules name no number)."""

    late: timedelta = timedelta(hours=16)
    """Two working days from the handing over to the first question."""
    again: timedelta = timedelta(hours=8)
    """From one question that was answered "still waiting" to the next."""
    unclear: int = 1
    """Questions in a row without a clear answer, after which a person telephones (LAT-02)."""
    unclear_again: timedelta = timedelta(hours=1)
    waiting: int = 5
    """Answers "still waiting", after which a person telephones all the same."""

    def __post_init__(self) -> None:
        if min(self.unclear, self.waiting) < 1:
            raise ValueError("at least one question is asked before a person is")
        if min(self.late, self.again, self.unclear_again) <= timedelta(0):
            raise ValueError("thresholds are positive working times")


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpPolicy:
    """Thresholds by network and by peer: the peer's own first, then the network's."""

    default: Thresholds = field(default_factory=Thresholds)
    networks: Mapping[str, Thresholds] = field(default_factory=dict)
    peers: Mapping[str, Thresholds] = field(default_factory=dict)
    """By the peer's identifier."""

    def of(self, network: str, peer: str) -> Thresholds:
        """Return the thresholds for one peer on one network."""
        return self.peers.get(peer) or self.networks.get(network) or self.default


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """A sent document as the follow-up sees it."""

    state: OutboundState
    network: str
    peer: str
    """Identifier of the recipient."""
    handed_over_at: datetime
    can_ask: bool
    phone: str = ""
    """As the participants' register announces it (PRT-02); may be empty."""
    questions: tuple[Question, ...] = ()
    """Oldest first."""
    person_told_at: datetime | None = None
    """When a person's task was made; it owns the document until it is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingToDo:
    """Nothing is awaited, or a person has it already."""

    kind: Literal["nothing"] = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAgain:
    """Not late yet."""

    kind: Literal["wait"] = "wait"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AskStatus:
    """Late: a status question goes out (LAT-01)."""

    kind: Literal["ask"] = "ask"


@dataclass(frozen=True, slots=True, kw_only=True)
class Telephone:
    """Asking does not help: a person rings the recipient up (LAT-02, S8)."""

    kind: Literal["telephone"] = "telephone"
    phone: str
    """May be empty: then the person finds the number."""
    why: Literal["unclear", "still waiting", "cannot be asked"]
    questions: int


FollowUp = NothingToDo | LookAgain | AskStatus | Telephone


def follow_up(
    awaited: Awaited, thresholds: Thresholds, calendar: WorkingCalendar, now: datetime
) -> FollowUp:
    """Return what comes next for one sent document.

    A question is asked at most once for each passing of a threshold; every way ends in an answer
    or with a person.
    """
    if awaited.state not in AWAITING or awaited.person_told_at is not None:
        return NothingToDo()
    questions = awaited.questions
    unclear = _unclear_at_the_end(questions)
    why: Literal["unclear", "still waiting"] | None = None
    if unclear >= thresholds.unclear:
        why = "unclear"
    elif len(questions) - unclear >= thresholds.waiting and not unclear:
        why = "still waiting"
    if why is not None:
        return Telephone(phone=awaited.phone, why=why, questions=len(questions))
    due = _due(awaited, thresholds, calendar, unclear)
    if now < due:
        return LookAgain(at=due)
    if not awaited.can_ask:
        return Telephone(phone=awaited.phone, why="cannot be asked", questions=len(questions))
    return AskStatus()


def _unclear_at_the_end(questions: tuple[Question, ...]) -> int:
    count = 0
    for question in reversed(questions):
        if question.clear:
            break
        count += 1
    return count


def _due(
    awaited: Awaited, thresholds: Thresholds, calendar: WorkingCalendar, unclear: int
) -> datetime:
    if not awaited.questions:
        return calendar.add(awaited.handed_over_at, thresholds.late)
    wait = thresholds.unclear_again if unclear else thresholds.again
    return calendar.add(awaited.questions[-1].at, wait)
