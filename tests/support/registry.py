"""What tests of the registry's side share: messages, a desk to test, a running API."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol

import aiohttp
from aiohttp.test_utils import TestServer

from depesha.adapters.memory.blobs import MemoryBlobs
from depesha.adapters.memory.desk import MemoryDesk
from depesha.adapters.memory.journal import MemoryJournal
from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.memory.state import MemoryState
from depesha.adapters.memory.store import MemoryStore
from depesha.adapters.memory.system import InlineThreads
from depesha.adapters.memory.tasks import MemoryTasks
from depesha.adapters.registry.api import build_app
from depesha.adapters.registry.feed import Bell, RingingObserver
from depesha.adapters.registry.routes import Parts
from depesha.adapters.registry.settings import RegistryApiSettings, SubmissionLimits
from depesha.adapters.registry.tokens import Scope, TokenStore
from depesha.adapters.system import NoCheckpoint, SystemClock, SystemIds, WorkerThreads
from depesha.gateway.desk import RegistryDesk
from depesha.gateway.tasks import FollowUps
from depesha.ports import Desk, Journal
from depesha.schemas.envelope import (
    Attachment,
    Correspondent,
    DocumentReference,
    Envelope,
    Party,
    RegistrationNumber,
)
from depesha.schemas.facts import Arrival, ContentFacts, SignatureFacts
from depesha.schemas.ids import Digest, Guid, MessageId
from depesha.schemas.journal import SealKey
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import EvidenceKind, Message, NewEvidence, NewMessage
from depesha.schemas.outcome import Outcome, Refused
from depesha.schemas.participant import DirectoryState, Participant, ParticipantStatus
from depesha.schemas.verdict import (
    Caution,
    CheckRecord,
    Finding,
    Held,
    Hold,
    Passed,
    Rejected,
    Rejection,
    Verdict,
    finding,
)
from tests.support.registry_outbound import OutboundBody

FILES = {"Заявление.pdf": b"%PDF-1.7 one", "scan.txt": b"two"}
WHEN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TODAY = date(2026, 3, 2)
NUMBER = RegistrationNumber(number="ВХ-567/02.03.2026", date=TODAY)

_VERDICTS: dict[InboundState, Verdict] = {
    InboundState.ADMITTED: Passed(warnings=(finding(Caution.ANNEX_MISSING, name="Приложение 2"),)),
    InboundState.HELD: Held(finding=finding(Hold.SCANNER_UNAVAILABLE), retry=True),
    InboundState.REJECTED: Rejected(finding=finding(Rejection.MALWARE_FOUND, name="Eicar")),
}


def sha(data: bytes) -> Digest:
    return Digest(hashlib.sha256(data).hexdigest())


def arrival(
    seed: str, subject: str, files: dict[str, bytes], original: bytes, detected: str = "text/plain"
) -> Arrival:
    """A message as a channel would hand it over, plainly fictional; `seed` makes its GUIDs."""
    base = hashlib.sha256(seed.encode()).hexdigest()[:12]
    attachments = tuple(
        Attachment(index=i, name=name, media_type="x/y", size=len(data), digest=sha(data))
        for i, (name, data) in enumerate(files.items(), 1)
    )
    envelope = Envelope(
        network="seos",
        transport_id=Guid(f"11111111-0000-4000-8000-{base}"),
        created_at=WHEN,
        sender=Party(
            identifier="000000001",
            name="Община Пример",
            guid=Guid("22222222-0000-4000-8000-000000000001"),
        ),
        recipient=Party(identifier="000000002", name="Агенция Образец"),
        document=DocumentReference(
            guid=Guid(f"33333333-0000-4000-8000-{base}"),
            number=RegistrationNumber(number=f"ИЗХ-{base}", date=TODAY),
        ),
        kind="Писмо",
        subject=subject,
        correspondents=(Correspondent(name="Име Образец", city="Пример"),),
        attachments=attachments,
    )
    contents = tuple(
        ContentFacts(attachment=a, detected=detected, safe_name=f"safe-{a.index}")
        for a in attachments
    )
    return Arrival(
        network="seos",
        received_at=WHEN,
        original=sha(original),
        original_size=len(original),
        envelope=envelope,
        signature=SignatureFacts(finding=None, algorithm="rsa-sha256"),
        contents=contents,
    )


class DeskBody(Protocol):
    """A desk under test, and a way to put messages before it."""

    desk: Desk
    journal: Journal

    async def put(
        self, state: InboundState = InboundState.ADMITTED, subject: str = "Искане за данни"
    ) -> MessageId:
        """Store a message with `FILES` attached and return its id."""


@dataclass
class MemoryBody:
    """The in-memory desk with everything under it."""

    folder: Path
    clock: SystemClock = field(default_factory=SystemClock)
    observer: RecordingObserver = field(default_factory=RecordingObserver)
    bell: Bell = field(default_factory=Bell)

    def __post_init__(self) -> None:
        self.ids = SystemIds(self.clock)
        self.state = MemoryState()
        self.ringing = RingingObserver(self.observer, self.bell)
        self.memory_desk = MemoryDesk(self.state, self.clock, self.ringing)
        self.desk: Desk = self.memory_desk
        self.store = MemoryStore(self.state, self.clock)
        self.journal: Journal = MemoryJournal(self.state, self.clock, SealKey(b"\1" * 32))
        self.tasks = MemoryTasks(self.state, self.clock, self.ids)
        self.blobs = MemoryBlobs(self.folder / "blobs", self.clock)

    async def put(
        self,
        state: InboundState = InboundState.ADMITTED,
        subject: str = "Искане за данни",
        files: dict[str, bytes] | None = None,
        detected: str = "text/plain",
    ) -> MessageId:
        identity = self.ids.message_id()
        files = FILES if files is None else files
        original = f"<original>{identity}</original>".encode()
        new = NewMessage(
            id=identity,
            state=state,
            arrival=arrival(identity, subject, files, original, detected),
            checks=(CheckRecord(check="sample", verdict=_VERDICTS[state], seconds=0.01),),
            evidence=NewEvidence(
                kind=EvidenceKind.RECEIVED, at=WHEN, message_id=identity, actor="peer:sample"
            ),
        )
        await self.store.admit(new)
        if state is not InboundState.REJECTED:
            self.blobs.put(original)
            for data in files.values():
                self.blobs.put(data)
                self.memory_desk.contents[sha(data)] = data
        self.ringing.stored(identity, "seos", state, 0.0)
        return identity


class NoWebhooks:
    """Nobody wants to be told (`ports.Webhooks`)."""

    def listeners(self, event: str) -> tuple[str, ...]:
        del event
        return ()

    async def deliver(self, name: str, delivery: str, event: dict[str, str]) -> Outcome:
        del name, delivery, event
        return Refused(code="WEBHOOK_REMOVED", public="nobody listens")


class GatewayBody(MemoryBody):
    """The gateway's own desk, over the in-memory store."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.desk = RegistryDesk(
            store=self.store,
            journal=self.journal,
            blobs=self.blobs,
            extractors={},
            follow_ups=FollowUps(webhooks=NoWebhooks(), builtin_registry=False),
            clock=self.clock,
            threads=InlineThreads(),
            observer=self.ringing,
            checkpoint=NoCheckpoint(),
        )


