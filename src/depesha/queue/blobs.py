"""Bytes by digest, as files. Written beside, synced, renamed, folder synced: whole or absent.

File names are digests and nothing else. Never reads a name given by anybody outside.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from os.path import dirname, isfile
from pathlib import Path

from depesha.errors import StorageError, StoreAwayError
from depesha.ports import Clock
from depesha.schemas.ids import Digest, digest

SHELVES = 256
NAME = re.compile(r"[0-9a-f]{64}")

_CHUNK = 1024 * 1024


@contextmanager
def disk() -> Iterator[None]:
    """Turn the file system's errors into `StorageError`; paths stay out of the text."""
    try:
        yield
    except OSError as error:
        kind = StorageError if isinstance(error, FileNotFoundError) else StoreAwayError
        raise kind(
            "the store could not keep or read bytes",
            remedy="look at the disk: space, permissions, health",
            errno=error.errno or 0,
        ) from error


@contextmanager
def _gone_on_failure(file: str | Path) -> Iterator[None]:
    """Remove a file that could not be moved in: on a full disk it would keep the disk full."""
    try:
        yield
    except BaseException:
        Path(file).unlink(missing_ok=True)
        raise


def sync_folder(folder: str | Path) -> None:
    """Make the entries of a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: str | Path) -> None:
    """Make a file's bytes durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_file(path: str | Path, data: bytes, at: datetime, *, durable: bool) -> None:
    """Write a new file that only we may read."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(handle, rest) :]
        _stamp(handle, at)
        if durable:
            os.fsync(handle)
    finally:
        os.close(handle)


def file_digest(path: str | Path) -> Digest:
    """Return the SHA-256 of a file, read in pieces."""
    with open(path, "rb") as file:
        return Digest(hashlib.file_digest(file, "sha256").hexdigest())


class FileBlobs:
    """`BlobStore` in a folder of 256 folders.

    A file's time of modification is when its bytes were last put, by our clock.
    """

    def __init__(self, folder: Path, clock: Clock, gateway: str = "") -> None:
        """Make the folders and empty the spool: what lies there belonged to a dead process.

        Where several gateways share the folder, `gateway` says whose spool it is.
        """
        self._folder = folder
        self._text = str(folder)
        self._clock = clock
        self._again = threading.Lock()
        self._spool = folder / "spool" / gateway if gateway else folder / "spool"
        self._spool_text = str(self._spool)
        self._numbers = count(1)
        with disk():
            shutil.rmtree(self._spool, ignore_errors=True)
            self._spool.mkdir(mode=0o700, parents=True, exist_ok=True)
            for number in range(SHELVES):
                (folder / f"{number:02x}").mkdir(mode=0o700, exist_ok=True)
            sync_folder(folder)

    def put(self, source: bytes | Path, *, durable: bool = True) -> Digest:
        """See `BlobStore.put`."""
        with disk():
            if isinstance(source, Path):
                return self._put_file(source, durable=durable)
            return self._put_bytes(source, durable=durable)

    def path(self, digest: Digest) -> Path | None:
        """See `BlobStore.path`."""
        place = self._place(digest)
        return Path(place) if isfile(place) else None

    def spool(self) -> Path:
        """See `BlobStore.spool`."""
        return Path(self._spool_name())

    def _spool_name(self) -> str:
        return f"{self._spool_text}/{next(self._numbers)}"

    def remove(self, digest: Digest) -> None:
        """See `BlobStore.remove`."""
        place = Path(self._place(digest))
        with disk():
            place.unlink(missing_ok=True)
            sync_folder(place.parent)

    def put_at(self, digest: Digest) -> datetime | None:
        """Return when these bytes were last put, or None where they are gone."""
        try:
            return datetime.fromtimestamp(os.stat(self._place(digest)).st_mtime, UTC)
        except FileNotFoundError:
            return None

    def retire(self, digest: Digest, last_put: datetime, *, durable: bool = True) -> bool:
        """Remove the bytes unless they were put again since `last_put`; tell whether.

        Not `durable`: they may be there again after a power cut.
        """
        with self._again:
            if self.put_at(digest) not in {last_put, None}:
                return False
            with disk():
                return self._take_away(Path(self._place(digest)), last_put, durable=durable)

    def _take_away(self, place: Path, last_put: datetime, *, durable: bool) -> bool:
        """Move a file aside, look once more when it was put, and only then remove it.

        Another process that shares the folder may put the same bytes at this very moment; then
        they are moved back, unless it has written them anew.
        """
        aside = self.spool()
        try:
            place.rename(aside)
        except FileNotFoundError:
            return True
        again = datetime.fromtimestamp(aside.stat().st_mtime, UTC) != last_put
        if again:
            with suppress(FileExistsError):
                os.link(aside, place)
        aside.unlink()
        if durable or again:
            sync_folder(place.parent)
        return not again

    def shelf(self, number: int) -> dict[Digest, datetime]:
        """Return what lies in one of the `SHELVES` folders, and when it was last put.

        Files that are not named by a digest are none of ours.
        """
        found: dict[Digest, datetime] = {}
        with disk(), os.scandir(self._folder / f"{number:02x}") as entries:
            for entry in entries:
                if NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):  # removed meanwhile
                        put = datetime.fromtimestamp(entry.stat().st_mtime, UTC)
                        found[Digest(entry.name)] = put
        return found

    def _place(self, value: Digest) -> str:
        """A text and no `Path`: making and joining those took a tenth of a small file's time."""
        name = digest(value)
        return f"{self._text}/{name[:2]}/{name}"

    def _put_bytes(self, data: bytes, *, durable: bool) -> Digest:
        name = Digest(hashlib.sha256(data).hexdigest())
        place = self._place(name)
        if not self._have(place, name, len(data), durable=durable):
            spool = self._spool_name()
            with _gone_on_failure(spool):
                write_file(spool, data, self._clock.now(), durable=durable)
                self._move(spool, place, durable=durable)
        return name

    def _put_file(self, source: Path, *, durable: bool) -> Digest:
        with _gone_on_failure(source):
            name = file_digest(source)
            place = self._place(name)
            if self._have(place, name, source.stat().st_size, durable=durable):
                source.unlink()
                return name
            _stamp(source, self._clock.now())
            source.chmod(0o600)
            if durable:
                sync_file(source)
            self._move(source, place, durable=durable)
        return name

    def _move(self, source: str | Path, place: str, *, durable: bool) -> None:
        with self._again:  # never between a last look at old bytes and their removal
            os.replace(source, place)
        if durable:
            sync_folder(dirname(place))

    def _have(self, place: str, name: Digest, size: int, *, durable: bool) -> bool:
        """Tell whether the very bytes lie there already, and make them durable if asked.

        After a power cut an unsynced file may be there with other bytes: hence the second look.
        """
        if not isfile(place):
            return False
        with self._again, suppress(FileNotFoundError):  # another process moved them aside
            if _size(place) != size or file_digest(place) != name:
                return False
            _stamp(place, self._clock.now())
            if durable:
                sync_file(place)
                sync_folder(dirname(place))
        return isfile(place)


def _size(path: str) -> int:
    """Return a file's size, or -1 where there is none."""
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return -1


def _stamp(file: str | Path | int, moment: datetime) -> None:
    """Set a file's time of modification."""
    at = moment.timestamp()
    os.utime(file, (at, at))
