"""ISDS: a big message of 99 MB through two whole gateways, and what their memory grows by.

Gateways, clamd and the simulated ISDS are processes of their own; only the gateways are measured.
Run: python -m bench.isds_big
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from bench.processes import cpu_seconds, forget_peak, memory, say
from depesha.adapters.system import SystemClock, SystemIds
from depesha.simulators.bodies import ISDS, PRIKLAD, VZOROV
from depesha.simulators.country import Country
from depesha.simulators.papers import PDF
from depesha.simulators.registry import RegistryClient

MB: Final = 1_000_000
SIZE: Final = 99 * MB
"""Just under what ISDS takes of a big message."""
ALLOWED: Final = 150 * MB
"""Growth of each gateway that is allowed."""
PATIENCE: Final = 240.0
SETTINGS: Final[dict[str, dict[str, object]]] = {
    "log": {"level": "warning"},
    "networks.isds": {"transfer_seconds": 180.0, "answer_seconds": 60.0, "lookup_seconds": 30.0},
    "scanner": {"seconds": 120.0},
}


async def measure(folder: Path) -> bool:
    """Send one, wait until it lies in the recipient's registry; print; tell if all was allowed."""
    clock = SystemClock()
    ids = SystemIds(clock)
    say("starting two gateways with data boxes")
    async with Country(
        folder,
        clock=clock,
        ids=ids,
        gateways=(VZOROV, PRIKLAD),
        acting=(),
        bare=(),
        networks=(ISDS,),
        settings=SETTINGS,
    ) as country:
        here, there = (country.gateways[body.folder] for body in (VZOROV, PRIKLAD))
        ours, theirs = (
            RegistryClient(gateway.registry_api, country.tokens[body.folder], seconds=PATIENCE)
            for gateway, body in ((here, VZOROV), (there, PRIKLAD))
        )
        try:
            pids = {"out": here.pid, "in": there.pid}
            cpu = {way: cpu_seconds(pid) for way, pid in pids.items()}
            for pid in pids.values():
                forget_peak(pid)
            before = {way: memory(pid, "VmRSS") for way, pid in pids.items()}
            content = b"%PDF-1.7\n" + await asyncio.to_thread(os.urandom, SIZE)
            begun = time.perf_counter()
            guid = ids.guid()
            words = _words(guid, clock.now().date().isoformat())
            file = ("velká příloha.pdf", PDF, content)
            await ours.submit(words, [file], key=guid, seconds=PATIENCE)
            submitted = time.perf_counter() - begun
            del content, file
            await _arrived(theirs, begun)
            whole = time.perf_counter() - begun
            grown = {way: memory(pid, "VmHWM") - before[way] for way, pid in pids.items()}
            used = {way: cpu_seconds(pid) - cpu[way] for way, pid in pids.items()}
        finally:
            await ours.close_session()
            await theirs.close_session()
    print(f"A big message of {SIZE // MB} MB, registry to registry, through two whole gateways:")
    print(f"   {submitted:.1f} s until it was taken in, {whole:.1f} s until it waited there")
    for way, more in grown.items():
        verdict = "less" if more < ALLOWED else "MORE"
        print(
            f"   {way:<3}  peak memory +{more / MB:.0f} MB from {before[way] / MB:.0f} MB: "
            f"{verdict} than {ALLOWED // MB}; {used[way]:.1f} s CPU"
        )
    return all(one < ALLOWED for one in grown.values())


def _words(guid: str, day: str) -> dict[str, Any]:
    return {
        "recipient": {"identifier": PRIKLAD.party.identifier},
        "document": {"guid": guid, "number": "1/2026", "date": day},
        "kind": "Dopis",
        "subject": "Velká příloha",
        "scan_instead": "Podepsáno na papíře; posílá se obraz.",
        "channels": [ISDS],
    }


async def _arrived(registry: RegistryClient, begun: float) -> None:
    while not await registry.waiting(5):
        if time.perf_counter() - begun > PATIENCE:
            raise SystemExit("the big message did not arrive")


async def run() -> bool:
    """Measure in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="depesha-bench-") as name:
        return await measure(Path(name) / "country")


def main() -> None:
    raise SystemExit(0 if asyncio.run(run()) else 1)


if __name__ == "__main__":
    main()
