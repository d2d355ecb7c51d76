"""`make chaos N=1000 SEED=7`: random documents under random faults and deaths, on all networks.

Two lands run side by side: Bulgarian offices with SEOS, SSEV and mail, and Czech ones with ISDS and
mail. When the faults have ended and everything is settled, the books of both sides are compared.
The exit status is 1 where anything was lost, doubled or told untruly. The seed makes the plan.
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
from collections.abc import Iterable
from pathlib import Path

from tests.chaos.field import Field, Outcome
from tests.chaos.lands import BULGARIA, CZECH_SHARE, CZECHIA
from tests.chaos.plan import Plan, make_plan


def report(outcome: Outcome) -> str:
    """Say everything that is to be known of one land."""
    judgement, plan = outcome.judgement, outcome.plan
    told = [one for several in outcome.books.told.values() for one in several]
    lots = Counter(str(d.lot) for d in plan.documents)
    ways = Counter(one.network or "none" for one in told)
    lines = [
        f"--- {plan.land}",
        f"documents     {len(plan.documents)}: {_counts(lots)}",
        f"states        {_counts(Counter(one.state for one in told))}",
        f"by network    {_counts(ways)}",
        f"calls         {_counts(outcome.calls)}",
        f"faults        {_counts(outcome.befell)}",
        f"deaths        {_counts(outcome.deaths)}",
        f"at the end    {outcome.packs} evidence packs hold; {outcome.journals}",
    ]
    if outcome.boxes.documents:
        lines.append(f"data boxes    {outcome.boxes.told(outcome.books)}")
    for name, items in (
        ("unclear, left to a person", judgement.unclear),
        ("lost", judgement.lost),
        ("doubled", judgement.doubled),
        ("untrue", judgement.untrue),
        ("further faults", outcome.faults),
    ):
        lines.append(f"{name}: {len(items)}")
        lines += [f"    ! {item}" for item in items]
    return "\n".join(lines)


def total(outcomes: Iterable[Outcome], seed: int, seconds: float) -> str:
    """The last line."""
    found = list(outcomes)
    judged = [one.judgement for one in found]
    return (
        f"{sum(len(one.plan.documents) for one in found)} documents "
        f"({sum(len(one.boxes.documents) for one in found)} by ISDS), "
        f"{sum(one.deaths.total() for one in found)} deaths, "
        f"{sum(one.befell.total() for one in found)} faults: "
        f"{sum(len(one.lost) for one in judged)} lost, "
        f"{sum(len(one.doubled) for one in judged)} doubled, "
        f"{sum(len(one.untrue) for one in judged)} untrue, "
        f"{sum(len(one.unclear) for one in judged)} left to a person; seed {seed}; {seconds:.0f} s"
    )


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common()) or "none"


def plans(number: int, seed: int, land: str) -> list[Plan]:
    """Return the plans of all lands, or of one alone, for so many documents together."""
    if land:
        chosen = BULGARIA if land == BULGARIA.name else CZECHIA
        return [make_plan(number, seed, chosen)]
    czech = round(number * CZECH_SHARE)
    return [make_plan(number - czech, seed), make_plan(czech, seed, CZECHIA)]


async def run(options: argparse.Namespace, folder: Path) -> int:
    """Run, print, and return the exit status."""
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)  # broken calls are what we make here
    begun, seed = time.monotonic(), options.seed
    made = plans(options.number, seed, options.land)
    planned = sum(len(plan.events) for plan in made)
    print(f"seed {seed}: {options.number} documents, {planned} faults and deaths planned")
    for plan in made:
        print(f"{plan.land}: {len(plan.documents)} documents, plan {plan.digest}", flush=True)

    async def play(plan: Plan) -> Outcome:
        def say(line: str) -> None:
            print(f"{time.monotonic() - begun:6.1f} s  {plan.land:<8}  {line}", flush=True)

        async with Field(plan, folder / plan.land, say) as field:
            return await field.play()

    async with asyncio.TaskGroup() as group:
        played = [group.create_task(play(plan)) for plan in made]
    outcomes = [one.result() for one in played]
    print("\n".join(report(one) for one in outcomes))
    print(total(outcomes, seed, time.monotonic() - begun), flush=True)
    return 0 if all(one.good for one in outcomes) else 1


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=1000, metavar="N", help="documents")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--dir", type=Path, help="keep everything here, for a look afterwards")
    parser.add_argument(
        "--land", choices=(BULGARIA.name, CZECHIA.name), default="", help="one land alone"
    )
    options = parser.parse_args()
    if options.dir is not None:
        options.dir.mkdir(parents=True)
        sys.exit(asyncio.run(run(options, options.dir)))
    with tempfile.TemporaryDirectory(prefix="depesha-chaos-") as name:
        status = asyncio.run(run(options, Path(name)))
    sys.exit(status)


if __name__ == "__main__":
    main()
