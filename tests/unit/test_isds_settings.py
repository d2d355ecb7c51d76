"""Settings of ISDS: the example names every key with its default, and what contradicts is told."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from pydantic import ValidationError

from depesha.adapters.isds.settings import (
    IsdsBoxSettings,
    IsdsPartnerSettings,
    IsdsSettings,
    WorkingTime,
)
from depesha.config.template_networks import ISDS


def shown() -> dict[str, Any]:
    """The table as it is once its keys are uncommented."""
    lines = [line.removeprefix("# ") for line in ISDS.splitlines() if line != "#"]
    text = "\n".join(line for line in lines if "=" in line.split("#")[0] or line.startswith("["))
    found: dict[str, Any] = tomllib.loads(text)["networks"]["isds"]
    return found


def test_the_example_names_every_key_with_its_default() -> None:
    given = shown()
    assert set(given) == set(IsdsSettings.model_fields)
    assert set(given["boxes"][0]) == set(IsdsBoxSettings.model_fields)
    assert set(given["partners"][0]) == set(IsdsPartnerSettings.model_fields)
    assert set(given["working_time"]) == set(WorkingTime.model_fields)
    read = IsdsSettings.model_validate(given)
    assert read.working_time == WorkingTime()
    told = {"boxes", "partners", "working_time", "seal_authorities", "stamp_authorities"}
    plain = IsdsSettings.model_validate({k: v for k, v in given.items() if k in told})
    assert read == plain


@pytest.mark.parametrize(
    "changes",
    [
        {"old_seals_until": "2012-01-01T00:00:00"},
        {"old_seals_until": "once"},
        {"boxes": []},
        {"poll_minutes": 0.5},
        {"poll_minutes": 0, "environment": "simulated"},
        {"partners": [{"identifier": "1", "box_id": "abc2345"}]},
        {
            "partners": [
                {"identifier": "1", "box_id": "xyz6789"},
                {"identifier": "1", "box_id": "xyz6780"},
            ]
        },
    ],
)
def test_what_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        IsdsSettings.model_validate(shown() | changes)


def test_only_a_simulator_may_be_polled_more_often_than_once_a_minute() -> None:
    assert IsdsSettings.model_validate(shown() | {"poll_minutes": 1}).tick_seconds == 15
    quick = shown() | {"poll_minutes": 0.01, "environment": "simulated"}
    assert IsdsSettings.model_validate(quick).tick_seconds == pytest.approx(0.6)
