"""The table of the content pages: home, search, one document and what belongs to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.monitoring.console.pages.document import DocumentPage
from depesha.monitoring.console.pages.home import HomePage
from depesha.monitoring.console.pages.letter import LetterPage
from depesha.monitoring.console.pages.live import Live
from depesha.monitoring.console.pages.looking import Looks
from depesha.monitoring.console.pages.opening import OpeningPage
from depesha.monitoring.console.pages.search import SearchPage
from depesha.monitoring.console.pages.tasks import TaskPage

if TYPE_CHECKING:
    from depesha.monitoring.console.access.routes import Route
    from depesha.monitoring.console.pages.parts import PageParts


def routes(parts: PageParts) -> tuple[Route, ...]:
    """Return the routes, to be handed to the console."""
    looks = Looks(parts.journal, parts.clock)
    pages = (
        HomePage(parts, looks),
        SearchPage(parts, looks),
        DocumentPage(parts, looks),
        TaskPage(parts),
        OpeningPage(parts),
        LetterPage(parts),
        Live(parts),
    )
    return tuple(route for page in pages for route in page.routes())
