"""Where the CPU of one inbound message goes, step by step, alone in one process.

Thread CPU time, so that a busy machine changes little. The parts are the product's own; what is
left of the whole process's cost in `bench/run.py` is HTTP, TLS and the event loop.
"""

from __future__ import annotations

import asyncio
import io
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from bench import messages
from depesha.adapters.clamd import ClamdScanner
from depesha.adapters.contents import Inspector
from depesha.adapters.foresight import ClamdForesight
from depesha.adapters.memory.directory import MemoryDirectory
from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.seos import soap
from depesha.adapters.seos.reader import SeosReader
from depesha.adapters.seos.replies import SeosReplies
from depesha.adapters.signing import XmlSigner
from depesha.adapters.system import NoCheckpoint, SystemClock, SystemIds, WorkerThreads
from depesha.adapters.trust import CertificateJudge, TrustPolicy
from depesha.adapters.verifying import XmlVerifier
from depesha.app.sentences import peer_sentence
from depesha.gateway import acknowledge
from depesha.gateway.checks.chain import Chain
from depesha.queue.opening import open_memory
from depesha.schemas import xml
from depesha.schemas.answer import StatusAnswer
from depesha.schemas.facts import Arrival
from depesha.schemas.journal import SealKey
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import EvidenceKind, NewEvidence, NewMessage
from depesha.schemas.participant import Participant, ParticipantStatus
from depesha.schemas.policy import Limits, Policy
from depesha.schemas.wire.seos import Form, schema
from depesha.simulators.authority import Authority, Identity
from depesha.simulators.bodies import BARE, GATEWAYS
from depesha.simulators.scanner import PrivateClamd

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from depesha.queue.opening import Memory
    from depesha.schemas.envelope import Envelope
    from depesha.schemas.facts import ScanResult
    from depesha.schemas.ids import Digest

P = ParamSpec("P")
R = TypeVar("R")

US, THEM = GATEWAYS[1].party, BARE[0].party


