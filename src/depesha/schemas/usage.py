"""How busy the parts of a running gateway are, of one moment: for metrics. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """The workers of one lane of tasks."""

    lane: str
    workers: int
    busy: int
    """How many of them have a task in hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadUse:
    """The pool of worker threads."""

    size: int
    busy: int
    """Calls that run, never more than `size`."""
    waiting: int
    """Calls that are ready or wait for their turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Everything that can be in use."""

    hands: tuple[Hands, ...] = ()
    threads: ThreadUse | None = None
    store_waiting: Mapping[str, int] = field(default_factory=dict)
    """Callers that wait for a connection of the store, by its name."""
