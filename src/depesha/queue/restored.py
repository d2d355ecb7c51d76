"""Marks a store that was put back: what it knows ends at a moment, and the gateway must heed it.

One transaction holds the mark, its evidence, and what becomes of waiting work: followed documents
are looked at at once, and numbers that may have been given already wait for a person. Nothing is
decided about documents here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from depesha.queue import people_statements as notes
from depesha.queue.lane import Transaction
from depesha.queue.rows import append, to_micros
from depesha.schemas.message import EvidenceKind, NewEvidence, TaskKind
from depesha.schemas.notes import Area
from depesha.schemas.restoration import (
    CURRENT,
    MAY_BE_NUMBERED,
    Restoration,
    load_restoration,
    restoration_bytes,
)

if TYPE_CHECKING:
    from depesha.ports import Notebook

_WAKE = "UPDATE tasks SET due_at = ? WHERE kind = ? AND parked_at IS NULL"
_PARK = """UPDATE tasks SET parked_at = ?, reason = ?, lease = NULL
  WHERE kind = ? AND parked_at IS NULL"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What became of waiting work."""

    followed: int
    """Documents of ours that are asked after at once."""
    numbers: int
    """Messages whose number from the built-in registry waits for a person."""


def mark(
    transaction: Transaction, restoration: Restoration, actor: str
) -> tuple[Restoration, Waiting]:
    """Write the mark, its evidence, and wake or park what waits; return the mark as it stands."""
    restoration = _with_open_gap(transaction, restoration)
    now = to_micros(restoration.restored_at)
    waiting = Waiting(
        followed=transaction.run(_WAKE, now, TaskKind.FOLLOW_UP),
        numbers=transaction.run(_PARK, now, MAY_BE_NUMBERED, TaskKind.REGISTER),
    )
    note(
        transaction,
        restoration,
        NewEvidence(
            kind=EvidenceKind.RESTORED,
            at=restoration.restored_at,
            message_id=None,
            actor=actor,
            facts={
                "backup": restoration.name,
                "knows_until": restoration.knows_until.isoformat(),
                "manifest": restoration.manifest,
                "sequence": restoration.sequence,
                "rewound": list(restoration.rewound),
                "skipped": list(restoration.skipped),
                "followed": waiting.followed,
                "numbers": waiting.numbers,
            },
        ),
    )
    return restoration, waiting


def _with_open_gap(transaction: Transaction, restoration: Restoration) -> Restoration:
    """Where an earlier restore was never approved, what it forgot is forgotten still."""
    noted: dict[str, bytes] = dict(transaction.all(notes.NOTES, Area.RESTORATION))
    earlier = load_restoration(noted[CURRENT]) if CURRENT in noted else None
    if earlier is None or earlier.approved_at is not None:
        return restoration
    return restoration.reaching_back(earlier)


async def noted(notebook: Notebook) -> Restoration | None:
    """Return the mark of the latest restore, as it stands now; raise `StorageError`."""
    found = (await notebook.read(Area.RESTORATION)).get(CURRENT)
    return None if found is None else load_restoration(found)


def note(transaction: Transaction, restoration: Restoration, evidence: NewEvidence) -> None:
    """Write the mark with a row of evidence."""
    value = restoration_bytes(restoration)
    transaction.run(notes.WRITE_NOTE, Area.RESTORATION, CURRENT, value)
    append(transaction, evidence)
