"""What an attack is, how it is judged, and one line of the table. Sends nothing by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from depesha.schemas.verdict import Hold, Rejection
from tests.attack.stand import Came, Stand, Stored

Attempt = Callable[[Stand], Awaitable[Came]]
_KEPT_BACK: Final = frozenset({"HELD", "REJECTED"})
_HOLDS: Final = frozenset(hold.value for hold in Hold)
_REFUSALS: Final = frozenset(rejection.value for rejection in Rejection)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One attack."""

    layer: str
    name: str
    why: str
    """What it would gain where it succeeded."""
    attempt: Attempt
    expected: frozenset[str]
    """Words of which one must come back, or be the reason kept: codes, statuses, `HTTP 413`."""
    admits: bool = False
    """True where it must be admitted, defused: with one of the expected words as its caution."""
    patient: bool = False
    """True where it waits and stores nothing, so that others may run beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What became of one attack."""

    case: Case
    came: Came
    stored: tuple[Stored, ...]
    seconds: float

    @property
    def reasons(self) -> tuple[str, ...]:
        """Codes of what the gateway kept."""
        return tuple(dict.fromkeys(reason for one in self.stored for reason in one.reasons))

    @property
    def fault(self) -> str:
        """Why the gateway failed this case; empty where it did not."""
        states = {one.state for one in self.stored}
        return self._not_defused(states) if self.case.admits else self._not_kept_back(states)

    def _not_kept_back(self, states: set[str]) -> str:
        if states - _KEPT_BACK:
            return f"stored as {', '.join(sorted(states - _KEPT_BACK))}"
        if self.came.http >= 500 and self.came.said != "fault":
            return f"HTTP {self.came.http} that is no prescribed fault"
        if not self.case.expected & (self.came.words | set(self.reasons)):
            return f"expected {' or '.join(sorted(self.case.expected))}"
        return self._not_told(states)

    def _not_told(self, states: set[str]) -> str:
        if "HELD" in states and self.came.said != "DS_WAIT_REGISTRATION":
            return "held, but the sender was not told to wait"
        if "REJECTED" in states and self.came.code not in _REFUSALS:
            return "refused, but the sender was told no reason"
        return ""

    def _not_defused(self, states: set[str]) -> str:
        if states != {"ADMITTED"}:
            return f"must be admitted, is {', '.join(sorted(states)) or 'not stored'}"
        missing = self.case.expected - set(self.reasons) - self.came.words
        return f"no word of {', '.join(sorted(missing))}" if missing else ""

    @property
    def verdict(self) -> str:
        """One word for the table."""
        if self.fault:
            return "BREACH"
        if self.case.admits:
            return "defused"
        if any(one.state == "HELD" for one in self.stored):
            return "held"
        if self.came.said.startswith("DS_") and self.came.said != "DS_REJECTED":
            return "repeat" if self.came.said != "DS_NOT_FOUND" else "unknown"
        return "refused"

    def line(self) -> str:
        """One line of the table."""
        kept = ", ".join(sorted({one.state for one in self.stored})) or "–"
        why = ", ".join(reason for reason in self.reasons if reason != self.came.code)
        kept += f" ({why})" if why else ""
        tail = f"   !! {self.fault}" if self.fault else ""
        return (
            f"{self.case.layer:<9} {self.case.name:<34} {self.case.why:<62} {self.came.http:>3}  "
            f"{self.came.told:<38} {kept:<32} {self.verdict}{tail}"
        )


HEAD: Final = (
    f"{'layer':<9} {'case':<34} {'why it is an attack':<62} {'http':>4} "
    f"{'what came back':<38} {'stored':<32} verdict"
)


def words(*expected: str) -> frozenset[str]:
    """Return the words expected."""
    return frozenset(expected)


def summary(rows: Sequence[Row]) -> str:
    """Count the verdicts."""
    count: dict[str, int] = {}
    for row in rows:
        count[row.verdict] = count.get(row.verdict, 0) + 1
    parts = ", ".join(f"{number} {word}" for word, number in sorted(count.items()))
    return f"{len(rows)} cases: {parts}"
