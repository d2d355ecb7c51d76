"""What an operation of the simulated ISDS returns: words, a paper still to be sealed, files.

Values, and the few words all operations share; `isds_soap` wraps them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from depesha.schemas.wire.isds import DONE, Paper
from depesha.simulators.isds_pieces import Pen, Pieces
from depesha.simulators.isds_quirks import FaultKind
from depesha.simulators.isds_reading import Call
from depesha.simulators.isds_values import Caller, Right
from depesha.simulators.isds_words import RefusalError

SPOILS: Final = (
    FaultKind.STAMPLESS,
    FaultKind.BAD_SIGNATURE,
    FaultKind.BAD_CONTENT,
    FaultKind.BAD_STAMP,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsealed:
    """A paper to be sealed outside the lock."""

    kind: Paper
    content: Pieces
    spoil: FaultKind | None = None
    element: str = "dmSignature"
    """The element of the answer that carries the sealed bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What stands in the answer before the status, and the status."""

    inner: Pieces = ()
    paper: Unsealed | None = None
    code: str = DONE
    words: str = ""
    created: bool = False
    """Whether something was done that must not be done twice."""


Operation = Callable[[Caller, Call], Reply]
"""One operation: raises `RefusalError`."""
_PIECE: Final = 1024 * 1024


def demand(caller: Caller, right: Right) -> None:
    """Refuse a log-in without this right."""
    if not caller.may(right):
        raise RefusalError("1004")


def status(pen: Pen, code: str, words: str, prefix: str = "dm") -> None:
    """Write a status."""
    pen.open(f"p:{prefix}Status")
    pen.add(f"p:{prefix}StatusCode", code)
    pen.add(f"p:{prefix}StatusMessage", words)
    pen.close(f"p:{prefix}Status")


def digests(path: Path) -> tuple[str, str]:
    """Return SHA-256 and SHA3-256 of a file, hex."""
    one, two = hashlib.sha256(), hashlib.sha3_256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            one.update(piece)
            two.update(piece)
    return one.hexdigest(), two.hexdigest()
