"""Why a task was parked is said in the language of who reads it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from depesha.monitoring.console.pages.telling import Teller
from depesha.schemas.sentences import LANGUAGES

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
OURS = (
    "no answer (unclear): telephone Училище Поляна, 02 000 000",
    "no answer (still waiting): telephone Област Примерна, отдел „А“, 02 000 001",
    "no answer (cannot be asked): telephone Община Бряг, number not known",
    "the task failed inside the gateway (INTERNAL)",
    "the network's operator could not be told",
)


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
@pytest.mark.parametrize("reason", OURS)
def test_reasons_of_the_house_are_said_in_every_language(language: str, reason: str) -> None:
    said = Teller(language=language, zone=UTC, now=NOW).parked(reason)
    english = Teller(language="en", zone=UTC, now=NOW).parked(reason)
    assert said not in {reason, english}
    assert "telephone" not in said
    assert "number not known" not in said


def test_name_and_number_of_who_is_to_be_rung_up_are_kept() -> None:
    said = Teller(language="bg", zone=UTC, now=NOW).parked(OURS[1])
    assert said.endswith("обадете се на Област Примерна, отдел „А“, 02 000 001")


@pytest.mark.parametrize("reason", ["5.1.1 user unknown", "no answer (why): telephone X, 1", ""])
def test_words_of_others_stay_as_they_are(reason: str) -> None:
    assert Teller(language="bg", zone=UTC, now=NOW).parked(reason) == reason
