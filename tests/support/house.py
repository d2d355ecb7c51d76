"""The gateway's decisions over doubles and a hand-moved clock, for tests of the whole way in."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, BinaryIO

from depesha.adapters.memory.blobs import MemoryBlobs
from depesha.adapters.memory.directory import MemoryDirectory
from depesha.adapters.memory.journal import MemoryJournal
from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.memory.outbound import MemoryOutbound
from depesha.adapters.memory.quarantine import MemoryQuarantine
from depesha.adapters.memory.scanner import MemoryScanner
from depesha.adapters.memory.state import MemoryState
from depesha.adapters.memory.store import MemoryStore
from depesha.adapters.memory.system import (
    CountingIds,
    FixedJitter,
    HandClock,
    InlineThreads,
)
from depesha.adapters.memory.tasks import MemoryTasks
from depesha.adapters.system import NoCheckpoint
from depesha.gateway.breakers import Breakers
from depesha.gateway.calendar import WorkingCalendar
from depesha.gateway.checks.chain import Chain
from depesha.gateway.departures import Departures
from depesha.gateway.desk import RegistryDesk
from depesha.gateway.followup import FollowUpPolicy
from depesha.gateway.hearing import Hearing
from depesha.gateway.inbound import Inbound
from depesha.gateway.labour import Labour
from depesha.gateway.retry import NOTICES
from depesha.gateway.tasks import FollowUps
from depesha.schemas.envelope import Attachment, DocumentReference
from depesha.schemas.facts import Arrival, ContentFacts
from depesha.schemas.ids import Digest, Guid, MessageId, message_id
from depesha.schemas.message import TaskKind
from depesha.schemas.outcome import Delivered, Outcome
from depesha.schemas.participant import Participant, ParticipantStatus
from depesha.schemas.policy import Policy
from tests.support import memory

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from depesha.gateway.reconciling import Doubts
    from depesha.ports import (
        Checkpoint,
        Journal,
        MessageStore,
        Numbers,
        OutboundStore,
        TaskQueue,
    )
    from depesha.schemas.answer import Answer, Notice, StatusAnswer

PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF\n"


@dataclass
class ToldNotices:
    """A sender that takes notices, or does not: `answers` are used up first, then all is taken."""

    told: list[StatusAnswer] = field(default_factory=list)
    answers: list[Outcome] = field(default_factory=list)
    network: str = "seos"

    async def notify(self, notice: Notice) -> Outcome:
        self.told.append(notice.answer)
        return self.answers.pop(0) if self.answers else Delivered(receipt=b"")


@dataclass
class ToldHooks:
    """A registry's software that hears of every event."""

    wanted: frozenset[str] = frozenset()
    heard: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    answers: list[Outcome] = field(default_factory=list)

    def listeners(self, event: str) -> tuple[str, ...]:
        return ("hook",) if event in self.wanted else ()

    async def deliver(self, _name: str, delivery: str, event: dict[str, str]) -> Outcome:
        self.heard.append((delivery, event))
        return self.answers.pop(0) if self.answers else Delivered()


@dataclass
class Originals:
    """Knows what each stored original holds, as a network's extractor would read it."""

    arrivals: dict[Digest, Arrival] = field(default_factory=dict)
    files: dict[Digest, list[bytes]] = field(default_factory=dict)
    network: str = "seos"

    def read(self, original: Path, at: datetime) -> Arrival:
        return replace(self.arrivals[_digest(original.read_bytes())], received_at=at)

    def extract(self, original: Path, index: int, into: BinaryIO) -> None:
        into.write(self.files[_digest(original.read_bytes())][index - 1])


def _digest(data: bytes) -> Digest:
    return Digest(hashlib.sha256(data).hexdigest())


