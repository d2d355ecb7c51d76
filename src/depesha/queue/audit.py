"""The audit of people on SQLite. Bounded, indexed looks on the viewer's connection; only looks.

Which rows are somebody's deed was filed with them by `rows.append`; `schemas/audit.py` says it.
"""

from __future__ import annotations

import json

from depesha.queue import audit_statements as sql
from depesha.queue.lane import Database, Row, Transaction
from depesha.queue.rows import record_of, to_micros
from depesha.schemas.audit import SIEVED, AuditPage, AuditQuery, fits, place_of
from depesha.schemas.evidence import EvidenceRecord

_END = 2**62


class SqliteAudit:
    """`Audit` on SQLite."""

    def __init__(self, db: Database, *, sieved: int = SIEVED) -> None:
        """Use `db`; one look goes through `sieved` rows at most, and the next one goes on."""
        self._db = db
        self._sieved = sieved

    async def deeds(self, query: AuditQuery) -> AuditPage:
        """See `Audit.deeds`."""
        return await self._db.look(lambda transaction: _deeds(transaction, query, self._sieved))


def _deeds(transaction: Transaction, query: AuditQuery, sieved: int) -> AuditPage:
    found = _of_document if query.document is not None else _of_people
    records, after = found(transaction, query, sieved)
    seals = (transaction.one(sql.SEAL_NUMBER, record.sequence) for record in records)
    return AuditPage(
        records=tuple(records),
        next=after,
        seals=tuple(0 if seal is None else seal[0] for seal in seals),
    )


def _of_document(
    transaction: Transaction, query: AuditQuery, sieved: int
) -> tuple[list[EvidenceRecord], str]:
    """Sieve the journey of one document."""
    place = place_of(query.after) or (0, _END)
    rows = transaction.all(sql.EVIDENCE_OF_DOCUMENT, query.document, place[1], sieved + 1)
    kept: list[EvidenceRecord] = []
    for count, row in enumerate(rows):
        if len(kept) == query.limit or count == sieved:
            return kept, f"0-{row[0] + 1}"
        if fits(query, json.loads(row[2])):
            kept.append(record_of(row))
    return kept, ""


def _of_people(
    transaction: Transaction, query: AuditQuery, sieved: int
) -> tuple[list[EvidenceRecord], str]:
    """Sieve what the best index finds."""
    kept: list[int] = []
    last = (0, 0)
    for count, (sequence, at, _who, deed) in enumerate(_found(transaction, query, sieved)):
        if len(kept) == query.limit or count == sieved:
            return _records(transaction, kept), f"{last[0]}-{last[1]}"
        last = (at, sequence)
        if query.deed in (None, deed):
            kept.append(sequence)
    return _records(transaction, kept), ""


def _found(transaction: Transaction, query: AuditQuery, sieved: int) -> list[Row]:
    since = 0 if query.since is None else to_micros(query.since)
    until = (_END if query.until is None else to_micros(query.until), 0)
    below = min(place_of(query.after) or until, until)
    most = sieved + 1 if query.who and query.deed is not None else query.limit + 1
    if query.who:
        return transaction.all(sql.DEEDS_OF_SOMEBODY, query.who, since, *below, most)
    if query.deed is not None:
        return transaction.all(sql.DEEDS_OF_KIND, query.deed, since, *below, most)
    return transaction.all(sql.DEEDS, since, *below, most)


def _records(transaction: Transaction, sequences: list[int]) -> list[EvidenceRecord]:
    rows = (transaction.one(sql.EVIDENCE_ROW, sequence) for sequence in sequences)
    return [record_of(row) for row in rows if row is not None]
