"""What runs in a process that reads SEOS messages for a gateway.

It has keys, trust and the folder of blobs, and neither database nor network: what it knows of
participants and revoked certificates comes with the calls. It ends when its gateway does.
`python -m depesha.app.reading PROGRAM NUMBER`, with the socket to the gateway as standard input.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import shutil
import signal
import socket
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from depesha.adapters.contents import Inspector
from depesha.adapters.foresight import ClamdForesight
from depesha.adapters.processes import serve
from depesha.adapters.seos.reader import SeosReader
from depesha.adapters.seos.reading import Answer, Call, Knowledge, Reading
from depesha.adapters.seos.replies import SeosReplies
from depesha.adapters.system import NoCheckpoint, SystemClock, SystemIds, WorkerThreads
from depesha.app import policy as values
from depesha.app.greeting import program
from depesha.app.sentences import peer_sentence
from depesha.app.trust import judgement
from depesha.errors import ConfigurationError, StorageError
from depesha.monitoring.log import configure, make_logger
from depesha.queue.blobs import FileBlobs
from depesha.schemas import sentences
from depesha.schemas.participant import DirectoryState

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from depesha.adapters.clamd import Ready
    from depesha.app.greeting import Greeting
    from depesha.schemas.facts import ScanResult
    from depesha.schemas.ids import Guid
    from depesha.schemas.participant import Participant


_PR_SET_PDEATHSIG: Final = 1
"""Linux: the signal for the time when the parent's thread that started us has ended."""


class GivenClock(SystemClock):
    """The gateway's wall clock: as it stood when the last call was made, and on from there."""

    def __init__(self) -> None:
        self._given_at = self.monotonic()
        self._given = super().now()

    def give(self, now: datetime) -> None:
        """Take the gateway's time."""
        self._given, self._given_at = now, self.monotonic()

    def now(self) -> datetime:
        """Wall time, UTC, aware."""
        return self._given + timedelta(seconds=self.monotonic() - self._given_at)


class GivenParticipants:
    """The participants as the gateway last told them."""

    def __init__(self) -> None:
        self._by_guid: dict[Guid, Participant] = {}
        self._loaded_at: datetime | None = None

    def give(self, participants: tuple[Participant, ...], loaded_at: datetime | None) -> None:
        """Take them all anew."""
        self._by_guid = {participant.guid: participant for participant in participants}
        self._loaded_at = loaded_at

    def find(self, guid: Guid) -> Participant | None:
        """Return the participant with this register GUID."""
        return self._by_guid.get(guid)

    def state(self) -> DirectoryState:
        """Tell how fresh they are."""
        return DirectoryState(loaded_at=self._loaded_at, participants=len(self._by_guid))


class GivenReadiness:
    """The scanner as the gateway last saw it."""

    def __init__(self) -> None:
        self.scanner: Ready | None = None

    def ready(self) -> Ready | None:
        """Return it, if it may be shown files."""
        return self.scanner


class Notes:
    """Takes down what is to be told at home."""

    def __init__(self) -> None:
        self.troubles: list[tuple[str, str]] = []
        self.looks: list[tuple[tuple[ScanResult, ...], float]] = []

    def trouble(self, where: str, code: str) -> None:
        """Take it down."""
        self.troubles.append((where, code))

    def look(self, results: tuple[ScanResult, ...], seconds: float) -> None:
        """Take down what a scanner said."""
        self.looks.append((results, seconds))


class ReadingProcess:
    """Everything such a process has, and how it answers a call."""

    def __init__(self, greeting: Greeting, number: int) -> None:
        """Open it; raises `DepeshaError`."""
        settings, seos = greeting.settings, greeting.seos
        self._clock = GivenClock()
        self._participants = GivenParticipants()
        self._readiness = GivenReadiness()
        self._notes = Notes()
        trust = judgement(greeting.papers, seos.trust)
        self._lists = trust.lists
        folder = settings.store.folder / "blobs"
        # Its own in each life: one whose gateway was killed may still be writing into the last one.
        mine = f"{greeting.spool}-{number}-"
        for earlier in (folder / "spool").glob(f"{mine}*"):
            shutil.rmtree(earlier, ignore_errors=True)
        blobs = FileBlobs(folder, self._clock, f"{mine}{os.getpid()}")
        limits = values.limits(settings)
        self._reading = Reading(
            reader=SeosReader(
                blobs=blobs,
                directory=self._participants,
                verifier=trust.verifier,
                inspector=Inspector(limits=limits),
                limits=limits,
                checkpoint=NoCheckpoint(),
                observer=self._notes,
            ),
            replies=SeosReplies(
                own=(values.own_party(settings),),
                signer=trust.signer,
                threads=WorkerThreads(1),
                clock=self._clock,
                ids=SystemIds(self._clock),
                peer_sentence=peer_sentence,
                algorithm_for=seos.algorithm_for,
            ),
            blobs=blobs,
            foresight=ClamdForesight(self._readiness, self._clock, told=self._notes.look),
        )
        sentences.load()

    def answer(self, head: bytes, body: bytes) -> bytes:
        """Answer one call; whatever happens, there is an answer."""
        call: Call = pickle.loads(head)  # noqa: S301 -- our own gateway's word
        self._notes.troubles, self._notes.looks = [], []
        answer = Answer(troubles=self._notes.troubles, looks=self._notes.looks)
        if call.knowledge is not None:
            # Outside of what is caught: who does not know what it should must end.
            self._learn(pickle.loads(call.knowledge))  # noqa: S301 -- our own gateway's word
        try:
            self._read(call, body, answer)
        except StorageError as error:
            answer.problem, answer.storage = error.public, True
        except Exception as error:  # noqa: BLE001 -- told at home; the process serves on
            answer.problem = "a message could not be read in a process of its own"
            self._notes.trouble("seos.reading", type(error).__name__)
        return pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)

    def _read(self, call: Call, body: bytes, answer: Answer) -> None:
        self._clock.give(call.now)
        self._readiness.scanner = call.scanner
        heard, reply = self._reading.read(
            body if call.path is None else call.path, call.received_at, call.serial
        )
        answer.heard, answer.usual = heard, reply.usual

    def _learn(self, knowledge: Knowledge) -> None:
        self._participants.give(knowledge.participants, knowledge.loaded_at)
        for source, content in knowledge.lists:
            self._lists.put(source, content)


def main() -> None:
    """Serve until the gateway closes the socket; its own signals are for it alone to follow."""
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    _die_with_gateway()
    theirs, number = sys.argv[1], int(sys.argv[2])
    logger = make_logger(sys.stderr, "error", "json")

    def opened(greeting: bytes) -> Callable[[bytes, bytes], bytes]:
        nonlocal logger
        if program() != theirs:  # before a word of it is believed
            raise ConfigurationError("the program on disk has changed: restart the gateway")
        known: Greeting = pickle.loads(greeting)  # noqa: S301 -- our own gateway's word
        logger = configure(sys.stderr, known.settings.log.level, known.settings.log.format)
        return ReadingProcess(known, number).answer

    try:
        with socket.socket(fileno=0) as channel:
            serve(channel, opened)
    except Exception:  # told without texts or values, which a traceback would hold
        logger.exception("a process that reads messages ended")
        sys.exit(1)


def _die_with_gateway() -> None:
    """Have the kernel end this process when its gateway ends, also in the middle of a call."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
