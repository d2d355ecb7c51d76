"""The partners' listener: SEOS over HTTP (facts 2). Takes bodies in, gives answers out.

It decides nothing about a message. Where nothing could be made durable it drops the connection
without a word, because the network reads silence as "try again" and a fault as "never" (facts 9).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, assert_never
from xml.sax.saxutils import escape

from aiohttp import ClientPayloadError, web

from depesha.adapters.seos import soap
from depesha.adapters.seos.intake import BodyTaker
from depesha.errors import BrokenOffError, DepeshaError, TooLargeError, WireError
from depesha.schemas.answer import ErrorNotice, Inquiry, StatusNotice
from depesha.schemas.facts import Arrival
from depesha.schemas.ids import serial_number
from depesha.schemas.steps import Step
from depesha.schemas.wire.seos import PLACEHOLDER_ADDRESS, service_wsdl

if TYPE_CHECKING:
    from pathlib import Path

    from depesha.adapters.seos.reader import Heard
    from depesha.adapters.seos.reading import Readers
    from depesha.adapters.seos.replies import SeosReply
    from depesha.adapters.seos.settings import SeosSettings
    from depesha.ports import (
        BlobStore,
        Checkpoint,
        Clock,
        Intake,
        Observer,
        Threads,
    )
    from depesha.schemas.ids import SerialNumber

LISTENER: Final = "partners"
TOO_LARGE: Final = (
    "Съобщението надвишава допустимия размер. / The message passes the permitted size."
)
TOO_SLOW: Final = "The message came too slowly or broke off."
PACKED: Final = "Compressed bodies are not taken: the network knows none."
ABOUT: Final = "This is a SEOS endpoint: POST a SOAP 1.1 call of Submit; its WSDL is at ?wsdl."


class SeosServer:
    """Handles every request of the partners' listener, a bounded number at once."""

    def __init__(
        self,
        *,
        readers: Readers,
        intake: Intake,
        blobs: BlobStore,
        threads: Threads,
        clock: Clock,
        observer: Observer,
        checkpoint: Checkpoint,
        settings: SeosSettings,
        body_bytes: int,
    ) -> None:
        """`body_bytes` is the largest HTTP body taken in."""
        self._readers = readers
        self._intake = intake
        self._clock = clock
        self._observer = observer
        self._checkpoint = checkpoint
        # First come, first served: whoever waits has an unread socket, and costs next to nothing.
        self._places = asyncio.Semaphore(settings.concurrency)
        self._taker = BodyTaker(
            blobs=blobs,
            threads=threads,
            clock=clock,
            body_bytes=body_bytes,
            idle_seconds=settings.idle_seconds,
            slowest_bytes_per_second=settings.slowest_bytes_per_second,
        )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request and tell the observer how it went; a dropped one counts as 0."""
        started = self._clock.monotonic()
        response = await self._respond(request)
        sent = response is not None and await _send(request, response)
        if sent and request.method == "POST":
            self._checkpoint.reached(Step.ANSWERED)
        status = response.status if response is not None and sent else 0
        self._observer.request(LISTENER, status, self._clock.monotonic() - started)
        return _drop(request) if response is None else response

    async def expect(self, request: web.Request) -> web.StreamResponse | None:
        """Answer `Expect: 100-continue`, unless the announced length is too large (facts 2.2)."""
        if request.headers.get("Expect", "").lower() != "100-continue":
            return web.Response(status=417, text="Only 100-continue can be expected.")
        try:
            self._taker.judge_announced(request.content_length)
        except TooLargeError:
            return _too_large()
        if request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return None

    async def _respond(self, request: web.Request) -> web.Response | None:
        if request.method == "GET":
            return _describe(request)
        refusal = _not_taken(request)
        if refusal is not None:
            return refusal
        try:
            return await self._take_in(request)
        except TooLargeError:
            return _too_large()
        except (BrokenOffError, ClientPayloadError):
            return _closing(web.Response(status=408, text=TOO_SLOW))
        except DepeshaError as error:
            self._observer.trouble("seos.server", error.code)
        except Exception as error:  # noqa: BLE001 -- a 500 would make the sender give up for good
            self._observer.trouble("seos.server", type(error).__name__)
        return None

    async def _take_in(self, request: web.Request) -> web.Response:
        self._taker.judge_announced(request.content_length)
        async with self._places, self._taker.take(request.content, request.content_length) as body:
            answer = await self._hear(body, _client_serial(request))
        return web.Response(
            status=500 if soap.is_fault(answer) else 200,
            body=soap.wrap_answer(answer),
            headers={"Content-Type": soap.CONTENT_TYPE},
        )

    async def _hear(self, body: bytes | Path, serial: SerialNumber | None) -> bytes:
        self._checkpoint.reached(Step.BYTES_READ)
        received_at = self._clock.now()
        heard, reply = await self._readers.read(body, received_at, serial)
        self._observer.arrived(heard.network, _size(heard, body))
        return await self._hand_over(heard, reply)

    async def _hand_over(self, heard: Heard, reply: SeosReply) -> bytes:
        match heard:
            case Arrival():
                return await self._intake.receive(heard, reply)
            case Inquiry():
                return await self._intake.inquire(heard, reply)
            case StatusNotice():
                return await self._intake.notice(heard, reply)
            case ErrorNotice():
                return await self._intake.fault(heard, reply)
            case _:
                assert_never(heard)


def build_app(server: SeosServer) -> web.Application:
    """Return the application: every path, every method, no limit but the server's own."""
    app = web.Application(client_max_size=0)
    app.router.add_route("*", "/{path:.*}", server.handle, expect_handler=server.expect)
    return app


async def _send(request: web.Request, response: web.Response) -> bool:
    """Write the whole answer now, so that what follows is truly "answered"; False if none hears."""
    try:
        await response.prepare(request)
        await response.write_eof()
    except ConnectionError:
        return False
    return True


def _drop(request: web.Request) -> web.Response:
    """Close the connection without a word (facts 9, 15)."""
    if request.transport is not None:
        request.transport.abort()
    return _closing(web.Response(status=503))


def _closing(response: web.Response) -> web.Response:
    response.force_close()
    response.headers["Connection"] = "close"
    return response


def _not_taken(request: web.Request) -> web.Response | None:
    """Refuse by the head alone; None where the body may be read."""
    if request.method != "POST":
        return web.Response(status=405, headers={"Allow": "GET, POST"}, text=ABOUT)
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        return _closing(web.Response(status=415, text=PACKED))
    return None


def _too_large() -> web.Response:
    return _closing(web.Response(status=413, text=TOO_LARGE))


def _describe(request: web.Request) -> web.Response:
    """Serve the WSDL with the address it was asked at, or a word on what this is."""
    if not any(key.lower() == "wsdl" for key in request.query):
        return web.Response(text=ABOUT)
    address = escape(str(request.url.with_query(None)), {'"': "&quot;"})
    text = service_wsdl().replace(PLACEHOLDER_ADDRESS, address)
    return web.Response(body=text.encode("utf-8"), headers={"Content-Type": soap.CONTENT_TYPE})


def _client_serial(request: web.Request) -> SerialNumber | None:
    """Return the serial of the TLS client certificate, where there is one (facts 2.4)."""
    if request.transport is None:
        return None
    certificate = request.transport.get_extra_info("peercert")
    text = certificate.get("serialNumber") if certificate else None
    try:
        return serial_number(text) if text else None
    except WireError:
        return None


def _size(heard: Heard, body: bytes | Path) -> int:
    if isinstance(body, bytes):
        return len(body)
    return heard.original_size if isinstance(heard, Arrival) else 0
