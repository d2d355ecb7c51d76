"""The register of our own certificates (SIG-08): six groups of facts, days left, what ends with it.

Facts come from the files in use; the rest is entered by whoever keeps the books: the data
administrator (ROL-03), for journals and directories are his.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from depesha.errors import RuleError, UnknownMessageError
from depesha.monitoring.console.access.routes import Route
from depesha.monitoring.console.office.certificates_view import (
    CertificateLine,
    changed,
    entry_bytes,
    entry_of,
    register,
)
from depesha.monitoring.console.office.forms import Typed
from depesha.schemas.certificates import CertificateEntry, CertificateKind
from depesha.schemas.message import EvidenceKind, NewEvidence
from depesha.schemas.notes import Area
from depesha.schemas.people import Action

if TYPE_CHECKING:
    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.console.office.parts import OfficeParts

MOST = 500
"""Certificates in the register."""
_REFUSED = 400
_NEW = CertificateEntry()


class CertificatePages:
    """Handlers of the pages about our own certificates."""

    def __init__(self, parts: OfficeParts) -> None:
        self._in = parts

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of these pages."""
        see, keep = Action.SEE_SETTINGS, Action.KEEP_RETENTION
        edit = "/certificates/{key}/edit"
        return (
            Route(method="GET", path="/certificates", handler=self.show, needs=see),
            Route(method="GET", path="/add-certificate", handler=self.new, needs=keep),
            Route(method="POST", path="/add-certificate", handler=self.add, needs=keep),
            Route(method="GET", path=edit, handler=self.ask, needs=keep),
            Route(method="POST", path=edit, handler=self.edit, needs=keep),
        )

    async def lines(self, visit: Visit) -> tuple[CertificateLine, ...]:
        """Return the register as it stands now."""
        used = await self._in.threads.run(self._in.certificates)
        return register(used, await self._in.notebook.read(Area.CERTIFICATES), visit.now)

    async def show(self, visit: Visit) -> web.StreamResponse:
        """Show the whole register."""
        return await self._in.pages.show(
            visit,
            "certificates.html",
            lines=await self.lines(visit),
            done=visit.request.query.get("done", "") == "edit",
            tell=self._in.tell(visit),
        )

    async def new(self, visit: Visit) -> web.StreamResponse:
        """Show the form of a certificate that no setting names."""
        return await self._form(visit, None)

    async def add(self, visit: Visit) -> web.StreamResponse:
        """Enter it."""
        if len(await self._in.notebook.read(Area.CERTIFICATES)) >= MOST:
            raise RuleError("the register is full", rule="certificates-full")
        return await self._keep(visit, None, f"hand-{self._in.ids.guid()}")

    async def ask(self, visit: Visit) -> web.StreamResponse:
        """Show the form of one certificate."""
        return await self._form(visit, await self._found(visit))

    async def edit(self, visit: Visit) -> web.StreamResponse:
        """Note what a person says of it."""
        found = await self._found(visit)
        return await self._keep(visit, found, found.key)

    async def _keep(self, visit: Visit, found: CertificateLine | None, key: str) -> web.Response:
        try:
            entry = entry_of(visit.form, self._in.zone)
        except RuleError as error:
            return await self._form(visit, found, f"rule.{error.rule}")
        row = NewEvidence(
            kind=EvidenceKind.NOTED,
            at=visit.now,
            message_id=None,
            actor=visit.actor,
            facts={
                "area": Area.CERTIFICATES,
                "key": key,
                "fields": changed(_NEW if found is None else found.entry, entry),
            },
        )
        await self._in.notebook.write(Area.CERTIFICATES, key, entry_bytes(entry), row)
        return web.Response(status=303, headers={"Location": "/certificates?done=edit"})

    async def _found(self, visit: Visit) -> CertificateLine:
        wanted = visit.request.match_info["key"]
        for line in await self.lines(visit):
            if line.key == wanted and line.readable:
                return line
        raise UnknownMessageError("there is no such certificate")

    async def _form(
        self, visit: Visit, found: CertificateLine | None, fault: str = ""
    ) -> web.Response:
        return await self._in.pages.show(
            visit,
            "certificate.html",
            status=_REFUSED if fault else 200,
            line=found,
            entry=_NEW if found is None else found.entry,
            typed=Typed(visit.form),
            kinds=tuple(CertificateKind),
            fault=fault,
            zone=self._in.zone,
            tell=self._in.tell(visit),
        )
