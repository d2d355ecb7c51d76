"""A document on its way out: what the registry submits, the tries, the plan of channels. Values.

The document is the same on every try and channel (law 4): one GUID, one number, the same bytes.
Only what a network asks anew for each message (transport id, time of writing) is made per try.
Nothing here decides; personal data may stand in these values, and they never go to a log.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from depesha.errors import Blame
from depesha.schemas.envelope import (
    Attachment,
    Correspondent,
    DocumentReference,
    Envelope,
    Party,
    Service,
)
from depesha.schemas.ids import Digest, Guid

EMAIL = "email"
"""The last road; personal data for a third party never take it (FBK-07)."""


class Mark(StrEnum):
    """What the author says of the document; the gateway cannot know it by looking (T15)."""

    PERSONAL_DATA = "PERSONAL_DATA"
    """Personal data, told to a third party: never by e-mail (CNF-05, S12)."""
    RESTRICTED = "RESTRICTED"
    """For official use or classified: never taken nor stored (S24)."""


class Quality(StrEnum):
    """Legal quality of a way of sending; a document's floor is the least that will do."""

    SIGNED_MAIL = "SIGNED_MAIL"
    REGISTERED_DELIVERY = "REGISTERED_DELIVERY"

    def reaches(self, floor: Quality) -> bool:
        """Tell whether this quality is at least `floor`."""
        order = list(Quality)
        return order.index(self) >= order.index(floor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """A document as the registry submits it. It may have defects: `gateway/submission.py` finds
    them before anything leaves."""

    idempotency_key: str
    """The registry's own: the same key is the same submission, with the same answer."""
    submitted_at: datetime
    sender: Party
    recipient: Party
    document: DocumentReference
    """The identity on every channel, and the number the registry gave (REG-09, FBK-05)."""
    kind: str
    """In the author's words: letter, order …"""
    subject: str = ""
    """Short content (SND-01)."""
    text: str = ""
    """Covering words for channels that carry a letter."""
    parent: DocumentReference | None = None
    """The document this one answers or continues."""
    corrects: Guid | None = None
    """The declined document that this one mends (REF-02, S9)."""
    attention_to: str = ""
    deadline: date | None = None
    """The day by which an answer is asked for."""
    correspondents: tuple[Correspondent, ...] = ()
    service: Service | None = None
    files: tuple[Attachment, ...] = ()
    marks: tuple[Mark, ...] = ()
    floor: Quality = Quality.SIGNED_MAIL
    scan_instead: str = ""
    """Why no signature is in the files and a scan goes instead (SND-02); empty: one is there."""
    channels: tuple[str, ...] = ()
    """Networks the author allows; empty: all (SND-15)."""


def envelope_of(
    dispatch: Dispatch, *, network: str, transport_id: Guid, created_at: datetime
) -> Envelope:
    """Return the document's words for one try on one network."""
    return Envelope(
        network=network,
        transport_id=transport_id,
        created_at=created_at,
        sender=dispatch.sender,
        recipient=dispatch.recipient,
        document=dispatch.document,
        parent=dispatch.parent,
        kind=dispatch.kind,
        subject=dispatch.subject,
        document_comment=dispatch.text,
        attention_to=dispatch.attention_to,
        deadline=dispatch.deadline,
        correspondents=dispatch.correspondents,
        service=dispatch.service,
        attachments=dispatch.files,
    )


class Defect(StrEnum):
    """Why a submission goes back to its author; nothing of it has left (CHK-15)."""

    NUMBER_MISSING = "NUMBER_MISSING"
    NUMBER_IN_FUTURE = "NUMBER_IN_FUTURE"
    KIND_MISSING = "KIND_MISSING"
    CONTENT_MISSING = "CONTENT_MISSING"
    ATTACHMENT_MISSING = "ATTACHMENT_MISSING"
    FILE_EMPTY = "FILE_EMPTY"
    FILE_NAME_MISSING = "FILE_NAME_MISSING"
    FILE_KIND_FORBIDDEN = "FILE_KIND_FORBIDDEN"
    FILE_MACRO = "FILE_MACRO"
    FILE_UNKNOWN = "FILE_UNKNOWN"
    """Nothing is known of the file's content: never a pass (law 1)."""
    SIGNATURE_MISSING = "SIGNATURE_MISSING"
    RECIPIENT_UNKNOWN = "RECIPIENT_UNKNOWN"
    RECIPIENT_IS_SENDER = "RECIPIENT_IS_SENDER"
    SENDER_NOT_OURS = "SENDER_NOT_OURS"
    MARK_RESTRICTED = "MARK_RESTRICTED"


class Bar(StrEnum):
    """Why a channel is not taken."""

    # For good, as far as this document goes.
    NOT_ALLOWED_BY_AUTHOR = "NOT_ALLOWED_BY_AUTHOR"
    BELOW_FLOOR = "BELOW_FLOOR"
    PERSONAL_DATA = "PERSONAL_DATA"
    MESSAGE_TOO_LARGE = "MESSAGE_TOO_LARGE"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    TOO_MANY_FILES = "TOO_MANY_FILES"
    REFUSED_BEFORE = "REFUSED_BEFORE"
    DOCUMENT_REFUSED = "DOCUMENT_REFUSED"
    """A channel refused the document itself (malware …): no other channel may get it."""
    RETRIES_USED_UP = "RETRIES_USED_UP"

    # As the recipient stands there today.
    NOT_REGISTERED_THERE = "NOT_REGISTERED_THERE"
    INACTIVE_THERE = "INACTIVE_THERE"
    NOT_PERMITTED_THERE = "NOT_PERMITTED_THERE"

    # For a while.
    AWAY_THERE = "AWAY_THERE"
    REACH_UNKNOWN = "REACH_UNKNOWN"
    """Nobody could tell whether the recipient is there: asked again, no fallback yet."""
    BREAKER_OPEN = "BREAKER_OPEN"
    CLOSED_FOR_NOW = "CLOSED_FOR_NOW"
    """Announced maintenance, or outside the network's hours."""
    NOT_DUE = "NOT_DUE"
    """Tried and deferred; its own schedule says later."""
    NEEDS_A_YES = "NEEDS_A_YES"
    """Falling back is set to ask a person first (FBK-08)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasoned:
    """A bar or a defect with the facts it rests on: short texts, filled into the sentences."""

    reason: Bar | Defect
    facts: tuple[tuple[str, str], ...] = ()
    until: datetime | None = None
    """When a bar may fall by itself; None where it will not, or nobody knows."""


def reasoned(reason: Bar | Defect, until: datetime | None = None, **facts: str | int) -> Reasoned:
    """Make one; facts are kept as text, in the order given."""
    return Reasoned(reason=reason, facts=tuple((k, str(v)) for k, v in facts.items()), until=until)


class Reach(StrEnum):
    """Whether a recipient can be reached on a network (PRT-04)."""

    REGISTERED = "REGISTERED"
    NOT_REGISTERED = "NOT_REGISTERED"
    INACTIVE = "INACTIVE"
    AWAY = "AWAY"
    """Temporarily inactive, by its own word."""
    NOT_PERMITTED = "NOT_PERMITTED"
    """The network does not let us write to it: also a warning to the operator."""
    UNKNOWN = "UNKNOWN"
    """The register could not be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFacts:
    """One configured channel as it stands for one recipient."""

    network: str
    quality: Quality
    reach: Reach
    reach_as_of: datetime | None
    """Age of that knowledge; None where there is none."""
    message_bytes: int | None = None
    """Limit of all files together, raw; None: no limit known."""
    file_bytes: int | None = None
    files: int | None = None
    limits_as_of: datetime | None = None
    """When a server announced the limits; None: they are settings."""
    growth_percent: int = 100
    """Bytes on the wire for 100 raw bytes, where the limit counts the wire (mail: 137)."""
    can_ask: bool = True
    """The network can be asked what became of a try."""
    closed_until: datetime | None = None
    """Announced maintenance, or the network's own hours."""


class Circuit(StrEnum):
    """Whether a breaker lets tries through."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"
    """One probe at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelHealth:
    """What outcomes have taught of a channel, or of one peer on it."""

    network: str
    peer: str = ""
    """Identifier of the peer; empty: the channel as a whole."""
    circuit: Circuit = Circuit.CLOSED
    failures: int = 0
    """In a row, since the last sign of life."""
    failed_peers: tuple[str, ...] = ()
    """Different peers among them, up to as many as the policy asks for."""
    successes: int = 0
    """Of probes, since the circuit was opened."""
    trips: int = 0
    """Openings in a row, without closing between: the rest grows with them."""
    opened_at: datetime | None = None
    probe_at: datetime | None = None
    """When the next probe is let through; None while closed."""
    last_alive: datetime | None = None
    """Last proof of life."""
    last_code: str = ""
    """Code of the last failure."""


class AttemptOutcome(StrEnum):
    """How a try ended. A try without outcome is as good as UNCLEAR."""

    ACCEPTED = "ACCEPTED"
    DELIVERED = "DELIVERED"
    DEFERRED = "DEFERRED"
    REFUSED = "REFUSED"
    UNCLEAR = "UNCLEAR"
    ABSENT = "ABSENT"
    """Was unclear; asked, the network or a person says that it is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try, written before it is made."""

    id: str
    """Unguessable and unique: the fence between tries."""
    network: str
    number: int
    """From 1, over all channels."""
    transport_id: Guid
    payload: Digest
    """The very bytes of this try, stored before it began (SND-06)."""
    intended_at: datetime
    outcome: AttemptOutcome | None = None
    settled_at: datetime | None = None
    blame: Blame | None = None
    """Of a DEFERRED try: unreachable (network) and faults (theirs) have budgets of their own."""
    code: str = ""
    document_refused: bool = False
    """REFUSED for what the document is: no other channel may get it."""
    times_asked: int = 0
    """Questions after it that brought no clear answer."""
    fenced: bool = False
    """Marked "must not be sent": no late worker may repeat it."""
    reference: str = ""
    """The network's own name for it (message id), once known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One channel in a plan: taken where no bar stands."""

    network: str
    rank: int
    """From 1, the first choice."""
    quality: Quality
    reach: Reach
    reach_as_of: datetime | None
    limits_as_of: datetime | None
    stale: bool
    """The knowledge about the recipient is older than the policy likes."""
    bars: tuple[Reasoned, ...] = ()
    holds: bool = False
    """Barred for a while, and later choices wait with it."""
    probe: bool = False
    """This try is the probe that may close the breaker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendBy:
    """Send now by this channel; mark the named earlier tries first."""

    kind: Literal["send"] = "send"
    network: str
    fence: tuple[str, ...] = ()
    """Attempts to be marked "must not be sent" in the same transaction as the new intent."""
    fallback: bool = False
    """Not the first choice: the network's operator is signalled (FBK-02)."""
    probe: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AskFirst:
    """An earlier try may have got through: its network is asked before anything is sent."""

    kind: Literal["ask"] = "ask"
    attempt: str
    network: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskPerson:
    """An earlier try may have got through and nobody can tell; or a fallback needs a yes."""

    kind: Literal["person"] = "person"
    attempt: str = ""
    network: str = ""
    why: Literal["unclear", "fallback"]
    again_at: datetime | None = None
    """When the plan is made again without an answer: an earlier choice may live by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitUntil:
    """Nothing can be sent now; the plan is made again at `at`."""

    kind: Literal["wait"] = "wait"
    at: datetime
    stuck: bool = False
    """True: every road is barred now, so the operator is told (S12); False: a mere retry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRoad:
    """No channel may ever take it as it is."""

    kind: Literal["none"] = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyThere:
    """A try got through: nothing may be sent again."""

    kind: Literal["there"] = "there"
    attempt: str
    network: str


NextStep = SendBy | AskFirst | AskPerson | WaitUntil | NoRoad | AlreadyThere


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do now, and every channel with the reasons for and against it (law 10)."""

    made_at: datetime
    step: NextStep
    candidates: tuple[Candidate, ...]
    floor: Quality
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteLine:
    """One channel of an explanation, in words."""

    network: str
    rank: int
    taken: bool
    verdict: str
    reasons: tuple[str, ...]
    remedies: tuple[str, ...]
    """What would make it pass, one for each reason."""
    facts: tuple[str, ...]
    """What is known, and how old that is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteExplanation:
    """A plan in the words of one language, for the command line, the API and the record."""

    language: str
    step: str
    lines: tuple[RouteLine, ...]
