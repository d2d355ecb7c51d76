"""The way out: the real gateway against the bare way, interleaved, and the end of an outage.

The registry that submits and the peer that answers are processes of their own; the peer verifies
nothing and its answers were signed beforehand, so that the two cores are the sender's. What counts
is the ratio within one run, and CPU a document: wall rates are this machine's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import statistics
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

from bench import movable
from bench.forms import Heap
from bench.processes import Processors, children_seconds, cpu_seconds, percentile, say
from bench.submit import SETTLED
from depesha.adapters.system import SystemClock, SystemIds
from depesha.simulators.bodies import BARE, GATEWAYS
from depesha.simulators.country import Bare, Country
from depesha.simulators.fault_proxy import FaultProxy
from depesha.simulators.gateway_plan import free_ports

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator

    from depesha.simulators.gateway_process import GatewayProcess

SETTINGS: dict[str, dict[str, object]] = {
    "log": {"level": "warning"},
    "networks.seos": {"register_refresh_seconds": 600.0},
    # No other network: what cannot go by SEOS waits.
    "outbound": {"channels": ["seos"]},
}
SIZE = 100_000
"""The usual document."""
MOST_JUMPS = 5
DRAIN_SECONDS = 600.0
LOOK = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One heap of documents brought out by one of the ways."""

    count: int
    wall: float
    whole: list[float]
    settling: list[float]
    bad: dict[str, int]
    cpu: dict[str, float]
    """Milliseconds a document by process."""
    others: float
    """Share of the machine that others took."""

    @property
    def rate(self) -> float:
        """Settled documents a second."""
        return len(self.whole) / self.wall

    def line(self, seconds: list[float]) -> str:
        """One line of the table."""
        p50, p95, p99 = (percentile(seconds, share) for share in (0.5, 0.95, 0.99))
        return (
            f"{self.rate:7.1f}/s   p50 {p50:6.1f}  p95 {p95:6.1f}  p99 {p99:6.1f} ms"
            f"   others took {self.others:3.0%}" + (f"   bad: {self.bad}" if self.bad else "")
        )


