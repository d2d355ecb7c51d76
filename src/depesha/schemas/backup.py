"""What a back-up says of itself: the signed manifest, and which back-ups are kept. Values, pure.

The manifest names every file with its digest, so that nothing may be added, changed or taken away
unseen. Nothing here reads or writes a file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from depesha.errors import EvidenceError, WireError
from depesha.schemas.evidence import canonical, sha256
from depesha.schemas.ids import Digest, digest
from depesha.schemas.journal import SealKey

FORM = 1
"""Of the manifest; another one is refused."""
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
_NAME_FORM = "%Y%m%dT%H%M%S.%fZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of a back-up, beside the blobs."""

    path: str
    """Below the back-up's folder, with `/`."""
    size: int
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything that belongs to one back-up."""

    name: str
    at: datetime
    """From when the database is."""
    version: str
    """Of the program that made it."""
    schema: int
    """Number of the newest migration."""
    participant: str
    """Identifier of the body."""
    seal: str
    """Public half of the key that seals the evidence and signed this; 64 hex digits."""
    certificate: str
    """SHA-256 of the gateway's certificate (DER), or empty."""
    sequence: int
    """Number of the last evidence row."""
    chain: Digest
    """Its hash."""
    parts: tuple[Part, ...]
    blobs: tuple[tuple[Digest, int], ...]
    """Digest and size, in order."""
    missing: tuple[Digest, ...] = ()
    """Blobs that the database names and that were not there: copies made anew from originals,
    or refused bytes sealed away meanwhile."""
    damaged: tuple[Digest, ...] = ()
    """Blobs whose bytes were not what their name says: the disk of the store has a fault."""

    @property
    def size(self) -> int:
        """Bytes, all told."""
        return sum(part.size for part in self.parts) + sum(size for _, size in self.blobs)


def backup_name(at: datetime) -> str:
    """Return the folder's name: the moment, in UTC, so that names sort by time."""
    return at.astimezone(UTC).strftime(_NAME_FORM)


def backup_time(name: str) -> datetime | None:
    """Return the moment in a back-up's name, or None where it is none."""
    try:
        return datetime.strptime(name, _NAME_FORM).replace(tzinfo=UTC)
    except ValueError:
        return None


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the bytes that are signed."""
    return canonical(
        {
            "form": FORM,
            "name": manifest.name,
            "at": manifest.at.astimezone(UTC).isoformat(),
            "version": manifest.version,
            "schema": manifest.schema,
            "participant": manifest.participant,
            "seal": manifest.seal,
            "certificate": manifest.certificate,
            "sequence": manifest.sequence,
            "chain": manifest.chain,
            "parts": [[part.path, part.size, part.digest] for part in manifest.parts],
            "blobs": [[name, size] for name, size in manifest.blobs],
            "missing": list(manifest.missing),
            "damaged": list(manifest.damaged),
        }
    )


def sign_manifest(data: bytes, key: SealKey) -> str:
    """Return the signature over a manifest's bytes: 128 hex digits."""
    return key.sign(_signed(data))


def read_manifest(data: bytes, signature: str, keys: Iterable[str] = ()) -> Manifest:
    """Return a manifest whose signature holds; raise `EvidenceError`.

    `keys` (public, hex) are those that are believed; where none is given, the one it names.
    """
    try:
        told = json.loads(data)
        if told["form"] != FORM:
            raise EvidenceError("the back-up has a form that this version does not know")
        manifest = _read(told)
    except (WireError, ValueError, KeyError, TypeError, AttributeError):
        raise EvidenceError("the back-up's manifest cannot be read") from None
    believed = frozenset(keys)
    if believed and manifest.seal not in believed:
        raise EvidenceError(
            "the back-up was signed with a key that is not expected",
            remedy="put the seal key back, or name its public half with --key",
        )
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(manifest.seal))
        public.verify(bytes.fromhex(signature.strip()), _signed(data))
    except (InvalidSignature, ValueError):
        raise EvidenceError("the signature of the back-up's manifest is not valid") from None
    return manifest


def _signed(data: bytes) -> bytes:
    """Never the same bytes as a seal's: one key signs both."""
    return b"depesha back-up\n" + sha256(data).encode()


def _read(told: dict[str, Any]) -> Manifest:
    return Manifest(
        name=str(told["name"]),
        at=datetime.fromisoformat(told["at"]),
        version=str(told["version"]),
        schema=int(told["schema"]),
        participant=str(told["participant"]),
        seal=str(told["seal"]),
        certificate=str(told["certificate"]),
        sequence=int(told["sequence"]),
        chain=digest(told["chain"]),
        parts=tuple(
            Part(path=str(path), size=int(size), digest=digest(name))
            for path, size, name in told["parts"]
        ),
        blobs=tuple((digest(name), int(size)) for name, size in told["blobs"]),
        missing=tuple(digest(name) for name in told["missing"]),
        damaged=tuple(digest(name) for name in told["damaged"]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """How many whole back-ups stay (BKP-03, BKP-04); 0 everywhere: all of them."""

    latest: int = 0
    weekly: int = 0
    """The last one of a week (Monday to Sunday, UTC), for so many weeks that have one."""
    monthly: int = 0
    """The last one of a month."""


def kept(names: Iterable[str], keeping: Keeping) -> frozenset[str]:
    """Return which back-ups stay; the newest always does."""
    newest = sorted(names, reverse=True)
    if keeping == Keeping():
        return frozenset(newest)
    stay = set(newest[: max(1, keeping.latest)])
    for count, period in ((keeping.weekly, _week), (keeping.monthly, _month)):
        seen: set[str] = set()
        for name in newest:
            at = backup_time(name)
            if at is None or len(seen) >= count:
                break
            if period(at) not in seen:
                seen.add(period(at))
                stay.add(name)
    return frozenset(stay)


def _week(at: datetime) -> str:
    return (at - timedelta(days=at.weekday())).date().isoformat()


def _month(at: datetime) -> str:
    return at.strftime("%Y-%m")
