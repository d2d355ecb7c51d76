"""Webhooks: signed as Standard Webhooks says, judged by status, bounded, without personal data."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks import Webhook, WebhookVerificationError

from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.registry.settings import WebhookSettings
from depesha.adapters.registry.webhooks import WebhookSender, body_of
from depesha.adapters.system import SystemClock
from depesha.errors import ConfigurationError
from depesha.ports import Webhooks
from depesha.schemas.outcome import Deferred, Delivered, Outcome, Refused

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
EVENT = {
    "type": "message.admitted",
    "timestamp": "2026-03-02T09:00:00+00:00",
    "message_id": "0" * 32,
    "state": "ADMITTED",
}
HOOK = WebhookSettings(
    name="sample",
    url="http://127.0.0.1:9/",
    secret=SECRET,
    events=frozenset({"message.admitted"}),
    plain_http=True,
)


class Listener:
    """A registry's end of a webhook; answers as told and remembers what came."""

    def __init__(self) -> None:
        self.status = 200
        self.seen: list[tuple[dict[str, str], bytes]] = []
        self.delay = 0.0
        self.endless = False

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((dict(request.headers), await request.read()))
        await asyncio.sleep(self.delay)
        if self.endless:
            response = web.StreamResponse()
            await response.prepare(request)
            try:
                while True:
                    await response.write(b"x" * 65536)
            except ConnectionError:
                return response
        headers = {"Location": "/elsewhere"} if self.status in {302, 307} else {}
        return web.Response(status=self.status, headers=headers)


@asynccontextmanager
async def sending(
    listener: Listener, seconds: float = 5.0
) -> AsyncIterator[tuple[Webhooks, RecordingObserver]]:
    app = web.Application()
    app.router.add_post("/{tail:.*}", listener.take)
    server, observer = TestServer(app), RecordingObserver()
    await server.start_server()
    async with aiohttp.ClientSession() as session:
        hook = replace(HOOK, url=str(server.make_url("/hook")))
        yield (
            WebhookSender(
                session=session,
                listeners=(hook,),
                clock=SystemClock(),
                observer=observer,
                seconds=seconds,
            ),
            observer,
        )
    await server.close()


async def once(status: int) -> Outcome:
    listener = Listener()
    listener.status = status
    async with sending(listener) as (sender, _):
        return await sender.deliver("sample", "msg_1", EVENT)


async def test_the_reference_library_believes_our_signature() -> None:
    listener = Listener()
    async with sending(listener) as (sender, _):
        assert await sender.deliver("sample", "msg_1", EVENT) == Delivered()
    ((headers, body),) = listener.seen
    assert Webhook(SECRET).verify(body, headers) == {
        "type": "message.admitted",
        "timestamp": EVENT["timestamp"],
        "data": {"message_id": "0" * 32, "state": "ADMITTED"},
    }
    assert {k.lower(): v for k, v in headers.items()}["webhook-id"] == "msg_1"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace(b"ADMITTED", b"REFUSED!"), headers)


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (200, Delivered, ""),
        (204, Delivered, ""),
        (302, Deferred, "WEBHOOK_FAILED"),
        (400, Deferred, "WEBHOOK_FAILED"),
        (410, Refused, "WEBHOOK_GONE"),
        (429, Deferred, "WEBHOOK_FAILED"),
        (503, Deferred, "WEBHOOK_FAILED"),
    ],
)
async def test_the_status_decides(status: int, kind: type, code: str) -> None:
    outcome: Any = await once(status)
    assert isinstance(outcome, kind)
    assert getattr(outcome, "code", "") == code


async def test_redirects_are_not_followed() -> None:
    listener = Listener()
    listener.status = 307
    async with sending(listener) as (sender, _):
        await sender.deliver("sample", "msg_1", EVENT)
    assert len(listener.seen) == 1


async def test_a_slow_a_silent_and_an_endless_listener_are_bounded() -> None:
    listener = Listener()
    listener.endless = True
    async with sending(listener) as (sender, _):
        assert await asyncio.wait_for(sender.deliver("sample", "m", EVENT), 3) == Delivered()
    listener = Listener()
    listener.delay = 1.0
    async with sending(listener, 0.1) as (sender, observer):
        outcome = await sender.deliver("sample", "m", EVENT)
        assert isinstance(outcome, Deferred)
        assert outcome.code == "WEBHOOK_TIMEOUT"
        assert observer.named("trouble") == [("webhook", "WEBHOOK_TIMEOUT")]


async def test_an_unreachable_listener_is_deferred_and_a_removed_one_refused() -> None:
    async with aiohttp.ClientSession() as session:
        sender = WebhookSender(
            session=session, listeners=(HOOK,), clock=SystemClock(), observer=RecordingObserver()
        )
        unreachable = await sender.deliver("sample", "m", EVENT)
        assert isinstance(unreachable, Deferred)
        assert unreachable.code == "WEBHOOK_UNREACHABLE"
        assert isinstance(await sender.deliver("removed", "m", EVENT), Refused)
        assert sender.listeners("message.admitted") == ("sample",)
        assert sender.listeners("message.closed") == ()


@pytest.mark.parametrize(
    "change",
    [
        {"url": "http://a.example/"},
        {"url": "ftp://a.example/"},
        {"url": "https://"},
        {"url": "https://user:word@a.example/"},
        {"url": "https://a.example/#x"},
        {"secret": "whsec_short"},
        {"secret": "whsec_" + base64.b64encode(b"x" * 23).decode()},
        {"secret": "whsec_" + base64.b64encode(b"x" * 65).decode()},
        {"name": "a b"},
    ],
)
def test_unusable_settings_are_refused_without_telling_the_secret(change: dict[str, Any]) -> None:
    good = replace(HOOK, url="https://a.example/", plain_http=False)
    with pytest.raises(ConfigurationError) as caught:
        replace(good, **change)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(good)


async def test_two_listeners_of_one_name_are_refused() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(ConfigurationError):
            WebhookSender(
                session=session,
                listeners=(HOOK, HOOK),
                clock=SystemClock(),
                observer=RecordingObserver(),
            )


def test_the_payload_is_json_of_three_members() -> None:
    assert set(json.loads(body_of(EVENT))) == {"type", "timestamp", "data"}
