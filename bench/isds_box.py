"""ISDS: what a poll of a box with 10,000 messages costs, and a big message of 100 MB both ways.

The simulated ISDS is a process of its own, so that memory and calls are the gateway's alone.
Run: python -m bench.isds_box [--messages 10000] [--big-only]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.processes import forget_peak, memory
from depesha.adapters.contents import Inspector
from depesha.adapters.isds.assembly import IsdsChannel, IsdsEnvironment
from depesha.adapters.isds.settings import IsdsBoxSettings, IsdsSettings, LoginKind
from depesha.adapters.memory.journal import MemoryJournal
from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.memory.state import MemoryState
from depesha.adapters.memory.store import MemoryStore
from depesha.adapters.memory.system import FixedJitter
from depesha.adapters.system import NoCheckpoint, SystemClock, SystemIds, WorkerThreads
from depesha.ports import Reply
from depesha.queue.blobs import FileBlobs
from depesha.schemas.answer import ErrorNotice, Inquiry, StatusNotice
from depesha.schemas.dispatch import Attempt, Dispatch
from depesha.schemas.envelope import (
    Attachment,
    DocumentReference,
    Party,
    RegistrationNumber,
)
from depesha.schemas.facts import Arrival
from depesha.schemas.ids import Guid
from depesha.schemas.journal import SealKey
from depesha.schemas.outbound import TryReport
from depesha.schemas.outcome import Delivered
from depesha.schemas.policy import Limits
from depesha.simulators.isds_seal import Sealer, SealKeys
from depesha.simulators.isds_service import IsdsSimulator

PASSWORD = "Zkusebni-heslo-1"  # noqa: S105 -- of the simulator
CLOCK = SystemClock()
MB = 1_000_000
OUTAGE_DAYS = 3
SPAN_DAYS = 90


# --- the simulated ISDS, in its own process ------------------------------------------------------


async def simulate(folder: Path) -> None:
    """Serve, and do what each line of standard input says."""
    sealer = Sealer(at=CLOCK.now() - timedelta(days=200), keys=SealKeys.make())
    (folder / "seals.pem").write_bytes(sealer.trusted_pem)
    files = folder / "isds"
    async with IsdsSimulator(clock=CLOCK, ids=SystemIds(), folder=files, sealer=sealer) as isds:
        boxes = [isds.people.add(name) for name in ("Obec Příkladov", "Město Ukázkov")]
        for box in boxes:
            isds.people.admit(box, f"u{box.box_id}", PASSWORD)
        told = {"ws1": isds.urls.ws1, "ws2": isds.urls.ws2, "boxes": [b.box_id for b in boxes]}
        print(json.dumps(told), flush=True)
        sender, recipient = (box.box_id for box in boxes)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            word, _, rest = line.strip().partition(" ")
            if word == "fill":
                count, days = rest.split()
                over = timedelta(days=float(days))
                await asyncio.to_thread(isds.fill, sender, recipient, int(count), over=over)
            elif word == "pass":
                isds.pass_time(timedelta(days=float(rest)))
            print(json.dumps(dict(isds.calls)), flush=True)
            isds.calls.clear()


class Isds:
    """The other process."""

    def __init__(self, process: asyncio.subprocess.Process, told: dict[str, Any]) -> None:
        self._process = process
        self.told = told

    async def do(self, line: str) -> dict[str, int]:
        """Say a line; return the calls since the last one."""
        if self._process.stdin is None or self._process.stdout is None:
            raise SystemExit("the simulator has no ears")
        self._process.stdin.write(line.encode() + b"\n")
        await self._process.stdin.drain()
        made: dict[str, int] = json.loads(await self._process.stdout.readline())
        return made


@asynccontextmanager
async def simulator(folder: Path) -> AsyncIterator[Isds]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.isds_box", "--simulate", str(folder)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        if process.stdout is None:
            raise SystemExit("the simulator has no voice")
        yield Isds(process, json.loads(await process.stdout.readline()))
    finally:
        process.terminate()
        await process.wait()


# --- the gateway's side -----------------------------------------------------------------------


class Counting:
    """`ports.Intake` that counts and keeps nothing."""

    def __init__(self) -> None:
        self.documents = 0
        self.reports = 0

    async def receive(self, arrival: Arrival, reply: Reply) -> bytes:
        """Count a document; a broken one ends the bench."""
        if arrival.signature is None or arrival.signature.finding is not None:
            raise SystemExit("a good message was found broken")
        del reply
        self.documents += 1
        return b""

    async def report(self, report: TryReport) -> bool:
        """Count a word of the network."""
        del report
        self.reports += 1
        return True

    async def inquire(self, inquiry: Inquiry, reply: Reply) -> bytes:
        """Never asked for here."""
        del inquiry, reply
        raise SystemExit("the simulator sent no such word")

    async def notice(self, notice: StatusNotice, reply: Reply) -> bytes:
        """Never asked for here."""
        del notice, reply
        raise SystemExit("the simulator sent no such word")

    async def fault(self, fault: ErrorNotice, reply: Reply) -> bytes:
        """Never asked for here."""
        del fault, reply
        raise SystemExit("the simulator sent no such word")


@asynccontextmanager
async def channel(
    isds: Isds, folder: Path, name: str, which: int, **changes: Any
) -> AsyncIterator[tuple[IsdsChannel, FileBlobs]]:
    own = folder / name
    own.mkdir()
    secret = own / "password"
    secret.write_text(PASSWORD, encoding="utf-8")
    box_id = isds.told["boxes"][which]
    box = IsdsBoxSettings(
        box_id=box_id, login=LoginKind.PASSWORD, user=f"u{box_id}", password_file=str(secret)
    )
    settings = IsdsSettings(
        environment="bench",
        boxes=(box,),
        host=isds.told["ws1"].removeprefix("http://"),
        big_host=isds.told["ws2"].removeprefix("http://"),
        seal_authorities=(str(folder / "seals.pem"),),
        stamp_authorities=(str(folder / "seals.pem"),),
        watch_minutes=0.0001,
        **changes,
    )
    threads = WorkerThreads(2)
    state = MemoryState()
    blobs = FileBlobs(own / "blobs", CLOCK)
    made = IsdsChannel(
        IsdsEnvironment(
            settings=settings,
            own=Party(identifier="00000001", name="Obec Příkladov"),
            path=Path,
            folder=own,
            limits=Limits(),
            blobs=blobs,
            store=MemoryStore(state, CLOCK),
            journal=MemoryJournal(state, CLOCK, SealKey(b"s" * 32)),
            inspector=Inspector(limits=Limits()),
            peer_sentence=str,
            parked=_nobody,
            restored=_never,
            threads=threads,
            clock=CLOCK,
            ids=SystemIds(),
            jitter=FixedJitter(),
            observer=RecordingObserver(),
            checkpoint=NoCheckpoint(),
            scheme="http",
        )
    )
    await made.start()
    try:
        yield made, blobs
    finally:
        await made.close()
        await threads.close()


async def _never() -> None:
    """This store was never put back."""


async def _nobody(name: str, reason: str) -> None:
    raise SystemExit(f"{name} was put by: {reason}")


def fresh_peak() -> int:
    """Let the peak begin anew; return the present memory in bytes."""
    forget_peak(os.getpid())
    return memory(os.getpid(), "VmRSS")


def say(what: str, calls: dict[str, int], started: float, before: int, more: str) -> None:
    grown = (memory(os.getpid(), "VmHWM") - before) / MB
    made = ", ".join(f"{count} {name}" for name, count in sorted(calls.items()))
    print(
        f"{what:<34} {sum(calls.values()):5} calls  {time.perf_counter() - started:6.1f} s  "
        f"peak memory +{grown:5.1f} MB  {more}\n    {made}"
    )


async def polled(isds: Isds, made: IsdsChannel, what: str) -> bool:
    """Poll once and print its figures; tell whether there is more."""
    await isds.do("calls")
    intake, started, before = Counting(), time.perf_counter(), fresh_peak()
    (report,) = await made.poll(intake)
    if report.trouble:
        raise SystemExit(f"the poll ended in trouble: {report.trouble}")
    more = f"{report.documents} taken in{', more to come' if report.more else ''}"
    say(what, await isds.do("calls"), started, before, more)
    return report.more


async def box(isds: Isds, folder: Path, messages: int) -> None:
    """Print what polls of a full box cost."""
    await isds.do(f"fill {messages} {SPAN_DAYS}")
    print(f"A box with {messages} messages of {SPAN_DAYS} days, 250 taken in by one poll at most:")
    async with channel(isds, folder, "first", 1) as (made, _):
        await polled(isds, made, "first poll")
        await polled(isds, made, "second poll")
    async with channel(isds, folder, "steady", 1, first_days=1.0) as (made, _):
        while await polled(isds, made, "first poll, begun a day back"):
            pass
        await polled(isds, made, "steady poll, nothing new")
        await isds.do(f"pass {OUTAGE_DAYS}")
        await isds.do(f"fill {messages * OUTAGE_DAYS // SPAN_DAYS} {OUTAGE_DAYS}")
        number = 1
        while await polled(isds, made, f"poll {number} after {OUTAGE_DAYS} days away"):
            number += 1
        await polled(isds, made, "steady poll, nothing new")


async def big(isds: Isds, folder: Path) -> None:
    """Print what a message of 100 MB costs, out and in."""
    print("A big message of 99 MB:")
    async with (
        channel(isds, folder, "out", 0) as (here, kept),
        channel(isds, folder, "in", 1, first_days=0.01) as (there, _),
    ):
        await there.poll(Counting())
        letter = await asyncio.to_thread(_document, kept, isds.told["boxes"][1])
        prepared = await here.outbound.prepare(letter, ())
        attempt = Attempt(
            id="one",
            network="isds",
            number=1,
            transport_id=prepared.transport_id,
            payload=prepared.payload,
            intended_at=CLOCK.now(),
        )
        await isds.do("calls")
        started, before = time.perf_counter(), fresh_peak()
        outcome = await here.outbound.deliver(letter, attempt)
        if not isinstance(outcome, Delivered):
            raise SystemExit(f"it was not taken: {outcome}")
        say("out", await isds.do("calls"), started, before, "")
        started, before = time.perf_counter(), fresh_peak()
        (report,) = await there.poll(Counting())
        say("in", await isds.do("calls"), started, before, f"{report.documents} taken in")


def _document(blobs: FileBlobs, recipient: str) -> Dispatch:
    path = blobs.spool()
    with path.open("wb") as file:
        file.write(b"%PDF-1.7\n")
        for _ in range(99):
            file.write(os.urandom(MB))
    size = path.stat().st_size
    file_ = Attachment(
        index=1,
        name="velka.pdf",
        media_type="application/pdf",
        size=size,
        digest=blobs.put(path),
    )
    return Dispatch(
        idempotency_key="one",
        submitted_at=CLOCK.now(),
        sender=Party(identifier="00000001", name="Obec Příkladov"),
        recipient=Party(identifier=recipient, name="Město Ukázkov"),
        document=DocumentReference(
            guid=Guid("11111111-1111-4111-8111-111111111111"),
            number=RegistrationNumber(number="1/2026", date=CLOCK.now().date()),
        ),
        kind="Dopis",
        files=(file_,),
    )


async def run(messages: int, *, big_only: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with simulator(folder) as isds:
            if not big_only:
                await box(isds, folder, messages)
        other = folder / "big"
        other.mkdir()
        async with simulator(other) as isds:
            await big(isds, other)


def main() -> None:
    given = argparse.ArgumentParser()
    given.add_argument("--messages", type=int, default=10_000)
    given.add_argument("--big-only", action="store_true")
    given.add_argument("--simulate", type=Path)
    arguments = given.parse_args()
    if arguments.simulate:
        asyncio.run(simulate(arguments.simulate))
    else:
        asyncio.run(run(arguments.messages, big_only=arguments.big_only))


if __name__ == "__main__":
    main()
