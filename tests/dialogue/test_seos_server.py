"""Dialogues with the partners' listener on a real socket, quirks of real peers included."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import zeep
from aiohttp import web

from depesha.adapters.memory.scanner import EICAR
from depesha.adapters.seos import soap
from depesha.adapters.seos.mapping import Mapper
from depesha.adapters.seos.writing import write_error, write_inquiry, write_status
from depesha.schemas import xml
from depesha.schemas.answer import DocumentStatus, ErrorNotice, Inquiry, StatusNotice
from depesha.schemas.envelope import DocumentReference
from depesha.schemas.evidence import sha256
from depesha.schemas.facts import Arrival
from depesha.schemas.steps import Step
from depesha.schemas.verdict import Rejection, finding
from depesha.schemas.wire.seos import SERVICE
from tests.support.seos import DOCUMENT, A, Bench, document, envelope, heading

LIMIT = 3 * 1024 * 1024


@dataclass(slots=True)
class Answer:
    """One HTTP answer, read by hand."""

    status: int
    headers: dict[str, str]
    body: bytes
    interim: bool = False


@dataclass(slots=True)
class Listener:
    """A listening server and its parts."""

    bench: Bench
    port: int

    async def raw(self, *pieces: bytes) -> bytes:
        """Send pieces as they are and return all that comes until the end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        try:
            return await asyncio.wait_for(reader.read(), 10)
        except ConnectionError:
            return b""
        finally:
            writer.close()

    async def post(self, body: bytes, *headers: str, path: str = "/any/Path.svc") -> Answer:
        """Post by hand, with no header that is not asked for."""
        lines = [
            f"POST {path} HTTP/1.1",
            "Host: gateway.example",
            f"Content-Length: {len(body)}",
            "Connection: close",
            *headers,
        ]
        return parse(await self.raw("\r\n".join(lines).encode() + b"\r\n\r\n", body))


def parse(raw: bytes) -> Answer:
    interim = raw.startswith(b"HTTP/1.1 100")
    if interim:
        raw = raw.split(b"\r\n\r\n", 1)[1]
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    pairs = (line.split(": ", 1) for line in rest)
    return Answer(int(first.split()[1]), {k.lower(): v for k, v in pairs}, body, interim)


