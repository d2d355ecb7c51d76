"""`make bench`: drives the real gateway and the bare way, interleaved, and prints the figures.

The callers are a process of their own; TLS with client certificates, real clamd, full sync. What
counts is the ratio of the two in the same run: absolute figures are this machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import isds_big, isds_box, messages, outbound, steps
from bench.peers import run as peers
from bench.processes import cpu_seconds, forget_peak, machine, memory, percentile, say
from depesha.adapters.system import SystemClock, SystemIds
from depesha.simulators.bodies import BARE, GATEWAYS
from depesha.simulators.country import Bare, Country
from depesha.simulators.gateway_plan import free_ports

SETTINGS: dict[str, dict[str, object]] = {
    "log": {"level": "warning"},
    # As often as in real life (facts 10.5); the demo asks every other second.
    "networks.seos": {"register_refresh_seconds": 600.0},
}
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Result:
    """What one run of the callers saw."""

    wall: float
    seconds: list[float]
    statuses: dict[str, int]

    @property
    def rate(self) -> float:
        """Good answers in a second."""
        return self.statuses.get("DS_WAIT_REGISTRATION", 0) / self.wall

    def percentile(self, share: float) -> float:
        """Milliseconds within which this share was answered."""
        return percentile(self.seconds, share)

    def line(self) -> str:
        """One line of the table."""
        bad = {k: v for k, v in self.statuses.items() if k != "DS_WAIT_REGISTRATION"}
        return (
            f"{self.rate:8.1f}/s   p50 {self.percentile(0.5):7.1f} ms   "
            f"p95 {self.percentile(0.95):7.1f} ms   p99 {self.percentile(0.99):7.1f} ms"
            + (f"   others: {bad}" if bad else "")
        )


class Bench:
    """The stand: a country with one gateway and one sender, and the bare way beside it."""

    def __init__(self, country: Country, folder: Path, options: argparse.Namespace) -> None:
        self._country = country
        self._folder = folder
        self._options = options
        self._used = 0
        self.cpu: dict[bool, list[float]] = {True: [], False: []}
        self._bare: asyncio.subprocess.Process | None = None
        (self._port_bare,) = free_ports(1)

    @property
    def _gateway(self) -> Any:
        return next(iter(self._country.gateways.values()))

    @property
    def _sender(self) -> Bare:
        return next(iter(self._country.bare.values()))

    @property
    def requests(self) -> Path:
        """The heap of ready requests."""
        return self._folder / "requests"

    async def prepare(self, count: int, size: int) -> None:
        """Make the requests and start the bare way."""
        say(f"signing {count} requests of {size // 1000} kB")
        await asyncio.to_thread(
            messages.write_many,
            self.requests,
            count,
            self._sender.body.party,
            self._gateway.plan.party,
            self._sender.identity,
            size,
        )
        keys = self._gateway.plan.keys
        self._bare = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.bare", str(self._folder)),
            *("--port", str(self._port_bare), "--clamd", str(self._country.scanner.socket)),
            *("--key", str(keys.key), "--certificate", str(keys.certificate)),
            *("--trusted", str(keys.trusted)),
            stdout=asyncio.subprocess.PIPE,
        )
        if self._bare.stdout is not None:
            await self._bare.stdout.readline()

    async def close(self) -> None:
        """Stop the bare way."""
        if self._bare is not None:
            self._bare.kill()
            await self._bare.wait()

    async def call(self, *, bare: bool, seconds: float, callers: int, rate: float = 0.0) -> Result:
        """Let the callers call the gateway or the bare way."""
        port = self._port_bare if bare else self._gateway.plan.partners_port
        pid = self._bare.pid if bare and self._bare is not None else self._gateway.pid
        before = cpu_seconds(pid)
        keys = self._sender.keys
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.load", str(self.requests), "--port", str(port)),
            *("--skip", str(self._used), "--callers", str(callers), "--seconds", str(seconds)),
            *("--rate", str(rate), "--certificate", str(keys.certificate)),
            *("--key", str(keys.key), "--trusted", str(keys.trusted)),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        raw = json.loads(out)
        result = Result(raw["wall"], raw["seconds"], raw["statuses"])
        if not bare:
            self._used += len(result.seconds)
        self.cpu[bare].append((cpu_seconds(pid) - before) * 1000 / max(1, len(result.seconds)))
        return result

    async def compare(self) -> float:
        """Run both ways in turns; return the gateway's median rate."""
        options = self._options
        ratios, rates = [], []
        await self.call(bare=False, seconds=1.5, callers=options.callers)
        await self.call(bare=True, seconds=1.5, callers=options.callers)
        for number in range(1, options.rounds + 1):
            results = {}
            for bare in (True, False) if number % 2 else (False, True):
                results[bare] = await self.call(
                    bare=bare, seconds=options.seconds, callers=options.callers
                )
            ratios.append(results[False].rate / results[True].rate)
            rates.append(results[False].rate)
            print(f"round {number}  bare way  {results[True].line()}")
            print(f"         gateway   {results[False].line()}   ratio {ratios[-1]:.2f}")
        ratio = statistics.median(ratios)
        print(f"\ninbound {options.size // 1000} kB, {options.callers} callers: ", end="")
        print(f"median {statistics.median(rates):.0f}/s, ratio to the bare way {ratio:.2f}")
        own, bare_cpu = (statistics.median(self.cpu[which][1:]) for which in (False, True))
        print(f"CPU a message: gateway {own:.2f} ms, bare way {bare_cpu:.2f} ms (clamd apart)")
        return statistics.median(rates)

    async def half_load(self, rate: float) -> None:
        """Call at half the rate just found."""
        result = await self.call(
            bare=False, seconds=self._options.seconds, callers=self._options.callers, rate=rate / 2
        )
        print(f"at half load:      {result.line()}")

    async def large(self) -> None:
        """One attachment of 50 MB, while others go on calling."""
        pid = self._gateway.pid
        size = 50 * MB
        body = await asyncio.to_thread(
            messages.request,
            self._sender.body.party,
            self._gateway.plan.party,
            self._sender.identity,
            size * 4 // 3,
        )
        path = self._folder / "large"
        path.write_bytes(messages.LENGTH.pack(len(body) + 300))
        request = messages.http(body)
        path.write_bytes(messages.LENGTH.pack(len(request)) + request)
        del body, request
        forget_peak(pid)
        before = memory(pid, "VmRSS")
        others = asyncio.create_task(self.call(bare=False, seconds=6, callers=4, rate=20))
        await asyncio.sleep(1)
        big = await self._send_large(path)
        result = await others
        growth = memory(pid, "VmHWM") - before
        print(f"\none attachment of 50 MB: {big.line()}")
        print(f"   peak memory grew by {growth / MB:.0f} MB = {growth / size:.2f} × the attachment")
        print(f"   others meanwhile: {result.line()}")

    async def _send_large(self, path: Path) -> Result:
        keys = self._sender.keys
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.load", str(path), "--callers", "1"),
            *("--port", str(self._gateway.plan.partners_port), "--seconds", "30"),
            *("--certificate", str(keys.certificate), "--key", str(keys.key)),
            *("--trusted", str(keys.trusted)),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        raw = json.loads(out)
        return Result(raw["wall"], raw["seconds"], raw["statuses"])

    def memory(self) -> None:
        """Print the gateway's peak memory so far."""
        pid = self._gateway.pid
        print(f"peak memory of the gateway: {memory(pid, 'VmHWM') / MB:.0f} MB")


