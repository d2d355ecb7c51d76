"""The journal on SQLite: the evidence chain, its seals, and the packs that prove a journey.

Rows that belong to a state change are written by the store and the task queue in their own
transactions; this file appends the rest, seals, exports and verifies. It never changes a row.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence

from depesha.errors import EvidenceError, UnknownMessageError
from depesha.ports import Checkpoint, Clock
from depesha.queue import overview_statements as seen
from depesha.queue import statements as sql
from depesha.queue.lane import Database, Transaction
from depesha.queue.outbound import find_outbound
from depesha.queue.rows import append, message_of, record_of, seal_of, to_micros
from depesha.schemas.evidence import EvidenceRecord, Seal
from depesha.schemas.ids import Digest, MessageId
from depesha.schemas.journal import ROWS_PER_SEAL, SealKey, make_seal
from depesha.schemas.message import Message, NewEvidence
from depesha.schemas.outbound import OutboundMessage
from depesha.schemas.pack import make_pack
from depesha.schemas.proof import ChainReader
from depesha.schemas.steps import Step

JOURNAL_PROOF = "journal"
"""Under this name stands when the whole chain was last found whole."""
_CHUNK = 512
"""Rows read in one visit, so that a long look never keeps other readers waiting."""


class SqliteJournal:
    """`Journal` on SQLite."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        key: SealKey,
        earlier_keys: Sequence[str] = (),
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """Seal with `key`; believe seals of it and of `earlier_keys` (public, hex)."""
        self._db = db
        self._clock = clock
        self._key = key
        self._keys = frozenset({key.public, *earlier_keys})
        self._checkpoint = checkpoint
        self._sealing = asyncio.Lock()

    async def record(self, evidence: NewEvidence) -> int:
        """See `Journal.record`."""
        return (await self._db.write(lambda transaction: append(transaction, evidence))).sequence

    async def events(self, message_id: MessageId) -> tuple[EvidenceRecord, ...]:
        """See `Journal.events`; empty for a message that is not known."""
        rows = await self._db.read(lambda t: t.all(sql.EVIDENCE_OF, message_id))
        return tuple(record_of(row) for row in rows)

    async def after(self, sequence: int, limit: int) -> tuple[EvidenceRecord, ...]:
        """See `Journal.after`."""
        rows = await self._db.read(lambda t: t.all(sql.EVIDENCE_AFTER, sequence, limit))
        return tuple(record_of(row) for row in rows)

    async def seal(self) -> Seal | None:
        """See `Journal.seal`; a long backlog gets several seals, the last one is returned."""
        made: Seal | None = None
        async with self._sealing:
            while (seal := await self._seal_some()) is not None:
                made = seal
                if seal.last - seal.first + 1 < ROWS_PER_SEAL:
                    break
        return made

    async def _seal_some(self) -> Seal | None:
        """Make one seal; where another gateway made the next one meanwhile, the one after it."""
        while True:
            before, hashes = await self._db.read(_unsealed)
            if not hashes:
                return None
            seal = await asyncio.to_thread(
                make_seal,
                self._key,
                before,
                1 if before is None else before.last + 1,
                hashes,
                self._clock.now(),
            )
            self._reached(Step.SEALING)
            if await self._db.write(functools.partial(_add_seal, seal=seal)):
                self._reached(Step.SEALED)
                return seal

    def _reached(self, step: Step) -> None:
        if self._checkpoint is not None:
            self._checkpoint.reached(step)

    async def pack(self, message_id: MessageId) -> bytes:
        """See `Journal.pack`; raises `UnknownMessageError`."""
        message, rows = await self._db.read(lambda t: _journey(t, message_id))
        last = rows[-1][0].sequence
        sealed = await self._db.read(lambda t: seal_of(t.one(sql.SEAL_OVER, last)))
        if sealed is None:
            await self.seal()
        sequences = [record.sequence for record, _wire in rows]
        seals = await self._db.read(lambda t: _seals_over(t, sequences))
        hashes = {seal.number: await self._hashes(seal) for seal in seals}
        return await asyncio.to_thread(make_pack, message, rows, seals, hashes, self._key.public)

    async def verify(self) -> int:
        """See `Journal.verify`; wire bytes are compared with the digests in their rows, too."""
        reader, number = ChainReader(self._keys), 0
        while seals := await self._seals_after(number):
            for seal in seals:
                await self._read_to(reader, seal.last)
                await asyncio.to_thread(reader.seal, seal)
            number = seals[-1].number
        await self._read_to(reader, None)
        reader.end()
        at, rows = to_micros(self._clock.now()), reader.sequence
        await self._db.write(lambda t: t.run(seen.KEEP_PROOF, JOURNAL_PROOF, at, rows))
        return rows

    async def _read_to(self, reader: ChainReader, last: int | None) -> None:
        """Feed the chain's rows to `reader`, up to row `last` or to the end."""
        while last is None or reader.sequence < last:
            limit = _CHUNK if last is None else min(_CHUNK, last - reader.sequence)
            rows = await self._wired_after(reader.sequence, limit)
            if not rows:
                return
            await asyncio.to_thread(reader.rows, rows)

    async def _wired_after(self, sequence: int, limit: int) -> list[tuple[EvidenceRecord, bytes]]:
        rows = await self._db.read(lambda t: t.all(sql.WIRED_AFTER, sequence, limit))
        return [(record_of(row), row[5] or b"") for row in rows]

    async def _seals_after(self, number: int) -> list[Seal]:
        rows = await self._db.read(lambda t: t.all(sql.SEALS_AFTER, number, _CHUNK))
        return [seal for row in rows if (seal := seal_of(row)) is not None]

    async def _hashes(self, seal: Seal) -> list[Digest]:
        return await self._db.read(lambda t: _hashes(t, seal.first, seal.last))


def _unsealed(transaction: Transaction) -> tuple[Seal | None, list[Digest]]:
    """Return the last seal and the hashes of the rows after it, at most one seal's worth."""
    before = seal_of(transaction.one(sql.LAST_SEAL))
    first = 1 if before is None else before.last + 1
    return before, _hashes(transaction, first, first + ROWS_PER_SEAL - 1)


def _hashes(transaction: Transaction, first: int, last: int) -> list[Digest]:
    return [Digest(row[0]) for row in transaction.all(sql.HASHES, first, last)]


def _add_seal(transaction: Transaction, seal: Seal) -> bool:
    """Store a seal; False where another of its number stands already."""
    added = transaction.run(
        sql.ADD_SEAL,
        seal.number,
        seal.first,
        seal.last,
        seal.root,
        seal.chain,
        seal.previous,
        seal.at,
        seal.signature,
        seal.key,
    )
    return added > 0


def _journey(
    transaction: Transaction, message_id: MessageId
) -> tuple[Message | OutboundMessage, list[tuple[EvidenceRecord, bytes]]]:
    row = transaction.one(sql.MESSAGE, message_id)
    found = find_outbound(transaction, message_id) if row is None else message_of(row)
    if found is None:
        raise UnknownMessageError("there is no such message")
    rows = transaction.all(sql.WIRED_OF, message_id)
    return found, [(record_of(r), r[5] or b"") for r in rows]


def _seals_over(transaction: Transaction, sequences: Sequence[int]) -> list[Seal]:
    seals: list[Seal] = []
    for sequence in sequences:
        if seals and sequence <= seals[-1].last:
            continue
        seal = seal_of(transaction.one(sql.SEAL_OVER, sequence))
        if seal is None:
            raise EvidenceError(f"evidence row {sequence} is not sealed")
        seals.append(seal)
    return seals
