"""A simulated ISDS with two offices in it, and our clients for each, on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from depesha.adapters.isds.big_client import IsdsBigClient
from depesha.adapters.isds.calling import Hosts, Login, Session, SessionLimits
from depesha.adapters.isds.dialect import Dialect
from depesha.adapters.isds.settings import LoginKind
from depesha.adapters.isds.values import CreateWords, OutgoingFile
from depesha.adapters.system import SystemClock, SystemIds, WorkerThreads
from depesha.simulators.isds_quirks import IsdsQuirks
from depesha.simulators.isds_seal import Sealer, SealKeys
from depesha.simulators.isds_service import IsdsSimulator
from depesha.simulators.isds_values import Box
from tests.support import isds_papers

CLOCK = SystemClock()
PASSWORD = "Zkusebni-heslo-1"
DIALECT = Dialect()
LIMITS = SessionLimits(connect_seconds=2, answer_seconds=5, upload_seconds=5, transfer_seconds=30)


@dataclass(slots=True, kw_only=True)
class Office:
    """One box and our client for it."""

    box: Box
    client: IsdsBigClient
    session: Session


@dataclass(slots=True, kw_only=True)
class Stand:
    """The simulator and two offices."""

    folder: Path
    isds: IsdsSimulator
    sender: Office
    recipient: Office

    def file(self, name: str, content: bytes, meta: str = "main") -> OutgoingFile:
        path = self.folder / f"out-{name}"
        path.write_bytes(content)
        return OutgoingFile(name=name, media_type="", meta_type=meta, path=path, size=len(content))

    def words(self, **more: str) -> CreateWords:
        return CreateWords(
            recipient_box=self.recipient.box.box_id,
            subject=more.pop("subject", "Žádost o <součinnost>"),
            sender_reference=more.pop("sender_reference", "DPS-1"),
            **more,  # type: ignore[arg-type]  # texts alone are given
        )


def office(isds: IsdsSimulator, box: Box, threads: WorkerThreads, password: str = "") -> Office:
    login = Login(
        kind=LoginKind.PASSWORD,
        box_id=box.box_id,
        user=f"u{box.box_id}",
        password=password or PASSWORD,
    )
    session = Session(
        hosts=Hosts(ordinary=isds.urls.ws1, big=isds.urls.ws2),
        login=login,
        tls=True,
        threads=threads,
        limits=LIMITS,
    )
    client = IsdsBigClient(session=session, dialect=DIALECT, ids=SystemIds(), threads=threads)
    return Office(box=box, client=client, session=session)


@asynccontextmanager
async def stand(folder: Path, quirks: IsdsQuirks | None = None) -> AsyncIterator[Stand]:
    """Start the simulator; stop everything at the end."""
    threads = WorkerThreads(2)
    sealer = Sealer(at=CLOCK.now(), keys=_keys())
    files = folder / "isds"
    files.mkdir()
    async with IsdsSimulator(
        clock=CLOCK, ids=SystemIds(), folder=files, quirks=quirks, sealer=sealer
    ) as isds:
        offices = []
        for name in ("Obec Příkladov", "Město Ukázkov"):
            box = isds.people.add(name)
            isds.people.admit(box, f"u{box.box_id}", PASSWORD)
            offices.append(office(isds, box, threads))
        made = Stand(folder=folder, isds=isds, sender=offices[0], recipient=offices[1])
        try:
            yield made
        finally:
            for each in offices:
                await each.session.close()
            await threads.close()


def _keys() -> SealKeys:
    return isds_papers.keys()
