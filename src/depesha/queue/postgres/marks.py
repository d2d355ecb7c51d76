"""Marks in the shared folder: which gateway, by its number in the database, uses this folder.

A gateway whose mark is not found here writes its files elsewhere. Marks of gateways that have left
stay, and nobody reads them. Never decides what follows.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from depesha.errors import StorageError

MARKS = "gateways"
"""The folder of marks in the store's; one small file for each gateway's name."""


def leave_mark(folder: Path, name: str, number: int) -> None:
    """Say that gateway `name` uses this folder as `number`; raises `StorageError`. Blocks."""
    place = folder / MARKS / name
    beside = place.with_name(f".{name}.new")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("w", encoding="ascii") as file:
            file.write(f"{number}\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(place)
    except OSError as error:
        raise StorageError(
            "the folder of the store cannot be written to",
            remedy="look at the shared folder: is it mounted, is it full, whose is it",
            fault=type(error).__name__,
        ) from None


def read_mark(folder: Path, name: str) -> int | None:
    """Return the number under which gateway `name` was here last; None where it never was."""
    try:
        return int((folder / MARKS / name).read_text("ascii"))
    except (OSError, ValueError):
        return None


def strangers(folder: Path, living: Iterable[tuple[int, str]]) -> tuple[str, ...]:
    """Return those of the living gateways (number, name) that use another folder. Blocks."""
    return tuple(name for number, name in living if read_mark(folder, name) != number)
