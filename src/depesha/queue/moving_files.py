"""The files beside a database: bytes by digest, and refused bytes under their keys.

A file is believed only after it was read where it lies in the end. Nothing is ever removed.
Attachments are copies of what an original holds (ADR 0003): many have no file of their own, and a
power cut may leave none, or a broken one.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from depesha.errors import StorageError
from depesha.queue.blobs import SHELVES, disk, file_digest, sync_file, sync_folder
from depesha.queue.moving_rows import Reader
from depesha.queue.retention import GONE
from depesha.schemas.ids import Digest, digest

BLOBS, QUARANTINE = "blobs", "quarantine"
_CHUNK = 1000
_REFERRED = """SELECT digest, max(CASE owner WHEN 'o' THEN 2 WHEN 'm' THEN 1 ELSE 0 END)
  FROM blob_refs {after} GROUP BY digest ORDER BY digest LIMIT ?"""
_ORIGINALS = """SELECT original, max(CASE WHEN state <> 'REJECTED' THEN 2 ELSE 0 END) FROM messages
  {after} GROUP BY original ORDER BY original LIMIT ?"""
_KEYS = "SELECT digest, until FROM quarantine {after} ORDER BY digest LIMIT ?"


class Need(IntEnum):
    """Whether a digest must have a file, by the most demanding of all that refer to it."""

    NAMED = 0
    """Evidence names it, or it was refused: its bytes may be gone."""
    COPY = 1
    """An attachment (`Referrer.MESSAGE`): the original, which must be there, holds it."""
    OWN = 2
    """An original that was not refused, or a part of a document of ours: nothing else holds it."""


@dataclass(slots=True)
class Files:
    """What was found of them."""

    verified: int = 0
    copied: int = 0
    contained: int = 0
    """Attachments without a file, or with a broken one: their originals hold them."""
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
        for need, name in _needed(reader):
            if _moved(origin, target, name, need, files):
                files.verified += 1
                if files.verified % _CHUNK == 0:
                    progress("files", files.verified, 0)
            elif need is Need.COPY:
                files.contained += 1
            elif name not in keys:
                files.destroyed += 1
        _sync(target)
    progress("files", files.verified, files.verified)
    return files


def _needed(reader: Reader) -> Iterator[tuple[Need, Digest]]:
    """Return every digest referred to, and whether it must have a file."""
    for value, need in _pages(reader, _REFERRED, "digest"):
        yield Need(need), digest(value.hex())
    for value, need in _pages(reader, _ORIGINALS, "original"):
        if not value.startswith(GONE):
            yield Need(need), digest(value)


def _moved(origin: Path, target: Path, name: Digest, need: Need, files: Files) -> bool:
    """Have bytes at the target, and look at them there; False where there need be none.

    A broken copy is worth nothing: it is not moved, and stops nothing. Raises `StorageError`.
    """
    place = Path(BLOBS) / name[:2]
    source, made = origin / place / name, target / place / name
    if not made.is_file():
        if need is not Need.OWN and not source.is_file():
            return False
        if need is Need.COPY and file_digest(source) != name:
            return False
        _have(source.parent, made.parent, name, files)
    if file_digest(made) == name:
        return True
    if need is Need.COPY:
        return False
    raise StorageError("stored bytes are not what their name says", blob=name)


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
