"""The queue by ages: since when work waits that should be done, and what people owe. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from depesha.schemas.message import Parked, TaskKind
from depesha.schemas.sentences import plain

if TYPE_CHECKING:
    from depesha.schemas.attending import Attention
    from depesha.schemas.overview import QueueAge

LATE = timedelta(minutes=5)
"""Work that has been due for longer is late: hands are free within seconds."""
VERY_LATE = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeLine:
    """One kind of work."""

    kind: TaskKind
    level: str
    word: str
    due_since: datetime | None
    next_due: datetime | None
    parked_since: datetime | None
    in_hand: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedLine:
    """Work that waits for a person."""

    task: Parked
    reason: str
    """Empty where the visitor may not read it."""
    taken: Attention | None


def age_lines(ages: Sequence[QueueAge], now: datetime) -> tuple[AgeLine, ...]:
    """Return the kinds of work, what has waited longest first."""
    lines = [_line(age, now) for age in ages]
    return tuple(sorted(lines, key=lambda line: (line.due_since or now, str(line.kind))))


def _line(age: QueueAge, now: datetime) -> AgeLine:
    late = timedelta() if age.due_since is None else now - age.due_since
    level, word = "good", "queue.in-time" if age.due_since or age.in_hand else "queue.idle"
    if late > VERY_LATE:
        level, word = "bad", "queue.very-late"
    elif late > LATE:
        level, word = "unproven", "queue.late"
    return AgeLine(
        kind=age.kind,
        level=level,
        word=word,
        due_since=age.due_since,
        next_due=age.next_due,
        parked_since=age.parked_since,
        in_hand=age.in_hand > 0,
    )


def parked_lines(
    parked: Sequence[Parked], taken: Mapping[str, Attention], *, sees: bool
) -> tuple[ParkedLine, ...]:
    """Return what waits for a person, oldest first."""
    return tuple(
        ParkedLine(
            task=task,
            reason=plain(task.reason) if sees else "",
            taken=taken.get(task.message_id or f"task-{task.task_id}"),
        )
        for task in parked
    )
