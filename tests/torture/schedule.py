"""The schedule of a torture: what is killed, frozen, filled, slowed or shifted, and when. Pure.

Everything is drawn from one seed before anything begins; the same seed makes the same schedule.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from random import Random
from typing import Any, Final

from depesha.schemas.steps import OutboundStep, Step


class Pain(StrEnum):
    """What may be done."""

    KILL_GATEWAY = "gateway killed"
    """SIGKILL at a random moment, or ordered at a step between two commits."""
    KILL_SCANNER = "scanner killed"
    KILL_DATABASE = "database killed"
    """SIGKILL of every process of PostgreSQL, then a start with recovery."""
    KILL_READER = "reader killed"
    """SIGKILL of one of the processes in which a gateway reads messages."""
    CUT_NETWORK = "network cut"
    """Every connection of a network is reset and new ones are refused."""
    FREEZE = "gateway frozen"
    """SIGSTOP, and SIGCONT later: a worker that wakes late."""
    FULL_DISK = "disk full"
    SLOW_DISK = "disk slow"
    CLOCK = "clock shifted"


KILLS: Final = frozenset(
    {Pain.KILL_GATEWAY, Pain.KILL_SCANNER, Pain.KILL_DATABASE, Pain.KILL_READER}
)
OTHERS: Final = (
    (Pain.CUT_NETWORK, 40),
    (Pain.FREEZE, 25),
    (Pain.FULL_DISK, 10),
    (Pain.SLOW_DISK, 10),
    (Pain.CLOCK, 15),
)
"""How likely each is among what is not a kill."""
OTHERS_A_KILL: Final = 0.4
SHIFTS: Final = (-120, -30, 30, 240)
"""Seconds. The last outlasts the lease of most tasks: two hands hold one task then."""
SLOWEST: Final = (5, 20, 60)
"""Writes a second that a slow disk takes."""
STEPS: Final = (*OutboundStep, *(s for s in Step if "QUARANTINE" not in s and "RECHECK" not in s))


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One pain, so many seconds after the beginning."""

    at: float
    pain: Pain
    target: str
    """Folder of a body; a network; empty where there is only one of them."""
    how: dict[str, Any]
    seconds: float
    """How long it lasts; 0: a kill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Victims:
    """What there is in a land."""

    gateways: tuple[str, ...]
    networks: tuple[str, ...]
    readers: tuple[str, ...] = ()
    """Gateways that read in processes of their own."""
    database: bool = False
    disks: bool = False
    """Whether the stores lie on disks of their own that may be filled and slowed."""


def make_schedule(kills: int, seconds: float, seed: int, victims: Victims) -> tuple[Turn, ...]:
    """Draw so many kills, and what else befalls between them, over so many seconds."""
    chance = Random(seed)  # noqa: S311 - chance that can be had again
    turns = [_kill(chance, seconds, victims) for _ in range(kills)]
    turns += [_other(chance, seconds, victims) for _ in range(round(kills * OTHERS_A_KILL))]
    return tuple(sorted(turns, key=lambda turn: turn.at))


def digest_of(turns: tuple[Turn, ...]) -> str:
    """Return the SHA-256 of a schedule, to tell one from another."""
    text = json.dumps([asdict(turn) for turn in turns], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _kill(chance: Random, seconds: float, victims: Victims) -> Turn:
    kinds = [(Pain.KILL_GATEWAY, 70), (Pain.KILL_SCANNER, 20)]
    if victims.database:
        kinds.append((Pain.KILL_DATABASE, 10))
    if victims.readers:
        kinds.append((Pain.KILL_READER, 10))
    pain = chance.choices([k for k, _ in kinds], [w for _, w in kinds])[0]
    how: dict[str, Any] = {}
    if pain is Pain.KILL_GATEWAY and chance.random() < 1 / 3:
        how = {"step": str(chance.choice(STEPS)), "times": chance.randint(1, 3)}
    targets = {Pain.KILL_GATEWAY: victims.gateways, Pain.KILL_READER: victims.readers}
    return Turn(
        at=round(chance.uniform(0, seconds), 3),
        pain=pain,
        target=chance.choice(targets.get(pain, ("",))),
        how=how,
        seconds=0.0,
    )


def _other(chance: Random, seconds: float, victims: Victims) -> Turn:
    left_out = set() if victims.disks else {Pain.FULL_DISK, Pain.SLOW_DISK}
    kinds = [(pain, weight) for pain, weight in OTHERS if pain not in left_out]
    pain = chance.choices([k for k, _ in kinds], [w for _, w in kinds])[0]
    target, how = chance.choice(victims.gateways), {}
    if pain is Pain.CUT_NETWORK:
        target = chance.choice(victims.networks)
    elif pain is Pain.SLOW_DISK:
        how = {"writes": chance.choice(SLOWEST)}
    elif pain is Pain.CLOCK:
        how = {"shift": chance.choice(SHIFTS)}
    return Turn(
        at=round(chance.uniform(0, seconds), 3),
        pain=pain,
        target=target,
        how=how,
        seconds=round(chance.uniform(1.0, 8.0), 3),
    )