@dataclass
class Clock:
    """Notes thread CPU by step; the median counts, for a shared machine steals now and then."""

    spent: dict[str, list[float]]

    def time(self, step: str, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run and note."""
        before = time.thread_time()
        result = function(*args, **kwargs)
        self.spent[step].append(time.thread_time() - before)
        return result


class Stand:
    """The product's own parts, put together as the gateway does."""

    def __init__(self, memory: Memory, scanner: ClamdScanner, authority: Authority) -> None:
        clock = SystemClock()
        now = datetime.now(UTC)
        self.them: Identity = authority.issue("sender.example", eik=THEM.identifier, at=now)
        us = authority.issue("us.example", eik=US.identifier, at=now)
        judge = CertificateJudge(
            TrustPolicy(authorities=(authority.certificate_pem,), revocation=False)
        )
        self.memory = memory
        self.clock = clock
        self.signer = XmlSigner(us)
        self.verifier = XmlVerifier(judge)
        self.directory = MemoryDirectory(_participant(self.them), clock=clock)
        self.observer = RecordingObserver()
        self.reader = SeosReader(
            blobs=memory.blobs,
            directory=self.directory,
            verifier=self.verifier,
            inspector=Inspector(limits=Limits()),
            limits=Limits(),
            checkpoint=NoCheckpoint(),
            observer=self.observer,
        )
        self.foresight = ClamdForesight(scanner, clock)
        self.threads = WorkerThreads(1)
        self.replies = SeosReplies(
            own=(US,),
            signer=self.signer,
            threads=self.threads,
            clock=clock,
            ids=SystemIds(),
            peer_sentence=peer_sentence,
            algorithm_for=lambda _: "rsa-sha1",
        )
        self.chain = Chain(
            directories={"seos": self.directory},
            store=memory.store,
            blobs=memory.blobs,
            scanner=scanner,
            clock=clock,
            observer=self.observer,
            policy=_policy(),
        )


def _policy() -> Policy:
    guids = frozenset({US.guid} if US.guid else set())
    return Policy(own_identifiers=frozenset({US.identifier}), own_guids=guids)


def _participant(identity: Identity) -> Participant:
    assert THEM.guid is not None  # noqa: S101 - the bench's own body has one
    return Participant(
        guid=THEM.guid,
        identifier=THEM.identifier,
        name=THEM.name,
        status=ParticipantStatus.ACTIVE,
        serial=identity.serial,
        url="https://sender.example/seos",
    )


async def measure(folder: Path, count: int = 150, size: int = 100_000) -> dict[str, float]:
    """Return milliseconds of CPU a message by step."""
    clock = SystemClock()
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    authority = Authority.create("Bench CA", at=datetime.now(UTC) - timedelta(days=1))
    async with PrivateClamd(folder / "c", clock=clock) as clamd:
        memory = await open_memory(
            folder / "store", clock=clock, ids=SystemIds(), seal_key=SealKey(bytes(range(32)))
        )
        try:
            scanner = ClamdScanner([clamd.address], clock=clock)
            await _introduce(scanner, folder / "first")
            stand = Stand(memory, scanner, authority)
            bodies = [messages.request(THEM, US, stand.them, size) for _ in range(count)]
            spent = Clock(defaultdict(list))
            arrivals = _read_apart(stand, bodies, spent)
            await _decide(stand, arrivals, spent)
            await stand.threads.close()
        finally:
            await memory.close()
    return {step: statistics.median(took) * 1000 for step, took in spent.spent.items()}


async def _introduce(scanner: ClamdScanner, file: Path) -> None:
    """Have a first file scanned: then the scanner's version is known, and it may be asked ahead."""
    await asyncio.to_thread(file.write_bytes, b"first")
    await scanner.scan([(1, file)], 20.0)


def _read_apart(stand: Stand, bodies: Sequence[bytes], spent: Clock) -> list[Arrival]:
    """The reader's parts one by one, then the reader whole; what is left is mapping and glue."""
    arrivals = []
    hot = schema(Form.HOT)
    for body in bodies:
        inner = spent.time("SOAP unwrap", soap.unwrap_request, body, stand.memory.blobs.spool)
        document = spent.time("parse", xml.parse, inner)
        serial = stand.them.serial
        now = datetime.now(UTC)
        spent.time("verify", stand.verifier.verify, document, (serial,), now)
        spent.time("schema", hot.deviations, document)
        aside: dict[Digest, bytes] = {}
        heard = spent.time("read, whole", stand.reader.incoming, body, now, None, aside)
        if not isinstance(heard, Arrival) or heard.envelope is None:
            raise TypeError("the bench's own message was not read as a document")
        scans = spent.time("scan ahead", _scan_ahead, stand, heard.envelope, aside)
        arrivals.append(replace(heard, scans=scans))
        again = io.BytesIO(inner if isinstance(inner, bytes) else b"")
        spent.time("write and sync the original", stand.memory.blobs.put, again.getvalue() + b" ")
    return arrivals


def _scan_ahead(
    stand: Stand, envelope: Envelope, aside: dict[Digest, bytes]
) -> tuple[ScanResult, ...]:
    files = [(file.index, aside[file.digest]) for file in envelope.attachments]
    looking = stand.foresight.begin(files)
    return () if looking is None else looking.finish()


async def _decide(stand: Stand, arrivals: Sequence[Arrival], spent: Clock) -> None:
    ids = SystemIds()
    for arrival in arrivals:
        now = stand.clock.now()
        before = time.process_time()
        examination = await stand.chain.examine(arrival, now, claiming=True)
        after = time.process_time()
        spent.spent["checks"].append(after - before)
        if arrival.envelope is None or examination.outcome != "passed":
            raise TypeError("the bench's own message was not admitted")
        answer = acknowledge.waiting(arrival.envelope)
        assert isinstance(answer, StatusAnswer)  # noqa: S101 - the function's own word
        before = time.process_time()
        wire = await stand.replies.reply_to(arrival)(answer)
        after = time.process_time()
        spent.spent["sign the answer"].append(after - before)
        evidence = NewEvidence(
            kind=EvidenceKind.RECEIVED,
            at=now,
            message_id=None,
            actor="bench",
            facts={"original": arrival.original},
            wire=wire,
        )
        new_id = ids.message_id()
        new = NewMessage(
            id=new_id,
            state=InboundState.ADMITTED,
            arrival=arrival,
            checks=examination.checks,
            evidence=replace(evidence, message_id=new_id),
        )
        before = time.process_time()
        await stand.memory.store.admit(new)
        spent.spent["store and commit (alone)"].append(time.process_time() - before)


def table(found: dict[str, float]) -> list[str]:
    """The lines to print."""
    whole = found["read, whole"] + found["scan ahead"] + found["checks"]
    whole += found["sign the answer"] + found["store and commit (alone)"]
    lines = [f"CPU of one 100 kB message without HTTP and TLS: {whole:.2f} ms"]
    lines += [f"   {ms:6.3f} ms  {ms / whole:4.0%}  {step}" for step, ms in found.items()]
    return lines


def main() -> None:
    """Measure and print."""
    import tempfile  # noqa: PLC0415 - only here

    with tempfile.TemporaryDirectory(prefix="depesha-steps-") as name:
        for line in table(asyncio.run(measure(Path(name)))):
            print(line)


if __name__ == "__main__":
    main()
