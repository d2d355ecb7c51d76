"""A small state of ours as one JSON file, replaced as a whole and durable when a write returned.

A half-written file can never stand under the name; a damaged one stops its reader, for beginning
anew would forget what was opened. Who read it and was overtaken by another writer, as a gateway is
that was frozen while another one took over, cannot write any more: it would undo what that one
noted. It knows nothing of what the state means.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from depesha.errors import OvertakenError, StorageError

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")
_Seen = tuple[int, int, int]
_NONE: Final[_Seen] = (0, 0, 0)
"""There was no file."""


class StateFile(Generic[T]):
    """One value in one file. Its methods block: call them in threads, one at a time."""

    def __init__(self, path: Path, form: TypeAdapter[T]) -> None:
        """`form` says how the value stands in JSON."""
        self._path = path
        self._form = form
        self._seen: _Seen | None = None
        """Which file was read or written last; None before the first time."""

    def read(self) -> T | None:
        """Return the value; None where there is none yet; raise `StorageError`."""
        try:
            with self._path.open("rb") as file:
                seen, data = _which(os.fstat(file.fileno())), file.read()
            value = self._form.validate_json(data)
        except FileNotFoundError:
            self._seen = _NONE
            return None
        except (OSError, ValidationError) as error:
            raise StorageError(
                f"the state file {self._path.name} cannot be read",
                remedy="put it back from a backup",
            ) from error
        self._seen = seen
        return value

    def write(self, value: T) -> None:
        """Replace the value: written beside, synced, renamed, folder synced; `StorageError`.

        Raises `OvertakenError` where another one replaced it since it was read or written here:
        read it again then.
        """
        beside = self._path.with_name(self._path.name + ".new")
        try:
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(self._form.dump_json(value))
                file.flush()
                os.fsync(file.fileno())
                written = _which(os.fstat(file.fileno()))
            self._judge()
            beside.replace(self._path)
            self._seen = written
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise StorageError(f"the state file {self._path.name} cannot be written") from error

    def _judge(self) -> None:
        """Raise `OvertakenError` where the file is not the one that was seen last."""
        try:
            found = _which(self._path.stat())
        except FileNotFoundError:
            found = _NONE
        if self._seen not in {None, found}:
            raise OvertakenError(
                f"another gateway wrote the state file {self._path.name} meanwhile",
                remedy="nothing: it is read anew when this gateway speaks the network again",
            )


def _which(facts: os.stat_result) -> _Seen:
    """Tell one file under the same name from another."""
    return facts.st_ino, facts.st_mtime_ns, facts.st_size
