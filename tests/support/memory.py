"""Messages to remember, and the two bodies that remember them: the double and the real one."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from depesha.adapters.memory.audit import MemoryAudit
from depesha.adapters.memory.blobs import MemoryBlobs
from depesha.adapters.memory.journal import MemoryJournal
from depesha.adapters.memory.notebook import MemoryNotebook
from depesha.adapters.memory.outbound import MemoryOutbound
from depesha.adapters.memory.overview import MemoryOverview
from depesha.adapters.memory.quarantine import MemoryQuarantine
from depesha.adapters.memory.state import MemoryState
from depesha.adapters.memory.store import MemoryStore
from depesha.adapters.memory.system import CountingIds, HandClock
from depesha.adapters.memory.tasks import MemoryTasks
from depesha.ports import (
    Audit,
    BlobStore,
    Clock,
    IdSource,
    Journal,
    MessageStore,
    Notebook,
    OutboundStore,
    Overview,
    Quarantine,
    TaskQueue,
)
from depesha.queue.opening import Memory, open_memory
from depesha.queue.postgres.opening import open_postgres
from depesha.schemas.envelope import (
    Attachment,
    Correspondent,
    DocumentReference,
    Envelope,
    Party,
    RegistrationNumber,
    Service,
)
from depesha.schemas.facts import Arrival, CertificateFacts, ContentFacts, SignatureFacts
from depesha.schemas.ids import Digest, Guid, MessageId, SerialNumber
from depesha.schemas.journal import SealKey
from depesha.schemas.lifecycle import InboundEvent, InboundState
from depesha.schemas.message import (
    Change,
    Claim,
    EvidenceKind,
    NewEvidence,
    NewMessage,
    NewTask,
    TaskKind,
)
from depesha.schemas.verdict import Caution, CheckRecord, Held, Hold, Passed, finding
from tests.support.postgres import quick_server

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SEAL_KEY = SealKey(bytes(range(32)))
BODIES = ("double", "sqlite", "postgres")
NETWORKS = ("seos", "ssev")


@dataclass(kw_only=True)
class Body:
    """The memory's ports under test, and the clock they go by."""

    store: MessageStore
    outbound: OutboundStore
    tasks: TaskQueue
    journal: Journal
    blobs: BlobStore
    quarantine: Quarantine
    overview: Overview
    audit: Audit
    notebook: Notebook
    clock: HandClock


@asynccontextmanager
async def body(kind: str, folder: Path) -> AsyncIterator[Body]:
    """Open the double or the real body over `folder`."""
    clock, ids = HandClock(START), CountingIds()
    if kind == "double":
        state, blobs = MemoryState(), MemoryBlobs(folder, clock)
        sealed = MemoryQuarantine(state, blobs, clock)
        yield Body(
            store=MemoryStore(state, clock),
            outbound=MemoryOutbound(state, clock),
            tasks=MemoryTasks(state, clock, ids),
            journal=MemoryJournal(state, clock, SEAL_KEY),
            blobs=blobs,
            quarantine=sealed,
            overview=MemoryOverview(state, clock, quarantine=sealed, networks=NETWORKS),
            audit=MemoryAudit(state),
            notebook=MemoryNotebook(state),
            clock=clock,
        )
        return
    async with opened_as(kind, folder, clock, ids) as memory:
        yield Body(
            store=memory.store,
            outbound=memory.outbound,
            tasks=memory.tasks,
            journal=memory.journal,
            blobs=memory.blobs,
            quarantine=memory.quarantine,
            overview=memory.overview,
            audit=memory.audit,
            notebook=memory.notebook,
            clock=clock,
        )


@asynccontextmanager
async def opened_as(
    kind: str, folder: Path, clock: Clock | None = None, ids: IdSource | None = None
) -> AsyncIterator[Memory]:
    """Open a real body by its name, PostgreSQL's with a database of its own."""
    if kind == "sqlite":
        async with opened(folder, clock, ids) as memory:
            yield memory
        return
    with quick_server().database() as url:
        memory = await open_postgres(
            url,
            folder,
            clock=clock or HandClock(START),
            ids=ids or CountingIds(),
            seal_key=SEAL_KEY,
            networks=NETWORKS,
            careless=True,
        )
        try:
            yield memory
        finally:
            await memory.close()


@asynccontextmanager
async def opened(
    folder: Path, clock: Clock | None = None, ids: IdSource | None = None
) -> AsyncIterator[Memory]:
    """Open the real body and close it again."""
    memory = await open_memory(
        folder,
        clock=clock or HandClock(START),
        ids=ids or CountingIds(),
        seal_key=SEAL_KEY,
        networks=NETWORKS,
    )
    try:
        yield memory
    finally:
        await memory.close()


def digest_of(text: str) -> Digest:
    return Digest(hashlib.sha256(text.encode()).hexdigest())


def guid_of(number: int, part: int = 0) -> Guid:
    return Guid(f"{part:08x}-0000-4000-8000-{number:012x}")


