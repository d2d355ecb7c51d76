"""Admissions per second with realistic rows, by how many callers wait at once; durable, on disk.

Run: python -m bench.memory [FOLDER]
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.support.memory import new_message, opened, task

from depesha.queue.opening import Memory
from depesha.schemas.message import NewMessage, Stored

WIRE = os.urandom(2000).hex().encode()
"""As large as a signed answer with its certificate: 4,000 bytes."""


def make(first: int, count: int) -> list[NewMessage]:
    return [new_message(first + n, tasks=(task(),), wire=WIRE) for n in range(count)]


async def admit_all(memory: Memory, messages: list[NewMessage], callers: int) -> None:
    waiting = iter(messages)

    async def caller() -> None:
        for message in waiting:
            if not isinstance(await memory.store.admit(message), Stored):
                raise SystemExit("an admission was taken for a repeat")

    await asyncio.gather(*(caller() for _ in range(callers)))


async def measure(folder: Path) -> None:
    print(f"{'callers':>8} {'admits/s':>9} {'us CPU/admit':>13} {'ms each':>8}")
    async with opened(folder) as memory:
        await admit_all(memory, make(1_000_000, 300), 8)
        first = 0
        for callers in (1, 16, 64, 200):
            count = 1000 if callers == 1 else 4000
            messages = make(first, count)
            first += count
            start, cpu = time.perf_counter(), time.process_time()
            await admit_all(memory, messages, callers)
            took, busy = time.perf_counter() - start, time.process_time() - cpu
            print(
                f"{callers:>8} {count / took:>9.0f} {busy / count * 1e6:>13.0f}"
                f" {took / count * callers * 1e3:>8.2f}"
            )


def main() -> None:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    folder = Path(tempfile.mkdtemp(dir=root))
    try:
        asyncio.run(measure(folder))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
