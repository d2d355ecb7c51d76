"""`make crash`: the gateway is killed at every committed step and between them (laws 2 and 4).

Each document must end with one message, one registration and one number, told and proven at
every side. The table is printed as it grows; the exit status is 1 where any row is not good.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import secrets
import sys
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path

from depesha.simulators.gateway_process import command
from tests.crash import cases
from tests.crash.ending import judge_log, judge_memory
from tests.crash.office import CUTS
from tests.crash.refused import Refused
from tests.crash.stand import Stand
from tests.crash.table import HEAD, Row

AGAIN_EVERY = 4
"""Each fourth random death is followed by a second one while the gateway starts."""
STARTING = 1.0
"""Seconds within which that comes."""


class Run:
    """One whole run over one stand."""

    def __init__(self, stand: Stand, options: argparse.Namespace) -> None:
        self.rows: list[Row] = []
        self._stand = stand
        self._options = options
        self._chance = random.Random(options.seed)  # noqa: S311 - chance that can be had again

    async def all(self) -> None:
        """Run every case, in an order that makes the long waits overlap."""
        stand, options = self._stand, self._options
        refused = await Refused.sent(stand) if options.quarantine else None
        await self.straight(asks=False)
        if refused is not None:
            await refused.sent_again()
        await self.straight(asks=True)
        await self.beside()
        await self.neighbours()
        await self.randoms()
        await self.packs()
        if refused is not None:
            for row in await refused.rows():
                self._tell(row)

    async def straight(self, *, asks: bool) -> None:
        """Die at every step of the straight way."""
        for step in cases.STRAIGHT:
            await self._do(step, cases.straight(self._stand, step, asks=asks))
        for step in cases.LATER:
            await self._do(step, cases.later(self._stand, step, asks=asks))

    async def beside(self) -> None:
        """Die at every step beside the straight way."""
        for asks in (False, True):
            for step in cases.REPEATED:
                name = f"{step} of a repeat"
                await self._do(name, cases.repeated(self._stand, step, asks=asks))
            for steps in cases.HELD:
                await self._do(steps[-1], cases.held(self._stand, steps, asks=asks))
        await self._do("WORD_STORED", cases.asked(self._stand))

    async def neighbours(self) -> None:
        """Break what stands around the gateway."""
        for how in CUTS:
            await self._do(how, cases.cut(self._stand, how))

    async def randoms(self) -> None:
        """Die at random moments; what a dead scanner held is looked at again meanwhile."""
        stand, chance = self._stand, self._chance
        span = await cases.span(stand)
        print(f"… {cases.IN_FLIGHT} documents undisturbed: {span:.2f} s", flush=True)
        rest = await cases.scanner_dies(stand, chance)
        for number in range(1, self._options.random + 1):
            moment = chance.uniform(0.0, span)
            again = chance.uniform(0.0, STARTING) if number % AGAIN_EVERY == 0 else None
            case = cases.at_random(stand, number, moment, again, asks=number % 2 == 0)
            await self._do(f"random {number}", case)
        await self._do("clamd", rest())

    async def packs(self) -> None:
        """Have every pack verified by the command line."""
        folder, bad = self._stand.folder, 0
        for number, pack in enumerate(self._stand.packs):
            path = folder / f"pack-{number}.json"
            path.write_bytes(pack)
            key = str(self._stand.gateway.seal_key)
            try:
                await command("evidence", "verify", str(path), "--key", key)
            except Exception as error:  # noqa: BLE001 - whatever it is, the pack did not verify
                bad += 1
                self.rows.append(Row(step=path.name, faults=[str(error)]))
        count = len(self._stand.packs)
        print(f"depesha evidence verify: {count - bad} of {count} packs hold", flush=True)

    async def _do(self, name: str, case: Awaitable[Row]) -> None:
        self._tell(await cases.guarded(case, name))
        await self._stand.up()

    def _tell(self, row: Row) -> None:
        self.rows.append(row)
        print(row.line(), flush=True)


async def run(options: argparse.Namespace) -> int:
    """Run, print, and return the exit status."""
    begun = time.monotonic()
    print(f"seed {options.seed} (--seed {options.seed} draws the same moments)")
    with tempfile.TemporaryDirectory(prefix="depesha-crash-") as name:
        async with Stand(Path(name)) as stand:
            print(HEAD, flush=True)
            made = Run(stand, options)
            await made.all()
            sent = len(stand.sender.peer.books.sent)
            await stand.rest()
            in_log, faults = judge_log(stand.gateway.log)
            in_memory, more = await judge_memory(stand.gateway.plan.folder, sent)
            faults += [*more, *stand.office.faults]
            print(f"{in_log}\n{in_memory}")
            deaths, repeats = len(stand.deaths), stand.office.repeats
    bad = [row for row in made.rows if not row.good]
    for fault in faults:
        print(f"    ! {fault}")
    print(
        f"{len(made.rows)} rows, {deaths} deaths, {sent} documents, "
        f"{repeats} failed tries of the registry; "
        f"{len(bad)} bad rows, {len(faults)} further faults; "
        f"seed {options.seed}; {time.monotonic() - begun:.0f} s"
    )
    return 1 if bad or faults else 0


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--random", type=int, default=20, metavar="N", help="random deaths")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument(
        "--no-quarantine",
        dest="quarantine",
        action="store_false",
        help="leave out the sealing of refused bytes, which rest for three minutes first",
    )
    sys.exit(asyncio.run(run(parser.parse_args())))


if __name__ == "__main__":
    main()
