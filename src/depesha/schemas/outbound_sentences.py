"""Words of the way out: states, defects, bars, steps, in four languages (law 10). Looked up only.

The words live in `words/outbound/*.po` and are filled as those of the way in are: every fact
stands in brackets, and one that is missing is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal

from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.route import Reasoned
from depesha.schemas.sentences import FALLBACK, LANGUAGES, fill, plain, read_words

_NAMED = {"network": "network", "quality": "quality", "floor": "quality", "reach": "reach"}
"""Facts that are codes, and the family of words that says them aloud."""
_HOUSEHOLD = frozenset(_NAMED.values())


def say(key: str, language: str, facts: Mapping[str, str] | None = None) -> str:
    """Return the text `key`, filled with those facts that are known. Never raises for facts.

    An unknown language is answered in English; a key without words raises `KeyError`.
    """
    words = _words(language)
    spoken = {
        name: words.get(f"{_NAMED.get(name, '')}.{value}") or plain(value)
        for name, value in (facts or {}).items()
        if value
    }
    return fill(words[key], spoken)


def reason_sentence(reasoned: Reasoned, language: str, audience: Literal["clerk", "remedy"]) -> str:
    """Return why a document or a channel is barred, or what would make it pass."""
    until = reasoned.until
    facts = dict(reasoned.facts)
    if until is not None:
        facts["until"] = until.isoformat(timespec="minutes")
    return say(f"{audience}.{reasoned.reason}", language, facts)


def name_of(family: str, code: str, language: str) -> str:
    """Return the name of a network, a quality or a reach; one without words keeps its code."""
    return _words(language).get(f"{family}.{code}", code) if family in _HOUSEHOLD else code


def outbound_state_name(state: OutboundState, language: str) -> str:
    """Return the name of a state."""
    return _words(language)[f"state.{state}"]


def outbound_catalogue(language: str) -> dict[str, str]:
    """Return all words of a language by key, for tests and for pages that list them."""
    return dict(_words(language))


def load() -> None:
    """Read all words once, before serving."""
    for language in LANGUAGES:
        _load(language)


def _words(language: str) -> dict[str, str]:
    return _load(language if language in LANGUAGES else FALLBACK)


@cache
def _load(language: str) -> dict[str, str]:
    return read_words(language, "outbound")
