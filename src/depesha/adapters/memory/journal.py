"""`Journal` in memory: the same chain, the same seals, the same packs."""

from __future__ import annotations

from depesha.adapters.memory.state import MemoryState
from depesha.errors import UnknownMessageError
from depesha.ports import Clock
from depesha.schemas.evidence import EvidenceRecord, Seal
from depesha.schemas.ids import Digest, MessageId
from depesha.schemas.journal import SealKey, make_seal
from depesha.schemas.message import NewEvidence
from depesha.schemas.pack import make_pack
from depesha.schemas.proof import ChainReader


class MemoryJournal:
    """`Journal` over a `MemoryState`."""

    def __init__(self, state: MemoryState, clock: Clock, key: SealKey) -> None:
        self._state = state
        self._clock = clock
        self._key = key

    async def record(self, evidence: NewEvidence) -> int:
        """See `Journal.record`."""
        return self._state.append(evidence)

    async def events(self, message_id: MessageId) -> tuple[EvidenceRecord, ...]:
        """See `Journal.events`."""
        return tuple(r for r, _wire in self._state.evidence if r.message_id == message_id != "")

    async def after(self, sequence: int, limit: int) -> tuple[EvidenceRecord, ...]:
        """See `Journal.after`."""
        rows = self._state.evidence[max(sequence, 0) :][:limit]
        return tuple(record for record, _wire in rows)

    async def seal(self) -> Seal | None:
        """See `Journal.seal`."""
        before = self._state.seals[-1] if self._state.seals else None
        first = 1 if before is None else before.last + 1
        hashes = [record.hash for record, _wire in self._state.evidence[first - 1 :]]
        if not hashes:
            return None
        seal = make_seal(self._key, before, first, hashes, self._clock.now())
        self._state.seals.append(seal)
        return seal

    async def pack(self, message_id: MessageId) -> bytes:
        """See `Journal.pack`."""
        message = self._state.messages.get(message_id) or self._state.outbound.get(message_id)
        if message is None:
            raise UnknownMessageError("there is no such message")
        await self.seal()
        rows = [row for row in self._state.evidence if row[0].message_id == message_id]
        seals = [
            seal
            for seal in self._state.seals
            if any(seal.first <= record.sequence <= seal.last for record, _wire in rows)
        ]
        hashes = {seal.number: self._hashes(seal) for seal in seals}
        return make_pack(message, rows, seals, hashes, self._key.public)

    async def verify(self) -> int:
        """See `Journal.verify`."""
        reader = ChainReader({self._key.public})
        for seal in self._state.seals:
            reader.rows(self._state.evidence[reader.sequence : seal.last])
            reader.seal(seal)
        reader.rows(self._state.evidence[reader.sequence :])
        reader.end()
        self._state.proof = (self._clock.now(), reader.sequence)
        return reader.sequence

    def _hashes(self, seal: Seal) -> list[Digest]:
        return [record.hash for record, _wire in self._state.evidence[seal.first - 1 : seal.last]]
