"""A simulated participant's endpoint: what it answers to each message (facts 6.3, 7, 8).

It answers; what the office does later with a document is in `seos_participant`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

from aiohttp import web

from depesha.errors import DepeshaError, WireError
from depesha.ports import Clock
from depesha.schemas.envelope import Party
from depesha.schemas.ids import Guid
from depesha.simulators import seos_checks
from depesha.simulators.seos_books import Books, Received
from depesha.simulators.seos_documents import (
    ALREADY_RECEIVED,
    NOT_FOUND,
    WAITING,
    Body,
    DocumentId,
    Failure,
    RegistrationRequest,
    StatusRequest,
    StatusResponse,
)
from depesha.simulators.seos_pen import Pen
from depesha.simulators.seos_quirks import Oddity
from depesha.simulators.seos_reading import Heard, read
from depesha.simulators.seos_signing import Judgement, judge
from depesha.simulators.seos_soap import CONTENT_TYPE, unwrap_request, wrap_answer, wrap_fault

REFUSED_NOTICE: Final = " Неуспешен – Грешка при получателя. Известието не може да бъде обработено."


class Endpoint:
    """Answers calls and keeps the books; one event loop."""

    def __init__(
        self,
        *,
        party: Party,
        books: Books,
        pen: Pen,
        find: seos_checks.Find,
        clock: Clock,
        oddity: Oddity,
    ) -> None:
        self._party = party
        self._books = books
        self._pen = pen
        self._find = find
        self._clock = clock
        self._oddity = oddity

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one HTTP request as the quirks allow."""
        if request.path != self._oddity.quirks.path or request.method != "POST":
            return web.Response(status=404)
        if self._oddity.quirks.slow_seconds:
            await self._clock.sleep(self._oddity.quirks.slow_seconds)
        envelope = await request.read()
        if self._spend("http_500"):
            return web.Response(status=500)
        if self._spend("soap_faults"):
            return _soap(wrap_fault("Вътрешна грешка."), 500)
        try:
            wire, heard, judgement = await asyncio.to_thread(_hear, envelope)
        except DepeshaError as error:
            return _soap(wrap_fault(error.public), 500)
        self._books.calls.append(wire)
        body = await self._answer(heard, wire, judgement)
        text = "" if body is None else await self._pen.answer(heard.header.sender, body)
        return await self._deliver(request, await asyncio.to_thread(wrap_answer, text))

    async def _deliver(self, request: web.Request, envelope: bytes) -> web.StreamResponse:
        transport = request.transport
        if self._spend("lost_answers"):
            if transport is not None:
                transport.close()
            return web.Response()
        if self._spend("reset_answers"):
            response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPE})
            response.content_length = len(envelope)
            await response.prepare(request)
            await response.write(envelope[: len(envelope) // 2])
            if transport is not None:
                transport.abort()
            return response
        return _soap(envelope, 200)

    async def _answer(self, heard: Heard, wire: str, judgement: Judgement) -> Body | None:
        failure = seos_checks.first_failure(
            heard=heard,
            judgement=judgement,
            own=self._party,
            find=self._find,
            seen=self._books.message_guids,
        )
        if failure is not None:
            return Failure(description=failure, failed=heard.header.message_guid)
        match heard.body:
            case RegistrationRequest() as body:
                return await self._receive(heard, body, wire)
            case StatusRequest() as body:
                known = self._books.received.get(body.document.guid)
                if known is None:
                    return StatusResponse(document=body.document, status=NOT_FOUND)
                return state_of(body.document.guid, known)
            case StatusResponse():
                return await self._noticed(heard, wire, judgement)
            case Failure() as body:
                for sent in self._books.sent.values():
                    if sent.message_guid == body.failed:
                        sent.failures.append(body.description)
                return None

    async def _receive(self, heard: Heard, body: RegistrationRequest, wire: str) -> Body:
        document = body.document.guid
        known = self._books.received.get(document)
        if known is None:
            self._books.message_guids.add(heard.header.message_guid)
            known = Received(heard=heard, wire=wire, status=WAITING)
            await self._books.got(document, known)
            return state_of(document, known)
        if known.status == WAITING:
            return replace(state_of(document, known), status=ALREADY_RECEIVED)
        return state_of(document, known)

    async def _noticed(self, heard: Heard, wire: str, judgement: Judgement) -> Body | None:
        failed = heard.header.message_guid
        if self._spend("refused_notices"):
            return Failure(description=REFUSED_NOTICE, failed=failed)
        if await self._books.saw(heard, wire, judgement, self._clock.now(), pushed=True):
            return None
        return Failure(description=seos_checks.text("ErrorDocumentIsNotFound"), failed=failed)

    def _spend(self, quirk: str) -> bool:
        limit: int = getattr(self._oddity.quirks, quirk)
        return self._oddity.spend(quirk, limit)


def state_of(document: Guid, received: Received) -> StatusResponse:
    """Return what is to be said of a received document."""
    return StatusResponse(
        document=DocumentId(guid=document, number=received.number),
        status=received.status,
        reason=received.reason or None,
    )


def _hear(envelope: bytes) -> tuple[str, Heard, Judgement]:
    wire = unwrap_request(envelope)
    if not wire:
        raise WireError("the call holds no message")
    return wire, read(wire), judge(wire)


def _soap(envelope: bytes, status: int) -> web.Response:
    return web.Response(body=envelope, status=status, content_type="text/xml", charset="utf-8")
