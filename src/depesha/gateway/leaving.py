"""The last look at a document before it leaves, and the signature under its release.

The files are scanned when they leave, not only when they were taken: silence of a scanner is no
pass (law 1). The release names number, parties and the files' digests, whatever network it takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from depesha.errors import StorageError
from depesha.schemas.dispatch import Defect
from depesha.schemas.release import release_xml
from depesha.schemas.route import Reasoned, reasoned

if TYPE_CHECKING:
    from pathlib import Path

    from depesha.ports import BlobStore, MalwareScanner, Observer, Signer, Threads
    from depesha.schemas.dispatch import Dispatch
    from depesha.schemas.ids import Digest
    from depesha.schemas.outbound import OutboundMessage

ALGORITHM = "rsa-sha256"
"""The release is ours alone: no peer's old software has to verify it."""


_FEW = 8
"""So many files are found at once: a hop to a thread costs as much as finding thirty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What the last look found."""

    defects: tuple[Reasoned, ...] = ()
    unfinished: bool = False
    """No verdict was had on some file: it is looked at again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """Looks and signs."""

    scanner: MalwareScanner
    scan_seconds: float
    signer: Signer
    blobs: BlobStore
    threads: Threads
    observer: Observer

    async def look(self, message: OutboundMessage) -> Looked:
        """Scan the files; raise `StorageError` where one of them is gone."""
        few = len(message.dispatch.files) <= _FEW
        look = message.dispatch
        files = self._paths(look) if few else await self.threads.run(self._paths, look)
        results = await self.scanner.scan(files, self.scan_seconds)
        names = {file.index: file.name for file in message.dispatch.files}
        found = tuple(
            reasoned(Defect.FILE_INFECTED, index=r.index, file=names[r.index], malware=r.malware)
            for r in results
            if r.malware
        )
        if found:
            return Looked(defects=found)
        seen = {r.index for r in results if not r.incomplete}
        if seen != set(names):
            self.observer.trouble("leaving.scan", "UNAVAILABLE")
            return Looked(unfinished=True)
        return Looked()

    async def sign(self, message: OutboundMessage) -> Digest:
        """Sign the release and make it durable; return its digest. Safe to repeat."""
        return await self.threads.run(self._sign, message)

    def _sign(self, message: OutboundMessage) -> Digest:
        return self.blobs.put(self.signer.sign(release_xml(message), ALGORITHM))

    def _paths(self, dispatch: Dispatch) -> list[tuple[int, Path]]:
        paths = [(file.index, self.blobs.path(file.digest)) for file in dispatch.files]
        kept = [(index, path) for index, path in paths if path is not None]
        if len(kept) != len(paths):
            raise StorageError("a file to be sent is gone from where it was kept")
        return kept
