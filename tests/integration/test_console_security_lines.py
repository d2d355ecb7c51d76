"""Bytes on the line to the console that could be read in two ways, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.http import HttpProcessingError

from depesha.app.listeners import Listeners
from depesha.config import Address
from depesha.schemas.people import Role
from depesha.simulators.gateway_plan import free_ports
from tests.support.console_walk import Stand
from tests.support.console_walk import stand as standing

pytestmark = pytest.mark.asyncio(loop_scope="module")
SESSION, FORM = "depesha-session", "depesha-form"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    async with standing(tmp_path_factory.mktemp("requests")) as made:
        yield made


# --- bytes on the line ---


@pytest_asyncio.fixture(loop_scope="module")
async def line(stand: Stand) -> AsyncIterator[int]:
    """The port of the product's own listener, with the same console behind it."""
    here = stand.here
    (port,) = free_ports(1)
    application = here.gateway._operators.application(
        here.gateway._health(), here.gateway._metrics, here.gateway._watching.standing
    )
    listeners = Listeners(here.settings)
    await listeners.open(application, Address(f"127.0.0.1:{port}"), None)
    yield port
    await listeners.close()


async def test_requests_that_could_be_read_in_two_ways_are_answered_once(line: int) -> None:
    """Whatever hides behind the first request is not served."""
    hidden = b"GET /login?smuggled=1 HTTP/1.1\r\nHost: a\r\n\r\n"
    size = str(len(hidden)).encode()
    for request in (
        b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
        b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"
        b"Content-Length: " + size + b"\r\n\r\n" + hidden,
        b"POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n" + hidden,
        b"POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + hidden,
        b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n" + hidden,
        b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 0x0\r\n\r\n" + hidden,
        b"POST /login HTTP/1.1\r\nHost: a\r\n Content-Length: 0\r\n\r\n" + hidden,
        b"GET /login HTTP/1.1\r\nHost: a\r\nX: a\rb: c\r\n\r\n" + hidden,
        b"GET /login HTTP/1.1\r\nHost: a\r\nContent-Length: " + size + b"\r\n\r\n" + hidden,
    ):
        answer = await said(line, request)
        first = answer.partition(b"\r\n")[0]
        assert answer.count(b"HTTP/1.") == 1, (request, answer[:400])
        body_of_get = b"GET /login HTTP/1.1\r\nHost: a\r\nContent-Length" in request
        assert (b" 200 " if body_of_get else b" 400 ") in first, (request, first)
        assert b"smuggled" not in answer


async def said(port: int, request: bytes) -> bytes:
    """Send bytes and return everything that comes back until the line is quiet."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    await writer.drain()
    found = b""
    try:
        async with asyncio.timeout(1.0):
            while chunk := await reader.read(65536):
                found += chunk
    except TimeoutError:
        pass
    finally:
        writer.close()
    return found


@pytest.mark.parametrize("how", ["broken chunks", "packed", "cut off"])
async def test_a_body_that_cannot_be_read_is_no_failure_of_ours(
    stand: Stand, line: int, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    clerk = await stand.visitor(Role.CLERK)
    head = (
        f"POST /account/language HTTP/1.1\r\nHost: 127.0.0.1:{line}\r\n"
        f"Origin: http://127.0.0.1:{line}\r\nCookie: {SESSION}={clerk.cookies[SESSION]}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
    ).encode()
    rest = {
        "broken chunks": b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\nZZ\r\n",
        "packed": b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
        "cut off": b"Content-Length: 400\r\n\r\nform_token=1",
    }[how]
    answer = await said(line, head + rest)
    if how != "cut off":
        assert b" 400 " in answer.partition(b"\r\n")[0], answer[:300]
    faults = [one.exc_info[0] for one in caplog.records if one.exc_info]
    theirs = (web.RequestPayloadError, HttpProcessingError)
    assert all(issubclass(one, theirs) for one in faults if one), "no alarm (log.py)"
