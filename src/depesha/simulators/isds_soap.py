"""The SOAP side of the simulated ISDS: who calls what, and the answer around it (facts 1, 2).

It lets callers in, finds the operation by the element, spends the fault switches, and compares
every answer with the schema before it leaves. What an operation means it does not know.
"""

from __future__ import annotations

import asyncio
import binascii
import copy
import itertools
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import pybase64
from aiohttp import web

from depesha.errors import WireError
from depesha.ports import Clock, IdSource
from depesha.schemas import xml
from depesha.schemas.wire.isds import SOAP11, SOAP12, XOP, Service, schema
from depesha.simulators.isds_answer import (
    UNAUTHORIZED_PAGE,
    Answer,
    abort,
    enveloped,
    fault,
    multipart,
    page,
    plain,
    send,
)
from depesha.simulators.isds_directory import Directory
from depesha.simulators.isds_downloading import Downloading
from depesha.simulators.isds_finish import OwnAnswerError, finish
from depesha.simulators.isds_info import Info
from depesha.simulators.isds_intake import (
    IN_MEMORY,
    Asked,
    NotMtomError,
    Received,
    receive,
    understand,
)
from depesha.simulators.isds_people import NotLetInError
from depesha.simulators.isds_pieces import Pen
from depesha.simulators.isds_quirks import AFTER, BEFORE, Fault, FaultKind
from depesha.simulators.isds_reply import Operation, Reply, status
from depesha.simulators.isds_sending import Sending
from depesha.simulators.isds_state import IsdsState
from depesha.simulators.isds_values import Caller, LoginKind
from depesha.simulators.isds_words import WORDS, RefusalError

