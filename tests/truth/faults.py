"""The faults, as things to do with the stand: wires, switches of the simulators, deaths."""

from __future__ import annotations

from dataclasses import replace

from depesha.schemas.steps import AnyStep
from depesha.simulators.bodies import Body
from depesha.simulators.fault_proxy import Fault, Mode
from depesha.simulators.isds_quirks import Fault as IsdsFault
from depesha.simulators.isds_quirks import FaultKind, IsdsQuirks
from depesha.simulators.mail_smtp import SmtpFaults
from depesha.simulators.seos_quirks import Quirks
from depesha.simulators.ssev_quirks import SsevOperation, SsevQuirks
from tests.truth.case import Act
from tests.truth.settings import ISDS_UP_TO, SLOW
from tests.truth.stand import Stand

SLOWLY = Fault(mode=Mode.SLOW, seconds=SLOW)
MIDWAY = Fault(mode=Mode.CUT_MID_REQUEST, request_bytes=4096)


def both(*acts: Act) -> Act:
    """One after the other."""

    async def act(stand: Stand) -> None:
        for one in acts:
            await one(stand)

    return act


def waits(seconds: float) -> Act:
    """Let time pass."""

    async def act(stand: Stand) -> None:
        await stand.clock.sleep(seconds)

    return act


# --- wires ----------------------------------------------------------------------------------


def wire(name: str, fault: Fault | Mode) -> Act:
    """Put a fault on one wire; refusing resets what is open, too."""

    async def act(stand: Stand) -> None:
        await stand.wires[name].set(fault)
        if fault is Mode.REFUSE:
            stand.wires[name].drop()

    return act


def mended(*names: str) -> Act:
    """Let everything pass on wires."""

    async def act(stand: Stand) -> None:
        for name in names:
            await stand.wires[name].mend()

    return act


def cut(*networks: str) -> Act:
    """Cut whole networks."""

    async def act(stand: Stand) -> None:
        for network in networks:
            await stand.wires.cut(network)

    return act


def revived(*networks: str) -> Act:
    """Mend whole networks."""

    async def act(stand: Stand) -> None:
        for network in networks:
            await stand.wires.mend(network)

    return act


# --- switches -------------------------------------------------------------------------------


def peer(body: Body, **quirks: object) -> Act:
    """Make an acting participant odd; without `quirks` it is itself again."""

    async def act(stand: Stand) -> None:
        own = body.quirks or Quirks()
        stand.country.peers[body.folder].quirks = replace(own, **quirks)  # type: ignore[arg-type]  # its own names

    return act


def ssev(at: SsevOperation = SsevOperation.SEND, **quirks: object) -> Act:
    """Make SSEV odd at one operation."""

    async def act(stand: Stand) -> None:
        odd = SsevQuirks(at=frozenset({at}), **quirks)  # type: ignore[arg-type]  # its own names
        stand.ssev.simulator.quirks = odd

    return act


async def ssev_sound(stand: Stand) -> None:
    """SSEV is itself again."""
    stand.ssev.simulator.quirks = SsevQuirks()


ISDS_SOUND = IsdsQuirks(big_least=ISDS_UP_TO // 2)
"""What is a big message there is one for the gateways, too."""


def isds(*faults: IsdsFault, **quirks: object) -> Act:
    """Make ISDS odd."""

    async def act(stand: Stand) -> None:
        odd = replace(ISDS_SOUND, faults=faults, **quirks)  # type: ignore[arg-type]  # its own names
        stand.isds.simulator.quirks = odd

    return act


def isds_fault(kind: FaultKind, operation: str, **more: object) -> Act:
    """Let calls of one operation fail."""
    return isds(IsdsFault(kind=kind, operation=operation, **more))  # type: ignore[arg-type]  # its own names


async def isds_sound(stand: Stand) -> None:
    """ISDS is itself again."""
    stand.isds.simulator.quirks = ISDS_SOUND


def smtp(**faults: object) -> Act:
    """Make the mail server odd."""

    async def act(stand: Stand) -> None:
        stand.mail.domain.smtp.faults = SmtpFaults(**faults)  # type: ignore[arg-type]  # its own names

    return act


async def mail_sound(stand: Stand) -> None:
    """The mail server is itself again, and every letter arrives."""
    stand.mail.domain.smtp.faults = SmtpFaults()
    fates = stand.mail.domain.fates
    for switch in (fates.failed, fates.oddly_failed, fates.delayed):
        switch.clear()


def fate(body: Body, kind: str, status: str) -> Act:
    """Decide what becomes of a body's mail after it was taken."""

    async def act(stand: Stand) -> None:
        switch = getattr(stand.mail.domain.fates, kind)
        if isinstance(switch, set):
            switch.add(body.address)
        else:
            switch[body.address] = status

    return act


# --- deaths ---------------------------------------------------------------------------------


def dies(*steps: AnyStep) -> Act:
    """Order deaths of A, one at each step."""

    async def act(stand: Stand) -> None:
        for step in steps:
            stand.a.arm(step)

    return act


def recipient_dies(*steps: AnyStep) -> Act:
    """Order deaths of B."""

    async def act(stand: Stand) -> None:
        for step in steps:
            stand.b.arm(step)

    return act
