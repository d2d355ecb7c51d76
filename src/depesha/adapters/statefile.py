"""A small state of ours as one JSON file, replaced as a whole and durable when a write returned.

A half-written file can never stand under the name; a damaged one stops its reader, for beginning
anew would forget what was opened. It knows nothing of what the state means.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from depesha.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")


class StateFile(Generic[T]):
    """One value in one file. Its methods block: call them in threads, one at a time."""

    def __init__(self, path: Path, form: TypeAdapter[T]) -> None:
        """`form` says how the value stands in JSON."""
        self._path = path
        self._form = form

    def read(self) -> T | None:
        """Return the value; None where there is none yet; raise `StorageError`."""
        try:
            return self._form.validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise StorageError(
                f"the state file {self._path.name} cannot be read",
                remedy="put it back from a backup",
            ) from error

    def write(self, value: T) -> None:
        """Replace the value: written beside, synced, renamed, folder synced; `StorageError`."""
        beside = self._path.with_name(self._path.name + ".new")
        try:
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(self._form.dump_json(value))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise StorageError(f"the state file {self._path.name} cannot be written") from error
