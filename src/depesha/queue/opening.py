"""Opens the whole memory over one folder, and closes it again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from depesha.errors import StorageError
from depesha.ports import Checkpoint, Clock, IdSource, Observer
from depesha.queue.bell import Bell
from depesha.queue.blobs import FileBlobs
from depesha.queue.db import Database
from depesha.queue.journal import SqliteJournal
from depesha.queue.notebook import SqliteNotebook
from depesha.queue.outbound import SqliteOutbound
from depesha.queue.overview import SqliteOverview
from depesha.queue.people import SqliteAccounts, SqliteSessions
from depesha.queue.quarantine import FileQuarantine
from depesha.queue.store import SqliteStore
from depesha.queue.sweep import Sweeper
from depesha.queue.tasks import SqliteTasks, return_tasks
from depesha.schemas.codec import warm
from depesha.schemas.journal import SealKey
from depesha.schemas.overview import Promises


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Everything that remembers, over one folder, in one process."""

    db: Database
    store: SqliteStore
    outbound: SqliteOutbound
    tasks: SqliteTasks
    journal: SqliteJournal
    blobs: FileBlobs
    quarantine: FileQuarantine
    sweeper: Sweeper
    overview: SqliteOverview
    accounts: SqliteAccounts
    sessions: SqliteSessions
    notebook: SqliteNotebook

    async def close(self) -> None:
        """Finish what waits and let go of the folder. Closing twice is safe."""
        await self.db.close()


async def open_memory(
    folder: Path,
    *,
    clock: Clock,
    ids: IdSource,
    seal_key: SealKey,
    earlier_keys: Sequence[str] = (),
    observer: Observer | None = None,
    random_bytes: Callable[[int], bytes] = os.urandom,
    checkpoint: Checkpoint | None = None,
    networks: Sequence[str] = (),
    promises: Promises | None = None,
) -> Memory:
    """Open the memory in `folder`: `depesha.db`, `blobs/`, `quarantine/`, `lock`.

    Tasks that a dead process had in hand are due again. `observer` is told of storage that fails
    (`trouble("store", code)`), `checkpoint` of the steps that the memory makes by itself. The
    overview shows `networks` even where nothing ever came by them. Raises
    `ConfigurationError` where another process holds the folder or a newer version wrote it,
    `StorageError` where the disk fails; nothing stays open then.
    """
    loop = asyncio.get_running_loop()

    def trouble(error: StorageError) -> None:
        if observer is not None and not loop.is_closed():
            loop.call_soon_threadsafe(observer.trouble, "store", error.code)

    db = await Database.open(folder, clock.now(), trouble)
    bell = Bell()
    try:
        blobs = await asyncio.to_thread(FileBlobs, folder / "blobs", clock)
        quarantine = FileQuarantine(
            folder / "quarantine", db, blobs, clock, random_bytes, checkpoint
        )
        await asyncio.to_thread(quarantine.sweep)
        await db.write(lambda transaction: return_tasks(transaction, clock.now()))
        await asyncio.to_thread(warm)
    except BaseException:
        await db.close()
        raise
    return Memory(
        db=db,
        store=SqliteStore(db, clock, bell),
        outbound=SqliteOutbound(db, clock, bell),
        tasks=SqliteTasks(db, clock, ids, bell),
        journal=SqliteJournal(db, clock, seal_key, earlier_keys, checkpoint),
        blobs=blobs,
        quarantine=quarantine,
        sweeper=Sweeper(db, blobs, quarantine, clock),
        overview=SqliteOverview(
            db, clock, folder=folder, networks=networks, promises=promises or Promises()
        ),
        accounts=SqliteAccounts(db),
        sessions=SqliteSessions(db),
        notebook=SqliteNotebook(db),
    )
