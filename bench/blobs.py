"""Where small originals are better kept: as files, or inside the database. Durable, 16 callers.

Each message is a blob and an admission: put first and durable, then the row. `one sync` renames
first and syncs the file once, then the folder: fewer journal commits on ext4, and a file that
may be torn under its final name after a power cut, which `put` would notice by its digest.

Run: python -m bench.blobs [FOLDER]
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.memory import opened

from bench.memory import make
from depesha.queue.blobs import sync_file, sync_folder
from depesha.queue.opening import Memory
from depesha.schemas.evidence import sha256
from depesha.schemas.message import NewMessage

CALLERS = 16
SIZES = (2_000, 10_000, 30_000, 100_000)
COUNT = 600
KEYED = "CREATE TABLE bench_blobs (row INTEGER PRIMARY KEY, digest TEXT UNIQUE, data BLOB)"

Keep = Callable[[bytes, NewMessage], Awaitable[None]]


def as_file(memory: Memory, pool: ThreadPoolExecutor) -> Keep:
    """The way taken: put in a worker thread, then admit."""

    async def keep(data: bytes, message: NewMessage) -> None:
        await asyncio.get_running_loop().run_in_executor(pool, memory.blobs.put, data)
        await memory.store.admit(message)

    return keep


def one_sync(memory: Memory, pool: ThreadPoolExecutor) -> Keep:
    """Rename first, then one sync of the file and one of the folder."""

    def put(data: bytes) -> None:
        digest = sha256(data)
        spool = memory.blobs.spool()
        spool.write_bytes(data)
        place = spool.parents[1] / digest[:2] / digest
        spool.replace(place)
        sync_file(place)
        sync_folder(place.parent)

    async def keep(data: bytes, message: NewMessage) -> None:
        await asyncio.get_running_loop().run_in_executor(pool, put, data)
        await memory.store.admit(message)

    return keep


def inside(memory: Memory, pool: ThreadPoolExecutor) -> Keep:
    """A row in the database in the group just before the admission's."""

    async def keep(data: bytes, message: NewMessage) -> None:
        digest = await asyncio.get_running_loop().run_in_executor(pool, sha256, data)
        await memory.db.write(
            lambda t: t.run("INSERT INTO bench_blobs (digest, data) VALUES (?, ?)", digest, data)
        )
        await memory.store.admit(message)

    return keep


async def run(keep: Keep, size: int, first: int) -> tuple[float, float]:
    """Return messages a second, and CPU in microseconds each."""
    bodies = [os.urandom(size) for _ in range(COUNT)]
    waiting = iter(zip(bodies, make(first, COUNT), strict=True))

    async def caller() -> None:
        for data, message in waiting:
            await keep(data, message)

    start, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    took, busy = time.perf_counter() - start, time.process_time() - cpu
    return COUNT / took, busy / COUNT * 1e6


async def measure(root: Path | None) -> None:
    print(f"{'bytes':>8} {'way':>12} {'messages/s':>11} {'us CPU each':>12}   (median of 3)")
    for size in SIZES:
        found: dict[str, list[tuple[float, float]]] = {}
        for turn in range(3):
            for name, way in (("files", as_file), ("one sync", one_sync), ("inside", inside)):
                folder = Path(tempfile.mkdtemp(dir=root))
                with ThreadPoolExecutor(4) as pool:
                    async with opened(folder) as memory:
                        await memory.db.write(lambda t: t.run(KEYED))
                        result = await run(way(memory, pool), size, turn * COUNT)
                        found.setdefault(name, []).append(result)
                shutil.rmtree(folder)
        for name, results in found.items():
            rate, cpu = sorted(results)[1]
            print(f"{size:>8} {name:>12} {rate:>11.0f} {cpu:>12.0f}")


if __name__ == "__main__":
    asyncio.run(measure(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
