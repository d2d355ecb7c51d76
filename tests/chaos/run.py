"""`make chaos N=1000 SEED=7`: random documents under random faults and deaths, on all networks.

When the faults have ended and everything is settled, the books of both sides are compared. The
exit status is 1 where anything was lost, doubled or told untruly. The seed makes the whole plan.
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
from pathlib import Path

from tests.chaos.field import Field, Outcome
from tests.chaos.plan import make_plan


def report(outcome: Outcome, seconds: float) -> str:
    """Say everything that is to be known of a run."""
    judgement, plan = outcome.judgement, outcome.plan
    told = [one for several in outcome.books.told.values() for one in several]
    lots = Counter(str(d.lot) for d in plan.documents)
    ways = Counter(one.network or "none" for one in told)
    lines = [
        f"documents     {len(plan.documents)}: {_counts(lots)}",
        f"states        {_counts(Counter(one.state for one in told))}",
        f"by network    {_counts(ways)}",
        f"calls         {_counts(outcome.calls)}",
        f"faults        {_counts(outcome.befell)}",
        f"deaths        {_counts(outcome.deaths)}",
        f"at the end    {outcome.packs} evidence packs hold; {outcome.journals}",
    ]
    for name, items in (
        ("unclear, left to a person", judgement.unclear),
        ("lost", judgement.lost),
        ("doubled", judgement.doubled),
        ("untrue", judgement.untrue),
        ("further faults", outcome.faults),
    ):
        lines.append(f"{name}: {len(items)}")
        lines += [f"    ! {item}" for item in items]
    lines.append(
        f"{len(plan.documents)} documents, {sum(outcome.deaths.values())} deaths, "
        f"{sum(outcome.befell.values())} faults: {len(judgement.lost)} lost, "
        f"{len(judgement.doubled)} doubled, {len(judgement.untrue)} untrue, "
        f"{len(judgement.unclear)} left to a person; seed {plan.seed}; {seconds:.0f} s"
    )
    return "\n".join(lines)


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common()) or "none"


async def run(number: int, seed: int, folder: Path) -> int:
    """Run, print, and return the exit status."""
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)  # broken calls are what we make here
    begun = time.monotonic()
    plan = make_plan(number, seed)
    print(f"seed {seed}: {number} documents, {len(plan.events)} faults and deaths planned")
    print(f"plan {plan.digest}", flush=True)

    def say(line: str) -> None:
        print(f"{time.monotonic() - begun:6.1f} s  {line}", flush=True)

    async with Field(plan, folder, say) as field:
        outcome = await field.play()
    print(report(outcome, time.monotonic() - begun), flush=True)
    return 0 if outcome.good else 1


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=1000, metavar="N", help="documents")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--dir", type=Path, help="keep everything here, for a look afterwards")
    options = parser.parse_args()
    if options.dir is not None:
        options.dir.mkdir(parents=True)
        sys.exit(asyncio.run(run(options.number, options.seed, options.dir)))
    with tempfile.TemporaryDirectory(prefix="depesha-chaos-") as name:
        status = asyncio.run(run(options.number, options.seed, Path(name)))
    sys.exit(status)


if __name__ == "__main__":
    main()
