"""Words of the printable proof, in four languages. Looked up only.

They live in `words/proof/*.po`; names of states and networks are those used everywhere else.
"""

from __future__ import annotations

from functools import cache

from depesha.schemas.sentences import FALLBACK, LANGUAGES, read_words


def proof_word(key: str, language: str) -> str:
    """Return the text `key`; an unknown language is answered in English, an unknown key raises.

    The first look-up of a language reads its file, so ask from a thread.
    """
    return _load(language if language in LANGUAGES else FALLBACK)[key]


def proof_catalogue(language: str) -> dict[str, str]:
    """Return all words of a language by key, for tests."""
    return dict(_load(language))


@cache
def _load(language: str) -> dict[str, str]:
    return read_words(language, "proof")