@pytest.fixture
async def listener(tmp_path: Path) -> AsyncIterator[Listener]:
    bench = Bench(tmp_path, body_bytes=LIMIT, idle_seconds=0.3, concurrency=4)
    runner = web.AppRunner(bench.app(), access_log=None, lingering_time=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield Listener(bench, runner.addresses[0][1])
    await runner.cleanup()


BODY = soap.wrap_request(document())


def status_in(answer: Answer) -> DocumentStatus:
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    return Mapper(xml.parse(soap.unwrap_answer(answer.body)).root).status().status


def call(inner: str, prefix: str = "SOAP-ENV") -> bytes:
    return (
        f'<{prefix}:Envelope xmlns:{prefix}="http://schemas.xmlsoap.org/soap/envelope/">'
        f'<{prefix}:Body><w:Submit xmlns:w="{SERVICE}" '
        f'xmlns:i="http://www.w3.org/2001/XMLSchema-instance">{inner}</w:Submit>'
        f"</{prefix}:Body></{prefix}:Envelope>"
    ).encode()


async def test_a_document_is_answered_in_the_same_call(listener: Listener) -> None:
    answer = await listener.post(soap.wrap_request(document((b"hello",))), 'SOAPAction: "x"')
    assert status_in(answer) is DocumentStatus.WAITING
    bench = listener.bench
    assert bench.intake.arrival.envelope == envelope((b"hello",))
    assert bench.checkpoint.steps == [Step.BYTES_READ, Step.ORIGINAL_KEPT, Step.ANSWERED]
    assert bench.observer.named("request") == [("partners", 200, 0.0)]
    assert [event[0] for event in bench.observer.named("arrived")] == ["seos"]


async def test_small_files_are_scanned_in_memory_and_need_not_lie_on_the_disk(
    listener: Listener,
) -> None:
    """CHK-05; ADR 0003: the original holds them."""
    await listener.post(soap.wrap_request(document((b"hello", EICAR, b""))))
    arrival = listener.bench.intake.arrival
    assert [(one.index, bool(one.malware)) for one in arrival.scans] == [(1, False), (2, True)]
    assert kept(listener.bench, arrival) == [False, False, True]


async def test_what_no_scanner_saw_in_memory_becomes_a_file_for_it(listener: Listener) -> None:
    listener.bench.scanner.failure = "unavailable"
    await listener.post(soap.wrap_request(document((b"hello", b"there"))))
    arrival = listener.bench.intake.arrival
    assert arrival.scans == ()
    assert kept(listener.bench, arrival) == [True, True]


async def test_files_of_a_doubtful_sender_are_neither_scanned_nor_kept(
    listener: Listener,
) -> None:
    listener.bench.verifier.fault = finding(Rejection.SIGNATURE_INVALID)
    await listener.post(soap.wrap_request(document((b"hello",))))
    assert listener.bench.scanner.scanned == 0
    assert kept(listener.bench, listener.bench.intake.arrival) == [False]


def kept(bench: Bench, arrival: Arrival) -> list[bool]:
    assert arrival.envelope is not None
    return [bench.blobs.path(one.digest) is not None for one in arrival.envelope.attachments]


@pytest.mark.parametrize("path", ["/", "/seos", "/submitmsg.php", "/a/b.nsf?x=1", "/%D0%9F/"])
async def test_any_path_will_do(listener: Listener, path: str) -> None:
    answer = await listener.post(soap.wrap_request(document()), path=path)
    assert status_in(answer) is DocumentStatus.WAITING


async def test_a_missing_soap_action_and_type_do_not_matter(listener: Listener) -> None:
    assert status_in(await listener.post(soap.wrap_request(document()))) is DocumentStatus.WAITING


@pytest.mark.parametrize(
    "body",
    [
        soap.wrap_request("\ufeff".encode() + document()),
        soap.wrap_request(document().replace(b'"utf-8"', b'"utf-16"')),
        soap.wrap_request(document().replace(b'"utf-8"', b'"windows-1251"')),
        call(f"<w:request><![CDATA[{document().decode()}]]></w:request>"),
        call(f"<w:request>{soap.escape(document()).decode()}</w:request>", "s"),
        b"\xef\xbb\xbf" + soap.wrap_request(document()),
    ],
)
async def test_odd_carriers_bring_the_same_document(listener: Listener, body: bytes) -> None:
    assert status_in(await listener.post(body)) is DocumentStatus.WAITING
    assert listener.bench.intake.arrival.envelope == envelope()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        call(""),
        call("<w:request/>"),
        call('<w:request i:nil="true"/>'),
        call("<w:request>a & b</w:request>"),
        soap.wrap_request(document(subject="а & б").replace(b"&amp;", b"&")),
        soap.wrap_request(b"<!DOCTYPE a><a/>"),
    ],
)
async def test_the_unreadable_is_told_by_a_fault(listener: Listener, body: bytes) -> None:
    answer = await listener.post(body)
    assert answer.status == 500
    assert b"Fault>" in answer.body
    assert b"[NOT_XML]" in answer.body
    assert listener.bench.intake.arrival.unreadable is not None


async def test_the_smaller_messages_reach_their_door(listener: Listener) -> None:
    reference = DocumentReference(guid=DOCUMENT)
    notice = write_status(heading(), reference, DocumentStatus.REGISTERED)
    for wire, kind in (
        (notice, StatusNotice),
        (write_error(heading(), DOCUMENT, "x"), ErrorNotice),
        (write_inquiry(heading(), reference), Inquiry),
    ):
        answer = await listener.post(soap.wrap_request(wire))
        assert answer.status == 200
        assert isinstance(listener.bench.intake.heard[-1], kind)
        if kind is Inquiry:
            assert status_in(answer) is DocumentStatus.WAITING
        else:
            assert b"<SubmitResult/>" in answer.body


async def test_100_continue_is_said_before_the_body(listener: Listener) -> None:
    body = soap.wrap_request(document())
    answer = await listener.post(body, "Expect: 100-continue")
    assert answer.interim
    assert status_in(answer) is DocumentStatus.WAITING


