"""Evidence: canonical bytes, the hash link, Merkle seals and offline packs. Pure, no database.

An auditor needs only this file and the gateway's public seal key to verify an exported pack.
It must never depend on how or where the rows are kept.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from depesha.errors import EvidenceError
from depesha.schemas.ids import Digest

GENESIS = Digest("0" * 64)
"""What the first row and the first seal link to."""


def canonical(value: dict[str, Any]) -> bytes:
    """Return the one byte form of a JSON object: sorted keys, no blanks, UTF-8."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def sha256(data: bytes) -> Digest:
    """Return the SHA-256 of bytes in hex."""
    return Digest(hashlib.sha256(data).hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRecord:
    """One row of the journal. `body` is canonical JSON with kind, time, actor and facts."""

    sequence: int
    message_id: str
    """Empty for rows that belong to no message."""
    body: str
    previous: Digest
    hash: Digest


def row_hash(sequence: int, message_id: str, body: str, previous: Digest) -> Digest:
    """Hash one row together with its predecessor's hash: the chain's link."""
    return sha256(f"{sequence}\n{message_id}\n{previous}\n{body}".encode())


def check_chain(records: list[EvidenceRecord], previous: Digest) -> Digest:
    """Verify consecutive rows that follow `previous`; return the last hash.

    Raises `EvidenceError` naming the first row that does not fit.
    """
    for record in records:
        expected = row_hash(record.sequence, record.message_id, record.body, previous)
        if record.previous != previous or record.hash != expected:
            raise EvidenceError(f"evidence row {record.sequence} does not fit the chain")
        previous = record.hash
    return previous


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _leaf(digest: Digest) -> bytes:
    return hashlib.sha256(b"\x00" + bytes.fromhex(digest)).digest()


def merkle_root(hashes: list[Digest]) -> Digest:
    """Root over row hashes, in the manner of RFC 9162 section 2.1 (leaf and node prefixes)."""
    if not hashes:
        raise EvidenceError("a seal over nothing has no root")
    return Digest(_root([_leaf(h) for h in hashes]).hex())


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << (count - 1).bit_length() - 1


def _root(nodes: list[bytes]) -> bytes:
    if len(nodes) == 1:
        return nodes[0]
    k = _split(len(nodes))
    return _node(_root(nodes[:k]), _root(nodes[k:]))


def inclusion_path(hashes: list[Digest], index: int) -> list[str]:
    """Sibling hashes from leaf to root that prove row `index` stands under the root."""
    return [p.hex() for p in _path([_leaf(h) for h in hashes], index)]


def _path(nodes: list[bytes], index: int) -> list[bytes]:
    if len(nodes) == 1:
        return []
    k = _split(len(nodes))
    if index < k:
        return [*_path(nodes[:k], index), _root(nodes[k:])]
    return [*_path(nodes[k:], index - k), _root(nodes[:k])]


def check_inclusion(row: Digest, index: int, count: int, path: list[str], root: Digest) -> None:
    """Verify an inclusion path; raise `EvidenceError` where it does not lead to the root."""
    if not 0 <= index < count:
        raise EvidenceError("the inclusion path is for a row outside the seal")
    sides = _sides(index, count)
    if len(sides) != len(path):
        raise EvidenceError("the inclusion path has the wrong length")
    node = _leaf(row)
    for right_sibling, sibling in zip(reversed(sides), path, strict=True):
        other = bytes.fromhex(sibling)
        node = _node(node, other) if right_sibling else _node(other, node)
    if node.hex() != root:
        raise EvidenceError("the row does not stand under the seal's root")


def _sides(index: int, count: int) -> list[bool]:
    """From root to leaf: is the sibling on the right?"""
    sides = []
    while count > 1:
        k = _split(count)
        sides.append(index < k)
        index, count = (index, k) if index < k else (index - k, count - k)
    return sides


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """A signed Merkle root over rows `first`..`last`, linked to the seal before it."""

    number: int
    first: int
    last: int
    root: Digest
    chain: Digest
    """Hash of row `last`: ties the tree to the chain."""
    previous: Digest
    """Hash of the seal before; `GENESIS` for the first."""
    at: str
    """ISO 8601, UTC."""
    signature: str
    """Ed25519 over `seal_bytes`, hex."""
    key: str
    """The public key, hex; a pack is believed only if it is the one the verifier expects."""


def seal_bytes(
    *, number: int, first: int, last: int, root: Digest, chain: Digest, previous: Digest, at: str
) -> bytes:
    """Return the exact bytes a seal's signature covers."""
    return canonical(
        {
            "at": at,
            "chain": chain,
            "first": first,
            "last": last,
            "number": number,
            "previous": previous,
            "root": root,
        }
    )


def seal_hash(seal: Seal) -> Digest:
    """Hash by which the next seal links to this one."""
    return sha256(
        seal_bytes(
            number=seal.number,
            first=seal.first,
            last=seal.last,
            root=seal.root,
            chain=seal.chain,
            previous=seal.previous,
            at=seal.at,
        )
        + bytes.fromhex(seal.signature)
    )
