"""SSEV's parts behind the ports, over the simulator of `tests.support.ssev`."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from depesha.adapters.contents import Inspector
from depesha.adapters.memory.blobs import MemoryBlobs
from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.memory.state import MemoryState
from depesha.adapters.memory.store import MemoryStore
from depesha.adapters.ssev.assembly import SsevChannel, SsevEnvironment, SsevKeys
from depesha.adapters.ssev.network import SsevNetwork
from depesha.adapters.ssev.outbound import SsevOutbound
from depesha.adapters.ssev.proofs import SentStates
from depesha.adapters.ssev.settings import SsevRestSettings, SsevSettings, SsevSoapSettings
from depesha.adapters.system import NoCheckpoint, SystemIds
from depesha.errors import StorageError
from depesha.ports import Checkpoint, Reply
from depesha.schemas.answer import (
    Answer,
    DocumentStatus,
    ErrorNotice,
    Inquiry,
    StatusAnswer,
    StatusNotice,
)
from depesha.schemas.dispatch import Dispatch
from depesha.schemas.envelope import Attachment, DocumentReference, Party
from depesha.schemas.evidence import sha256
from depesha.schemas.facts import Arrival
from depesha.schemas.outbound import TryReport
from depesha.schemas.policy import Limits
from depesha.schemas.restoration import Restoration
from depesha.schemas.steps import AnyStep, Step
from tests.support import outbound
from tests.support.memory import new_message
from tests.support.ssev import CLOCK, Office, Stand

WAYS = ("soap", "rest", "both")
CONTENT = b"%PDF-1.4\n" + bytes(range(256)) * 40


def settings_of(stand: Stand, office: Office, way: str, **changes: Any) -> SsevSettings:
    """Settings that say which ways there are; the clients of an office are made already."""
    urls = stand.ssev.urls
    soap = SsevSoapSettings(url=urls.soap, page_size=3)
    rest = SsevRestSettings(
        token_url=urls.oauth,
        api_url=urls.api,
        upload_url=urls.upload,
        blob_origins=(urls.blobs,),
        client_id=office.login.client_id,
        oid=office.login.oid,
        page_size=3,
    )
    made: dict[str, Any] = {
        "environment": "test",
        "soap": None if way == "rest" else soap,
        "rest": None if way == "soap" else rest,
        "absence_seconds": 0.0,
        "reach_seconds": 0.0,
        "lookup_seconds": 3.0,
        "lookup_pages": 20,
    }
    return SsevSettings(**(made | changes))


def network_of(office: Office, settings: SsevSettings) -> SsevNetwork:
    """The facade over an office's clients."""
    return SsevNetwork(
        soap=None if settings.soap is None else office.soap,
        rest=None if settings.rest is None else office.rest,
        settings=settings,
    )


def outbound_of(
    stand: Stand, office: Office, way: str, blobs: MemoryBlobs, **changes: Any
) -> SsevOutbound:
    """The way out of one office."""
    settings = settings_of(stand, office, way, **changes)
    net = network_of(office, settings)
    observer = RecordingObserver()
    return SsevOutbound(
        net=net,
        states=SentStates(
            net=net, blobs=blobs, threads=stand.threads, observer=observer, seconds=3.0
        ),
        blobs=blobs,
        settings=settings,
        threads=stand.threads,
        clock=CLOCK,
        ids=SystemIds(),
        observer=observer,
    )


def blobs_in(folder: Path) -> MemoryBlobs:
    """A blob store of its own."""
    return MemoryBlobs(folder, CLOCK)


def document(
    blobs: MemoryBlobs, sender: Office, recipient: str, *contents: bytes, **changes: Any
) -> Dispatch:
    """A document with files whose bytes are in the store."""
    files = tuple(
        Attachment(
            index=index,
            name=f"писмо {index}.pdf",
            media_type="application/pdf",
            size=len(content),
            digest=blobs.put(content),
        )
        for index, content in enumerate(contents or (CONTENT,), 1)
    )
    assert all(file.digest == sha256(c) for file, c in zip(files, contents, strict=False))
    made = outbound.dispatch(
        submitted_at=CLOCK.now(),
        sender=Party(identifier=sender.profile.identifier, name=sender.profile.name),
        recipient=Party(identifier=recipient, name="Агенция Образец"),
        document=DocumentReference(
            guid=SystemIds().guid(), number=outbound.dispatch().document.number
        ),
        files=files,
        text="Моля, вижте приложеното.",
    )
    return replace(made, **changes)


class Crashed(BaseException):
    """The machine stops here."""


class CrashAt:
    """`ports.Checkpoint` that dies once at a step."""

    def __init__(self, step: Step) -> None:
        self.step: AnyStep | None = step

    def reached(self, step: AnyStep) -> None:
        if step is self.step:
            self.step = None
            raise Crashed