async def test_100_continue_is_refused_for_what_is_too_large(listener: Listener) -> None:
    head = (
        f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {LIMIT + 1}\r\n"
        "Expect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    answer = parse(await listener.raw(head.encode()))
    assert (answer.interim, answer.status) == (False, 413)


async def test_too_large_is_cut_while_reading_and_told_in_words(listener: Listener) -> None:
    chunk = b"%x\r\n" % 65536 + b"x" * 65536 + b"\r\n"
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = parse(await listener.raw(head, *[chunk] * (LIMIT // 65536 + 1)))
    assert answer.status == 413
    assert answer.headers["connection"] == "close"
    assert "надвишава" in answer.body.decode()
    announced = await listener.post(b"x" * (LIMIT + 1))
    assert announced.status == 413
    assert listener.bench.intake.heard == []


async def test_a_large_body_goes_over_the_disk_and_leaves_nothing(
    listener: Listener, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 5_000
    answer = await listener.post(soap.wrap_request(document((content,))))
    assert status_in(answer) is DocumentStatus.WAITING
    arrived = listener.bench.intake.arrival.envelope
    assert arrived is not None
    assert arrived.attachments[0].digest == sha256(content)
    assert await asyncio.to_thread(lambda: list((tmp_path / "spool").iterdir())) == []


async def test_a_body_that_drips_is_given_up(listener: Listener) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    answer = parse(await listener.raw(head, b"<a>"))
    assert answer.status == 408


async def test_drips_without_end_are_given_up_by_their_average(listener: Listener) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
    answered = asyncio.ensure_future(reader.readuntil(b"\r\n\r\n"))
    for _ in range(100):
        if answered.done():
            break
        writer.write(b"x")
        listener.bench.clock.advance(0.05)
        await asyncio.sleep(0.02)
    assert parse(await asyncio.wait_for(answered, 0.1)).status == 408
    writer.close()


async def test_a_body_that_cannot_be_put_together_is_its_senders_fault(
    listener: Listener,
) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = parse(await listener.raw(head, b"5\r\nhello\r\nzz\r\n"))
    assert answer.status in {400, 408}
    assert listener.bench.observer.named("trouble") == []
    assert listener.bench.intake.heard == []


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "x", "gzip, gzip"])
async def test_packed_bodies_are_not_taken(listener: Listener, coding: str) -> None:
    answer = await listener.post(BODY, f"Content-Encoding: {coding}")
    assert answer.status in {400, 415}  # where the library unpacks first, it is 400
    assert listener.bench.intake.heard == []


async def test_a_store_that_fails_drops_the_connection(listener: Listener) -> None:
    """Facts 9, 15: silence means "try again", a fault would mean "never"."""
    listener.bench.intake.broken = True
    lines = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
    assert await listener.raw(lines, BODY) == b""
    assert listener.bench.observer.named("trouble") == [("seos.server", "STORAGE")]
    assert listener.bench.observer.named("request") == [("partners", 0, 0.0)]
    assert Step.ANSWERED not in listener.bench.checkpoint.steps
    listener.bench.intake.broken = False
    assert status_in(await listener.post(BODY)) is DocumentStatus.WAITING


async def test_more_callers_than_places_all_are_answered(listener: Listener) -> None:
    answers = await asyncio.gather(*(listener.post(BODY) for _ in range(40)))
    assert {status_in(answer) for answer in answers} == {DocumentStatus.WAITING}
    assert len(listener.bench.intake.heard) == 40


async def test_other_methods_and_a_bare_get(listener: Listener) -> None:
    get = parse(await listener.raw(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    assert (get.status, b"?wsdl" in get.body) == (200, True)
    put = await listener.raw(
        b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    assert parse(put).status == 405


async def test_a_client_made_from_our_wsdl_understands_us(listener: Listener) -> None:
    """An independent client: built from the served description alone."""
    url = f"http://127.0.0.1:{listener.port}/seos?wsdl"

    def talk() -> tuple[str, str]:
        made: Any = zeep.Client
        client = made(url)
        address = client.wsdl.services["EGovService"].ports["EGovService"].binding_options
        told = client.service.Submit(request=document((b"x",)).decode())
        return str(address["address"]), str(told)

    address, told = await asyncio.to_thread(talk)
    assert address == url.removesuffix("?wsdl")
    header = Mapper(xml.parse(told.encode()).root).header()
    assert header.recipient == A


async def test_the_host_of_a_request_cannot_break_the_wsdl(listener: Listener) -> None:
    raw = b'GET /<a>"?WSDL HTTP/1.1\r\nHost: "/><x\r\nConnection: close\r\n\r\n'
    answer = parse(await listener.raw(raw))
    if answer.status == 200:
        xml.parse(answer.body)
