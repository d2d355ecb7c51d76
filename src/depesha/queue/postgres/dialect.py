"""Says the statements of the store, which are written for SQLite, in PostgreSQL's words.

Most differ by form alone and are turned mechanically; those that truly differ stand in tables, by
their text: `texts.py` (the core) and `overview_texts.py` (the console's eyes, people). A test
prepares every statement on a real server.
"""

from __future__ import annotations

import re

from depesha.queue.postgres import overview_texts, texts

_OTHERWISE = {**texts.OTHERWISE, **overview_texts.OTHERWISE}
_WHEN_WRITING = {**texts.WHEN_WRITING, **overview_texts.WHEN_WRITING}
_RETURNING = {**texts.RETURNING, **overview_texts.RETURNING}

_PLACE = re.compile(r"\?(\d*)")
_UNHEX = re.compile(r"unhex\((\?\d*)\)")
_OF_TWO = re.compile(r"\b(max|min)\(([^(),]+,[^(),]+)\)")
_EXTREME = {"max": "greatest", "min": "least"}
_IGNORING = "INSERT OR IGNORE INTO"


def translate(statement: str, *, writing: bool = False) -> str:
    """Return the statement for PostgreSQL, with numbered places: `$1`, `$2`.

    In a `writing` transaction a row that is read in order to be changed is locked with it, for
    another gateway may be about to do the same.
    """
    text = _OTHERWISE.get(statement, statement)
    if writing:
        text += _WHEN_WRITING.get(statement, "")
    if statement in _RETURNING:
        text += f" RETURNING {_RETURNING[statement]}"
    return _numbered(_formed(text))


def _formed(text: str) -> str:
    if text.startswith(_IGNORING):
        text = f"INSERT INTO{text.removeprefix(_IGNORING)} ON CONFLICT DO NOTHING"
    text = _UNHEX.sub(r"decode(\1, 'hex')", text)
    return _OF_TWO.sub(lambda found: f"{_EXTREME[found[1]]}({found[2]})", text)


def _numbered(text: str) -> str:
    count = 0

    def number(found: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return f"${found[1] or count}"

    return _PLACE.sub(number, text)
