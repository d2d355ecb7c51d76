"""`make fuzz`, second part: random and mutated documents against a running gateway.

Afterwards every admitted message must hold a pass of every check, and an independent library must
find its signature good over the stored original. Exits with 1 where anything is not as it must be.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from depesha.gateway.checks.chain import CHECKS
from tests.attack.aftermath import aftermath
from tests.attack.stand import CLOCK, Stand, say, stand
from tests.attack.verifier import Judged, judge

WORKERS: Final = 3
SETTINGS: Final = {"networks.seos": {"register_refresh_seconds": 5.0}}
_FETCHES: Final = 8
_FEW: Final = 50


@dataclass(slots=True)
class Report:
    """What a run found."""

    shots: int = 0
    seconds: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)


def _task(made: Stand, number: int, examples: int, seed: int, folder: Path) -> bytes:
    keys = made.keys("bare-1")

    def party(one: Any) -> dict[str, str]:
        return {"identifier": one.identifier, "name": one.name, "guid": str(one.guid)}

    task = {
        "port": made.gateway.plan.partners_port,
        "key": str(keys.key),
        "certificate": str(keys.certificate),
        "trusted": str(keys.trusted),
        "sender": party(made.victim.body.party),
        "recipient": party(made.us),
        "at": CLOCK.now().isoformat(),
        "examples": examples,
        "seed": seed * 1_000 + number,
        "failures": str(folder / f"worker-{number}"),
    }
    return json.dumps(task).encode()


async def shoot(
    made: Stand, report: Report, *, examples: int, seed: int, workers: int, folder: Path
) -> None:
    """Let the workers shoot, all at once."""

    async def one(number: int) -> None:
        share = examples // workers + (number < examples % workers)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.attack.worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await process.communicate(_task(made, number, share, seed, folder))
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        if process.returncode != 0:
            report.faults.append(f"worker {number}: {err.decode()[-1500:]}")
            return
        told = json.loads(out)
        report.kinds.update(told["kinds"])
        report.answers.update(told["answers"])
        if told["failure"]:
            where = folder / f"worker-{number}" / "shot"
            report.faults.append(f"worker {number}: {told['failure']}; the shot is in {where}")

    began = time.monotonic()
    await asyncio.gather(*(one(number) for number in range(workers)))
    report.seconds = time.monotonic() - began
    report.shots = sum(report.kinds.values())


def _keep(report: Report, fetched: Sequence[Judged], failures: Path) -> None:
    """Keep what was admitted and should not have been, for whoever looks into it."""
    for one in fetched:
        if any(one.id in fault for fault in report.faults):
            failures.mkdir(parents=True, exist_ok=True)
            (failures / one.id).write_bytes(one.original)
            report.figures.append(f"kept: {failures / one.id}")


async def judge_stored(made: Stand, report: Report, failures: Path) -> None:
    """Ask the gateway what it keeps, and judge all of it without its help."""
    messages = await made.stored()
    report.states.update(message["state"] for message in messages)
    for message in messages:
        wrong = _unlawful(message)
        if wrong:
            report.faults.append(f"{message['state']} {message['id']}: {wrong}")
    admitted = [message for message in messages if message["state"] == "ADMITTED"]
    places = asyncio.Semaphore(_FETCHES)

    async def fetch(message: dict[str, Any]) -> Judged:
        async with places:
            original = await made.original(message["id"])
        envelope = message["envelope"]
        return Judged(
            id=message["id"],
            original=original,
            certificate=made.victim.identity.certificate_pem,
            document=envelope["document"]["guid"],
            transport=envelope["transport_id"],
            subject=envelope["subject"],
            digests=tuple(one["sha256"] for one in message["attachments"]),
        )

    fetched = await asyncio.gather(*(fetch(message) for message in admitted))
    report.faults += await _judge_all(fetched)
    _keep(report, fetched, failures)
    report.figures.append(f"signatures of {len(admitted)} admitted messages judged by signxml")


async def _judge_all(messages: Sequence[Judged]) -> list[str]:
    """Judge in two processes, or here where there are few."""
    if len(messages) <= _FEW:
        return await asyncio.to_thread(judge, messages)
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        jobs = (
            loop.run_in_executor(pool, judge, messages[start : start + _FEW])
            for start in range(0, len(messages), _FEW)
        )
        return [fault for found in await asyncio.gather(*jobs) for fault in found]


def _unlawful(message: dict[str, Any]) -> str:
    """Why a message may not stand as it does; empty where it may."""
    checks = [(check["check"], check["verdict"]) for check in message["checks"]]
    verdicts = {verdict for _, verdict in checks}
    if message["state"] == "ADMITTED":
        return "" if checks == [(name, "passed") for name in CHECKS] else f"checks are {checks}"
    if message["state"] == "HELD":
        held = "held" in verdicts and not verdicts & {"rejected", "repeated"}
        return "" if held else f"verdicts are {sorted(verdicts)}"
    return "" if message["state"] == "REJECTED" and "rejected" in verdicts else "no refusal"


async def run(
    folder: Path, *, examples: int, seed: int, workers: int = WORKERS, failures: Path | None = None
) -> Report:
    """Start a country, shoot at its gateway, and judge what it keeps."""
    report = Report()
    async with stand(folder, settings=SETTINGS) as made:
        failures = failures or folder / "failures"
        pid, before = made.gateway.pid, made.memory("VmRSS")
        made.forget_peak()
        await shoot(
            made,
            report,
            examples=examples,
            seed=seed,
            workers=workers,
            folder=failures,
        )
        await judge_stored(made, report, failures)
        await aftermath(made, report.faults, report.figures, pid=pid, before=before)
    if report.shots < examples and not report.faults:
        report.faults.append(f"only {report.shots} of {examples} examples were tried")
    if not report.states["ADMITTED"]:
        report.faults.append("nothing was admitted: the run proves nothing")
    return report


def _table(title: str, counts: Counter[str]) -> None:
    say(title)
    for name, number in counts.most_common():
        say(f"  {number:>7}  {name}")


def main() -> int:
    """Run and tell; 0 where everything was as it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--workers", type=int, default=WORKERS)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else int(time.time())
    say(f"seed {seed}, {options.examples} examples, {options.workers} callers")
    failures = Path(tempfile.gettempdir()) / f"depesha-fuzz-{seed}"
    with tempfile.TemporaryDirectory(prefix="depesha-fuzz-") as folder:
        report = asyncio.run(
            run(
                Path(folder) / "c",
                examples=options.examples,
                seed=seed,
                workers=options.workers,
                failures=failures,
            )
        )
    _table("drawn", report.kinds)
    _table("answered", report.answers)
    _table("stored", report.states)
    say(
        f"{report.shots} documents in {report.seconds:.0f} s: {report.shots / report.seconds:.0f}/s"
    )
    for figure in report.figures:
        say(figure)
    for fault in report.faults[:40]:
        say(f"FAULT: {fault}")
    say("all is well" if not report.faults else f"{len(report.faults)} faults; seed {seed}")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
