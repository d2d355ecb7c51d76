"""The console's real pages over HTTP, logged in, in a store with a million documents under traffic.

The store is `bench.million`'s, the gateway a process of its own, the traffic signed SEOS documents
over TLS. What is timed is a whole request on loopback, to the last byte: no less than server time.
CPU is the gateway's for each request, that of the traffic meanwhile included.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from bench.million import make, names, opened
from bench.million_rows import BODIES, SPAN
from bench.processes import cpu_seconds, machine, percentile, say
from depesha.adapters.system import SystemClock, SystemIds
from depesha.queue.db import FILE_NAME
from depesha.schemas.ids import MessageId
from depesha.simulators.bodies import GATEWAYS, IZVOR
from depesha.simulators.console_people import POSTS, Visitor
from depesha.simulators.country import Country
from depesha.simulators.traffic import Sort, Traffic

BOUNDS = {"home": 300.0, "search": 500.0, "document": 200.0}
"""Milliseconds at p95, on 2 cores."""
OK = 200
Address = Callable[[random.Random], str]


def addresses(
    count: int, ids: list[MessageId], longest: MessageId
) -> Iterator[tuple[str, Address]]:
    """Yield every kind of page: its bound's name and how it is called, and its addresses."""

    def search(name: str, words: Callable[[random.Random], str]) -> tuple[str, Address]:
        return f"search: {name}", lambda chance: "/search?q=" + quote(words(chance))

    def number(chance: random.Random) -> int:
        return chance.randrange(count)

    yield "home", lambda _chance: "/"
    yield search("newest", lambda _c: "")
    yield search("number of the other side", lambda c: f"ПР-{number(c)}/2026")
    yield search("our number", lambda c: f"ВХ-{number(c)}")
    yield search("body", lambda c: f"Община Пример{c.randrange(BODIES)}")
    yield search("subject words", lambda c: f"слово{c.randrange(5000)} слово{c.randrange(5000)}")
    yield search("word in every document", lambda _c: "относно")
    day = SystemClock().now
    yield search("day", lambda c: f"{day() - SPAN * c.random():%d.%m.%Y}")
    yield search("file", lambda c: f"заявление-{number(c)}-1.pdf")
    yield search("nothing", lambda _c: "няматакова дума")
    yield "document", lambda c: f"/documents/{c.choice(ids)}"
    yield "document with the longest story", lambda _c: f"/documents/{longest}"


async def measure(store: Path, times: int, rate: float) -> bool:
    """Bring a country up over the store and look at its pages; tell whether all bounds hold."""
    memory = await opened(store)
    last = await memory.db.read(lambda t: t.one("SELECT max(row) FROM entries"))
    count = last[0] if last else 0
    ids, longest = await names(memory, count)
    await memory.close()
    size = (store / FILE_NAME).stat().st_size / 1e9
    print(f"machine: {machine()}; {count} documents, {size:.2f} GB; {rate:g} messages a second")
    clock, gateway = SystemClock(), GATEWAYS[1]
    person = replace(POSTS[0], login=f"bench-{clock.now():%y%m%d%H%M%S}")  # the store may be kept
    with tempfile.TemporaryDirectory(prefix="depesha-console-") as name:
        async with Country(
            Path(name) / "country",
            clock=clock,
            ids=SystemIds(clock),
            gateways=(gateway,),
            acting=(IZVOR,),
            bare=(),
            settings={"log": {"level": "warning"}},
            own_settings={gateway.folder: {"store": {"folder": str(store)}}},
            people=(person,),
            say=say,
        ) as country:
            sent: list[float] = []
            traffic = asyncio.create_task(_write(country, rate, sent))
            try:
                good = await _look(country, count, ids, longest, times)
                if traffic.done():
                    traffic.result()
            finally:
                traffic.cancel()
                await asyncio.gather(traffic, return_exceptions=True)
    if sent:
        p50, p95 = percentile(sent, 0.5), percentile(sent, 0.95)
        print(f"a message meanwhile: p50 {p50:.1f} ms, p95 {p95:.1f} ms, {len(sent)} of them")
    return good


async def _look(
    country: Country, count: int, ids: list[MessageId], longest: MessageId, times: int
) -> bool:
    login, good = country.logins[0], True
    chance = random.Random(11)  # noqa: S311 -- chosen, not secret
    gateway = next(iter(country.gateways.values()))
    async with Visitor(gateway.operators) as visitor:
        await visitor.log_in(login.post.login, login.password)
        for name, address in addresses(count, ids, longest):
            seconds: list[float] = []
            used = cpu_seconds(gateway.pid)
            for _ in range(times):
                path = address(chance)
                started = time.perf_counter()
                status = await visitor.open(path)
                seconds.append(time.perf_counter() - started)
                if status != OK:
                    raise RuntimeError(f"{path}: {status}")
            bound = BOUNDS[name.partition(":")[0].split(" ")[0]]
            p95 = percentile(seconds, 0.95)
            used = (cpu_seconds(gateway.pid) - used) / times
            good = good and p95 <= bound
            print(
                f"{name:36} p50 {percentile(seconds, 0.5):7.1f} ms  p95 {p95:7.1f} ms  "
                f"max {max(seconds) * 1000:7.1f} ms  of {bound:g}  "
                f"CPU {used * 1000:5.1f} ms"
                f"{'' if p95 <= bound else '  TOO SLOW'}",
                flush=True,
            )
    return good


async def _write(country: Country, rate: float, seconds: list[float]) -> None:
    """Send signed documents, so many a second, until cancelled."""
    peer = country.peers[IZVOR.folder]
    gateway = next(iter(country.gateways.values()))
    traffic = Traffic("bench", SystemClock().now().date())
    at_work: set[asyncio.Task[None]] = set()

    async def one() -> None:
        started = time.perf_counter()
        item = await asyncio.to_thread(traffic.next, Sort.GOOD)
        await peer.submit(gateway.plan.party, gateway.seos_url, item.request)
        seconds.append(time.perf_counter() - started)

    while True:
        task = asyncio.create_task(one())
        at_work.add(task)
        task.add_done_callback(at_work.discard)
        await asyncio.sleep(1 / rate)


async def run(folder: Path | None, count: int, times: int, rate: float) -> bool:
    """Make the store where there is none yet, and measure."""
    with tempfile.TemporaryDirectory(prefix="depesha-million-") as name:
        store = folder or Path(name)
        if not (store / FILE_NAME).exists():
            await make(store, count)
        return await measure(store, times, rate)


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="keep the store here, or use the one there")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=60, help="requests of each kind")
    parser.add_argument("--rate", type=float, default=8, help="messages a second meanwhile")
    options = parser.parse_args()
    good = asyncio.run(run(options.folder, options.count, options.times, options.rate))
    raise SystemExit(0 if good else 1)


if __name__ == "__main__":
    main()
