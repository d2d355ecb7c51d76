"""Moving a whole store from SQLite to a real PostgreSQL and back: nothing lost, nothing believed
that was not verified."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest

from depesha.adapters.memory.system import CountingIds, HandClock
from depesha.errors import ConfigurationError, DepeshaError, StorageError
from depesha.queue.db import FILE_NAME
from depesha.queue.migrate_store import Moved, migrate_store, release
from depesha.queue.opening import Memory, open_memory
from depesha.queue.postgres.opening import open_postgres
from depesha.schemas.dispatch import AttemptOutcome
from depesha.schemas.ids import Digest
from depesha.schemas.journal import SealKey
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import EvidenceKind, TaskKind
from depesha.schemas.overview import LineQuery, PeerQuery
from depesha.schemas.route import ChannelHealth
from tests.support.console import person, session
from tests.support.console import step as changed
from tests.support.memory import (
    SEAL_KEY,
    START,
    arrival,
    digest_of,
    evidence,
    id_of,
    new_message,
    opened,
    registration,
    task,
)
from tests.support.outbound_memory import begun, ended, new_outbound, out_id, signed
from tests.support.postgres import quick_server

_FILES = ("original {}", "file {} 1", "file {} 2", "payload {} 1", "release {}")


def quiet(_what: str, _done: int, _whole: int) -> None:
    """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with quick_server().database() as address:
        yield address


def move(origin: Path | str, target: Path | str, **options: Any) -> Moved:
    return migrate_store(str(origin), str(target), START, quiet, careless=True, **options)


async def fill(folder: Path) -> None:
    """Make a store that has something of everything."""
    clock = HandClock(START)
    async with opened(folder, clock) as memory:
        for number in range(1, 8):
            for text in _FILES:
                memory.blobs.put(text.format(number).encode())
        for number in range(1, 6):
            await memory.store.admit(new_message(number, tasks=(task(), task(TaskKind.WEBHOOK))))
            await memory.store.change(registration(number, f"ВХ-{number}"))
        refused = replace(arrival(6), original=memory.blobs.put(b"refused"))
        await memory.store.admit(new_message(6, state=InboundState.REJECTED, arrived=refused))
        for number in (1, 2):
            await memory.outbound.submit(new_outbound(number))
            await memory.outbound.change(signed(number, health=(ChannelHealth(network="seos"),)))
            await memory.outbound.change(begun(number))
        await memory.outbound.change(ended(1, AttemptOutcome.DELIVERED))
        first, second = await memory.tasks.claim((TaskKind.NOTICE,), 2, 600)
        await memory.tasks.park(first, "nobody takes it", evidence(1, EvidenceKind.PARKED))
        await memory.tasks.finish(second)
        await people(memory)
        await memory.journal.seal()
        await memory.journal.record(evidence(1, wire=b"<wire/>"))
        await memory.journal.verify()
        assert await memory.overview.catch_up() == 8
        gone = "INSERT INTO destroyed VALUES (?, ?, ?)"
        await memory.db.write(lambda t: t.run(gone, id_of(9), 1, "act"))
        clock.advance(3600)
        memory.quarantine.seal(refused.original, START + timedelta(days=1))


async def people(memory: Memory) -> None:
    await memory.accounts.add(changed(person("ivanova")))
    await memory.sessions.open(session("t"), None)
    await memory.notebook.write("area", "key", b"\x00value", evidence(None, EvidenceKind.VIEWED))


