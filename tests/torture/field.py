"""The field of a torture: that of a chaos run, at an even pace, under a schedule of pain."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Final

from depesha.simulators.bodies import SEOS
from tests.chaos.field import SETTINGS, Field
from tests.chaos.staff import UNFINISHED
from tests.crash import child
from tests.crash.ending import judge_log
from tests.torture.ground import EACH, EACH_TURN, MEGABYTES, Ground
from tests.torture.shared import (
    SECOND,
    Database,
    PostgresLedger,
    first_settings,
    judge_shared,
    second_gateway,
)
from tests.torture.torment import Torment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.chaos.lands import Land
    from tests.chaos.plan import Plan
    from tests.torture.schedule import Turn
    from tests.truth.keeper import Keeper

PATIENCE: Final = 1200.0
"""A clock that went ahead by four minutes put some work off by as much, and a task that was in hand
at seven deaths in a row, as happens to one in a thousand here, rests for a quarter of an hour."""


ABSENCE: Final[dict[str, object]] = {"absence_seconds": 15.0}
"""Longer than a gateway is frozen here: one that wakes late sends what it had begun. In real life
it is 2 and 15 minutes."""


READING: Final[dict[str, object]] = {"reading_processes": 2}


def readers(land: Land) -> tuple[str, ...]:
    """Of two bodies one reads in processes of its own, the other in its gateways' threads."""
    return (land.pair[1].folder,) if SEOS in land.networks else ()


class TortureField(Field):
    """`async with TortureField(plan, turns, seconds, …) as field`, then `play` once."""

    patience = PATIENCE
    settings: Mapping[str, Mapping[str, object]] = {
        **SETTINGS,
        "networks.isds": {**SETTINGS["networks.isds"], **ABSENCE},
        "networks.ssev": ABSENCE,
    }

    def __init__(
        self,
        plan: Plan,
        turns: tuple[Turn, ...],
        folder: Path,
        say: Callable[[str], None],
        *,
        seconds: float,
        disks: bool,
        shared: bool = False,
    ) -> None:
        """`seconds`: over which the documents are handed in; `disks`: each store gets its own.

        `shared`: each body has two gateways on one PostgreSQL database.
        """
        self._shared = shared
        self._urls: dict[str, str] = {}
        self.seconds: dict[str, Keeper] = {}
        self._database: Database | None = None
        super().__init__(plan, folder, say)
        self.turns = turns
        self._seconds = seconds
        self._disks = self.may_end = disks
        self.grounds: dict[str, Ground] = {}

    async def _open(self) -> None:
        if self._disks:
            for body in self.land.pair:
                await asyncio.to_thread(self._lay, body.folder)
        if self._shared:
            await self._share()
        for folder in readers(self.land):
            own = {**self.own_settings.get(folder, {})}
            own["networks.seos"] = {**SETTINGS.get("networks.seos", {}), **READING}
            self.own_settings = {**self.own_settings, folder: own}
        await super()._open()
        if self._shared:
            for body in self.land.pair:
                gateway = self.stand.country.gateways[body.folder]
                program = (sys.executable, child.__file__)
                second = second_gateway(gateway, self.stand.clock, program)
                self.seconds[body.folder + SECOND] = await self._stack.enter_async_context(second)
        for keeper in (self.stand.a, self.stand.b, *self.seconds.values()):
            keeper.start_seconds = PATIENCE  # frozen, on a slow disk, among many others
        self.torment = Torment(
            *(self.stand, self.turns, self.grounds), seconds=self.seconds, database=self._database
        )
        self._work(self.torment.work())

    async def _share(self) -> None:
        """Start PostgreSQL, and say in the gateways' settings where it is."""
        self._database = await asyncio.to_thread(Database)
        self._stack.callback(self._database.remove)
        await self._database.start()
        for body in self.land.pair:
            url = self._urls[body.folder] = await self._database.create(body.folder)
            place = self.folder / "country" / f"gateway-{body.folder}"
            self.own_settings = {**self.own_settings, body.folder: first_settings(place, url)}
        self.ledgers = {folder: PostgresLedger(url) for folder, url in self._urls.items()}

    def _lay(self, folder: str) -> None:
        place = self.folder / "country" / f"gateway-{folder}" / "store"
        self.folder.mkdir(parents=True, exist_ok=True)
        room = MEGABYTES + EACH * len(self.plan.documents) + EACH_TURN * len(self.turns)
        ground = Ground(self.folder / f"{folder}.img", place, megabytes=room)
        self._stack.callback(ground.lift)
        ground.lay()
        self.grounds[folder] = ground

    def unfinished(self) -> int:
        """As many as clerks may not exceed, while they are ahead of the even pace."""
        for keeper in self.torment.keepers.values():
            keeper.judge()  # who waits for a gateway that nobody keeps waits for ever
        share = (self.stand.clock.monotonic() - self.torment.begun) / self._seconds
        ahead = self.weather.answered > share * len(self.plan.documents)
        return UNFINISHED + 1 if ahead else super().unfinished()

    async def calm(self) -> None:
        """Wait until the schedule is through."""
        await self.torment.over()

    async def _stand_up(self) -> None:
        await super()._stand_up()
        for keeper in self.seconds.values():
            await keeper.up()

    async def _rest(self) -> None:
        for keeper in self.seconds.values():
            keeper.judge()
            await keeper.stop()
            await keeper.gateway.stop()
        await super()._rest()

    def _faults(self) -> list[str]:
        faults = super()._faults()
        for keeper in self.seconds.values():
            told, found = judge_log(keeper.gateway.log, may_end=self.may_end)
            self.say(told)
            faults += found
        return faults

    async def _memories(self, faults: list[str]) -> str:
        if not self._shared:
            return await super()._memories(faults)
        told = []
        for folder, gateway in self.stand.country.gateways.items():
            received = sum(self.watch.received[folder].values())
            line, found = await judge_shared(gateway, self._urls[folder], received)
            told.append(line)
            faults += [f"at {folder}: {one}" for one in found]
        return "; ".join(told)
