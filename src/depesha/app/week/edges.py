"""What stands around a gateway in a simulated week: a clock that walks, networks that play along.

Nothing here reaches a network. Each network takes what it gets unless it was told otherwise for
one document, one body, or as a whole. It must never be used for anything real.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from depesha.adapters.memory.channel import UNREACHABLE, MemoryChannel
from depesha.adapters.memory.directory import MemoryDirectory
from depesha.adapters.memory.system import HandClock
from depesha.adapters.system import SystemClock
from depesha.app.networks import Networks, NoOperators
from depesha.errors import WireError
from depesha.schemas.answer import DocumentStatus
from depesha.schemas.dispatch import Quality
from depesha.schemas.ids import Guid
from depesha.schemas.outbound import Prepared
from depesha.schemas.outcome import Delivered, PeerWord
from depesha.schemas.participant import DirectoryState, Participant, ParticipantStatus
from depesha.schemas.route import Reach
from depesha.simulators.bodies import EMAIL, SEOS
from depesha.simulators.week_letters import Letter
from depesha.simulators.week_wires import said, wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from depesha.app.base import Base
    from depesha.ports import Directory, Extractor, Notifier, OutboundChannel, Signals
    from depesha.schemas.answer import Notice
    from depesha.schemas.dispatch import Attempt, Dispatch
    from depesha.schemas.facts import Arrival
    from depesha.schemas.outcome import Answered, Outcome
    from depesha.schemas.steps import AnyStep
    from depesha.simulators.authority import Identity
    from depesha.simulators.bodies import Body
    from depesha.simulators.seos_documents import Enclosure
    from depesha.simulators.traffic import Dice

PHONE = "02 000 000"
_ASKABLE = frozenset({SEOS, "isds"})
_HANDED_OVER = frozenset({"ssev", "isds", EMAIL})
"""Networks that take a message before its recipient has it."""


class WalkingClock(HandClock):
    """Wall time in the story's hands; durations are real ones."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self._real = SystemClock()

    def monotonic(self) -> float:
        """Seconds that really pass, for the checks' own times."""
        return self._real.monotonic()

    def to(self, moment: datetime) -> None:
        """Walk on to a moment; one that has passed changes nothing."""
        self.advance((moment - self.now()).total_seconds())


class Interruption(Exception):  # noqa: N818 -- it stands for a death, not for an error
    """The process "dies" here."""


class Switch:
    """`ports.Checkpoint` that lets work die once at a chosen step."""

    def __init__(self) -> None:
        self.at: AnyStep | None = None

    def reached(self, step: AnyStep) -> None:
        """Die, if this is the step."""
        if step is self.at:
            self.at = None
            raise Interruption


class Register(MemoryDirectory):
    """A participants' register that may be away."""

    away = False

    def state(self) -> DirectoryState:
        """See `Directory.state`."""
        if self.away:
            return DirectoryState(loaded_at=None, participants=0, last_error="UNREACHABLE")
        return DirectoryState(loaded_at=self._clock.now(), participants=len(self._copy))


@dataclass(slots=True)
class Scripts:
    """What happens to single documents, by GUID; whatever is not named here goes well."""

    outcomes: dict[Guid, deque[Outcome]] = field(default_factory=dict)
    answers: dict[Guid, deque[Answered]] = field(default_factory=dict)
    deaths: set[Guid] = field(default_factory=set)
    """The process dies while these are being sent."""
    notices: dict[Guid, Outcome] = field(default_factory=dict)
    """How the sender takes our notices about a document."""
    letters: dict[Guid, Letter] = field(default_factory=dict)
    """Our own, as their authors wrote them."""
    down: set[str] = field(default_factory=set)
    """Networks that nobody reaches now."""
    deaf: set[tuple[str, str]] = field(default_factory=set)
    """Bodies (network, identifier) that nobody reaches now."""


class WeekChannel(MemoryChannel):
    """`ports.OutboundChannel` that plays along, with bytes that look like the network's."""

    def __init__(self, network: str, world: Base, scripts: Scripts, we: Identity) -> None:
        super().__init__(
            network,
            blobs=world.memory.blobs,
            clock=world.clock,
            ids=world.ids,
            quality=Quality.SIGNED_MAIL if network == EMAIL else Quality.REGISTERED_DELIVERY,
            can_ask=network in _ASKABLE,
            proves=network not in _HANDED_OVER,
        )
        self._scripts = scripts
        self._identity = we
        self._threads = world.threads

    async def prepare(self, dispatch: Dispatch, attempts: Sequence[Attempt]) -> Prepared:
        """Write the document in the network's manner; a deferred try's bytes are taken again."""
        prepared = await super().prepare(dispatch, attempts)
        letter = self._scripts.letters[dispatch.document.guid]
        earlier = {attempt.transport_id for attempt in attempts}
        if prepared.transport_id in earlier:
            return prepared
        written = await self._threads.run(wire, self.network, letter, self._identity)
        payload = await self._threads.run(self._blobs.put, written)
        return Prepared(payload=payload, transport_id=prepared.transport_id)

    async def deliver(self, dispatch: Dispatch, _attempt: Attempt) -> Outcome:
        """Do as the script says, or take it."""
        guid = dispatch.document.guid
        if guid in self._scripts.deaths:
            self._scripts.deaths.discard(guid)
            raise Interruption
        deaf = (self.network, dispatch.recipient.identifier) in self._scripts.deaf
        if deaf or self.network in self._scripts.down:
            return UNREACHABLE
        planned = self._scripts.outcomes.get(guid)
        if planned:
            return planned.popleft()
        receipt = said(self.network, "DS_WAIT_REGISTRATION", guid, None)
        if self.network in _HANDED_OVER:
            return Delivered(receipt=receipt, proven=False, reference=f"{guid[:8]}@{self.network}")
        return Delivered(receipt=receipt, word=PeerWord(status=DocumentStatus.WAITING))

    async def inquire(self, dispatch: Dispatch, _attempt: Attempt) -> Answered:
        """Answer as the script says; otherwise it still waits there."""
        planned = self._scripts.answers.get(dispatch.document.guid)
        if planned:
            return planned.popleft() if len(planned) > 1 else planned[0]
        guid = dispatch.document.guid
        return Delivered(
            receipt=said(self.network, "DS_WAIT_REGISTRATION", guid, None),
            word=PeerWord(status=DocumentStatus.WAITING),
        )


