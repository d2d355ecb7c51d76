"""`BlobStore` for tests: files in a folder the test gives, never synced."""

from __future__ import annotations

import hashlib
from datetime import datetime
from itertools import count
from pathlib import Path

from depesha.ports import Clock
from depesha.schemas.ids import Digest, digest


class MemoryBlobs:
    """`BlobStore` in a flat folder; the port speaks of paths, so files there must be."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self.put_at: dict[Digest, datetime] = {}
        """When bytes were last put."""
        self._numbers = count(1)
        (folder / "spool").mkdir(parents=True, exist_ok=True)

    def put(self, source: bytes | Path, *, durable: bool = True) -> Digest:
        """See `BlobStore.put`; nothing is durable here, whatever is asked."""
        del durable
        data = source if isinstance(source, bytes) else source.read_bytes()
        name = Digest(hashlib.sha256(data).hexdigest())
        self.put_at[name] = self._clock.now()
        if isinstance(source, bytes):
            source = self.spool()
            source.write_bytes(data)
        source.replace(self._folder / name)
        return name

    def path(self, digest: Digest) -> Path | None:
        """See `BlobStore.path`."""
        place = self._place(digest)
        return place if place.is_file() else None

    def spool(self) -> Path:
        """See `BlobStore.spool`."""
        return self._folder / "spool" / str(next(self._numbers))

    def remove(self, digest: Digest) -> None:
        """See `BlobStore.remove`."""
        self._place(digest).unlink(missing_ok=True)

    def _place(self, value: Digest) -> Path:
        return self._folder / digest(value)
