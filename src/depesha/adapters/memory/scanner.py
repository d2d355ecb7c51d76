"""An honest malware scanner in memory, for tests: it knows one test file and may be made to fail.

It keeps the contract of `ports.MalwareScanner`; the same suite runs on it and on clamd.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.errors import ScannerError
from depesha.schemas.facts import ScanResult

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

EICAR = bytes.fromhex(
    "58354f2150254041505b345c505a58353428505e2937434329377d2445494341522d5354414e44"
    "4152442d414e544956495255532d544553542d46494c452124482b482a"
)
"""The harmless test file every scanner calls malware; in hex, so that this file is not one."""
_ENGINE = "memory"


class MemoryScanner:
    """Finds `EICAR` where it stands in the clear; `failure` makes every scan incomplete."""

    def __init__(self) -> None:
        self.failure = ""
        """Empty, or `unavailable`, `cut off`, `limits`, `time`."""
        self.scanned = 0
        """Files looked at so far."""

    async def scan(
        self, files: Sequence[tuple[int, Path]], budget: float
    ) -> tuple[ScanResult, ...]:
        """Scan files; a budget of nothing is spent at once."""
        failure = self.failure or ("time" if budget <= 0 else "")
        return tuple(self._one(index, path, failure) for index, path in files)

    def _one(self, index: int, path: Path, failure: str) -> ScanResult:
        if failure:
            return ScanResult(index=index, incomplete=failure)
        try:
            return self.look(index, path.read_bytes())
        except OSError:
            return ScanResult(index=index, incomplete="cut off")

    def look(self, index: int, content: bytes) -> ScanResult:
        """Look at content in memory."""
        self.scanned += 1
        malware = "Eicar-Test-Signature" if EICAR in content else ""
        return ScanResult(index=index, malware=malware, engine=_ENGINE)

    async def ping(self) -> str:
        """Return a version; raise `ScannerError` while it is made to be unavailable."""
        if self.failure == "unavailable":
            raise ScannerError("no malware scanner answers")
        return _ENGINE


class MemoryForesight:
    """`ports.Foresight` on a scanner in memory: silent while that one is made to fail."""

    def __init__(self, scanner: MemoryScanner) -> None:
        self._scanner = scanner

    def begin(self, files: Sequence[tuple[int, bytes | Path]]) -> MemoryLooking | None:
        """See `Foresight.begin`."""
        return MemoryLooking(self._scanner, tuple(files)) if files else None


class MemoryLooking:
    """`ports.Looking` that looks at the end."""

    def __init__(self, scanner: MemoryScanner, files: tuple[tuple[int, bytes | Path], ...]) -> None:
        self._scanner = scanner
        self._files = files

    def finish(self) -> tuple[ScanResult, ...]:
        """See `Looking.finish`."""
        if self._scanner.failure:
            return ()
        return tuple(
            self._scanner.look(
                index, content if isinstance(content, bytes) else content.read_bytes()
            )
            for index, content in self._files
        )
