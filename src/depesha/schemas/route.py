"""The plan of channels: what is known of each, what bars it, what comes next. Values only.

Made by `gateway/routing.py`, kept as the record of why a channel was taken or not (law 10).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from depesha.schemas.dispatch import Defect, Mark, Quality


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
    PAUSED = "PAUSED"
    """A person paused sending by this network."""
    NEEDS_A_YES = "NEEDS_A_YES"
    """Falling back is set to ask a person first (FBK-08)."""


TROUBLE = frozenset(
    {
        Bar.REACH_UNKNOWN,
        Bar.BREAKER_OPEN,
        Bar.CLOSED_FOR_NOW,
        Bar.NOT_DUE,
        Bar.RETRIES_USED_UP,
        Bar.REFUSED_BEFORE,
    }
)
"""Bars that make the next choice a fallback: the network's operator is signalled (FBK-02, -03)."""


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
    probing_since: datetime | None = None
    """When the probe that is under way was let through; None while there is none."""
    last_alive: datetime | None = None
    """Last proof of life."""
    last_code: str = ""
    """Code of the last failure."""


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
