"""The short form of `make crash`: a few deaths of the real process, and what follows.

All steps, all variants and the random moments are run by `make crash`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from depesha.schemas.steps import Step
from tests.crash import cases
from tests.crash.ending import judge_log, judge_memory
from tests.crash.stand import Stand
from tests.crash.table import Row

pytestmark = [pytest.mark.clamd, pytest.mark.slow]


async def test_killed_at_a_few_steps_and_once_between_them(tmp_path: Path) -> None:
    async with Stand(tmp_path) as stand:
        rows = [
            await cases.straight(stand, Step.STORED, asks=False),
            await cases.straight(stand, Step.REGISTRATION_STORED, asks=True),
            await cases.straight(stand, Step.NOTICE_TAKEN, asks=False),
            await cases.later(stand, Step.SEALING, asks=False),
            await cases.repeated(stand, Step.REPEAT_STORED, asks=True),
            await cases.at_random(stand, 1, 0.05, None, asks=False),
            await cases.cut(stand, "in the answer"),
        ]
        await stand.rest()
        faults = judge_log(stand.gateway.log)[1]
        sent = len(stand.sender.peer.books.sent)
        faults += (await judge_memory(stand.gateway.plan.folder, sent))[1]
    assert [row.line() for row in rows if not row.good] == []
    assert faults == []


@pytest.mark.parametrize(
    ("row", "good"),
    [
        (Row(step="STORED", killed=cases.KILL), True),
        (Row(step="STORED"), False),
        (Row(step="STORED", killed=cases.KILL, faults=["2 messages instead of one"]), False),
    ],
)
def test_a_row_is_good_only_where_something_died_and_nothing_is_wrong(row: Row, good: bool) -> None:  # noqa: FBT001 - a case of the table
    assert row.good is good


def test_every_step_of_the_product_is_a_case() -> None:
    tried = {*cases.STRAIGHT, *cases.LATER, *cases.REPEATED, *cases.QUARANTINE, Step.WORD_STORED}
    assert tried | {step for steps in cases.HELD for step in steps} == set(Step)
