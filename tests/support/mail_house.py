"""Two bodies that write to each other by mail: each a whole channel over one simulated domain."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from depesha.adapters.contents import Inspector
from depesha.adapters.email.assembly import MailChannel, MailEnvironment
from depesha.adapters.email.settings import (
    EmailSettings,
    MailboxSettings,
    MailTrustSettings,
    PartnerSettings,
    SubmissionSettings,
)
from depesha.adapters.memory.blobs import MemoryBlobs
from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.system import SystemClock, SystemIds, WorkerThreads
from depesha.errors import StorageError, UnknownMessageError
from depesha.ports import Directory, Reply
from depesha.schemas.answer import (
    Answer,
    DocumentStatus,
    EmptyAnswer,
    ErrorNotice,
    Inquiry,
    StatusAnswer,
    StatusNotice,
)
from depesha.schemas.dispatch import Dispatch
from depesha.schemas.envelope import Attachment, DocumentReference, Party, RegistrationNumber
from depesha.schemas.facts import Arrival
from depesha.schemas.ids import Guid, MessageId
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import Message
from depesha.schemas.outbound import TryReport
from depesha.schemas.policy import Limits
from depesha.simulators.authority import Authority, make_key
from depesha.simulators.mail_domain import MailDomain
from depesha.simulators.mail_papers import issue_for_mail

A = Party(identifier="000000001", name="Община Пример")
B = Party(identifier="000000002", name="Агенция Образец")
AT_A = "delovodstvo@obshtina-primer.example"
AT_B = "podatelna@agentsia-obrazets.example"
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
OPERATOR = "operator@mrezha.example"


@dataclass
class Heard:
    """A gateway that remembers what it is told, and answers as it is set to (`ports.Intake`)."""

    arrivals: list[Arrival] = field(default_factory=list)
    notices: list[StatusNotice] = field(default_factory=list)
    faults: list[ErrorNotice] = field(default_factory=list)
    reports: list[TryReport] = field(default_factory=list)
    answer: Answer | None = None
    """None: that the document waits."""
    known: bool = True
    failing: int = 0
    """So many documents cannot be stored."""

    async def receive(self, arrival: Arrival, reply: Reply) -> bytes:
        if self.failing:
            self.failing -= 1
            raise StorageError("the disk is full")
        self.arrivals.append(arrival)
        if arrival.envelope is None:
            return b""
        document = DocumentReference(guid=arrival.envelope.document.guid)
        waiting = StatusAnswer(status=DocumentStatus.WAITING, document=document)
        return await reply(self.answer or waiting)

    async def inquire(self, inquiry: Inquiry, reply: Reply) -> bytes:
        del inquiry, reply
        raise AssertionError("mail brings no questions")

    async def notice(self, notice: StatusNotice, reply: Reply) -> bytes:
        self.notices.append(notice)
        return await reply(EmptyAnswer())

    async def fault(self, fault: ErrorNotice, reply: Reply) -> bytes:
        self.faults.append(fault)
        return await reply(EmptyAnswer())

    async def report(self, report: TryReport) -> bool:
        self.reports.append(report)
        return self.known


@dataclass
class Received:
    """The received messages of a body, for its notices."""

    messages: dict[str, Message] = field(default_factory=dict)

    async def get(self, message_id: MessageId) -> Message:
        if message_id not in self.messages:
            raise UnknownMessageError("no such message")
        return self.messages[message_id]

    def keep(self, name: str, arrival: Arrival) -> None:
        self.messages[name] = Message(
            id=MessageId(name),
            network=arrival.network,
            state=InboundState.ADMITTED,
            received_at=arrival.received_at,
            arrival=arrival,
            checks=(),
            changed_at=arrival.received_at,
        )


@dataclass(kw_only=True)
class Body:
    """One administration with its channel."""

    party: Party
    address: str
    channel: MailChannel
    blobs: MemoryBlobs
    heard: Heard
    received: Received
    observer: RecordingObserver

    async def poll(self) -> int:
        assert self.channel.receiver is not None
        return await self.channel.receiver.poll(self.heard)

    async def left(self) -> list[str]:
        assert self.channel.receiver is not None
        return [one.why for one in await self.channel.receiver.left()]


@dataclass(kw_only=True)
class Post:
    """The domain, its papers, and both bodies."""

    domain: MailDomain
    authority: Authority
    folder: Path
    clock: SystemClock
    threads: WorkerThreads
    keys: dict[str, rsa.RSAPrivateKey]
    a: Body
    b: Body

    def document(self, *files: bytes, number: str = "1", to: Party = B, **more: Any) -> Dispatch:
        """Return a document of A's, its files put into A's store."""
        attachments = tuple(
            Attachment(
                index=index,
                name=f"писмо {index}.pdf",
                media_type="application/pdf",
                size=len(content),
                digest=self.a.blobs.put(content),
            )
            for index, content in enumerate(files or (PDF,), 1)
        )
        today = self.clock.now().date()
        made = Dispatch(
            idempotency_key=f"key-{number}",
            submitted_at=self.clock.now(),
            sender=replace(A, guid=Guid("aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa")),
            recipient=replace(to, guid=Guid("bbbbbbbb-2222-4222-8222-bbbbbbbbbbbb")),
            document=DocumentReference(
                guid=Guid(f"11111111-1111-4111-8111-{int(number):012d}"),
                number=RegistrationNumber(number=f"ИЗХ-{number}", date=today),
            ),
            kind="Писмо",
            subject="Относно примера",
            text="Уважаеми колеги,\nприлагаме документа.",
            files=attachments,
        )
        return replace(made, **more)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a body stands."""

    folder: Path
    domain: MailDomain
    threads: WorkerThreads
    clock: SystemClock


