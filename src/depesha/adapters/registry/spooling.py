"""Files of a submission on their way into the store: written in pieces, hashed on the way.

A small one may be held in memory instead: it is then written once, where it shall lie.

What lies here belongs to nobody yet: whoever makes a spool must discard it, whatever happens.
Writing blocks; call it from worker threads.
"""

from __future__ import annotations

import hashlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from depesha.errors import StorageError
from depesha.schemas.ids import Digest

if TYPE_CHECKING:
    from collections.abc import Iterable


_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


class Spool:
    """One file. Discarding is final: a writer that comes late leaves nothing behind."""

    def __init__(self, path: Path) -> None:
        """`path` is fresh, as `BlobStore.spool` gives it."""
        self.path = path
        self.size = 0
        """Bytes written or held."""
        self.held: bytes | None = None
        """The whole file, where it was never written here."""
        self._hash = hashlib.sha256()
        self._gone = threading.Event()

    def write(self, pieces: Iterable[bytes]) -> None:
        """Append; raise `StorageError`. The first call makes the file, also with no pieces."""
        if self._gone.is_set():
            return
        try:
            with os.fdopen(os.open(self.path, _FLAGS, 0o600), "ab") as file:
                for piece in pieces:
                    file.write(piece)
                    self._hash.update(piece)
                    self.size += len(piece)
        except OSError as error:
            raise StorageError("a submitted file cannot be written down") from error
        finally:
            if self._gone.is_set():
                self.path.unlink(missing_ok=True)

    def hold(self, pieces: Iterable[bytes]) -> None:
        """Keep a whole small file in memory; nothing may have been written."""
        self.held = b"".join(pieces)
        self.size = len(self.held)

    def digest(self) -> Digest:
        """Return the SHA-256 of what was written or is held."""
        if self.held is not None:
            return Digest(hashlib.sha256(self.held).hexdigest())
        return Digest(self._hash.hexdigest())

    def discard(self) -> None:
        """Remove what is still here; one quick call of the system, safe to repeat."""
        self._gone.set()
        if self.held is not None:
            self.held = None
            return
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledFile:
    """One file as it came: its part, what its sender calls it, and its bytes."""

    part: str
    name: str
    media_type: str
    """As declared beside the bytes; empty where nothing was."""
    spool: Spool
