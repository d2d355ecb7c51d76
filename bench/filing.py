"""What the console's lists and its index of words cost a store, as a ratio of the same run.

Messages are admitted and registered, documents submitted, in turns with and without the filing;
without it the stores write what they wrote before there was a console.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.memory import new_message, registration
from tests.support.outbound_memory import new_outbound

from bench.million import KEY
from depesha.adapters.system import SystemClock, SystemIds
from depesha.queue import outbound, rows, store
from depesha.queue.lane import Transaction
from depesha.queue.opening import open_memory

_INDEXES = ("tasks_of_message", "tasks_parked_by_kind")


def _nothing(*_: Any) -> tuple[()]:
    return ()


@contextmanager
def filing(*, on: bool) -> Iterator[None]:
    """Let the stores file, or not."""
    places: tuple[tuple[Any, str], ...] = (
        *((module, name) for module in (store, outbound) for name in ("file", "refile")),
        (outbound, "mend"),
        (rows, "pulses_of"),
    )
    kept: list[Callable[..., Any]] = [getattr(module, name) for module, name in places]
    if not on:
        for module, name in places:
            setattr(module, name, _nothing)
    try:
        yield
    finally:
        for (module, name), function in zip(places, kept, strict=True):
            setattr(module, name, function)


def drop(index: str, transaction: Transaction) -> None:
    """Take an index away that came with the console."""
    transaction.run(f"DROP INDEX {index}")


async def caller(rest: Iterator[Callable[[], Any]]) -> None:
    """Make one call after the other."""
    for call in rest:
        await call()


async def work(
    folder: Path, count: int, together: int, *, on: bool
) -> dict[str, tuple[float, float]]:
    """Return wall and CPU microseconds of each kind of write."""
    clock = SystemClock()
    memory = await open_memory(folder, clock=clock, ids=SystemIds(clock), seal_key=KEY)
    found: dict[str, tuple[float, float]] = {}
    try:
        if not on:
            for index in _INDEXES:
                await memory.db.write(partial(drop, index))
        numbers = range(1, count + 1)
        writes: dict[str, list[Callable[[], Any]]] = {
            "admit": [partial(memory.store.admit, new_message(n)) for n in numbers],
            "register": [partial(memory.store.change, registration(n, f"ВХ-{n}")) for n in numbers],
            "submit": [partial(memory.outbound.submit, new_outbound(n)) for n in numbers],
        }
        for name, calls in writes.items():
            waiting = iter(calls)
            wall, cpu = time.perf_counter(), time.process_time()
            await asyncio.gather(*(caller(waiting) for _ in range(together)))
            found[name] = (
                (time.perf_counter() - wall) / count * 1e6,
                (time.process_time() - cpu) / count * 1e6,
            )
    finally:
        await memory.close()
    return found


def main() -> None:
    """Read the arguments and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--together", type=int, default=16)
    options = parser.parse_args()
    ratios: dict[str, list[tuple[float, float, float, float]]] = {}
    for number in range(options.rounds):
        results: dict[bool, dict[str, tuple[float, float]]] = {}
        for on in (True, False) if number % 2 else (False, True):
            with tempfile.TemporaryDirectory() as folder, filing(on=on):
                results[on] = asyncio.run(
                    work(Path(folder), options.count, options.together, on=on)
                )
        for name, after in results[True].items():
            ratios.setdefault(name, []).append((*results[False][name], *after))
    print(f"{datetime.now(UTC):%Y-%m-%d}, {options.together} callers, median of {options.rounds}")
    for name, runs in ratios.items():
        wall = statistics.median(run[2] / run[0] for run in runs)
        cpu = statistics.median(run[3] / run[1] for run in runs)
        least, most = (statistics.median(run[i] for run in runs) for i in (1, 3))
        print(f"{name:9} wall {wall:.2f}×   CPU {cpu:.2f}× ({least:.0f} → {most:.0f} µs)")


if __name__ == "__main__":
    main()
