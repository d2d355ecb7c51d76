"""A store on PostgreSQL: backed up beside a living gateway, put back, suspecting itself."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from depesha.adapters.instance import create_instance
from depesha.adapters.system import SystemClock, SystemIds
from depesha.app.backing_up import make, seal_key, verify
from depesha.app.memory import open_store
from depesha.app.restoring import restore
from depesha.config import Settings, load, render_default
from depesha.errors import ConfigurationError
from depesha.queue.db import FILE_NAME
from depesha.queue.opening import Memory
from depesha.schemas.backup import Keeping
from depesha.schemas.message import EvidenceKind, TaskKind
from depesha.schemas.notes import Area
from depesha.schemas.restoration import CURRENT, load_restoration
from tests.support.backups import keep, quiet
from tests.support.memory import id_of, new_message, task
from tests.support.postgres import quick_server

CLOCK = SystemClock()
IDS = SystemIds(CLOCK)


def house(folder: Path) -> Path:
    create_instance(
        folder,
        settings=render_default(
            name="Община Пример", identifier="000000001", guid="{" + IDS.guid() + "}"
        ),
        host="localhost",
        identifier="000000001",
        request_only=False,
        clock=CLOCK,
        ids=IDS,
    )
    return folder / "depesha.toml"


def settings_for(file: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("PG_ADDRESS", url)
    monkeypatch.setenv("DEPESHA_STORE__POSTGRES_ENV", "PG_ADDRESS")
    monkeypatch.setenv("DEPESHA_STORE__CARELESS", "true")
    monkeypatch.setenv("DEPESHA_REGISTRY__KIND", "external")
    return load(file)


async def opened(settings: Settings) -> Memory:
    return await open_store(settings, clock=CLOCK, ids=IDS, seal_key=seal_key(settings))


async def test_it_comes_back_whole_and_suspects_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, shelf = house(tmp_path / "house"), tmp_path / "shelf"
    server = quick_server()
    with server.database() as first, server.database() as second:
        settings = settings_for(file, first, monkeypatch)
        memory = await opened(settings)
        await memory.store.admit(new_message(1, tasks=(task(TaskKind.REGISTER),)))
        blob = await keep(memory, 1, b"receipt")
        await memory.journal.seal()
        before = [row.body for row in await memory.journal.after(0, 100)]
        # The gateway lives on.
        made = await asyncio.to_thread(
            lambda: make(settings, shelf, keeping=Keeping(), passphrase=None, progress=quiet)
        )
        await keep(memory, 2, b"in the gap")
        await memory.close()
        assert blob in dict(made.manifest.blobs)
        assert made.manifest.sequence == len(before)
        assert first not in json.dumps(str(made.manifest))
        assert (await asyncio.to_thread(verify, settings, shelf, "", quiet)).manifest.seal
        shutil.rmtree(settings.store.folder)

        settings = settings_for(file, second, monkeypatch)
        back = await asyncio.to_thread(lambda: restore(settings, shelf, "", skip=0, progress=quiet))
        assert not list(settings.store.folder.glob(f"{FILE_NAME}*"))
        memory = await opened(settings)
        try:
            await memory.journal.verify()
            rows = [row.body for row in await memory.journal.after(0, 100)]
            assert rows[: len(before)] == before
            assert EvidenceKind.RESTORED in [json.loads(row)["kind"] for row in rows]
            noted = load_restoration((await memory.notebook.read(Area.RESTORATION))[CURRENT])
            assert noted.knows_until == made.manifest.at == back.manifest.at
            assert (await memory.store.get(id_of(1))).id == id_of(1)
            kept = settings.store.folder / "blobs" / blob[:2] / blob
            assert await asyncio.to_thread(kept.read_bytes) == b"receipt"
        finally:
            await memory.close()


async def test_a_database_that_holds_anything_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, shelf = house(tmp_path / "house"), tmp_path / "shelf"
    with quick_server().database() as url:
        settings = settings_for(file, url, monkeypatch)
        memory = await opened(settings)
        await memory.store.admit(new_message(1))
        await keep(memory, 1, b"receipt")
        await memory.close()
        await asyncio.to_thread(
            lambda: make(settings, shelf, keeping=Keeping(), passphrase=None, progress=quiet)
        )
        shutil.rmtree(settings.store.folder)
        with pytest.raises(ConfigurationError, match="holds a store already"):
            await asyncio.to_thread(lambda: restore(settings, shelf, "", skip=0, progress=quiet))
        assert not settings.store.folder.exists() or not any(settings.store.folder.iterdir())
