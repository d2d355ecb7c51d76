"""The sender is killed (SIGKILL) at every step of a document's way out, on every channel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from depesha.schemas.outbound import Decision
from depesha.schemas.steps import AnyStep, OutboundStep, Step
from depesha.simulators.bodies import EMAIL, ISDS, PRIKLAD, SEOS, SSEV, Body
from depesha.simulators.fault_proxy import Mode
from depesha.simulators.isds_quirks import FaultKind
from tests.truth import faults
from tests.truth.case import Act, Case, nothing
from tests.truth.isds_cases import BIG, CREATE, CREATE_BIG, PLAIN
from tests.truth.isds_cases import LARGE as ISDS_LARGE
from tests.truth.seos_cases import THERE
from tests.truth.ssev_cases import LARGE, REST, SMALL, SOAP
from tests.truth.stand import B

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
    recipient: Body = B


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

ISDS_ROADS = tuple(
    Road(
        name=name,
        network=ISDS,
        size=size,
        lose=faults.isds_fault(FaultKind.LOST, operation),
        find=faults.isds_sound,
        recipient=PRIKLAD,
    )
    for name, size, operation in ((PLAIN, SMALL, CREATE), (BIG, ISDS_LARGE, CREATE_BIG))
)


def cases() -> Iterator[Case]:
    """All of them, but for those on ISDS."""
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


def on_isds() -> Iterator[Case]:
    """Deaths of a sender and of a recipient on ISDS; for the Czech pair."""
    for road in ISDS_ROADS:
        for step in STRAIGHT:
            yield killed(road, step)
        for step in ASKED:
            yield killed(road, step, lost=True)
        yield killed(road, _S.OUTCOME_HEARD, _S.ASKING, _S.ANSWER_HEARD)
    for at in (Step.ORIGINAL_KEPT, Step.STORED, Step.NOTICE_CLAIMED, Step.NOTICE_TAKEN):
        yield Case(
            channel=PLAIN,
            fault=f"the recipient is killed at {at}",
            channels=(ISDS,),
            recipient=PRIKLAD,
            begin=faults.recipient_dies(at),
            silent=True,
            deaths=1,
        )


def killed(road: Road, *steps: AnyStep, lost: bool = False) -> Case:
    """Return the case of deaths at these steps, one after another."""
    name = "killed at " + ", ".join(steps) + (" after a lost answer" if lost else "")
    case = Case(
        channel=road.name,
        fault=name,
        channels=(road.network,),
        recipient=road.recipient,
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
