"""A folder of our own for files on their way in; gone when its context ends."""

from __future__ import annotations

import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from depesha.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from depesha.ports import BlobStore, Threads


@asynccontextmanager
async def spool_folder(blobs: BlobStore, threads: Threads) -> AsyncIterator[Path]:
    """Give a fresh folder on the blob store's file system; raises `StorageError`."""
    folder = await threads.run(_made, blobs)
    try:
        yield folder
    finally:
        await threads.run(shutil.rmtree, folder, ignore_errors=True)


def _made(blobs: BlobStore) -> Path:
    folder = blobs.spool()
    try:
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise StorageError("a folder for received files cannot be made") from error
    return folder
