"""Who has to act after a test of a connection: we, our line, the network, or single peers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from depesha.errors import Blame
from depesha.schemas.route import ChannelHealth, Circuit


class Fault(StrEnum):
    """Where it fails."""

    NONE = "none"
    US = "us"
    """Settings, keys, a log-in of ours."""
    LINE = "line"
    """No network is reached: our own line, or the resolution of names."""
    NETWORK = "network"
    ROAD = "road"
    """Nobody is reached, and there is no other network to compare with."""
    PEERS = "peers"
    """The network answers; some bodies on it do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one network answered to a test."""

    network: str
    words: str = ""
    """Its own; in English."""
    seconds: float = 0.0
    blame: Blame | None = None
    """None: it answered as it should."""
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a test has shown."""

    fault: Fault
    answer: Answer
    since: datetime | None
    """Since when it fails, as far as this gateway knows; None: it does not, or was not known to."""
    last_alive: datetime | None
    peers: tuple[str, ...]
    """Identifiers of bodies that failed lately."""


def judge(answer: Answer, others: Sequence[Answer], health: Sequence[ChannelHealth]) -> Verdict:
    """Say who has to act; `others` are the answers of the other networks in the same moment."""
    mine = [one for one in health if one.network == answer.network]
    whole = next((one for one in mine if not one.peer), None)
    peers = tuple(one.peer for one in mine if one.peer and failing(one))
    return Verdict(
        fault=_fault(answer, others, peers),
        answer=answer,
        since=None if answer.blame is None or whole is None else whole.opened_at,
        last_alive=None if whole is None else whole.last_alive,
        peers=peers,
    )


def failing(health: ChannelHealth) -> bool:
    """Tell whether the last that was heard of a channel or a peer was a failure."""
    return health.failures > 0 or health.circuit is not Circuit.CLOSED


def _fault(answer: Answer, others: Sequence[Answer], peers: Sequence[str]) -> Fault:
    match answer.blame:
        case None:
            return Fault.PEERS if peers else Fault.NONE
        case Blame.OURS:
            return Fault.US
        case Blame.THEIRS:
            return Fault.NETWORK
        case Blame.NETWORK:
            # Whoever answers in any way shows that our line carries.
            if any(one.blame is not Blame.NETWORK for one in others):
                return Fault.NETWORK
            return Fault.LINE if others else Fault.ROAD
