"""The faults and deaths of a run, drawn from chance: what befalls what, when and for how long.

Values only; `weather.py` lets them happen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from depesha.schemas.steps import OutboundStep, Step
from depesha.simulators.bodies import DOLINA, EMAIL, GATEWAYS, IZVOR, SEOS, SSEV, VRAH
from depesha.simulators.fault_proxy import Mode

PEERS: Final = (IZVOR, DOLINA, VRAH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fault or a death, when so many documents were handed in."""

    after: int
    wait: float
    """Further seconds."""
    kind: str
    target: str
    how: dict[str, Any]
    seconds: float
    """How long it lasts; 0: a death."""


def draw_fault(chance: Random, number: int) -> Event:
    kinds: tuple[tuple[Callable[[Random], tuple[str, str, dict[str, Any]]], int], ...] = (
        (_wire, 40),
        (_peer, 16),
        (_ssev, 18),
        (_smtp, 12),
        (_imap, 3),
        (_scanner, 4),
        (_register, 7),
    )
    draw = chance.choices([k for k, _ in kinds], [w for _, w in kinds])[0]
    kind, target, how = draw(chance)
    return Event(
        after=chance.randint(1, number),
        wait=round(chance.uniform(0.0, 0.5), 3),
        kind=kind,
        target=target,
        how=how,
        seconds=round(chance.uniform(0.3, 4.0), 3),
    )


WIRES: Final = (
    *(f"{SEOS}.{b.folder}" for b in (*GATEWAYS, *GATEWAYS, *PEERS)),
    *(f"{SSEV}.oauth", f"{SSEV}.api", f"{SSEV}.soap", f"{SSEV}.soap"),
    *(f"{EMAIL}.smtp", f"{EMAIL}.smtp"),
    *(SEOS, SEOS, SSEV, EMAIL),
)
"""Single ones, and networks as wholes."""


def _wire(chance: Random) -> tuple[str, str, dict[str, Any]]:
    mode = chance.choice([mode for mode in Mode if mode is not Mode.PASS])
    how: dict[str, Any] = {"mode": str(mode), "drop": chance.random() < 0.5}
    if mode is Mode.SLOW:
        how["seconds"] = round(chance.uniform(0.05, 0.8), 3)
    elif mode is Mode.CUT_MID_REQUEST:
        how["request_bytes"] = chance.choice((0, 300, 4_096, 60_000))
    return "wire", chance.choice(WIRES), how


def _peer(chance: Random) -> tuple[str, str, dict[str, Any]]:
    peer = chance.choice(PEERS)
    count = chance.randint(1, 4)
    ways: list[dict[str, Any]] = [
        *({name: count} for name in ("lost_answers", "reset_requests", "reset_answers")),
        *({name: count} for name in ("http_500", "http_500_after")),
        *({name: count} for name in ("soap_faults", "soap_faults_after", "refused_notices")),
        {"http_500_after": count, "failure_status": chance.choice((502, 503, 504))},
        {"slow_seconds": 0.7},
        {"slow_answer_seconds": 0.7},
        {"wrong_answer_signature": True},
        {"empty_answers": True},
        {"early_number": True},
    ]
    return "peer", peer.folder, chance.choice(ways)


def _ssev(chance: Random) -> tuple[str, str, dict[str, Any]]:
    count = chance.randint(1, 4)
    counted = (
        *("aborts", "unauthorized", "http_500", "soap_faults", "unanswered", "cut_answers"),
        *("lost_answers", "reset_answers", "failed_answers", "lost_opens", "cut_downloads"),
        *("duplicate_sends", "corrupt_downloads"),
    )
    ways: list[dict[str, Any]] = [{name: count} for name in counted]
    ways += [
        {"tsa_down": True},
        {"slow_seconds": 0.4},
        {"http_500": count, "html_errors": True},
        {"scanner_seconds": 0.5},
    ]
    return "ssev", SSEV, chance.choice(ways)


def _smtp(chance: Random) -> tuple[str, str, dict[str, Any]]:
    ways: tuple[dict[str, Any], ...] = (
        {"closed": True},
        {"no_tls": True},
        {"greeting": "421 4.3.2 come again"},
        {"sender": "450 4.2.1 come again"},
        {"recipient": "450 4.2.1 come again"},
        {"data": "451 4.3.0 come again"},
        {"final": "452 4.3.1 come again"},
        {"cut_before_data": True},
        {"cut_in_content": chance.randint(0, 20_000)},
        {"lost_after_dot": True},
        {"lost_after_dot": True},
        {"lost_untaken": True},
        {"slow_seconds": 0.6},
    )
    return "smtp", EMAIL, chance.choice(ways)


def _imap(chance: Random) -> tuple[str, str, dict[str, Any]]:
    return "imap", EMAIL, chance.choice(({"closed": True}, {"cut_in_fetch": True}))


def _scanner(_: Random) -> tuple[str, str, dict[str, Any]]:
    return "scanner", "clamd", {}


def _register(chance: Random) -> tuple[str, str, dict[str, Any]]:
    ways = ({"down": True}, {"garbage": True}, {"empty": True}, {"slow_seconds": 1.0})
    return "register", SEOS, chance.choice(ways)


STEPS: Final = (
    *OutboundStep,
    *OutboundStep,
    *(s for s in Step if "QUARANTINE" not in s and "RECHECK" not in s),
)


def draw_death(chance: Random, number: int) -> Event:
    how: dict[str, Any] = {}
    if chance.random() < 0.5:
        how = {"step": str(chance.choice(STEPS)), "times": chance.randint(1, 3)}
    return Event(
        after=chance.randint(1, number),
        wait=round(chance.uniform(0.0, 1.0), 3),
        kind="death",
        target=chance.choice(GATEWAYS).folder,
        how=how,
        seconds=0.0,
    )
