"""Waiting and telling: the bell that wakes long polls, and the feed of events (SSE).

The journal is the truth and the bell only a hint: whoever waits also looks by itself now and
then, so a missed ring costs a little time and never an event. No personal data in the feed.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from depesha.adapters.registry.problems import TOO_MANY_WAITERS, Problem
from depesha.schemas.message import EvidenceKind
from depesha.schemas.outbound_events import OUTBOUND_KINDS, dispatch_event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from depesha.ports import Observer
    from depesha.schemas.evidence import EvidenceRecord
    from depesha.schemas.verdict import CheckRecord

QUIET = frozenset({EvidenceKind.VIEWED, EvidenceKind.EXPORTED, EvidenceKind.SHREDDED})
"""Rows that tell of readers, not of messages: they are no events, or a feed would feed itself."""


class Bell:
    """Wakes everyone who waits, each time something may have changed."""

    def __init__(self, seats: int = 64) -> None:
        """`seats`: how many may wait at once, for each of them holds a connection."""
        self._rings = 0
        self._next = asyncio.Event()
        self._closed = False
        self._seats = seats

    @contextmanager
    def seat(self) -> Iterator[None]:
        """Hold one of the seats; raise a problem where none is free."""
        if self._seats == 0:
            raise Problem(TOO_MANY_WAITERS)
        self._seats -= 1
        try:
            yield
        finally:
            self._seats += 1

    @property
    def rings(self) -> int:
        """Rings so far: read it before looking, and hand it to `wait`."""
        return self._rings

    @property
    def closed(self) -> bool:
        """True once the listener stops: whoever waits should end."""
        return self._closed

    def ring(self) -> None:
        """Wake everyone. Cheap; call it on the event loop after each commit."""
        self._rings += 1
        self._next.set()
        self._next = asyncio.Event()

    def close(self) -> None:
        """Wake everyone for the last time."""
        self._closed = True
        self.ring()

    async def wait(self, seen: int, seconds: float) -> None:
        """Return when it rang after `seen` rings, at once if it did, or after `seconds`."""
        if self._closed or self._rings != seen:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._next.wait()
        except TimeoutError:
            return


class RingingObserver:
    """`ports.Observer` that rings the bell for what changes an inbox, and passes all on."""

    def __init__(self, inner: Observer, bell: Bell) -> None:
        self._inner = inner
        self._bell = bell

    def arrived(self, network: str, size: int) -> None:
        """Pass on."""
        self._inner.arrived(network, size)

    def examined(self, network: str, checks: tuple[CheckRecord, ...]) -> None:
        """Pass on."""
        self._inner.examined(network, checks)

    def stored(self, message: str, network: str, state: str, seconds: float) -> None:
        """Pass on and ring."""
        self._inner.stored(message, network, state, seconds)
        self._bell.ring()

    def repeated(self, message: str, network: str, by: str) -> None:
        """Pass on."""
        self._inner.repeated(message, network, by)

    def changed(self, message: str, network: str, state: str) -> None:
        """Pass on and ring."""
        self._inner.changed(message, network, state)
        self._bell.ring()

    def notice(self, message: str, network: str, outcome: str, attempts: int) -> None:
        """Pass on and ring: an acknowledgement is an event of the feed."""
        self._inner.notice(message, network, outcome, attempts)
        self._bell.ring()

    def word(self, network: str, kind: str) -> None:
        """Pass on."""
        self._inner.word(network, kind)

    def task(self, kind: str, outcome: str, seconds: float) -> None:
        """Pass on."""
        self._inner.task(kind, outcome, seconds)

    def trouble(self, where: str, code: str) -> None:
        """Pass on."""
        self._inner.trouble(where, code)

    def tried(self, message: str, network: str, outcome: str, seconds: float) -> None:
        """Pass on and ring: a try is an event of the feed."""
        self._inner.tried(message, network, outcome, seconds)
        self._bell.ring()

    def moved(self, message: str, network: str, state: str) -> None:
        """Pass on and ring."""
        self._inner.moved(message, network, state)
        self._bell.ring()

    def circuit(self, network: str, state: str) -> None:
        """Pass on."""
        self._inner.circuit(network, state)

    def failed(self, network: str, direction: str, blame: str) -> None:
        """Pass on."""
        self._inner.failed(network, direction, blame)

    def lasted(self, network: str, stage: str, seconds: float) -> None:
        """Pass on."""
        self._inner.lasted(network, stage, seconds)

    def committed(self, callers: int, seconds: float) -> None:
        """Pass on; in any thread, so nothing is rung here."""
        self._inner.committed(callers, seconds)

    def request(self, listener: str, status: int, seconds: float) -> None:
        """Pass on."""
        self._inner.request(listener, status, seconds)


def event_bytes(record: EvidenceRecord) -> bytes:
    """Return one journal row as a server-sent event; empty for rows that are no event."""
    body: dict[str, Any] = json.loads(record.body)
    kind = str(body.get("kind", ""))
    if not record.message_id or kind in QUIET:
        return b""
    data = {
        "sequence": record.sequence,
        "kind": kind,
        "message_id": record.message_id,
        "at": body.get("at", ""),
    }
    if kind in OUTBOUND_KINDS and (told := dispatch_event(str(body["facts"].get("state", "")))):
        data["type"] = told
    lines = (f"id: {record.sequence}", f"event: {kind}", "data: " + json.dumps(data), "", "")
    return "\n".join(lines).encode()


def heartbeat(sequence: int) -> bytes:
    """Return what says that the feed lives, and how far it has read.

    An `id` with no data moves the reader's Last-Event-ID on without an event (HTML, 9.2.6), so a
    resumed feed does not read the quiet rows again.
    """
    return f": alive\nid: {sequence}\n\n".encode()
