"""Files of the simulated SSEV: upload with scan and quota, links that expire (facts 3.1, 6.1).

Contents lie in the simulator's own folder under numbers, never under a sender's name.
"""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta
from pathlib import Path, PureWindowsPath
from typing import Final

from depesha.ports import Clock, IdSource
from depesha.simulators.ssev_evidence import TimeStamper
from depesha.simulators.ssev_quirks import SsevOddity
from depesha.simulators.ssev_values import Blob, BlobKind, Link, Profile, Scan, Uploaded

EICAR: Final = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
"""The harmless test text that every scanner calls malicious, in two halves for our own sake."""
UNSURE_NAME: Final = "notsure"
"""A file with this in its name is one the scanner cannot make up its mind about."""
SCANNED_BYTES: Final = 256 * 1024 * 1024
_PIECE: Final = 1024 * 1024


class StamperDownError(Exception):
    """The time-stamp authority does not answer: the call ends in a server error."""


class Files:
    """Keeps files; one event loop, contents read and written in threads."""

    def __init__(
        self,
        *,
        folder: Path,
        clock: Clock,
        ids: IdSource,
        stamper: TimeStamper,
        oddity: SsevOddity,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._ids = ids
        self._stamper = stamper
        self._oddity = oddity
        self._blobs: dict[int, Blob] = {}
        self._links: dict[str, Link] = {}
        self._count = 0

    def fresh(self) -> Path:
        """Return a path for a file to be written."""
        self._count += 1
        return self._folder / f"{self._count}.blob"

    async def take(
        self, owner: Profile, name: str, path: Path, kind: BlobKind, number: str = ""
    ) -> Uploaded:
        """Look at a written file and keep it, or not; raises `StamperDownError`."""
        if self._oddity.quirks.scanner_seconds:
            await self._clock.sleep(self._oddity.quirks.scanner_seconds)
        name = PureWindowsPath(name).name  # any path is cut off (facts 3.1)
        size, sha256, malicious = await asyncio.to_thread(_look, path)
        scan = self._verdict(name, size, malicious=malicious)
        if scan is Scan.MALICIOUS:
            await asyncio.to_thread(path.unlink)
            return Uploaded(name=name, size=size, sha256="", blob=None, scan=scan)
        self._count += 1
        blob = Blob(
            blob_id=9000 + self._count,
            owner=owner.profile_id,
            name=name,
            path=path,
            size=size,
            sha256=sha256,
            kind=kind,
            scan=scan,
            created_at=self._clock.now(),
            registration_number=number,
            stamp=await self.stamp(bytes.fromhex(sha256)),
        )
        self._blobs[blob.blob_id] = blob
        return Uploaded(name=name, size=size, sha256=sha256, blob=blob, scan=scan)

    def _verdict(self, name: str, size: int, *, malicious: bool) -> Scan:
        if self._oddity.quirks.scanner_off or size >= SCANNED_BYTES:
            return Scan.NONE
        if self._oddity.quirks.scanner_late:
            return Scan.UNSURE
        if malicious or self._oddity.quirks.scanner_alarmed:
            return Scan.MALICIOUS
        return Scan.UNSURE if UNSURE_NAME in name.lower() else Scan.CLEAN

    async def stamp(self, digest: bytes) -> bytes:
        """Return a time stamp over a digest; raises `StamperDownError`."""
        if self._oddity.quirks.tsa_down:
            raise StamperDownError
        return await asyncio.to_thread(self._stamper.token, digest, self._clock.now())

    def fits(self, owner: Profile, size: int) -> bool:
        """Tell whether the quota lets this upload in: strictly less, storage only (facts 3.1)."""
        stored = sum(blob.size for blob in self.stored(owner.profile_id))
        return owner.quota > stored + size

    def stored(self, owner: int) -> tuple[Blob, ...]:
        """Return the storage files of a profile."""
        return tuple(
            b for b in self._blobs.values() if b.owner == owner and b.kind is BlobKind.STORAGE
        )

    def get(self, blob_id: int) -> Blob | None:
        """Return a file."""
        return self._blobs.get(blob_id)

    def usable(self, owner: int, blob_id: int) -> Blob | None:
        """Return a file that this profile may send."""
        blob = self._blobs.get(blob_id)
        return blob if blob and blob.owner == owner and blob.kind is not BlobKind.ATTACHED else None

    def remove(self, blob: Blob) -> None:
        """Forget a file and its content."""
        self._blobs.pop(blob.blob_id, None)
        blob.path.unlink(missing_ok=True)

    def link(self, blob: Blob, *, in_message: bool) -> Link:
        """Make a new link, alive for an hour from now (facts 3.1)."""
        dead = self._oddity.spend("dead_links")
        life = timedelta(seconds=0 if dead else self._oddity.quirks.link_seconds)
        link = Link(
            token=self._ids.secret(),
            blob_id=blob.blob_id,
            expires_at=self._clock.now() + life,
            in_message=in_message,
        )
        self._links[link.token] = link
        return link

    def follow(self, token: str, *, in_message: bool) -> Blob | None:
        """Return what a link leads to; None where it is wrong or expired; `KeyError` where gone."""
        link = self._links.get(token)
        if link is None or link.in_message != in_message or link.expires_at <= self._clock.now():
            return None
        return self._blobs[link.blob_id]


def _look(path: Path) -> tuple[int, str, bool]:
    digest, size, tail, malicious = hashlib.sha256(), 0, b"", False
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
            malicious = malicious or EICAR in tail + piece
            tail = piece[-len(EICAR) :]
    return size, digest.hexdigest().upper(), malicious
