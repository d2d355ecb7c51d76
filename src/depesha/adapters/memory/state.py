"""What the in-memory store, task queue and journal share: plain tables, no I/O, no threads.

Everything between two `await`s is a transaction; a step that may raise looks before it writes.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from depesha.errors import LostLeaseError
from depesha.schemas.evidence import GENESIS, EvidenceRecord, Seal
from depesha.schemas.ids import Digest, MessageId
from depesha.schemas.journal import next_record
from depesha.schemas.message import Claim, Message, NewEvidence, NewTask, TaskKind
from depesha.schemas.outbound import OutboundMessage
from depesha.schemas.overview import Need
from depesha.schemas.overview_filing import need_of
from depesha.schemas.people import Person, Session
from depesha.schemas.route import ChannelHealth


@dataclass(slots=True)
class Task:
    """A row of the queue. While leased, `due_at` is when the lease ends."""

    task_id: int
    kind: TaskKind
    message_id: MessageId | None
    """Of a received message, or of a document of ours."""
    payload: dict[str, str]
    created_at: datetime
    due_at: datetime
    attempts: int = 0
    faults: int = 0
    lease: str = ""
    parked_at: datetime | None = None
    reason: str = ""


@dataclass(slots=True)
class Entry:
    """A document of either direction, in the order in which they were stored."""

    row: int
    at: datetime
    standing: tuple[str, str, Need | None]
    since: datetime


@dataclass(slots=True)
class MemoryState:
    """The tables. Give the same state to the doubles that belong together."""

    messages: dict[MessageId, Message] = field(default_factory=dict)
    identities: dict[str, MessageId] = field(default_factory=dict)
    outbound: dict[MessageId, OutboundMessage] = field(default_factory=dict)
    submissions: dict[tuple[str, str], tuple[MessageId, Digest]] = field(default_factory=dict)
    """Actor and idempotency key → document, and the digest of the request."""
    health: dict[tuple[str, str], ChannelHealth] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    sessions: dict[Digest, Session] = field(default_factory=dict)
    notes: dict[tuple[str, str], bytes] = field(default_factory=dict)
    tasks: dict[int, Task] = field(default_factory=dict)
    evidence: list[tuple[EvidenceRecord, bytes]] = field(default_factory=list)
    seals: list[Seal] = field(default_factory=list)
    entries: dict[MessageId, Entry] = field(default_factory=dict)
    proof: tuple[datetime, int] | None = None
    """When the whole chain was last verified, and how many rows it had."""
    waiting: set[asyncio.Future[None]] = field(default_factory=set)
    last_task: int = 0

    def file(self, document: Message | OutboundMessage, at: datetime) -> None:
        """Note when a document was stored."""
        standing = (document.network, document.state, need_of(document))
        row = len(self.entries) + 1
        self.entries[document.id] = Entry(row=row, at=at, standing=standing, since=at)

    def refile(self, document: Message | OutboundMessage) -> None:
        """Note since when a document stands as it does."""
        standing = (document.network, document.state, need_of(document))
        entry = self.entries[document.id]
        if entry.standing != standing:
            entry.standing, entry.since = standing, document.changed_at

    def append(self, new: NewEvidence) -> int:
        """Append a row to the chain; return its number."""
        previous = self.evidence[-1][0].hash if self.evidence else GENESIS
        record = next_record(len(self.evidence) + 1, previous, new)
        self.evidence.append((record, new.wire))
        return record.sequence

    def add_tasks(
        self, message_id: MessageId, tasks: tuple[NewTask, ...], created_at: datetime
    ) -> None:
        """Store work and wake whoever waits for some."""
        for task in tasks:
            self.last_task += 1
            self.tasks[self.last_task] = Task(
                task_id=self.last_task,
                kind=task.kind,
                message_id=message_id,
                payload=dict(task.payload),
                created_at=created_at,
                due_at=task.due_at,
            )
        if tasks:
            self.ring()

    def held(self, claim: Claim) -> Task:
        """Return the task a claim holds; raise `LostLeaseError` where it holds none."""
        task = self.tasks.get(claim.task_id)
        if task is None or task.lease != claim.lease:
            raise LostLeaseError("the lease of this task has passed to another worker")
        return task

    def ring(self) -> None:
        """Wake whoever waits for work."""
        for future in self.waiting:
            if not future.done():
                future.set_result(None)
