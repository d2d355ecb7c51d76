"""What a reading process is told first, and how it is known to be of the gateway's own program.

A process may be started weeks after its gateway. It must not see other keys, other trust or other
code than its gateway has, whatever lies on the disk by then.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import depesha

if TYPE_CHECKING:
    from depesha.adapters.seos.settings import SeosSettings
    from depesha.app.trust import Papers
    from depesha.config import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """Settings and papers as the gateway read them at its start. Holds the private key."""

    settings: Settings
    seos: SeosSettings
    papers: Papers
    spool: str
    """Under the blobs' spool, whose owner empties it at its start; number and process are added."""


def program() -> str:
    """Return a mark of the program on disk; another one after any change. Blocking: some ms.

    What two programs say to each other cannot be relied on: their objects differ.
    """
    root = Path(depesha.__file__).parent
    mark = hashlib.sha256(depesha.__version__.encode())
    for file in sorted(root.rglob("*.py")):
        seen = file.stat()
        mark.update(f"\n{file.relative_to(root)} {seen.st_size} {seen.st_mtime_ns}".encode())
    return mark.hexdigest()[:16]