_OUTAGE: Final = "Probíhá plánovaná odstávka systému datových schránek. Opakujte později."
_ANSWERS_MTOM: Final = frozenset(
    {"DownloadAttachment", "SignedBigMessageDownload", "SignedSentBigMessageDownload"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What an address says: how the caller shows itself, which service is meant."""

    kind: LoginKind
    service: Service


class SoapService:
    """Answers every address of one host; `big` hosts serve big messages too (ws2)."""

    def __init__(self, *, state: IsdsState, clock: Clock, ids: IdSource) -> None:
        sending, downloading = Sending(state, ids), Downloading(state)
        directory = Directory(state)
        self._state = state
        self._clock = clock
        self._ids = ids
        self._tables: dict[Service, dict[str, Operation]] = {
            Service.OPERATIONS: sending.small | downloading.small,
            Service.INFO: Info(state).table,
            Service.SEARCH: directory.search,
            Service.ACCESS: directory.access,
            Service.BIG: sending.big | downloading.big,
        }
        self.calls: Counter[str] = Counter()
        """How often each operation was asked for, faults included."""
        self.deviations: list[tuple[str, str]] = []
        """Operation and rule wherever requests departed from the schema, each once."""

    async def ordinary(self, request: web.Request) -> web.StreamResponse:
        """Answer as ws1 and ws1c."""
        return await self._handle(request, big=False)

    async def big(self, request: web.Request) -> web.StreamResponse:
        """Answer as ws2 and ws2c, which also serve ordinary calls."""
        return await self._handle(request, big=True)

    async def _handle(self, request: web.Request, *, big: bool) -> web.StreamResponse:
        door = _door(request.path)
        if door is None or (door.service.on_ws2 and not big):
            return await send(request, page(404, "<html><body>404 Not Found</body></html>"))
        if request.method != "POST":
            return await send(request, page(405, "<html><body>405</body></html>"))
        try:
            got = await receive(request, self._state.files, big=big)
        except NotMtomError:
            words = "Content-Type must be multipart/related; type=application/xop+xml"
            return await send(request, fault(SOAP12, 599, "Sender", words))
        except WireError:
            return await send(request, fault(SOAP11, 500, "Client", "The message is not readable."))
        try:
            return await self._understood(request, door, got)
        finally:
            for path in got.spooled:  # a part that became a file of the service is kept
                await asyncio.to_thread(self._state.files.discard, path)

    async def _understood(
        self, request: web.Request, door: Door, got: Received
    ) -> web.StreamResponse:
        try:
            asked = await asyncio.to_thread(understand, got)
        except WireError:
            return await send(request, fault(SOAP11, 500, "Client", "The message is not readable."))
        name = asked.call.name
        self.calls[name] += 1
        oddity = self._state.oddity
        trouble = oddity.spend(name, *BEFORE)
        if oddity.quirks.outage:
            trouble = Fault(kind=FaultKind.OUTAGE, text=oddity.quirks.outage)
        if trouble is not None:
            return await self._instead(request, trouble)
        answer = await self._answer(request, door, asked, got)
        try:
            return await self._end(request, name, answer)
        finally:
            for path in answer.spent:
                path.unlink(missing_ok=True)

    async def _instead(self, request: web.Request, trouble: Fault) -> web.StreamResponse:
        if trouble.kind is FaultKind.RESET_BEFORE:
            abort(request)
            return web.Response(status=500)
        custom = trouble.text != Fault(kind=trouble.kind).text
        answers = {
            FaultKind.ERROR: fault(SOAP11, 500, "Server", trouble.text),
            FaultKind.OUTAGE: fault(
                SOAP11, 503, "Odstávka systému", trouble.text if custom else _OUTAGE
            ),
            FaultKind.UNAUTHORIZED: page(401, UNAUTHORIZED_PAGE),
            FaultKind.REDIRECT: page(302, ""),
            FaultKind.GARBAGE: page(200, "<html><body>Vítejte</body></html>"),
        }
        return await send(request, answers[trouble.kind])

    async def _end(self, request: web.Request, name: str, answer: Answer) -> web.StreamResponse:
        trouble = self._state.oddity.spend(name, *AFTER) if answer.done else None
        if trouble is None:
            return await send(request, answer)
        if trouble.kind is FaultKind.LOST:
            abort(request)
            return web.Response(status=500)
        if trouble.kind is FaultKind.RESET_AFTER:
            return await send(request, answer, cut=True)
        await self._clock.sleep(trouble.seconds)
        return await send(request, answer)

    # --- the call ------------------------------------------------------------------------------

    async def _answer(
        self, request: web.Request, door: Door, asked: Asked, got: Received
    ) -> Answer:
        try:
            caller = await asyncio.to_thread(self._enter, request, door.kind)
        except NotLetInError:
            return page(401, UNAUTHORIZED_PAGE)
        name = asked.call.name
        operation = self._tables.get(door.service, {}).get(name)
        if operation is None or not asked.call.in_service:
            return self._unknown(asked)
        await asyncio.to_thread(self._judge_request, asked, got)
        refused = self._state.oddity.spend(name, FaultKind.REFUSE)
        if refused is not None:
            await self._clock.sleep(refused.seconds)
        try:
            reply = await asyncio.to_thread(self._run, operation, caller, asked, refused)
            pieces, spent = await asyncio.to_thread(finish, self._state, door.service, asked, reply)
        except OwnAnswerError as error:
            return fault(asked.soap, 500, "Server", str(error))
        wants = "multipart/related" in request.headers.get("Accept", "")
        if wants and asked.soap == SOAP12 and name in _ANSWERS_MTOM:
            answer = multipart(pieces, f"uuid:{self._ids.guid()}", done=refused is None)
        else:
            answer = plain(asked.soap, pieces, done=refused is None)
        return Answer(
            pieces=answer.pieces,
            content_type=answer.content_type,
            done=answer.done,
            spent=spent,
        )

    def _enter(self, request: web.Request, kind: LoginKind) -> Caller:
        user, password = _basic(request)
        with self._state.lock:
            return self._state.people.enter(kind, user, password, _certificate(request))

    def _run(
        self, operation: Operation, caller: Caller, asked: Asked, refused: Fault | None
    ) -> Reply:
        if refused is not None:
            words = refused.text
            if words == Fault(kind=FaultKind.REFUSE).text:
                words = WORDS.get(refused.code, words)
            return Reply(code=refused.code, words=words)
        with self._state.lock:
            self._state.settle()
            try:
                return operation(caller, asked.call)
            except RefusalError as refusal:
                return Reply(code=refusal.code, words=refusal.words)

    def _unknown(self, asked: Asked) -> Answer:
        """Answer an operation nobody knows, in HTTP 200 (facts 2)."""
        pen = Pen()
        status(pen, "2006", f"Unknown operation: {asked.call.name}")
        return plain(asked.soap, enveloped(asked.soap, asked.call.name, pen.done()))

    def _judge_request(self, asked: Asked, got: Received) -> None:
        """Note where a request departs from the schema; the real service would not mind."""
        if not self._state.oddity.quirks.judge_requests or got.size > IN_MEMORY:
            return
        element = copy.deepcopy(asked.element)
        for included in list(element.iter(f"{{{XOP}}}Include")):
            parent = included.getparent()
            if parent is not None:
                parent.remove(included)
        for told in schema().deviations(xml.Document(element)):
            if (asked.call.name, told) not in self.deviations:
                self.deviations.append((asked.call.name, told))


def _door(path: str) -> Door | None:
    """Read an address: `/DS/dz`, `/cert/DS/dz`, … (facts 1.2, 1.3)."""
    for kind, service in itertools.product(LoginKind, Service):
        before = f"/{kind.value}" if kind.value else ""
        if path == f"{before}/DS/{service.value}":
            return Door(kind=kind, service=service)
    return None


def _basic(request: web.Request) -> tuple[str | None, str]:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None, ""
    with suppress(binascii.Error, ValueError):
        user, colon, password = pybase64.b64decode(given, validate=True).decode().partition(":")
        if colon:
            return user, password
    return None, ""


def _certificate(request: web.Request) -> bytes | None:
    if request.transport is None:
        return None
    tls = request.transport.get_extra_info("ssl_object")
    found: bytes | None = None if tls is None else tls.getpeercert(binary_form=True)
    return found
