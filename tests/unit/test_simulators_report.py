"""The demo's telling: failures say what was seen, machines get one object a step."""

from __future__ import annotations

import json

import pytest

from depesha.adapters.memory.system import HandClock
from depesha.errors import PeerError
from depesha.simulators.demo_report import DemoFailedError, Report, Told, expect


async def good() -> Told:
    return Told(sentence="видяно", lines=("ред",), facts={"number": "ВХ-1"})


async def bad() -> Told:
    raise PeerError("answered 500", remedy="look there")


async def shapeless() -> Told:
    raise KeyError("checks")


def made(*, as_json: bool) -> tuple[Report, list[str]]:
    said: list[str] = []
    return Report(clock=HandClock(), say=said.append, as_json=as_json), said


async def test_people_read_one_line_a_step_and_more_under_it() -> None:
    report, said = made(as_json=False)
    report.progress("прави се")
    assert await report.step("стъпка", good)
    assert "прави се" in said[0]
    assert "✔" in said[1]
    assert "видяно" in said[1]
    assert said[2].strip() == "ред"


async def test_machines_read_one_object_a_step_and_nothing_else() -> None:
    report, said = made(as_json=True)
    report.progress("прави се")
    await report.step("стъпка", good)
    assert not await report.step("втора", bad)
    rows = [json.loads(line) for line in said]
    assert [(r["step"], r["ok"]) for r in rows] == [(1, True), (2, False)]
    assert rows[0]["number"] == "ВХ-1"
    assert "answered 500" in rows[1]["said"]


@pytest.mark.parametrize(
    ("action", "seen"), [(bad, "answered 500 (look there)"), (shapeless, "KeyError")]
)
async def test_a_failed_step_says_what_was_seen(action: object, seen: str) -> None:
    report, said = made(as_json=False)
    assert not await report.step("стъпка", action)  # type: ignore[arg-type]  # two of a kind
    assert "FAILED" in said[0]
    assert seen in said[0]


def test_expectations_fail_with_what_was_seen() -> None:
    expect(condition=True, seen="")
    with pytest.raises(DemoFailedError, match="така"):
        expect(condition=False, seen="така")
