"""The audit of people (S24): who did what, when, to which document, for which purpose.

Looking at it is itself written down, and so is every file made of it.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

from depesha.errors import RuleError
from depesha.monitoring.console.access.reasons import named
from depesha.monitoring.console.access.routes import Route
from depesha.monitoring.console.office.audit_file import as_csv, as_json
from depesha.monitoring.console.office.audit_view import asked_of, deed_lines
from depesha.monitoring.console.pages.sending import send
from depesha.schemas.audit import AuditPage, AuditQuery, Deed
from depesha.schemas.evidence import sha256
from depesha.schemas.message import EvidenceKind, NewEvidence
from depesha.schemas.people import GROUND_CHARACTERS, Action

if TYPE_CHECKING:
    from aiohttp import web

    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.console.office.audit_view import Asked
    from depesha.monitoring.console.office.parts import OfficeParts
    from depesha.monitoring.console.pages.looking import Looks
    from depesha.schemas.evidence import EvidenceRecord

MOST_ROWS = 10_000
"""In one file; whoever needs more asks for fewer days."""
_AT_ONCE = 500
_REFUSED = 400


class AuditPages:
    """Handlers of the audit's pages."""

    def __init__(self, parts: OfficeParts, looks: Looks) -> None:
        self._in = parts
        self._looks = looks

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of these pages."""
        needs = Action.SEE_AUDIT
        return (
            Route(method="GET", path="/audit", handler=self.show, needs=needs),
            Route(method="GET", path="/audit/file", handler=self.ask, needs=needs),
            Route(method="POST", path="/audit/file", handler=self.file, needs=needs),
        )

    async def show(self, visit: Visit) -> web.StreamResponse:
        """Show a page of deeds, newest first."""
        asked, tell, fault = asked_of(visit.request.query), self._in.tell(visit), ""
        page = AuditPage(records=())
        try:
            page = await self._in.audit.deeds(
                asked.query(self._in.zone, visit.request.query.get("after", ""))
            )
        except RuleError as error:
            fault = f"rule.{error.rule}"
        await self._looks.note(visit, "audit", shown=len(page.records))
        return await self._in.pages.show(
            visit,
            "audit.html",
            asked=asked,
            fault=fault,
            lines=deed_lines(page, tell, sees=visit.may(Action.SEE_SUBJECT)),
            next=asked.address(after=page.next) if page.next else "",
            file=asked.address("/audit/file"),
            kinds=tuple(Deed),
            people=await self._in.keeper.all(),
            tell=tell,
        )

    async def ask(self, visit: Visit) -> web.StreamResponse:
        """Say what the file will hold, and ask for purpose and ground."""
        return await self._form(visit, asked_of(visit.request.query))

    async def file(self, visit: Visit) -> web.StreamResponse:
        """Write the handing out down with the file's digest, then hand it out."""
        asked = asked_of(visit.form)
        try:
            purpose, ground = named(visit)
            query = asked.query(self._in.zone, limit=_AT_ONCE)
            ground = _ground(ground)
        except RuleError as error:
            return await self._form(visit, asked, f"rule.{error.rule}")
        rows, sees = await self._rows(query), visit.may(Action.SEE_SUBJECT)
        if len(rows) > MOST_ROWS:
            return await self._form(visit, asked, "audit.too-many")
        run, form = self._in.threads.run, "json" if visit.form.get("form") == "json" else "csv"
        if form == "json":
            data = await run(as_json, rows, asked.fields(), sees=sees)
        else:
            data = await run(as_csv, rows, sees=sees)
        row = NewEvidence(
            kind=EvidenceKind.REPORTED,
            at=visit.now,
            message_id=None,
            actor=visit.actor,
            facts={
                "report": "audit",
                "purpose": purpose,
                "ground": ground,
                "rows": len(rows),
                "file": await run(sha256, data),
            },
        )
        number = await self._in.journal.record(row)
        name = f"depesha-audit-{number}.{form}"
        return await send(visit, io.BytesIO(data), name, self._in.threads)

    async def _rows(self, query: AuditQuery) -> list[tuple[EvidenceRecord, int]]:
        """Return everything asked for, and a little more than may be where there is more."""
        found: list[tuple[EvidenceRecord, int]] = []
        while len(found) <= MOST_ROWS:
            page = await self._in.audit.deeds(query)
            found += zip(page.records, page.seals, strict=True)
            if not page.next:
                break
            query = replace(query, after=page.next)
        return found

    async def _form(self, visit: Visit, asked: Asked, fault: str = "") -> web.Response:
        return await self._in.pages.show(
            visit,
            "audit_file.html",
            status=_REFUSED if fault else 200,
            asked=asked,
            fault=fault,
            most=MOST_ROWS,
        )


def _ground(text: str) -> str:
    """The number of a paper or case, on one line."""
    found = " ".join(text.split())
    if not found or len(found) > GROUND_CHARACTERS or not found.isprintable():
        raise RuleError("name the ground: the number of a memo, order or case", rule="ground")
    return found
