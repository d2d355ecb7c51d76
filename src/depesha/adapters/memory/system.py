"""The world in a test's hands: a clock moved by hand, counted identities, no chance, no threads.

Honest bodies of the ports in `adapters/system.py`: both pass `tests/contract/test_system.py`.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from depesha.schemas.ids import Guid, MessageId

if TYPE_CHECKING:
    from depesha.schemas.steps import AnyStep

P = ParamSpec("P")
R = TypeVar("R")

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""A Monday morning, where a test does not care."""


class HandClock:
    """`ports.Clock` that stands still until `advance`.

    With `self_moving`, a sleep moves the clock itself and returns at once: loops run through
    their waits without anybody's hand.
    """

    def __init__(self, start: datetime = START, *, self_moving: bool = False) -> None:
        self._start = start
        self._elapsed = 0.0
        self._self_moving = self_moving
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """Wall time, UTC, aware."""
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._elapsed

    @property
    def sleepers(self) -> int:
        """How many callers wait."""
        return sum(not future.done() for _, _, future in self._sleepers)

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was moved far enough; always lets others run first."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        due = self._elapsed + max(0.0, seconds)
        heapq.heappush(self._sleepers, (due, next(self._order), future))
        if self._self_moving or due <= self._elapsed:
            self.advance(due - self._elapsed)
        await future

    def advance(self, seconds: float) -> None:
        """Move on and wake, in order, everyone whose time has come."""
        self._elapsed += max(0.0, seconds)
        while self._sleepers and self._sleepers[0][0] <= self._elapsed:
            _, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.get_loop().call_soon(_wake, future)

    def step_wall(self, seconds: float) -> None:
        """Set the wall time on or back, as an operator or a time service does."""
        self._start += timedelta(seconds=seconds)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class CountingIds:
    """`ports.IdSource` that counts: the same run gives the same identities."""

    def __init__(self) -> None:
        self._count = itertools.count(1)

    def message_id(self) -> MessageId:
        """32 hex digits, each above the last."""
        return MessageId(f"{next(self._count):032x}")

    def guid(self) -> Guid:
        """A GUID in canonical form that ends in the count."""
        return Guid(f"00000000-0000-4000-8000-{next(self._count):012x}")

    def secret(self) -> str:
        """A text as long as a real secret, and guessable."""
        return f"not-secret-{next(self._count):032x}"


class FixedJitter:
    """`ports.Jitter` that always gives the same number."""

    def __init__(self, value: float = 0.0) -> None:
        self._value = value

    def fraction(self) -> float:
        """The number given."""
        return self._value


class InlineThreads:
    """`ports.Threads` that runs the call where it stands, after letting others run."""

    async def run(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `function` and return its result."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.get_loop().call_soon(_wake, future)
        await future
        return function(*args, **kwargs)


class RecordingCheckpoint:
    """`ports.Checkpoint` that remembers the steps it was told of."""

    def __init__(self) -> None:
        self.steps: list[AnyStep] = []

    def reached(self, step: AnyStep) -> None:
        """Remember."""
        self.steps.append(step)
