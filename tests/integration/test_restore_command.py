"""`backup`, `backup verify`, `restore` and `reconcile` as an operator calls them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from depesha.adapters.instance import create_instance
from depesha.adapters.registry.builtin import BuiltinRegistry, NumberTemplate
from depesha.adapters.sealed_keys import seal_keys, unseal_keys
from depesha.adapters.system import SystemClock, SystemIds
from depesha.app.orders import Report
from depesha.app.reconciling import Reconciling
from depesha.config import Settings, load, render_default
from depesha.errors import ConfigurationError
from depesha.queue.opening import open_memory
from depesha.queue.restored import mark, noted
from depesha.schemas.evidence import EvidenceRecord, sha256
from depesha.schemas.journal import SealKey
from depesha.schemas.message import EvidenceKind, TaskKind
from depesha.schemas.notes import Area
from depesha.schemas.restoration import CURRENT, Restoration, load_restoration
from tests.support.backups import keep
from tests.support.memory import arrival, envelope, id_of, new_message, task

pytestmark = pytest.mark.slow

CLOCK = SystemClock()
IDS = SystemIds(CLOCK)


def depesha(*arguments: str, status: int = 0, passphrase: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-m", "depesha", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PASSPHRASE": passphrase},
        timeout=60,
    )
    assert done.returncode == status, done.stderr + done.stdout
    return done.stderr if status else done.stdout


@pytest.fixture
def house(tmp_path: Path) -> Path:
    folder = tmp_path / "house"
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
    asyncio.run(_fill(folder))
    return folder


async def _memory(folder: Path) -> Any:
    key = SealKey.from_pem((folder / "keys/seal.pem").read_bytes())
    return await open_memory(folder / "store", clock=CLOCK, ids=IDS, seal_key=key)


async def _fill(folder: Path) -> None:
    memory = await _memory(folder)
    assert await noted(memory.notebook) is None
    await memory.store.admit(new_message(1, tasks=(task(TaskKind.REGISTER),)))
    await keep(memory, 1, b"receipt")
    await memory.journal.seal()
    await memory.close()


async def _kinds(folder: Path) -> list[str]:
    memory = await _memory(folder)
    try:
        rows = await memory.journal.after(0, 100)
        await memory.journal.verify()
        assert [one.kind for one in await memory.tasks.parked(10)] == [TaskKind.REGISTER]
        mark = await noted(memory.notebook)
        assert mark is not None
        assert mark.approved_at is None
        assert (await memory.store.get(id_of(1))).id == id_of(1)
        return [json.loads(row.body)["kind"] for row in rows]
    finally:
        await memory.close()


def lose(house: Path) -> None:
    (house / "store").rename(house / "lost")


def test_a_store_goes_into_a_folder_and_comes_back(house: Path, tmp_path: Path) -> None:
    settings, to = str(house / "depesha.toml"), str(tmp_path / "backups")
    made = json.loads(depesha("backup", "-c", settings, "--to", to, "--keep", "1", "--json"))
    assert made["participant"] == "000000001"
    again = json.loads(depesha("backup", "-c", settings, "--to", to, "--keep", "1", "--json"))
    assert again["gone"] == [made["name"]]
    noted = json.loads((house / "store.backup.json").read_text())
    assert (noted["ended"], noted["name"]) == ("ok", again["name"])
    assert json.loads(depesha("backup", "verify", to, "-c", settings, "--json"))["whole"]

    assert "not empty" in depesha("restore", "-c", settings, "--from", to, status=1)
    lose(house)
    assert "holds no store" in depesha("reconcile", "-c", settings, status=1)
    assert not (house / "store/depesha.db").exists(), "a look begins no store"
    told = json.loads(depesha("restore", "-c", settings, "--from", to, "--json"))
    assert told["numbers_for_a_person"] == 1
    assert asyncio.run(_kinds(house))[-1] == EvidenceKind.RESTORED

    report = json.loads(depesha("reconcile", "-c", settings, "--json"))
    assert report["restored"]["backup"] == again["name"]
    assert report["waiting_for_a_number"] == 1
    assert "Уважаеми колеги" in depesha("reconcile", "-c", settings, "--letter")
    assert "Still open" in depesha("reconcile", "-c", settings)
    approved = json.loads(depesha("reconcile", "-c", settings, "--approve", "протокол 7", "--json"))
    assert approved["restored"]["approved_at"]
    assert approved["restored"]["approved_by"].startswith("machine:")


def test_a_store_goes_into_one_file_and_comes_back(house: Path, tmp_path: Path) -> None:
    settings, to = str(house / "depesha.toml"), str(tmp_path / "one.tar")
    depesha("backup", "-c", settings, "--to", to)
    assert "exists" in depesha("backup", "-c", settings, "--to", to, status=1)
    assert json.loads(depesha("backup", "verify", to, "--json"))["whole"]
    lose(house)
    depesha("restore", "-c", settings, "--from", to)
    assert asyncio.run(_kinds(house))[-1] == EvidenceKind.RESTORED
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []

    torn = tmp_path / "torn.tar"
    whole = Path(to).read_bytes()
    torn.write_bytes(whole[: len(whole) // 2])
    depesha("backup", "verify", str(torn), status=1)


def test_a_second_restore_before_the_approval_remembers_the_first_gap(
    house: Path, tmp_path: Path
) -> None:
    settings, to = str(house / "depesha.toml"), str(tmp_path / "backups")
    first = _lost_and_restored(house, to)
    second = _lost_and_restored(house, to)
    assert second["backup"] > first["backup"]
    assert second["knows_until"] == first["knows_until"]
    assert second["skipped_numbers"][: len(first["skipped_numbers"])] == first["skipped_numbers"]
    report = json.loads(depesha("reconcile", "-c", settings, "--json"))
    assert report["restored"]["backup"] == second["backup"]
    assert report["restored"]["knows_until"] == first["knows_until"]
    assert report["received_since"] == {}, "it was received before the first back-up"
    assert "RESTORED" in [json.loads(row.body)["kind"] for row in asyncio.run(_since(house))]

    depesha("reconcile", "-c", settings, "--approve", "протокол 7")
    third = _lost_and_restored(house, to)
    assert third["knows_until"] > second["knows_until"], "an approved gap is closed"


def _lost_and_restored(house: Path, to: str) -> Any:
    settings = str(house / "depesha.toml")
    depesha("backup", "-c", settings, "--to", to)
    (house / "store").rename(house / f"lost-{IDS.guid()}")
    return json.loads(depesha("restore", "-c", settings, "--from", to, "--json"))


async def _since(house: Path) -> tuple[EvidenceRecord, ...]:
    """Return the rows since the knowledge ends, as the report counts them."""
    memory = await _memory(house)
    try:
        noted = load_restoration((await memory.notebook.read(Area.RESTORATION))[CURRENT])
        return tuple((await memory.journal.after(noted.sequence, 100))[:-1])
    finally:
        await memory.close()


def test_the_letter_is_for_every_peer_however_many_they_are(house: Path) -> None:
    settings = load(house / "depesha.toml")
    report = asyncio.run(_reported(house, settings, senders=401))
    assert len({one["peer"] for one in report["peers"]}) == len(report["peers"])
    assert {f"5{number:08}" for number in range(401)} <= {one["peer"] for one in report["peers"]}


async def _reported(house: Path, settings: Settings, *, senders: int) -> Report:
    memory = await _memory(house)
    try:
        for number in range(senders):
            known = envelope(number + 100)
            sender = replace(known.sender, identifier=f"5{number:08}")
            came = arrival(number + 100, envelope_=replace(known, sender=sender))
            await memory.store.admit(new_message(number + 100, arrived=came))
        now = CLOCK.now()
        (*_, last) = await memory.journal.after(0, 1_000)
        made = Restoration(
            name="n",
            knows_until=now,
            restored_at=now,
            manifest=sha256(b"m"),
            sequence=last.sequence,
        )
        await memory.db.write(lambda transaction: mark(transaction, made, "machine:test"))
        return await Reconciling(settings, memory, CLOCK).report()
    finally:
        await memory.close()


def test_a_changed_file_of_the_back_up_keeps_the_folder_empty(house: Path, tmp_path: Path) -> None:
    settings, to = str(house / "depesha.toml"), tmp_path / "backups"
    depesha("backup", "-c", settings, "--to", str(to))
    largest = max((to / "data").glob("*/*"), key=lambda one: one.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 1
    largest.write_bytes(data)
    found = json.loads(
        subprocess.run(
            [sys.executable, "-m", "depesha", "backup", "verify", str(to), "--json"],
            capture_output=True,
            check=False,
        ).stdout
    )
    assert not found["whole"]
    assert found["changed"] == [largest.name]
    lose(house)
    assert "was changed" in depesha("restore", "-c", settings, "--from", str(to), status=1)
    assert not (house / "store").exists()


def test_somebody_elses_back_up_is_refused(house: Path, tmp_path: Path) -> None:
    settings, to = house / "depesha.toml", str(tmp_path / "backups")
    depesha("backup", "-c", str(settings), "--to", to)
    lose(house)
    (house / "keys/seal.pem").rename(house / "keys/kept.pem")
    assert "no seal key" in depesha("restore", "-c", str(settings), "--from", to, status=1)
    from depesha.adapters.keys import load_or_create_seal_key  # noqa: PLC0415 - this test's alone

    load_or_create_seal_key(house / "keys/seal.pem")
    assert "not expected" in depesha("restore", "-c", str(settings), "--from", to, status=1)
    (house / "keys/kept.pem").replace(house / "keys/seal.pem")
    settings.write_text(settings.read_text().replace("000000001", "000000002"))
    assert "participant" in depesha("restore", "-c", str(settings), "--from", to, status=1)
    assert not (house / "store").exists()


def test_keys_go_along_only_under_a_passphrase(house: Path, tmp_path: Path) -> None:
    settings, to = str(house / "depesha.toml"), str(tmp_path / "backups")
    depesha("backup", "-c", settings, "--to", to, "--with-keys", status=2)
    words = "correct horse battery"
    options = ("--with-keys", "--passphrase-env", "PASSPHRASE")
    depesha("backup", "-c", settings, "--to", to, *options, passphrase=words)
    secret = (house / "keys/gateway.key").read_bytes()
    for file in (tmp_path / "backups/data").glob("*/*"):
        assert secret[100:200] not in file.read_bytes()
    out = str(tmp_path / "keys")
    wrong = "wrong horse battery"
    call = ("restore", "-c", settings, "--from", to, "--keys-to", out)
    depesha(*call, "--passphrase-env", "PASSPHRASE", status=1, passphrase=wrong)
    depesha(*call, "--passphrase-env", "PASSPHRASE", passphrase=words)
    assert (tmp_path / "keys/gateway.key").read_bytes() == secret
    assert (tmp_path / "keys/gateway.key").stat().st_mode & 0o077 == 0


def test_sealed_keys_open_with_their_passphrase_alone(tmp_path: Path) -> None:
    key = tmp_path / "a.key"
    key.write_bytes(b"secret")
    sealed = seal_keys([key, tmp_path / "missing"], "twelve letters")
    assert b"secret" not in sealed
    assert unseal_keys(sealed, "twelve letters", tmp_path / "out") == ("a.key",)
    for changed in (sealed[:-1], sealed[:40] + b"x" + sealed[41:]):
        with pytest.raises(ConfigurationError):
            unseal_keys(changed, "twelve letters", tmp_path / "other")
    with pytest.raises(ConfigurationError):
        seal_keys([key], "short")


def test_skipped_serials_are_never_given(tmp_path: Path) -> None:
    numbers = BuiltinRegistry(tmp_path / "numbers.log", NumberTemplate(), CLOCK)
    first = numbers.number_for(IDS.message_id())
    (skipped,) = numbers.skip(IDS, 1_000, since=CLOCK.now())
    after = numbers.number_for(IDS.message_id())
    numbers.close()
    serials = [int(one.number.split("-")[1].split("/")[0]) for one in (first, skipped, after)]
    assert serials == [1, 1_001, 1_002]
