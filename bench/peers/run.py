"""`make bench ARGS="--only peers"`: the same work, ours and a peer's, interleaved in one run.

The work: take a signed document over HTTPS, verify it, store it durably, answer with a signed
receipt. SEOS at ours, AS2 at django-pyas2's. Its scanner is off because it has none; ours is
measured both ways. It knows both only from outside. The bare way (`bench/bare.py`) stands beside
them: what the parts alone cost that a SEOS message cannot do without, in the libraries we use.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench import messages
from bench.inbound import seos_settings
from bench.peers.as2 import PyAs2
from bench.processes import cpu_seconds, family, percentile, say
from depesha.adapters.system import SystemClock, SystemIds
from depesha.simulators.bodies import BARE, GATEWAYS
from depesha.simulators.country import Bare, Country
from depesha.simulators.gateway_plan import free_ports

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator, Callable

GOOD: Final = {"DS_WAIT_REGISTRATION", "processed"}
NOD: Final = "nod.sock"
PEER_MOST: Final = 120
"""Messages a second that are made ready for the peer."""


@dataclass(slots=True)
class Side:
    """One of those that are compared."""

    name: str
    requests: Path
    port: int
    cpu: Callable[[], float]
    used: int = 0
    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    """CPU milliseconds a message."""


async def call(side: Side, sender: Bare, seconds: float, callers: int) -> tuple[float, str]:
    """Let the callers call one side; return the rate of good answers, and a line."""
    keys, before = sender.keys, side.cpu()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.load", str(side.requests), "--port", str(side.port)),
        *("--skip", str(side.used), "--callers", str(callers), "--seconds", str(seconds)),
        *("--certificate", str(keys.certificate), "--key", str(keys.key)),
        *("--trusted", str(keys.trusted)),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    raw: dict[str, Any] = json.loads(out)
    count = len(raw["seconds"])
    side.used += count
    side.costs.append((side.cpu() - before) * 1000 / max(1, count))
    rate = sum(raw["statuses"].get(word, 0) for word in GOOD) / raw["wall"]
    bad = {word: n for word, n in raw["statuses"].items() if word not in GOOD}
    line = f"{rate:7.1f}/s   p50 {percentile(raw['seconds'], 0.5):7.1f} ms"
    return rate, line + f"   p99 {percentile(raw['seconds'], 0.99):7.1f} ms" + (
        f"   others: {bad}" if bad else ""
    )


async def compare(sides: list[Side], sender: Bare, options: argparse.Namespace) -> None:
    """Call all sides in turns, and print the ratios to the last of them."""
    for side in sides:
        await call(side, sender, 1.5, options.callers)
        side.costs.clear()
    for number in range(1, options.rounds + 1):
        print(f"round {number}")
        for side in sides if number % 2 else reversed(sides):
            rate, line = await call(side, sender, options.seconds, options.callers)
            side.rates.append(rate)
            print(f"  {side.name:<28} {line}", flush=True)
    peer = sides[-1]
    print(f"\n{options.size // 1000} kB, {options.callers} callers, medians:")
    for side in sides:
        ratios = [own / other for own, other in zip(side.rates, peer.rates, strict=True)]
        print(
            f"  {side.name:<28} {statistics.median(side.rates):7.1f}/s   "
            f"{statistics.median(ratios):6.2f} × {peer.name}   "
            f"CPU {statistics.median(side.costs):6.2f} ms a message"
        )


async def nodding(folder: Path) -> asyncio.subprocess.Process:
    """Start the scanner that nods at everything."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.peers.nodding", str(folder / NOD)),
        stdout=asyncio.subprocess.PIPE,
    )
    if process.stdout is not None:
        await process.stdout.readline()
    return process


@asynccontextmanager
async def bare_way(country: Country, folder: Path, port: int) -> AsyncIterator[Callable[[], float]]:
    """Start the bare way with the scanner that nods; give its CPU seconds so far."""
    keys = next(iter(country.gateways.values())).plan.keys
    await asyncio.to_thread(folder.mkdir)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.bare", str(folder), "--port", str(port)),
        *("--clamd", str(folder.parent / NOD), "--trusted", str(keys.trusted)),
        *("--key", str(keys.key), "--certificate", str(keys.certificate)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        if process.stdout is not None:
            await process.stdout.readline()
        yield _cpu_of(process.pid)
    finally:
        process.kill()
        await process.wait()


async def run(options: argparse.Namespace) -> None:
    """Start all sides, compare, and stop them."""
    clock = SystemClock()
    with tempfile.TemporaryDirectory(prefix="depesha-peers-") as name:
        folder = Path(name)
        scanner = await nodding(folder)
        without, _ = GATEWAYS
        nod = {"scanner": {"addresses": [f"unix:{folder / NOD}"]}}
        port, bare_port = free_ports(2)
        peer = PyAs2(folder / "pyas2", port, options.peer_workers)
        try:
            async with (
                Country(
                    folder / "country",
                    clock=clock,
                    ids=SystemIds(clock),
                    acting=(),
                    bare=BARE[:1],
                    settings={
                        "log": {"level": "warning"},
                        "networks.seos": seos_settings(options.processes[-1]),
                    },
                    own_settings={without.folder: nod},
                    say=say,
                ) as country,
                bare_way(country, folder / "bare", bare_port) as cpu,
            ):
                bare = Side("the bare way, scanner off", folder / "requests", bare_port, cpu)
                await measure(country, bare, peer, port, options)
        finally:
            await peer.stop()
            scanner.kill()
            await scanner.wait()


async def measure(
    country: Country, bare: Side, peer: PyAs2, port: int, options: argparse.Namespace
) -> None:
    """Make the calls ready and compare; the bare way takes what the first gateway was sent."""
    sender = next(iter(country.bare.values()))
    long = options.seconds * options.rounds + 1.5
    sides: list[Side] = []
    for gateway, name in zip(
        country.gateways.values(), ("Depesha, scanner off", "Depesha, clamd on"), strict=True
    ):
        count = int(options.most * long) + 200
        say(f"signing {count} requests for {name}")
        path = bare.requests.with_suffix(".more") if sides else bare.requests
        await asyncio.to_thread(
            messages.write_many,
            *(path, count, sender.body.party, gateway.plan.party, sender.identity, options.size),
        )
        cpu = _cpu_of(gateway.pid)
        sides.append(Side(name, path, gateway.plan.partners_port, cpu))
    sides.append(bare)
    await peer.start(sender.identity, int(PEER_MOST * long) + 100, options.size)
    sides.append(Side("django-pyas2", peer.requests, port, peer.cpu_seconds))
    await compare(sides, sender, options)


def _cpu_of(pid: int) -> Callable[[], float]:
    pids = family(pid)
    return lambda: sum(map(cpu_seconds, pids))
