"""Where a SEOS body is read: in a worker thread, or in a process of its own.

One reading is all that needs no decision: the facts are gathered, the files are shown to the
scanner, and the likely answer is signed meanwhile. A process sees none of what a thread sees of
the gateway, so it is told what has changed (participants, revoked certificates) before the call
that needs it, and what it met on its way comes back with the facts. Nothing is decided here.
"""

from __future__ import annotations

import asyncio
import pickle
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Protocol

from depesha.adapters.seos.replies import SeosReply
from depesha.errors import ReadingError, StorageError
from depesha.schemas.facts import Arrival
from depesha.schemas.steps import Step

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from depesha.adapters.clamd import Ready
    from depesha.adapters.processes import Worker, WorkerProcesses
    from depesha.adapters.revocation import RevocationLists
    from depesha.adapters.seos.reader import Heard, SeosReader
    from depesha.adapters.seos.register import SeosDirectory
    from depesha.adapters.seos.replies import SeosReplies
    from depesha.ports import BlobStore, Checkpoint, Clock, Foresight, Looking, Observer, Threads
    from depesha.schemas.answer import StatusAnswer
    from depesha.schemas.envelope import Envelope
    from depesha.schemas.facts import ScanResult
    from depesha.schemas.ids import Digest, SerialNumber
    from depesha.schemas.participant import Participant

    Usual = tuple[StatusAnswer, bytes]

_PROTOCOL: Final = pickle.HIGHEST_PROTOCOL
_MUCH: Final = 64 * 1024
"""Longer answers, of messages with thousands of parts, are unpacked beside the event loop."""


class Reading:
    """One reading, from the bytes to the facts. Blocking; serves any number of threads."""

    def __init__(
        self,
        *,
        reader: SeosReader,
        replies: SeosReplies,
        blobs: BlobStore,
        foresight: Foresight | None = None,
    ) -> None:
        self._reader = reader
        self._replies = replies
        self._blobs = blobs
        self._foresight = foresight

    def read(
        self, body: bytes | Path, received_at: datetime, serial: SerialNumber | None
    ) -> tuple[Heard, SeosReply]:
        """Read one body; the original is durable when this returns. Raises `StorageError`."""
        aside: dict[Digest, bytes] = {}
        heard = self._reader.incoming(body, received_at, serial, aside)
        looking = self._look_ahead(heard, aside)
        scans: tuple[ScanResult, ...] = ()
        try:
            reply = self._replies.foresee(heard)
        finally:
            if looking is not None:
                scans = looking.finish()
        if isinstance(heard, Arrival) and heard.envelope is not None:
            self._keep_unseen(heard.envelope, aside, scans)
            heard = replace(heard, scans=scans) if scans else heard
        return heard, reply

    def _look_ahead(self, heard: Heard, aside: dict[Digest, bytes]) -> Looking | None:
        """Have the files scanned while the likely answer is signed."""
        if self._foresight is None or not isinstance(heard, Arrival) or heard.envelope is None:
            return None
        if heard.signature is None or heard.signature.finding is not None:
            return None
        files: list[tuple[int, bytes | Path]] = []
        for file in heard.envelope.attachments:
            content = aside.get(file.digest) or self._blobs.path(file.digest)
            if content is not None:
                files.append((file.index, content))
        return self._foresight.begin(files)

    def _keep_unseen(
        self, envelope: Envelope, aside: dict[Digest, bytes], scans: tuple[ScanResult, ...]
    ) -> None:
        """Make files for the scanner of what it has not seen yet; of the rest nobody needs one."""
        seen = {scan.index for scan in scans}
        for file in envelope.attachments:
            if file.index not in seen and file.digest in aside:
                self._blobs.put(aside[file.digest], durable=False)


class Readers(Protocol):
    """Whoever reads bodies for the listener."""

    async def read(
        self, body: bytes | Path, received_at: datetime, serial: SerialNumber | None
    ) -> tuple[Heard, SeosReply]:
        """Read one body; the original is durable when this returns.

        Raises `StorageError`, or `ReadingError` where it is not known what became of it: then
        nothing may be answered, and the sender tries again.
        """