class WeekNotifier:
    """`ports.Notifier`: senders take our notices within seconds, unless told otherwise."""

    def __init__(self, network: str, clock: WalkingClock, scripts: Scripts, dice: Dice) -> None:
        self._network = network
        self._clock = clock
        self._scripts = scripts
        self._dice = dice

    @property
    def network(self) -> str:
        """The network it speaks."""
        return self._network

    async def notify(self, notice: Notice) -> Outcome:
        """Tell it."""
        self._clock.advance(0.4 + self._dice.below(20) / 10)
        document = notice.answer.document
        planned = self._scripts.notices.get(document.guid)
        if planned is not None:
            return planned
        status = f"DS_{notice.answer.status}"
        return Delivered(receipt=said(self._network, status, document.guid, document.number))


class WeekExtractor:
    """`ports.Extractor` that remembers what it wrote."""

    def __init__(self, network: str) -> None:
        self._network = network
        self._known: dict[str, tuple[Arrival, tuple[Enclosure, ...]]] = {}

    @property
    def network(self) -> str:
        """The network whose originals it reads."""
        return self._network

    def learn(self, arrival: Arrival, files: tuple[Enclosure, ...]) -> None:
        """Remember an original."""
        self._known[arrival.original] = (arrival, files)

    def extract(self, original: Path, index: int, into: BinaryIO) -> None:
        """Write one file's content."""
        into.write(self._of(original)[1][index - 1].content)

    def read(self, original: Path, at: datetime) -> Arrival:
        """Tell the facts again; `at` is when it came."""
        arrival = self._of(original)[0]
        if arrival.received_at != at:
            raise WireError("this original came at another time")
        return arrival

    def _of(self, original: Path) -> tuple[Arrival, tuple[Enclosure, ...]]:
        return self._known[original.name]


class WeekNetworks(Networks):
    """The settings' networks, all of them playing."""

    def __init__(
        self, base: Base, bodies: Sequence[Body], ours: Identity, clock: WalkingClock, dice: Dice
    ) -> None:
        """Play for these bodies; builds nothing that could reach anybody."""
        bare = base.settings.model_copy(update={"networks": {}})
        super().__init__(replace(base, settings=bare))
        names = tuple(base.settings.networks)
        self.scripts = Scripts()
        self.registers = {n: Register(*_entries(n, bodies), clock=clock) for n in names}
        self._order = tuple(n for n in base.settings.outbound.channels if n in names)
        self.channels = {n: WeekChannel(n, base, self.scripts, ours) for n in self._order}
        self._told = {n: WeekNotifier(n, clock, self.scripts, dice) for n in names}
        self.readers = {n: WeekExtractor(n) for n in names}
        for name, channel in self.channels.items():
            for body in bodies:
                if name not in body.networks:
                    channel.reaches[body.party.identifier] = Reach.NOT_REGISTERED

    @property
    def directories(self) -> Mapping[str, Directory]:
        """Whom each network knows."""
        return dict(self.registers)

    @property
    def notifiers(self) -> dict[str, Notifier]:
        """What tells senders."""
        return dict(self._told)

    @property
    def extractors(self) -> dict[str, Extractor]:
        """What reads originals."""
        return dict(self.readers)

    @property
    def outbound(self) -> Mapping[str, OutboundChannel]:
        """What sends, in the order of choice."""
        return dict(self.channels)

    @property
    def signals(self) -> Signals:
        """Operators hear nothing of a week that never was."""
        return NoOperators()


def _entries(network: str, bodies: Sequence[Body]) -> list[Participant]:
    found = []
    for number, body in enumerate(bodies, start=1):
        if network in body.networks:
            found.append(entry(body, number))
    return found


def entry(body: Body, number: int) -> Participant:
    """Return a body as a register has it; one without a GUID gets a number in its place."""
    return Participant(
        guid=body.party.guid or Guid(f"00000000-0000-4000-8000-{number:012d}"),
        identifier=body.party.identifier,
        name=body.party.name,
        status=ParticipantStatus.ACTIVE,
        serial=None,
        url=f"https://{body.folder}.example/",
        phone=PHONE,
        email=body.address,
    )
