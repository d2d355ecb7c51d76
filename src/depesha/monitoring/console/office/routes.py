"""The table of the office pages, to be handed to the console beside the other pages' tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.monitoring.console.office.audit import AuditPages
from depesha.monitoring.console.office.certificates import CertificatePages
from depesha.monitoring.console.office.deputy import DeputyPage
from depesha.monitoring.console.office.runbook import RunbookPages
from depesha.monitoring.console.office.settings import SettingsPage
from depesha.monitoring.console.office.tokens import TokenPages
from depesha.monitoring.console.office.users import UserPages
from depesha.monitoring.console.office.wall import WallPages
from depesha.monitoring.console.office.wall_passes import WallPassPages
from depesha.monitoring.console.pages.looking import Looks

if TYPE_CHECKING:
    from depesha.monitoring.console.access.routes import Route
    from depesha.monitoring.console.office.parts import OfficeParts


def routes(parts: OfficeParts) -> tuple[Route, ...]:
    """Return the routes."""
    looks = Looks(parts.journal, parts.clock)
    pages = (
        AuditPages(parts, looks),
        UserPages(parts, looks),
        DeputyPage(parts),
        TokenPages(parts),
        CertificatePages(parts),
        SettingsPage(parts),
        RunbookPages(parts),
        WallPages(parts),
        WallPassPages(parts),
    )
    return tuple(route for page in pages for route in page.routes())
