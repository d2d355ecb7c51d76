"""The table of the pages about the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.monitoring.console.machine.attending import AttendingPages
from depesha.monitoring.console.machine.channels import ChannelPages
from depesha.monitoring.console.machine.letters import LetterPages
from depesha.monitoring.console.machine.participants import ParticipantPages
from depesha.monitoring.console.machine.quarantine import QuarantinePages
from depesha.monitoring.console.machine.queue import QueuePage
from depesha.monitoring.console.machine.seals import SealPages
from depesha.monitoring.console.pages.looking import Looks

if TYPE_CHECKING:
    from depesha.monitoring.console.access.routes import Route
    from depesha.monitoring.console.machine.parts import MachineParts


def routes(parts: MachineParts) -> tuple[Route, ...]:
    """Return the routes, to be handed to the console beside those of the other pages."""
    looks = Looks(parts.pages.journal, parts.pages.clock)
    pages = (
        ParticipantPages(parts, looks),
        ChannelPages(parts, looks),
        LetterPages(parts, looks),
        QueuePage(parts, looks),
        QuarantinePages(parts, looks),
        SealPages(parts, looks),
        AttendingPages(parts),
    )
    return tuple(route for page in pages for route in page.routes())
