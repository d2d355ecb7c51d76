"""The real SEOS channel as one body in a small simulated network, for tests of the way out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from depesha.adapters.memory.blobs import MemoryBlobs
from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.memory.system import RecordingCheckpoint
from depesha.adapters.seos.assembly import SeosChannel, SeosEnvironment, SeosTls
from depesha.adapters.seos.settings import SeosSettings
from depesha.adapters.signing import XmlSigner
from depesha.adapters.system import SystemClock, SystemIds, WorkerThreads
from depesha.adapters.trust import CertificateJudge, TrustPolicy
from depesha.adapters.verifying import XmlVerifier
from depesha.schemas.dispatch import Attempt, Dispatch
from depesha.schemas.envelope import Attachment
from depesha.schemas.outcome import Outcome
from depesha.schemas.policy import Limits
from depesha.simulators.seos_entries import Entry
from depesha.simulators.seos_participant import SeosParticipant
from tests.support.outbound import dispatch
from tests.support.seos import PlainInspector, sentence
from tests.support.simulators import A, B, World

OURS_URL = "https://127.0.0.1:1/Messaging.svc"
QUICK = {"connect_seconds": 2.0, "send_seconds": 3.0, "inquire_seconds": 3.0}
"""Shorter than what an odd partner takes, longer than a busy machine does."""


@dataclass(slots=True, kw_only=True)
class Gateway:
    """The channel as party A, and the partner B with its switches."""

    channel: SeosChannel
    blobs: MemoryBlobs
    world: World
    peer: SeosParticipant
    observer: RecordingObserver

    def letter(self, content: bytes = b"%PDF-1.7 ", **changes: Any) -> Dispatch:
        """Return a document to B with one file, whose bytes are kept; a GUID of its own."""
        file = Attachment(
            index=1,
            name="писмо.pdf",
            media_type="application/pdf",
            size=len(content),
            digest=self.blobs.put(content),
        )
        fresh = replace(dispatch().document, guid=SystemIds().guid())
        given = {"sender": A, "recipient": B, "files": (file,), "document": fresh}
        return dispatch(**{**given, "attention_to": "отдел", **changes})

    async def begin(self, document: Dispatch, attempts: tuple[Attempt, ...] = ()) -> Attempt:
        """Prepare a try."""
        prepared = await self.channel.outbound.prepare(document, attempts)
        return Attempt(
            id=f"attempt-{len(attempts) + 1}",
            network="seos",
            number=len(attempts) + 1,
            transport_id=prepared.transport_id,
            payload=prepared.payload,
            intended_at=SystemClock().now(),
        )

    async def send(self, document: Dispatch | None = None) -> Outcome:
        """Prepare and try once."""
        document = document or self.letter()
        return await self.channel.outbound.deliver(document, await self.begin(document))


@asynccontextmanager
async def gateway(
    world: World, peer: SeosParticipant, *, refreshed: bool = True, **settings: Any
) -> AsyncIterator[Gateway]:
    """Make the channel with keys of its own, entered into the register beside `peer`."""
    clock = SystemClock()
    identity = await world.identity(A)
    key, certificate = identity.write(world.folder, "gateway")
    trusted = world.folder / "ca.cert.pem"
    world.register.put(
        Entry(party=A, serial=identity.serial, url=OURS_URL, last_change=clock.now())
    )
    policy = TrustPolicy(authorities=(trusted.read_bytes(),), revocation=False)
    blobs = MemoryBlobs(world.folder / "blobs", clock)
    observer = RecordingObserver()
    threads = WorkerThreads(4)
    channel = SeosChannel(
        SeosEnvironment(
            settings=SeosSettings.model_validate(
                {"register_url": world.register.url, **QUICK, **settings}
            ),
            own=A,
            tls=SeosTls(
                certificate=certificate,
                key=key,
                password=None,
                authorities=(trusted,),
                register_authorities=(trusted,),
            ),
            register_copy=Path(world.folder / "register.json"),
            limits=Limits(),
            blobs=blobs,
            signer=XmlSigner(identity),
            verifier=XmlVerifier(CertificateJudge(policy)),
            inspector=PlainInspector(),
            peer_sentence=sentence,
            threads=threads,
            clock=clock,
            ids=SystemIds(),
            observer=observer,
            checkpoint=RecordingCheckpoint(),
        )
    )
    await channel.start()
    if refreshed:
        await channel.directory.refresh()
    try:
        yield Gateway(channel=channel, blobs=blobs, world=world, peer=peer, observer=observer)
    finally:
        await channel.close()
        await threads.close()
