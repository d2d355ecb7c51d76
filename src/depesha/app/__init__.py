"""What the command line calls: serve, demo, simulate, doctor. Each wires and runs, no more."""

from __future__ import annotations

import asyncio
import gc
import signal
from contextlib import AsyncExitStack, suppress
from itertools import chain, repeat
from typing import TYPE_CHECKING

from depesha.errors import ConfigurationError, StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from depesha.adapters.doctor import Diagnosis
    from depesha.config import Settings
    from depesha.ports import Checkpoint, Clock

_PAUSES = (0.5, 1.0, 2.0, 4.0, 5.0)
"""Seconds between two looks for a database that is away; the last one again and again."""
_YOUNG = 5_000
"""Objects made and not yet gone before the collector looks: some twenty messages."""


async def serve(
    settings: Settings, checkpoint: Checkpoint | None = None, clock: Clock | None = None
) -> None:
    """Run one gateway until SIGTERM or SIGINT; raises `DepeshaError` where it cannot start.

    A start that finds PostgreSQL away waits for it: both may be starting at the same time.
    """
    gc.disable()  # what is loaded stays: looking through it again and again takes a tenth
    from depesha.app.gateway import Gateway  # noqa: PLC0415 - half a second other commands spare

    gc.enable()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        for pause in chain(_PAUSES, repeat(_PAUSES[-1])):
            made = Gateway(settings, checkpoint, clock)
            try:
                gateway = await stack.enter_async_context(made)
            except StorageError as error:
                if not made.waits_for_store:
                    raise
                made.report(error)
                if await _stopped(stop, pause):
                    return
            else:
                _spare_collecting()
                await gateway.run(stop)
                return


async def _stopped(stop: asyncio.Event, seconds: float) -> bool:
    """Wait so long at most; tell whether we are to end."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
    return stop.is_set()


def _spare_collecting() -> None:
    """Let the cycle collector look at what messages make, not at what the start has loaded.

    With some 150,000 objects loaded it took 0.3 to 0.5 ms of CPU a message, and 0.1 s at once each
    time it went through all of them. Next to nothing a message makes is a cycle.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 20)


async def demo(folder: Path, *, once: bool, traffic: bool, week: bool, as_json: bool) -> int:
    """Run the demo country; return the exit status."""
    from depesha.adapters.system import SystemClock, SystemIds  # noqa: PLC0415 - as above
    from depesha.simulators.demo import run  # noqa: PLC0415 - as above

    clock = SystemClock()
    return await run(
        folder,
        once=once,
        traffic=traffic,
        week=week,
        as_json=as_json,
        say=_say,
        clock=clock,
        ids=SystemIds(clock),
    )


async def drill(folder: Path, *, documents: int, as_json: bool) -> int:
    """Lose a store in a country of its own, put it back, compare the books; the exit status."""
    from depesha.adapters.system import SystemClock, SystemIds  # noqa: PLC0415 - as above
    from depesha.simulators.drill import run  # noqa: PLC0415 - as above

    clock = SystemClock()
    return await run(
        folder,
        documents=documents,
        as_json=as_json,
        say=_say,
        clock=clock,
        ids=SystemIds(clock),
    )


async def live_a_week(settings: Settings, *, busy: bool) -> int:
    """Fill an empty store with a week that never was; return how many documents it holds."""
    from depesha.app.week import live_a_week  # noqa: PLC0415 - as above

    lived = await live_a_week(settings, busy=busy)
    return lived.received + lived.sent


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
