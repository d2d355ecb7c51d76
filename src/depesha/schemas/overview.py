"""What the operators' console is told: facts, no words for people. Values only.

Documents travel in them whole; what of it somebody may see is the page's to decide (ROL-06).
Personal data may stand in these values; they never go to a log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from depesha.schemas.evidence import Seal
from depesha.schemas.ids import Digest
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import EvidenceKind, Message, TaskKind
from depesha.schemas.outbound import OutboundMessage
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.route import Circuit

DocumentState = InboundState | OutboundState
COUNTED_TO = 1000
"""Where a number is only a size, counting ends here: "1000" means "1000 or more"."""


class Direction(StrEnum):
    """Which way a document goes."""

    IN = "in"
    OUT = "out"


class Need(StrEnum):
    """Why something needs a person."""

    HELD = "HELD"
    """A received message waits for a decision."""
    UNCLEAR = "UNCLEAR"
    """It may be there, and the network cannot tell (state PARKED)."""
    ASKING = "ASKING"
    """It may be there, and the network is still being asked: nothing to do yet but to know."""
    DECLINED = "DECLINED"
    """The recipient's registry refused it, and no later document mends it."""
    UNDELIVERABLE = "UNDELIVERABLE"
    CONFIRM_FALLBACK = "CONFIRM_FALLBACK"
    """Another network may be taken after a person's yes (FBK-08)."""
    LATE_ANSWER = "LATE_ANSWER"
    """No answer, or answers that contradict each other: the reason names the telephone (LAT-02)."""
    TASK_PARKED = "TASK_PARKED"
    """Work that gave up: a notice nobody takes, a webhook nobody hears."""
    REGISTRY_SILENT = "REGISTRY_SILENT"
    """Messages wait, and the registry has given no number for too long."""
    CERTIFICATE = "CERTIFICATE"
    """A certificate of ours ends: told by what stands around the store, not by the store."""