@functools.cache
def papers() -> tuple[Authority, dict[str, rsa.RSAPrivateKey]]:
    """Keys take long to make: all posts of a run share them."""
    authority = Authority.create("Примерен издател", at=SystemClock().now())
    return authority, {address: make_key() for address in (AT_A, AT_B, "server")}


@asynccontextmanager
async def post(
    folder: Path, *, register: Directory | None = None, encrypted: bool = False, **settings: Any
) -> AsyncIterator[Post]:
    """Open a domain and both bodies; `settings` are B's own, over the usual ones."""
    clock, threads = SystemClock(), WorkerThreads(2)
    authority, keys = await threads.run(papers)
    domain = MailDomain(authority=authority, folder=folder, clock=clock, key=keys["server"])
    (folder / "ca.pem").write_bytes(authority.certificate_pem)
    await domain.start()
    for name, address in (("a", AT_A), ("b", AT_B)):
        domain.box(address, "парола".encode().hex())
        identity = issue_for_mail(authority, name, address, at=clock.now(), key=keys[address])
        identity.write(folder, name)
    place = Place(folder=folder, domain=domain, threads=threads, clock=clock)
    to_b = str(folder / "b.cert.pem") if encrypted else ""
    partner_b = PartnerSettings(
        identifier=B.identifier, name=B.name, address=AT_B, certificate=to_b
    )
    partner_a = PartnerSettings(identifier=A.identifier, name=A.name, address=AT_A, language="en")
    a = await threads.run(_body, A, AT_A, "a", {"partners": (partner_b,)}, None, place)
    own = {"partners": (partner_a,)} | settings
    b = await threads.run(_body, B, AT_B, "b", own, register, place)
    made = Post(
        domain=domain,
        authority=authority,
        folder=folder,
        clock=clock,
        threads=threads,
        keys=keys,
        a=a,
        b=b,
    )
    try:
        yield made
    finally:
        await a.channel.close()
        await b.channel.close()
        await domain.stop()
        await threads.close()


def _body(
    party: Party,
    address: str,
    name: str,
    settings: dict[str, Any],
    register: Directory | None,
    place: Place,
) -> Body:
    folder, domain, clock, threads = place.folder, place.domain, place.clock, place.threads
    blobs = MemoryBlobs(folder / f"blobs-{name}", clock)
    observer, received, limits = RecordingObserver(), Received(), Limits()
    usual: dict[str, Any] = {
        "address": address,
        "certificate": str(folder / f"{name}.cert.pem"),
        "key": str(folder / f"{name}.key.pem"),
        "submission": SubmissionSettings(
            host="localhost",
            port=domain.smtp_port,
            authorities=(str(folder / "ca.pem"),),
            user=address,
            password_env="MAIL",
            connect_seconds=3,
            command_seconds=3,
            final_seconds=1,
        ),
        "mailbox": MailboxSettings(
            host="localhost",
            port=domain.imap_port,
            authorities=(str(folder / "ca.pem"),),
            user=address,
            password_env="MAIL",
            command_seconds=3,
        ),
        "trust": MailTrustSettings(authorities=(str(folder / "ca.pem"),), revocation=False),
    }
    channel = MailChannel(
        MailEnvironment(
            settings=EmailSettings(**(usual | settings)),
            own=party,
            resolve=Path,
            secret={"MAIL": "парола".encode().hex(), "DOVECOT": "ours"}.__getitem__,
            place=folder / f"{name}.places.json",
            limits=limits,
            blobs=blobs,
            inspector=Inspector(limits=limits),
            messages=received,
            register=register,
            operators={"seos": OPERATOR},
            operators_language="bg",
            threads=threads,
            clock=clock,
            ids=SystemIds(clock),
            observer=observer,
        )
    )
    return Body(
        party=party,
        address=address,
        channel=channel,
        blobs=blobs,
        heard=Heard(),
        received=received,
        observer=observer,
    )
