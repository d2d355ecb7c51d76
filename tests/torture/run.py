"""`make torture ARGS="--minutes 60 --kills 1000 --seed 7"`: thousands of documents under pain.

Real processes and real sockets. Gateways and scanners are killed, frozen, their disks filled and
slowed, their clocks shifted, their networks cut, while everything of `make chaos` befalls them as
well. In the end the books of every side are compared. The exit status is 1 where anything was
lost, doubled or told untruly. The seed makes documents, faults and schedule again.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import secrets
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.chaos.lands import CZECH_SHARE, LANDS, Land
from tests.chaos.plan import Plan, make_plan
from tests.chaos.run import report
from tests.torture.field import TortureField, readers
from tests.torture.ground import possible
from tests.torture.schedule import KILLS, Pain, Turn, Victims, digest_of, make_schedule
from tests.torture.shared import SECOND

if TYPE_CHECKING:
    from tests.chaos.field import Outcome
    from tests.truth.keeper import Death

DOCUMENTS_A_MINUTE: Final = 100
KILLS_A_MINUTE: Final = 17


@dataclass(slots=True, kw_only=True)
class Told:
    """What came of one land."""

    outcome: Outcome
    done: Counter[str]
    left_out: Counter[str]
    deaths: list[Death]
    """Of the gateways, as their keepers saw them."""

    @property
    def recoveries(self) -> list[float]:
        """Seconds until a gateway was ready again; one that died while it started has none."""
        return [one.ready_at - one.at for one in self.deaths if one.ready_at]

    @property
    def kills(self) -> int:
        """Everything that was ended by SIGKILL: gateways as seen, the rest as done."""
        others = sum(self.done[pain] for pain in KILLS if pain is not Pain.KILL_GATEWAY)
        return len(self.deaths) + others


async def play(
    plan: Plan,
    turns: tuple[Turn, ...],
    folder: Path,
    begun: float,
    *,
    seconds: float,
    disks: bool,
    shared: bool,
) -> Told:
    """Run one land."""

    def say(line: str) -> None:
        print(f"{time.monotonic() - begun:7.1f} s  {plan.land:<8}  {line}", flush=True)

    field = TortureField(plan, turns, folder, say, seconds=seconds, disks=disks, shared=shared)
    async with field:
        outcome = await field.play()
        deaths = [d for keeper in field.torment.keepers.values() for d in keeper.deaths]
        return Told(
            outcome=outcome,
            done=field.torment.done,
            left_out=field.torment.left_out,
            deaths=deaths,
        )


def total(all_told: list[Told], seed: int, seconds: float) -> str:
    """The last lines."""
    judged = [one.outcome.judgement for one in all_told]
    done = sum((one.done for one in all_told), Counter[str]())
    left_out = sum((one.left_out for one in all_told), Counter[str]())
    recoveries = [r for one in all_told for r in one.recoveries]
    lines = ["", "pains         " + ", ".join(f"{k} {n}" for k, n in sorted(done.items()))]
    if left_out:
        lines.append("not possible here  " + ", ".join(f"{k} {n}" for k, n in left_out.items()))
    lines.append(
        f"{sum(one.kills for one in all_told)} kills, "
        f"{sum(len(one.outcome.plan.documents) for one in all_told)} documents: "
        f"{sum(len(one.lost) for one in judged)} lost, "
        f"{sum(len(one.doubled) for one in judged)} doubled, "
        f"{sum(len(one.untrue) for one in judged)} untrue states, "
        f"{sum(len(one.unclear) for one in judged)} left to a person; "
        f"longest recovery {max(recoveries, default=0):.1f} s; seed {seed}; {seconds:.0f} s"
    )
    return "\n".join(lines)


def drawn(options: argparse.Namespace, land: Land, *, disks: bool) -> tuple[Plan, tuple[Turn, ...]]:
    """Draw documents and schedule of one land: its share of everything."""
    share = CZECH_SHARE if land.name == "czechia" else 1 - CZECH_SHARE
    number = max(4, round(options.number * share))
    shared = options.store == "postgres"
    marks = ("", SECOND) if shared else ("",)
    victims = Victims(
        gateways=tuple(body.folder + mark for body in land.pair for mark in marks),
        networks=land.networks,
        readers=tuple(folder + mark for folder in readers(land) for mark in marks),
        database=shared,
        disks=disks,
    )
    turns = make_schedule(round(options.kills / 2), options.minutes * 60, options.seed, victims)
    return make_plan(number, options.seed, land, deaths=False), turns


async def run(options: argparse.Namespace, folder: Path) -> int:
    """Run, print, and return the exit status."""
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)  # broken calls are what we make here
    begun = time.monotonic()
    shared = options.store == "postgres"
    denied = "the stores lie in PostgreSQL" if shared else possible(folder)
    if denied:
        print(f"no full and no slow disks in this run: {denied}")
    made = [drawn(options, land, disks=not denied) for land in LANDS.values()]
    print(
        f"seed {options.seed}: {options.number} documents and {options.kills} kills "
        f"in {options.minutes:g} minutes; on "
        + ("PostgreSQL with two gateways for each body" if shared else "SQLite")
    )
    for plan, turns in made:
        print(f"{plan.land}: plan {plan.digest[:16]}, schedule {digest_of(turns)}", flush=True)
    async with asyncio.TaskGroup() as group:
        played = [
            group.create_task(
                play(
                    *(plan, turns, folder / plan.land, begun),
                    seconds=options.minutes * 60,
                    disks=not denied,
                    shared=shared,
                )
            )
            for plan, turns in made
        ]
    told = [one.result() for one in played]
    print("\n".join(report(one.outcome) for one in told))
    print(total(told, options.seed, time.monotonic() - begun), flush=True)
    return 0 if all(one.outcome.good for one in told) else 1


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--kills", type=int, help="in all; 17 a minute")
    parser.add_argument("--number", type=int, help="documents; 100 a minute")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--dir", type=Path, help="keep everything here, for a look afterwards")
    options = parser.parse_args()
    options.kills = options.kills or round(options.minutes * KILLS_A_MINUTE)
    options.number = options.number or round(options.minutes * DOCUMENTS_A_MINUTE)
    if options.dir is not None:
        options.dir.mkdir(parents=True)
        sys.exit(asyncio.run(run(options, options.dir)))
    with tempfile.TemporaryDirectory(prefix="depesha-torture-") as name:
        status = asyncio.run(run(options, Path(name)))
    sys.exit(status)


if __name__ == "__main__":
    main()
