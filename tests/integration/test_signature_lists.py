"""Revocation lists over real HTTP: taken, refused, cut off, given up."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.memory.system import HandClock, InlineThreads
from depesha.adapters.revocation import HttpListFetcher, RevocationLists, RevocationRefresher
from depesha.errors import DepeshaError, PeerError, TooLargeError, UnreachableError
from tests.support.signatures import NOW, fresh_authority, network

DAY = timedelta(days=1)


@pytest.fixture
async def server() -> AsyncIterator[BaseTestServer]:
    async def good(_: web.Request) -> web.Response:
        return web.Response(body=fresh_authority().crl(NOW, NOW + DAY))

    async def large(_: web.Request) -> web.Response:
        return web.Response(body=bytes(17 * 1024 * 1024))

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    app = web.Application()
    app.add_routes([web.get("/a.crl", good), web.get("/large", large), web.get("/slow", slow)])
    async with TestServer(app) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "seconds", "kind"),
    [("/none", 30, PeerError), ("/large", 30, TooLargeError), ("/slow", 0.2, UnreachableError)],
)
async def test_failures_are_ours_to_name(
    server: BaseTestServer, path: str, seconds: float, kind: type[DepeshaError]
) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(kind):
            await HttpListFetcher(session, seconds=seconds)(str(server.make_url(path)))


async def asleep(clock: HandClock) -> None:
    """Wait until the refresher has done its round and sleeps."""
    async with asyncio.timeout(10):
        while not clock.sleepers:  # noqa: ASYNC110 -- the hand-moved clock tells nobody
            await asyncio.sleep(0.01)


async def test_the_schedule_keeps_the_list_fresh(server: BaseTestServer) -> None:
    known = RevocationLists([network().authority.certificate_pem])
    clock, observer = HandClock(NOW), RecordingObserver()
    async with aiohttp.ClientSession() as session:
        made = RevocationRefresher(
            sources=[str(server.make_url("/a.crl")), str(server.make_url("/none"))],
            lists=known,
            fetch=HttpListFetcher(session),
            clock=clock,
            threads=InlineThreads(),
            observer=observer,
        )
        running = asyncio.create_task(made.run())
        await asleep(clock)
        good, bad = made.states()
        assert (good.problem, good.next_update) == ("", NOW + DAY)
        assert bad.problem
        clock.advance(300)
        await asleep(clock)
        assert made.states()[0].fetched_at == NOW + timedelta(seconds=300)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