@asynccontextmanager
async def gateway_body(folder: Path) -> AsyncIterator[DeskBody]:
    yield GatewayBody(folder)


@asynccontextmanager
async def memory_body(folder: Path) -> AsyncIterator[DeskBody]:
    yield MemoryBody(folder)


DESKS: dict[str, Callable[[Path], AbstractAsyncContextManager[DeskBody]]] = {
    "double": memory_body,
    "gateway": gateway_body,
}
"""Every body that the contract of `ports.Desk` is run on; a real one is added here."""


class TwoParticipants:
    """A participants' register with two bodies in it (`ports.Directory`)."""

    _ALL = (
        Participant(
            guid=Guid("22222222-0000-4000-8000-000000000001"),
            identifier="000000001",
            name="Община Пример",
            status=ParticipantStatus.ACTIVE,
            serial=None,
            url="https://seos.example/",
            phone="+359 000",
        ),
        Participant(
            guid=Guid("22222222-0000-4000-8000-000000000002"),
            identifier="000000002",
            name="Агенция Образец",
            status=ParticipantStatus.INACTIVE,
            serial=None,
            url="https://other.example/",
        ),
    )

    def find(self, guid: Guid) -> Participant | None:
        return next((p for p in self._ALL if p.guid == guid), None)

    def by_identifier(self, identifier: str) -> Participant | None:
        return next((p for p in self._ALL if p.identifier == identifier), None)

    def search(self, words: str, limit: int) -> tuple[Participant, ...]:
        wanted = words.casefold().split()
        found = (
            p for p in self._ALL if all(w in f"{p.name} {p.identifier}".casefold() for w in wanted)
        )
        return tuple(found)[:limit]

    def state(self) -> DirectoryState:
        return DirectoryState(loaded_at=WHEN, participants=2)

    async def refresh(self) -> DirectoryState:
        return self.state()


