"""What the command line calls: serve, demo, simulate, doctor. Each wires and runs, no more."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from depesha.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from depesha.adapters.doctor import Diagnosis
    from depesha.config import Settings
    from depesha.ports import Checkpoint, Clock


async def serve(
    settings: Settings, checkpoint: Checkpoint | None = None, clock: Clock | None = None
) -> None:
    """Run one gateway until SIGTERM or SIGINT; raises `DepeshaError` where it cannot start."""
    from depesha.app.gateway import Gateway  # noqa: PLC0415 - half a second other commands spare

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Gateway(settings, checkpoint, clock) as gateway:
        await gateway.run(stop)


async def demo(folder: Path, *, once: bool, traffic: bool, as_json: bool) -> int:
    """Run the demo country; return the exit status."""
    from depesha.adapters.system import SystemClock, SystemIds  # noqa: PLC0415 - as above
    from depesha.simulators.demo import run  # noqa: PLC0415 - as above

    clock = SystemClock()
    return await run(
        folder,
        once=once,
        traffic=traffic,
        as_json=as_json,
        say=_say,
        clock=clock,
        ids=SystemIds(clock),
    )


async def simulate(network: str, *, folder: Path, port: int) -> int:
    """Stand in for a network until told to stop; return the exit status."""
    from depesha.adapters.system import SystemClock, SystemIds  # noqa: PLC0415 - as above
    from depesha.simulators.simulate import simulate_seos  # noqa: PLC0415 - as above
    from depesha.simulators.simulate_networks import simulate_network  # noqa: PLC0415 - as above

    clock = SystemClock()
    ids, host = SystemIds(clock), "127.0.0.1"
    match network:
        case "seos":
            return await simulate_seos(folder, host, port, say=_say, clock=clock, ids=ids)
        case "ssev" | "isds" | "email":
            return await simulate_network(
                network, folder, host, port, say=_say, clock=clock, ids=ids
            )
        case _:
            raise ConfigurationError(f"no simulator stands in for {network!r}")


async def doctor(settings: Settings) -> list[Diagnosis]:
    """Examine everything around a gateway; it may run meanwhile."""
    from depesha.app.examination import examine  # noqa: PLC0415 - as above

    return await examine(settings)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the command's own output
