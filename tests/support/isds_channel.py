"""ISDS's parts behind the ports, over the simulator of `tests.support.isds_client`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from depesha.adapters.contents import Inspector
from depesha.adapters.isds.assembly import IsdsChannel, IsdsEnvironment
from depesha.adapters.isds.settings import (
    IsdsBoxSettings,
    IsdsPartnerSettings,
    IsdsSettings,
    LoginKind,
)
from depesha.adapters.memory.blobs import MemoryBlobs
from depesha.adapters.memory.journal import MemoryJournal
from depesha.adapters.memory.state import MemoryState
from depesha.adapters.memory.store import MemoryStore
from depesha.adapters.memory.system import FixedJitter
from depesha.adapters.system import NoCheckpoint, SystemIds, WorkerThreads
from depesha.ports import Checkpoint, Clock, Reply
from depesha.schemas.answer import DocumentStatus, StatusAnswer
from depesha.schemas.dispatch import Attempt, Dispatch
from depesha.schemas.envelope import Attachment, DocumentReference, Party
from depesha.schemas.facts import Arrival
from depesha.schemas.journal import SealKey
from depesha.schemas.outbound import Prepared
from depesha.schemas.policy import Limits
from tests.support import outbound
from tests.support.isds_client import CLOCK, PASSWORD, Office, Stand
from tests.support.ssev_channel import CrashAt, Crashed, House, blobs_in

CONTENT = b"%PDF-1.4\n" + bytes(range(256)) * 40
OWN = "00000001"
"""IČO of the office whose channel it is."""


class IsdsHouse(House):
    """`ports.Intake` and what is behind it; it remembers."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        state = MemoryState()
        self.store = MemoryStore(state, CLOCK)
        self.journal = MemoryJournal(state, CLOCK, SealKey(b"s" * 32))
        self.threads = WorkerThreads(2)
        self.state = state

    async def receive(self, arrival: Arrival, reply: Reply) -> bytes:
        """As the gateway does: a message that came before is the same one."""
        if arrival.envelope is None:
            self.arrivals.append(arrival)
            return b""
        if not self.failing and await self.store.known(arrival):
            reference = DocumentReference(guid=arrival.envelope.document.guid)
            return await reply(StatusAnswer(status=DocumentStatus.WAITING, document=reference))
        return await super().receive(arrival, reply)

    def rows(self, kind: str) -> list[str]:
        """The bodies of the journal's rows of a kind."""
        return [r.body for r, _ in self.state.evidence if f'"{kind}"' in r.body]


def settings_of(place: Stand, office: Office, folder: Path, **changes: Any) -> IsdsSettings:
    """Settings of one office; the other one is its partner."""
    other = place.recipient if office is place.sender else place.sender
    seals = folder / "seals.pem"
    seals.write_bytes(place.isds.sealer.trusted_pem)
    secret = folder / "password"
    secret.write_text(PASSWORD + "\n", encoding="utf-8")
    made: dict[str, Any] = {
        "environment": "test",
        "boxes": (
            IsdsBoxSettings(
                box_id=office.box.box_id,
                login=LoginKind.PASSWORD,
                user=f"u{office.box.box_id}",
                password_file=str(secret),
            ),
        ),
        "partners": (
            IsdsPartnerSettings(
                identifier="000000002", name=other.box.name, box_id=other.box.box_id
            ),
        ),
        "host": place.isds.urls.ws1.removeprefix("http://"),
        "big_host": place.isds.urls.ws2.removeprefix("http://"),
        "seal_authorities": (str(seals),),
        "stamp_authorities": (str(seals),),
        "connect_seconds": 2.0,
        "answer_seconds": 5.0,
        "transfer_seconds": 60.0,
        "absence_seconds": 0.000001,
        "watch_minutes": 0.00001,
        "park_first_seconds": 0.001,
    }
    return IsdsSettings(**(made | changes))


def channel_of(
    place: Stand,
    office: Office,
    house: IsdsHouse,
    checkpoint: Checkpoint | None = None,
    clock: Clock = CLOCK,
    **changes: Any,
) -> IsdsChannel:
    """One office's whole channel, as the application makes it, over its state files."""
    folder = place.folder / f"state-{office.box.box_id}"
    folder.mkdir(exist_ok=True)
    return IsdsChannel(
        IsdsEnvironment(
            settings=settings_of(place, office, folder, **changes),
            own=Party(identifier=OWN, name=office.box.name),
            path=Path,
            folder=folder,
            limits=Limits(),
            blobs=house.blobs,
            store=house.store,
            journal=house.journal,
            inspector=Inspector(limits=Limits()),
            peer_sentence=lambda found: f"důvod {found.reason}",
            parked=house.park,
            restored=house.restored,
            threads=house.threads,
            clock=clock,
            ids=SystemIds(),
            jitter=FixedJitter(0.5),
            observer=house.observer,
            checkpoint=checkpoint or NoCheckpoint(),
            scheme="http",
        )
    )


@asynccontextmanager
async def running(
    place: Stand, office: Office, house: IsdsHouse, **changes: Any
) -> AsyncIterator[IsdsChannel]:
    """Start a channel, and close it as a dying process would: without a word to its files."""
    channel = channel_of(place, office, house, **changes)
    await channel.start()
    try:
        yield channel
    finally:
        await channel.close()


def document(blobs: MemoryBlobs, recipient: str, *contents: bytes, **changes: Any) -> Dispatch:
    """A document with files whose bytes are in the store."""
    files = tuple(
        Attachment(
            index=index,
            name=f"dopis {index}.pdf",
            media_type="application/pdf",
            size=len(content),
            digest=blobs.put(content),
        )
        for index, content in enumerate(contents or (CONTENT,), 1)
    )
    made = outbound.dispatch(
        submitted_at=CLOCK.now(),
        sender=Party(identifier=OWN, name="Obec Příkladov"),
        recipient=Party(identifier=recipient, name="Město Ukázkov"),
        document=DocumentReference(
            guid=SystemIds().guid(), number=outbound.dispatch().document.number
        ),
        kind="Dopis",
        subject="Žádost o součinnost",
        files=files,
    )
    return replace(made, **changes)


def attempt_of(prepared: Prepared, number: int = 1, **changes: Any) -> Attempt:
    """A try with prepared bytes."""
    made = Attempt(
        id=f"attempt-{number}",
        network="isds",
        number=number,
        transport_id=prepared.transport_id,
        payload=prepared.payload,
        intended_at=CLOCK.now(),
    )
    return replace(made, **changes)


__all__ = [
    "CONTENT",
    "OWN",
    "CrashAt",
    "Crashed",
    "IsdsHouse",
    "attempt_of",
    "blobs_in",
    "channel_of",
    "document",
    "running",
    "settings_of",
]
