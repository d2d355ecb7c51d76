"""`Audit` in memory, over the same tables as the other doubles."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from operator import itemgetter

from depesha.adapters.memory.state import MemoryState
from depesha.schemas.audit import AuditPage, AuditQuery, fits, place_of
from depesha.schemas.evidence import EvidenceRecord

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END = (2**62, 0)


class MemoryAudit:
    """`Audit` over a `MemoryState`."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    async def deeds(self, query: AuditQuery) -> AuditPage:
        """See `Audit.deeds`."""
        below = place_of(query.after) or _END
        placed: list[tuple[tuple[int, int], EvidenceRecord]] = []
        for record, _wire in self._state.evidence:
            body = json.loads(record.body)
            of = query.document in (None, record.message_id)
            place = _place(body["at"], record.sequence)
            if of and fits(query, body) and place < below:
                placed.append((place, record))
        placed.sort(key=itemgetter(0), reverse=True)
        kept = placed[: query.limit]
        after = f"{kept[-1][0][0]}-{kept[-1][0][1]}" if len(placed) > query.limit else ""
        records = tuple(record for _place, record in kept)
        seals = tuple(self._seal(record.sequence) for record in records)
        return AuditPage(records=records, next=after, seals=seals)

    def _seal(self, sequence: int) -> int:
        over = (seal.number for seal in self._state.seals if seal.last >= sequence)
        return next(over, 0)


def _place(at: str, sequence: int) -> tuple[int, int]:
    return (datetime.fromisoformat(at) - _EPOCH) // timedelta(microseconds=1), sequence