class ThreadReaders:
    """`Readers` in the gateway's own worker threads."""

    def __init__(self, reading: Reading, threads: Threads) -> None:
        self._reading = reading
        self._threads = threads

    async def read(
        self, body: bytes | Path, received_at: datetime, serial: SerialNumber | None
    ) -> tuple[Heard, SeosReply]:
        """See `Readers.read`."""
        return await self._threads.run(self._reading.read, body, received_at, serial)


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What a reading process knows of the world outside; it is given a new one as a whole."""

    participants: tuple[Participant, ...]
    loaded_at: datetime | None
    lists: tuple[tuple[str, bytes], ...]
    """Revocation lists in force: source, DER."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One body to be read by a process; bytes travel beside it."""

    received_at: datetime
    now: datetime
    """The gateway's time when the process takes the call: before that it may have waited long."""
    serial: SerialNumber | None
    scanner: Ready | None
    """Whom to show files to, if anybody."""
    path: Path | None
    """Where a large body lies; it may be moved away."""
    knowledge: bytes | None
    """A pickled `Knowledge` where it changed since the last call."""


@dataclass(slots=True, kw_only=True)
class Answer:
    """What came of it."""

    heard: Heard | None = None
    usual: Usual | None = None
    problem: str = ""
    """Public text of a `StorageError`, or the name of what nobody expected."""
    storage: bool = False
    troubles: list[tuple[str, str]] = field(default_factory=list)
    looks: list[tuple[tuple[ScanResult, ...], float]] = field(default_factory=list)
    """What the scanner said, and the seconds it took."""


class ProcessReaders:
    """`Readers` in processes, kept up to date by what is known here."""

    def __init__(
        self,
        *,
        processes: WorkerProcesses,
        replies: SeosReplies,
        directory: SeosDirectory,
        lists: RevocationLists,
        scanner: Callable[[], Ready | None],
        told: Callable[[tuple[ScanResult, ...], float], None],
        threads: Threads,
        clock: Clock,
        observer: Observer,
        checkpoint: Checkpoint,
    ) -> None:
        """`told` hears of every look of the scanner, as if it had been made here."""
        self._processes = processes
        self._replies = replies
        self._directory = directory
        self._lists = lists
        self._scanner = scanner
        self._told = told
        self._threads = threads
        self._clock = clock
        self._observer = observer
        self._checkpoint = checkpoint
        self._known: tuple[int, int] | None = None
        self._number = 0
        self._knowledge = b""
        self._one_at_a_time = asyncio.Lock()

    async def read(
        self, body: bytes | Path, received_at: datetime, serial: SerialNumber | None
    ) -> tuple[Heard, SeosReply]:
        """See `Readers.read`."""
        if self._known != self._versions():
            await self._learn()
        small = body if isinstance(body, bytes) else b""

        def head(worker: Worker) -> bytes:
            fresh = worker.told == self._number
            worker.told = self._number
            call = Call(
                received_at=received_at,
                now=self._clock.now(),
                serial=serial,
                scanner=self._scanner(),
                path=None if isinstance(body, bytes) else body,
                knowledge=None if fresh else self._knowledge,
            )
            return pickle.dumps(call, _PROTOCOL)

        said = await self._processes.call(head, small)
        if len(said) > _MUCH:
            return self._understood(await self._threads.run(_unpacked, said))
        return self._understood(_unpacked(said))

    def _versions(self) -> tuple[int, int]:
        return self._directory.version, self._lists.version

    async def _learn(self) -> None:
        """Write down once for all processes what is known now."""
        async with self._one_at_a_time:
            versions = self._versions()
            if self._known != versions:
                self._knowledge = await self._threads.run(self._written)
                self._number += 1
                self._known = versions

    def _written(self) -> bytes:
        participants, loaded_at = self._directory.held()
        knowledge = Knowledge(
            participants=participants, loaded_at=loaded_at, lists=self._lists.held()
        )
        return pickle.dumps(knowledge, _PROTOCOL)

    def _understood(self, answer: Answer) -> tuple[Heard, SeosReply]:
        for where, code in answer.troubles:
            self._observer.trouble(where, code)
        for results, seconds in answer.looks:
            self._told(results, seconds)
        if answer.heard is None:
            raise StorageError(answer.problem) if answer.storage else ReadingError(answer.problem)
        self._checkpoint.reached(Step.ORIGINAL_KEPT)
        reply = self._replies.reply_to(answer.heard)
        reply.usual = answer.usual
        return answer.heard, reply


def _unpacked(said: bytes) -> Answer:
    answer: Answer = pickle.loads(said)  # noqa: S301 -- our own code's word
    return answer
