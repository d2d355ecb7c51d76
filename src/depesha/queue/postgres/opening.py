"""Opens the memory over a PostgreSQL database and a folder, which several gateways may share."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from depesha.errors import ConfigurationError, StorageError
from depesha.ports import Checkpoint, Clock, IdSource, Observer
from depesha.queue.bell import Bell
from depesha.queue.opening import Memory, Tools, assemble
from depesha.queue.postgres import statements as sql
from depesha.queue.postgres.connecting import Connector
from depesha.queue.postgres.db import PostgresDatabase
from depesha.queue.postgres.gateways import (
    BEAT_SECONDS,
    DEATH_SECONDS,
    Leadership,
    Presence,
)
from depesha.queue.postgres.listening import Listener
from depesha.queue.postgres.marks import leave_mark, strangers
from depesha.schemas.journal import SealKey
from depesha.schemas.overview import Promises

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class ApartError(StorageError):
    """Told, not raised: a living gateway left no mark in our folder."""

    code = "FOLDER_NOT_SHARED"


async def open_postgres(
    url: str,
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
    gateway: str = "gateway",
    beat_seconds: float = BEAT_SECONDS,
    death_seconds: float = DEATH_SECONDS,
    careless: bool = False,
) -> Memory:
    """Open the memory in the database at `url`, with its files in `folder`.

    All gateways that open this database must be given the same folder, and each a name of its own
    (`gateway`: letters, digits, `.`, `_`, `-`). A gateway that was not heard for `death_seconds`
    loses what it had in hand; `careless` lets pass a server that may lose what it stored. For the
    rest see `open_memory`. Raises `ConfigurationError` where another gateway has the name, the
    server is not fit or a newer version wrote the database, `StorageError` where the server or the
    disk fails; nothing stays open then.
    """
    if not _NAME.fullmatch(gateway):
        raise ConfigurationError("a gateway's name is made of letters, digits, '.', '_' and '-'")
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
    connector = Connector(url=url, gateway=gateway)
    trouble = tools.trouble()
    db = await PostgresDatabase.open(
        connector, clock.now(), trouble, tools.watch(), careless=careless
    )
    try:
        bell = Bell()
        listener = Listener(connector, bell, ours=lambda: db.writer_pid, trouble=trouble)
        db.accompanied(listener.close)
        alone = await asyncio.to_thread(listener.connect)
        if not alone:
            await _check_silent(db, gateway, death_seconds)
        presence = Presence(
            db,
            clock,
            gateway,
            trouble=trouble,
            joined=partial(leave_mark, folder, gateway),
            beat_seconds=beat_seconds,
            death_seconds=death_seconds,
        )
        await asyncio.to_thread(presence.start, alone=alone)
        db.accompanied(presence.stop)
        living = await db.read(lambda t: t.all(sql.SETTLED))
        if await asyncio.to_thread(strangers, folder, living):
            trouble(ApartError("another gateway of this database uses another folder"))
        listener.start()
        return await assemble(db, bell, folder, tools, gateway=gateway, leaders=Leadership(db))
    except BaseException:
        await db.close()
        raise


async def _check_silent(db: PostgresDatabase, gateway: str, death_seconds: float) -> None:
    """Raise `ConfigurationError` where another living gateway has this name."""
    seconds = round(death_seconds)
    if await db.read(lambda t: t.one(sql.NAMESAKE_HEARD, gateway, seconds)) is not None:
        raise ConfigurationError(
            f"another gateway is called {gateway}", remedy="give each gateway its own name"
        )
