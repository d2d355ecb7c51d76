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
        self.scanned += 1
        try:
            infected = EICAR in path.read_bytes()
        except OSError:
            return ScanResult(index=index, incomplete="cut off")
        return ScanResult(
            index=index, malware="Eicar-Test-Signature" if infected else "", engine=_ENGINE
        )

    async def ping(self) -> str:
        """Return a version; raise `ScannerError` while it is made to be unavailable."""
        if self.failure == "unavailable":
            raise ScannerError("no malware scanner answers")
        return _ENGINE