def id_of(number: int) -> MessageId:
    return MessageId(f"{number:032x}")


SENDER = Party(identifier="000000001", name="Община Пример", guid=guid_of(1, 0xA))
RECIPIENT = Party(identifier="000000002", name="Агенция Образец", guid=guid_of(2, 0xA))


def attachment(number: int, index: int) -> Attachment:
    return Attachment(
        index=index,
        name=f"Заявление {index}.pdf",
        media_type="application/pdf",
        size=75_000,
        digest=digest_of(f"file {number} {index}"),
    )


def envelope(
    number: int,
    *,
    transport: int | None = None,
    document: int | None = None,
    sender: Party = SENDER,
    network: str = "seos",
) -> Envelope:
    return Envelope(
        network=network,
        transport_id=guid_of(number if transport is None else transport, 0xB),
        created_at=START,
        sender=sender,
        recipient=RECIPIENT,
        document=DocumentReference(
            guid=guid_of(number if document is None else document, 0xC),
            number=RegistrationNumber(number=f"ПР-{number}", date=date(2026, 3, 2)),
        ),
        kind="Писмо",
        subject=f"Относно преписка {number}",
        correspondents=(Correspondent(name="Лице Примерно", city="Пример"),),
        service=Service(name="Услуга", kind="1", code="0000"),
        attachments=(attachment(number, 1), attachment(number, 2)),
    )


def arrival(
    number: int, *, content: int | None = None, envelope_: Envelope | None = None
) -> Arrival:
    letter = envelope_ or envelope(number)
    return Arrival(
        network=letter.network,
        received_at=START + timedelta(seconds=number),
        original=digest_of(f"original {number}"),
        original_size=105_000,
        envelope=letter,
        signature=SignatureFacts(
            finding=None,
            algorithm="rsa-sha256",
            certificate=CertificateFacts(
                serial=SerialNumber("1A2B3C"),
                subject="CN=example",
                issuer="CN=example CA",
                not_before=START - timedelta(days=1),
                not_after=START + timedelta(days=365),
                fingerprint=digest_of("certificate"),
            ),
        ),
        contents=tuple(
            ContentFacts(attachment=a, detected="application/pdf", safe_name=f"{a.index}.pdf")
            for a in letter.attachments
        ),
        content_digest=digest_of(f"content {number if content is None else content}"),
    )


NAMES = ("structure", "recipient", "limits", "participant", "signature", "duplicate", "formats")
CHECKS = (
    *(CheckRecord(check=name, verdict=Passed(), seconds=0.00012) for name in NAMES),
    CheckRecord(
        check="annexes",
        verdict=Passed(warnings=(finding(Caution.ANNEX_MISSING, listed=2, attached=1),)),
        seconds=0.0001,
    ),
    CheckRecord(
        check="malware",
        verdict=Held(finding=finding(Hold.SCANNER_UNAVAILABLE), retry=True),
        seconds=0.02,
    ),
)


def evidence(
    number: int | None,
    kind: EvidenceKind = EvidenceKind.VIEWED,
    *,
    at: datetime = START,
    wire: bytes = b"",
    **facts: str | float | list[str],
) -> NewEvidence:
    return NewEvidence(
        kind=kind,
        at=at,
        message_id=None if number is None else id_of(number),
        actor="gateway",
        facts=dict(facts),
        wire=wire,
    )


def task(kind: TaskKind = TaskKind.NOTICE, *, due: float = 0, **payload: str) -> NewTask:
    return NewTask(kind=kind, due_at=START + timedelta(seconds=due), payload=dict(payload))


def new_message(
    number: int,
    *,
    state: InboundState = InboundState.ADMITTED,
    arrived: Arrival | None = None,
    tasks: tuple[NewTask, ...] = (),
    wire: bytes = b"<answer/>",
) -> NewMessage:
    came = arrived or arrival(number)
    return NewMessage(
        id=id_of(number),
        state=state,
        arrival=came,
        checks=CHECKS,
        evidence=evidence(
            number, EvidenceKind.RECEIVED, wire=wire, original=came.original, state=state
        ),
        tasks=tasks,
    )


def number_of(text: str) -> RegistrationNumber:
    return RegistrationNumber(number=text, date=date(2026, 3, 2))


def registration(number: int, text: str, *, tasks: tuple[NewTask, ...] = ()) -> Change:
    return Change(
        message_id=id_of(number),
        event=InboundEvent.REGISTERED,
        evidence=evidence(number, EvidenceKind.REGISTERED, at=START + timedelta(minutes=1)),
        number=number_of(text),
        tasks=tasks,
    )


def step(
    number: int,
    event: InboundEvent | None,
    kind: EvidenceKind = EvidenceKind.NOTICE_TAKEN,
    *,
    completes: Claim | None = None,
    at: datetime = START + timedelta(minutes=2),
) -> Change:
    return Change(
        message_id=id_of(number),
        event=event,
        evidence=evidence(number, kind, at=at),
        completes=completes,
    )
