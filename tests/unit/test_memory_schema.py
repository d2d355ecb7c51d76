"""Migrations, the guards of the schema, and the plans by which statements are answered."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from depesha.errors import ConfigurationError, StorageError
from depesha.queue import outbound_statements, overview_statements, statements
from depesha.queue.migrate import Migration, migrate, shipped
from depesha.queue.rows import to_micros
from depesha.queue.sqlite_lane import SqliteTransaction
from depesha.schemas.codec import arrival_bytes, checks_bytes
from depesha.schemas.evidence import GENESIS
from depesha.schemas.journal import next_record
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import EvidenceKind, Stored, TaskKind
from tests.support.memory import (
    START,
    attachment,
    digest_of,
    evidence,
    id_of,
    new_message,
    opened,
    task,
)
from tests.support.outbound_memory import new_outbound

FIRST = Migration(number=1, name="0001.sql", sql="CREATE TABLE a (x); CREATE TABLE b (y);")
SECOND = Migration(
    number=2, name="0002.sql", sql="ALTER TABLE a ADD COLUMN z; UPDATE a SET z = x + 1;"
)
BROKEN = Migration(number=2, name="0002.sql", sql="CREATE TABLE c (x); CREATE TABLE a (x);")


def fresh(path: str = ":memory:") -> SqliteTransaction:
    return SqliteTransaction(apsw.Connection(path))


def schema(transaction: SqliteTransaction) -> list[str]:
    rows = transaction.all("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
    return [row[0] for row in rows]


def test_migrations_run_once_and_in_order() -> None:
    transaction = fresh()
    assert migrate(transaction, START, (FIRST,)) == 1
    transaction.run("INSERT INTO a VALUES (1)")
    assert migrate(transaction, START, (FIRST, SECOND)) == 1
    assert migrate(transaction, START, (FIRST, SECOND)) == 0
    assert transaction.all("SELECT x, z FROM a") == [(1, 2)]
    applied = transaction.all("SELECT number, name, applied_at FROM migrations")
    assert applied == [(1, "0001.sql", START.isoformat()), (2, "0002.sql", START.isoformat())]


def test_a_migration_that_fails_leaves_nothing() -> None:
    transaction = fresh()
    migrate(transaction, START, (FIRST,))
    before = schema(transaction)
    with pytest.raises(apsw.SQLError):
        migrate(transaction, START, (FIRST, BROKEN))
    assert schema(transaction) == before
    assert migrate(transaction, START, (FIRST, SECOND)) == 1


def test_a_changed_migration_is_refused() -> None:
    transaction = fresh()
    migrate(transaction, START, (FIRST,))
    with pytest.raises(ConfigurationError):
        migrate(transaction, START, (replace(FIRST, sql=FIRST.sql + " "),))


def test_a_newer_database_is_refused() -> None:
    transaction = fresh()
    migrate(transaction, START, (FIRST, SECOND))
    with pytest.raises(ConfigurationError):
        migrate(transaction, START, (FIRST,))


def test_what_is_shipped_has_no_gap() -> None:
    migrations = shipped()
    assert [m.number for m in migrations] == list(range(1, len(migrations) + 1))


def test_one_by_one_or_at_once_the_schema_is_the_same() -> None:
    at_once, stepwise = fresh(), fresh()
    migrate(at_once, START)
    for count in range(1, len(shipped()) + 1):
        migrate(stepwise, START, shipped()[:count])
    assert schema(stepwise) == schema(at_once)


def first_schema(path: Path) -> None:
    """Make a store as the first version left it, with work in it and a chain of evidence."""
    transaction = SqliteTransaction(apsw.Connection(str(path / "depesha.db")))
    migrate(transaction, START, shipped()[:1])
    put, head, sequence = statements, GENESIS, 0
    for number, state in ((1, "ADMITTED"), (2, "REJECTED")):
        new = new_message(number)
        envelope = new.arrival.envelope
        assert envelope is not None
        transaction.run(
            put.ADD_MESSAGE,
            *(new.id, "seos", state, to_micros(START), to_micros(START)),
            *(new.arrival.original, envelope.sender.guid, envelope.document.guid, 1),
            *(checks_bytes(new.checks), arrival_bytes(new.arrival)),
        )
    rows = (
        new_message(1).evidence,
        evidence(1, EvidenceKind.REPEATED, original=digest_of("a repeat")),
        evidence(None, EvidenceKind.WORD_RECEIVED, others=[digest_of("a word"), "x" * 64]),
        evidence(None, EvidenceKind.SHREDDED, digest=digest_of("destroyed")),
    )
    for new_row in rows:
        record = next_record(sequence + 1, head, new_row)
        sequence, head = record.sequence, record.hash
        transaction.run(
            put.ADD_EVIDENCE,
            *(sequence, record.message_id, record.previous, record.hash, record.body),
            new_row.wire or None,
        )
    for _ in range(3):
        transaction.run(
            put.ADD_TASK, id_of(1), "WEBHOOK", to_micros(START), to_micros(START), b"{}"
        )
    transaction.run("DELETE FROM tasks WHERE id > 1")
    transaction._connection.close()


async def test_a_populated_database_of_the_first_schema_still_serves(tmp_path: Path) -> None:
    first_schema(tmp_path)
    async with opened(tmp_path) as memory:
        message = await memory.store.get(id_of(1))
        assert (message.state, message.arrival) == (InboundState.ADMITTED, new_message(1).arrival)
        assert (await memory.store.counts()).by_state == {"ADMITTED": 1, "REJECTED": 1}
        assert await memory.journal.verify() == 4
        assert isinstance(await memory.store.admit(new_message(3, tasks=(task(),))), Stored)
        await memory.outbound.submit(new_outbound(1))
        kinds = (TaskKind.WEBHOOK, TaskKind.NOTICE, TaskKind.DISPATCH)
        claims = await memory.tasks.claim(kinds, 9, 60)
        assert [(claim.task_id, claim.message_id) for claim in claims[:2]] == [
            (1, id_of(1)),
            (4, id_of(3)),  # 2 and 3 were told to listeners: never again
        ]


async def test_what_the_first_schema_kept_is_kept_by_the_second(tmp_path: Path) -> None:
    first_schema(tmp_path)
    async with opened(tmp_path) as memory:
        kept = await memory.db.read(
            lambda t: t.all("SELECT lower(hex(digest)), owner, row FROM blob_refs")
        )
    files = {(attachment(1, n).digest, "m", 1) for n in (1, 2)}
    named = {(digest_of(text), "e", 0) for text in ("a repeat", "a word")}
    assert set(kept) == files | named


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE evidence SET body = '{}' WHERE sequence = 1",
        "DELETE FROM evidence WHERE sequence = 1",
        "REPLACE INTO evidence SELECT * FROM evidence WHERE sequence = 1",
        "UPDATE seals SET at = ''",
        "DELETE FROM seals",
        "REPLACE INTO seals SELECT * FROM seals",
    ],
)
async def test_evidence_and_seals_are_only_ever_added(tmp_path: Path, attack: str) -> None:
    async with opened(tmp_path) as memory:
        await memory.store.admit(new_message(1))
        await memory.journal.seal()
        with pytest.raises(StorageError) as refusal:
            await memory.db.write(lambda t: t.run(attack))
        assert refusal.value.facts["fault"] == "ConstraintError"
        assert await memory.journal.verify() == 1


SMALL = {"tallies", "outbound_tallies", "channel_health"}
"""One row for each state, or for each peer of a channel, however many messages: a scan is no
fault."""


def test_no_statement_scans_a_table_that_grows() -> None:
    transaction = fresh()
    migrate(transaction, START)
    seen = 0
    modules = (statements, outbound_statements, overview_statements)
    for name, sql in [item for module in modules for item in vars(module).items()]:
        if not name.isupper() or name.startswith("_") or sql.startswith("PRAGMA"):
            continue
        seen += 1
        values = (None,) * (1 if "?1" in sql else sql.count("?"))
        plan = [row[3] for row in transaction.all(f"EXPLAIN QUERY PLAN {sql}", *values)]
        scans = [step for step in plan if re.match(r"SCAN (?!CONSTANT|\d+-ROW)", step)]
        assert all(allowed(name, step) for step in scans), (name, plan)
        assert not any("TEMP B-TREE" in step for step in plan), (name, plan)
    assert seen > 100


def allowed(name: str, step: str) -> bool:
    """Scans that are bounded: in key order under a LIMIT, or over what people must empty."""
    table = step.split()[1]
    bounded = name in {"HEAD", "LAST_SEAL", "PARKED_TASKS", "COUNT_PARKED", "ALL_KEYS"}
    ends = name in {"OLDEST_ENTRY", "NEWEST_ENTRY", "LAST_EVIDENCE", "NEXT_SHREDDING", "UNFILED"}
    # A count over what an index found, under a LIMIT; what is inside stands in the plan, too.
    within = re.fullmatch(r"\(subquery-\d\)|here|beyond", table) is not None
    indexed = re.fullmatch(r"SCAN words VIRTUAL TABLE INDEX (0:=|0:><|\d+:M1<)", step) is not None
    return table in SMALL or bounded or ends or within or indexed
