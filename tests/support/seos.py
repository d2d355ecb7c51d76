"""Fictional parties, documents and doubles for the tests of the SEOS channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import BinaryIO

from aiohttp import web
from lxml import etree

from depesha.adapters.memory.blobs import MemoryBlobs
from depesha.adapters.memory.directory import MemoryDirectory
from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.memory.scanner import MemoryForesight, MemoryScanner
from depesha.adapters.memory.system import (
    CountingIds,
    HandClock,
    InlineThreads,
    RecordingCheckpoint,
)
from depesha.adapters.seos.reader import Heard, SeosReader
from depesha.adapters.seos.reading import Reading, ThreadReaders
from depesha.adapters.seos.replies import SeosReplies
from depesha.adapters.seos.server import SeosServer, build_app
from depesha.adapters.seos.settings import SeosSettings
from depesha.adapters.seos.writing import Heading, write_request
from depesha.errors import StorageError
from depesha.ports import Reply
from depesha.schemas import xml
from depesha.schemas.answer import (
    Answer,
    DocumentStatus,
    EmptyAnswer,
    ErrorNotice,
    Inquiry,
    StatusAnswer,
    StatusNotice,
    UnreadableAnswer,
)
from depesha.schemas.envelope import (
    Attachment,
    Correspondent,
    DocumentReference,
    Envelope,
    Party,
    RegistrationNumber,
    Service,
)
from depesha.schemas.evidence import sha256
from depesha.schemas.facts import Arrival, CertificateFacts, ContentFacts, SignatureFacts
from depesha.schemas.ids import Guid, SerialNumber
from depesha.schemas.outbound import TryReport
from depesha.schemas.participant import Participant, ParticipantStatus
from depesha.schemas.policy import Limits
from depesha.schemas.verdict import Finding, Rejection, finding
from depesha.schemas.wire.seos import DSIG

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
A = Party(
    identifier="000000001",
    name="Община Пример",
    guid=Guid("aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa"),
)
B = Party(
    identifier="0000000020001",
    name="Агенция Образец",
    guid=Guid("bbbbbbbb-2222-4222-8222-bbbbbbbbbbbb"),
)
DOCUMENT = Guid("dddddddd-4444-4444-8444-dddddddddddd")
MESSAGE = Guid("11111111-aaaa-4aaa-8aaa-000000000001")
SERIAL = SerialNumber("AB12CD34EF5678")
NUMBER = RegistrationNumber(number="РД-12-34", date=date(2026, 3, 2))


def participant(party: Party = A, **changes: object) -> Participant:
    base = Participant(
        guid=party.guid or Guid(""),
        identifier=party.identifier,
        name=party.name,
        status=ParticipantStatus.ACTIVE,
        serial=SERIAL,
        url="https://primer.example:8443/DocExchangeService/",
    )
    return replace(base, **changes)  # type: ignore[arg-type] # tests name fields freely


def attachment(index: int, name: str, content: bytes, media_type: str = "text/plain") -> Attachment:
    return Attachment(
        index=index, name=name, media_type=media_type, size=len(content), digest=sha256(content)
    )


def heading(sender: Party = A, recipient: Party = B, transport_id: Guid = MESSAGE) -> Heading:
    return Heading(
        transport_id=transport_id,
        created_at=datetime(2026, 3, 2, 8, 15, 30, 123456, tzinfo=UTC),
        sender=sender,
        recipient=recipient,
    )


def envelope(contents: Sequence[bytes] = (), **changes: object) -> Envelope:
    made = heading()
    base = Envelope(
        network="seos",
        transport_id=made.transport_id,
        created_at=made.created_at,
        sender=A,
        recipient=B,
        document=DocumentReference(guid=DOCUMENT, number=NUMBER),
        kind="Писмо",
        subject="Искане за данни",
        comment="N/A",
        attachments=tuple(
            attachment(i, f"file-{i}.txt", content) for i, content in enumerate(contents, start=1)
        ),
    )
    return replace(base, **changes)  # type: ignore[arg-type] # tests name fields freely


def full_envelope(contents: Sequence[bytes]) -> Envelope:
    """An envelope with every field that the wire knows."""
    return envelope(
        contents,
        parent=DocumentReference(guid=Guid("eeeeeeee-5555-4555-8555-eeeeeeeeeeee")),
        correspondents=(
            Correspondent(
                name="Агенция Образец",
                city="Непосочен",
                address="ул. „Примерна“ 1",
                personal_number="0000000000",
                identity_card="000000000",
                eik=B.identifier,
                email="delo@obrazec.example",
                phone="02 000 000",
                mobile_phone="088 000 000",
                responsible="Образец Образцов",
                comment="<бележка> & друга",
                applicant=True,
            ),
        ),
        service=Service(name="Справка", kind="Нормална", code="1234"),
        document_comment="Коментар",
        attention_to="отдел „Регистри“",
        deadline=date(2026, 3, 16),
    )


def document(contents: Sequence[bytes] = (), **changes: object) -> bytes:
    """An unsigned registration request from A to B."""
    return write_request(heading(), envelope(contents, **changes), contents)


class NodSigner:
    """Signs with an empty element: enough where the mathematics is not the question."""

    def __init__(self) -> None:
        self.algorithms: list[str] = []

    def sign(self, document: bytes, algorithm: str) -> bytes:
        self.algorithms.append(algorithm)
        root = xml.parse(document).root
        etree.SubElement(root, f"{{{DSIG}}}Signature")
        return xml.serialise(root)


class NodVerifier:
    """Believes everything with an expected serial, unless told to find fault."""

    def __init__(self, fault: Finding | None = None) -> None:
        self.fault = fault
        self.asked: list[tuple[SerialNumber, ...]] = []

    def verify(
        self, document: xml.Document, expected: Sequence[SerialNumber], at: datetime
    ) -> SignatureFacts:
        self.asked.append(tuple(expected))
        if self.fault is not None or not expected:
            fault = self.fault or finding(Rejection.CERTIFICATE_OTHER)
            return SignatureFacts(finding=fault)
        for signature in document.root.findall(f"{{{DSIG}}}Signature"):
            document.root.remove(signature)
        facts = CertificateFacts(
            serial=expected[0],
            subject="CN=primer.example",
            issuer="CN=Example CA",
            not_before=at,
            not_after=at,
            fingerprint=sha256(b"certificate"),
        )
        return SignatureFacts(finding=None, algorithm="rsa-sha1", weak=True, certificate=facts)


class PlainInspector:
    """Calls everything text."""

    def inspect(self, attachment: Attachment, content: BinaryIO) -> ContentFacts:
        content.read(1)
        return ContentFacts(attachment=attachment, detected="text/plain", safe_name=attachment.name)


def sentence(found: Finding) -> str:
    return f"Изречение за {found.reason.lower().replace('_', ' ')}."


@dataclass(slots=True)
class Answering:
    """`ports.Intake` that remembers what came and answers what it was told to answer."""

    answer: Answer = field(
        default_factory=lambda: StatusAnswer(
            status=DocumentStatus.WAITING, document=DocumentReference(guid=DOCUMENT)
        )
    )
    heard: list[Heard] = field(default_factory=list)
    broken: bool = False

    async def receive(self, arrival: Arrival, reply: Reply) -> bytes:
        if arrival.unreadable is not None:
            return await self._take(arrival, reply, UnreadableAnswer(finding=arrival.unreadable))
        return await self._take(arrival, reply, self.answer)

    async def inquire(self, inquiry: Inquiry, reply: Reply) -> bytes:
        return await self._take(inquiry, reply, self.answer)

    async def notice(self, notice: StatusNotice, reply: Reply) -> bytes:
        return await self._take(notice, reply, EmptyAnswer())

    async def fault(self, fault: ErrorNotice, reply: Reply) -> bytes:
        return await self._take(fault, reply, EmptyAnswer())

    async def report(self, report: TryReport) -> bool:
        raise AssertionError(f"{report.network} tells nothing of a single try")

    async def _take(self, heard: Heard, reply: Reply, answer: Answer) -> bytes:
        if self.broken:
            raise StorageError("the store is full")
        self.heard.append(heard)
        return await reply(answer)

    @property
    def arrival(self) -> Arrival:
        last = self.heard[-1]
        assert isinstance(last, Arrival)
        return last


class Bench:
    """Every part of the channel around one folder, with doubles for the rest of the house."""

    def __init__(self, folder: Path, *, limits: Limits | None = None, **settings: object) -> None:
        self.clock = HandClock(NOW)
        self.blobs = MemoryBlobs(folder, self.clock)
        self.directory = MemoryDirectory(participant(), participant(B), clock=self.clock)
        self.verifier = NodVerifier()
        self.signer = NodSigner()
        self.observer = RecordingObserver()
        self.checkpoint = RecordingCheckpoint()
        self.threads = InlineThreads()
        self.intake = Answering()
        self.scanner = MemoryScanner()
        self.settings = SeosSettings.model_validate(
            {"register_url": "https://register.example/", **settings}
        )
        self.reader = SeosReader(
            blobs=self.blobs,
            directory=self.directory,
            verifier=self.verifier,
            inspector=PlainInspector(),
            limits=limits or Limits(),
            checkpoint=self.checkpoint,
            observer=self.observer,
        )
        self.replies = SeosReplies(
            own=(B,),
            signer=self.signer,
            threads=self.threads,
            clock=self.clock,
            ids=CountingIds(),
            peer_sentence=sentence,
            algorithm_for=self.settings.algorithm_for,
        )

    def app(self) -> web.Application:
        return build_app(
            SeosServer(
                readers=ThreadReaders(
                    Reading(
                        reader=self.reader,
                        replies=self.replies,
                        blobs=self.blobs,
                        foresight=MemoryForesight(self.scanner),
                    ),
                    self.threads,
                ),
                intake=self.intake,
                blobs=self.blobs,
                threads=self.threads,
                clock=self.clock,
                observer=self.observer,
                checkpoint=self.checkpoint,
                settings=self.settings,
                body_bytes=self.settings.body_bytes or Limits().message_bytes,
            )
        )