def contents(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, the index's own tables and the dates of migrations apart."""
    connection = apsw.Connection(str(folder / FILE_NAME), flags=apsw.SQLITE_OPEN_READONLY)
    names = connection.execute(
        """SELECT name FROM sqlite_schema WHERE type = 'table'
          AND name NOT LIKE 'words%' AND name <> 'migrations'"""
    ).fetchall()
    found: dict[str, list[tuple[Any, ...]]] = {
        str(name): connection.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608 -- the schema's
        for (name,) in names
    }
    for rows in found.values():
        rows.sort(key=repr)
    found["words"] = connection.execute("SELECT rowid, terms FROM words").fetchall()
    schema = "SELECT type, name, sql FROM sqlite_schema ORDER BY name"
    found["schema"] = connection.execute(schema).fetchall()
    connection.close()
    return found


async def shown(memory: Memory) -> list[Any]:
    """What the memory says through its ports."""
    home = await memory.overview.home(START.replace(hour=0))
    return [
        [line.document for line in (await memory.overview.lines(LineQuery())).lines],
        [line.document.id for line in (await memory.overview.lines(LineQuery(words="преп"))).lines],
        (home.needs, home.balance, home.gates, home.sealing, home.strips),
        await memory.overview.peers(PeerQuery()),
        await memory.store.counts(),
        await memory.tasks.parked(10),
        await memory.accounts.find("ivanova"),
        await memory.sessions.of("ivanova"),
        await memory.notebook.read("area"),
        (await memory.overview.story(out_id(1))).events,
        await memory.overview.seals(),
    ]


async def in_postgres(url: str, folder: Path) -> Memory:
    return await open_postgres(
        url,
        folder,
        clock=HandClock(START),
        ids=CountingIds(),
        seal_key=SEAL_KEY,
        networks=("seos", "ssev"),
        careless=True,
    )


async def test_there_and_back_every_row_digest_and_seal_is_the_same(
    tmp_path: Path, url: str
) -> None:
    origin, back = tmp_path / "origin", tmp_path / "back"
    await fill(origin)
    before = contents(origin)
    there = move(origin, url)
    assert (there.files.verified, there.files.encrypted, there.files.copied) == (19, 1, 0)
    assert (there.evidence, there.seals) == (len(before["evidence"]), 1)
    again = move(url, back, files=origin)
    assert again.tables == there.tables
    assert (again.files.verified, again.files.copied) == (19, 20)
    assert contents(back) == before
    assert [name for name, rows in before.items() if not rows] == []
    async with opened(back) as memory:
        assert await memory.journal.verify() == there.evidence
        digest = arrival(6).original
        assert memory.blobs.path(arrival(1).original) is not None
        (item,) = (await memory.overview.quarantine()).items
        assert (memory.quarantine.open(item.digest), digest) != (b"", item.digest)


async def test_at_the_target_the_gateway_sees_what_it_saw(tmp_path: Path, url: str) -> None:
    await fill(tmp_path)
    async with opened(tmp_path) as memory:
        before = await shown(memory)
        next_task = await memory.db.read(lambda t: t.one("SELECT seq FROM sqlite_sequence"))
    move(tmp_path, url)
    memory = await in_postgres(url, tmp_path)
    try:
        assert await shown(memory) == before
        assert await memory.journal.verify() == len(await memory.journal.after(0, 1000))
        await memory.store.admit(new_message(7, tasks=(task(),)))
        assert (await memory.overview.lines(LineQuery(limit=1))).lines[0].document.id == id_of(7)
        claims = await memory.tasks.claim((TaskKind.NOTICE,), 9, 60)
        assert next_task is not None
        assert max(claim.task_id for claim in claims) == next_task[0] + 1
        counts = await memory.store.counts()
        assert counts.by_state[InboundState.ADMITTED] == 1
        balance = (await memory.overview.home(START.replace(hour=0))).balance
        assert sum(one.waiting for one in balance.received) == 1
        assert sum(one.received for one in balance.received) == 7
    finally:
        await memory.close()


async def test_a_store_that_was_moved_is_used_by_nobody(tmp_path: Path, url: str) -> None:
    await fill(tmp_path / "a")
    move(tmp_path / "a", url)
    with pytest.raises(ConfigurationError, match="moved"):
        await refused(tmp_path / "a")
    move(url, tmp_path / "b", files=tmp_path / "a")
    with pytest.raises(ConfigurationError, match="moved"):
        await in_postgres(url, tmp_path)
    release(str(tmp_path / "a"))
    release(url)
    async with opened(tmp_path / "a") as memory:
        assert await memory.journal.verify() > 0
    await (await in_postgres(url, tmp_path / "a")).close()


async def test_a_store_stays_moved_where_its_move_is_repeated_and_fails(
    tmp_path: Path, url: str
) -> None:
    """Else a gateway that still names the origin would start on it, beside the target."""
    await fill(tmp_path / "a")
    move(tmp_path / "a", url)
    with pytest.raises(ConfigurationError, match="holds a store"):
        move(tmp_path / "a", url)
    with pytest.raises(StorageError):
        move(tmp_path / "a", url.replace("host=", "host=/nowhere"))
    with pytest.raises(ConfigurationError, match="moved"):
        await refused(tmp_path / "a")
    move(url, tmp_path / "b", files=tmp_path / "a")
    with pytest.raises(ConfigurationError, match="holds a store"):
        move(url, tmp_path / "b", files=tmp_path / "a")
    with pytest.raises(StorageError, match="lost"):
        move(url, tmp_path / "c")
    with pytest.raises(ConfigurationError, match="moved"):
        await in_postgres(url, tmp_path / "a")


@pytest.mark.parametrize("where", ["messages", "evidence"])
async def test_a_store_stays_moved_where_its_move_is_repeated_and_killed(
    tmp_path: Path, url: str, where: str
) -> None:
    folder, back = tmp_path / "a", tmp_path / "b"
    await fill(folder)
    marked(folder)
    killed(str(folder), url, where)
    with pytest.raises(ConfigurationError, match="moved"):
        await refused(folder)
    assert move(folder, url).seals == 1
    mark = "INSERT INTO migrations VALUES (999999, 'moved', '', '')"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(mark.encode())
    killed(url, str(back), where)
    with pytest.raises(ConfigurationError, match="moved"):
        await in_postgres(url, folder)
    assert move(url, back, files=folder).seals == 1


def marked(folder: Path) -> None:
    """Leave a folder as a move does that dies between its last two steps."""
    connection = apsw.Connection(str(folder / FILE_NAME))
    connection.execute("INSERT INTO migrations VALUES (999999, 'moved', '', '')")
    connection.close()


async def refused(folder: Path) -> Memory:
    return await open_memory(
        folder, clock=HandClock(START), ids=CountingIds(), seal_key=SealKey(bytes(32))
    )


async def test_a_target_that_holds_anything_is_refused(tmp_path: Path, url: str) -> None:
    await fill(tmp_path / "a")
    memory = await in_postgres(url, tmp_path / "p")
    await memory.journal.record(evidence(None))
    await memory.close()
    with pytest.raises(ConfigurationError, match="holds a store"):
        move(tmp_path / "a", url)
    async with opened(tmp_path / "b"):
        pass
    with pytest.raises(ConfigurationError, match="holds a store"):
        move(url, tmp_path / "b")
    async with opened(tmp_path / "a") as memory:  # and no gateway is kept from it
        assert await memory.journal.verify() > 0


async def test_a_store_that_a_gateway_holds_is_refused(tmp_path: Path, url: str) -> None:
    await fill(tmp_path / "a")
    async with opened(tmp_path / "a"):
        with pytest.raises(ConfigurationError, match="in use"):
            move(tmp_path / "a", url)
    memory = await in_postgres(url, tmp_path / "p")
    try:
        with pytest.raises(ConfigurationError, match="a gateway holds"):
            move(tmp_path / "a", url)
        with pytest.raises(ConfigurationError, match="a gateway holds"):
            move(url, tmp_path / "b")
    finally:
        await memory.close()
    assert move(tmp_path / "a", url).seals == 1


DYING = """
import sys, time
from datetime import UTC, datetime
from depesha.queue import migrate_store
def progress(what, done, whole):
    if what == sys.argv[3]:
        print("now", flush=True)
        time.sleep(600)
migrate_store.migrate_store(sys.argv[1], sys.argv[2], datetime.now(UTC), progress, careless=True)
"""


def killed(origin: str, target: str, where: str) -> None:
    """Kill a move in the midst of `where`."""
    child = subprocess.Popen(
        [sys.executable, "-c", DYING, origin, target, where], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    with child.stdout:
        assert child.stdout.readline() == b"now\n"
        os.kill(child.pid, signal.SIGKILL)
    child.wait()


@pytest.mark.parametrize("where", ["evidence", "words, again", "files"])
async def test_a_move_that_was_killed_is_made_again(tmp_path: Path, url: str, where: str) -> None:
    folder, back = tmp_path / "a", tmp_path / "b"
    await fill(folder)
    before = contents(folder)
    killed(str(folder), url, where)
    assert move(folder, url).seals == 1
    (back / "blobs").mkdir(parents=True)
    with pytest.raises(StorageError, match="lost"):
        move(url, back)  # the files were not named
    assert not (back / FILE_NAME).exists()
    for name in ("blobs", "quarantine"):
        shutil.copytree(folder / name, back / name, dirs_exist_ok=True)
    killed(url, str(back), where)
    assert not (back / FILE_NAME).exists()
    move(url, back)
    assert contents(back) == before


@pytest.mark.parametrize("gone", [True, False])
async def test_files_that_are_lost_or_changed_stop_the_move(
    tmp_path: Path, url: str, *, gone: bool
) -> None:
    await fill(tmp_path)
    name = arrival(3).original
    file = tmp_path / "blobs" / name[:2] / name
    if gone:
        file.unlink()
    else:
        file.write_bytes(b"other")
    with pytest.raises(StorageError, match="lost" if gone else "not what") as damage:
        move(tmp_path, url)
    assert damage.value.facts["blob"] == name
    async with opened(tmp_path) as memory:  # it is a store still, and the target is none
        assert await memory.store.get(id_of(3)) is not None
    file.write_bytes(b"original 3")
    assert move(tmp_path, url).files.verified == 19


def blob(folder: Path, name: Digest) -> Path:
    """Where the bytes of a digest lie."""
    return folder / "blobs" / name[:2] / name


async def test_attachments_that_have_no_file_of_their_own_stop_no_move(
    tmp_path: Path, url: str
) -> None:
    """ADR 0003: the originals hold them, and a power cut may leave a copy lost or broken."""
    origin, back = tmp_path / "a", tmp_path / "b"
    await fill(origin)
    before = contents(origin)
    unseen, lost, broken = digest_of("file 3 1"), digest_of("file 3 2"), digest_of("file 4 1")
    blob(origin, unseen).unlink()
    blob(origin, lost).unlink()
    blob(origin, broken).write_bytes(b"")
    there = move(origin, url).files
    assert (there.verified, there.contained, there.destroyed) == (16, 3, 0)
    again = move(url, back, files=origin).files
    assert (again.verified, again.copied, again.contained, again.destroyed) == (16, 17, 3, 0)
    assert contents(back) == before
    assert not any(blob(back, name).exists() for name in (unseen, lost, broken))
    assert blob(back, digest_of("file 4 2")).read_bytes() == b"file 4 2"


@pytest.mark.parametrize("text", ["original 5", "release 1", "payload 1 1"])
async def test_bytes_that_nothing_else_holds_must_be_there(
    tmp_path: Path, url: str, text: str
) -> None:
    await fill(tmp_path)
    blob(tmp_path, digest_of(text)).unlink()
    with pytest.raises(StorageError, match="lost") as damage:
        move(tmp_path, url)
    assert damage.value.facts["blob"] == digest_of(text)


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE evidence SET body = replace(body, 'gateway', 'nobody') WHERE sequence = 2",
        "DELETE FROM evidence WHERE sequence = 3",
        "UPDATE evidence SET wire = x'00' WHERE wire IS NOT NULL",
        "UPDATE seals SET root = chain",
    ],
)
async def test_a_chain_that_does_not_hold_is_not_moved(
    tmp_path: Path, url: str, tampering: str
) -> None:
    await fill(tmp_path)
    connection = apsw.Connection(str(tmp_path / FILE_NAME))
    for trigger in ("evidence_stays", "evidence_remains", "seals_stay"):
        connection.execute(f"DROP TRIGGER {trigger}")
    connection.execute(tampering)
    connection.close()
    with pytest.raises(DepeshaError) as fault:
        move(tmp_path, url)
    assert fault.value.code == "EVIDENCE"
    memory = await in_postgres(url, tmp_path / "p")
    assert await memory.journal.after(0, 1) == ()
    await memory.close()


def test_two_folders_or_two_databases_are_no_move(tmp_path: Path, url: str) -> None:
    for origin, target in ((tmp_path, tmp_path / "b"), (url, url)):
        with pytest.raises(ConfigurationError, match="one of the two"):
            move(origin, target)
    with pytest.raises(ConfigurationError, match="no store"):
        move(tmp_path, url)
