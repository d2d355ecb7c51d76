"""What a running value looks like to people, and where it came from. No secret is ever in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time
from pathlib import Path

from pydantic import BaseModel

from depesha.config import toml

HIDDEN = "[not shown]"
_SECRET_WORDS = ("password", "secret", "token", "pin")
_HARMLESS = ("_env", "_file", "_seconds", "_characters", "_days")
_LOGIN_IN_ADDRESS = re.compile(r"(://)[^/@\s]+@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One running value and where it came from."""

    key: str
    value: str
    origin: str
    """`default`, `line N` of the file, or the name of an environment variable."""
    line: int = 0
    """In the file; 0 where it does not stand there."""
    secret: bool | None = None
    """Where the value is a secret, or names where one is kept: whether there is one."""


def leaves(under: toml.Path, value: object) -> Iterator[tuple[toml.Path, object]]:
    """Every key with a plain value; models, tables and lists of them opened."""
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from leaves((*under, name), getattr(value, name))
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves((*under, str(name)), inner)
    elif isinstance(value, tuple | list) and value and isinstance(value[0], BaseModel | dict):
        for at, inner in enumerate(value):
            yield from leaves((*under, str(at)), inner)
    else:
        yield under, value


def shown(path: toml.Path, value: object) -> str:
    """Return the value for people; what may be a secret is not shown."""
    if _hidden(path):
        return HIDDEN if value else ""
    if isinstance(value, tuple | list | set | frozenset):
        return ", ".join(_bare(one) for one in value)
    return "" if value is None else _bare(value)


def _bare(value: object) -> str:
    """A name, or name and password, within an address is left out."""
    if isinstance(value, tuple | list):
        return "–".join(_bare(one) for one in value)
    if isinstance(value, time):
        return value.isoformat("minutes")
    return _LOGIN_IN_ADDRESS.sub(rf"\1{HIDDEN}@", str(value))


def secret_there(path: toml.Path, value: object, folder: Path) -> bool | None:
    """Tell whether the secret that a key holds or names is there; None: it is about none."""
    last = path[-1].lower()
    if last.endswith("_env"):
        return bool(value) and bool(os.environ.get(str(value)))
    if last.endswith("_file") and any(word in last for word in _SECRET_WORDS):
        return bool(value) and (folder / str(value)).is_file()
    return bool(value) if _hidden(path) else None


def line_of(path: toml.Path, lines: Mapping[toml.Path, int]) -> int:
    """Return the line of a value; of one within a list on one line, that of the list. 0: none."""
    if path in lines:
        return lines[path]
    for at, part in enumerate(path):
        if part.isdigit() and path[: at + 1] not in lines:
            return lines.get(path[:at], 0)
    return 0


def _hidden(path: toml.Path) -> bool:
    """Tell whether a network's own table may hold a secret under this key."""
    last = path[-1].lower()
    named = last.endswith(_HARMLESS)
    return path[0] == "networks" and not named and any(word in last for word in _SECRET_WORDS)
