"""Words of the console's pages in four languages: gettext catalogues, looked up by key.

Each folder below `words/` is a family (`access`, and those of other pages); a key belongs to one.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from babel.messages.pofile import read_po

from depesha.schemas.sentences import FALLBACK, LANGUAGES

_RANGES = 20


def word(key: str, language: str) -> str:
    """Return the text `key`; an unknown language is answered in English, an unknown key raises.

    The first look-up of a language reads its files, so ask from a thread or call `load` before.
    """
    return catalogue(language if language in LANGUAGES else FALLBACK)[key]


@cache
def catalogue(language: str) -> dict[str, str]:
    """Return all words of a known language by key; raise `RuntimeError` for a key said twice."""
    words: dict[str, str] = {}
    for family in sorted(files(__package__ or "").joinpath("..", "words").iterdir(), key=str):
        file = family.joinpath(f"{language}.po")
        if not file.is_file():
            continue
        with file.open("rb") as opened:
            for message in read_po(opened, locale=language):
                if message.id and str(message.id) in words:
                    raise RuntimeError(f"two families of words have {message.id}")
                if message.id:
                    words[str(message.id)] = str(message.string)
    return words


def load() -> None:
    """Read all words once, before serving."""
    for language in LANGUAGES:
        catalogue(language)


def preferred(header: str, default: str) -> str:
    """Choose the language a browser likes best of those we have (RFC 9110, 12.5.4)."""
    best, best_quality = default, 0.0
    for part in header.split(",")[:_RANGES]:
        tag, _, parameter = part.strip().partition(";")
        primary = tag.strip().lower().partition("-")[0]
        quality = _quality(parameter.strip())
        if primary in LANGUAGES and quality > best_quality:
            best, best_quality = primary, quality
    return best


def _quality(parameter: str) -> float:
    if not parameter:
        return 1.0
    try:
        value = float(parameter.removeprefix("q="))
    except ValueError:
        return 0.0
    return value if 0 <= value <= 1 else 0.0
