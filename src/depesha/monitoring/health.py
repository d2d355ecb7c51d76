"""Is the gateway alive, and may it be given work? From the parts' own pings, in words.

Readiness is red where a message could not be taken whole: silent scanner, unwritable store, full
disk, register never loaded, nobody who reads. It never decides anything else, and never raises.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from depesha.errors import DepeshaError, StorageError

if TYPE_CHECKING:
    from depesha.ports import Clock, Directory, MalwareScanner, MessageStore, Threads

_MEBIBYTE = 2**20


class NotReadyError(DepeshaError):
    """A part says in words why no work may come."""

    temporary = True
    code = "NOT_READY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Something the gateway needs. `ping` returns words, or raises."""

    name: str
    ping: Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartState:
    """How one part answered."""

    name: str
    ok: bool
    words: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """How all parts answered."""

    ready: bool
    parts: tuple[PartState, ...]


class Reading(Protocol):
    """What is asked of the processes that read messages."""

    @property
    def working(self) -> int:
        """How many work."""

    @property
    def workers(self) -> Sized:
        """All there should be."""

    @property
    def problem(self) -> str:
        """Why the last one could not start, in public words."""


class Health:
    """Asks the parts, all at once, each with a time-out; answers are kept for a moment.

    Many probes at once therefore cost the scanner one ping.
    """

    def __init__(
        self, parts: tuple[Part, ...], clock: Clock, *, seconds: float = 3.0, keep: float = 1.0
    ) -> None:
        self._parts = parts
        self._clock = clock
        self._seconds = seconds
        self._keep = keep
        self._lock = asyncio.Lock()
        self._last: Readiness | None = None
        self._asked_at = 0.0
        self._stopping = False

    def stop(self) -> None:
        """From now on not ready: what is in hand is finished, nothing new should come."""
        self._stopping = True

    async def ready(self) -> Readiness:
        """Ask every part, or return the last answer where it is fresh."""
        if self._stopping:
            words = PartState(name="gateway", ok=False, words="is stopping", seconds=0.0)
            return Readiness(ready=False, parts=(words,))
        async with self._lock:
            fresh = self._clock.monotonic() - self._asked_at < self._keep
            if self._last is None or not fresh:
                states = await asyncio.gather(*(self._ask(part) for part in self._parts))
                self._last = Readiness(ready=all(s.ok for s in states), parts=tuple(states))
                self._asked_at = self._clock.monotonic()
            return self._last

    async def _ask(self, part: Part) -> PartState:
        began, ok = self._clock.monotonic(), False
        try:
            async with asyncio.timeout(self._seconds):
                words = await part.ping()
            ok = True
        except DepeshaError as error:
            words = error.public
        except TimeoutError:
            words = f"gave no answer within {self._seconds:g} s"
        except Exception as error:  # noqa: BLE001 -- whatever a part throws is "not ready", told
            words = f"failed: {type(error).__name__}"
        seconds = self._clock.monotonic() - began
        return PartState(name=part.name, ok=ok, words=words, seconds=round(seconds, 4))


def scanner_part(scanner: MalwareScanner) -> Part:
    """The malware scanner: silent means that messages are held (law 1)."""
    return Part(name="scanner", ping=scanner.ping)


def store_part(store: MessageStore) -> Part:
    """The message store answers."""

    async def ping() -> str:
        counts = await store.counts()
        return f"{sum(counts.by_state.values())} messages, {counts.parked} parked"

    return Part(name="store", ping=ping)


def disk_part(folder: Path, threads: Threads, *, least_free: int = 512 * _MEBIBYTE) -> Part:
    """The store's disk has room for more than a few large messages."""

    def measure() -> str:
        try:
            free = shutil.disk_usage(folder).free
        except OSError:
            raise StorageError("the store's folder cannot be read") from None
        if free < least_free:
            raise StorageError(f"only {free // _MEBIBYTE} MiB free")
        return f"{free // _MEBIBYTE} MiB free"

    async def ping() -> str:
        return await threads.run(measure)

    return Part(name="disk", ping=ping)


def directory_part(directory: Directory, clock: Clock) -> Part:
    """The participants' register was loaded once; an old copy still serves, and its age is told."""

    async def ping() -> str:
        state = directory.state()
        if state.loaded_at is None:
            raise NotReadyError("the participants' register was never loaded")
        minutes = int((clock.now() - state.loaded_at).total_seconds() // 60)
        late = "; the last refresh failed" if state.last_error else ""
        return f"{state.participants} participants, {minutes} min old{late}"

    return Part(name="directory", ping=ping)


def readers_part(processes: Reading) -> Part:
    """At least one of the processes that read messages works."""

    async def ping() -> str:
        there, all_of_them = processes.working, len(processes.workers)
        if not there:
            why = f": {processes.problem}" if processes.problem else ""
            raise NotReadyError(f"none of the {all_of_them} processes that read works{why}")
        return f"{there} of {all_of_them} processes read"

    return Part(name="readers", ping=ping)
