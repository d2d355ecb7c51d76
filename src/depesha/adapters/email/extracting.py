"""Gets files and facts back out of a stored mail (`ports.Extractor`). Called from threads."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from depesha.adapters.email.arriving import MailArrivals
from depesha.ports import Clock
from depesha.schemas.dispatch import EMAIL
from depesha.schemas.facts import Arrival


class MailExtractor:
    """`ports.Extractor` of e-mail."""

    def __init__(self, *, arrivals: MailArrivals, clock: Clock) -> None:
        self._arrivals = arrivals
        self._clock = clock

    @property
    def network(self) -> str:
        """The network whose originals it reads."""
        return EMAIL

    def extract(self, original: Path, index: int, into: BinaryIO) -> None:
        """Write the decoded content of file `index` (from 1); raise `WireError`."""
        self._arrivals.extract(original, index, into, self._clock.now())

    def read(self, original: Path, at: datetime) -> Arrival:
        """Gather the facts of an original stored at `at` again, for a recheck."""
        return self._arrivals.read(original, at)
