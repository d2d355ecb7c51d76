"""SQLite against PostgreSQL with one gateway and with two: the way in, interleaved in one run.

One country: one body keeps its messages in SQLite, the other has two gateways on one PostgreSQL
(`fsync` on). Scanner, callers and everything else are the same. Each call of a way has fresh
requests, made before it; two processes of callers share them, one for each gateway where there are
two. What is spent where stands beside the rates, for two cores are shared by all of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.support.postgres import Server
from tests.support.twins import sharing, twin_of

from bench import messages
from bench.inbound import SETTINGS, Result
from bench.processes import Processors, children_seconds, cpu_seconds, say
from bench.quota import held_to
from depesha.adapters.system import SystemClock, SystemIds
from depesha.simulators.bodies import BARE, OBRAZETS, PRIMER
from depesha.simulators.country import Country

if TYPE_CHECKING:
    import argparse

    from depesha.simulators.gateway_process import GatewayProcess

TRIAL_SECONDS: Final = 2.0
SPARE: Final = 1.6
"""So many more requests are made than the last rate would need."""
LEAST: Final = 200
BUFFERS: Final = "128MB"
"""PostgreSQL's own choice; the tests' server has less."""


@dataclass(slots=True, kw_only=True)
class Spent:
    """CPU milliseconds a message of one call, and how busy the machine was."""

    gateways: float
    server: float
    scanner: float
    callers: float
    ours: float
    """Share of all cores that the four used."""
    others: float
    """Share that was neither theirs nor idle: other work on this machine, and other machines."""


@dataclass(slots=True, kw_only=True)
class Way:
    """One way that is measured."""

    name: str
    gateways: tuple[GatewayProcess, ...]
    ports: tuple[int, int]
    """Where the two processes of callers call."""
    rate: float
    """What it did last time; how many requests to make."""
    results: list[Result] = field(default_factory=list)
    spent: list[Spent] = field(default_factory=list)


class Stores:
    """The stand and its ways."""

    def __init__(self, country: Country, server: Server, folder: Path, size: int) -> None:
        self._country = country
        self._server = server
        self._folder = folder
        self._size = size
        self._sender = next(iter(country.bare.values()))

    async def call(self, way: Way, seconds: float, callers: int) -> Result:
        """Make requests, let the callers call one way, and note what came of it."""
        count = max(LEAST, int(way.rate * seconds * SPARE / 2))
        heaps = [self._folder / f"requests-{place}" for place in (0, 1)]
        for heap in heaps:
            await self._write(heap, count, way)
        before, machine, callers_before = self._used(way), Processors.now(), children_seconds()
        found = await asyncio.gather(
            *(
                self._load(heap, port, seconds, callers // 2)
                for heap, port in zip(heaps, way.ports, strict=True)
            )
        )
        used, after = self._used(way), Processors.now()
        one, other = found
        statuses = {
            word: one.statuses.get(word, 0) + other.statuses.get(word, 0)
            for word in {*one.statuses, *other.statuses}
        }
        result = Result(max(one.wall, other.wall), one.seconds + other.seconds, statuses)
        number = max(1, len(result.seconds))
        each = [(b - a) * 1000 / number for a, b in zip(before, used, strict=True)]
        mine = (children_seconds() - callers_before) * 1000 / number
        ours = (sum(each) + mine) * number / 1000
        way.rate = max(result.rate, 20.0)
        way.results.append(result)
        way.spent.append(
            Spent(
                gateways=each[0],
                server=each[1],
                scanner=each[2],
                callers=mine,
                ours=ours / ((os.cpu_count() or 1) * result.wall),
                others=after.taken_by_others(machine, ours),
            )
        )
        return result

    def _used(self, way: Way) -> tuple[float, float, float]:
        return (
            sum(cpu_seconds(gateway.pid) for gateway in way.gateways),
            sum(cpu_seconds(pid) for pid in self._server.pids),
            cpu_seconds(self._country.scanner.pid),
        )

    async def _write(self, heap: Path, count: int, way: Way) -> None:
        recipient = way.gateways[0].plan.party
        sender, identity = self._sender.body.party, self._sender.identity
        await asyncio.to_thread(
            messages.write_many, heap, count, sender, recipient, identity, self._size
        )

    async def _load(self, heap: Path, port: int, seconds: float, callers: int) -> Result:
        keys = self._sender.keys
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.load", str(heap), "--port", str(port)),
            *("--callers", str(callers), "--seconds", str(seconds)),
            *("--certificate", str(keys.certificate), "--key", str(keys.key)),
            *("--trusted", str(keys.trusted)),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        raw = json.loads(out)
        return Result(raw["wall"], raw["seconds"], raw["statuses"])


def table(ways: tuple[Way, ...]) -> list[str]:
    """Return the lines of the summary; the first call of each way was a trial."""
    head = f"{'':26}{'median':>9}{'ratio':>7}   CPU a message, ms: "
    lines = [head + f"{'gateway':>8}{'server':>8}{'clamd':>7}{'callers':>8}   cores: ours, others"]
    base = statistics.median(result.rate for result in ways[0].results[1:])
    for way in ways:
        rate = statistics.median(result.rate for result in way.results[1:])
        spent = [
            statistics.median(getattr(one, name) for one in way.spent[1:])
            for name in ("gateways", "server", "scanner", "callers", "ours", "others")
        ]
        lines.append(
            f"{way.name:<26}{rate:7.1f}/s{rate / base:7.2f}{'':22}"
            f"{spent[0]:8.2f}{spent[1]:8.2f}{spent[2]:7.2f}{spent[3]:8.2f}{spent[4]:14.0%}{spent[5]:8.0%}"
        )
    _, one, two = ways
    ratio = statistics.median(
        b.rate / a.rate for a, b in zip(one.results[1:], two.results[1:], strict=True)
    )
    lines.append(f"two gateways against one, on PostgreSQL: {ratio:.2f}")
    each = statistics.median(
        spent.gateways + spent.server + spent.scanner + spent.callers for spent in two.spent[1:]
    )
    cores = os.cpu_count() or 1
    lines.append(
        f"with two gateways all four spend {each:.2f} ms of CPU a message: {cores} cores, all of "
        f"them ours, could do {cores * 1000 / each:.0f}/s at most, however many gateways there are"
    )
    return lines


async def run(options: argparse.Namespace) -> None:
    """Measure and print."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="depesha-bench-")))
        say("starting PostgreSQL and three gateways")
        server = await asyncio.to_thread(Server, shared_buffers=BUFFERS, autovacuum="on")
        stack.callback(server.remove)
        await asyncio.to_thread(server.start)
        await asyncio.to_thread(server.execute, "CREATE DATABASE bench")
        home = folder / "country" / f"gateway-{OBRAZETS.folder}"
        country = Country(
            folder / "country",
            clock=clock,
            ids=SystemIds(clock),
            gateways=(PRIMER, OBRAZETS),
            acting=(),
            bare=BARE[:1],
            settings=SETTINGS,
            own_settings={OBRAZETS.folder: {"store": sharing(home, server.url("bench"))}},
            say=say,
        )
        await stack.enter_async_context(country)
        sqlite, first = (country.gateways[body.folder] for body in (PRIMER, OBRAZETS))
        second = twin_of(first, clock=clock)
        await asyncio.to_thread(second.write)
        stack.push_async_callback(second.stop)
        await second.start()
        await second.ready()
        alone, both = first.plan.partners_port, second.plan.partners_port
        here = sqlite.plan.partners_port
        ways = (
            Way(name="SQLite", gateways=(sqlite,), ports=(here, here), rate=options.most),
            Way(
                name="PostgreSQL, one gateway",
                gateways=(first, second),
                ports=(alone, alone),
                rate=options.most,
            ),
            Way(
                name="PostgreSQL, two gateways",
                gateways=(first, second),
                ports=(alone, both),
                rate=options.most,
            ),
        )
        if options.share:
            for gateway in (sqlite, first, second):
                stack.enter_context(held_to(options.share, gateway.pid))
        stores = Stores(country, server, folder, options.size)
        for way in ways:
            say(f"a trial of {way.name}")
            await stores.call(way, TRIAL_SECONDS, options.callers)
        for number in range(1, options.rounds + 1):
            for way in ways if number % 2 else ways[::-1]:
                result = await stores.call(way, options.seconds, options.callers)
                print(f"round {number}  {way.name:<26}{result.line()}", flush=True)
        print(f"\ninbound {options.size // 1000} kB, {options.callers} callers, clamd on")
        if options.share:
            print(f"each gateway held to {options.share:g} of the {os.cpu_count()} cores")
        print("\n".join(table(ways)))
