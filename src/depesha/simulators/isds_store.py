"""The folder of the simulated ISDS: attachments and sealed papers under numbers of its own.

Contents may be shared by several messages; the last that goes takes the file with it.
"""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path


class FileStore:
    """Gives out paths and forgets files. Safe in threads."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = threading.Lock()
        self._count = 0
        self._uses: Counter[Path] = Counter()

    def fresh(self, suffix: str = "part") -> Path:
        """Return a path nobody has."""
        with self._lock:
            self._count += 1
            return self._folder / f"{self._count}.{suffix}"

    def put(self, content: bytes) -> Path:
        """Write a small file of ours."""
        path = self.fresh()
        path.write_bytes(content)
        return path

    def keep(self, path: Path) -> None:
        """Count one more use of a file."""
        with self._lock:
            self._uses[path] += 1

    def used(self, path: Path) -> bool:
        """Tell whether anything uses a file."""
        with self._lock:
            return self._uses[path] > 0

    def discard(self, path: Path) -> None:
        """Remove a file that nothing uses."""
        if not self.used(path):
            path.unlink(missing_ok=True)

    def drop(self, path: Path) -> None:
        """End one use; the file goes with the last."""
        with self._lock:
            self._uses[path] -= 1
            if self._uses[path] <= 0:
                del self._uses[path]
                path.unlink(missing_ok=True)
