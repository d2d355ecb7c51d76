"""The attack corpus and the chance run, short: thirty attacks and three hundred documents.

`make attack` and `make fuzz` are the long forms.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.attack import fuzz, run

pytestmark = [pytest.mark.clamd, pytest.mark.slow]


async def test_a_handful_of_every_kind_of_attack_is_refused(tmp_path: Path) -> None:
    report = await run.run(tmp_path / "c", large=False, every=13)
    assert report.faults == []
    assert len(report.rows) >= 30
    assert {row.case.layer for row in report.rows} >= {"http", "soap", "document", "file"}
    assert not [row.line() for row in report.rows if row.verdict == "BREACH"]


async def test_whatever_chance_sends_is_answered_and_admitted_only_by_right(tmp_path: Path) -> None:
    report = await fuzz.run(tmp_path / "c", examples=300, seed=20_260, workers=2)
    assert report.faults == []
    assert report.shots >= 300
    assert set(report.states) <= {"ADMITTED", "HELD", "REJECTED"}
