"""The sender is killed (SIGKILL) at every step of a document's way out, on every channel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from depesha.schemas.outbound import Decision
from depesha.schemas.steps import AnyStep, OutboundStep, Step
from depesha.simulators.bodies import EMAIL, SEOS, SSEV
from depesha.simulators.fault_proxy import Mode
from tests.truth import faults
from tests.truth.case import Act, Case, nothing
from tests.truth.seos_cases import THERE
from tests.truth.ssev_cases import LARGE, REST, SMALL, SOAP

_S = OutboundStep
STRAIGHT = (
    _S.SUBMISSION_STORED,
    _S.RELEASE_KEPT,
    _S.RELEASED,
    _S.PLANNED,
    _S.PAYLOAD_KEPT,
    _S.INTENT_STORED,
    _S.OUTCOME_HEARD,
    _S.OUTCOME_STORED,
    _S.WORD_JUDGED,
)
ASKED = (_S.ASKING, _S.ANSWER_HEARD, _S.ANSWER_STORED)
SOONEST = (_S.INTENT_STORED, _S.OUTCOME_HEARD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """One channel, and how its answer gets lost there."""

    name: str
    network: str
    size: int = SMALL
    lose: Act = nothing
    find: Act = nothing


ROADS = (
    Road(
        name=SEOS,
        network=SEOS,
        lose=faults.wire(THERE, Mode.RESET_AFTER_REQUEST),
        find=faults.mended(THERE),
    ),
    Road(name=SOAP, network=SSEV, lose=faults.ssev(lost_answers=1), find=faults.ssev_sound),
    Road(
        name=REST,
        network=SSEV,
        size=LARGE,
        lose=faults.ssev(lost_answers=1),
        find=faults.ssev_sound,
    ),
    Road(name=EMAIL, network=EMAIL),
)


def cases() -> Iterator[Case]:
    """All of them."""
    for road in ROADS:
        for step in STRAIGHT if road.name != REST else SOONEST:
            yield killed(road, step)
        if road.network != EMAIL:
            for step in ASKED if road.name != REST else ASKED[1:2]:
                yield killed(road, step, lost=True)
            yield killed(road, _S.OUTCOME_HEARD, _S.ASKING, _S.ANSWER_HEARD)
    for at in (Step.ORIGINAL_KEPT, Step.STORED, Step.ANSWERED):
        yield Case(
            channel=SEOS,
            fault=f"the recipient is killed at {at}",
            begin=faults.recipient_dies(at),
            silent=at is Step.ANSWERED,
        )


def killed(road: Road, *steps: AnyStep, lost: bool = False) -> Case:
    """Return the case of deaths at these steps, one after another."""
    name = "killed at " + ", ".join(steps) + (" after a lost answer" if lost else "")
    case = Case(
        channel=road.name,
        fault=name,
        channels=(road.network,),
        size=road.size,
        begin=faults.both(faults.dies(*steps), road.lose) if lost else faults.dies(*steps),
        end=road.find if lost else nothing,
        silent=True,
        deaths=len(steps),
    )
    if road.network == EMAIL and _S.INTENT_STORED in steps:
        # Whether the letter had left nobody can tell: mail cannot be asked.
        return replace(case, person=Decision.RULE_ABSENT, note="nobody can tell")
    return case
