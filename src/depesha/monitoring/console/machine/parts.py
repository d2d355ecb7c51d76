"""What the pages about the machine are made with: ports, and values of the settings. No logic."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from depesha.monitoring.console.pages.telling import Teller

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.console.pages.parts import PageParts
    from depesha.ports import Directory, LeftLetters, Notebook, OutboundChannel
    from depesha.schemas.route import ChannelHealth


class Receives(StrEnum):
    """How messages come by a network."""

    PUSHED = "pushed"
    """Partners call us: there is no inbox that could rest."""
    POLLED = "polled"
    """We look into an inbox there; what is not fetched lies there."""
    NOT = "not"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSetup:
    """How this installation uses one network, by its settings."""

    network: str
    rank: int
    """In the order of choice, from 1; 0: nothing is sent by it."""
    waits: tuple[float, ...]
    """Seconds before each further try."""
    faults: tuple[float, ...]
    """The same after an answer that was a fault."""
    patience: timedelta
    failures: int
    """In a row, that open the breaker."""
    rest: timedelta
    rest_longest: timedelta
    message_bytes: int | None = None
    """Most that one message may weigh; None: no limit is set here."""
    file_bytes: int | None = None
    files: int | None = None
    receives: Receives = Receives.NOT
    poll_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineParts:
    """Everything these pages stand on."""

    pages: PageParts
    notebook: Notebook
    directories: Mapping[str, Directory]
    """Whom each network knows."""
    channels: Mapping[str, OutboundChannel]
    """In the order of choice."""
    setups: Sequence[ChannelSetup]
    """Of every network that is set up, in the order of choice."""
    health: Callable[[], Sequence[ChannelHealth]]
    """What this gateway has learnt of channels and peers (`Breakers.all`)."""
    look_again: timedelta = timedelta(minutes=5)
    """After so long, at most, a document that waited leaves once its network is resumed."""
    letters: LeftLetters | None = None
    """Letters left in the mailbox; None: no mailbox is set up."""
    test_seconds: float = 20.0
    """How long an answer is waited for in a test."""

    def tell(self, visit: Visit) -> Teller:
        """Return what says values to this visitor."""
        return Teller(language=visit.language, zone=self.pages.zone, now=visit.now)
