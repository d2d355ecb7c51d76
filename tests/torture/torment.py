"""Carries a schedule out on a running stand, and notes what it did and how long recovery took.

It knows nothing of documents; everything but a kill ends by itself.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, assert_never

from depesha.errors import PeerError
from depesha.schemas.steps import OutboundStep, Step
from tests.support.processes import children
from tests.torture.ground import may_slow
from tests.torture.schedule import Pain, Turn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from depesha.schemas.steps import AnyStep
    from tests.torture.ground import Ground
    from tests.truth.keeper import Keeper
    from tests.truth.stand import Stand

SHIFT: Final = "CLOCK"
"""Beside the orders to die: how many seconds the gateway's clock is off."""
RECOVERY: Final = 3.0
"""Seconds after the space is back until a gateway must not end by itself any more."""


class Server(Protocol):
    """A database server that may be killed."""

    async def kill(self) -> None:
        """End all of it without warning."""

    async def start(self) -> None:
        """Start it again; return when it answers."""


class Torment:
    """`work()` until the schedule is through; then `over()`."""

    def __init__(
        self,
        stand: Stand,
        turns: tuple[Turn, ...],
        grounds: Mapping[str, Ground],
        *,
        seconds: Mapping[str, Keeper] | None = None,
        database: Server | None = None,
    ) -> None:
        """`grounds` by the body's folder; empty where disks cannot be had.

        `seconds` keep the second gateways of bodies that have two on one database.
        """
        self._seconds = seconds or {}
        self._database_server = database
        self.done: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        """What this machine does not allow."""
        self._stand = stand
        self._turns = turns
        self._grounds = grounds
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._tasks: list[asyncio.Task[None]] = []
        self._through = asyncio.Event()
        self.begun = stand.clock.monotonic()
        self._slow = bool(grounds) and may_slow()

    @property
    def keepers(self) -> Mapping[str, Keeper]:
        """By the body's folder; second gateways by that and a mark behind it."""
        first, second = self._stand.pair
        return {first.folder: self._stand.a, second.folder: self._stand.b, **self._seconds}

    async def work(self) -> None:
        """Let one turn after the other begin at its time."""
        for turn in self._turns:
            await asyncio.sleep(max(0.0, self.begun + turn.at - self._stand.clock.monotonic()))
            self._tasks.append(asyncio.create_task(self._turn(turn)))
        self._through.set()

    async def over(self) -> None:
        """Wait until everything has passed; take back what was ordered and did not happen."""
        await self._through.wait()
        await asyncio.gather(*self._tasks)
        for keeper in self.keepers.values():
            for step in (*OutboundStep, *Step):
                if keeper.disarm(step):
                    self.done[Pain.KILL_GATEWAY] -= 1
            keeper.forgiving = False

    async def _turn(self, turn: Turn) -> None:
        async with self._locks[f"{turn.pain} {turn.target}"]:
            if turn.pain is Pain.SLOW_DISK and not self._slow:
                self.left_out[turn.pain] += 1
                return
            self.done[turn.pain] += 1
            await self._inflict(turn)

    async def _inflict(self, turn: Turn) -> None:
        match turn.pain:
            case Pain.KILL_GATEWAY:
                await self._gateway(turn)
            case Pain.KILL_READER:
                self._reader(turn)
            case Pain.KILL_SCANNER:
                await self._scanner()
            case Pain.KILL_DATABASE:
                await self._database()
            case Pain.CUT_NETWORK:
                await self._cut(turn)
            case Pain.FREEZE:
                await self._freeze(turn)
            case Pain.FULL_DISK:
                await self._full(turn)
            case Pain.SLOW_DISK:
                await self._sluggish(turn)
            case Pain.CLOCK:
                await self._shifted(turn)
            case _:
                assert_never(turn.pain)

    async def _gateway(self, turn: Turn) -> None:
        keeper = self.keepers[turn.target]
        if "step" in turn.how:
            keeper.arm(_step(turn.how["step"]), turn.how["times"])
            return
        with suppress(ProcessLookupError, PeerError):  # it died this very moment by an order
            await keeper.kill()

    def _reader(self, turn: Turn) -> None:
        """Kill the first process that a gateway has; where it has none just now, nobody died."""
        try:
            os.kill(children(self.keepers[turn.target].gateway.pid)[0], signal.SIGKILL)
        except (PeerError, OSError, IndexError):
            self.done[turn.pain] -= 1

    async def _scanner(self) -> None:
        scanner = self._stand.country.scanner
        await scanner.kill()
        await scanner.start()

    async def _database(self) -> None:
        """Kill the database server and start it again."""
        if self._database_server is not None:
            await self._database_server.kill()
            await self._database_server.start()

    async def _cut(self, turn: Turn) -> None:
        wires = self._stand.wires
        await wires.cut(turn.target)
        await asyncio.sleep(turn.seconds)
        await wires.mend(turn.target)

    async def _freeze(self, turn: Turn) -> None:
        try:
            pid = self.keepers[turn.target].gateway.pid
            os.kill(pid, signal.SIGSTOP)
        except (PeerError, ProcessLookupError):
            return  # it is just being killed
        await asyncio.sleep(turn.seconds)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    async def _full(self, turn: Turn) -> None:
        ground, keeper = self._grounds[turn.target], self.keepers[turn.target]
        keeper.forgiving = True
        try:
            await asyncio.to_thread(ground.fill)
            await asyncio.sleep(turn.seconds)
        finally:
            await asyncio.to_thread(ground.free)
        await asyncio.sleep(RECOVERY)
        # One that began while the disk was full may find that out late, on a busy machine.
        await keeper.up()
        keeper.forgiving = False

    async def _sluggish(self, turn: Turn) -> None:
        ground = self._grounds[turn.target]
        try:
            pid = self.keepers[turn.target].gateway.pid
            await asyncio.to_thread(ground.slow, pid, turn.how["writes"])
        except (PeerError, ProcessLookupError):
            return
        await asyncio.sleep(turn.seconds)
        await asyncio.to_thread(ground.quicken)

    async def _shifted(self, turn: Turn) -> None:
        place = self.keepers[turn.target].orders / SHIFT
        await asyncio.to_thread(_write, place, turn.how["shift"])
        await asyncio.sleep(turn.seconds)
        await asyncio.to_thread(_write, place, 0)


def _write(place: Path, seconds: int) -> None:
    beside = place.with_suffix(".new")
    beside.write_text(f"{seconds}\n", "ascii")
    beside.replace(place)


def _step(name: str) -> AnyStep:
    return OutboundStep(name) if name in OutboundStep.__members__ else Step(name)
