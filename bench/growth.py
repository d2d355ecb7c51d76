"""What one more message costs as stored ones grow: it must stay flat within a fifth.

Stores of each size are filled as `bench/million.py` does and opened as the gateway does. The turns
go round over all of them, so that the machine's mood hits all alike.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench import million
from bench.processes import say
from depesha.adapters.system import SystemClock, SystemIds
from depesha.schemas.lifecycle import InboundEvent
from depesha.schemas.message import Change, EvidenceKind, NewEvidence
from depesha.schemas.overview import Direction, LineQuery

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from depesha.queue.opening import Memory
    from depesha.schemas.message import NewMessage

EACH = 400
"""Messages of one turn in one store."""
TURNS = 7
TOGETHER = 16
MILLION = 1_000_000


@dataclass(slots=True)
class Filled:
    """One store and what its turns cost: CPU and wall microseconds a message."""

    stored: int
    memory: Memory
    base: million.Incoming
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)


async def run(options: argparse.Namespace) -> None:
    """Fill the stores, measure in turns, print."""
    sizes = [*options.stored, *([MILLION] if options.million else [])]
    with tempfile.TemporaryDirectory(prefix="depesha-growth-") as name:
        async with AsyncExitStack() as stack:
            stores = []
            for size in sizes:
                say(f"filling a store with {size} documents")
                stores.append(await _filled(Path(name) / str(size), size, stack))
            for turn in range(TURNS):
                for one in stores if turn % 2 else reversed(stores):
                    await _turn(one)
    print("cost of one more message, admitted and closed by a word, 16 together; medians of turns:")
    first = statistics.median(stores[0].cpu)
    for one in stores:
        cpu, wall = statistics.median(one.cpu), statistics.median(one.wall)
        print(f"   {one.stored:9,} stored: {cpu:6.0f} µs CPU ({cpu / first:.2f}), {wall:6.0f} µs")


async def _filled(folder: Path, size: int, stack: AsyncExitStack) -> Filled:
    await million.make(folder, size)
    memory = await million.opened(folder)
    stack.push_async_callback(memory.close)
    lines = await memory.overview.lines(LineQuery(direction=Direction.IN))
    return Filled(stored=size, memory=memory, base=million.Incoming.of(lines))


async def _turn(one: Filled) -> None:
    ids, now = SystemIds(SystemClock()), datetime.now(UTC)
    fresh = [one.base.next(ids, now) for _ in range(EACH)]
    wall, cpu = time.perf_counter(), time.process_time()
    rest = iter(fresh)
    await asyncio.gather(*(_caller(one.memory, rest) for _ in range(TOGETHER)))
    await one.memory.overview.catch_up()
    one.cpu.append((time.process_time() - cpu) * 1e6 / EACH)
    one.wall.append((time.perf_counter() - wall) * 1e6 / EACH)


async def _caller(memory: Memory, rest: Iterator[NewMessage]) -> None:
    for new in rest:
        await memory.store.known(new.arrival)
        await memory.store.admit(new)
        await memory.store.change(
            Change(
                message_id=new.id,
                event=InboundEvent.REFUSED,
                evidence=NewEvidence(
                    kind=EvidenceKind.REFUSED,
                    at=new.evidence.at,
                    message_id=new.id,
                    actor="bench",
                    facts={},
                ),
            )
        )
