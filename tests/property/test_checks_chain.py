"""For any mixture of verdicts, errors and silence: admitted only by a pass from every check."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from depesha.gateway.checks.chain import CHECKS, TABLE, Need, Result, Row, conclude
from depesha.schemas.facts import Case
from depesha.schemas.policy import Policy
from depesha.schemas.verdict import (
    CheckRecord,
    Held,
    Hold,
    Passed,
    Rejected,
    Rejection,
    Repeated,
    Verdict,
    finding,
)
from tests.support import contents as make
from tests.unit.test_checks_chain import House

ANSWERS: list[object] = [
    Passed(),
    Held(finding=finding(Hold.FORMAT_UNKNOWN), retry=False),
    Held(finding=finding(Hold.SCANNER_UNAVAILABLE), retry=True),
    Rejected(finding=finding(Rejection.MALWARE_FOUND)),
    Repeated(message_id="0" * 32, by="document"),
    None,
    True,
    "passed",
    ValueError("a check broke"),
    TimeoutError(),
    MemoryError(),
]
MOSTLY_PASSED = st.one_of(st.just(ANSWERS[0]), st.sampled_from(ANSWERS))


def says(answer: object) -> Callable[[Case, Policy], Verdict]:
    def judge(case: Case, policy: Policy) -> Verdict:
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[return-value] # wrong answers are the point

    return judge


@settings(max_examples=200, deadline=None)
@given(st.lists(MOSTLY_PASSED, min_size=len(TABLE), max_size=len(TABLE)))
def test_admitted_only_by_an_explicit_pass_from_every_row(answers: list[object]) -> None:
    """Law 1."""
    table = [Row(name, Need.NOTHING, says(a)) for name, a in zip(CHECKS, answers, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder), table)
        got = asyncio.run(house.chain.examine(make.arrival(), make.NOW))
    ends = [a for a in answers if isinstance(a, (Rejected, Repeated))]
    if ends:
        assert got.outcome is (
            Result.REJECTED if isinstance(ends[0], Rejected) else Result.REPEATED
        )
        assert got.checks[-1].verdict is ends[0]
    else:
        assert len(got.checks) == len(TABLE)
        all_passed = all(isinstance(a, Passed) for a in answers)
        assert (got.outcome is Result.PASSED) == all_passed
        assert got.outcome in {Result.PASSED, Result.HELD}


@given(st.lists(st.tuples(st.sampled_from(CHECKS), st.sampled_from(ANSWERS[:5])), max_size=14))
def test_any_records_but_one_pass_of_each_check_in_order_are_not_a_pass(
    records: list[tuple[str, object]],
) -> None:
    checks = [
        CheckRecord(check=name, verdict=verdict, seconds=0.0)
        for name, verdict in records
        if isinstance(verdict, (Passed, Held, Rejected, Repeated))
    ]
    outcome, _ = conclude(checks)
    whole = tuple(c.check for c in checks) == CHECKS
    assert (outcome is Result.PASSED) == (
        whole and all(isinstance(c.verdict, Passed) for c in checks)
    )


@given(st.sets(st.integers(0, len(CHECKS) - 1), min_size=1))
def test_a_missing_row_is_never_made_up_for(missing: set[int]) -> None:
    checks = [
        CheckRecord(check=name, verdict=Passed(), seconds=0.0)
        for at, name in enumerate(CHECKS)
        if at not in missing
    ]
    assert conclude(checks) == (Result.HELD, True)
