"""The registry is told: webhooks by Standard Webhooks, the feed by server-sent events."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from depesha.simulators.bodies import OBRAZETS
from tests.support.acceptance import SECRET, Delivery, Stage, letter, until


async def delivered(world: Stage, message_id: str, kind: str, count: int) -> list[Delivery]:
    async def look() -> list[Delivery]:
        found = world.hooks.about(message_id, kind)
        return found if len(found) >= count else []

    found: list[Delivery] = await until(look)
    return found


async def test_a_webhook_tells_each_step_signed(world: Stage) -> None:
    """RCV-19, AUD-05: verified by the reference library; nothing of the document in it."""
    request = letter("Поверително")
    await world.submit(request)
    message = await world.one(request)
    await world.register(message["id"], "ВХ-61")
    await world.reaches(message["id"], "ACKNOWLEDGED")
    for kind in ("message.admitted", "message.registered", "message.acknowledged"):
        [delivery] = await delivered(world, message["id"], kind, 1)
        verified: Any = Webhook(SECRET).verify(delivery.body, delivery.headers)
        assert set(verified) == {"type", "timestamp", "data"}
        assert verified["data"]["state"] == kind.removeprefix("message.").upper()
        assert set(verified["data"]) == {"message_id", "state"}
        text = delivery.body.decode()
        assert "Поверително" not in text
        assert "ВХ-61" not in text


async def test_a_forged_webhook_does_not_verify(world: Stage) -> None:
    """The verifier of these tests can say no."""
    request = letter()
    await world.submit(request)
    message = await world.one(request)
    [delivery] = await delivered(world, message["id"], "message.admitted", 1)
    forged = delivery.body.replace(b"ADMITTED", b"REGISTERED")
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(forged, delivery.headers)


async def test_a_webhook_that_fails_comes_again_under_the_same_id(world: Stage) -> None:
    """At least once: the id tells the listener that it is the same delivery."""
    world.hooks.failing["message.refused"] = 1
    request = letter()
    await world.submit(request)
    message = await world.one(request)
    await world.office.refuse(message["id"], "не е за нас")
    first, second = await delivered(world, message["id"], "message.refused", 2)
    assert (first.answered, second.answered) == (500, 204)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    for delivery in (first, second):
        Webhook(SECRET).verify(delivery.body, delivery.headers)
    assert int(second.headers["webhook-timestamp"]) >= int(first.headers["webhook-timestamp"])


async def heard(world: Stage, last: str, wanted: list[str], message_id: str = "") -> list[Any]:
    """Read the feed until the events of one message are there, in order."""
    headers = {"Authorization": f"Bearer {world.country.tokens[OBRAZETS.folder]}"}
    if last:
        headers["Last-Event-ID"] = last
    found: list[Any] = []
    url = world.gateway.registry_api + "/api/v1/events"
    async with (
        asyncio.timeout(20),
        aiohttp.ClientSession(headers=headers) as session,
        session.get(url) as response,
    ):
        assert response.headers["Content-Type"].startswith("text/event-stream")
        event: dict[str, str] = {}
        async for raw in response.content:
            line = raw.decode().rstrip("\n")
            name, _, value = line.partition(": ")
            if line:
                event[name] = value
                continue
            if message_id in event.get("data", "") and event.get("event") in wanted:
                found.append(event)
            event = {}
            if [e["event"] for e in found] == wanted:
                return found
    return found


async def test_the_feed_tells_a_journey_and_is_resumed_without_a_gap(world: Stage) -> None:
    """RCV-05, AUD-05: after a break, `Last-Event-ID` gives what was missed."""
    first = letter()
    await world.submit(first)
    message = await world.one(first)
    rows = await world.office.events(message["id"])
    before = str(rows[0]["sequence"] - 1)
    [received] = await heard(world, before, ["RECEIVED"], message["id"])
    await world.register(message["id"], "ВХ-62")
    await world.reaches(message["id"], "ACKNOWLEDGED")
    missed = await heard(world, received["id"], ["REGISTERED", "NOTICE_TAKEN"], message["id"])
    assert [int(e["id"]) for e in missed] == sorted(int(e["id"]) for e in missed)
    assert "ВХ-62" not in "".join(e["data"] for e in missed)


async def test_the_feed_rings_at_once(world: Stage) -> None:
    """A live reader hears of a new document within a second or two."""
    listening = asyncio.create_task(heard(world, "", ["RECEIVED"]))
    await asyncio.sleep(0.5)
    request = letter()
    await world.submit(request)
    async with asyncio.timeout(5):
        events = await listening
    message = await world.one(request)
    assert message["id"] in events[0]["data"]
