"""The files beside a database: bytes by digest, and refused bytes under their keys.

A file is believed only after it was read where it lies in the end. Nothing is ever removed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from depesha.errors import StorageError
from depesha.queue.blobs import SHELVES, disk, file_digest, sync_file, sync_folder
from depesha.queue.moving_rows import Reader
from depesha.queue.retention import GONE
from depesha.schemas.ids import Digest, digest

BLOBS, QUARANTINE = "blobs", "quarantine"
_CHUNK = 1000
_REFERRED = """SELECT digest, max(CASE WHEN owner IN ('m', 'o') THEN 1 ELSE 0 END) FROM blob_refs
  {after} GROUP BY digest ORDER BY digest LIMIT ?"""
_ORIGINALS = """SELECT original, max(CASE WHEN state <> 'REJECTED' THEN 1 ELSE 0 END) FROM messages
  {after} GROUP BY original ORDER BY original LIMIT ?"""
_KEYS = "SELECT digest, until FROM quarantine {after} ORDER BY digest LIMIT ?"


@dataclass(slots=True)
class Files:
    """What was found of them."""

    verified: int = 0
    copied: int = 0
    encrypted: int = 0
    """Refused bytes that lie under a key."""
    destroyed: int = 0
    """Refused bytes whose time was over: digest and verdict are all that is left."""


def move_files(
    reader: Reader, origin: Path, target: Path, progress: Callable[[str, int, int], None]
) -> Files:
    """Have every file that the database refers to in `target`, and look at each there.

    Raises `StorageError` where one is lost or has other bytes: then the store was damaged before,
    and its back-up must be asked.
    """
    files = Files()
    with disk():
        keys = frozenset(row[0] for row in _pages(reader, _KEYS, "digest"))
        if origin.resolve() != target.resolve():
            _make_folders(target)
        for name in keys:
            _have(origin / QUARANTINE, target / QUARANTINE, name, files)
        files.encrypted = len(keys)
        for owned, name in _needed(reader):
            place = Path(BLOBS) / name[:2]
            if (origin / place / name).is_file():
                _have(origin / place, target / place, name, files)
                if file_digest(target / place / name) != name:
                    raise StorageError("stored bytes are not what their name says", blob=name)
                files.verified += 1
                if files.verified % _CHUNK == 0:
                    progress("files", files.verified, 0)
            elif name not in keys:
                if owned:
                    raise StorageError("stored bytes are lost", blob=name)
                files.destroyed += 1
        _sync(target)
    progress("files", files.verified, files.verified)
    return files


def _needed(reader: Reader) -> Iterator[tuple[bool, Digest]]:
    """Return every digest referred to, and whether what refers to it was not refused."""
    for value, owned in _pages(reader, _REFERRED, "digest"):
        yield bool(owned), digest(value.hex())
    for value, owned in _pages(reader, _ORIGINALS, "original"):
        if not value.startswith(GONE):
            yield bool(owned), digest(value)


def _pages(reader: Reader, question: str, key: str) -> Iterator[tuple[Any, int]]:
    rows = reader.all(question.format(after=""), _CHUNK)
    following = question.format(after=f"WHERE {key} > ?")
    while rows:
        yield from rows
        rows = reader.all(following, rows[-1][0], _CHUNK)


def _make_folders(target: Path) -> None:
    for folder in (QUARANTINE, *(f"{BLOBS}/{number:02x}" for number in range(SHELVES))):
        (target / folder).mkdir(mode=0o700, parents=True, exist_ok=True)


def _have(origin: Path, target: Path, name: str, files: Files) -> None:
    """Copy a file with its time, whole or not at all, unless both are the same folder."""
    if (target / name).is_file():
        return
    if not (origin / name).is_file():
        raise StorageError("stored bytes are lost", blob=name)
    beside = target / f"{name}.moving"
    shutil.copy2(origin / name, beside)
    beside.chmod(0o600)
    sync_file(beside)
    beside.replace(target / name)
    files.copied += 1


def _sync(target: Path) -> None:
    for folder in (target / QUARANTINE, *(target / BLOBS).glob("??"), target / BLOBS, target):
        if folder.is_dir():
            sync_folder(folder)
