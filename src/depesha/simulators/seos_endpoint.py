"""A simulated participant's endpoint: what it answers to each message (facts 6.3, 7, 8).

It answers; what the office does later with a document is in `seos_participant`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from aiohttp import web

from depesha.errors import DepeshaError, WireError
from depesha.ports import Clock
from depesha.schemas.envelope import Party, RegistrationNumber
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
        taken: Callable[[Guid], None],
    ) -> None:
        """`taken` is told of each document that was taken in."""
        self._taken = taken
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
        envelope = await request.read()
        try:
            wire, heard, judgement = await asyncio.to_thread(_hear, envelope)
        except DepeshaError as error:
            return await self._before(request) or _soap(wrap_fault(error.public), 500)
        if self._spared(heard):
            self._books.calls.append(wire)
            return _soap(await self._write(heard, await self._answer(heard, wire, judgement)), 200)
        failed = await self._before(request)
        if failed is not None:
            return failed
        self._books.calls.append(wire)
        body = await self._odd(heard, wire, judgement)
        return await self._deliver(request, await self._write(heard, body))

    def _spared(self, heard: Heard) -> bool:
        request = isinstance(heard.body, RegistrationRequest)
        return self._oddity.quirks.only_documents and not request

    async def _write(self, heard: Heard, body: Body | None) -> bytes:
        sound = self._spared(heard)
        text = (
            "" if body is None else await self._pen.answer(heard.header.sender, body, sound=sound)
        )
        return await asyncio.to_thread(wrap_answer, text)

    async def _before(self, request: web.Request) -> web.StreamResponse | None:
        """Fail before anything is taken in, where a quirk says so."""
        quirks = self._oddity.quirks
        if quirks.slow_seconds:
            await self._clock.sleep(quirks.slow_seconds)
        if self._spend("reset_requests"):
            return _closed(request)
        if self._spend("http_500"):
            return web.Response(status=quirks.failure_status)
        if self._spend("soap_faults"):
            return _soap(wrap_fault("Вътрешна грешка."), 500)
        return None

    async def _deliver(self, request: web.Request, envelope: bytes) -> web.StreamResponse:
        """Answer what was taken in, or fail to, where a quirk says so."""
        quirks = self._oddity.quirks
        if quirks.slow_answer_seconds:
            await self._clock.sleep(quirks.slow_answer_seconds)
            if self._oddity.quirks is not quirks:  # those set meanwhile are for later calls
                return _soap(envelope, 200)
        if self._spend("lost_answers"):
            return _closed(request)
        if self._spend("http_500_after"):
            return web.Response(status=quirks.failure_status)
        if self._spend("soap_faults_after"):
            return _soap(wrap_fault("Вътрешна грешка."), 500)
        if self._spend("reset_answers"):
            response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPE})
            response.content_length = len(envelope)
            await response.prepare(request)
            await response.write(envelope[: len(envelope) // 2])
            if request.transport is not None:
                request.transport.abort()
            return response
        return _soap(envelope, 200)

    async def _odd(self, heard: Heard, wire: str, judgement: Judgement) -> Body | None:
        """Answer as the quirks twist it."""
        quirks = self._oddity.quirks
        failed = heard.header.message_guid
        description = seos_checks.failure(quirks.error)
        if self._spend("errors"):
            return Failure(description=description, failed=failed)
        body = await self._answer(heard, wire, judgement)
        if self._spend("errors_after"):
            return Failure(description=description, failed=failed)
        if quirks.empty_answers and isinstance(heard.body, RegistrationRequest):
            return None
        if not isinstance(body, StatusResponse):
            return body
        document = body.document
        if quirks.early_number and document.number is None:
            number = RegistrationNumber(number="97-0056", date=self._clock.now().date())
            document = replace(document, number=number)
        if quirks.answer_about is not None:
            document = replace(document, guid=quirks.answer_about)
        return replace(body, document=document, status=quirks.answer_status or body.status)

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
            self._taken(document)
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


def _closed(request: web.Request) -> web.Response:
    """Leave the caller without a word."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()


def _soap(envelope: bytes, status: int) -> web.Response:
    return web.Response(body=envelope, status=status, content_type="text/xml", charset="utf-8")
