"""All channels allowed: a fault on the first, the next one takes it, the first one lives again.

Whatever happens, B's registry gets one document (S13), and nothing that may be there is sent again
before somebody was asked.
"""

from __future__ import annotations

from collections.abc import Iterator

from depesha.schemas.outbound import Decision
from depesha.schemas.steps import OutboundStep
from depesha.simulators.bodies import EMAIL, IZVOR, SEOS, SSEV
from depesha.simulators.fault_proxy import Mode
from depesha.simulators.seos_quirks import ALWAYS
from depesha.simulators.ssev_quirks import SsevOperation
from tests.truth import faults
from tests.truth.case import Act, Case, End
from tests.truth.faults import both, cut, revived, smtp, ssev, waits, wire
from tests.truth.seos_cases import THERE

CHANNEL = "any"
ALL_SOUND = both(revived(SEOS, SSEV, EMAIL), faults.ssev_sound, faults.mail_sound)
LOST = wire(THERE, Mode.RESET_AFTER_REQUEST)
REFUSED = wire(THERE, Mode.REFUSE)


def _case(fault: str, begin: Act, end: Act, *, by: str, **more: object) -> Case:
    fields: dict[str, object] = {"channels": (), "sound": ALL_SOUND, **more}
    return Case(channel=CHANNEL, fault=fault, begin=begin, end=end, by=by, **fields)  # type: ignore[arg-type]  # its own names


def cases() -> Iterator[Case]:
    """All of them, each with a sound country before it."""
    yield from _next_road()
    yield from _unclear_on_the_first()
    yield from _unclear_on_a_later_one()
    yield from _both_roads()


def _next_road() -> Iterator[Case]:
    yield _case("SEOS is cut: SSEV", cut(SEOS), ALL_SOUND, by=SSEV, awaits="ssev delivered")
    yield _case("SEOS lives again: SEOS", ALL_SOUND, ALL_SOUND, by=SEOS, silent=True)
    yield _case(
        "SEOS and SSEV are cut: mail",
        cut(SEOS, SSEV),
        ALL_SOUND,
        by=EMAIL,
        awaits="email delivered",
    )
    yield _case(
        "all three are cut, SEOS lives first",
        cut(SEOS, SSEV, EMAIL),
        both(waits(1.5), revived(SEOS)),
        by=SEOS,
    )
    yield _case(
        "the peer answers 500 to everything: SSEV",
        faults.peer(IZVOR, http_500=ALWAYS),
        faults.peer(IZVOR),
        by=SSEV,
        awaits="ssev delivered",
        recipient=IZVOR,
        ends=End.HANDED_OVER,
    )
    yield _case(
        "SEOS and SSEV are cut, the mail bounces, SEOS lives: SEOS",
        both(cut(SEOS, SSEV), faults.fate(IZVOR, "failed", "5.2.2")),
        ALL_SOUND,
        by=SEOS,
        awaits="email heard refused",
        goes="seos delivered",
        recipient=IZVOR,
        misled=True,
    )


def _unclear_on_the_first() -> Iterator[Case]:
    yield _case(
        "lost answer on SEOS, then cut: asked before SSEV",
        LOST,
        both(REFUSED, waits(2.0), ALL_SOUND),
        by=SEOS,
    )
    yield _case(
        "the same, and killed at OUTCOME_HEARD",
        both(LOST, faults.dies(OutboundStep.OUTCOME_HEARD)),
        both(REFUSED, waits(2.0), ALL_SOUND),
        by=SEOS,
        deaths=1,
    )
    yield _case(
        "killed at INTENT_STORED, then SEOS is cut: asked before SSEV",
        faults.dies(OutboundStep.INTENT_STORED),
        both(REFUSED, waits(2.0), ALL_SOUND),
        by="",
        deaths=1,
    )


def _unclear_on_a_later_one() -> Iterator[Case]:
    yield _case(
        "SEOS cut, lost answer on SSEV, its outbox fails, SEOS lives",
        both(cut(SEOS), ssev(lost_answers=1)),
        both(ssev(SsevOperation.OUTBOX, http_500=ALWAYS), revived(SEOS), waits(1.5), ALL_SOUND),
        by=SSEV,
        awaits="ssev unclear",
    )
    yield _case(
        "SEOS and SSEV cut, mail lost after the dot, not taken; SEOS lives",
        both(cut(SEOS, SSEV), smtp(lost_untaken=True)),
        both(ALL_SOUND, waits(2.0)),
        by=SEOS,
        awaits="email unclear",
        person=Decision.RULE_ABSENT,
        note="nobody can tell",
    )
    yield _case(
        "SEOS and SSEV cut, mail lost after the dot, taken; SEOS lives",
        both(cut(SEOS, SSEV), smtp(lost_after_dot=True)),
        both(ALL_SOUND, waits(1.0)),
        by=EMAIL,
        awaits="email unclear",
        note="the delivery report tells",
    )


def _both_roads() -> Iterator[Case]:
    """S13: a person was told wrongly that it is not there, so two roads really deliver it."""
    yield _case(
        "S13: stored by SEOS, ruled absent, delivered by SSEV too",
        LOST,
        REFUSED,
        by=SSEV,
        person=Decision.RULE_ABSENT,
        roads=(SEOS, SSEV),
        note="the person errs",
    )
    yield _case(
        "S13: in B's mail, ruled absent, delivered by SEOS too",
        both(cut(SEOS, SSEV), smtp(lost_after_dot=True, no_reports=True)),
        both(smtp(closed=True), waits(1.0), revived(SEOS)),
        then=faults.mail_sound,
        by=SEOS,
        awaits="email unclear",
        person=Decision.RULE_ABSENT,
        roads=(EMAIL, SEOS),
        note="the person errs",
    )
