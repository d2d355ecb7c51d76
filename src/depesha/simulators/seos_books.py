"""What a simulated participant sent, got and heard, with the wire bytes. Memory only.

It records and waits; it never decides what to answer.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import date, datetime

from depesha.errors import PeerError
from depesha.schemas.envelope import Party, RegistrationNumber
from depesha.schemas.ids import Guid
from depesha.simulators.seos_documents import RegistrationRequest, StatusResponse
from depesha.simulators.seos_reading import Heard
from depesha.simulators.seos_signing import Judgement


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One call that was made: what went out, what came back, how long it took."""

    url: str
    sent: str
    """The signed document exactly as sent, inside its envelope."""
    http_status: int
    """0 where no HTTP answer came at all."""
    answer: str
    """The signed document of the answer; empty where the answer is empty or none."""
    raw: bytes
    """The HTTP body of the answer."""
    heard: Heard | None
    judgement: Judgement | None
    trouble: str
    """Empty, or what went wrong on the way: no connection, broken off, fault, unreadable."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One status of a document of ours, as its recipient told it."""

    status: str
    number: RegistrationNumber | None
    reason: str
    expected_close: date | None
    at: datetime
    said_by: Party
    pushed: bool
    """True for a notice, False for the answer to a call of our own."""
    wire: str
    """The signed document that said so."""
    judgement: Judgement


@dataclass(slots=True, kw_only=True)
class Sent:
    """A document of ours and everything its recipient said about it."""

    request: RegistrationRequest
    recipient: Party
    url: str
    message_guid: Guid
    wire: str
    seen: list[Seen] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """Descriptions of errors that came back."""


@dataclass(slots=True, kw_only=True)
class Received:
    """A document somebody sent us, and where it stands."""

    heard: Heard
    wire: str
    status: str
    number: RegistrationNumber | None = None
    reason: str = ""


class Books:
    """All records of one participant. For one event loop."""

    def __init__(self) -> None:
        self.sent: dict[Guid, Sent] = {}
        self.received: dict[Guid, Received] = {}
        self.message_guids: set[Guid] = set()
        """Of registration requests, received and sent (facts 8)."""
        self.exchanges: list[Exchange] = []
        self.calls: list[str] = []
        """Every document heard at our endpoint, in order, good or bad."""
        self._changed = asyncio.Condition()

    async def saw(
        self, heard: Heard, wire: str, judgement: Judgement, at: datetime, *, pushed: bool
    ) -> bool:
        """Record a status of a document of ours; False where no such document was sent there."""
        body = heard.body
        if not isinstance(body, StatusResponse):
            return False
        sent = self.sent.get(body.document.guid)
        if sent is None or sent.recipient.guid != heard.header.sender.guid:
            return False
        seen = Seen(
            status=body.status,
            number=body.document.number,
            reason=body.reason or "",
            expected_close=body.expected_close,
            at=at,
            said_by=heard.header.sender,
            pushed=pushed,
            wire=wire,
            judgement=judgement,
        )
        async with self._changed:
            sent.seen.append(seen)
            self._changed.notify_all()
        return True

    async def got(self, document: Guid, received: Received) -> None:
        """Record a document that came."""
        async with self._changed:
            self.received[document] = received
            self._changed.notify_all()

    async def wait_for_status(self, document: Guid, status: str, seconds: float) -> Seen:
        """Return the first word of this status; raise `PeerError` when the time is over."""

        def found() -> Seen | None:
            sent = self.sent.get(document)
            return next((s for s in sent.seen if s.status == status), None) if sent else None

        async with self._changed:
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait_for(lambda: found() is not None)
            except TimeoutError:
                heard = (
                    [s.status for s in self.sent[document].seen] if document in self.sent else []
                )
                raise PeerError(
                    f"the status {status} did not come in {seconds:g} s; "
                    f"heard so far: {', '.join(heard) or 'nothing'}"
                ) from None
            seen = found()
        if seen is None:
            raise PeerError(f"the status {status} went away")
        return seen
