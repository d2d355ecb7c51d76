"""The table of the run: one row for each death or cut."""

from __future__ import annotations

from dataclasses import dataclass, field

HEAD = (
    f"{'step':<34} {'variant':<8} {'killed':<9} {'restarts':>8} {'up s':>6} {'whole s':>8} "
    f"{'messages':>8} {'registr.':>8}  {'numbers at the sender':<22} verdict"
)


@dataclass(slots=True, kw_only=True)
class Row:
    """What was done and how it ended."""

    step: str
    variant: str = ""
    killed: str = "no"
    """By what, or `no`: a row without it proves nothing."""
    restarts: int = 0
    up: float = 0.0
    """Seconds from the last death until the gateway was ready."""
    whole: float = 0.0
    """Seconds from the first death until all was settled."""
    messages: list[int] = field(default_factory=list)
    registrations: list[int] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    note: str = ""

    @property
    def good(self) -> bool:
        """Tell whether it was killed and nothing is wrong."""
        return self.killed != "no" and not self.faults

    def line(self) -> str:
        """One line, and one more for each fault."""
        verdict = "good" if self.good else "FAULT"
        if self.killed == "no":
            verdict = "NOT KILLED: proves nothing"
        line = (
            f"{self.step:<34} {self.variant:<8} {self.killed:<9} {self.restarts:>8} "
            f"{self.up:>6.2f} {self.whole:>8.2f} {_counts(self.messages):>8} "
            f"{_counts(self.registrations):>8}  {' '.join(self.numbers):<22} {verdict} {self.note}"
        )
        return "\n".join([line.rstrip(), *(f"    ! {fault}" for fault in self.faults)])


def _counts(numbers: list[int]) -> str:
    return "+".join(map(str, numbers)) or "-"
