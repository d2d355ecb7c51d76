"""100 MB in by SEOS, out and in by SSEV's REST side, out and in by ISDS: memory, and the others.

What counts is by how much the peak memory of a gateway grows, and how long four others, who call it
by SEOS twenty times a second, wait meanwhile. Gateways, clamd and these callers are processes of
their own. Run: make bench ARGS="--only large"
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench import isds_big, messages
from bench.inbound import MB, SETTINGS, Bench, Result, stand
from bench.processes import cpu_seconds, forget_peak, memory, say
from depesha.adapters.system import SystemClock, SystemIds
from depesha.simulators.bodies import BARE, ISDS, OBRAZETS, PRIKLAD, PRIMER, SEOS, SSEV, VZOROV
from depesha.simulators.country import Country
from depesha.simulators.papers import PDF
from depesha.simulators.registry import RegistryClient

if TYPE_CHECKING:
    from depesha.simulators.bodies import Body

WHOLE: Final = 100 * MB
PATIENCE: Final = 240.0
CALLERS, RATE = 4, 20.0
"""Of the others."""
MEANWHILE: Final = 12.0
"""Seconds the others go on calling: longer than 100 MB take."""
SIZE: Final = 100_000
PAGE: Final = 200
ALLOWED: Final = {"SEOS in": 2 * WHOLE, "SSEV REST": 64 * MB, "ISDS": 150 * MB}
"""Growth that is allowed, by the beginning of a row's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    name: str
    seconds: float
    grown: int
    cpu: float
    others: Result | None = None

    def line(self) -> str:
        """As it is printed."""
        allowed = next(most for name, most in ALLOWED.items() if self.name.startswith(name))
        told = (
            f"{self.name:<14}{self.seconds:8.1f} s {self.grown / MB:+8.0f} MB"
            f"{self.grown / WHOLE:7.2f} ×  {'less' if self.grown < allowed else 'MORE'} than "
            f"{allowed // MB:3} MB  {self.cpu:6.1f} s CPU"
        )
        if self.others is None:
            return told
        shares = (self.others.percentile(share) for share in (0.5, 0.95, 0.99))
        bad = {k: v for k, v in self.others.statuses.items() if k != "DS_WAIT_REGISTRATION"}
        return f"{told}   {' / '.join(f'{each:.0f}' for each in shares)} ms {bad or ''}"


class Watch:
    """What one gateway uses from here on."""

    def __init__(self, name: str, pid: int) -> None:
        self.name = name
        self._pid = pid
        forget_peak(pid)
        self._before = memory(pid, "VmRSS")
        self._cpu = cpu_seconds(pid)

    def row(self, seconds: float, others: Result | None = None) -> Row:
        """What it came to."""
        return Row(
            name=self.name,
            seconds=seconds,
            grown=memory(self._pid, "VmHWM") - self._before,
            cpu=cpu_seconds(self._pid) - self._cpu,
            others=others,
        )


class Others(Bench):
    """Four callers of one of several gateways."""

    def __init__(self, country: Country, folder: Path, options: Any, body: Body) -> None:
        super().__init__(country, folder / body.folder, options)
        self._called = body.folder
        (folder / body.folder).mkdir()

    @property
    def gateway(self) -> Any:
        """The one that is called."""
        return self._country.gateways[self._called]


class Inbox:
    """Looks for one document among those of the others."""

    def __init__(self, registry: RegistryClient) -> None:
        self._registry = registry
        self._after = ""

    async def holds(self, guid: str) -> bool:
        """Read on from where the last look ended; tell whether it is there."""
        while True:
            path = f"/inbox?limit={PAGE}&after={self._after}"
            page = await self._registry._json("GET", path, seconds=30.0)  # noqa: SLF001 -- pages
            if any(guid in json.dumps(item) for item in page["items"]):
                return True
            if not page.get("next"):
                return False
            self._after = page["next"]


async def seos(options: argparse.Namespace) -> list[Row]:
    """One attachment of 100 MB in base64, escaped in a string."""
    async with stand(options, processes=0) as bench:
        await bench.heap(int(RATE * (MEANWHILE + 4)) + 50, SIZE)
        path = bench.requests.parent / "large"
        await asyncio.to_thread(_write_large, bench, path)
        await bench.call(bare=False, seconds=2, callers=CALLERS, rate=RATE)
        watch = Watch("SEOS in", bench.gateway.pid)
        calling = asyncio.create_task(_meanwhile(bench))
        await asyncio.sleep(0.5)
        big = await bench._send_large(path)  # noqa: SLF001 -- of the same bench
        others = await calling
        if big.statuses != {"DS_WAIT_REGISTRATION": 1}:
            raise SystemExit(f"the large message was not taken in: {big.statuses}")
        return [watch.row(big.seconds[0], others)]


def _write_large(bench: Bench, path: Path) -> None:
    body = messages.request(
        bench._sender.body.party,  # noqa: SLF001 -- of the same bench
        bench.gateway.plan.party,
        bench._sender.identity,  # noqa: SLF001 -- of the same bench
        WHOLE * 4 // 3 + 3_000,
    )
    request = messages.http(body)
    with path.open("wb") as file:
        file.write(messages.LENGTH.pack(len(request)))
        file.write(request)