class House:
    """`ports.Intake` and everything behind it, as small as can be: it remembers."""

    def __init__(self, folder: Path) -> None:
        self.blobs = blobs_in(folder / "kept")
        self.store = MemoryStore(MemoryState(), CLOCK)
        self.observer = RecordingObserver()
        self.arrivals: list[Arrival] = []
        self.notices: list[StatusNotice] = []
        self.reports: list[TryReport] = []
        self.parked: list[tuple[str, str]] = []
        self.known_tries = True
        self.answers: deque[Answer] = deque()
        """What the next documents are answered; afterwards "waiting"."""
        self.failing = 0
        """So many documents cannot be stored."""
        self.restoration: Restoration | None = None
        """What its store forgot."""

    async def receive(self, arrival: Arrival, reply: Reply) -> bytes:
        if self.failing:
            self.failing -= 1
            raise StorageError("the disk is full")
        assert arrival.envelope is not None
        self.arrivals.append(arrival)
        reference = DocumentReference(guid=arrival.envelope.document.guid)
        waiting = StatusAnswer(status=DocumentStatus.WAITING, document=reference)
        wire = await reply(self.answers.popleft() if self.answers else waiting)
        await self.store.admit(new_message(len(self.arrivals), arrived=arrival))
        return wire

    async def inquire(self, inquiry: Inquiry, reply: Reply) -> bytes:
        raise AssertionError(f"SSEV has no questions: {inquiry} {reply}")

    async def notice(self, notice: StatusNotice, reply: Reply) -> bytes:
        self.notices.append(notice)
        return await reply(StatusAnswer(status=notice.status, document=notice.document))

    async def fault(self, fault: ErrorNotice, reply: Reply) -> bytes:
        raise AssertionError(f"SSEV has no errors of messages: {fault} {reply}")

    async def report(self, report: TryReport) -> bool:
        self.reports.append(report)
        return self.known_tries

    async def restored(self) -> Restoration | None:
        return self.restoration

    async def park(self, name: str, reason: str) -> None:
        self.parked.append((name, reason))

    def file(self, arrival: Arrival, index: int = 1) -> bytes:
        """The bytes of an attachment, as the registry would get them."""
        content = arrival.contents[index - 1]
        path = self.blobs.path(content.attachment.digest)
        assert path is not None
        return path.read_bytes()


def state_folder(house: House, office: Office) -> Path:
    """Where an office's channel keeps its state files."""
    folder = house.blobs.spool().parent.parent.parent / f"state-{office.profile.profile_id}"
    folder.mkdir(exist_ok=True)
    return folder


def channel_of(
    stand: Stand,
    office: Office,
    house: House,
    way: str = "soap",
    checkpoint: Checkpoint | None = None,
    **changes: Any,
) -> SsevChannel:
    """One office's whole channel, as the application makes it, over its state files."""
    changes = {
        "watch_seconds": 0.001,
        "park_first_seconds": 0.001,
        "sweep_seconds": 0.001,
    } | changes
    settings = settings_of(stand, office, way, **changes)
    trusted = (str(stand.trusted),)
    if settings.soap is not None:
        soap = settings.soap.model_copy(update={"authorities": trusted, "answer_seconds": 5.0})
        settings = settings.model_copy(update={"soap": soap})
    if settings.rest is not None:
        rest = settings.rest.model_copy(update={"authorities": trusted, "answer_seconds": 5.0})
        settings = settings.model_copy(update={"rest": rest})
    return SsevChannel(
        SsevEnvironment(
            settings=settings,
            own=Party(identifier=office.profile.identifier, name=office.profile.name),
            keys=SsevKeys(
                certificate=office.keys.certificate,
                key=office.keys.key,
                password=None,
                signing=office.identity,
            ),
            path=Path,
            folder=state_folder(house, office),
            limits=Limits(),
            blobs=house.blobs,
            store=house.store,
            inspector=Inspector(limits=Limits()),
            peer_sentence=lambda found: f"причина {found.reason}",
            parked=house.park,
            restored=house.restored,
            threads=stand.threads,
            clock=CLOCK,
            ids=SystemIds(),
            observer=house.observer,
            checkpoint=checkpoint or NoCheckpoint(),
        )
    )


@asynccontextmanager
async def running(
    stand: Stand, office: Office, house: House, way: str = "soap", **changes: Any
) -> AsyncIterator[SsevChannel]:
    """Start a channel, and close it as a dying process would: without a word to its files."""
    channel = channel_of(stand, office, house, way, **changes)
    await channel.start()
    try:
        yield channel
    finally:
        await channel.close()


__all__ = [
    "CONTENT",
    "WAYS",
    "CrashAt",
    "Crashed",
    "House",
    "blobs_in",
    "channel_of",
    "document",
    "network_of",
    "outbound_of",
    "running",
    "settings_of",
    "state_folder",
]