async def run(options: argparse.Namespace) -> None:
    """Run everything asked for."""
    print(f"machine: {machine()}, {SystemClock().now():%Y-%m-%d}")
    if options.only in {None, "in"}:
        await inbound(options)
    if options.only in {None, "out"}:
        print()
        with tempfile.TemporaryDirectory(prefix="depesha-bench-") as name:
            await outbound.measure(Path(name), options)
    if options.only in {None, "isds"}:
        print()
        await isds(options)
    if options.only in {None, "peers"}:
        print()
        await peers.run(options)


async def isds(options: argparse.Namespace) -> None:
    """Data boxes: a full box, and a big message both ways."""
    await isds_box.run(options.messages, big_only=options.quick)
    print()
    await isds_big.run()


async def inbound(options: argparse.Namespace) -> None:
    """The way in."""
    clock = SystemClock()
    with tempfile.TemporaryDirectory(prefix="depesha-bench-") as name:
        folder = Path(name)
        say("starting the stand")
        async with Country(
            folder / "country",
            clock=clock,
            ids=SystemIds(clock),
            gateways=GATEWAYS[1:2],
            acting=(),
            bare=BARE[:1],
            settings=SETTINGS,
            say=say,
        ) as country:
            bench = Bench(country, folder, options)
            count = int(options.most * options.seconds * (options.rounds + 1.5)) + 200
            await bench.prepare(count, options.size)
            try:
                rate = await bench.compare()
                await bench.half_load(rate)
                bench.memory()
                if not options.quick:
                    await bench.large()
            finally:
                await bench.close()
        print()
        found = await steps.measure(folder / "steps", size=options.size)
        print("\n".join(steps.table(found)))


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0, help="length of a round")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--callers", type=int, default=16)
    parser.add_argument("--size", type=int, default=100_000, help="bytes of the signed document")
    parser.add_argument("--most", type=float, default=450, help="requests a second to prepare for")
    parser.add_argument(
        "--quick", action="store_true", help="leave the large message and the outage out"
    )
    parser.add_argument("--only", choices=("in", "out", "isds", "peers"), help="one part alone")
    parser.add_argument("--messages", type=int, default=10_000, help="in the data box")
    parser.add_argument("--documents", type=int, default=160, help="of a round of the way out")
    parser.add_argument("--bare-threads", type=int, default=8, help="of the bare way out")
    parser.add_argument("--waiting", type=int, default=1000, help="of the outage")
    parser.add_argument("--peer-workers", type=int, default=5, help="of gunicorn: 2 × cores + 1")
    options = parser.parse_args()
    asyncio.run(run(options))


if __name__ == "__main__":
    main()