async def _meanwhile(bench: Bench) -> Result:
    return await bench.call(bare=False, seconds=MEANWHILE, callers=CALLERS, rate=RATE)


async def ssev(options: argparse.Namespace) -> list[Row]:
    """Two files of 50 MB, for SSEV takes no larger ones; too many bytes for its SOAP side."""
    with tempfile.TemporaryDirectory(prefix="depesha-bench-") as name:
        folder = Path(name)
        async with _country(folder, (PRIMER, OBRAZETS), (SEOS, SSEV), SETTINGS) as country:
            calling = [Others(country, folder, options, body) for body in (PRIMER, OBRAZETS)]
            for others in calling:
                await others.heap(int(RATE * (MEANWHILE + 4)) + 50, SIZE)
                await others.call(bare=False, seconds=2, callers=CALLERS, rate=RATE)
            words = {
                "recipient": {"identifier": OBRAZETS.party.identifier},
                "kind": "Писмо",
                "subject": "Голямо приложение",
                "scan_instead": "Подписано на хартия; изпраща се изображение.",
                "channels": [SSEV],
            }
            files = [("first.pdf", WHOLE // 2), ("second.pdf", WHOLE // 2)]
            return await _through(country, "SSEV REST", (PRIMER, OBRAZETS), words, files, calling)


async def isds(_: argparse.Namespace) -> list[Row]:
    """One file of 99 MB: just under what ISDS takes."""
    with tempfile.TemporaryDirectory(prefix="depesha-bench-") as name:
        async with _country(Path(name), (VZOROV, PRIKLAD), (ISDS,), isds_big.SETTINGS) as country:
            words = {
                "recipient": {"identifier": PRIKLAD.party.identifier},
                "kind": "Dopis",
                "subject": "Velká příloha",
                "scan_instead": "Podepsáno na papíře; posílá se obraz.",
                "channels": [ISDS],
            }
            files = [("velka.pdf", isds_big.SIZE)]
            return await _through(country, "ISDS", (VZOROV, PRIKLAD), words, files, [])


def _country(
    folder: Path,
    gateways: Sequence[Body],
    networks: tuple[str, ...],
    settings: dict[str, dict[str, object]],
) -> Country:
    clock = SystemClock()
    say(f"starting two gateways on {', '.join(networks)}")
    return Country(
        folder / "country",
        clock=clock,
        ids=SystemIds(clock),
        gateways=tuple(gateways),
        acting=(),
        bare=BARE[:1] if SEOS in networks else (),
        networks=networks,
        settings=settings | {"scanner": {"seconds": 120.0}},
        say=say,
    )


async def _through(
    country: Country,
    name: str,
    bodies: tuple[Body, Body],
    words: dict[str, Any],
    files: Sequence[tuple[str, int]],
    calling: Sequence[Others],
) -> list[Row]:
    """Send from registry to registry; a row for each of the two gateways."""
    clock = SystemClock()
    guid = SystemIds(clock).guid()
    document = {"guid": guid, "number": "1/2026", "date": clock.now().date().isoformat()}
    contents = [(file, PDF, await asyncio.to_thread(_content, size)) for file, size in files]
    gateways = [country.gateways[body.folder] for body in bodies]
    ours, theirs = (
        RegistryClient(gateway.registry_api, country.tokens[body.folder], seconds=PATIENCE)
        for gateway, body in zip(gateways, bodies, strict=True)
    )
    try:
        watches = [
            Watch(f"{name} {way}", gateway.pid)
            for way, gateway in zip(("out", "in"), gateways, strict=True)
        ]
        others = [asyncio.create_task(_meanwhile(each)) for each in calling]
        begun = time.perf_counter()
        await ours.submit({**words, "document": document}, contents, key=guid, seconds=PATIENCE)
        del contents
        inbox = Inbox(theirs)
        while not await inbox.holds(guid):
            if time.perf_counter() - begun > PATIENCE:
                raise SystemExit(f"the large message did not arrive by {name}")
            await asyncio.sleep(0.3)
        seconds = time.perf_counter() - begun
        waited: list[Result | None] = [await each for each in others] or [None, None]
    finally:
        await ours.close_session()
        await theirs.close_session()
    return [watch.row(seconds, each) for watch, each in zip(watches, waited, strict=True)]


def _content(size: int) -> bytes:
    return b"%PDF-1.7\n" + os.urandom(size - 9)


async def run(options: argparse.Namespace) -> bool:
    """Measure and print the table; tell whether all kept to what is allowed."""
    rows: list[Row] = []
    print("100 MB by each network: seconds, growth of peak memory, in attachments; four others")
    print("calling meanwhile by SEOS: p50 / p95 / p99")
    for part in (seos, ssev, isds):
        for row in await part(options):
            rows.append(row)
            print(f"   {row.line()}", flush=True)
    return "MORE" not in " ".join(row.line() for row in rows)


def main() -> None:
    """Measure alone."""
    raise SystemExit(0 if asyncio.run(run(argparse.Namespace())) else 1)


if __name__ == "__main__":
    main()
