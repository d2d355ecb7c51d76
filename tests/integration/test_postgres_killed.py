"""A gateway that is killed: its tasks come back, at once to itself, soon to another."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

from depesha.schemas.message import TaskKind
from tests.support.gateways import open_gateway
from tests.support.postgres import quick_server

NOTICE = (TaskKind.NOTICE,)

CHILD = """
import asyncio, sys
from pathlib import Path
from depesha.schemas.message import TaskKind
from tests.support.gateways import open_gateway
from tests.support.memory import new_message, task

async def main():
    memory = await open_gateway(sys.argv[1], Path(sys.argv[2]), "one")
    await memory.store.admit(new_message(1, tasks=(task(),)))
    (claim,) = await memory.tasks.claim((TaskKind.NOTICE,), 1, 900)
    print("claimed", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def killed(url: str, folder: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, url, str(folder)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"claimed\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()


async def test_a_killed_gateway_that_comes_back_has_its_tasks_at_once(tmp_path: Path) -> None:
    with quick_server().database() as url:
        await asyncio.to_thread(killed, url, tmp_path)
        again = await open_gateway(url, tmp_path, "one")
        assert len(await again.tasks.claim(NOTICE, 1, 900)) == 1
        await again.close()


async def test_a_killed_gateways_tasks_go_to_another(tmp_path: Path) -> None:
    with quick_server().database() as url:
        two = await open_gateway(url, tmp_path, "two", beat_seconds=0.1, death_seconds=2)
        await asyncio.to_thread(killed, url, tmp_path)
        died = time.monotonic()
        while not await two.tasks.claim(NOTICE, 1, 900):
            await asyncio.sleep(0.05)
            assert time.monotonic() - died < 15
        assert time.monotonic() - died > 0.5
        await two.close()