def _promised() -> dict[Need, timedelta]:
    return {
        Need.HELD: timedelta(hours=4),
        Need.UNCLEAR: timedelta(hours=2),
        Need.ASKING: timedelta(hours=12),
        Need.DECLINED: timedelta(days=1),
        Need.UNDELIVERABLE: timedelta(hours=4),
        Need.CONFIRM_FALLBACK: timedelta(hours=1),
        Need.LATE_ANSWER: timedelta(days=1),
        Need.TASK_PARKED: timedelta(hours=8),
        Need.REGISTRY_SILENT: timedelta(minutes=30),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Promises:
    """How soon a person should see to each need; and how long the registry may keep silent."""

    within: Mapping[Need, timedelta] = field(default_factory=_promised)
    registry_silent_after: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedItem:
    """One thing that needs a person."""

    need: Need
    since: datetime
    deadline: datetime
    document: Message | OutboundMessage | None = None
    """None where it is about no single document."""
    task_id: int | None = None
    """The parked task, where it is one."""
    task_kind: TaskKind | None = None
    reason: str = ""
    """As the task was parked with; may name a body and its telephone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedCount:
    """How many there are of a need, counted to `COUNTED_TO`."""

    need: Need
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """One network at a glance."""

    network: str
    last_alive: datetime | None
    """Last proof of life of any kind, of the channel or in the journal; None: never."""
    last_in: datetime | None
    """When a message last came."""
    last_out: datetime | None
    """When a try of ours last got through."""
    in_today: int
    out_today: int
    """Tries begun today."""
    oldest_waiting_in: datetime | None
    """Since when the message waits for the registry that waits longest."""
    oldest_waiting_out: datetime | None
    """When the oldest document was submitted that the network does not have for sure."""
    last_code: str
    """Class of the last failure; empty: none since the channel was last alive."""
    last_failure: datetime | None
    circuit: Circuit
    probe_at: datetime | None
    fallbacks_today: int
    """Documents that took this network in place of an earlier choice."""
    hours_in: tuple[int, ...]
    """Received in each of the last 24 hours, the present one last."""
    hours_out: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceIn:
    """What was received on a day by one network, and where it stands now."""

    network: str
    received: int
    """As the journal counts."""
    registered: int
    refused: int
    held: int
    waiting: int

    @property
    def adds_up(self) -> bool:
        """Tell whether journal and store agree."""
        return self.received == self.registered + self.refused + self.held + self.waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceOut:
    """What was submitted on a day and tried last by one network, and where it stands now."""

    network: str
    """Empty: not tried yet."""
    sent: int
    confirmed: int
    refused: int
    """Declined, undeliverable, or returned to the author."""
    unclear: int
    waiting: int

    @property
    def adds_up(self) -> bool:
        """Tell whether tries and states agree."""
        return self.sent == self.confirmed + self.refused + self.unclear + self.waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """The closing balance of a day, network by network."""

    start: datetime
    end: datetime
    received: tuple[BalanceIn, ...]
    sent: tuple[BalanceOut, ...]
    submitted: int
    """As the journal counts: over all networks it is what `sent` sums up to."""

    @property
    def adds_up(self) -> bool:
        """Tell whether every line does, and the sum of the sent."""
        received = all(one.adds_up for one in self.received)
        sent = all(one.adds_up for one in self.sent)
        return received and sent and self.submitted == sum(one.sent for one in self.sent)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCount:
    """How often a check held or refused a message on its arrival today."""

    check: str
    kind: str
    """`held` or `rejected`."""
    reason: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """What the checks did today, at the first look."""

    received: int
    held: int
    rejected: int
    repeated: int
    reasons: tuple[GateCount, ...]
    last_scanned: datetime | None
    """When the scanner last gave a verdict on a message; None: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealing:
    """How the journal stands."""

    rows: int
    seal: Seal | None
    """The last one."""
    verified_at: datetime | None
    """When the whole chain was last verified and held; None: never."""
    verified_rows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """How far the space and the time reach."""

    oldest: datetime | None
    """When the oldest document still kept was stored."""
    newest: datetime | None
    database_bytes: int
    disk_free: int
    disk_total: int
    """Bytes; 0 where nothing lies on a disk."""
    next_shredding: datetime | None
    """When the first refused bytes in quarantine are due to be destroyed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryPulse:
    """How the registry keeps up."""

    waiting_since: datetime | None
    """Since when the message waits that waits longest for its number."""
    last_number: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Everything the home page rests on, of one moment."""

    at: datetime
    needs: tuple[NeedItem, ...]
    """By deadline, the nearest first; at most so many of each kind as were asked for."""
    need_counts: tuple[NeedCount, ...]
    strips: tuple[Strip, ...]
    balance: Balance
    gates: Gates
    sealing: Sealing
    horizon: Horizon
    registry: RegistryPulse


@dataclass(frozen=True, slots=True, kw_only=True)
class LineQuery:
    """A page of documents of both directions, newest first. Empty fields do not narrow.

    With `words` the other fields sieve what the words found: a page may then be short, or empty,
    while `Lines.next` says that there is more.
    """

    words: str = ""
    """What a clerk knows: numbers of either side, dates, bodies, subject words, file names, first
    letters of digests and GUIDs. All of them must be there; each may be the beginning of a word."""
    direction: Direction | None = None
    states: tuple[DocumentState, ...] = ()
    networks: tuple[str, ...] = ()
    peer: str = ""
    """Identifier of the other side."""
    after: str = ""
    """`Lines.next` of the page before."""
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One document in a list."""

    direction: Direction
    stored_at: datetime
    need: Need | None
    document: Message | OutboundMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """What a query found; `next` is empty at the end."""

    lines: tuple[Line, ...]
    next: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryEvent:
    """One row of the journal, read."""

    sequence: int
    at: datetime
    kind: EvidenceKind
    actor: str
    facts: dict[str, str | int | float | list[str]]
    wire: Digest | None
    """Digest of the bytes said or heard, kept with the row."""
    hash: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryTask:
    """Work that is to be done for a document."""

    task_id: int
    kind: TaskKind
    due_at: datetime
    attempts: int
    leased: bool
    """In somebody's hands now; `due_at` is then when the lease ends."""
    parked_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One document's whole way, across tries, channels and networks."""

    document: Message | OutboundMessage
    events: tuple[StoryEvent, ...]
    more_events: bool
    """There are more than are told here: the first ones are."""
    tasks: tuple[StoryTask, ...]
    sealed_to: int
    """Rows up to this number are sealed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueAge:
    """One kind of work: its ages, and its size only up to `COUNTED_TO`."""

    kind: TaskKind
    due: int
    due_since: datetime | None
    """Since when the oldest waits that should have been done by now."""
    in_hand: int
    next_due: datetime | None
    """Of what is not due yet and in nobody's hands."""
    parked: int
    parked_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerQuery:
    """A page of peers by identifier; or one of them."""

    peer: str = ""
    after: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerFailure:
    """What is known of a peer on one network."""

    network: str
    circuit: Circuit
    failures: int
    last_code: str
    last_alive: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerTraffic:
    """What was exchanged with one peer, refused messages apart."""

    peer: str
    received: int
    last_received: datetime | None
    sent: int
    last_sent: datetime | None
    channels: tuple[PeerFailure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineItem:
    """Refused bytes that lie encrypted until they are shredded."""

    digest: Digest
    until: datetime
    message: Message | None
    """A refused message they are the original of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinePage:
    """Refused bytes, the soonest to be shredded first; `next` is empty at the end."""

    items: tuple[QuarantineItem, ...]
    next: str = ""
