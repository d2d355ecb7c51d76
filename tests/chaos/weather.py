"""Lets the planned faults and deaths befall the country, each when its moment has come.

It knows nothing of single documents; every fault ends by itself.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from depesha.errors import PeerError
from depesha.schemas.steps import OutboundStep, Step
from depesha.simulators.fault_proxy import Fault, FaultProxy, Mode
from depesha.simulators.isds_quirks import Fault as IsdsFault
from depesha.simulators.isds_quirks import FaultKind
from depesha.simulators.mail_imap import ImapFaults
from depesha.simulators.mail_smtp import SmtpFaults
from depesha.simulators.seos_quirks import Quirks
from depesha.simulators.seos_register import Mood
from depesha.simulators.ssev_quirks import SsevQuirks
from tests.chaos.faults import Event
from tests.chaos.plan import BODIES
from tests.truth.faults import ISDS_SOUND

if TYPE_CHECKING:
    from depesha.schemas.steps import AnyStep
    from tests.truth.keeper import Keeper
    from tests.truth.stand import Stand


class Weather:
    """Faults wait for one another only where they befall the same thing."""

    def __init__(self, stand: Stand, events: tuple[Event, ...]) -> None:
        self.befell: Counter[str] = Counter()
        """Faults and orders to die, by kind."""
        self.answered = 0
        """Documents that were handed in and answered."""
        self._stand = stand
        self._events = list(events)
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._tasks: list[asyncio.Task[None]] = []

    def handed_in(self, count: int) -> None:
        """So many documents were handed in: what was planned for now begins."""
        self.answered = count
        while self._events and self._events[0].after <= count:
            self._tasks.append(asyncio.create_task(self._befall(self._events.pop(0))))

    async def over(self) -> None:
        """Wait until everything has passed, and take back what did not come to pass."""
        await asyncio.gather(*self._tasks)
        for keeper in (self._stand.a, self._stand.b):
            for step in (*OutboundStep, *Step):
                keeper.disarm(step)

    async def stop(self) -> None:
        """Let nothing further happen."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _befall(self, event: Event) -> None:
        await asyncio.sleep(event.wait)
        async with self._turns[f"{event.kind} {event.target}"]:
            self.befell[event.kind] += 1
            await self._do(event)

    async def _do(self, event: Event) -> None:
        how, seconds = event.how, event.seconds
        country = self._stand.country
        match event.kind:
            case "death":
                await self._death(event)
            case "wire":
                await self._wire(event)
            case "peer":
                usual = BODIES[event.target].quirks or Quirks()
                country.peers[event.target].quirks = replace(usual, **how)
                await asyncio.sleep(seconds)
                country.peers[event.target].quirks = usual
            case "ssev":
                country.ssev.simulator.quirks = SsevQuirks(**how)
                await asyncio.sleep(seconds)
                country.ssev.simulator.quirks = SsevQuirks()
            case "isds":
                fault = IsdsFault(**{**how, "kind": FaultKind[how["kind"]]})
                country.isds.simulator.quirks = replace(ISDS_SOUND, faults=(fault,))
                await asyncio.sleep(seconds)
                country.isds.simulator.quirks = ISDS_SOUND
            case "smtp":
                country.mail.domain.smtp.faults = SmtpFaults(**how)
                await asyncio.sleep(seconds)
                country.mail.domain.smtp.faults = SmtpFaults()
            case "imap":
                country.mail.domain.imap.faults = ImapFaults(**how)
                await asyncio.sleep(seconds)
                country.mail.domain.imap.faults = ImapFaults()
            case "scanner":
                await country.scanner.kill()
                await asyncio.sleep(seconds)
                await country.scanner.start()
            case "register":
                country.register.mood = Mood(**how)
                await asyncio.sleep(seconds)
                country.register.mood = Mood()
            case kind:
                raise AssertionError(kind)

    async def _wire(self, event: Event) -> None:
        how = dict(event.how)
        drop = how.pop("drop")
        fault = Fault(**{**how, "mode": Mode(how["mode"])})
        wires = self._wires(event.target)
        for wire in wires:
            await wire.set(fault)
            if drop:
                wire.drop()
        await asyncio.sleep(event.seconds)
        for wire in wires:
            await wire.mend()

    def _wires(self, target: str) -> tuple[FaultProxy, ...]:
        wires = self._stand.wires
        return (wires[target],) if "." in target else wires.of(target)

    async def _death(self, event: Event) -> None:
        keeper = self._keeper(event.target)
        if "step" in event.how:
            keeper.arm(_step(event.how["step"]), event.how["times"])
            return
        with suppress(ProcessLookupError, PeerError):  # it died this very moment by an order
            await keeper.kill()

    def _keeper(self, folder: str) -> Keeper:
        return self._stand.a if folder == self._stand.pair[0].folder else self._stand.b


def _step(name: str) -> AnyStep:
    return OutboundStep(name) if name in OutboundStep.__members__ else Step(name)