class WayOut:
    """The stand: a country with one gateway, one bare peer, and the bare way beside them."""

    def __init__(self, country: Country, folder: Path, options: argparse.Namespace) -> None:
        self._country = country
        self._folder = folder
        self._options = options
        self._used = 0
        (self._port_bare,) = free_ports(1)

    @property
    def gateway(self) -> GatewayProcess:
        """The one gateway."""
        return next(iter(self._country.gateways.values()))

    @property
    def peer(self) -> Bare:
        """Who is written to."""
        return next(iter(self._country.bare.values()))

    @property
    def peer_port(self) -> int:
        """Where the register says that the peer is."""
        return int(self.peer.url.rpartition(":")[2].partition("/")[0])

    async def heap(self, name: str, count: int, size: int) -> Heap:
        """Make ready submissions and the answers to them."""
        say(f"making {count} documents of {size // 1000} kB and signing the answers to them")
        heap = Heap(self._folder, name, next(iter(self._country.tokens.values())))
        await asyncio.to_thread(heap.make, count, size, self.gateway.plan.party, self.peer)
        return heap

    # --- the programs beside the gateway ---

    def answering(self, heap: Heap, port: int = 0) -> Any:
        """The peer, as a process that answers for a heap."""
        keys = self.peer.keys
        return program(
            *("bench.peer", str(heap.answers), "--port", str(port or self.peer_port)),
            *("--certificate", str(keys.certificate), "--key", str(keys.key)),
            *("--trusted", str(keys.trusted)),
        )

    def bare_way(self, folder: Path) -> Any:
        """The bare way, as a process, writing into a folder of its own."""
        folder.mkdir()
        keys = self.gateway.plan.keys
        parties = [
            (one.identifier, one.name, "{" + str(one.guid) + "}")
            for one in (self.gateway.plan.party, self.peer.body.party)
        ]
        return program(
            *("bench.bare_out", str(folder), "--port", str(self._port_bare)),
            *("--peer", str(self.peer_port), "--parties", json.dumps(parties)),
            *("--key", str(keys.key), "--certificate", str(keys.certificate)),
            *("--trusted", str(keys.trusted), "--clamd", str(self._country.scanner.socket)),
            *("--threads", str(self._options.bare_threads)),
        )

    async def submit(
        self, heap: Heap, count: int, *, bare: bool, pids: dict[str, int], rate: float = 0.0
    ) -> Round:
        """Let the registry submit so many documents and wait for each."""
        ours = {"clamd": self._country.scanner.pid, **pids}
        before, children, processors = cpu_of(ours), children_seconds(), Processors.now()
        raw = await self._load(heap, count, bare=bare, rate=rate)
        used = {name: now - before[name] for name, now in cpu_of(ours).items()}
        used["registry"] = children_seconds() - children
        done = max(1, len(raw["whole"]))
        return Round(
            count=count,
            wall=raw["wall"],
            whole=raw["whole"],
            settling=raw["settling"],
            bad=raw["bad"],
            cpu={name: seconds * 1000 / done for name, seconds in used.items()},
            others=Processors.now().taken_by_others(processors, sum(used.values())),
        )

    async def _load(
        self, heap: Heap, count: int, *, bare: bool, rate: float, until: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        port = self._port_bare if bare else self.gateway.plan.registry_port
        store = () if bare else ("--store", str(self.gateway.plan.folder / "store"))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.submit", str(heap.requests), "--port", str(port)),
            *("--skip", str(self._used), "--count", str(count), "--rate", str(rate)),
            *("--callers", str(self._options.callers), *store),
            *(("--until", *until) if until else ()),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        if not bare:
            self._used += count
        raw: dict[str, Any] = json.loads(out)
        return raw

    # --- what is measured ---

    async def compare(self, size: int) -> None:
        """Both ways in turns with files of one size."""
        options = self._options
        # Of large documents fewer, and each round takes about as long.
        each = max(16, options.documents * SIZE // max(size, SIZE))
        rounds = options.rounds * 2 if size <= SIZE else max(2, options.rounds)
        heap = await self.heap(f"out-{size}", each * (rounds + 1) + 48, size)
        self._used = 0
        async with (
            self.answering(heap) as peer,
            self.bare_way(self._folder / f"bare-{size}") as bare_way,
        ):
            pids = {"peer": peer.pid}
            ways = {True: {"bare way": bare_way.pid, **pids}, False: pids}
            ways[False] = {"gateway": self.gateway.pid, **pids}
            for bare in (True, False):
                await self.submit(heap, 48, bare=bare, pids=ways[bare])
            found: dict[bool, list[Round]] = {True: [], False: []}
            for number in range(rounds):
                for bare in (True, False) if number % 2 else (False, True):
                    one = await self.submit(heap, each, bare=bare, pids=ways[bare])
                    found[bare].append(one)
                    say(f"{'bare way' if bare else 'gateway '} {one.line(one.whole)}")
            rate = told(size, options.callers, found)
            half = await self.submit(heap, each, bare=False, pids=ways[False], rate=rate / 2)
            print(f"   accepted to settled, {half.rate:.0f}/s: {half.line(half.settling)}")

    async def outage(self) -> None:
        """An hour without the peer; how long until all that was submitted meanwhile is there."""
        count = self._options.waiting
        heap = await self.heap("outage", count, SIZE)
        self._used = 0
        (behind,) = free_ports(1)
        wire = FaultProxy("127.0.0.1", behind, clock=SystemClock(), listen_port=self.peer_port)
        async with self.answering(heap, behind) as peer, wire:
            await wire.cut()
            say(f"the peer is cut off; submitting {count} documents")
            waits = ("DEFERRED",)
            raw = await self._load(heap, count, bare=False, rate=0.0, until=waits)
            print(
                f"\noutage: {len(raw['whole'])} documents submitted and put off in "
                f"{raw['wall']:.1f} s{'   bad: ' + str(raw['bad']) if raw['bad'] else ''}"
            )
            await wire.mend()
            await self._drain(count, {"gateway": self.gateway.pid, "peer": peer.pid})
            await wire.cut()
            await asyncio.sleep(LOOK)  # the links end by themselves, before the wire is taken down

    async def _drain(self, count: int, pids: dict[str, int]) -> None:
        loop = asyncio.get_running_loop()
        pids = {**pids, "clamd": self._country.scanner.pid, "wire": os.getpid()}
        before, processors = cpu_of(pids), Processors.now()
        start = loop.time()
        first = await self._through()
        os.kill(self.gateway.pid, signal.SIGUSR1)
        say("an hour later")
        through = told_at = first
        while through - first < count and loop.time() - start < DRAIN_SECONDS:
            await asyncio.sleep(LOOK)
            through = await self._through()
            if through - told_at >= count // 10:
                told_at = through
                say(f"{through - first} are there after {loop.time() - start:.1f} s")
        took = loop.time() - start
        used = {name: now - before[name] for name, now in cpu_of(pids).items()}
        others = Processors.now().taken_by_others(processors, sum(used.values()))
        done = through - first
        each = {name: seconds * 1000 / max(1, done) for name, seconds in used.items()}
        print(f"drained: {done} of {count} in {took:.1f} s, {done / took:.0f}/s")
        print(f"   CPU a document: {spent(each)}; others took {others:.0%} of the machine")

    async def _through(self) -> int:
        """How many documents have got through so far, as the store counts them."""
        return await asyncio.to_thread(tally, self.gateway.plan.folder / "store")


def told(size: int, callers: int, found: dict[bool, list[Round]]) -> float:
    """Print what the rounds say; return the gateway's median rate."""
    pairs = list(zip(found[False], found[True], strict=True))
    ratios = sorted(own.rate / bare.rate for own, bare in pairs)
    rates = {bare: statistics.median(one.rate for one in rounds) for bare, rounds in found.items()}
    print(f"\noutbound {size // 1000} kB, {callers} callers, {len(pairs)} rounds in turns:")
    print(
        f"   documents a second: gateway {rates[False]:.0f}, bare way {rates[True]:.0f}; "
        f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    )
    for bare in (False, True):
        medians = {
            name: statistics.median(one.cpu[name] for one in found[bare])
            for name in found[bare][0].cpu
        }
        print(f"   CPU a document: {spent(medians)}")
    for name, seconds in (
        ("accepted to settled", [s for one in found[False] for s in one.settling]),
        ("whole, gateway", [s for one in found[False] for s in one.whole]),
        ("whole, bare way", [s for one in found[True] for s in one.whole]),
    ):
        p50, p95, p99 = (percentile(seconds, share) for share in (0.5, 0.95, 0.99))
        print(f"   {name}: p50 {p50:.0f}, p95 {p95:.0f}, p99 {p99:.0f} ms")
    others = statistics.median(one.others for rounds in found.values() for one in rounds)
    print(f"   others took {others:.0%} of the machine")
    return rates[False]


def spent(cpu: dict[str, float]) -> str:
    """Milliseconds by process."""
    return ", ".join(f"{name} {ms:.2f} ms" for name, ms in cpu.items())


def cpu_of(pids: dict[str, int]) -> dict[str, float]:
    """CPU seconds of each process so far."""
    return {name: cpu_seconds(pid) for name, pid in pids.items()}


def tally(store: Path) -> int:
    """Count what has got through, from outside; blocking."""
    marks = ",".join("?" * len(SETTLED))
    with contextlib.closing(
        apsw.Connection(str(store / "depesha.db"), flags=apsw.SQLITE_OPEN_READONLY)
    ) as database:
        database.set_busy_timeout(5000)
        found = database.execute(
            f"SELECT coalesce(sum(count), 0) FROM outbound_tallies WHERE state IN ({marks})",  # noqa: S608 - marks alone
            sorted(SETTLED),
        ).fetchone()
    return 0 if found is None else int(found[0])


@asynccontextmanager
async def program(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a module of the bench until the block ends; begin once it says that it is ready."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *arguments), stdout=asyncio.subprocess.PIPE
    )
    try:
        if process.stdout is None or not await process.stdout.readline():
            raise RuntimeError(f"{arguments[0]} did not start")
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def measure(folder: Path, options: argparse.Namespace) -> None:
    """Run everything of the way out that is asked for."""
    clock = SystemClock()
    say("starting the stand of the way out")
    async with Country(
        folder / "country",
        clock=clock,
        ids=SystemIds(clock),
        gateways=GATEWAYS[1:2],
        acting=(),
        bare=BARE[:1],
        settings=SETTINGS,
        program=(sys.executable, str(Path(movable.__file__))),
        say=say,
    ) as country:
        way = WayOut(country, folder, options)
        for size in options.sizes:
            await way.compare(size)
        if not options.quick:
            await way.outage()
