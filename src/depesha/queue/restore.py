"""Puts a back-up into an empty folder: verified byte by byte, whole or not at all.

Everything is put into a folder beside the wanted one, which takes its name at the very end. What
the gateway must do before it goes on is not decided here.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from depesha.errors import ConfigurationError, EvidenceError, StorageError
from depesha.queue.backup import DATABASE, QUARANTINE, STATE, Progress
from depesha.queue.backup_reading import verify_database
from depesha.queue.backup_shelf import Shelf, copy_hashed
from depesha.queue.blobs import SHELVES, disk, sync_folder
from depesha.queue.db import FILE_NAME, LOCK_NAME
from depesha.schemas.backup import Manifest
from depesha.schemas.ids import Digest

_BACK = (DATABASE, STATE, QUARANTINE)
"""Parts that go back into the store; settings and keys are a person's to put back."""


@contextmanager
def restoring(folder: Path) -> Iterator[Path]:
    """A new folder that becomes `folder` at the end, or is gone again.

    Raises `ConfigurationError` where there is anything in `folder`: nothing is ever overwritten.
    """
    _check_empty(folder)
    fresh = folder.with_name(f".{folder.name}.restoring")
    with disk():
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700, parents=True)
    try:
        yield fresh
        with disk():
            os.sync()
            _check_empty(folder)
            shutil.rmtree(folder, ignore_errors=True)
            fresh.rename(folder)
            sync_folder(folder.parent)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def fill(
    shelf: Shelf,
    name: str,
    folder: Path,
    progress: Progress,
    keys: tuple[str, ...] = (),
    earlier_keys: tuple[str, ...] = (),
) -> Manifest:
    """Copy a back-up into `folder`, comparing every digest, and verify the evidence in it.

    Raises `EvidenceError` or `StorageError` for anything that does not hold.
    """
    manifest = shelf.manifest(name, keys)
    for part in manifest.parts:
        if part.path.startswith(_BACK):
            _put(shelf, part.digest, _inside(folder, part.path))
    shelves = folder / "blobs"
    for number in range(SHELVES):
        (shelves / f"{number:02x}").mkdir(mode=0o700, parents=True, exist_ok=True)
    for done, (one, _) in enumerate(manifest.blobs):
        if done % 100 == 0:
            progress("blobs", done, len(manifest.blobs))
        _put(shelf, one, shelves / one[:2] / one)
    progress("blobs", len(manifest.blobs), len(manifest.blobs))
    verify_database(folder / FILE_NAME, manifest, progress, earlier_keys)
    return manifest


def _check_empty(folder: Path) -> None:
    if folder.exists() and (
        not folder.is_dir() or any(one.name != LOCK_NAME for one in folder.iterdir())
    ):
        raise ConfigurationError(
            f"{folder} is not empty: a back-up is put into an empty folder only",
            remedy="stop the gateway and move what is left of the old store away; do not delete it",
        )


def _inside(folder: Path, path: str) -> Path:
    """Return the place of a part; raise `EvidenceError` for a path that leads out of the folder."""
    if path == DATABASE:
        return folder / FILE_NAME
    pure = PurePosixPath(path)
    if len(pure.parts) != 2 or pure.parts[1] in {"..", FILE_NAME, LOCK_NAME}:  # noqa: PLR2004
        raise EvidenceError("the back-up names a file that does not belong into a store")
    kind, name = pure.parts
    place = folder / kind / name if f"{kind}/" == QUARANTINE else folder / name
    place.parent.mkdir(mode=0o700, exist_ok=True)
    return place


def _put(shelf: Shelf, name: Digest, target: Path) -> None:
    try:
        found, _ = copy_hashed(shelf.place(name), target)
    except FileNotFoundError:
        raise StorageError(f"the back-up lacks the file {name[:12]}…") from None
    if found != name:
        raise EvidenceError(f"the back-up's file {name[:12]}… was changed")
