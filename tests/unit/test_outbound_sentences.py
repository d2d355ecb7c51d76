"""Every defect, bar, step and state of the way out has its words in four languages."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from depesha.schemas.dispatch import Defect, Quality
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.outbound_sentences import (
    load,
    name_of,
    outbound_catalogue,
    outbound_state_name,
    reason_sentence,
    say,
)
from depesha.schemas.route import Bar, Reach, reasoned
from depesha.schemas.sentences import LANGUAGES

REASONS: list[Bar | Defect] = [*Bar, *Defect]
CYRILLIC = re.compile("[а-яіїєґ]", re.IGNORECASE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_words_are_there_and_none_is_left_over(language: str) -> None:
    load()
    words = outbound_catalogue(language)
    assert words.keys() == outbound_catalogue("en").keys()
    needed = {f"{who}.{reason}" for who in ("clerk", "remedy") for reason in REASONS}
    needed |= {f"state.{state}" for state in OutboundState}
    needed |= {f"reach.{reach}" for reach in Reach}
    needed |= {f"quality.{quality}" for quality in Quality}
    assert needed <= words.keys()
    rest = {key.split(".")[0] for key in words.keys() - needed}
    assert rest == {"step", "verdict", "fact", "network", "followup", "signal"}
    assert len({outbound_state_name(state, language) for state in OutboundState}) == len(
        OutboundState
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", REASONS)
def test_sentences_stand_without_facts_and_in_their_own_letters(
    reason: Bar | Defect, language: str
) -> None:
    for audience in ("clerk", "remedy"):
        text = reason_sentence(reasoned(reason), language, audience)
        assert text.endswith(".")
        assert not re.search(r"[{}]|\(\)|  | \.", text), text
        assert (language in {"bg", "uk"}) == bool(CYRILLIC.search(text)), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_details_stand_in_every_language(language: str) -> None:
    def details(words: dict[str, str]) -> dict[str, list[str]]:
        return {key: sorted(re.findall(r"\{(\w+)\}", text)) for key, text in words.items()}

    assert details(outbound_catalogue(language)) == details(outbound_catalogue("en"))


def test_facts_are_filled_and_codes_spoken() -> None:
    bar = reasoned(Bar.BREAKER_OPEN, datetime(2026, 3, 2, 9, 30, tzinfo=UTC), failures=3)
    assert reason_sentence(bar, "en", "clerk") == (
        "The channel is down and not used (failures: 3, probe: 2026-03-02T09:30+00:00)."
    )
    floor = reasoned(Bar.BELOW_FLOOR, quality="SIGNED_MAIL", floor="REGISTERED_DELIVERY")
    assert "signed e-mail, asked for: registered" in reason_sentence(floor, "en", "clerk")
    assert name_of("network", "seos", "bg") == "СЕОС"
    assert name_of("network", "pigeon", "bg") == "pigeon"
    assert say("step.none", "tlh") == say("step.none", "en")


def test_text_from_outside_stays_text() -> None:
    hostile = reasoned(Bar.REFUSED_BEFORE, code="{until}\n\u202e" + "x" * 9000)
    text = reason_sentence(hostile, "en", "clerk")
    assert "{until}" in text
    assert "\n" not in text
    assert "\u202e" not in text
    assert len(text) < 500
