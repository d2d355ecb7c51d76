"""Who looks after what: a person takes a need, gives it back, or has seen a refusal.

Shown to all; kept in the notebook with its evidence in one transaction. It changes no document.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from aiohttp import web

from depesha.errors import ConflictError, RuleError, UnknownMessageError, WireError
from depesha.monitoring.console.access.routes import Route
from depesha.monitoring.console.machine.acts import attended, colleague, digest_of, words_of
from depesha.monitoring.console.pages.title import Title, title_of
from depesha.schemas.attending import (
    NOTE_CHARACTERS,
    Attention,
    attention_bytes,
    load_attention,
    load_attentions,
)
from depesha.schemas.ids import MessageId, message_id
from depesha.schemas.message import EvidenceKind, NewEvidence
from depesha.schemas.notes import Area
from depesha.schemas.outbound import OutboundMessage
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.overview import Need
from depesha.schemas.people import Action

if TYPE_CHECKING:
    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.console.machine.parts import MachineParts

KEPT = timedelta(days=30)
"""What was taken longer ago, and never given back, is forgotten when somebody takes something."""
_SWEPT = 50
_REFUSED = 400
_TASK = re.compile(r"task-([1-9][0-9]{0,17})")
_MOST_PARKED = 1000


class AttendingPages:
    """Handlers of taking, giving back and seeing."""

    def __init__(self, parts: MachineParts) -> None:
        self._in = parts

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of these pages."""
        take, seen, needs = "/needs/{key}/take", "/documents/{id}/seen", Action.DECIDE
        return (
            Route(method="GET", path=take, handler=self.ask_take, needs=needs),
            Route(method="POST", path=take, handler=self.take, needs=needs),
            Route(method="GET", path=seen, handler=self.ask_seen, needs=needs),
            Route(method="POST", path=seen, handler=self.see, needs=needs),
        )

    # --- taking ---

    async def ask_take(self, visit: Visit) -> web.StreamResponse:
        """Say what taking, or giving back, means."""
        key, message = await self._need(visit)
        return await self._in.pages.pages.show(
            visit,
            "take.html",
            key=key,
            title=await self._title(visit, message),
            taken=await self._taken(key),
            tell=self._in.tell(visit),
        )

    async def take(self, visit: Visit) -> web.StreamResponse:
        """Take it, take it over, or give it back; what the page showed must still stand."""
        key, message = await self._need(visit)
        before, book = await self._taken(key), self._in.notebook
        if visit.form.get("before", "") != ("" if before is None else before.login):
            raise ConflictError("somebody else has taken it meanwhile")
        if before is not None and before.login == visit.login:
            await book.write(Area.TAKEN, key, None, attended(visit, "given-back", message))
            return _home()
        note = Attention(login=visit.login, name=colleague(visit), at=visit.now)
        value = attention_bytes(note)
        if before is not None:
            await book.write(Area.TAKEN, key, value, attended(visit, "taken-over", message))
        elif not await book.add(Area.TAKEN, key, value, attended(visit, "taken", message)):
            raise ConflictError("somebody else has taken it meanwhile")
        await self._forget(visit)
        return _home()

    async def _need(self, visit: Visit) -> tuple[str, MessageId | None]:
        """Return what the address names: a document, parked work, or a need of no document."""
        key = visit.request.match_info["key"]
        if key in set(Need):
            return key, None
        task = _TASK.fullmatch(key)
        if task is not None:
            parked = await self._in.pages.parked.parked(_MOST_PARKED)
            if any(str(one.task_id) == task[1] for one in parked):
                return key, None
            raise UnknownMessageError("there is no such parked task")
        try:
            name = message_id(key)
        except (ValueError, WireError):
            raise UnknownMessageError("there is no such message") from None
        return name, (await self._in.pages.overview.story(name)).document.id

    async def _taken(self, key: str) -> Attention | None:
        value = (await self._in.notebook.read(Area.TAKEN)).get(key)
        return None if value is None else load_attention(value)

    async def _title(self, visit: Visit, message: MessageId | None) -> Title | None:
        if message is None:
            return None
        document = (await self._in.pages.overview.story(message)).document
        return title_of(document, self._in.tell(visit), sees=visit.may(Action.SEE_SUBJECT))

    async def _forget(self, visit: Visit) -> None:
        """Drop what was taken so long ago that nobody means it any more."""
        taken = load_attentions(await self._in.notebook.read(Area.TAKEN))
        old = [key for key, one in taken.items() if visit.now - one.at > KEPT][:_SWEPT]
        for key in old:
            row = NewEvidence(
                kind=EvidenceKind.ATTENDED,
                at=visit.now,
                message_id=None,
                actor="gateway",
                facts={"decision": "forgotten", "key": key},
            )
            await self._in.notebook.write(Area.TAKEN, key, None, row)

    # --- a refusal that was seen ---

    async def ask_seen(self, visit: Visit) -> web.StreamResponse:
        """Say what marking a refusal as seen means."""
        return await self._form(visit, await self._declined(visit))

    async def see(self, visit: Visit) -> web.StreamResponse:
        """Mark it as seen, or take that back."""
        document = await self._declined(visit)
        before, book = await self._seen(document.id), self._in.notebook
        if visit.form.get("before", "") != ("" if before is None else before.login):
            raise ConflictError("somebody else has done it meanwhile")
        target = f"/documents/{document.id}"
        if before is not None:
            row = attended(visit, "unseen", document.id)
            await book.write(Area.SEEN, document.id, None, row)
            return web.Response(status=303, headers={"Location": target})
        try:
            note = words_of(visit, "note", NOTE_CHARACTERS, needed=True)
        except RuleError as error:
            return await self._form(visit, document, f"rule.{error.rule}")
        made = Attention(login=visit.login, name=colleague(visit), at=visit.now, note=note)
        row = attended(visit, "seen", document.id, reason=digest_of(note))
        if not await book.add(Area.SEEN, document.id, attention_bytes(made), row):
            raise ConflictError("somebody else has done it meanwhile")
        return web.Response(status=303, headers={"Location": target})

    async def _form(
        self, visit: Visit, document: OutboundMessage, fault: str = ""
    ) -> web.StreamResponse:
        return await self._in.pages.pages.show(
            visit,
            "seen.html",
            status=_REFUSED if fault else 200,
            title=await self._title(visit, document.id),
            seen=await self._seen(document.id),
            fault=fault,
            typed=visit.form.get("note", ""),
            most=NOTE_CHARACTERS,
            tell=self._in.tell(visit),
        )

    async def _declined(self, visit: Visit) -> OutboundMessage:
        try:
            name = message_id(visit.request.match_info["id"])
        except (ValueError, WireError):
            raise UnknownMessageError("there is no such message") from None
        found = (await self._in.pages.overview.story(name)).document
        if not isinstance(found, OutboundMessage) or found.state is not OutboundState.DECLINED:
            raise ConflictError("only a document that was declined can be marked as seen")
        return found

    async def _seen(self, name: MessageId) -> Attention | None:
        value = (await self._in.notebook.read(Area.SEEN)).get(name)
        return None if value is None else load_attention(value)


def _home() -> web.Response:
    return web.Response(status=303, headers={"Location": "/#needs"})