def sentence(found: Finding, language: str) -> str:
    return f"{language}: {found.reason}"


QUICK = RegistryApiSettings(poll_seconds=0.2, heartbeat_seconds=0.1, token_reload_seconds=0.0)


@dataclass
class Api:
    """A running API with its desk, and one client for each kind of token."""

    body: MemoryBody
    parts: Parts
    server: TestServer
    session: aiohttp.ClientSession
    secrets: dict[str, str]
    outbound: OutboundBody

    def url(self, path: str) -> str:
        return str(self.server.make_url("/api/v1" + path))

    def headers(self, who: str = "admin") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secrets[who]}"}

    async def call(
        self, method: str, path: str, who: str = "admin", **more: Any
    ) -> tuple[int, Any, aiohttp.ClientResponse]:
        """Call; return status, body (parsed if JSON, else bytes) and the response."""
        headers = self.headers(who) if who else {}
        headers |= more.pop("headers", {})
        async with self.session.request(
            method, self.url(path), headers=headers, allow_redirects=False, **more
        ) as response:
            data: Any = await response.read()
            if response.content_type.endswith("json") and data:
                data = await response.json(content_type=None)
            return response.status, data, response

    async def message(self, identity: MessageId) -> Message:
        return await self.body.desk.find(identity)


@asynccontextmanager
async def running_api(
    folder: Path,
    settings: RegistryApiSettings = QUICK,
    seats: int = 64,
    limits: SubmissionLimits | None = None,
    **changes: Any,
) -> AsyncIterator[Api]:
    """Serve the API on loopback over the in-memory desk; `changes` replace parts."""
    body = MemoryBody(folder, bell=Bell(seats))
    tokens = TokenStore(folder / "tokens.json", body.clock, body.ids)
    secrets = {scope.value: tokens.create(scope.name, (scope,))[1] for scope in Scope}
    secrets["registry"] = tokens.create(
        "registry", (Scope.INBOX_READ, Scope.MESSAGES_REGISTER, Scope.EVIDENCE_READ)
    )[1]
    threads = WorkerThreads(4)
    outbound = OutboundBody(
        blobs=body.blobs,
        threads=threads,
        clock=body.clock,
        observer=body.ringing,
        directories=(TwoParticipants(),),
        state=body.state,
        limits=limits or SubmissionLimits(),
    )
    parts = replace(
        Parts(
            desk=body.desk,
            journal=body.journal,
            tasks=body.tasks,
            directory=TwoParticipants(),
            blobs=body.blobs,
            tokens=tokens,
            ids=body.ids,
            clock=body.clock,
            threads=threads,
            observer=body.ringing,
            bell=body.bell,
            sentence=sentence,
            settings=settings,
            sending=outbound.sending(),
        ),
        **changes,
    )
    server = TestServer(build_app(parts, version="0.0.0"))
    await server.start_server()
    async with aiohttp.ClientSession() as session:
        try:
            yield Api(body, parts, server, session, secrets, outbound)
        finally:
            await server.close()
            await threads.close()
