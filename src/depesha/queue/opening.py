"""Opens the whole memory over one folder, and closes it again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from depesha.errors import StorageError
from depesha.ports import Checkpoint, Clock, IdSource, Leaders, Observer
from depesha.queue.audit import SqliteAudit
from depesha.queue.bell import Bell
from depesha.queue.blobs import FileBlobs
from depesha.queue.db import SqliteDatabase
from depesha.queue.journal import SqliteJournal
from depesha.queue.lane import Database, Watch
from depesha.queue.leading import SoleLeader
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
    """Everything that remembers, in one process: over one folder, or over a shared database."""

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
    audit: SqliteAudit
    leaders: Leaders

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
    tools = Tools(
        clock=clock,
        ids=ids,
        seal_key=seal_key,
        earlier_keys=earlier_keys,
        observer=observer,
        random_bytes=random_bytes,
        checkpoint=checkpoint,
        networks=networks,
        promises=promises or Promises(),
    )
    db = await SqliteDatabase.open(folder, clock.now(), tools.trouble(), tools.watch())
    try:
        await db.write(lambda transaction: return_tasks(transaction, clock.now()))
        return await assemble(db, Bell(), folder, tools)
    except BaseException:
        await db.close()
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a memory works with, whatever its database; see `open_memory`."""

    clock: Clock
    ids: IdSource
    seal_key: SealKey
    earlier_keys: Sequence[str]
    observer: Observer | None
    random_bytes: Callable[[int], bytes]
    checkpoint: Checkpoint | None
    networks: Sequence[str]
    promises: Promises

    def trouble(self) -> Callable[[StorageError], None]:
        """Return what lanes tell, in their threads, of every failure."""
        loop, observer = asyncio.get_running_loop(), self.observer

        def told(error: StorageError) -> None:
            if observer is not None and not loop.is_closed():
                loop.call_soon_threadsafe(observer.trouble, "store", error.code)

        return told

    def watch(self) -> Watch | None:
        """Return what measures commits."""
        if self.observer is None:
            return None
        return Watch(monotonic=self.clock.monotonic, told=self.observer.committed)


async def assemble(
    db: Database,
    bell: Bell,
    folder: Path,
    tools: Tools,
    *,
    gateway: str = "",
    leaders: Leaders | None = None,
) -> Memory:
    """Put the memory together over an open database; raises `StorageError` where the disk fails.

    `gateway`: who we are among several that share the folder; `leaders`: how they agree.
    """
    clock = tools.clock
    blobs = await asyncio.to_thread(FileBlobs, folder / "blobs", clock, gateway)
    quarantine = FileQuarantine(
        folder / "quarantine", db, blobs, clock, tools.random_bytes, tools.checkpoint
    )
    await asyncio.to_thread(quarantine.sweep)
    await asyncio.to_thread(warm)
    return Memory(
        db=db,
        store=SqliteStore(db, clock, bell),
        outbound=SqliteOutbound(db, clock, bell),
        tasks=SqliteTasks(db, clock, tools.ids, bell),
        journal=SqliteJournal(db, clock, tools.seal_key, tools.earlier_keys, tools.checkpoint),
        blobs=blobs,
        quarantine=quarantine,
        sweeper=Sweeper(db, blobs, quarantine, clock),
        overview=SqliteOverview(
            db, clock, folder=folder, networks=tools.networks, promises=tools.promises
        ),
        accounts=SqliteAccounts(db),
        sessions=SqliteSessions(db),
        notebook=SqliteNotebook(db),
        audit=SqliteAudit(db),
        leaders=leaders or SoleLeader(),
    )
