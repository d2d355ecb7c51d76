"""The evidence pack: one JSON document that proves a message's journey, and its verifier. Pure.

The same for a message that was received and for a document of ours on its way out.

A verifier needs this file, `evidence.py`, `journal.py` and the gateway's public seal key; no
database and no network. A pack proves that its rows stood in the journal, unchanged, in this
order, when the seals were made. It cannot prove that no row was left out of the pack, nor the
content of blobs whose digest no row names (`PackBlob.attested`).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from depesha.errors import EvidenceError
from depesha.schemas.evidence import (
    EvidenceRecord,
    Seal,
    canonical,
    check_inclusion,
    inclusion_path,
    row_hash,
    seal_hash,
    sha256,
)
from depesha.schemas.ids import Digest
from depesha.schemas.journal import check_signature
from depesha.schemas.message import EvidenceKind, Message
from depesha.schemas.outbound import OutboundMessage
from depesha.schemas.proof import destroyed_wires

FORMAT = "depesha-evidence-pack/1"
DESTROYED = str(EvidenceKind.DESTROYED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackRow:
    """One thing that happened, proven."""

    sequence: int
    kind: str
    at: str
    actor: str
    facts: dict[str, Any]
    wire: bytes
    """What was said or heard on the wire; empty where nothing was, or where it was destroyed."""
    seal: int
    """Number of the seal it stands under."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackBlob:
    """Bytes kept outside the pack: compare their SHA-256 with this digest."""

    role: str
    """`original`, `attachment 1` and so on. Of a document of ours: `attachment 1`, `release`,
    `try 1`. Of either: `heard in row 7`, the original of a smaller word or of a repeat."""
    digest: str
    size: int | None
    """In bytes; None where only the digest is known."""
    attested: bool
    """True where a proven row names this digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackReport:
    """What a verified pack says."""

    message_id: str
    rows: tuple[PackRow, ...]
    blobs: tuple[PackBlob, ...]
    seals: tuple[Seal, ...]
    keys: tuple[str, ...]
    """Public keys that signed the seals."""
    trusted: bool
    """True where the keys were compared with the ones the verifier expects."""
    destroyed: str = ""
    """When and by which rule the content was destroyed, its time being over; empty: it was not."""


def blobs_of(message: Message | OutboundMessage) -> list[dict[str, Any]]:
    """List the blobs a message or a document of ours consists of, as a pack names them."""
    if isinstance(message, OutboundMessage):
        return _outbound_blobs(message)
    arrival = message.arrival
    files = [content.attachment for content in arrival.contents]
    if not files and arrival.envelope is not None:
        files = list(arrival.envelope.attachments)
    original = _named("original", arrival.original, arrival.original_size)
    return [original, *(_named(f"attachment {f.index}", f.digest, f.size) for f in files)]


def _outbound_blobs(message: OutboundMessage) -> list[dict[str, Any]]:
    files = [_named(f"attachment {f.index}", f.digest, f.size) for f in message.dispatch.files]
    release = [_named("release", message.release)] if message.release else []
    tries = [_named(f"try {one.number}", one.payload) for one in message.attempts]
    return [*files, *release, *tries]


def _heard(rows: Sequence[tuple[EvidenceRecord, bytes]]) -> list[dict[str, Any]]:
    """List the originals that rows speak of: words about the message, repeats of it."""
    told = ((record, json.loads(record.body)["facts"].get("original")) for record, _wire in rows)
    return [
        _named(f"heard in row {record.sequence}", original)
        for record, original in told
        if isinstance(original, str)
    ]


def _named(role: str, digest: str, size: int | None = None) -> dict[str, Any]:
    return {"role": role, "digest": digest, "size": size}


def make_pack(
    message: Message | OutboundMessage,
    rows: Sequence[tuple[EvidenceRecord, bytes]],
    seals: Sequence[Seal],
    hashes: Mapping[int, Sequence[Digest]],
    key: str,
) -> bytes:
    """Return the pack of one message or document of ours.

    `rows` are its rows with their wire bytes, `seals` those that cover them, `hashes` the row
    hashes under each seal by its number, `key` the gateway's public key.
    """
    own = blobs_of(message)
    held = {blob["digest"] for blob in own}
    return canonical(
        {
            "format": FORMAT,
            "message_id": message.id,
            "key": key,
            "blobs": [*own, *(blob for blob in _heard(rows) if blob["digest"] not in held)],
            "rows": [_row(record, wire, seals, hashes) for record, wire in rows],
            "seals": [asdict(seal) for seal in seals],
        }
    )


def _row(
    record: EvidenceRecord,
    wire: bytes,
    seals: Sequence[Seal],
    hashes: Mapping[int, Sequence[Digest]],
) -> dict[str, Any]:
    seal = next(s for s in seals if s.first <= record.sequence <= s.last)
    index = record.sequence - seal.first
    row = asdict(record) | {
        "seal": seal.number,
        "path": inclusion_path(list(hashes[seal.number]), index),
    }
    return row | {"wire": base64.b64encode(wire).decode()} if wire else row


def verify_pack(data: bytes, expected_key: str | None, *earlier_keys: str) -> PackReport:
    """Verify a pack offline; raise `EvidenceError` naming the first thing that does not hold.

    `expected_key` is the public seal key (hex) got by another road than the pack, `earlier_keys`
    those it replaced; with None only the pack's agreement with itself is proven.
    """
    expected = None if expected_key is None else {expected_key, *earlier_keys}
    try:
        pack = json.loads(data)
        if pack["format"] != FORMAT:
            raise EvidenceError("this is not an evidence pack of a known format")
        seals = _verified_seals([Seal(**seal) for seal in pack["seals"]], expected)
        rows = _verified_rows(pack["rows"], pack["message_id"], seals)
        return PackReport(
            message_id=pack["message_id"],
            rows=rows,
            blobs=tuple(_blob(blob, pack["rows"]) for blob in pack["blobs"]),
            seals=tuple(seals.values()),
            keys=tuple(sorted({seal.key for seal in seals.values()})),
            trusted=expected is not None,
            destroyed=next((_destruction(r) for r in rows if r.kind == DESTROYED), ""),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
        raise EvidenceError("the evidence pack cannot be read") from None


def _verified_seals(seals: list[Seal], expected: set[str] | None) -> dict[int, Seal]:
    by_number: dict[int, Seal] = {}
    for seal in seals:
        if expected is not None and seal.key not in expected:
            raise EvidenceError(f"seal {seal.number} was made with a key that is not expected")
        check_signature(seal)
        before = by_number.get(seal.number - 1)
        if before is not None and seal.previous != seal_hash(before):
            raise EvidenceError(f"seal {seal.number} does not follow the seal before it")
        by_number[seal.number] = seal
    return by_number


def _verified_rows(
    rows: list[dict[str, Any]], message_id: str, seals: Mapping[int, Seal]
) -> tuple[PackRow, ...]:
    if not rows:
        raise EvidenceError("the evidence pack holds no rows")
    found: list[PackRow] = []
    gone = frozenset[int]().union(*(destroyed_wires(json.loads(row["body"])) for row in rows))
    for row in rows:
        if row["message_id"] != message_id or (found and row["sequence"] <= found[-1].sequence):
            raise EvidenceError(f"evidence row {row['sequence']} does not belong where it stands")
        found.append(_verified_row(row, seals, gone))
    return tuple(found)


def _verified_row(row: dict[str, Any], seals: Mapping[int, Seal], gone: frozenset[int]) -> PackRow:
    """`gone`: rows whose bytes were destroyed, as another proven row of the pack tells."""
    sequence, seal = row["sequence"], seals[row["seal"]]
    own = row_hash(sequence, row["message_id"], row["body"], row["previous"])
    if own != row["hash"]:
        raise EvidenceError(f"evidence row {sequence} was changed")
    if sequence == seal.last and own != seal.chain:
        raise EvidenceError(f"evidence row {sequence} does not fit its seal")
    count = seal.last - seal.first + 1
    check_inclusion(own, sequence - seal.first, count, row["path"], seal.root)
    body = json.loads(row["body"])
    wire = base64.b64decode(row.get("wire", ""), validate=True)
    lawfully = not wire and sequence in gone
    if not lawfully and (sha256(wire) if wire else None) != body.get("wire"):
        raise EvidenceError(f"the wire bytes of evidence row {sequence} were changed")
    return PackRow(
        sequence=sequence,
        kind=body["kind"],
        at=body["at"],
        actor=body["actor"],
        facts=body["facts"],
        wire=wire,
        seal=seal.number,
    )


def _destruction(row: PackRow) -> str:
    return f"{row.at}, {row.facts['rule']}, act {row.facts['act']}"


def _blob(blob: dict[str, Any], rows: list[dict[str, Any]]) -> PackBlob:
    digest = blob["digest"]
    return PackBlob(
        role=blob["role"],
        digest=digest,
        size=blob["size"],
        attested=any(f'"{digest}"' in row["body"] for row in rows),
    )
