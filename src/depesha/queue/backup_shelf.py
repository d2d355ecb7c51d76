"""A folder of back-ups: what lies in it, and putting whole ones there. No database here.

`data/` holds every file once, by its digest, for all back-ups together: so a later back-up copies
only what is new. Each back-up is a folder with a signed manifest, which gets its name when
everything it names is on disk: an interrupted one never looks like a whole one. Files are copied,
never linked to the store's own: one fault of the disk must not take both.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from depesha.errors import ConfigurationError, EvidenceError, StorageError
from depesha.queue.blobs import disk, sync_folder
from depesha.schemas.backup import (
    MANIFEST,
    SIGNATURE,
    Keeping,
    Manifest,
    backup_time,
    kept,
    read_manifest,
)
from depesha.schemas.ids import Digest, digest

DATA, LOCK = "data", ".lock"
_MAKING, _LEAVING = ".making-", ".leaving-"
_CHUNK = 1024 * 1024


class DamagedError(StorageError):
    """Bytes are not what their name says."""

    temporary = False
    code = "DAMAGED"


class Shelf:
    """The folder. Blocking."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the folder and hold it: one back-up at a time; `ConfigurationError`."""
        with disk():
            (self.folder / DATA).mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ConfigurationError(
                    "another back-up is being made into this folder", remedy="wait for its end"
                ) from None
            yield
        finally:
            os.close(lock)

    def names(self) -> tuple[str, ...]:
        """Return the whole back-ups, oldest first."""
        if not self.folder.is_dir():
            return ()
        with disk():
            found = [one.name for one in self.folder.iterdir() if (one / SIGNATURE).is_file()]
        return tuple(sorted(name for name in found if backup_time(name) is not None))

    def newest(self) -> str:
        """Return the newest whole back-up; raise `ConfigurationError` where there is none."""
        names = self.names()
        if not names:
            raise ConfigurationError(f"{self.folder} holds no whole back-up")
        return names[-1]

    def manifest(self, name: str, keys: tuple[str, ...] = ()) -> Manifest:
        """Return a back-up's manifest; see `read_manifest`."""
        if name not in self.names():
            raise ConfigurationError(f"{self.folder} holds no whole back-up called {name}")
        with disk():
            data = (self.folder / name / MANIFEST).read_bytes()
            signature = (self.folder / name / SIGNATURE).read_text("ascii", errors="replace")
        manifest = read_manifest(data, signature, keys)
        if manifest.name != name:
            raise EvidenceError("the back-up stands under another one's name")
        return manifest

    def place(self, name: Digest) -> Path:
        """Return where bytes lie, or would lie."""
        checked = digest(name)
        return self.folder / DATA / checked[:2] / checked

    # --- putting ---

    @contextmanager
    def making(self, name: str) -> Iterator[Path]:
        """A folder for what is not whole yet; gone afterwards unless it was `finished`."""
        with disk():
            for one in self.folder.iterdir():
                if one.name.startswith((_MAKING, _LEAVING)):
                    shutil.rmtree(one)  # left by a back-up that was interrupted
            making = self.folder / (_MAKING + name)
            making.mkdir(mode=0o700)
        try:
            yield making
        finally:
            shutil.rmtree(making, ignore_errors=True)

    def put(self, source: Path, making: Path, expected: Digest | None = None) -> tuple[Digest, int]:
        """Copy a file in, unless it is there; return its digest and size.

        Raises `DamagedError` where its bytes are not `expected`, `FileNotFoundError` where it is
        gone: then nothing is left behind.
        """
        if expected is not None:
            size, place = source.stat().st_size, self.place(expected)
            if _size(place) == size:
                return expected, size
        spool = making / "spool"
        name, size = copy_hashed(source, spool)
        if expected is not None and name != expected:
            spool.unlink()
            raise DamagedError("a file of the store is damaged")
        self._settle(spool, name)
        return name, size

    def put_bytes(self, data: bytes, making: Path) -> tuple[Digest, int]:
        """Put bytes in."""
        spool = making / "bytes"
        with disk():
            spool.write_bytes(data)
        return self.put(spool, making)

    def finish(self, name: str, making: Path, manifest: bytes, signature: str) -> None:
        """Make a back-up whole: everything to the disk, then the name."""
        with disk():
            for left in making.iterdir():
                left.unlink()
            (making / MANIFEST).write_bytes(manifest)
            (making / SIGNATURE).write_text(signature + "\n", "ascii")
            os.sync()
            making.rename(self.folder / name)
            sync_folder(self.folder)

    def _settle(self, spool: Path, name: Digest) -> None:
        place = self.place(name)
        with disk():
            place.parent.mkdir(mode=0o700, exist_ok=True)
            spool.replace(place)

    # --- leaving ---

    def thin(self, keeping: Keeping) -> tuple[str, ...]:
        """Take away back-ups that are not kept, and what no other one needs; return their names.

        Raises `EvidenceError` with nothing removed where one that stays cannot be read.
        """
        names = self.names()
        stay = kept(names, keeping)
        gone = tuple(name for name in names if name not in stay)
        if not gone:
            return ()
        needed = {one for name in sorted(stay) for one in digests_of(self.manifest(name))}
        with disk():
            for name in gone:
                leaving = self.folder / (_LEAVING + name)
                (self.folder / name).rename(leaving)
                shutil.rmtree(leaving)
            for shelf in (self.folder / DATA).iterdir():
                for file in shelf.iterdir():
                    if file.name not in needed:
                        file.unlink()
            sync_folder(self.folder)
        return gone


def digests_of(manifest: Manifest) -> Iterator[Digest]:
    """Return the digests of everything a back-up needs."""
    for part in manifest.parts:
        yield part.digest
    for name, _ in manifest.blobs:
        yield name


def copy_hashed(source: Path, target: Path) -> tuple[Digest, int]:
    """Copy a file and return the digest and size of what was read.

    Raises `FileNotFoundError` where the source is gone, `StorageError` for any other fault.
    """
    try:
        opened = source.open("rb")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StorageError("a file cannot be read", errno=error.errno or 0) from error
    hashed, size = hashlib.sha256(), 0
    with disk(), opened, target.open("wb") as written:
        os.fchmod(written.fileno(), 0o600)
        while piece := opened.read(_CHUNK):
            hashed.update(piece)
            written.write(piece)
            size += len(piece)
    return Digest(hashed.hexdigest()), size


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1
