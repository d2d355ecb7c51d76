"""`make attack`: every attack of the corpus against a running gateway, and a table of what came.

Begins and ends with a good message that must be admitted, or the run proves nothing. Exits with 1
where one attack is admitted, one goes without its reason, or the gateway is the worse for it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from depesha.simulators.attacks import corpus
from tests.attack.aftermath import aftermath
from tests.attack.cases import HEAD, Attempt, Case, Row, summary
from tests.attack.files import files
from tests.attack.identity import identity
from tests.attack.interfaces import interfaces
from tests.attack.stand import Came, Good, Stand, letter, say, stand
from tests.attack.wire import wire

LAYERS: Final = (
    "tls",
    "http",
    "smuggling",
    "slow",
    "soap",
    "document",
    "identity",
    "file",
    "registry",
    "operators",
)


TOLERATED: Final = frozenset({"broken-declaration-late"})
"""A blank before the document belongs to the call that carries it (facts 2.3): behind it stands
the good message itself."""


@dataclass(slots=True)
class Report:
    """Everything a run found."""

    rows: list[Row] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)


def documents(made: Stand, target: bytes, *, large: bool) -> Iterator[Case]:
    """The corpus of bad documents, each in a proper call."""

    def sent(document: bytes) -> Attempt:
        async def attempt(stand: Stand) -> Came:
            return await stand.send(document)

        return attempt

    for one in corpus(
        target,
        victim=made.victim.identity,
        attacker=made.attacker,
        authority=made.country.authority,
        large=large,
    ):
        if one.name in TOLERATED:
            continue
        expected = frozenset(reason.value for reason in one.expected)
        yield Case(
            layer="document",
            name=one.name,
            why=one.why,
            attempt=sent(one.document),
            expected=expected,
        )


def cases(made: Stand, target: bytes, *, large: bool) -> Iterator[Case]:
    """Every attack there is."""
    yield from wire(large=large)
    yield from documents(made, target, large=large)
    yield from identity()
    yield from files()
    yield from interfaces()


async def attempt(made: Stand, case: Case) -> Row:
    """Carry out one attack and look what was stored."""
    began = time.monotonic()
    came = await case.attempt(made)
    stored = () if case.patient else tuple(await made.news())
    return Row(case=case, came=came, stored=stored, seconds=time.monotonic() - began)


async def control(made: Stand, report: Report, when: str, wire: bytes | None = None) -> Good:
    """A good message must be admitted."""
    if wire is None:
        good, came = await made.good()
        ok = bool(good.id)
    else:
        came = await made.send(wire)
        ok = [one.state for one in await made.news()] == ["ADMITTED"]
        good = made.kept
    ok = ok and came.said == "DS_WAIT_REGISTRATION"
    say(f"control    a good message {when}: {came.told}, {'ADMITTED' if ok else 'NOT ADMITTED'}")
    if not ok:
        report.faults.append(f"a good message {when} was not admitted: {came.told}")
    return good


async def prepare(made: Stand, report: Report) -> bytes:
    """Two good messages for the attacks to aim at, and one that is signed and never sent."""
    made.kept = await control(made, report, "before, then registered")
    await made.register(made.kept, "ВХ-777")
    made.waiting = await control(made, report, "before, then waiting")
    return made.message(letter())


async def attack(made: Stand, chosen: Sequence[Case], report: Report) -> None:
    """Carry out the attacks: the patient ones side by side, the others one by one."""
    patient = [case for case in chosen if case.patient]
    for row in await asyncio.gather(*(attempt(made, case) for case in patient)):
        report.rows.append(row)
        say(row.line())
    for row_case in chosen:
        if not row_case.patient:
            row = await attempt(made, row_case)
            report.rows.append(row)
            say(row.line())
    report.faults += [f"{r.case.layer}/{r.case.name}: {r.fault}" for r in report.rows if r.fault]


async def run(folder: Path, *, large: bool, only: str = "", every: int = 1) -> Report:
    """Start a country, attack its gateway, and look at it afterwards."""
    report = Report()
    async with stand(folder) as made:
        target = await prepare(made, report)
        found = [case for case in cases(made, target, large=large) if only in _path(case)]
        chosen = [case for number, case in enumerate(found) if number % every == 0]
        pid = made.gateway.pid
        made.forget_peak()
        before = made.memory("VmRSS")
        say(HEAD)
        await attack(made, chosen, report)
        await control(made, report, "after, that all forgeries were made from", target)
        await control(made, report, "after")
        await aftermath(made, report.faults, report.figures, pid=pid, before=before)
    return report


def _path(case: Case) -> str:
    return f"{case.layer}/{case.name}"


def main() -> int:
    """Run and tell; 0 where every attack was refused or held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="part of layer/name")
    parser.add_argument("--small", action="store_true", help="leave out what has 50 MB")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="depesha-attack-") as folder:
        report = asyncio.run(run(Path(folder) / "c", large=not options.small, only=options.only))
    say()
    for layer in LAYERS:
        rows = [row for row in report.rows if row.case.layer == layer]
        if rows:
            say(f"{layer:<10} {summary(rows)}")
    say(f"{'all':<10} {summary(report.rows)}, in {time.monotonic() - began:.0f} s")
    for figure in report.figures:
        say(figure)
    for fault in report.faults:
        say(f"FAULT: {fault}")
    say("every attack was refused, held or defused" if not report.faults else "the gateway failed")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
