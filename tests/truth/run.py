"""`make truth`: for each channel and each fault, the sender's word against what the recipient has.

Printed as it grows. The exit status is 1 where anything was lost, doubled or untrue, or where a
fault was not met. Three stands run side by side, each in a process of its own: faults of the
networks, deaths of the sender, and a Czech pair for ISDS, with both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

from depesha.simulators.bodies import DOLINA, EMAIL, ISDS, IZVOR, OFFICES, VRAH
from tests.truth import (
    death_cases,
    fallback_cases,
    faults,
    isds_cases,
    mail_cases,
    seos_cases,
    ssev_cases,
)
from tests.truth.case import Case
from tests.truth.judging import judge_moment
from tests.truth.stand import Stand
from tests.truth.table import HEAD, Row, totals

LONGEST = 1_000_000
"""Bytes of a row as JSON."""
QUIET_SECONDS = 2.0
"""Before everything is looked at once more: what comes late must change nothing."""


class Run:
    """One part: its stand, and what is told of it."""

    def __init__(self, wanted: str, tell: Callable[[Row], None]) -> None:
        self.deaths = 0
        self._tell = tell
        self._wanted = wanted

    async def networks(self, folder: Path) -> None:
        """Faults of the networks: those that do not touch each other at the same time."""
        peers = (IZVOR, DOLINA, VRAH)
        by_peer = [list(seos_cases.of_the_peer(peer)) for peer in peers]
        third = len(peers)
        lanes = [
            list(seos_cases.on_the_wire()),
            list(ssev_cases.cases()),
            list(mail_cases.cases()),
            *(cases[place::third] for place, cases in enumerate(by_peer)),
        ]
        async with Stand(folder) as stand:
            async with asyncio.TaskGroup() as group:
                for lane in lanes:
                    group.create_task(self._lane(stand, lane))
            await self._lane(stand, fallback_cases.cases())
            await self._once_more(stand)

    async def killings(self, folder: Path) -> None:
        """Deaths of the sender."""
        async with Stand(folder, acting=()) as stand:
            await self._lane(stand, death_cases.cases())
            await self._once_more(stand)

    async def isds(self, folder: Path) -> None:
        """Faults of ISDS."""
        await self._boxes(folder, isds_cases.cases())

    async def isds_killings(self, folder: Path) -> None:
        """Deaths of a sender and a recipient on ISDS."""
        await self._boxes(folder, death_cases.on_isds())

    async def _boxes(self, folder: Path, cases: Iterable[Case]) -> None:
        networks = (ISDS, EMAIL)
        async with Stand(folder, pair=OFFICES, networks=networks, acting=()) as stand:
            await faults.isds_sound(stand)
            await self._lane(stand, cases)
            await self._once_more(stand)

    async def _lane(self, stand: Stand, cases: Iterable[Case]) -> None:
        for case in cases:
            if self._wanted in f"{case.channel} {case.fault}":
                self._tell(await case.run(stand))

    async def _once_more(self, stand: Stand) -> None:
        """Look at every document again: nothing may have come twice, or been taken back."""
        await stand.clock.sleep(QUIET_SECONDS)
        row = Row(channel="all", fault=f"{len(stand.letters)} documents looked at once more")
        for letter in stand.letters:
            books, state = await stand.books(letter), await stand.state(letter.id)
            judge_moment(row, letter.guid, books, state, books)
            if books.has_gateway and max(books.registry, books.gateway) > 1:
                row.doubled += 1
                row.faults.append(f"{letter.guid} is there twice: {books.shown()}")
        row.faults += stand.office.faults
        self.deaths += stand.deaths
        self._tell(row)


PARTS = {
    "networks": Run.networks,
    "deaths": Run.killings,
    "isds": Run.isds,
    "isds-deaths": Run.isds_killings,
}
LANES = (("networks", "isds-deaths"), ("deaths",), ("isds",))
"""Parts that follow one another, beside others."""


async def play(part: str, wanted: str, tell: Callable[[Row], None]) -> int:
    """Run one part here; return how many deaths there were."""
    made = Run(wanted, tell)
    with tempfile.TemporaryDirectory(prefix="depesha-truth-") as name:
        await PARTS[part](made, Path(name))
    return made.deaths


async def play_apart(part: str, wanted: str, tell: Callable[[Row], None]) -> int:
    """Run one part in a process of its own, that parts may not slow each other's clocks."""
    command = (sys.executable, "-m", "tests.truth.run", "--raw", "--part", part, "-k", wanted)
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, limit=LONGEST
    )
    deaths = 0
    try:
        if process.stdout is None:
            raise SystemExit("a part has no voice")
        async for line in process.stdout:
            said = json.loads(line)
            if isinstance(said, int):
                deaths = said
            else:
                tell(Row(**said))
        if await process.wait():
            broken = f"the part ended with {process.returncode}"
            tell(Row(channel=part, fault="the whole part", faults=[broken]))
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    return deaths


async def play_lane(parts: Iterable[str], wanted: str, tell: Callable[[Row], None]) -> int:
    """Run parts one after another."""
    return sum([await play_apart(part, wanted, tell) for part in parts])


async def run(options: argparse.Namespace) -> int:
    """Run, print, and return the exit status."""
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)  # broken calls are what we make here
    if options.raw:
        deaths = await play(options.part, options.k, lambda row: say(json.dumps(asdict(row))))
        say(json.dumps(deaths))
        return 0
    begun, rows = time.monotonic(), list[Row]()

    def tell(row: Row) -> None:
        rows.append(row)
        say(row.line())

    say(HEAD)
    if options.part:
        deaths = await play(options.part, options.k, tell)
    else:
        deaths = sum(await asyncio.gather(*(play_lane(lane, options.k, tell) for lane in LANES)))
    say(totals(rows, deaths, time.monotonic() - begun))
    return 0 if rows and all(row.good for row in rows) else 1


def say(line: str) -> None:
    """Print at once."""
    print(line, flush=True)


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-k", default="", metavar="WORD", help="only rows that hold it")
    parser.add_argument("--part", choices=tuple(PARTS), help="only one of the stands")
    parser.add_argument("--raw", action="store_true", help=argparse.SUPPRESS)
    sys.exit(asyncio.run(run(parser.parse_args())))


if __name__ == "__main__":
    main()
