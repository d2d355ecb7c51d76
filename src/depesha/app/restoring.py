"""Puts an installation's store back from a back-up, and marks what it cannot know.

The gateway must not run. What it does afterwards is `gateway/reconciling.py`'s.
"""

from __future__ import annotations

import asyncio
import getpass
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from depesha.adapters.isds import ledger as isds
from depesha.adapters.registry.builtin import BuiltinRegistry, NumberTemplate
from depesha.adapters.sealed_keys import unseal_keys
from depesha.adapters.ssev import ledger as ssev
from depesha.adapters.ssev.assembly import LEDGER
from depesha.adapters.system import SystemClock, SystemIds
from depesha.app.backing_up import KEYS, NUMBERS, opened, postgres_of, seal_key
from depesha.errors import ConfigurationError
from depesha.queue.backup_reading import part_of
from depesha.queue.blobs import disk
from depesha.queue.db import FILE_NAME
from depesha.queue.migrate_store import migrate_store
from depesha.queue.moving_postgres import check_empty
from depesha.queue.opening import open_memory
from depesha.queue.restore import fill, restoring
from depesha.queue.restored import Waiting, mark
from depesha.schemas.backup import Manifest, manifest_bytes
from depesha.schemas.evidence import sha256
from depesha.schemas.restoration import Restoration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from depesha.config import Settings
    from depesha.ports import Clock, IdSource
    from depesha.queue.backup import Progress

SKIPPED = 1_000
"""Serials of the built-in registry that are not given after a restore, unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore came to."""

    manifest: Manifest
    restoration: Restoration
    waiting: Waiting


def restore(
    settings: Settings, place: Path, name: str, *, skip: int, progress: Progress
) -> Restored:
    """Put a back-up back into the empty store folder; blocking; raises `DepeshaError`.

    Every digest, the evidence chain and the seals are verified first; where anything does not
    hold the folder stays empty.
    """
    clock = SystemClock()
    key, folder = seal_key(settings), settings.store.folder
    url = postgres_of(settings)
    if url:
        check_empty(url)
    with opened(place) as shelf, restoring(folder) as fresh:
        manifest = fill(shelf, name or shelf.newest(), fresh, progress, (key.public,))
        _check_whose(settings, manifest)
        rewound = tuple(_rewind(fresh, manifest.at))
        ids = SystemIds(clock)
        restoration = Restoration(
            name=manifest.name,
            knows_until=manifest.at,
            restored_at=clock.now(),
            manifest=sha256(manifest_bytes(manifest)),
            sequence=manifest.sequence,
            rewound=rewound,
            skipped=_skipped(settings, fresh, manifest.at, clock, skip),
        )
        restoration, waiting = asyncio.run(_mark(settings, fresh, restoration, clock, ids))
    if url:
        _move(settings, url, clock, progress)
    return Restored(manifest=manifest, restoration=restoration, waiting=waiting)


def _move(settings: Settings, url: str, clock: Clock, progress: Progress) -> None:
    """Bring the restored database to the empty PostgreSQL that the settings name.

    Where that fails, the restored store stands whole in the folder, and only this step is made
    again: `depesha migrate-store --from FOLDER --to ADDRESS`.
    """
    folder = settings.store.folder
    careless = settings.store.careless
    migrate_store(str(folder), url, clock.now(), progress, careless=careless, rows_alone=True)
    with disk():
        for file in sorted(folder.glob(f"{FILE_NAME}*")):  # no second copy of personal data
            file.unlink()


def keys_out(place: Path, name: str, passphrase: str, into: Path) -> tuple[str, ...]:
    """Write the keys of a back-up that has them into an empty folder; return their names."""
    with opened(place) as shelf:
        manifest = shelf.manifest(name or shelf.newest())
        if all(part.path != KEYS for part in manifest.parts):
            raise ConfigurationError("this back-up was made without keys")
        with disk():
            sealed = shelf.place(part_of(manifest, KEYS).digest).read_bytes()
        return unseal_keys(sealed, passphrase, into)


def _check_whose(settings: Settings, manifest: Manifest) -> None:
    ours = settings.participant.identifier
    if manifest.participant != ours:
        raise ConfigurationError(
            f"the back-up is of participant {manifest.participant}, the settings are of {ours}"
        )


def _rewind(folder: Path, knows_until: datetime) -> Iterator[str]:
    """Let the pollers look again at what the lost store may have opened; return their files."""
    known: dict[str, Callable[[bytes], bytes]]
    known = {LEDGER: partial(ssev.rewound, knows_until=knows_until)}
    for file in sorted(folder.glob("isds-*.json")):
        if not file.stem.endswith("-answers"):
            known[file.name] = isds.rewound
    for name, rewound in known.items():
        if (folder / name).is_file():
            with disk():
                (folder / name).write_bytes(rewound((folder / name).read_bytes()))
            yield name


def _skipped(
    settings: Settings, folder: Path, since: datetime, clock: Clock, count: int
) -> tuple[str, ...]:
    """Pass over serials that the lost built-in registry may have given."""
    if settings.registry.kind != "builtin" or count <= 0:
        return ()
    registry = settings.registry
    template = NumberTemplate(
        text=registry.template, index=registry.index, zone=ZoneInfo(registry.zone)
    )
    numbers = BuiltinRegistry(folder / NUMBERS, template, clock)
    try:
        skipped = numbers.skip(SystemIds(clock), count, since=since)
        return tuple(one.number for one in skipped)
    finally:
        numbers.close()


async def _mark(
    settings: Settings, folder: Path, restoration: Restoration, clock: Clock, ids: IdSource
) -> tuple[Restoration, Waiting]:
    memory = await open_memory(folder, clock=clock, ids=ids, seal_key=seal_key(settings))
    try:
        actor = f"machine:{getpass.getuser()}"
        marked = await memory.db.write(lambda transaction: mark(transaction, restoration, actor))
        await memory.journal.seal()
        await memory.journal.verify()
    finally:
        await memory.close()
    return marked