class House:
    """Everything between the networks and the store, put together anew by `boot`."""

    def __init__(
        self,
        folder: Path,
        clock: HandClock | None = None,
        ids: CountingIds | None = None,
        store: type[MemoryStore] = MemoryStore,
    ) -> None:
        """`store` may watch what goes through it, or put something between two calls."""
        self._store = store
        self.clock = clock or HandClock(memory.START)
        self.ids = ids or CountingIds()
        self.state = MemoryState()
        self.blobs = MemoryBlobs(folder, self.clock)
        self.scanner = MemoryScanner()
        self.sender = ToldNotices()
        self.hooks = ToldHooks()
        self.originals = Originals()
        self.observer = RecordingObserver()
        self.builtin = False
        self.numbers: Numbers | None = None
        self.doubts: Doubts | None = None
        self.directory = MemoryDirectory(_participant(), clock=self.clock)
        self.said: list[Answer] = []
        self.boot()

    def remember(self) -> None:
        """Take the memory's parts; another house may have the real ones."""
        self.store: MessageStore = self._store(self.state, self.clock)
        self.tasks: TaskQueue = MemoryTasks(self.state, self.clock, self.ids)
        self.journal: Journal = MemoryJournal(self.state, self.clock, memory.SEAL_KEY)
        self.outbound: OutboundStore = MemoryOutbound(self.state, self.clock)

    def boot(self, checkpoint: Checkpoint | None = None) -> None:
        """Start anew over what is stored, as after a death of the process."""
        at = checkpoint or NoCheckpoint()
        self.remember()
        chain = Chain(
            directories={"seos": self.directory},
            store=self.store,
            blobs=self.blobs,
            scanner=self.scanner,
            clock=self.clock,
            observer=self.observer,
            policy=_policy(),
        )
        follow_ups = FollowUps(webhooks=self.hooks, builtin_registry=self.builtin)
        self.breakers = Breakers()
        self.departures = Departures(
            webhooks=self.hooks,
            breakers=self.breakers,
            policy=FollowUpPolicy(),
            calendar=WorkingCalendar(zone=UTC),
            clock=self.clock,
            observer=self.observer,
        )
        hearing = Hearing(
            store=self.outbound, departures=self.departures, clock=self.clock, checkpoint=at
        )
        self.inbound = Inbound(
            chain=chain,
            store=self.store,
            journal=self.journal,
            follow_ups=follow_ups,
            hearing=hearing,
            clock=self.clock,
            ids=self.ids,
            observer=self.observer,
            checkpoint=at,
        )
        self.desk = RegistryDesk(
            store=self.store,
            journal=self.journal,
            blobs=self.blobs,
            extractors={"seos": self.originals},
            follow_ups=follow_ups,
            clock=self.clock,
            threads=InlineThreads(),
            observer=self.observer,
            checkpoint=at,
        )
        self.labour = Labour(
            chain=chain,
            store=self.store,
            tasks=self.tasks,
            blobs=self.blobs,
            quarantine=MemoryQuarantine(self.state, self.blobs, self.clock),
            desk=self.desk,
            notifiers={"seos": self.sender},
            extractors={"seos": self.originals},
            webhooks=self.hooks,
            numbers=self.numbers,
            journal=self.journal,
            doubts=self.doubts,
            follow_ups=follow_ups,
            notice_schedule=NOTICES,
            quarantine_for=timedelta(days=30),
            clock=self.clock,
            ids=self.ids,
            jitter=FixedJitter(),
            threads=InlineThreads(),
            observer=self.observer,
            checkpoint=at,
        )

    def arrival(
        self,
        number: int,
        *files: bytes,
        transport: int | None = None,
        document: int | None = None,
        content: int | None = None,
    ) -> Arrival:
        """Make an arrival with these files; its original and files are kept as blobs."""
        contents = files or (PDF + str(number if content is None else content).encode(),)
        letter = memory.envelope(number, transport=transport, document=document)
        attachments = tuple(
            Attachment(
                index=index,
                name=f"pismo{index}.pdf",
                media_type="application/pdf",
                size=len(data),
                digest=self.blobs.put(data, durable=False),
            )
            for index, data in enumerate(contents, start=1)
        )
        letter = replace(letter, attachments=attachments, subject="Писмо")
        if content is not None:
            number_of = memory.envelope(content).document.number
            letter = replace(
                letter, document=DocumentReference(guid=letter.document.guid, number=number_of)
            )
        original = self.blobs.put(f"original {number} {transport} {document}".encode())
        known = replace(
            memory.arrival(number, content=content, envelope_=letter),
            original=original,
            received_at=self.clock.now() - timedelta(seconds=10),
            contents=tuple(
                ContentFacts(attachment=a, detected="application/pdf", safe_name=a.name)
                for a in attachments
            ),
        )
        self.originals.arrivals[original] = known
        self.originals.files[original] = list(contents)
        return known

    async def receive(self, arrival: Arrival) -> Answer:
        """Let the gateway receive it; return what was answered."""
        answers: list[Answer] = []

        async def reply(answer: Answer) -> bytes:
            answers.append(answer)
            return repr(answer).encode()

        wire = await self.inbound.receive(arrival, reply)
        self.said.append(answers[-1])
        assert wire == repr(answers[-1]).encode()
        return answers[-1]

    async def work(self, *kinds: TaskKind) -> int:
        """Do every task that is due; return how many were done."""
        count = 0
        while claims := await self.tasks.claim(kinds or tuple(TaskKind), 1, 60.0):
            await self.labour.do(claims[0])
            count += 1
        return count

    def only(self) -> MessageId:
        """The id of the one message stored."""
        (found,) = self.state.messages
        return message_id(found)


def _participant() -> Participant:
    sender = memory.SENDER
    assert sender.guid is not None
    return Participant(
        guid=sender.guid,
        identifier=sender.identifier,
        name=sender.name,
        status=ParticipantStatus.ACTIVE,
        serial=None,
        url="https://primer.example/seos",
        phone="02 000 000",
    )


def _policy() -> Policy:
    us = memory.RECIPIENT
    assert us.guid is not None
    return Policy(own_identifiers=frozenset({us.identifier}), own_guids=frozenset({Guid(us.guid)}))
