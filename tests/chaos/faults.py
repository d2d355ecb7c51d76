"""The faults and deaths of a run, drawn from chance: what befalls what, when and for how long.

Values only; `weather.py` lets them happen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from depesha.schemas.steps import OutboundStep, Step
from depesha.simulators.bodies import EMAIL, ISDS, SEOS, SSEV
from depesha.simulators.fault_proxy import Mode
from depesha.simulators.isds_quirks import FaultKind
from tests.chaos.lands import Land


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


def draw_fault(chance: Random, number: int, land: Land) -> Event:
    names, weights = zip(*land.faults, strict=True)
    kind = chance.choices(names, weights)[0]
    target, how = KINDS[kind](chance, land)
    return Event(
        after=chance.randint(1, number),
        wait=round(chance.uniform(0.0, 0.5), 3),
        kind=kind,
        target=target,
        how=how,
        seconds=round(chance.uniform(0.3, 4.0), 3),
    )


Drawn = tuple[str, dict[str, Any]]
"""What a fault befalls, and how."""


def _wire(chance: Random, land: Land) -> Drawn:
    mode = chance.choice([mode for mode in Mode if mode is not Mode.PASS])
    how: dict[str, Any] = {"mode": str(mode), "drop": chance.random() < 0.5}
    if mode is Mode.SLOW:
        how["seconds"] = round(chance.uniform(0.05, 0.8), 3)
    elif mode is Mode.CUT_MID_REQUEST:
        how["request_bytes"] = chance.choice((0, 300, 4_096, 60_000))
    return chance.choice(land.wires), how


def _peer(chance: Random, land: Land) -> Drawn:
    peer = chance.choice(land.acting)
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
    return peer.folder, chance.choice(ways)


def _ssev(chance: Random, _: Land) -> Drawn:
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
    return SSEV, chance.choice(ways)


_CREATIONS: Final = ("CreateMessage", "CreateBigMessage", "UploadAttachment")
_LOOKS: Final = ("GetListOfSentMessages", "GetListOfReceivedMessages", "GetDeliveryInfo")
_FETCHES: Final = ("SignedMessageDownload", "SignedBigMessageDownload", "GetSignedDeliveryInfo")
_ANY: Final = (
    FaultKind.RESET_BEFORE,
    FaultKind.RESET_AFTER,
    FaultKind.LOST,
    FaultKind.ERROR,
    FaultKind.OUTAGE,
    FaultKind.GARBAGE,
)
"""What may befall any call. A refused log-in is left out: only a person ends that."""


def _isds(chance: Random, _: Land) -> Drawn:
    """One fault for some calls; creations most of all, for they have no key."""
    operation = chance.choice((*_CREATIONS, *_CREATIONS, *_LOOKS, *_FETCHES, ""))
    kinds = [*_ANY, FaultKind.SLOW, FaultKind.REFUSE]
    if operation in _CREATIONS[:2]:
        kinds += [FaultKind.LOST, FaultKind.LOST, FaultKind.RESET_AFTER, FaultKind.DUPLICATE]
    if operation in _FETCHES:
        kinds += [FaultKind.BAD_SIGNATURE, FaultKind.BAD_CONTENT, FaultKind.BAD_STAMP]
    fault: dict[str, Any] = {
        "kind": chance.choice(kinds).name,
        "operation": operation,
        "times": chance.randint(1, 4),
    }
    if fault["kind"] == FaultKind.SLOW.name:
        fault["seconds"] = 0.7
    if fault["kind"] == FaultKind.REFUSE.name:
        fault["code"] = chance.choice(("9999", "9502", "3009", "2207"))
    return ISDS, fault


def _smtp(chance: Random, _: Land) -> Drawn:
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
    return EMAIL, chance.choice(ways)


def _imap(chance: Random, _: Land) -> Drawn:
    return EMAIL, chance.choice(({"closed": True}, {"cut_in_fetch": True}))


def _scanner(_: Random, __: Land) -> Drawn:
    return "clamd", {}


def _register(chance: Random, _: Land) -> Drawn:
    ways = ({"down": True}, {"garbage": True}, {"empty": True}, {"slow_seconds": 1.0})
    return SEOS, chance.choice(ways)


KINDS: Final[dict[str, Callable[[Random, Land], Drawn]]] = {
    "wire": _wire,
    "peer": _peer,
    "ssev": _ssev,
    "isds": _isds,
    "smtp": _smtp,
    "imap": _imap,
    "scanner": _scanner,
    "register": _register,
}


STEPS: Final = (
    *OutboundStep,
    *OutboundStep,
    *(s for s in Step if "QUARANTINE" not in s and "RECHECK" not in s),
)


def draw_death(chance: Random, number: int, land: Land) -> Event:
    how: dict[str, Any] = {}
    if chance.random() < 0.5:
        how = {"step": str(chance.choice(STEPS)), "times": chance.randint(1, 3)}
    return Event(
        after=chance.randint(1, number),
        wait=round(chance.uniform(0.0, 1.0), 3),
        kind="death",
        target=chance.choice(land.pair).folder,
        how=how,
        seconds=0.0,
    )
