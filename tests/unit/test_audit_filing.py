"""What an earlier version left is filed for the audit as this version files it."""

from __future__ import annotations

from itertools import product

from depesha.queue import audit_statements
from depesha.queue.migrate import migrate, shipped
from depesha.queue.rows import append, to_micros
from depesha.schemas.audit import NOBODY, Deed, deed_of
from depesha.schemas.message import EvidenceKind, NewEvidence
from tests.support.memory import START
from tests.unit.test_memory_schema import fresh

ACTORS = ("person:ivanova", "token:registry", "machine:root", "nobody", "gateway", "peer:x", "seos")
ROWS = [
    NewEvidence(kind=kind, at=START, message_id=None, actor=actor)
    for kind, actor in product(EvidenceKind, ACTORS)
]


def filed(rows: list[NewEvidence]) -> list[tuple[int, int, str, str]]:
    found = ((deed_of(new.kind, new.actor), at, new) for at, new in enumerate(rows, start=1))
    return [(at, to_micros(new.at), new.actor, str(deed)) for deed, at, new in found if deed]


def test_every_row_of_a_person_is_filed_with_it() -> None:
    transaction = fresh()
    migrate(transaction, START)
    for new in ROWS:
        append(transaction, new)
    assert transaction.all("SELECT * FROM deeds ORDER BY sequence") == filed(ROWS)
    assert len(filed(ROWS)) > len(EvidenceKind)


def test_rows_from_before_the_audit_are_filed_alike() -> None:
    """Kinds that came with a later version cannot stand in an older store."""
    transaction = fresh()
    migrate(transaction, START)
    sixth = next(one for one in shipped() if one.number == 6)
    rows = [
        new
        for new in ROWS
        if f"'{new.kind}'" in sixth.sql or deed_of(new.kind, NOBODY) is Deed.CHANGED
    ]
    for new in rows:
        append(transaction, new)
    transaction.run("DROP TABLE deeds")
    transaction.run(sixth.sql)
    assert transaction.all("SELECT * FROM deeds ORDER BY sequence") == filed(rows)
    assert len(rows) > 200


def test_no_look_scans_or_sorts() -> None:
    transaction = fresh()
    migrate(transaction, START)
    for name, sql in vars(audit_statements).items():
        if not name.isupper() or name.startswith("_"):
            continue
        values = (None,) * sql.count("?")
        plan = [row[3] for row in transaction.all(f"EXPLAIN QUERY PLAN {sql}", *values)]
        scans = [step for step in plan if step.startswith("SCAN")]
        assert not scans, (name, plan)
        assert not any("TEMP B-TREE" in step for step in plan), (name, plan)
