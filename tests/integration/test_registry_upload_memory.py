"""A document of 200 MB goes through the real API in a process of its own; memory is measured."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from tests.support.registry_outbound import KEY, PDF, WORDS

_MIB = 2**20
_SIZE = 200 * _MIB
SERVER = """
import asyncio, pathlib, sys
from depesha.queue.blobs import FileBlobs
from tests.support import registry
registry.MemoryBlobs = FileBlobs  # the double reads a file whole; the real store does not
async def main():
    async with registry.running_api(pathlib.Path(sys.argv[1])) as api:
        print(api.server.make_url("/api/v1/messages"), api.secrets["send"], flush=True)
        await asyncio.to_thread(sys.stdin.readline)
asyncio.run(main())
"""


def held(pid: int) -> int:
    """Memory a process holds of its own, in bytes.

    Pages of a file that is looked at (proc(5): RssFile) are the system's, and given back at need.
    """
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(one for one in status.splitlines() if one.startswith("RssAnon"))
    return int(line.split()[1]) * 1024


async def watch(pid: int, seen: list[int]) -> None:
    while True:
        seen.append(held(pid))
        await asyncio.sleep(0.01)


async def body(size: int) -> AsyncIterator[bytes]:
    yield b'--x\r\nContent-Disposition: form-data; name="message"\r\n\r\n'
    yield json.dumps(WORDS).encode() + b"\r\n"
    yield b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.pdf"\r\n\r\n' + PDF
    piece = os.urandom(_MIB)
    for _ in range(size // _MIB):
        yield piece
    yield b"\r\n--x--\r\n"


async def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SERVER,
        str(tmp_path),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url, secret = (await process.stdout.readline()).decode().split()
        headers = KEY | {
            "Authorization": f"Bearer {secret}",
            "Content-Type": "multipart/form-data; boundary=x",
        }
        async with aiohttp.ClientSession() as session:
            first = headers | {"Idempotency-Key": "first"}
            async with session.post(url, data=body(0), headers=first) as response:
                assert response.status == 202, await response.text()
            seen = [held(process.pid)]
            watching = asyncio.ensure_future(watch(process.pid, seen))
            async with session.post(url, data=body(_SIZE), headers=headers) as response:
                assert response.status == 202, await response.text()
            watching.cancel()
        growth = max(seen) - seen[0]
    finally:
        process.stdin.write(b"\n")
        await process.wait()
    print(f"200 MB taken in; memory grew by {growth / _MIB:.1f} MiB")  # noqa: T201 -- a figure
    assert growth < 64 * _MIB
