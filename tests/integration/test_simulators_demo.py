"""`depesha demo` from outside: the main job, and an orderly end whatever happens."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.clamd, pytest.mark.slow]


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "depesha", "demo", "--json", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


def rows(out: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def left(folder: Path) -> list[str]:
    """Command lines of living processes that name the folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = place.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


async def test_the_main_job_happens_and_everything_is_gone(tmp_path: Path) -> None:
    process = await start("--once", "--dir", str(tmp_path / "d"))
    out, err = await asyncio.wait_for(process.communicate(), 110)
    told = rows(out)
    assert process.returncode == 0, (told[-1], err)
    assert all(row["ok"] for row in told)
    assert len(told) == 31
    assert told[-1]["step"] == 31
    looked = next(row for row in told if "checks" in row)
    assert {c["verdict"] for c in looked["checks"]} == {"passed"}
    number = next(row["number"] for row in told if row.get("date"))
    assert [row["number"] for row in told if "number" in row] == [number] * 4
    assert len([row for row in told if row.get("reason")]) == 4
    ways = [row["network"] for row in told if "network" in row]
    assert ways == ["seos", "ssev", "email", "email", "seos", "isds"]
    assert len([row for row in told if row.get("signal")]) == 3
    assert [row["openssl"] for row in told if "openssl" in row] == [
        "CMS Verification successful"
    ] * 3
    assert len({row["their_number"] for row in told if "their_number" in row}) == 5
    assert len({row["dm_id"] for row in told if "dm_id" in row}) == 3
    assert next(row["bytes"] for row in told if row["name"].endswith("(VoDZ)")) > 60_000_000
    assert left(tmp_path) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_it_keeps_running_until_told_to_stop(tmp_path: Path, how: signal.Signals) -> None:
    process = await start("--no-traffic", "--dir", str(tmp_path / "d"))
    assert process.stdout is not None
    first = json.loads(await asyncio.wait_for(process.stdout.readline(), 90))
    second = json.loads(await asyncio.wait_for(process.stdout.readline(), 10))
    assert first["ok"]
    assert second["gateways"] == json.loads((tmp_path / "d" / "demo.json").read_text())["gateways"]
    assert left(tmp_path)
    process.send_signal(how)
    assert await asyncio.wait_for(process.wait(), 40) == 0
    await process.communicate()
    assert left(tmp_path) == []
