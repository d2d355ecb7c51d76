"""The way out over doubles and a hand-moved clock: decisions, store, three networks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from depesha.adapters.memory.blobs import MemoryBlobs
from depesha.adapters.memory.channel import MemoryChannel
from depesha.adapters.memory.directory import MemoryDirectory
from depesha.adapters.memory.journal import MemoryJournal
from depesha.adapters.memory.notebook import MemoryNotebook
from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.memory.outbound import MemoryOutbound
from depesha.adapters.memory.scanner import MemoryScanner
from depesha.adapters.memory.state import MemoryState
from depesha.adapters.memory.system import CountingIds, FixedJitter, HandClock, InlineThreads
from depesha.adapters.memory.tasks import MemoryTasks
from depesha.adapters.system import NoCheckpoint
from depesha.gateway import retry
from depesha.gateway.bars import RoutingPolicy
from depesha.gateway.breakers import Breakers
from depesha.gateway.calendar import WorkingCalendar
from depesha.gateway.committing import Committing
from depesha.gateway.departures import Departures
from depesha.gateway.following import Following
from depesha.gateway.followup import FollowUpPolicy
from depesha.gateway.hearing import Hearing
from depesha.gateway.leaving import Leaving
from depesha.gateway.outbound import OutboundDesk
from depesha.gateway.pauses import Pauses
from depesha.gateway.planning import Planner
from depesha.gateway.recipients import Recipients
from depesha.gateway.sending import Sending
from depesha.gateway.signals import Signalling
from depesha.gateway.submission import SubmissionPolicy
from depesha.gateway.trying import Trying
from depesha.schemas import mediatypes
from depesha.schemas.dispatch import Dispatch, Quality
from depesha.schemas.envelope import Attachment, DocumentReference, Party, RegistrationNumber
from depesha.schemas.facts import ContentFacts, FileSignature
from depesha.schemas.ids import Guid
from depesha.schemas.message import TaskKind
from depesha.schemas.outcome import Delivered, Outcome
from depesha.schemas.participant import Participant, ParticipantStatus
from tests.support import memory

if TYPE_CHECKING:
    from depesha.ports import Checkpoint, Journal, Notebook, OutboundStore, TaskQueue
    from depesha.schemas.message import Claim
    from depesha.schemas.outbound import OutboundMessage, Signal

US = Party(
    identifier="000000001", name="Община Пример", guid=Guid("1" * 8 + "-1111" * 3 + "-" + "1" * 12)
)
THEM = Party(
    identifier="000000002",
    name="Агенция Образец",
    guid=Guid("2" * 8 + "-2222" * 3 + "-" + "2" * 12),
)


@dataclass
class ToldSignals:
    """`ports.Signals` that remembers."""

    told: list[Signal] = field(default_factory=list)

    async def tell(self, signal: Signal) -> Outcome:
        self.told.append(signal)
        return Delivered()


class Seal:
    """`ports.Signer` that only marks: what is signed is proven where real keys are."""

    def sign(self, document: bytes, algorithm: str) -> bytes:
        return document + b"<!--" + algorithm.encode() + b"-->"


class NoHooks:
    """`ports.Webhooks` with nobody listening."""

    def listeners(self, _event: str) -> tuple[str, ...]:
        return ()

    async def deliver(self, *_: object) -> Outcome:
        raise AssertionError("nobody listens")


class Departing:
    """Everything between the registry and three networks, put together anew by `boot`."""

    def __init__(
        self,
        folder: object,
        clock: HandClock | None = None,
        ids: CountingIds | None = None,
        **policy: object,
    ) -> None:
        self.clock = clock or HandClock(memory.START)
        self.ids = ids or CountingIds()
        self.state = MemoryState()
        self.blobs = MemoryBlobs(folder, self.clock)  # type: ignore[arg-type]  # a Path
        self.scanner = MemoryScanner()
        self.observer = RecordingObserver()
        self.signals = ToldSignals()
        self.directory = MemoryDirectory(_participant(), clock=self.clock)
        make = {"blobs": self.blobs, "clock": self.clock, "ids": self.ids}
        self.seos = MemoryChannel("seos", **make)  # type: ignore[arg-type]  # the three above
        self.ssev = MemoryChannel("ssev", proves=False, **make)  # type: ignore[arg-type]
        self.mail = MemoryChannel(
            "email",
            quality=Quality.SIGNED_MAIL,
            can_ask=False,
            proves=False,
            **make,  # type: ignore[arg-type]
        )
        self.policy = RoutingPolicy(**policy)  # type: ignore[arg-type]  # fields of it
        self.numbers = 0
        self.boot()

    def remember(self) -> None:
        """Take the memory's parts; another house may have the real ones."""
        self.store: OutboundStore = MemoryOutbound(self.state, self.clock)
        self.tasks: TaskQueue = MemoryTasks(self.state, self.clock, self.ids)
        self.journal: Journal = MemoryJournal(self.state, self.clock, memory.SEAL_KEY)

    def boot(self, checkpoint: Checkpoint | None = None) -> None:
        """Start anew over what is stored, as after a death of the process."""
        at = checkpoint or NoCheckpoint()
        clock, observer = self.clock, self.observer
        self.remember()
        self.channels = {one.network: one for one in (self.seos, self.ssev, self.mail)}
        self.breakers = Breakers()
        self.departures = Departures(
            webhooks=NoHooks(),
            breakers=self.breakers,
            policy=FollowUpPolicy(),
            calendar=WorkingCalendar(zone=UTC),
            clock=clock,
            observer=observer,
        )
        self.notebook: Notebook = MemoryNotebook(self.state)
        self.pauses = Pauses(self.notebook, clock)
        planner = Planner(self.channels, self.breakers, self.policy, clock, self.pauses)
        self.desk = OutboundDesk(
            store=self.store,
            journal=self.journal,
            planner=planner,
            departures=self.departures,
            recipients=Recipients(directories={"seos": self.directory}, channels=self.channels),
            policy=SubmissionPolicy(own_identifiers=frozenset({US.identifier})),
            zone=ZoneInfo("Europe/Sofia"),
            clock=clock,
            ids=self.ids,
            checkpoint=at,
        )
        committing = Committing(store=self.store, departures=self.departures, clock=clock)
        trying = Trying(
            committing=committing,
            channels=self.channels,
            questions=retry.QUESTIONS,
            clock=clock,
            jitter=FixedJitter(),
            observer=observer,
            checkpoint=at,
        )
        self.sending = Sending(
            store=self.store,
            tasks=self.tasks,
            channels=self.channels,
            planner=planner,
            leaving=Leaving(
                scanner=self.scanner,
                scan_seconds=5.0,
                signer=Seal(),
                blobs=self.blobs,
                threads=InlineThreads(),
                observer=observer,
            ),
            committing=committing,
            trying=trying,
            clock=clock,
            ids=self.ids,
            jitter=FixedJitter(),
            checkpoint=at,
        )
        self.following = Following(
            store=self.store,
            tasks=self.tasks,
            channels=self.channels,
            departures=self.departures,
            directory=self.directory,
            questions=retry.QUESTIONS,
            clock=clock,
            jitter=FixedJitter(),
            observer=observer,
        )
        self.signalling = Signalling(
            signals=self.signals,
            tasks=self.tasks,
            clock=clock,
            jitter=FixedJitter(),
            observer=observer,
        )
        self.hearing = Hearing(
            store=self.store, departures=self.departures, clock=clock, checkpoint=at
        )

    def dispatch(
        self, more: bytes = b"", **changes: object
    ) -> tuple[Dispatch, tuple[ContentFacts, ...]]:
        """Make a sound document with one signed PDF; its file is kept as a blob."""
        self.numbers += 1
        data = b"%PDF-1.7 " + str(self.numbers).encode() + more
        file = Attachment(
            index=1,
            name="pismo.pdf",
            media_type=mediatypes.PDF,
            size=len(data),
            digest=self.blobs.put(data),
        )
        fields: dict[str, object] = {
            "idempotency_key": f"key-{self.numbers}",
            "submitted_at": self.clock.now(),
            "sender": US,
            "recipient": THEM,
            "document": DocumentReference(
                guid=self.ids.guid(),
                number=RegistrationNumber(number=f"ИЗХ-{self.numbers}", date=date(2020, 1, 2)),
            ),
            "kind": "писмо",
            "subject": "Относно справка",
            "files": (file,),
        }
        facts = ContentFacts(
            attachment=file,
            detected=mediatypes.PDF,
            safe_name=file.name,
            signatures=(FileSignature(form="PAdES", signer=""),),
        )
        return Dispatch(**fields | changes), (facts,)  # type: ignore[arg-type]  # named fields

    async def submit(self, **changes: object) -> OutboundMessage:
        """Submit a sound document."""
        dispatch, contents = self.dispatch(b"", **changes)
        return (await self.desk.submit(dispatch, contents, "token:test")).message

    async def work(self, rounds: int = 200) -> None:
        """Do every task that is due now; fail where that does not come to an end."""
        for _ in range(rounds):
            claims = await self.tasks.claim(tuple(TaskKind), 1, 60.0)
            if not claims:
                return
            await self.one(claims[0])
        raise AssertionError("the tasks do not come to an end")

    async def one(self, claim: Claim) -> str:
        """Do one task."""
        if claim.kind is TaskKind.DISPATCH:
            return await self.sending.do(claim)
        if claim.kind is TaskKind.SIGNAL:
            return await self.signalling.do(claim)
        return await self.following.do(claim)

    async def live(self, span: timedelta, step: timedelta = timedelta(seconds=30)) -> None:
        """Let time pass, doing what falls due."""
        end = self.clock.now() + span
        await self.work()
        while self.clock.now() < end:
            self.clock.advance(step.total_seconds())
            await self.work()


def _participant() -> Participant:
    if THEM.guid is None:
        raise AssertionError
    return Participant(
        guid=THEM.guid,
        identifier=THEM.identifier,
        name=THEM.name,
        status=ParticipantStatus.ACTIVE,
        serial=None,
        url="https://peer.example/",
        phone="+359 2 000 000",
    )
