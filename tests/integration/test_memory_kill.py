"""A process that dies at any moment loses nothing of what it had reported."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from depesha.errors import UnknownMessageError
from depesha.schemas.ids import Digest
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import Counts
from tests.support.memory import arrival, id_of, opened

CHILD = """
import asyncio, sys
from pathlib import Path
from depesha.schemas.message import Stored
from tests.support.memory import new_message, opened, registration, task

async def caller(memory, numbers):
    for n in numbers:
        blob = memory.blobs.put(b"original %d" % n)
        assert isinstance(await memory.store.admit(new_message(n, tasks=(task(),))), Stored)
        sys.stdout.write(f"admitted {n} {blob}\\n")
        await memory.store.change(registration(n, str(n)))
        sys.stdout.write(f"registered {n} {blob}\\n")
        sys.stdout.flush()
        if n % 7 == 0:
            await memory.journal.seal()

async def main():
    async with opened(Path(sys.argv[1])) as memory:
        numbers = iter(range(int(sys.argv[2]), 10**9))
        await asyncio.gather(*(caller(memory, numbers) for _ in range(8)))

asyncio.run(main())
"""


def run_and_kill(folder: Path, first: int, after: float) -> list[tuple[str, int, Digest]]:
    """Let a child work for a while, kill it, and return what it had reported."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), str(first)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdout is not None
    head = child.stdout.readline()
    time.sleep(after)
    child.send_signal(signal.SIGKILL)
    rest = child.stdout.read()
    child.wait()
    child.stdout.close()
    assert child.returncode == -signal.SIGKILL
    lines = [line for line in (head + rest).split(b"\n")[:-1] if line]
    words = [line.decode().split() for line in lines]
    return [(what, int(number), Digest(blob)) for what, number, blob in words]


async def test_everything_reported_before_a_kill_is_there(tmp_path: Path) -> None:
    reported: list[tuple[str, int, Digest]] = []
    for turn, after in enumerate((0.05, 0.13, 0.31)):
        reported += run_and_kill(tmp_path, 1 + turn * 1_000_000, after)
        async with opened(tmp_path) as memory:
            assert await memory.journal.verify() >= len(reported)
            assert _total(await memory.store.counts()) * 2 >= len(reported)
            for what, number, blob in reported:
                message = await memory.store.get(id_of(number))
                if what == "registered":
                    assert message.state is InboundState.REGISTERED
                known = await memory.store.known(arrival(number))
                assert {k.message_id for k in known} == {id_of(number)}
                path = memory.blobs.path(blob)
                assert path is not None
                assert path.read_bytes() == b"original %d" % number
            with pytest.raises(UnknownMessageError):
                await memory.store.get(id_of(0))
    assert len(reported) > 10
    assert list((tmp_path / "blobs" / "spool").iterdir()) == []


def _total(counts: Counts) -> int:
    return sum(counts.by_state.values())
