"""The console's pages about the machine over doubles, with bodies, channels and letters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from depesha.adapters.memory.channel import MemoryChannel
from depesha.adapters.memory.directory import MemoryDirectory
from depesha.adapters.memory.letters import MemoryLetters
from depesha.adapters.memory.notebook import MemoryNotebook
from depesha.adapters.memory.system import CountingIds, HandClock
from depesha.monitoring.console.access.routes import Route
from depesha.monitoring.console.machine.parts import ChannelSetup, MachineParts, Receives
from depesha.monitoring.console.machine.routes import routes
from depesha.schemas.ids import Guid, SerialNumber
from depesha.schemas.letters import LeftLetter
from depesha.schemas.participant import Participant, ParticipantStatus
from depesha.schemas.route import ChannelHealth, Circuit
from tests.support.console_pages import House, Inside, house
from tests.support.memory import START

AGENCY = "000000002"
"""Of whom documents come and to whom they go in the pages' own stories."""
CITIZEN = "7001011234"
"""In no register of public bodies."""


def setup(network: str, rank: int, receives: Receives = Receives.POLLED) -> ChannelSetup:
    return ChannelSetup(
        network=network,
        rank=rank,
        waits=(60.0, 300.0, 3600.0, 3600.0),
        faults=(60.0, 900.0),
        patience=timedelta(minutes=15),
        failures=3,
        rest=timedelta(minutes=1),
        rest_longest=timedelta(minutes=30),
        message_bytes=5_000_000,
        receives=receives,
        poll_seconds=60.0,
    )


SETUPS = (
    setup("seos", 1, Receives.PUSHED),
    setup("ssev", 2),
    replace(setup("email", 3), file_bytes=1_000_000, files=20),
)


def body(number: int, name: str = "", **changes: object) -> Participant:
    facts: dict[str, object] = {
        "guid": Guid(f"{number:08d}-0000-4000-8000-000000000000"),
        "identifier": f"{number:09d}",
        "name": name or f"Орган Пример {number}",
        "status": ParticipantStatus.ACTIVE,
        "serial": SerialNumber("0a1b2c"),
        "url": "https://peer.example/seos/",
        "phone": f"02 000 {number:03d}",
        "email": f"office{number}@body.example",
    }
    return Participant(**(facts | changes))  # type: ignore[arg-type]  # fields of it


def letters() -> MemoryLetters:
    return MemoryLetters(
        *(
            LeftLetter(
                key=f"7-{number}",
                why=why,
                at=START - timedelta(hours=number),
                size=2048 * number,
                sender=f"sender{number}@citizen.example",
                subject=f"Жалба {number}",
            )
            for number, why in enumerate(("UNSIGNED", "SENDER_UNKNOWN", "STRANGE"), start=1)
        )
    )


@dataclass
class Machine:
    """The house with the pages about the machine."""

    house: House
    parts: MachineParts
    channels: dict[str, MemoryChannel]
    letters: MemoryLetters
    notebook: MemoryNotebook
    health: list[ChannelHealth] = field(default_factory=list)


@asynccontextmanager
async def machine(
    folder: Path, *, port: int | None = None, clock: HandClock | None = None
) -> AsyncIterator[Machine]:
    """Open the console with all its content pages."""
    made: list[MachineParts] = []
    left, health = letters(), failures()
    channels: dict[str, MemoryChannel] = {}

    def more(inside: Inside) -> Sequence[Route]:
        pages, at = inside.parts, inside.parts.clock
        channels.update(
            {
                one.network: MemoryChannel(
                    one.network, blobs=pages.blobs, clock=at, ids=CountingIds()
                )
                for one in SETUPS
            }
        )
        seos = (body(2, "Агенция Образец"), *(body(number) for number in range(3, 40)))
        away = body(2, "Агенция Образец", status=ParticipantStatus.TEMPORARILY_INACTIVE, url="")
        parts = MachineParts(
            pages=pages,
            notebook=MemoryNotebook(inside.state),
            directories={
                "seos": MemoryDirectory(*seos, clock=at),
                "ssev": MemoryDirectory(away, clock=at),
                "email": MemoryDirectory(clock=at),
            },
            channels=channels,
            setups=SETUPS,
            health=lambda: health,
            letters=left,
            test_seconds=1.0,
        )
        made.append(parts)
        return routes(parts)

    async with house(folder, port=port, clock=clock, more=more) as opened:
        yield Machine(
            house=opened,
            parts=made[0],
            channels=channels,
            letters=left,
            notebook=MemoryNotebook(opened.state),
            health=health,
        )


def failures() -> list[ChannelHealth]:
    """A channel that is down, with a public body and a citizen on it."""
    down = ChannelHealth(
        network="seos",
        circuit=Circuit.OPEN,
        failures=4,
        opened_at=START - timedelta(hours=2),
        last_alive=START - timedelta(hours=3),
        last_code="UNREACHABLE",
        probe_at=START + timedelta(minutes=5),
    )
    return [
        down,
        replace(down, peer=AGENCY, circuit=Circuit.CLOSED, failures=2),
        replace(down, peer=CITIZEN, circuit=Circuit.CLOSED, failures=1),
    ]
