"""Every reason in plain words: for the clerk, for the peer, and what would make it pass (law 10).

The words live in `words/*.po`, one file a language; here they are only looked up and filled.
Every fact stands in brackets behind what is said, `(size: {size}, permitted: {limit} bytes)`: one
that is missing is left out, so that finding words never fails and grammar never breaks. What a
peer reads carries no personal data and no file names.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

from babel.messages.pofile import read_po

if TYPE_CHECKING:
    from collections.abc import Mapping

    from depesha.schemas.lifecycle import InboundState
    from depesha.schemas.verdict import Finding

LANGUAGES = ("bg", "cs", "uk", "en")
FALLBACK = "en"
"""Spoken where a language is asked for that we do not have."""
AUDIENCES = ("clerk", "peer", "remedy")
Audience = Literal["clerk", "peer", "remedy"]

PEER_SAFE = frozenset(
    {
        "algorithm",
        "declared",
        "detected",
        "form",
        "index",
        "limit",
        "listed",
        "malware",
        "present",
        "size",
    }
)
"""Facts that may be told to a peer: numbers, kinds and names of algorithms, nobody's data."""
_CODED = {"rule": "rule", "why": "why", "check": "check", "status": "status"}
"""Facts that are codes, and the family of words that says them aloud."""
_DETAILS = re.compile(r" \(([^()]*\{[^()]*)\)")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_LONGEST = 300
"""Characters of one fact in a sentence: a sender's own text must not flood a screen."""


def sentence(finding: Finding, language: str, audience: Audience) -> str:
    """Return the sentence for a finding, filled with its facts. Never raises.

    `clerk`: what happened; `peer`: what its sender is told, without the reason's code; `remedy`:
    what would make it pass. An unknown language is answered in English.
    """
    words = _words(language)
    facts = {
        name: _spoken(name, value, words)
        for name, value in finding.facts
        if value and (audience != "peer" or name in PEER_SAFE)
    }
    return fill(words[f"{audience}.{finding.reason}"], facts)


def state_name(state: InboundState, language: str) -> str:
    """Return the name of a state."""
    return _words(language)[f"state.{state}"]


def check_name(check: str, language: str) -> str:
    """Return the name of a check; one we have no words for is called by its own code."""
    return _words(language).get(f"check.{check}", check)


def load() -> None:
    """Read all words once; it takes a tenth of a second, so call it before serving."""
    for language in LANGUAGES:
        _load(language)


def catalogue(language: str) -> dict[str, str]:
    """Return all words of a language by key, for tests and for pages that list them."""
    return dict(_words(language))


def fill(text: str, facts: Mapping[str, str]) -> str:
    """Return a text whose brackets hold those details only whose facts are known. Never raises."""
    return _DETAILS.sub(lambda match: _told(match[1], facts), text)


def plain(value: str) -> str:
    """Return a text from outside fit to stand in a sentence: nothing unseen, not too long."""
    seen = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value)
    return seen if len(seen) <= _LONGEST else seen[:_LONGEST] + "…"


def read_words(language: str, *folders: str) -> dict[str, str]:
    """Read one file of words of a known language; slow, so keep what it returns."""
    file = files("depesha.schemas").joinpath("words", *folders, f"{language}.po")
    with file.open("rb") as opened:
        return {
            str(message.id): str(message.string)
            for message in read_po(opened, locale=language)
            if message.id
        }


def _told(details: str, facts: Mapping[str, str]) -> str:
    """Return the bracket of a sentence with those details whose facts are known."""
    known = [
        detail.format_map(facts)
        for detail in details.split(", ")
        if all(name in facts for name in _PLACEHOLDER.findall(detail))
    ]
    return f" ({', '.join(known)})" if known else ""


def _spoken(name: str, value: str, words: dict[str, str]) -> str:
    if name in _CODED:
        return words.get(f"{_CODED[name]}.{value}", value)
    return plain(value)


def _words(language: str) -> dict[str, str]:
    return _load(language if language in LANGUAGES else FALLBACK)


@cache
def _load(language: str) -> dict[str, str]:
    return read_words(language)
