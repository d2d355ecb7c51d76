"""Calls of our own: every way a partner may answer or fail, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from depesha.adapters.memory.system import InlineThreads
from depesha.adapters.seos import soap
from depesha.adapters.seos.calling import Caller, CallLimits
from depesha.adapters.seos.channel import SeosNotifier
from depesha.adapters.seos.client import SeosClient
from depesha.adapters.seos.mapping import Mapper
from depesha.adapters.seos.writing import write_error, write_status
from depesha.errors import BrokenOffError, PeerError, UnreachableError
from depesha.schemas import xml
from depesha.schemas.answer import DocumentStatus, Notice, StatusAnswer
from depesha.schemas.envelope import DocumentReference
from depesha.schemas.outcome import Deferred, Delivered, Refused, Unclear
from depesha.schemas.participant import ParticipantStatus
from depesha.schemas.verdict import Rejection, finding
from tests.support.seos import DOCUMENT, NUMBER, A, B, Bench, document, heading, participant

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LIMITS = CallLimits(connect_seconds=1, whole_seconds=0.5, answer_bytes=100_000)


@dataclass(slots=True)
class Peer:
    """A partner that does as it is told."""

    url: str = ""
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    slow: bool = False
    heard: list[web.Request] = field(default_factory=list)
    documents: list[bytes] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.heard.append(request)
        found = soap.unwrap_request(await request.read(), Path)
        assert isinstance(found, bytes)
        self.documents.append(found)
        if self.slow:
            await asyncio.sleep(2)
        if self.cut and request.transport is not None:
            request.transport.abort()
        return web.Response(status=self.status, body=self.body, headers=self.headers)


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    made = Peer(body=soap.wrap_answer(b""))
    app = web.Application(client_max_size=100_000_000)
    app.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/DocExchangeService/"
    yield made
    await runner.cleanup()


@pytest.fixture
async def client() -> AsyncIterator[SeosClient]:
    made = SeosClient(
        caller=Caller(tls=None, limits=LIMITS, plain_http=True), threads=InlineThreads()
    )
    await made.start()
    yield made
    await made.close()


async def test_a_call_is_what_the_network_expects(peer: Peer, client: SeosClient) -> None:
    wire = document(subject="а & <б> ]]>")
    assert await client.submit(peer.url, wire) == b""
    (request,) = peer.heard
    assert request.path == "/DocExchangeService/"
    assert request.headers["SOAPAction"] == f'"{soap.ACTION}"'
    assert request.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert peer.documents == [wire]


async def test_a_large_document_arrives_the_same(peer: Peer, client: SeosClient) -> None:
    wire = document((b"x" * 2_000_000,))
    await client.submit(peer.url, wire)
    assert peer.documents == [wire]


async def test_a_connection_is_used_again(peer: Peer, client: SeosClient) -> None:
    for _ in range(2):
        await client.submit(peer.url, document())
    first, second = (r.transport for r in peer.heard)
    assert first is second


async def test_the_answer_comes_back(peer: Peer, client: SeosClient) -> None:
    peer.body = soap.wrap_answer(document())
    assert await client.submit(peer.url, document()) == document()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/",
        "https://127.0.0.1:1/",
        "http://nowhere.invalid/",
        "ftp://127.0.0.1/",
        "not an address",
        "http://[/",
        "",
    ],
)
async def test_what_cannot_be_reached(client: SeosClient, url: str) -> None:
    with pytest.raises(UnreachableError):
        await client.submit(url, document())


async def test_plain_http_must_be_allowed_by_name(peer: Peer) -> None:
    strict = SeosClient(caller=Caller(tls=None, limits=LIMITS), threads=InlineThreads())
    with pytest.raises(UnreachableError):
        await strict.submit(peer.url, document())
    assert peer.heard == []


async def test_a_cut_after_sending_is_unclear(peer: Peer, client: SeosClient) -> None:
    peer.cut = True
    with pytest.raises(BrokenOffError):
        await client.submit(peer.url, document())


async def test_a_time_out_after_sending_is_unclear(peer: Peer, client: SeosClient) -> None:
    peer.slow = True
    with pytest.raises(BrokenOffError):
        await client.submit(peer.url, document())


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, soap.fault("x")),
        (200, soap.fault("x")),
        (503, b""),
        (404, b"<html>"),
        (302, b""),
        (200, b""),
        (200, b"<html>"),
        (200, soap.wrap_answer(b"x" * 200_000)),
        (200, soap.wrap_request(b"x")),
    ],
)
async def test_a_failure_is_the_peers(
    peer: Peer, client: SeosClient, status: int, body: bytes
) -> None:
    peer.status, peer.body = status, body
    peer.headers = {"Location": "/elsewhere"}
    with pytest.raises(PeerError):
        await client.submit(peer.url, document())
    assert len(peer.heard) == 1


# --- notices --------------------------------------------------------------------------------

NOTICE = Notice(
    network="seos",
    message_id="0" * 32,
    original_sender=A,
    original_recipient=B,
    answer=StatusAnswer(
        status=DocumentStatus.REGISTERED, document=DocumentReference(guid=DOCUMENT, number=NUMBER)
    ),
)


@pytest.fixture
def bench(tmp_path: Path, peer: Peer) -> Bench:
    made = Bench(tmp_path)
    put(made, url=peer.url)
    return made


def put(bench: Bench, **changes: object) -> None:
    bench.directory._copy[A.guid or DOCUMENT] = participant(A, **changes)


@pytest.fixture
def notifier(bench: Bench, client: SeosClient) -> SeosNotifier:
    return SeosNotifier(
        client=client,
        replies=bench.replies,
        directory=bench.directory,
        verifier=bench.verifier,
        own=(B,),
        threads=bench.threads,
        clock=bench.clock,
        observer=bench.observer,
    )


def error(text: str) -> bytes:
    return soap.wrap_answer(write_error(heading(A, B), DOCUMENT, text))


async def test_a_notice_says_the_number_and_is_taken(notifier: SeosNotifier, peer: Peer) -> None:
    assert await notifier.notify(NOTICE) == Delivered(receipt=b"")
    mapper = Mapper(xml.parse(peer.documents[0]).root)
    assert (mapper.header().sender, mapper.header().recipient) == (B, A)
    assert mapper.status().document.number == NUMBER


@pytest.mark.parametrize(
    "answer",
    [
        write_status(heading(A, B), DocumentReference(guid=DOCUMENT), DocumentStatus.WAITING),
        b"<anything/>",
    ],
)
async def test_any_answer_but_an_error_is_a_receipt(
    notifier: SeosNotifier, peer: Peer, answer: bytes
) -> None:
    peer.body = soap.wrap_answer(answer)
    assert await notifier.notify(NOTICE) == Delivered(receipt=answer)


async def test_an_unknown_document_is_refused(notifier: SeosNotifier, peer: Peer) -> None:
    peer.body = error(" Неуспешен – Грешка при подателя. Документът не е намерен.")
    outcome = await notifier.notify(NOTICE)
    assert isinstance(outcome, Refused)
    assert outcome.code == "UNKNOWN_DOCUMENT"
    assert outcome.receipt == soap.unwrap_answer(peer.body)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Подателят не е активен участник", "SENDER_REFUSED"),
        ("MessageGUID съвпада", "MESSAGE_REPEATED"),
        ("нещо друго", "PEER_ERROR"),
    ],
)
async def test_other_errors_are_tried_again(
    notifier: SeosNotifier, peer: Peer, text: str, code: str
) -> None:
    peer.body = error(text)
    outcome = await notifier.notify(NOTICE)
    assert isinstance(outcome, Deferred)
    assert outcome.code == code


async def test_an_error_without_a_body_is_still_an_error(
    notifier: SeosNotifier, peer: Peer
) -> None:
    wire = write_error(heading(A, B), DOCUMENT, "x")
    peer.body = soap.wrap_answer(wire[: wire.index(b"<Body>")] + b"</Message>")
    assert isinstance(await notifier.notify(NOTICE), Deferred)


async def test_an_error_with_a_bad_signature_is_not_believed(
    notifier: SeosNotifier, peer: Peer, bench: Bench
) -> None:
    bench.verifier.fault = finding(Rejection.SIGNATURE_INVALID)
    peer.body = error("Документът не е намерен.")
    outcome = await notifier.notify(NOTICE)
    assert isinstance(outcome, Unclear)
    assert outcome.code == "ANSWER_NOT_BELIEVED"
    assert bench.observer.named("trouble") == [("seos.answer", "SIGNATURE_INVALID")]


async def test_an_answer_that_cannot_be_read_is_unclear(notifier: SeosNotifier, peer: Peer) -> None:
    peer.body = soap.wrap_answer(b"<a>")
    assert isinstance(await notifier.notify(NOTICE), Unclear)


async def test_failures_of_the_call(notifier: SeosNotifier, peer: Peer, bench: Bench) -> None:
    peer.status = 500
    outcome = await notifier.notify(NOTICE)
    assert isinstance(outcome, Deferred)
    assert outcome.code == "PEER_FAILED"
    peer.cut = True
    assert isinstance(await notifier.notify(NOTICE), Unclear)
    put(bench, url="http://127.0.0.1:1/")
    outcome = await notifier.notify(NOTICE)
    assert isinstance(outcome, Deferred)
    assert outcome.code == "UNREACHABLE"


@pytest.mark.parametrize(
    ("status", "tried"),
    [
        (ParticipantStatus.ACTIVE, True),
        (ParticipantStatus.TEMPORARILY_INACTIVE, True),
        (ParticipantStatus.INACTIVE, False),
    ],
)
async def test_the_inactive_are_not_called(
    notifier: SeosNotifier, peer: Peer, bench: Bench, status: ParticipantStatus, *, tried: bool
) -> None:
    put(bench, url=peer.url, status=status)
    outcome = await notifier.notify(NOTICE)
    assert bool(peer.heard) is tried
    assert isinstance(outcome, Delivered if tried else Deferred)


async def test_who_is_not_in_the_register_is_not_called(
    notifier: SeosNotifier, peer: Peer, bench: Bench
) -> None:
    bench.directory._copy.clear()
    outcome = await notifier.notify(NOTICE)
    assert isinstance(outcome, Deferred)
    assert outcome.code == "NOT_IN_REGISTER"
    assert peer.heard == []
