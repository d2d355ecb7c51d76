"""What people may do with a ZFO file offline: open it, verify it, take its attachments out.

Blocking. It asks nobody, believes nothing that was not verified, and never uses a name from a
paper as a path.
"""

from __future__ import annotations

import shutil
from itertools import count
from typing import TYPE_CHECKING, BinaryIO, Final

from depesha.adapters.filetypes import HEAD, detect
from depesha.adapters.isds import zfo
from depesha.adapters.isds.checking import Checked, ZfoChecker
from depesha.adapters.names import safe_name
from depesha.adapters.trust import CertificateJudge, TrustPolicy
from depesha.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from depesha.adapters.isds.values import PaperContent, PaperFile

PIECE: Final = 1024 * 1024
TRIES: Final = 1_000
"""Names tried for one attachment."""


def opened(file: Path, folder: Path) -> PaperContent:
    """Read what a ZFO says, into an empty folder; raise `WireError`, `StorageError`."""
    zfo.unseal(file, folder)
    return zfo.read_content(folder)


def verified(file: Path, folder: Path, authorities: Sequence[bytes], at: datetime) -> Checked:
    """Check a ZFO whole. Without authorities the chain is not judged, and nobody vouches for it.

    Raises `ConfigurationError` for authorities that are no certificates, and `StorageError`.
    """
    policy = TrustPolicy(
        authorities=tuple(authorities),
        register_serial=False,
        chain=bool(authorities),
        revocation=False,
    )
    judge = CertificateJudge(policy)
    return ZfoChecker(seals=judge, stamps=judge).check(file, folder, at)


def exported(paper: PaperContent, target: Path) -> list[tuple[Path, int]]:
    """Copy the attachments to a folder; return paths and sizes. Nothing there is replaced."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        return [(_written(file, target), file.stored.size) for file in paper.files]
    except OSError as error:
        raise StorageError("an attachment cannot be written") from error


def _written(file: PaperFile, target: Path) -> Path:
    with file.stored.path.open("rb") as source:
        detected = detect(source.read(HEAD), file.name)
        source.seek(0)
        path, into = _fresh(target, safe_name(file.name, file.index, detected))
        with into:
            shutil.copyfileobj(source, into, PIECE)
    return path


def _fresh(target: Path, name: str) -> tuple[Path, BinaryIO]:
    """Open a new file of this name, or of one beside it."""
    stem, dot, kind = name.rpartition(".")
    if not stem:
        stem, dot, kind = name, "", ""
    for number in count(1):
        path = target / (name if number == 1 else f"{stem} ({number}){dot}{kind}")
        try:
            return path, path.open("xb")
        except FileExistsError:
            if number >= TRIES:
                raise
    raise StorageError("an attachment cannot be written")
