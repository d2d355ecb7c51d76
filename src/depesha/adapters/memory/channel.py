"""A network in a test's hands: documents go to a recipient that remembers, or as the script says.

An honest body of `ports.OutboundChannel`: it passes `tests/contract/outbound_channel.py`. What the
recipient holds and what the sender is told are two things here, as in life.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from depesha.errors import Blame, UnreachableError
from depesha.schemas.answer import DocumentStatus
from depesha.schemas.dispatch import Attempt, AttemptOutcome, Dispatch, Quality
from depesha.schemas.evidence import canonical
from depesha.schemas.outbound import Prepared
from depesha.schemas.outcome import (
    Absent,
    Answered,
    Deferred,
    Delivered,
    Outcome,
    PeerWord,
    Refused,
    Unclear,
)
from depesha.schemas.route import ChannelFacts, Reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from depesha.ports import BlobStore, Clock, IdSource
    from depesha.schemas.ids import Guid

UNREACHABLE = Deferred(code="UNREACHABLE", public="nobody answers", blame=Blame.NETWORK)
FAULT = Deferred(code="PEER_FAILED", public="a fault was answered", blame=Blame.THEIRS)
REFUSED = Refused(code="SENDER_REFUSED", public="they do not take it")
BROKEN = Unclear(code="BROKEN_OFF", public="no answer came")
GONE = Deferred(code="STORAGE", public="the prepared bytes are gone", blame=Blame.OURS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """How one try ends: what the sender is told, and whether the recipient has it."""

    outcome: Outcome
    stored: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """One copy that the recipient took in."""

    document: Guid
    transport_id: Guid
    payload: bytes


class MemoryChannel:
    """`ports.OutboundChannel` over a recipient in memory; well-behaved until told otherwise."""

    def __init__(
        self,
        network: str,
        *,
        blobs: BlobStore,
        clock: Clock,
        ids: IdSource,
        quality: Quality = Quality.REGISTERED_DELIVERY,
        can_ask: bool = True,
        proves: bool = True,
    ) -> None:
        """`proves` False: a try that got through is in the network's hands only, as with mail."""
        self._network = network
        self._blobs = blobs
        self._clock = clock
        self._ids = ids
        self._quality = quality
        self._can_ask = can_ask
        self._proves = proves
        self.down = False
        """While True nobody is reached: nothing leaves, and nothing can be asked."""
        self.reaches: dict[str, Reach] = {}
        """By the recipient's identifier; whoever is not here is registered."""
        self.limits: dict[str, int] = {}
        """`message_bytes`, `file_bytes`, `files`, `growth_percent` of the facts."""
        self.script: deque[Planned] = deque()
        """The next tries end like this; afterwards as an empty script says."""
        self.answers: deque[Answered] = deque()
        """The next questions are answered like this; afterwards with the truth."""
        self.word = PeerWord(status=DocumentStatus.WAITING)
        """What the recipient says of a document it has."""
        self.arrived: list[Arrived] = []
        """Every copy the recipient took in: twice the same document is two of them."""
        self.tries: list[Attempt] = []
        self.questions: list[Attempt] = []

    @property
    def network(self) -> str:
        """The network it speaks."""
        return self._network

    async def facts(self, dispatch: Dispatch) -> ChannelFacts:
        """See `OutboundChannel.facts`."""
        reach = self.reaches.get(dispatch.recipient.identifier, Reach.REGISTERED)
        return ChannelFacts(
            network=self._network,
            quality=self._quality,
            reach=reach,
            reach_as_of=None if reach is Reach.UNKNOWN else self._clock.now(),
            message_bytes=self.limits.get("message_bytes"),
            file_bytes=self.limits.get("file_bytes"),
            files=self.limits.get("files"),
            growth_percent=self.limits.get("growth_percent", 100),
            can_ask=self._can_ask,
        )

    async def prepare(self, dispatch: Dispatch, attempts: Sequence[Attempt]) -> Prepared:
        """See `OutboundChannel.prepare`."""
        mine = [attempt for attempt in attempts if attempt.network == self._network]
        if mine and mine[-1].outcome is AttemptOutcome.DEFERRED:
            return Prepared(payload=mine[-1].payload, transport_id=mine[-1].transport_id)
        transport_id = self._ids.guid()
        files = [file.digest for file in dispatch.files]
        words = {"document": dispatch.document.guid, "transport": transport_id, "files": files}
        return Prepared(payload=self._blobs.put(canonical(words)), transport_id=transport_id)

    async def deliver(self, dispatch: Dispatch, attempt: Attempt) -> Outcome:
        """See `OutboundChannel.deliver`: the script's next line, or the recipient takes it in."""
        self.tries.append(attempt)
        path = self._blobs.path(attempt.payload)
        if path is None:
            return GONE
        if self.down:
            return UNREACHABLE
        planned = self.script.popleft() if self.script else Planned(outcome=self._taken())
        if planned.stored or isinstance(planned.outcome, Delivered):
            self.arrived.append(
                Arrived(
                    document=dispatch.document.guid,
                    transport_id=attempt.transport_id,
                    payload=path.read_bytes(),
                )
            )
        return planned.outcome

    async def inquire(self, dispatch: Dispatch, attempt: Attempt) -> Answered:
        """See `OutboundChannel.inquire`: the script's next answer, or the truth."""
        self.questions.append(attempt)
        if not self._can_ask:
            return Unclear(code="CANNOT_ASK", public="this network cannot be asked")
        if self.down:
            return UNREACHABLE
        if self.answers:
            return self.answers.popleft()
        return self._taken() if self.holds(dispatch.document.guid) else Absent()

    async def ping(self) -> str:
        """See `OutboundChannel.ping`."""
        if self.down:
            raise UnreachableError("nobody answers")
        return f"{self._network} answers"

    def holds(self, document: Guid) -> int:
        """Return how many copies of a document the recipient has."""
        return sum(copy.document == document for copy in self.arrived)

    def _taken(self) -> Delivered:
        if not self._proves:
            return Delivered(proven=False)
        return Delivered(word=self.word)
