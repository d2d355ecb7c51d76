"""`make bench`: drives the real gateway and the bare way, interleaved, and prints the figures."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from bench import (
    console,
    growth,
    inbound,
    isds_big,
    isds_box,
    large,
    many,
    outbound,
    steps,
    stores,
)
from bench.peers import run as peers
from bench.processes import machine
from depesha.adapters.system import SystemClock

SMALL, USUAL, LARGE = 2_000, 100_000, 5_000_000
PARTS = ("in", "out", "large", "many", "growth", "soak", "isds", "peers", "store", "console")


async def run(options: argparse.Namespace) -> None:
    """Run everything asked for."""
    print(f"machine: {machine()}, {SystemClock().now():%Y-%m-%d}")
    if options.only in {None, "in"}:
        await way_in(options)
    if options.only in {None, "out"}:
        print()
        with tempfile.TemporaryDirectory(prefix="depesha-bench-") as name:
            await outbound.measure(Path(name), options)
    await much(options)
    if options.only in {None, "growth"}:
        print()
        await growth.run(options)
    if options.only in {None, "soak"}:
        print()
        await many.soak(options)
    if options.only in {None, "isds"}:
        print()
        await isds(options)
    if options.only in {None, "store"}:
        print()
        await stores.run(options)
    if options.only == "console":  # a million documents are written first: a quarter of an hour
        await console.run(None, 1_000_000, 60, 8.0)
    if options.only in {None, "peers"}:
        print()
        await peers.run(options)


async def much(options: argparse.Namespace) -> None:
    """Large messages, and many callers."""
    if options.only in {None, "large"}:
        print()
        await large.run(options)
    if options.only in {None, "many"}:
        print()
        await many.callers(options)


async def isds(options: argparse.Namespace) -> None:
    """Data boxes: a full box, and a big message both ways."""
    await isds_box.run(options.messages, big_only=options.quick)
    print()
    await isds_big.run()


async def way_in(options: argparse.Namespace) -> None:
    """The way in at each size: read in the gateway's threads, and in processes of its own."""
    for processes in options.processes:
        where = f"{processes} processes of its own" if processes else "the gateway's threads"
        print(f"--- read in {where} ---")
        await _way_in(options, processes)
    with tempfile.TemporaryDirectory(prefix="depesha-bench-") as name:
        found = await steps.measure(Path(name) / "steps", size=USUAL)
    print("\n".join(steps.table(found)))


async def _way_in(options: argparse.Namespace, processes: int) -> None:
    async with inbound.stand(options, processes=processes) as bench:
        for size in options.sizes:
            rounds = options.rounds if size == USUAL else max(1, options.rounds // 2)
            most = options.most if size <= USUAL else options.most * USUAL / size * 2
            await bench.heap(int(most * options.seconds * (rounds + 1.5)) + 200, size)
            rate = await bench.compare(size, rounds)
            await bench.half_load(rate)
            bench.memory()
            print()
        if not options.quick:
            await bench.large()
            print()


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0, help="length of a round")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--callers", type=int, default=16)
    parser.add_argument(
        "--sizes", type=int, nargs="*", default=[SMALL, USUAL, LARGE], help="of documents, bytes"
    )
    parser.add_argument(
        "--processes",
        type=int,
        nargs="+",
        default=[0, 2],
        help="of the gateway, that read messages; the last number counts where one is needed",
    )
    parser.add_argument("--size", type=int, default=USUAL, help="beside peers, bytes")
    parser.add_argument("--most", type=float, default=450, help="requests a second to prepare for")
    parser.add_argument(
        "--quick", action="store_true", help="leave the large message and the outage out"
    )
    parser.add_argument("--only", choices=PARTS, help="one part alone")
    parser.add_argument("--messages", type=int, default=10_000, help="in the data box")
    parser.add_argument("--documents", type=int, default=160, help="of a round of the way out")
    parser.add_argument("--bare-threads", type=int, default=8, help="of the bare way out")
    parser.add_argument("--waiting", type=int, default=1000, help="of the outage")
    parser.add_argument("--peer-workers", type=int, default=5, help="of gunicorn: 2 × cores + 1")
    parser.add_argument(
        "--share", type=float, default=0.0, help="cores for each gateway of `store`; 0: all"
    )
    parser.add_argument("--many", type=int, nargs="*", default=[50, 200, 1000], help="callers")
    parser.add_argument("--soak", type=float, default=1.0, metavar="MINUTES")
    parser.add_argument(
        "--stored", type=int, nargs="*", default=[1_000, 10_000, 100_000], help="in the store"
    )
    parser.add_argument("--million", action="store_true", help="and with a million")
    options = parser.parse_args()
    asyncio.run(run(options))


if __name__ == "__main__":
    main()
