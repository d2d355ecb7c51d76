"""Names for sockets in the store's folder. Opens and listens to nothing."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def short_name(folder: Path, socket: str) -> Iterator[str]:
    """A name for the socket that is short enough, however deep the folder lies (unix(7))."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{socket}"
    finally:
        os.close(handle)
