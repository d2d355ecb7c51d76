"""Callers far past capacity, and long running: graceful, fair, bounded, without a slope.

All callers connect first and then call without pause. Nobody may see an error, nobody may starve,
and the gateway's memory may not follow their number.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from bench.inbound import MB, Bench, Result, stand
from bench.processes import forget_peak, memory, say

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
    async with stand(options) as bench:
        await bench.heap(int(options.most * SECONDS * len(options.many)) + sum(options.many), SIZE)
        await bench.call(bare=False, seconds=1.5, callers=16)
        for number in options.many:
            pid = bench.gateway.pid
            forget_peak(pid)
            before = memory(pid, "VmRSS")
            result = await bench.call(bare=False, seconds=SECONDS, callers=number)
            growth = memory(pid, "VmHWM") - before
            print(f"{number:5} callers {result.line()}")
            print(f"      {served(result)}; peak memory grew by {growth / MB:.0f} MB")


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
    return memory(bench.gateway.pid, "VmRSS"), result


def _line(values: list[float], unit: str) -> str:
    """First, last and slope of a row of samples."""
    slope = statistics.linear_regression(range(len(values)), values).slope
    hour = slope * 3600 / INTERVAL
    return (
        f"{values[0]:.1f} → {values[-1]:.1f} {unit}, median {statistics.median(values):.1f}; "
        f"slope {hour:+.1f} {unit} an hour"
    )
