"""Making evidence rows and seals: bodies, links and signatures. Pure, no database.

`evidence.py` says what a valid chain and tree are; this file makes them and judges a seal's
signature. Private keys never leave the `SealKey` they stand in.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from depesha.errors import ConfigurationError, EvidenceError
from depesha.schemas.evidence import (
    GENESIS,
    EvidenceRecord,
    Seal,
    canonical,
    merkle_root,
    row_hash,
    seal_bytes,
    seal_hash,
    sha256,
)
from depesha.schemas.ids import Digest
from depesha.schemas.message import NewEvidence

ROWS_PER_SEAL = 4096
"""More than this and an inclusion path costs its maker too much; a backlog gets several seals."""
_SEED_BYTES = 32


class SealKey:
    """The Ed25519 key that signs seals. `public` is its public half: 64 hex digits."""

    __slots__ = ("_private", "public")

    def __init__(self, seed: bytes) -> None:
        """Take the 32 secret bytes of the key; raise `ConfigurationError` otherwise."""
        if len(seed) != _SEED_BYTES:
            raise ConfigurationError("the seal key is not 32 bytes long")
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        public = self._private.public_key()
        self.public = public.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

    @classmethod
    def from_pem(cls, pem: bytes) -> SealKey:
        """Read an unencrypted PKCS #8 PEM; raise `ConfigurationError` for any other key."""
        try:
            private = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ConfigurationError("the seal key cannot be read") from None
        if not isinstance(private, Ed25519PrivateKey):
            raise ConfigurationError("the seal key is not an Ed25519 key")
        return cls(private.private_bytes_raw())

    def sign(self, data: bytes) -> str:
        """Return the signature over `data`: 128 hex digits."""
        return self._private.sign(data).hex()


def utc_text(moment: datetime) -> str:
    """Return a moment as ISO 8601 in UTC, the only form evidence knows."""
    return moment.astimezone(UTC).isoformat()


def evidence_body(new: NewEvidence) -> str:
    """Return the canonical JSON of a row: kind, time, actor, facts, and the wire's digest."""
    body = {"actor": new.actor, "at": utc_text(new.at), "facts": new.facts, "kind": new.kind}
    if new.wire:
        body["wire"] = sha256(new.wire)
    return canonical(body).decode()


def next_record(sequence: int, previous: Digest, new: NewEvidence) -> EvidenceRecord:
    """Return the row that follows `previous` in the chain."""
    message_id, body = new.message_id or "", evidence_body(new)
    return EvidenceRecord(
        sequence=sequence,
        message_id=message_id,
        body=body,
        previous=previous,
        hash=row_hash(sequence, message_id, body, previous),
    )


def make_seal(
    key: SealKey, before: Seal | None, first: int, hashes: Sequence[Digest], at: datetime
) -> Seal:
    """Seal the rows from `first` on, whose hashes are given, linked to the seal `before`."""
    number = 1 if before is None else before.number + 1
    previous = GENESIS if before is None else seal_hash(before)
    last, root, moment = first + len(hashes) - 1, merkle_root(list(hashes)), utc_text(at)
    signed = seal_bytes(
        number=number,
        first=first,
        last=last,
        root=root,
        chain=hashes[-1],
        previous=previous,
        at=moment,
    )
    return Seal(
        number=number,
        first=first,
        last=last,
        root=root,
        chain=hashes[-1],
        previous=previous,
        at=moment,
        signature=key.sign(signed),
        key=key.public,
    )


def check_signature(seal: Seal) -> None:
    """Verify a seal's signature by the key it names; raise `EvidenceError`.

    Whether that key is to be believed is the caller's question.
    """
    signed = seal_bytes(
        number=seal.number,
        first=seal.first,
        last=seal.last,
        root=seal.root,
        chain=seal.chain,
        previous=seal.previous,
        at=seal.at,
    )
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(seal.key))
        public.verify(bytes.fromhex(seal.signature), signed)
    except (InvalidSignature, ValueError):
        raise EvidenceError(f"the signature of seal {seal.number} is not valid") from None


def check_seal(seal: Seal, before: Seal | None, hashes: Sequence[Digest]) -> None:
    """Verify one seal against the seal before it and its rows' hashes; raise `EvidenceError`."""
    number, first = (1, 1) if before is None else (before.number + 1, before.last + 1)
    previous = GENESIS if before is None else seal_hash(before)
    if (seal.number, seal.first, seal.previous) != (number, first, previous):
        raise EvidenceError(f"seal {seal.number} does not follow the seal before it")
    if len(hashes) != seal.last - seal.first + 1:
        raise EvidenceError(f"rows under seal {seal.number} are missing")
    if hashes[-1] != seal.chain or merkle_root(list(hashes)) != seal.root:
        raise EvidenceError(f"seal {seal.number} does not fit its rows")
    check_signature(seal)
