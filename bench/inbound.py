"""The way in: the real gateway against the bare way, interleaved; half load; one large message.

The callers are a process of their own; TLS with client certificates, real clamd, full sync. What
counts is the ratio of the two in the same run: absolute figures are this machine's.
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
from typing import TYPE_CHECKING, Any

from bench import messages
from bench.processes import cpu_seconds, family, forget_peak, memory, percentile, say
from depesha.adapters.system import SystemClock, SystemIds
from depesha.simulators.bodies import BARE, GATEWAYS
from depesha.simulators.country import Bare, Country
from depesha.simulators.gateway_plan import free_ports

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator, Mapping

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
    answered: list[int] = field(default_factory=list)
    """How often each caller was answered."""

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
    def gateway(self) -> Any:
        """The one gateway."""
        return next(iter(self._country.gateways.values()))

    @property
    def _sender(self) -> Bare:
        return next(iter(self._country.bare.values()))

    @property
    def requests(self) -> Path:
        """The heap of ready requests."""
        return self._folder / "requests"

    async def heap(self, count: int, size: int) -> None:
        """Make fresh requests of one size; those made before are forgotten."""
        say(f"signing {count} requests of {size // 1000} kB")
        await asyncio.to_thread(
            messages.write_many,
            self.requests,
            count,
            self._sender.body.party,
            self.gateway.plan.party,
            self._sender.identity,
            size,
        )
        self._used = 0
        self.cpu = {True: [], False: []}

    async def start_bare(self) -> None:
        """Start the bare way."""
        keys = self.gateway.plan.keys
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
        port = self._port_bare if bare else self.gateway.plan.partners_port
        pid = self._bare.pid if bare and self._bare is not None else self.gateway.pid
        pids = family(pid)
        before = sum(map(cpu_seconds, pids))
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
        result = Result(raw["wall"], raw["seconds"], raw["statuses"], raw["answered"])
        if not bare:
            self._used += len(result.seconds)
        used = sum(map(cpu_seconds, pids)) - before
        self.cpu[bare].append(used * 1000 / max(1, len(result.seconds)))
        return result

    async def compare(self, size: int, rounds: int) -> float:
        """Run both ways in turns; return the gateway's median rate."""
        options = self._options
        ratios, rates = [], []
        await self.call(bare=False, seconds=1.5, callers=options.callers)
        await self.call(bare=True, seconds=1.5, callers=options.callers)
        for number in range(1, rounds + 1):
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
        print(f"\ninbound {size // 1000} kB, {options.callers} callers: ", end="")
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
        size = 50 * MB
        body = await asyncio.to_thread(
            messages.request,
            self._sender.body.party,
            self.gateway.plan.party,
            self._sender.identity,
            size * 4 // 3,
        )
        path = self._folder / "large"
        path.write_bytes(messages.LENGTH.pack(len(body) + 300))
        request = messages.http(body)
        path.write_bytes(messages.LENGTH.pack(len(request)) + request)
        del body, request
        forget_peak(*family(self.gateway.pid))
        before = self.used("VmRSS")
        others = asyncio.create_task(self.call(bare=False, seconds=6, callers=4, rate=20))
        await asyncio.sleep(1)
        big = await self._send_large(path)
        result = await others
        growth = self.used("VmHWM") - before
        print(f"\none attachment of 50 MB: {big.line()}")
        print(f"   peak memory grew by {growth / MB:.0f} MB = {growth / size:.2f} × the attachment")
        print(f"   others meanwhile: {result.line()}")

    async def _send_large(self, path: Path) -> Result:
        keys = self._sender.keys
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.load", str(path), "--callers", "1"),
            *("--port", str(self.gateway.plan.partners_port), "--seconds", "30"),
            *("--certificate", str(keys.certificate), "--key", str(keys.key)),
            *("--trusted", str(keys.trusted)),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        raw = json.loads(out)
        return Result(raw["wall"], raw["seconds"], raw["statuses"])

    def used(self, field: str) -> int:
        """Bytes of memory of the gateway and its processes; shared pages count in each."""
        return sum(memory(pid, field) for pid in family(self.gateway.pid))

    def memory(self) -> None:
        """Print the gateway's peak memory so far."""
        print(f"peak memory of the gateway: {self.used('VmHWM') / MB:.0f} MB")


def seos_settings(processes: int) -> dict[str, object]:
    """Settings of SEOS: as usual, and so many processes that read."""
    return {**SETTINGS["networks.seos"], "reading_processes": processes}


@asynccontextmanager
async def stand(
    options: argparse.Namespace,
    settings: Mapping[str, Mapping[str, object]] | None = None,
    *,
    processes: int | None = None,
) -> AsyncIterator[Bench]:
    """Start a country with one gateway, and the bare way beside it; `settings` on top of ours.

    `processes` read messages; None: as many as the options name last.
    """
    clock = SystemClock()
    wanted = SETTINGS | {name: dict(one) for name, one in (settings or {}).items()}
    reading = options.processes[-1] if processes is None else processes
    wanted["networks.seos"] = seos_settings(reading) | wanted["networks.seos"]
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
            settings=wanted,
            say=say,
        ) as country:
            bench = Bench(country, folder, options)
            await bench.start_bare()
            try:
                yield bench
            finally:
                await bench.close()
