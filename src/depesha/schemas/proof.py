"""Verifying a whole journal, row by row and seal by seal, in bounded memory. Pure.

Feed it every row in order and each seal right after its last row. It raises `EvidenceError` at
the first thing that does not hold, and must never be asked to go on after that.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from depesha.errors import EvidenceError
from depesha.schemas.evidence import GENESIS, EvidenceRecord, Seal, check_chain, sha256
from depesha.schemas.ids import Digest
from depesha.schemas.journal import check_seal
from depesha.schemas.message import EvidenceKind


class ChainReader:
    """Where a verification stands: the last row seen, and the hashes no seal covers yet."""

    def __init__(self, keys: Collection[str]) -> None:
        """Believe only seals made with one of `keys` (public, hex)."""
        self.sequence = 0
        """Number of the last row that was verified; rows are numbered from 1 without gaps."""
        self._keys = keys
        self._last: Digest = GENESIS
        self._before: Seal | None = None
        self._open: list[Digest] = []
        self._bare: set[int] = set()
        """Rows whose wire bytes are gone, and no later row has told yet that it was destruction."""

    def rows(self, rows: Iterable[tuple[EvidenceRecord, bytes]]) -> None:
        """Verify the next rows, each with its wire bytes."""
        for record, wire in rows:
            if record.sequence != self.sequence + 1:
                raise EvidenceError(f"evidence row {self.sequence + 1} is missing")
            self._last = check_chain([record], self._last)
            body = json.loads(record.body)
            if wire or "wire" not in body:
                check_wire(record, wire)
            else:
                self._bare.add(record.sequence)
            self._bare -= destroyed_wires(body)
            self.sequence = record.sequence
            self._open.append(record.hash)

    def seal(self, seal: Seal) -> None:
        """Verify a seal over the rows since the last one."""
        if seal.key not in self._keys:
            raise EvidenceError(f"seal {seal.number} was made with a key that is not expected")
        check_seal(seal, self._before, self._open)
        self._before, self._open = seal, []

    def end(self) -> None:
        """Say that there are no more rows; raise `EvidenceError` where bytes vanished by nobody."""
        if self._bare:
            raise EvidenceError(f"the wire bytes of evidence row {min(self._bare)} were changed")


def destroyed_wires(body: Mapping[str, Any]) -> frozenset[int]:
    """Return the rows whose wire bytes this row tells to be destroyed, by rule and act."""
    if body.get("kind") != EvidenceKind.DESTROYED:
        return frozenset()
    return frozenset(int(one) for one in body["facts"].get("wires", ()))


def check_wire(record: EvidenceRecord, wire: bytes) -> None:
    """Compare wire bytes with the digest in their row; raise `EvidenceError`."""
    expected = json.loads(record.body).get("wire")
    if (sha256(wire) if wire else None) != expected:
        raise EvidenceError(f"the wire bytes of evidence row {record.sequence} were changed")
