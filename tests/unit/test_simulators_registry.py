"""The toy registry's side of the API for documents that leave: what it sends, over a socket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import BodyPartReader, web

from depesha.simulators.registry import RegistryClient, RegistryProblemError

WORDS = {"recipient": {"identifier": "000000001"}, "subject": "Покана"}
FILES = [
    ("писмо.pdf", "application/pdf", b"%PDF-1.4 one"),
    ("b.txt", "text/plain", b"two" * 700_000),
]


class Api:
    """Notes what was asked, and answers as prepared."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.headers: list[str] = []
        self.parts: list[tuple[str, str, str, bytes]] = []
        self.answer: dict[str, Any] = {"id": "1", "state": "SUBMITTED"}
        self.status = 202

    async def handle(self, request: web.Request) -> web.Response:
        body = None
        if request.content_type == "multipart/form-data":
            self.headers.append(request.headers["Idempotency-Key"])
            async for part in await request.multipart():
                assert isinstance(part, BodyPartReader)
                kind = part.headers["Content-Type"]
                self.parts.append((part.name or "", part.filename or "", kind, await part.read()))
        elif request.can_read_body:
            body = await request.json()
        self.asked.append((f"{request.method} {request.path_qs}", body))
        return web.json_response(self.answer, status=self.status)


@asynccontextmanager
async def api() -> AsyncIterator[tuple[Api, RegistryClient]]:
    made = Api()
    application = web.Application(client_max_size=2**24)
    application.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with RegistryClient(f"http://127.0.0.1:{runner.addresses[0][1]}", "t") as client:
            yield made, client
    finally:
        await runner.cleanup()


async def test_a_submission_is_a_form_of_words_and_files_and_may_be_repeated() -> None:
    async with api() as (heard, client):
        for _ in range(2):
            assert (await client.submit(WORDS, FILES, key="k-1"))["state"] == "SUBMITTED"
    assert heard.headers == ["k-1", "k-1"]
    assert heard.asked == [("POST /api/v1/messages", None)] * 2
    name, _, kind, content = heard.parts[0]
    assert (name, kind) == ("message", "application/json")
    assert json.loads(content) == WORDS
    assert [part[1:] for part in heard.parts[1:3]] == FILES
    assert len({part[0] for part in heard.parts}) == 3
    assert heard.parts[:3] == heard.parts[3:]


async def test_the_other_calls_about_documents_of_ours() -> None:
    async with api() as (heard, client):
        heard.answer, heard.status = {"items": [], "next": "n"}, 200
        assert await client.outbox("PARKED", "DEFERRED", limit=7) == ([], "n")
        await client.explain(WORDS)
        await client.explain(message_id="id")
        await client.decide("id", "resume", "Обадих се.")
        await client.participant("000000001")
        await client.show("id")
    assert heard.asked == [
        ("GET /api/v1/outbox?limit=7&after=&state=PARKED&state=DEFERRED", None),
        ("POST /api/v1/routes/explain", WORDS),
        ("POST /api/v1/routes/explain", {"id": "id"}),
        ("POST /api/v1/messages/id/decision", {"decision": "resume", "reason": "Обадих се."}),
        ("GET /api/v1/participants/000000001", None),
        ("GET /api/v1/messages/id", None),
    ]


async def test_a_returned_document_tells_its_defects() -> None:
    async with api() as (heard, client):
        heard.answer, heard.status = {"code": "DEFECTS", "defects": [{"reason": "X"}]}, 422
        with pytest.raises(RegistryProblemError) as caught:
            await client.submit(WORDS, FILES, key="k-1")
    assert caught.value.problem["defects"] == [{"reason": "X"}]
