"""The truth table: one row for each channel and fault, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby

HEAD = (
    f"{'channel':<10} {'fault':<58} {'deaths':>6} {'s':>5}  {'A says':<13} "
    f"{'the recipient has':<46} verdict"
)


@dataclass(slots=True, kw_only=True)
class Row:
    """What was done, what the sender says of it, and what the recipient has."""

    channel: str
    fault: str
    deaths: int = 0
    seconds: float = 0.0
    says: str = ""
    has: str = ""
    way: list[str] = field(default_factory=list)
    """What the sender went through."""
    note: str = ""
    struck: bool = True
    """False: the fault was not met, so the row proves nothing."""
    lost: int = 0
    doubled: int = 0
    untrue: int = 0
    faults: list[str] = field(default_factory=list)
    """What is wrong, in words."""

    @property
    def good(self) -> bool:
        """Tell whether the fault was met and nothing is wrong."""
        return self.struck and not self.faults

    def line(self) -> str:
        """Two lines, and one more for each fault."""
        verdict = "good" if self.good else "FAULT"
        if not self.struck:
            verdict = "NOT STRUCK: proves nothing"
        line = (
            f"{self.channel:<10} {self.fault:<58} {self.deaths:>6} {self.seconds:>5.1f}  "
            f"{self.says:<13} {self.has:<46} {verdict}"
        )
        way = " → ".join(_told(name, list(same)) for name, same in groupby(self.way))
        note = f"  ({self.note})" if self.note else ""
        lines = [line, f"{'':<10}   {way or 'no try'}{note}"]
        return "\n".join([*lines, *(f"    ! {fault}" for fault in self.faults)])


def _told(name: str, same: list[str]) -> str:
    return name if len(same) == 1 else f"{name} {len(same)}x"


def totals(rows: list[Row], deaths: int, seconds: float) -> str:
    """The last line."""
    bad = sum(not row.good for row in rows)
    return (
        f"{len(rows)} rows, {deaths} deaths; lost {sum(r.lost for r in rows)}, "
        f"doubled {sum(r.doubled for r in rows)}, untrue {sum(r.untrue for r in rows)}; "
        f"{bad} bad rows; {seconds:.0f} s"
    )
