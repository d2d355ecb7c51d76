"""A stored document on its way out, and the changes that may be made to it. Values only.

What a change makes of a document is said in `outbound_change.py`. Personal data may stand in these
values; they never go to a log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from depesha.errors import Blame
from depesha.schemas.answer import DocumentStatus
from depesha.schemas.dispatch import Attempt, AttemptOutcome, Dispatch
from depesha.schemas.envelope import RegistrationNumber
from depesha.schemas.facts import ContentFacts
from depesha.schemas.ids import Digest, Guid, MessageId
from depesha.schemas.message import Claim, NewEvidence, NewTask
from depesha.schemas.outbound_lifecycle import Hearing, OutboundEvent, OutboundState
from depesha.schemas.outcome import Outcome
from depesha.schemas.route import ChannelHealth, Plan, Reasoned


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One status question of ours, and what came of it."""

    at: datetime
    clear: bool
    """The recipient told a state in a believed answer. One that says "registered" or "declined"
    changes the document's state and ends the following up; so a clear one says "waiting"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundMessage:
    """A document of ours as the store holds it now."""

    id: MessageId
    """Of the same kind as a received message's, so that one name finds either."""
    state: OutboundState
    dispatch: Dispatch
    contents: tuple[ContentFacts, ...]
    """What the files' bytes are, in the order of `dispatch.files`."""
    actor: str
    """Who submitted it: `token:<name>`, `outbox`."""
    changed_at: datetime
    release: Digest | None = None
    """Blob of the signed statement that the document was released: number, parties, digests."""
    attempts: tuple[Attempt, ...] = ()
    plan: Plan | None = None
    """The last one made, with its reasons (law 10)."""
    defects: tuple[Reasoned, ...] = ()
    """Why it went back to its author."""
    handed_over_at: datetime | None = None
    """When a network took it, for the follow-up."""
    number: RegistrationNumber | None = None
    """The recipient's own (REG-02)."""
    answered_at: datetime | None = None
    """When the recipient gave its number or declined."""
    reason: str = ""
    """Why the recipient declined or stopped it, or a person's words on a decision."""
    expected_close: date | None = None
    questions: tuple[Question, ...] = ()
    """Of the follow-up, oldest first; questions after an unclear try are counted at the try."""
    person_told_at: datetime | None = None
    """When a person was asked to telephone."""
    fallback_confirmed: bool = False
    resumed_at: datetime | None = None

    @property
    def network(self) -> str:
        """Network of the latest try; empty before the first."""
        return self.attempts[-1].network if self.attempts else ""

    def attempt(self, attempt_id: str) -> Attempt | None:
        """Return one of its tries."""
        return next((one for one in self.attempts if one.id == attempt_id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOutbound:
    """A document to be stored for the first time, in state SUBMITTED."""

    message: OutboundMessage
    request: Digest
    """Of everything the registry asked for: the same key with another request is a conflict."""
    evidence: NewEvidence
    tasks: tuple[NewTask, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The document is durable; `repeated`: it was before, under the same idempotency key."""

    message: OutboundMessage
    repeated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """How one try ended, or what is known of it by now."""

    attempt: str
    outcome: AttemptOutcome
    code: str = ""
    blame: Blame | None = None
    document_refused: bool = False
    reference: str = ""
    """Empty: as it was."""
    asked: bool = False
    """A question brought no clear answer: counted at the try."""
    asked_from_zero: bool = False
    """A person wants it asked about again: questions are counted anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundWord:
    """Something heard from outside about a document of ours; judged at the commit."""

    event: OutboundEvent
    attempt: str = ""
    """Of which try it speaks; empty: of the document as a whole."""
    asked: bool = False
    """It is the believed answer to a question of ours."""
    number: RegistrationNumber | None = None
    reason: str = ""
    expected_close: date | None = None


class Ending(StrEnum):
    """What becomes of the task under which a change is made."""

    KEPT = "KEPT"
    """Still held: more steps follow. A lost lease undoes the change."""
    DONE = "DONE"
    LATER = "LATER"
    """Given back, due at `due_at`."""
    PARKED = "PARKED"
    """Handed to a person, with `park_reason`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundChange:
    """One step of a document: decisions, a word, a try, tasks, evidence: all or nothing.

    The store itself keeps the task that owns the state it leads to (law 8): DISPATCH where a task
    must act, FOLLOW_UP where an answer is awaited, neither where a person or nobody does.
    """

    message_id: MessageId
    evidence: NewEvidence
    """Its facts are completed by the store with `state`, and for a word with `hearing`."""
    events: tuple[OutboundEvent, ...] = ()
    """Decisions of ours, in order; out of place they undo the change."""
    word: OutboundWord | None = None
    """Judged after the events."""
    begin: Attempt | None = None
    """The intent of a try; its number is given by the store."""
    fence: tuple[str, ...] = ()
    """Tries to be marked "must not be sent"."""
    settle: Settlement | None = None
    question: Question | None = None
    release: Digest | None = None
    plan: Plan | None = None
    defects: tuple[Reasoned, ...] = ()
    reason: str | None = None
    person_told_at: datetime | None = None
    fallback_confirmed: bool | None = None
    resumed_at: datetime | None = None
    tasks: tuple[NewTask, ...] = ()
    dispatch_at: datetime | None = None
    """When the next step is due where the change leaves the document to a task; None: at once."""
    follow_up_at: datetime | None = None
    """When the answer is first looked for where the change leaves it awaited; None: at once."""
    on_entering: Mapping[OutboundState, tuple[NewTask, ...]] = field(default_factory=dict)
    """Tasks for the state that the change leads to, where it was another before."""
    on_contradiction: tuple[NewTask, ...] = ()
    """Tasks where the word contradicts what stands."""
    health: tuple[ChannelHealth, ...] = ()
    """What the step taught about channels and peers, written over what was known."""
    claim: Claim | None = None
    """The task it is made under; a lost lease undoes the whole step."""
    ending: Ending = Ending.KEPT
    due_at: datetime | None = None
    park_reason: str = ""
    tried: bool = True
    """For LATER: whether this counts among the task's tries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundChanged:
    """The document after a change, and what became of the word."""

    message: OutboundMessage
    hearing: Hearing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundQuery:
    """A page of documents of ours, oldest first, after a cursor."""

    states: tuple[OutboundState, ...] = ()
    """Empty: all."""
    after: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundPage:
    """What a query found; `next` is empty at the end."""

    messages: tuple[OutboundMessage, ...]
    next: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The very bytes of a try, durable before it begins (SND-06)."""

    payload: Digest
    transport_id: Guid
    """New, or that of an earlier try whose bytes are the same."""
    reference: str = ""
    """The network's own name for the message, where we choose it (mail: Message-ID)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TryReport:
    """What a network tells later of a try of ours: opened, bounced, delayed."""

    network: str
    received_at: datetime
    original: Digest
    """Blob of what was heard."""
    name: str
    """Transport id or reference of the try."""
    outcome: Outcome
    actor: str
    """Who says so, in the journal: `network:ssev`, `mail-server`; no personal data."""


class Decision(StrEnum):
    """What a person may decide about a document of ours."""

    RESUME = "resume"
    """Try again: earlier failures and refusals bar nothing any more."""
    ASK_AGAIN = "ask_again"
    """Ask the network once more what became of an unclear try."""
    RULE_ABSENT = "rule_absent"
    """It is not there, as the person found out by another road: it may be sent again."""
    RULE_THERE = "rule_there"
    """It is there, as the person found out by another road: it is not sent again."""
    RETURN = "return"
    """Give it back to its author; nothing is sent any more."""
    CONFIRM_FALLBACK = "confirm_fallback"
    """A later choice of network may be used (FBK-08)."""


class SignalKind(StrEnum):
    """What a network's operator is told (FBK-03)."""

    CHANNEL_DOWN = "channel.down"
    CHANNEL_BACK = "channel.back"
    FALLBACK = "dispatch.fallback"
    STUCK = "dispatch.stuck"
    """Every road of a document is barred (S12)."""
    NOT_PERMITTED = "channel.not_permitted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A word to a network's operator; names no person and no content."""

    kind: SignalKind
    network: str
    at: datetime
    message_id: str = ""
    instead: str = ""
    """Network that a fallback took."""
    code: str = ""
    peer: str = ""
    """Identifier of the body that was not reached."""


def status_number(
    status: DocumentStatus, number: RegistrationNumber | None
) -> RegistrationNumber | None:
    """Return a recipient's number where its status may carry one (SEOS facts 6.4)."""
    carries = {DocumentStatus.REGISTERED, DocumentStatus.STOPPED, DocumentStatus.CLOSED}
    return number if status in carries else None
