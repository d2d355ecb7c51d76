"""The last good copy of the participants' register on disk: one JSON file, replaced as a whole.

It never judges an entry, and a half-written file can never stand under its name.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from depesha.errors import StorageError
from depesha.schemas.participant import Participant

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A copy of the register and when it was fetched."""

    loaded_at: datetime
    participants: tuple[Participant, ...]


@cache
def _books() -> TypeAdapter[Book]:
    return TypeAdapter(Book)


def read(path: Path) -> Book | None:
    """Return the copy; None where there is none yet; raise `StorageError` for a damaged one."""
    try:
        return _books().validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise StorageError("the kept copy of the participants' register cannot be read") from error


def write(path: Path, book: Book) -> None:
    """Replace the copy: written beside, synced, renamed, folder synced; raise `StorageError`."""
    beside = path.with_name(path.name + ".new")
    try:
        with beside.open("wb") as file:
            file.write(_books().dump_json(book))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StorageError("the copy of the participants' register cannot be kept") from error
