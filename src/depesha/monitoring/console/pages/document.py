"""The document page, the explanation of its route, and what a person may do to it.

Every deed has a page that says its effect before anything is done, and is done by a POST.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from aiohttp import web

from depesha.errors import ConflictError, RuleError, UnknownMessageError, WireError
from depesha.monitoring.console.access.routes import Route
from depesha.monitoring.console.pages.attention import document_notes
from depesha.monitoring.console.pages.deeds import DEEDS, Deed, fits
from depesha.monitoring.console.pages.document_view import document_view
from depesha.monitoring.console.pages.telling import Teller
from depesha.monitoring.console.pages.title import title_of
from depesha.schemas.envelope import RegistrationNumber
from depesha.schemas.ids import MessageId, message_id
from depesha.schemas.lifecycle import InboundEvent
from depesha.schemas.outbound import OutboundMessage
from depesha.schemas.overview_filing import need_of
from depesha.schemas.people import Action

if TYPE_CHECKING:
    from depesha.monitoring.console.access.routes import Handler, Visit
    from depesha.monitoring.console.pages.deeds import Document
    from depesha.monitoring.console.pages.looking import Looks
    from depesha.monitoring.console.pages.parts import PageParts
    from depesha.schemas.overview import Story

REASON_CHARACTERS = 1000
NUMBER_CHARACTERS = 100
_REFUSED = 400


class DocumentPage:
    """Handlers of one document's pages."""

    def __init__(self, parts: PageParts, looks: Looks) -> None:
        self._in = parts
        self._looks = looks

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of these pages: two for each deed, with the right that it needs."""
        see = Action.SEE_STATE
        found = [
            Route(method="GET", path="/documents/{id}", handler=self.show, needs=see),
            Route(method="GET", path="/documents/{id}/explain", handler=self.explain, needs=see),
        ]
        for deed in DEEDS:
            path = f"/documents/{{id}}/do/{deed.name}"
            found += [
                Route(method="GET", path=path, handler=self._asking(deed), needs=deed.needs),
                Route(method="POST", path=path, handler=self._doing(deed), needs=deed.needs),
            ]
        return tuple(found)

    # --- reading ---

    async def show(self, visit: Visit) -> web.StreamResponse:
        """Show the whole story; whoever sees the subject has looked, and that is written down."""
        story = await self.story(visit)
        if visit.may(Action.SEE_SUBJECT):
            await self._looks.note(visit, "document", story.document.id)
        done = visit.request.query.get("done", "")
        view = await self._in.threads.run(document_view, story, visit, self._tell(visit))
        return await self._in.pages.show(
            visit,
            "document.html",
            view=view,
            need=need_of(story.document),
            attention=await document_notes(self._in.notebook, story.document.id),
            tell=self._tell(visit),
            done=done if done in {deed.name for deed in DEEDS} | {"unpark"} else "",
        )

    async def explain(self, visit: Visit) -> web.StreamResponse:
        """Show what would be done now with a document on its way."""
        story = await self.story(visit)
        if not isinstance(story.document, OutboundMessage):
            raise UnknownMessageError("there is no such document of ours")
        explained = await self._in.outbox.explain_again(story.document.id, visit.language)
        tell = self._tell(visit)
        title = title_of(story.document, tell, sees=visit.may(Action.SEE_SUBJECT))
        return await self._in.pages.show(
            visit, "explain.html", title=title, explained=explained, tell=tell
        )

    async def story(self, visit: Visit) -> Story:
        """Return what a request is about; raise `UnknownMessageError`."""
        return await self._in.overview.story(asked_id(visit))

    def _tell(self, visit: Visit) -> Teller:
        return Teller(language=visit.language, zone=self._in.zone, now=visit.now)

    # --- deeds ---

    def _asking(self, deed: Deed) -> Handler:
        async def ask(visit: Visit) -> web.StreamResponse:
            return await self._form(visit, deed, (await self.story(visit)).document)

        return ask

    def _doing(self, deed: Deed) -> Handler:
        async def do(visit: Visit) -> web.StreamResponse:
            document = (await self.story(visit)).document
            if visit.form.get("state") != document.state:
                raise ConflictError("the document has changed since this page was opened")
            try:
                await self._done(deed, visit, document)
            except RuleError as error:
                return await self._form(visit, deed, document, f"rule.{error.rule}")
            target = f"/documents/{document.id}?done={deed.name}"
            return web.Response(status=303, headers={"Location": target})

        return do

    async def _form(
        self, visit: Visit, deed: Deed, document: Document, fault: str = ""
    ) -> web.Response:
        if not fits(deed, document):
            raise ConflictError("the document does not stand so that this could be done")
        tell = self._tell(visit)
        return await self._in.pages.show(
            visit,
            "deed.html",
            status=_REFUSED if fault else 200,
            deed=deed,
            document=document,
            title=title_of(document, tell, sees=visit.may(Action.SEE_SUBJECT)),
            state=tell.state(document.state),
            fault=fault,
            typed={name: visit.form.get(name, "") for name in ("number", "date", "reason")},
            today=visit.now.astimezone(self._in.zone).date(),
            most=REASON_CHARACTERS,
            tell=tell,
        )

    async def _done(self, deed: Deed, visit: Visit, document: Document) -> None:
        """Do it once; the gateway judges by its own tables and writes the evidence."""
        actor, name = visit.actor, document.id
        if deed.asks == "ground":
            await self._in.reasons.report(visit, deed.needs, "note", name)
        elif deed.decision is not None:
            await self._in.outbox.decide(name, deed.decision, reason_of(visit), actor)
        elif deed.event is InboundEvent.REGISTERED:
            await self._in.desk.register(name, _number_of(visit), actor)
        elif deed.event is InboundEvent.REFUSED:
            await self._in.desk.refuse(name, reason_of(visit), actor)
        elif deed.event is InboundEvent.RELEASED:
            await self._in.desk.release(name, reason_of(visit), actor)
        else:
            finished = deed.event is InboundEvent.CLOSED
            await self._in.desk.close(name, finished=finished, reason=reason_of(visit), actor=actor)


def asked_id(visit: Visit) -> MessageId:
    """Return the id in the address; raise `UnknownMessageError` for what cannot be one."""
    try:
        return message_id(visit.request.match_info["id"])
    except (ValueError, WireError):
        raise UnknownMessageError("there is no such message") from None


def reason_of(visit: Visit) -> str:
    """Return the reason in the form; raise `RuleError` where it is none."""
    found = visit.form.get("reason", "").replace("\r\n", "\n").strip()
    seen = all(c.isprintable() or c == "\n" for c in found)
    if not found or len(found) > REASON_CHARACTERS or not seen:
        raise RuleError("a reason of at most 1000 characters", rule="reason")
    return found


def _number_of(visit: Visit) -> RegistrationNumber:
    number = " ".join(visit.form.get("number", "").split())
    if not number or len(number) > NUMBER_CHARACTERS or not number.isprintable():
        raise RuleError("a number of at most 100 characters", rule="number")
    try:
        day = date.fromisoformat(visit.form.get("date", ""))
    except ValueError:
        raise RuleError("the day of the number", rule="date") from None
    return RegistrationNumber(number=number, date=day)
