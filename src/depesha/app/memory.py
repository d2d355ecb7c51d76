"""Chooses where the memory lives, by the settings: SQLite in a folder, or PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.config.secret import secret
from depesha.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from depesha.config import Settings
    from depesha.ports import Checkpoint, Clock, IdSource, Observer
    from depesha.queue.opening import Memory
    from depesha.schemas.journal import SealKey


def shared(settings: Settings) -> bool:
    """Tell whether several gateways may work on this store."""
    return bool(settings.store.postgres_env or settings.store.postgres_file)


def check_shared(settings: Settings) -> None:
    """Raise `ConfigurationError` for settings that several gateways cannot keep together."""
    if shared(settings) and settings.registry.kind == "builtin":
        raise ConfigurationError(
            "the built-in registry counts in a file of its own and cannot share a store",
            remedy='set [registry] kind = "external", or leave [store] postgres_* out',
        )


def sockets_of(settings: Settings) -> Path:
    """Return the folder of this gateway's local sockets; where others share the store, its own."""
    folder = settings.store.folder
    return folder / f"at-{settings.store.gateway}" if shared(settings) else folder


async def open_store(
    settings: Settings,
    *,
    clock: Clock,
    ids: IdSource,
    seal_key: SealKey,
    earlier_keys: Sequence[str] = (),
    observer: Observer | None = None,
    checkpoint: Checkpoint | None = None,
    purpose: str = "",
) -> Memory:
    """Open the memory that the settings name.

    `purpose`: a word for a process that is not the gateway itself, so that both may work on one
    PostgreSQL database at the same time. Raises as `open_memory` and `open_postgres` do.
    """
    store, networks = settings.store, tuple(settings.networks)
    url = secret(env=store.postgres_env, file=store.postgres_file)
    if url is None:
        from depesha.queue.opening import open_memory  # noqa: PLC0415 - commands may only ask

        return await open_memory(
            store.folder,
            clock=clock,
            ids=ids,
            seal_key=seal_key,
            earlier_keys=earlier_keys,
            observer=observer,
            checkpoint=checkpoint,
            networks=networks,
        )
    from depesha.queue.postgres.opening import open_postgres  # noqa: PLC0415 - its driver is large

    return await open_postgres(
        url,
        store.folder,
        clock=clock,
        ids=ids,
        seal_key=seal_key,
        earlier_keys=earlier_keys,
        observer=observer,
        checkpoint=checkpoint,
        networks=networks,
        gateway=f"{store.gateway}-{purpose}" if purpose else store.gateway,
        death_seconds=store.death_seconds,
        careless=store.careless,
    )
