"""Breaking the glass: content is opened after purpose and ground were named and are on disk.

Pages that show or hand out content go through here first; there is no other way (AUD-05, S24).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.errors import ForbiddenError, RuleError
from depesha.schemas.people import Action, Purpose, Right

if TYPE_CHECKING:
    from depesha.monitoring.console.access.deciding import Decisions
    from depesha.monitoring.console.access.routes import Visit
    from depesha.ports import Journal
    from depesha.schemas.ids import MessageId


class Reasons:
    """Writes down who opens or hands out what, and why."""

    def __init__(self, decisions: Decisions, journal: Journal) -> None:
        self._decisions = decisions
        self._journal = journal

    async def open(self, visit: Visit, message: MessageId, part: str) -> None:
        """Return when the look is on disk; the content may be shown then.

        `part` is `attachment-<n>`, `original` or `wire-<n>`; the form brings `purpose`, `ground`.
        Raises `ForbiddenError`, `RuleError`, `StorageError`: then nothing may be shown.
        """
        self._check(visit, Action.OPEN_CONTENT)
        purpose, ground = named(visit)
        row = self._decisions.content_opened(
            login=visit.login,
            message=message,
            part=part,
            purpose=purpose,
            ground=ground,
            at=visit.now,
        )
        await self._journal.record(row)

    async def report(
        self, visit: Visit, action: Action, report: str, message: MessageId | None = None
    ) -> None:
        """Return when the handing out is on disk; `report` is a bounded word (AUD-11)."""
        self._check(visit, action)
        purpose, ground = named(visit)
        row = self._decisions.reported(
            login=visit.login,
            report=report,
            purpose=purpose,
            ground=ground,
            at=visit.now,
            message=message,
        )
        await self._journal.record(row)

    def _check(self, visit: Visit, action: Action) -> None:
        if not visit.login or visit.rights.get(action, Right.NO) is Right.NO:
            raise ForbiddenError("your role does not include this")


def named(visit: Visit) -> tuple[Purpose, str]:
    """Return purpose and ground of a form; raise `RuleError` where one is missing."""
    try:
        purpose = Purpose(visit.form.get("purpose", ""))
    except ValueError:
        raise RuleError("choose the purpose", rule="purpose") from None
    return purpose, visit.form.get("ground", "")
