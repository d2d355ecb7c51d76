"""Refused bytes, each encrypted under a key of its own; the key's destruction is theirs.

AES-256-GCM in pieces of 1 MiB, so that memory stays bounded. Keys stand in the database, bytes
in files: neither a copy of the files nor one of an old database alone gives anything away.
Nothing here decides what is refused or how long it is kept.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from depesha.errors import StorageError
from depesha.ports import Checkpoint, Clock
from depesha.queue import statements as sql
from depesha.queue.blobs import FileBlobs, disk, sync_folder
from depesha.queue.lane import Database, Transaction
from depesha.queue.rows import append, to_micros
from depesha.schemas.ids import Digest, digest
from depesha.schemas.message import shredding
from depesha.schemas.steps import Step

MOMENT = timedelta(minutes=3)
"""Bytes put less long ago may belong to a message that is being looked at right now."""

_PIECE = 1024 * 1024
_TAG = 16
_KEY = 32
_SHRED_AT_ONCE = 1000


class FileQuarantine:
    """`Quarantine` in a folder, with its keys in the database."""

    def __init__(
        self,
        folder: Path,
        db: Database,
        blobs: FileBlobs,
        clock: Clock,
        random_bytes: Callable[[int], bytes] = os.urandom,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """Take keys from `random_bytes`, which must be fit for keys."""
        self._folder = folder
        self._db = db
        self._blobs = blobs
        self._clock = clock
        self._random = random_bytes
        self._checkpoint = checkpoint
        self._one_at_a_time = threading.Lock()
        with disk():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def seal(self, digest: Digest, until: datetime) -> bool:
        """See `Quarantine.seal`. Sealed twice, the later of the two times counts."""
        with self._one_at_a_time, disk():
            last_put, clear = self._blobs.put_at(digest), self._blobs.path(digest)
            if last_put is None or clear is None or self._referred(digest):
                return True
            if self._clock.now() - last_put < MOMENT:
                return False
            limit, new = to_micros(until), self._random(_KEY)
            key = self._db.write_blocking(lambda t: _keep_key(t, digest, limit, new))
            self._reached(Step.QUARANTINE_KEYED)
            if not self._opens(digest, key):
                self._encrypt(clear, self._place(digest), key, digest)
            self._reached(Step.QUARANTINE_WRITTEN)
            retired = self._blobs.retire(digest, last_put)
            self._reached(Step.QUARANTINED)
            return retired

    def drop(self, digest: Digest) -> None:
        """See `Quarantine.drop`."""
        last_put = self._blobs.put_at(digest)
        if last_put is None or self._referred(digest):
            return
        if self._clock.now() - last_put >= MOMENT:
            self._blobs.retire(digest, last_put)

    def open(self, digest: Digest) -> bytes:
        """See `Quarantine.open`."""
        key = self._key(digest)
        if key is None:
            raise StorageError("these bytes were shredded or never sealed")
        with disk(), self._place(digest).open("rb") as file:
            return b"".join(_decrypted(file, key, digest))

    def shred(self, now: datetime) -> tuple[Digest, ...]:
        """See `Quarantine.shred`. Key rows are overwritten, and the log emptied.

        A long backlog takes several transactions, so that other writers need not wait for all.
        """
        shredded: list[Digest] = []
        with self._one_at_a_time:
            while True:
                some = self._db.write_blocking(lambda t: _destroy(t, now))
                self._sweep(some)
                shredded += some
                if len(some) < _SHRED_AT_ONCE:
                    return tuple(shredded)

    def sweep(self) -> None:
        """Remove files without a key: what a crash left between two steps. Call at start.

        A key always stands before its file does, so that this may run beside other gateways.
        """
        with self._one_at_a_time, disk():
            files = list(self._folder.iterdir())
            kept = {row[0] for row in self._db.read_blocking(lambda t: t.all(sql.ALL_KEYS))}
            for file in files:
                if file.name not in kept:
                    file.unlink(missing_ok=True)
            sync_folder(self._folder)

    def _reached(self, step: Step) -> None:
        if self._checkpoint is not None:
            self._checkpoint.reached(step)

    def _sweep(self, gone: tuple[Digest, ...]) -> None:
        with disk():
            for name in gone:
                self._place(name).unlink(missing_ok=True)
            if gone:
                sync_folder(self._folder)

    def _place(self, value: Digest) -> Path:
        return self._folder / digest(value)

    def _referred(self, value: Digest) -> bool:
        return self._db.read_blocking(lambda t: t.one(sql.REFERRED, value)) is not None

    def _key(self, value: Digest) -> bytes | None:
        row = self._db.read_blocking(lambda t: t.one(sql.KEY_OF, value))
        return None if row is None else bytes(row[0])

    def _opens(self, digest: Digest, key: bytes) -> bool:
        """Tell whether the bytes lie there already, whole and under this key."""
        try:
            with self._place(digest).open("rb") as file:
                return sum(map(len, _decrypted(file, key, digest))) >= 0
        except (FileNotFoundError, StorageError):
            return False

    def _encrypt(self, clear: Path, place: Path, key: bytes, name: Digest) -> None:
        spool = self._blobs.spool()
        with clear.open("rb") as source, spool.open("wb") as target:
            for piece in _encrypted(source, key, name):
                target.write(piece)
            target.flush()
            os.fsync(target.fileno())
        spool.replace(place)
        sync_folder(self._folder)


def _keep_key(transaction: Transaction, name: Digest, until: int, new: bytes) -> bytes:
    """Return the key of an item: the one that stands, kept long enough, or the new one."""
    if transaction.run(sql.KEEP_KEY, name, until, new):
        return new
    transaction.run(sql.KEEP_LONGER, until, name)
    row = transaction.one(sql.KEY_OF, name)
    if row is None:
        raise StorageError("these bytes were shredded at this moment")
    return bytes(row[0])


def _destroy(transaction: Transaction, now: datetime) -> tuple[Digest, ...]:
    rows = transaction.all(sql.PAST_KEYS, to_micros(now), _SHRED_AT_ONCE)
    gone = tuple(Digest(row[0]) for row in rows)
    for name in gone:
        transaction.run(sql.DESTROY_KEY, name)
        append(transaction, shredding(name, now))
    if gone:
        transaction.later(sql.EMPTY_LOG)
    return gone


def _nonce(number: int, *, last: bool) -> bytes:
    """Count pieces; the key is used for one item only, so a counter never repeats under it.

    The flag of the last piece makes a cut or lengthened file fail.
    """
    return number.to_bytes(11, "big") + bytes([last])


def _encrypted(source: BinaryIO, key: bytes, name: Digest) -> Iterator[bytes]:
    cipher, number = AESGCM(key), 0
    piece = source.read(_PIECE)
    while True:
        following = source.read(_PIECE)
        yield cipher.encrypt(_nonce(number, last=not following), piece, name.encode())
        if not following:
            return
        piece, number = following, number + 1


def _decrypted(source: BinaryIO, key: bytes, name: Digest) -> Iterator[bytes]:
    cipher, number = AESGCM(key), 0
    piece = source.read(_PIECE + _TAG)
    while True:
        following = source.read(_PIECE + _TAG)
        try:
            yield cipher.decrypt(_nonce(number, last=not following), piece, name.encode())
        except InvalidTag:
            raise StorageError("sealed bytes were changed and cannot be opened") from None
        if not following:
            return
        piece, number = following, number + 1
