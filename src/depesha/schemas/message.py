"""A stored message, the changes that may be made to it, and the tasks that own it. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from depesha.schemas.envelope import Envelope, RegistrationNumber
from depesha.schemas.facts import Arrival
from depesha.schemas.ids import Digest, Guid, MessageId
from depesha.schemas.lifecycle import InboundEvent, InboundState
from depesha.schemas.verdict import CheckRecord, Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A received message as the store holds it now."""

    id: MessageId
    network: str
    state: InboundState
    received_at: datetime
    arrival: Arrival
    checks: tuple[CheckRecord, ...]
    changed_at: datetime
    number: RegistrationNumber | None = None
    """Ours, given by the registry (REG-04)."""
    registered_at: datetime | None = None
    acknowledged_at: datetime | None = None
    reason: str = ""
    """Why the registry declined it or ended the case, in a person's words."""
    other_documents: tuple[Guid, ...] = ()
    """Further document GUIDs under which the same document came again."""

    @property
    def envelope(self) -> Envelope | None:
        """What the message says about itself; None where it could not be read."""
        return self.arrival.envelope


class EvidenceKind(StrEnum):
    """What can stand in the journal."""

    RECEIVED = "RECEIVED"
    REPEATED = "REPEATED"
    RECHECKED = "RECHECKED"
    HANDED_OVER = "HANDED_OVER"
    REGISTERED = "REGISTERED"
    REFUSED = "REFUSED"
    RELEASED = "RELEASED"
    CLOSED = "CLOSED"
    NOTICE_TRIED = "NOTICE_TRIED"
    NOTICE_TAKEN = "NOTICE_TAKEN"
    INQUIRY_ANSWERED = "INQUIRY_ANSWERED"
    WORD_RECEIVED = "WORD_RECEIVED"
    PARKED = "PARKED"
    UNPARKED = "UNPARKED"
    VIEWED = "VIEWED"
    EXPORTED = "EXPORTED"
    SHREDDED = "SHREDDED"

    # Of a document on its way out.
    SUBMITTED = "SUBMITTED"
    SIGNED = "SIGNED"
    ROUTED = "ROUTED"
    """A plan of channels was made; the row says why each was taken or not (law 10)."""
    ATTEMPT_BEGUN = "ATTEMPT_BEGUN"
    """The intent of a try, written before it."""
    ATTEMPT_SETTLED = "ATTEMPT_SETTLED"
    ASKED = "ASKED"
    """The network or the recipient was asked what became of a document."""
    HEARD = "HEARD"
    """A word from outside about a document of ours."""
    RETURNED = "RETURNED"
    """Back to its author, with the defects."""
    RULED = "RULED"
    """A person decided."""
    SIGNALLED = "SIGNALLED"
    """A network's operator was told of trouble (FBK-03)."""
    TELEPHONE = "TELEPHONE"
    """A person is asked to ring the recipient up (LAT-02)."""

    # Of the store as a whole.
    RESTORED = "RESTORED"
    """It was put back from a back-up: what was done between the two moments is not known."""
    RECONCILED = "RECONCILED"
    """A person judged a restored store and approved it (BKP-10)."""
    DESTROYED = "DESTROYED"
    """Content whose time was over is gone: what, how much, by which rule (RET-06 to 09)."""

    # Of people at the console (AUD-01, AUD-03). The actor is `person:<login>`.
    LOGGED_IN = "LOGGED_IN"
    LOGIN_FAILED = "LOGIN_FAILED"
    LOGGED_OUT = "LOGGED_OUT"
    ACCOUNT_CHANGED = "ACCOUNT_CHANGED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    CONTENT_OPENED = "CONTENT_OPENED"
    """With purpose and ground (AUD-05)."""
    REPORTED = "REPORTED"
    """Something was drawn up and handed out, or the person in charge was told (AUD-11)."""
    OPERATED = "OPERATED"
    """A person paused, resumed or tested a network, or cleared a list; `decision` says which."""
    ATTENDED = "ATTENDED"
    """A person took a need, gave it back, or has seen a refusal; `decision` says which."""
    NOTED = "NOTED"
    """A person set something in the notebook; the row names its area and key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvidence:
    """One thing that happened, to be written in the same transaction as its effect (law 6)."""

    kind: EvidenceKind
    at: datetime
    message_id: MessageId | None
    actor: str
    """Who did it: `gateway`, `peer:<guid>`, `token:<name>`, `person:<login>`, `worker`."""
    facts: dict[str, str | int | float | list[str]] = field(default_factory=dict)
    """Codes, digests and numbers; no personal data, for it is never erased."""
    wire: bytes = b""
    """Bytes said or heard on the wire, kept with the row; only their digest is chained."""


class TaskKind(StrEnum):
    """Kinds of work the queue may hold."""

    NOTICE = "NOTICE"
    """Tell the sender a status until it is taken."""
    RECHECK = "RECHECK"
    """Look again at a held message."""
    WEBHOOK = "WEBHOOK"
    """Tell the registry that something happened."""
    QUARANTINE = "QUARANTINE"
    """Seal refused bytes away."""
    REGISTER = "REGISTER"
    """Let the built-in registry number a message."""
    DISPATCH = "DISPATCH"
    """Move a document of ours on its way: the one owner of its present step."""
    FOLLOW_UP = "FOLLOW_UP"
    """Watch a sent document that has no answer yet."""
    QUESTION = "QUESTION"
    """Ask a recipient what stands, after words that contradict each other."""
    SIGNAL = "SIGNAL"
    """Tell a network's operator of trouble on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """Work to be done later; durable with the change that causes it."""

    kind: TaskKind
    due_at: datetime
    payload: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A task leased to one worker. `lease` is the fencing token: a late worker cannot commit."""

    task_id: int
    kind: TaskKind
    message_id: MessageId | None
    payload: dict[str, str]
    attempts: int
    """Tries begun before this one."""
    created_at: datetime
    lease: str
    faults: int = 0
    """How often in a row it failed inside the gateway; those were no tries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """A task that gave up and waits for a person, with the reason (law 8)."""

    task_id: int
    kind: TaskKind
    message_id: MessageId | None
    reason: str
    parked_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message to be stored for the first time, with everything that belongs to it."""

    id: MessageId
    state: InboundState
    arrival: Arrival
    checks: tuple[CheckRecord, ...]
    evidence: NewEvidence
    tasks: tuple[NewTask, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One step of a stored message: event, fields, evidence and tasks, all or nothing."""

    message_id: MessageId
    event: InboundEvent | None
    """None where only evidence, an alias or tasks are added."""
    evidence: NewEvidence
    number: RegistrationNumber | None = None
    reason: str | None = None
    checks: tuple[CheckRecord, ...] | None = None
    arrival: Arrival | None = None
    """Newer facts of the same bytes (a recheck)."""
    other_document: Guid | None = None
    aliases: tuple[Guid, ...] | None = None
    """The other documents for which `tasks` were made; None: whatever they are. Where there are
    more by now the whole step is undone, for one of them would never be told."""
    tasks: tuple[NewTask, ...] = ()
    completes: Claim | None = None
    """The task this step fulfils; a lost lease undoes the whole step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A page of messages, oldest first, after a cursor."""

    states: tuple[InboundState, ...] = ()
    """Empty: all."""
    after: str = ""
    """Message id of the last row seen."""
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a query found; `next` is empty at the end."""

    messages: tuple[Message, ...]
    next: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The message is durable."""

    message_id: MessageId


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How the store stands: for health, metrics and the closing balance."""

    by_state: dict[str, int]
    oldest_waiting: datetime | None
    tasks_due: int
    oldest_due: datetime | None
    parked: int
    blob_digests: tuple[Digest, ...] = ()
    outbound_by_state: dict[str, int] = field(default_factory=dict)
    """Documents of ours on their way out."""
    oldest_outbound: datetime | None = None
    """When the oldest one that no network has yet was submitted; None where there is none."""


def shredding(digest: Digest, at: datetime) -> NewEvidence:
    """Return the row that goes with the destruction of a quarantine key.

    It belongs to no message: several refused ones may have sent the same bytes.
    """
    return NewEvidence(
        kind=EvidenceKind.SHREDDED,
        at=at,
        message_id=None,
        actor="gateway",
        facts={"digest": digest},
    )


def rejection_of(checks: tuple[CheckRecord, ...]) -> Finding | None:
    """Return the finding that refused the message, if one did."""
    return next((c.verdict.finding for c in checks if c.verdict.kind == "rejected"), None)


def holds_of(checks: tuple[CheckRecord, ...]) -> tuple[Finding, ...]:
    """Return the findings that keep the message from the registry."""
    return tuple(c.verdict.finding for c in checks if c.verdict.kind == "held")


def warnings_of(checks: tuple[CheckRecord, ...]) -> tuple[Finding, ...]:
    """Return the soft findings that travel with the message."""
    return tuple(w for c in checks if c.verdict.kind == "passed" for w in c.verdict.warnings)
