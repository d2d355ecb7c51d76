"""A TOML text as data, and the line on which each key stands. Pure; knows no setting.

The standard parser gives no lines, so each statement is found by growing it until it parses.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from depesha.errors import ConfigurationError

_HEADER = re.compile(r"\s*(\[\[?)(.+?)\]\]?\s*(?:#.*)?")
_AT_LINE = re.compile(r"\s*\(at line (\d+), column \d+\)|\s*\(at end of document\)")
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The data, and where every key begins; positions in arrays of tables count as keys."""

    data: dict[str, Any]
    lines: dict[Path, int] = field(default_factory=dict)

    def locate(self, path: Path) -> int:
        """Line of the key, or of the nearest table around it; 0 where the file has none of it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 0)


def read(text: str, name: str) -> Document:
    """Parse; raise `ConfigurationError` with `name`, the line and the reason."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = _AT_LINE.search(str(error))
        line = int(at[1]) if at and at[1] else text.count("\n") + 1
        reason = _AT_LINE.sub("", str(error))
        raise ConfigurationError(
            f"{name}:{line}: this is not TOML: {reason[:1].lower()}{reason[1:]}"
        ) from None
    return Document(data=data, lines=_index(text))


def _index(text: str) -> dict[Path, int]:
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    for number, statement in _statements(text):
        header = _HEADER.fullmatch(statement)
        if header is None:
            for path in _paths(tomllib.loads(statement)):
                lines.setdefault(table + path, number)
            continue
        table = _within_arrays(_first_path(f"{header[2]} = 0"), counts)
        if header[1] == "[[":
            counts[table] = counts.get(table, -1) + 1
            lines.setdefault(table, number)
            table = (*table, str(counts[table]))
        lines.setdefault(table, number)
    return lines


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each header or key with its first line; a value may span several lines."""
    pending, began = "", 0
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if not pending and (not line.strip() or line.lstrip().startswith("#")):
            continue
        if not pending and _HEADER.fullmatch(line.strip()) and not _parses(line):
            yield number, line.strip()
            continue
        began = began if pending else number
        pending += line
        if _parses(pending):
            yield began, pending
            pending = ""


def _parses(statement: str) -> bool:
    if _HEADER.fullmatch(statement.strip()):
        return False
    try:
        tomllib.loads(statement)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _first_path(statement: str) -> Path:
    return next(iter(_leaves(tomllib.loads(statement))))


def _within_arrays(path: Path, counts: dict[Path, int]) -> Path:
    """Insert the current position of every array of tables that `path` goes through."""
    found: Path = ()
    for at, key in enumerate(path):
        found = (*found, key)
        if at < len(path) - 1 and found in counts:
            found = (*found, str(counts[found]))
    return found


def _paths(value: dict[str, Any]) -> Iterator[Path]:
    """All keys in nested tables, inline ones included."""
    for key, inner in value.items():
        yield (key,)
        if isinstance(inner, dict):
            for path in _paths(inner):
                yield (key, *path)
        if isinstance(inner, list):
            for at, member in enumerate(inner):
                if isinstance(member, dict):
                    for path in _paths(member):
                        yield (key, str(at), *path)


def _leaves(value: dict[str, Any]) -> Iterator[Path]:
    for key, inner in value.items():
        if isinstance(inner, dict):
            for path in _leaves(inner):
                yield (key, *path)
        else:
            yield (key,)
