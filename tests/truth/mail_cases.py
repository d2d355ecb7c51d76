"""Signed mail alone: on which side of the final dot a fault lies is all that counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from depesha.schemas.outbound import Decision
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.simulators.bodies import EMAIL, POLYANA
from depesha.simulators.fault_proxy import Mode
from tests.truth import faults
from tests.truth.case import Act, Case, End
from tests.truth.faults import MIDWAY
from tests.truth.settings import SLOW
from tests.truth.stand import B

SMTP = "email.smtp"
LARGE = 11 * 1024 * 1024
"""Bytes that no kernel holds for us: a cut is met before the final dot."""


def _case(fault: str, begin: Act, end: Act = faults.mail_sound, **more: object) -> Case:
    made = Case(channel=EMAIL, fault=fault, channels=(EMAIL,), begin=begin, end=end)
    return replace(made, **more)  # type: ignore[arg-type]  # fields of a case


def cases() -> Iterator[Case]:
    """All of them."""
    yield from _before_the_dot()
    yield from _at_the_dot()
    yield from _afterwards()


def _before_the_dot() -> Iterator[Case]:
    for name, fault in (
        ("connection refused", Mode.REFUSE),
        ("reset before the greeting", Mode.RESET_BEFORE),
        ("taken and never greeted", Mode.BLACKHOLE),
    ):
        yield _case(name, faults.wire(SMTP, fault), faults.mended(SMTP))
    yield _case("cut in the middle of the dialogue", faults.wire(SMTP, MIDWAY), faults.mended(SMTP))
    yield _case("421 as the greeting", faults.smtp(greeting="421 4.3.2 come again"))
    yield _case("no TLS", faults.smtp(no_tls=True))
    yield _case("450 for the recipient", faults.smtp(recipient="450 4.2.1 come again"))
    yield _case("550 for the recipient", faults.smtp(recipient="550 5.1.1 no"), ends=End.NOWHERE)
    yield _case("cut where the letter begins", faults.smtp(cut_before_data=True))
    yield _case(
        "cut in the middle of a large letter", faults.smtp(cut_in_content=100_000), size=LARGE
    )
    yield _case(
        "cut in a small letter, whose dot had left with it",
        faults.smtp(cut_in_content=3000),
        person=Decision.RULE_ABSENT,
        note="nobody can tell",
    )


def _at_the_dot() -> Iterator[Case]:
    yield _case("451 for the letter", faults.smtp(final="451 4.3.0 come again"))
    yield _case("554 for the letter", faults.smtp(final="554 5.7.1 no"), ends=End.NOWHERE)
    yield _case(
        "lost after the final dot, the letter taken",
        faults.smtp(lost_after_dot=True),
        note="the delivery report and B's word tell",
        silent=True,
    )
    yield _case(
        "slow beyond the time-out after the dot", faults.smtp(slow_seconds=SLOW), silent=True
    )
    yield _case(
        "lost after the final dot, the letter not taken",
        faults.smtp(lost_untaken=True),
        person=Decision.RULE_ABSENT,
        note="nobody can tell",
    )
    yield _case(
        "lost after the dot, taken, no reports from there",
        faults.smtp(lost_after_dot=True, no_reports=True),
        recipient=POLYANA,
        person=Decision.RULE_THERE,
        ends=End.HANDED_OVER,
        note="nobody can tell",
        silent=True,
    )
    yield _case(
        "the servers deliver it twice",
        faults.smtp(doubled=True),
        silent=True,
        network_repeats=True,
        note="two letters, one document at the recipient",
    )


def _afterwards() -> Iterator[Case]:
    yield _case(
        "a bounce later",
        faults.fate(B, "failed", "5.2.2"),
        ends=End.NOWHERE,
        goes="email heard refused",
        misled=True,
    )
    yield _case(
        "450 at first, then taken, and a bounce later",
        faults.both(
            faults.fate(B, "failed", "5.2.2"), faults.smtp(recipient="450 4.2.1 come again")
        ),
        faults.smtp(),
        sound=faults.mail_sound,
        ends=End.NOWHERE,
        goes="email heard refused",
        misled=True,
    )
    yield _case(
        "a bounce in nobody's form later",
        faults.fate(B, "oddly_failed", "5.2.2"),
        person=Decision.RULE_ABSENT,
        person_sees=OutboundState.ACCEPTED,
        awaits="email heard unclear",
        misled=True,
        note="handed over and no more is said; a person reads what came back",
    )
    yield _case("a delay is reported", faults.fate(B, "delayed", "4.4.1"), silent=True)
    yield _case(
        "to a body with nothing but a mailbox",
        faults.smtp(),
        recipient=POLYANA,
        ends=End.HANDED_OVER,
        silent=True,
    )
