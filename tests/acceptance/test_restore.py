"""S25: a store is lost and put back; what was exchanged since is asked for, nothing is sent twice.

The short form of `depesha drill restore`, and planted faults that its comparison must see.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from depesha.schemas.ids import Guid
from depesha.simulators import drill
from depesha.simulators.bodies import OBRAZETS, POLYANA, PRIMER
from depesha.simulators.drill_books import Found, judge
from depesha.simulators.drill_office import Letter
from tests.support.country import CLOCK, IDS

SECONDS = 400


@pytest.mark.slow
@pytest.mark.timeout(SECONDS)
async def test_a_lost_store_is_put_back_and_nothing_is_lost_or_sent_twice(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = []
    status = await drill.run(
        tmp_path,
        documents=1,
        as_json=True,
        say=lambda line: lines.append(json.loads(line)),
        clock=CLOCK,
        ids=IDS,
    )
    assert status == 0, json.dumps(lines[-1], ensure_ascii=False)
    assert len(lines) == 10
    compared = lines[8]
    assert "0 lost, 0 doubled, 0 untrue" in json.dumps(compared)


def letter(**changes: Any) -> Letter:
    made = Letter(
        guid=Guid("c" * 8 + "-1111-4111-8111-" + "c" * 12),
        sender=PRIMER,
        recipient=OBRAZETS,
        number="1",
        channels=(),
        stage=drill.GAP,
        content=b"",
        at=CLOCK.now(),
    )
    return replace(made, **changes)


GOOD = Found(copies=1, numbers=frozenset({"ВХ-1"}))


def says(state: str, number: str = "") -> dict[str, Any]:
    return {"state": state, "number": {"number": number} if number else None}


@pytest.mark.parametrize(
    ("told", "found", "wrong"),
    [
        ([says("REGISTERED", "ВХ-1")], GOOD, (0, 0, 0)),
        ([says("REGISTERED", "ВХ-2")], GOOD, (0, 0, 1)),
        ([says("DELIVERED")], GOOD, (0, 0, 1)),
        ([], GOOD, (1, 0, 0)),
        ([says("DELIVERED")], Found(copies=0), (1, 0, 0)),
        ([says("PARKED")], Found(copies=1), (0, 0, 1)),
        ([says("REGISTERED", "ВХ-1")], replace(GOOD, copies=2), (0, 1, 0)),
        ([says("REGISTERED", "ВХ-1")] * 2, GOOD, (0, 1, 0)),
        (
            [says("REGISTERED", "ВХ-1")],
            replace(GOOD, numbers=frozenset({"ВХ-1", "ВХ-2"})),
            (0, 1, 0),
        ),
    ],
)
async def test_the_comparison_sees_what_is_wrong(
    told: list[dict[str, Any]], found: Found, wrong: tuple[int, int, int]
) -> None:
    one = letter()
    judged = judge([one], {one.guid: told}, {one.guid: found})
    assert (len(judged.lost), len(judged.doubled), len(judged.untrue)) == wrong
    assert judged.good is (wrong == (0, 0, 0))


async def test_what_went_by_mail_is_there_without_a_number() -> None:
    one = letter(recipient=POLYANA)
    assert judge([one], {one.guid: [says("ACCEPTED")]}, {one.guid: Found(copies=1)}).good
