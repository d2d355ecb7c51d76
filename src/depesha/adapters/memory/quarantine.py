"""`Quarantine` in memory: refused bytes behind a door, without the encryption."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from depesha.adapters.memory.blobs import MemoryBlobs
from depesha.adapters.memory.state import MemoryState
from depesha.errors import StorageError
from depesha.ports import Clock
from depesha.schemas.ids import Digest
from depesha.schemas.keeping import files_of, parts_of
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import shredding

_MOMENT = timedelta(minutes=3)


class MemoryQuarantine:
    """`Quarantine` in a dictionary."""

    def __init__(self, state: MemoryState, blobs: MemoryBlobs, clock: Clock) -> None:
        self._state = state
        self._blobs = blobs
        self._clock = clock
        self._sealed: dict[Digest, tuple[datetime, bytes]] = {}
        self._one_at_a_time = threading.Lock()

    def seal(self, digest: Digest, until: datetime) -> bool:
        """See `Quarantine.seal`."""
        with self._one_at_a_time:
            return self._seal(digest, until)

    def _seal(self, digest: Digest, until: datetime) -> bool:
        path = self._blobs.path(digest)
        if path is None or self._referred(digest):
            return True
        if self._clock.now() - self._blobs.put_at[digest] < _MOMENT:
            return False
        earlier = self._sealed.get(digest, (until, b""))[0]
        self._sealed[digest] = (max(until, earlier), path.read_bytes())
        self._blobs.remove(digest)
        return True

    def drop(self, digest: Digest) -> None:
        """See `Quarantine.drop`."""
        with self._one_at_a_time:
            if self._blobs.path(digest) is None or self._referred(digest):
                return
            if self._clock.now() - self._blobs.put_at[digest] >= _MOMENT:
                self._blobs.remove(digest)

    def _referred(self, digest: Digest) -> bool:
        messages = list(self._state.messages.values())
        documents = list(self._state.outbound.values())
        return any(
            message.state is not InboundState.REJECTED
            and digest in {message.arrival.original, *files_of(message)}
            for message in messages
        ) or any(digest in parts_of(document) for document in documents)

    def open(self, digest: Digest) -> bytes:
        """See `Quarantine.open`."""
        try:
            return self._sealed[digest][1]
        except KeyError:
            raise StorageError("these bytes were shredded or never sealed") from None

    def sealed(self) -> dict[Digest, datetime]:
        """Return what lies behind the door, and until when."""
        return {name: until for name, (until, _data) in self._sealed.items()}

    def shred(self, now: datetime) -> tuple[Digest, ...]:
        """See `Quarantine.shred`."""
        with self._one_at_a_time:
            gone = tuple(name for name, (until, _data) in self._sealed.items() if until <= now)
            for name in gone:
                del self._sealed[name]
                self._state.append(shredding(name, now))
            return gone
