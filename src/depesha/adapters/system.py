"""The machine beneath: the only wall clock, the only new identities, the only chance, the threads.

Nothing else in the product may read time, sleep, draw random numbers or start threads of its own.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import random
import secrets
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from depesha.errors import DepeshaError
from depesha.schemas.ids import Guid, MessageId
from depesha.schemas.usage import ThreadUse

if TYPE_CHECKING:
    from depesha.ports import Clock
    from depesha.schemas.steps import AnyStep

P = ParamSpec("P")
R = TypeVar("R")

_RANDOM_BITS = 74
_STEP_BITS = 32
_LOW_BITS = 62
_SECRET_BYTES = 32


class SystemClock:
    """`ports.Clock` over the machine's own clocks."""

    def now(self) -> datetime:
        """Wall time, UTC, aware."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only grow, for durations."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait; a negative duration counts as zero."""
        await asyncio.sleep(max(0.0, seconds))


class SystemIds:
    """`ports.IdSource` over the kernel's random numbers. Safe to use from several threads."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._last = 0

    def message_id(self) -> MessageId:
        """A new UUIDv7 (RFC 9562, 6.2 method 2) as 32 hex digits, above every earlier one here.

        Where the clock stands still or steps back, the last value grows by a random step instead,
        so that the order of ids within one process is the order of arrival.
        """
        milliseconds = int(self._clock.now().timestamp() * 1000)
        fresh = milliseconds << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
        with self._lock:
            if fresh <= self._last:
                fresh = self._last + 1 + secrets.randbits(_STEP_BITS)
            self._last = fresh
        return MessageId(f"{_as_uuid7(fresh):032x}")

    def guid(self) -> Guid:
        """A new random GUID (UUIDv4), lower case, with hyphens."""
        return Guid(str(uuid.uuid4()))

    def secret(self) -> str:
        """256 unguessable bits as 43 characters that fit a URL."""
        return secrets.token_urlsafe(_SECRET_BYTES)


def _as_uuid7(value: int) -> int:
    """Spread 48 bits of time and 74 of chance around the version and variant bits."""
    high, low = value >> _LOW_BITS, value & ((1 << _LOW_BITS) - 1)
    time_bits, rand_a = high >> 12, high & 0xFFF
    return time_bits << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | low


class SystemJitter:
    """`ports.Jitter`: spreads retries; never used for secrets."""

    def __init__(self) -> None:
        self._random = random.Random()  # noqa: S311 -- it spreads load, it guards nothing

    def fraction(self) -> float:
        """A number from 0 up to, not including, 1."""
        return self._random.random()


class WorkerThreads:
    """`ports.Threads` over a pool of fixed size.

    At most two calls a thread are handed to the pool (one running, one ready, so that no thread
    idles while the loop is busy); further callers wait their turn in order of arrival. A caller
    that is cancelled leaves its call running, and its place is free only when that call ends.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise DepeshaError("a pool needs at least one thread")
        self._size, self._asked = size, 0
        self._pool = ThreadPoolExecutor(max_workers=size, thread_name_prefix="depesha")
        self._places = asyncio.Semaphore(size * 2)
        self._closed = False

    def use(self) -> ThreadUse:
        """Tell how busy the pool is now."""
        busy = min(self._size, self._asked)
        return ThreadUse(size=self._size, busy=busy, waiting=self._asked - busy)

    async def run(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `function` in a worker thread, in the caller's context, and return its result."""
        self._asked += 1
        try:
            future = await self._begin(function, *args, **kwargs)
        except BaseException:
            self._asked -= 1
            raise
        future.add_done_callback(self._ended)
        return await asyncio.shield(future)

    def _ended(self, _: object) -> None:
        self._asked -= 1
        self._places.release()

    async def _begin(
        self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[R]:
        """Wait for a place and hand the call to the pool."""
        await self._places.acquire()
        if self._closed:
            self._places.release()
            raise DepeshaError("the gateway is stopping")
        try:
            call = functools.partial(contextvars.copy_context().run, function, *args, **kwargs)
            return asyncio.get_running_loop().run_in_executor(self._pool, call)
        except BaseException:
            self._places.release()
            raise

    async def close(self) -> None:
        """Take no more calls, wait for those begun. Closing twice is safe."""
        self._closed = True
        await asyncio.to_thread(self._pool.shutdown, wait=True)


class NoCheckpoint:
    """`ports.Checkpoint` of normal life: nobody stops anywhere."""

    def reached(self, step: AnyStep) -> None:
        """Return at once."""
