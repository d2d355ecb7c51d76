"""Rows to values and back, and the writes that several parts share: evidence and tasks.

These functions run inside a transaction of `db.py` and decide nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from depesha.queue import audit_statements as audit
from depesha.queue import overview_statements as seen
from depesha.queue import statements as sql
from depesha.queue.lane import Row, Transaction
from depesha.queue.refs import Referrer, add_refs
from depesha.schemas.audit import deed_of
from depesha.schemas.codec import load_arrival, load_checks, payload_bytes
from depesha.schemas.envelope import RegistrationNumber
from depesha.schemas.evidence import GENESIS, EvidenceRecord, Seal
from depesha.schemas.ids import Digest, Guid, MessageId
from depesha.schemas.journal import next_record
from depesha.schemas.keeping import named_by
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import Message, NewEvidence, NewTask
from depesha.schemas.overview_filing import hour_of, pulses_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """Return microseconds since 1970, UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def to_moment(micros: int) -> datetime:
    """Return the moment, UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else to_moment(micros)


def message_of(row: Row) -> Message:
    """Read a row of the message statements."""
    return Message(
        id=MessageId(row[0]),
        network=row[1],
        state=InboundState(row[2]),
        received_at=to_moment(row[3]),
        changed_at=to_moment(row[4]),
        number=None
        if row[5] is None
        else RegistrationNumber(number=row[5], date=date.fromisoformat(row[6])),
        registered_at=_moment(row[7]),
        acknowledged_at=_moment(row[8]),
        reason=row[9],
        other_documents=tuple(Guid(text) for text in row[10].split()),
        checks=load_checks(row[11]),
        arrival=load_arrival(row[12]),
    )


def record_of(row: Row) -> EvidenceRecord:
    """Read a row of the evidence statements; wire bytes, where selected, stay behind."""
    return EvidenceRecord(
        sequence=row[0],
        message_id=row[1],
        body=row[2],
        previous=Digest(row[3]),
        hash=Digest(row[4]),
    )


def seal_of(row: Row | None) -> Seal | None:
    """Read a row of the seal statements."""
    if row is None:
        return None
    number, first, last, root, chain, previous, at, signature, key = row
    return Seal(
        number=number,
        first=first,
        last=last,
        root=root,
        chain=chain,
        previous=previous,
        at=at,
        signature=signature,
        key=key,
    )


@dataclass(slots=True, eq=False)
class Appended:
    """A row of evidence on its way into the chain; `sequence` is known after the commit."""

    evidence: NewEvidence
    sequence: int = 0


def append(transaction: Transaction, new: NewEvidence) -> Appended:
    """Append a row to the chain, and keep the blobs it names."""
    appended = Appended(new)
    add_refs(transaction, named_by(new), Referrer.EVIDENCE)
    for network, word in pulses_of(new):
        transaction.put(seen.ADD_PULSE, network, word, hour_of(new.at), to_micros(new.at))
    transaction.in_line(_chain, appended)
    return appended


def _chain(transaction: Transaction, rows: list[Appended]) -> None:
    """Link rows to the head of the chain; nobody else does so meanwhile."""
    head = transaction.memory.get("head") or transaction.one(sql.HEAD) or (0, GENESIS)
    for row in rows:
        new = row.evidence
        record = next_record(head[0] + 1, head[1], new)
        transaction.put(
            sql.ADD_EVIDENCE,
            record.sequence,
            record.message_id,
            record.previous,
            record.hash,
            record.body,
            new.wire or None,
        )
        if (deed := deed_of(new.kind, new.actor)) is not None:
            transaction.put(audit.ADD_DEED, record.sequence, to_micros(new.at), new.actor, deed)
        row.sequence = record.sequence
        head = (record.sequence, record.hash)
    transaction.memory["head"] = head


def add_tasks(
    transaction: Transaction, message_id: MessageId, tasks: tuple[NewTask, ...], at: datetime
) -> None:
    """Store the work a message's step causes."""
    for task in tasks:
        transaction.put(
            sql.ADD_TASK,
            message_id,
            task.kind,
            to_micros(task.due_at),
            to_micros(at),
            payload_bytes(task.payload),
        )
