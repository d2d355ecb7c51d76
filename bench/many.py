"""Callers far past capacity, and long running: graceful, fair, bounded, without a slope.

All callers begin at once and call without pause, and keep their connections while they may. Nobody
may see an error, nobody may starve, and the gateway's memory may not follow their number.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
from typing import TYPE_CHECKING

from bench.inbound import MB, Bench, Result, stand
from bench.processes import cpu_seconds, family, forget_peak, say

if TYPE_CHECKING:
    import argparse

SIZE = 100_000
SECONDS = 15.0
"""Of each number of callers: a thousand need a few turns each."""
INTERVAL = 10.0
"""Of the soak: seconds of one sample."""
WARM = 2
"""Samples of the soak left out at its beginning."""


async def callers(options: argparse.Namespace) -> None:
    """So many callers at once, one number after the other; and how alike they were served."""
    for number in options.many:
        # A stand for each: memory that an earlier crowd has left behind would hide the growth.
        async with stand(options) as bench:
            await bench.heap(int(options.most * SECONDS) + number, SIZE)
            await bench.call(bare=False, seconds=1.5, callers=16)
            pids = family(bench.gateway.pid)
            forget_peak(*pids)
            before, used = bench.used("VmRSS"), sum(map(cpu_seconds, pids))
            result, made = await _crowd(bench, number)
            growth = bench.used("VmHWM") - before
            cpu = (sum(map(cpu_seconds, pids)) - used) * 1000 / max(1, len(result.seconds))
            print(f"{number:5} callers {result.line()}")
            print(f"      {served(result)}; peak memory grew by {growth / MB:.0f} MB")
            print(f"      {made['connected']} connections, {made['stale']} found closed; ", end="")
            print(f"{cpu:.1f} ms of CPU a message")


async def _crowd(bench: Bench, number: int) -> tuple[Result, dict[str, int]]:
    """Let them call as HTTP clients do, from a process of their own."""
    keys = bench._sender.keys  # noqa: SLF001 -- of the same bench
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.crowd", str(bench.requests), "--seconds", str(SECONDS)),
        *("--port", str(bench.gateway.plan.partners_port), "--callers", str(number)),
        *("--skip", str(bench._used)),  # noqa: SLF001 -- of the same bench
        *("--certificate", str(keys.certificate), "--key", str(keys.key)),
        *("--trusted", str(keys.trusted)),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    raw = json.loads(out)
    return Result(raw["wall"], raw["seconds"], raw["statuses"], raw["answered"]), raw


def served(result: Result) -> str:
    """Say how alike the callers were served."""
    counts = sorted(result.answered)
    spread = statistics.pstdev(counts) / max(1e-9, statistics.fmean(counts))
    return (
        f"answers to one caller: {counts[0]} to {counts[-1]}, median "
        f"{statistics.median(counts):g}, spread {spread:.2f} of the mean"
    )


async def soak(options: argparse.Namespace) -> None:
    """Half the load it can take, for so many minutes; the slopes of memory and latency."""
    samples = max(WARM + 3, int(options.soak * 60 / INTERVAL))
    async with stand(options) as bench:
        await bench.heap(int(options.most * 4), SIZE)
        full = await bench.call(bare=False, seconds=3, callers=options.callers)
        rate = full.rate / 2
        say(f"{samples * INTERVAL / 60:.1f} minutes at {rate:.0f} a second")
        kept = [await _sample(bench, options, rate) for _ in range(samples)]
    told = kept[WARM:]
    print(f"soak: {len(kept) * INTERVAL / 60:.1f} minutes at {rate:.0f}/s, 100 kB, ", end="")
    print(f"{sum(one.statuses.get('DS_WAIT_REGISTRATION', 0) for _, one in kept)} messages")
    errors = {word for _, one in kept for word in one.statuses} - {"DS_WAIT_REGISTRATION"}
    print(f"   memory {_line([used / MB for used, _ in told], 'MB')}")
    print(f"   p50 {_line([one.percentile(0.5) for _, one in told], 'ms')}")
    print(f"   p99 {_line([one.percentile(0.99) for _, one in told], 'ms')}")
    print(f"   errors: {', '.join(sorted(errors)) or 'none'}")


async def _sample(bench: Bench, options: argparse.Namespace, rate: float) -> tuple[int, Result]:
    """One interval with requests of its own: a repeat would be answered without the work."""
    await bench.heap(int(rate * INTERVAL * 1.2) + 50, SIZE)
    result = await bench.call(bare=False, seconds=INTERVAL, callers=options.callers, rate=rate)
    return bench.used("VmRSS"), result


def _line(values: list[float], unit: str) -> str:
    """First, last and slope of a row of samples."""
    slope = statistics.linear_regression(range(len(values)), values).slope
    hour = slope * 3600 / INTERVAL
    return (
        f"{values[0]:.1f} → {values[-1]:.1f} {unit}, median {statistics.median(values):.1f}; "
        f"slope {hour:+.1f} {unit} an hour"
    )
