"""Every reason has its words in four languages, and none of them can fail or tell too much."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from depesha.gateway.checks.chain import CHECKS
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.sentences import (
    AUDIENCES,
    LANGUAGES,
    PEER_SAFE,
    Audience,
    catalogue,
    check_name,
    sentence,
    state_name,
)
from depesha.schemas.verdict import Caution, Hold, Reason, Rejection, finding

REASONS: list[Reason] = [*Rejection, *Hold, *Caution]
FACTS = PEER_SAFE | {
    "check",
    "file",
    "hours",
    "identifier",
    "rule",
    "seconds",
    "signer",
    "status",
    "where",
    "why",
}
"""Every fact a check may tell."""
CYRILLIC = re.compile("[а-яіїєґ]", re.IGNORECASE)


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w*)[^}]*\}", text))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("audience", AUDIENCES)
def test_no_reason_is_without_words(language: str, audience: Audience) -> None:
    words = catalogue(language)
    for reason in REASONS:
        text = words[f"{audience}.{reason}"]
        assert text.endswith("."), reason
        assert (language in {"bg", "uk"}) == bool(CYRILLIC.search(text)), reason
        assert placeholders(text) <= (PEER_SAFE if audience == "peer" else FACTS), reason
        bare = re.sub(r" \([^()]*\)", "", text)
        assert not placeholders(bare), "facts stand in brackets, so that any may be missing"
        assert not re.search(r"[{}()]", bare), reason


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_words_are_left_over_and_all_languages_have_the_same(language: str) -> None:
    words = catalogue(language)
    assert words.keys() == catalogue("en").keys()
    reasons = {f"{audience}.{reason}" for audience in AUDIENCES for reason in REASONS}
    rest = {key.split(".")[0] for key in words.keys() - reasons}
    assert rest == {"state", "check", "rule", "why", "status", "letter"}
    assert all(words.values())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("audience", AUDIENCES)
def test_missing_facts_never_fail_and_leave_no_trace(language: str, audience: Audience) -> None:
    for reason in REASONS:
        text = sentence(finding(reason), language, audience)
        assert not re.search(r"[{}]|\(\)|  | \.", text), text


def test_facts_are_filled_and_codes_spoken() -> None:
    found = finding(Rejection.ARCHIVE_UNSAFE, index=2, file="a.zip", rule="depth")
    assert sentence(found, "bg", "clerk") == (
        "Прикачен архив не може да бъде отворен безопасно"
        " (файл №: 2, име: a.zip, причина: твърде много вложени архиви)."
    )
    partly = finding(Caution.ANNEX_MISSING, listed=3, present=2)
    assert sentence(partly, "en", "clerk").endswith("(listed: 3, present: 2).")


def test_a_peer_is_never_told_names_or_identifiers() -> None:
    facts = dict.fromkeys(FACTS - PEER_SAFE, "Иван Примеров")
    for reason in REASONS:
        for language in LANGUAGES:
            assert "Примеров" not in sentence(finding(reason, **facts), language, "peer")


def test_a_senders_own_text_stays_text() -> None:
    """Braces, control characters and endless names in a fact change nothing."""
    found = finding(Caution.FILE_NAME_CLEANED, index=1, file="{signer}\n\u202e" + "x" * 9000)
    text = sentence(found, "en", "clerk")
    assert "{signer}" in text
    assert "\n" not in text
    assert "\u202e" not in text
    assert len(text) < 500


@pytest.mark.parametrize(
    ("reason", "fragment"),
    [
        (Rejection.SIGNATURE_MISSING, "Електронният подпис"),
        (Rejection.SIGNATURE_INVALID, "Електронният подпис"),
        (Rejection.SIGNATURE_STRUCTURE, "Електронният подпис"),
        (Rejection.SIGNATURE_ALGORITHM, "Електронният подпис"),
        (Rejection.CERTIFICATE_EXPIRED, "Електронният подпис"),
        (Rejection.CERTIFICATE_UNTRUSTED, "Електронният подпис"),
        (Rejection.CERTIFICATE_REVOKED, "Електронният подпис"),
        (Rejection.CERTIFICATE_OTHER, "различен от транспортния сертификат"),
        (Rejection.SENDER_UNKNOWN, "активен участник"),
        (Rejection.SENDER_INACTIVE, "активен участник"),
        (Rejection.RECIPIENT_NOT_OURS, "Получателят на съобщението"),
        (Rejection.TRANSPORT_ID_REUSED, "MessageGUID"),
    ],
)
def test_peers_find_the_fragments_they_search_for(reason: Rejection, fragment: str) -> None:
    """SEOS facts, end of section 7: errors have no codes, programs look for these words."""
    assert fragment in sentence(finding(reason), "bg", "peer")


@pytest.mark.parametrize("language", LANGUAGES)
def test_states_and_checks_have_names(language: str) -> None:
    names = [state_name(state, language) for state in InboundState]
    assert len(set(names)) == len(InboundState)
    assert all(check_name(check, language) != check for check in CHECKS)
    assert check_name("a check of tomorrow", language) == "a check of tomorrow"


def test_an_unknown_language_is_answered_in_english() -> None:
    found = finding(Rejection.NOT_XML)
    assert sentence(found, "tlh", "peer") == sentence(found, "en", "peer")


def test_the_audiences_are_the_ones_of_the_type() -> None:
    assert get_args(Audience) == AUDIENCES
