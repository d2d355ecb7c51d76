"""Two simulated participants talk over real TLS sockets, as the facts say."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import aiohttp
import pytest

from depesha.errors import PeerError
from depesha.schemas.envelope import Party, RegistrationNumber
from depesha.schemas.ids import Guid
from depesha.simulators.seos_books import Exchange
from depesha.simulators.seos_documents import DocumentId, Failure, StatusResponse
from depesha.simulators.seos_participant import SeosParticipant
from depesha.simulators.seos_quirks import Quirks
from depesha.simulators.seos_signing import Hand
from tests.support.simulators import A, B, World, letter, world

NUMBER = RegistrationNumber(number="ВХ-567", date=date(2026, 3, 3))


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        yield made


@pytest.fixture
async def a(small: World) -> SeosParticipant:
    return await small.join(A)


@pytest.fixture
async def b(small: World) -> SeosParticipant:
    return await small.join(B)


def status(exchange: Exchange) -> str:
    assert exchange.heard is not None, exchange.trouble
    assert isinstance(exchange.heard.body, StatusResponse), exchange.heard.body
    return exchange.heard.body.status


def failure(exchange: Exchange) -> str:
    assert exchange.heard is not None, exchange.trouble
    assert isinstance(exchange.heard.body, Failure), exchange.heard.body
    assert exchange.heard.body.kind == "ERR_EXTERNAL"
    return exchange.heard.body.description


async def test_a_document_goes_and_its_number_comes_back(
    a: SeosParticipant, b: SeosParticipant
) -> None:
    request = letter()
    document = request.document.guid
    answer = await a.submit(B, b.url, request)
    assert status(answer) == "DS_WAIT_REGISTRATION"
    assert answer.judgement is not None
    assert answer.judgement.valid
    assert answer.judgement.serial == b.identity.serial
    notice = await b.register(document, NUMBER)
    assert (notice.answer, notice.trouble, notice.http_status) == ("", "", 200)
    seen = await a.wait_for_status(document, "DS_REGISTERED", 5)
    assert (seen.number, seen.pushed, seen.judgement.valid) == (NUMBER, True, True)
    assert b.books.received[document].wire == a.books.sent[document].wire


async def test_a_repeated_document_is_told_its_state(
    a: SeosParticipant, b: SeosParticipant
) -> None:
    request = letter()
    await a.submit(B, b.url, request)
    assert status(await a.submit(B, b.url, request)) == "DS_ALREADY_RECEIVED"
    await b.register(request.document.guid, NUMBER)
    again = await a.submit(B, b.url, request)
    assert status(again) == "DS_REGISTERED"
    assert a.books.sent[request.document.guid].seen[-1].number == NUMBER


async def test_the_same_bytes_again_are_an_error(a: SeosParticipant, b: SeosParticipant) -> None:
    request = letter()
    await a.submit(B, b.url, request)
    assert "MessageGUID" in failure(await a.resend(request.document.guid))
    assert a.books.sent[request.document.guid].failures


async def test_a_status_request_is_answered(a: SeosParticipant, b: SeosParticipant) -> None:
    request = letter()
    unknown = await a.ask(B, b.url, request.document)
    assert status(unknown) == "DS_NOT_FOUND"
    await a.submit(B, b.url, request)
    assert status(await a.ask(B, b.url, request.document)) == "DS_WAIT_REGISTRATION"
    await b.reject(request.document.guid, "Не е от компетентността ни")
    rejected = await a.ask(B, b.url, request.document)
    assert status(rejected) == "DS_REJECTED"
    assert a.books.sent[request.document.guid].seen[-1].reason == "Не е от компетентността ни"


async def test_closing_follows_registration(a: SeosParticipant, b: SeosParticipant) -> None:
    request = letter()
    await a.submit(B, b.url, request)
    await b.register(request.document.guid, NUMBER)
    await b.close(request.document.guid)
    await a.wait_for_status(request.document.guid, "DS_CLOSED", 5)
    await b.close(request.document.guid, early=True)
    await a.wait_for_status(request.document.guid, "DS_STOPPED", 5)


async def test_each_check_answers_with_its_own_words(
    small: World, a: SeosParticipant, b: SeosParticipant
) -> None:
    stranger = replace(A, identifier="999999999")
    assert "Получателят на съобщението" in failure(await a.submit(stranger, b.url, letter()))
    broken = await a.submit(B, b.url, letter(), hand=Hand(broken=True))
    assert "Електронният подпис" in failure(broken)
    other_guid = replace(B, guid=Guid("bbbbbbbb-0000-4000-8000-bbbbbbbbbbbb"))
    assert "Получателят" in failure(await a.submit(other_guid, b.url, letter()))
    unknown = await small.join(
        Party(identifier="7", name="Непознат", guid=Guid("77777777-7777-4777-8777-777777777777")),
        listed=False,
    )
    assert "активен участник" in failure(await unknown.submit(B, b.url, letter()))
    small.list(unknown, status="Inactive")
    assert "активен участник" in failure(await unknown.submit(B, b.url, letter()))
    entry = small.register.find(a.party.guid or Guid(""))
    assert entry is not None
    small.register.put(replace(entry, serial=unknown.identity.serial))
    other = failure(await a.submit(B, b.url, letter()))
    assert "различен от транспортния сертификат" in other


async def test_a_notice_about_nothing_is_an_error(a: SeosParticipant, b: SeosParticipant) -> None:
    said = StatusResponse(document=letter().document, status="DS_REGISTERED")
    assert "Документът не е намерен" in failure(await b.say(A, a.url, said))


async def test_waiting_in_vain_says_what_was_heard(a: SeosParticipant, b: SeosParticipant) -> None:
    request = letter()
    await a.submit(B, b.url, request)
    with pytest.raises(PeerError, match="heard so far: DS_WAIT_REGISTRATION"):
        await a.wait_for_status(request.document.guid, "DS_REGISTERED", 0.1)


async def test_a_lost_answer_was_taken_all_the_same(a: SeosParticipant, b: SeosParticipant) -> None:
    for quirk in (Quirks(lost_answers=1), Quirks(reset_answers=1)):
        b.quirks = quirk
        request = letter()
        assert (await a.submit(B, b.url, request)).trouble == "broken off"
        assert request.document.guid in b.books.received
        assert status(await a.ask(B, b.url, request.document)) == "DS_WAIT_REGISTRATION"


async def test_troubles_take_nothing_in_and_pass(a: SeosParticipant, b: SeosParticipant) -> None:
    request = letter()
    b.quirks = Quirks(http_500=1, soap_faults=1)
    assert (await a.submit(B, b.url, request)).trouble == "HTTP 500"
    assert (await a.submit(B, b.url, request)).trouble.startswith("SOAP fault")
    assert not b.books.received
    assert status(await a.submit(B, b.url, request)) == "DS_WAIT_REGISTRATION"


async def test_notices_are_refused_as_often_as_told(a: SeosParticipant, b: SeosParticipant) -> None:
    request = letter()
    await a.submit(B, b.url, request)
    a.quirks = Quirks(refused_notices=2)
    for _ in range(2):
        assert "не може да бъде обработено" in failure(
            await b.register(request.document.guid, NUMBER)
        )
    assert (await b.register(request.document.guid, NUMBER)).answer == ""


async def test_a_wrong_signature_in_an_answer_shows(a: SeosParticipant, b: SeosParticipant) -> None:
    b.quirks = Quirks(wrong_answer_signature=True)
    answer = await a.submit(B, b.url, letter())
    assert answer.judgement is not None
    assert not answer.judgement.valid


@pytest.mark.parametrize(
    "quirks",
    [
        Quirks(algorithm="rsa-sha256"),
        Quirks(php=True, no_action=True),
        Quirks(bom=True, declared_encoding="windows-1251", cdata=True),
        Quirks(pretty=True, certificates=1),
    ],
    ids=["sha256", "php", "bom", "pretty"],
)
async def test_odd_spellings_are_understood(
    small: World, b: SeosParticipant, quirks: Quirks
) -> None:
    a = await small.join(A, quirks=quirks)
    assert status(await a.submit(B, b.url, letter())) == "DS_WAIT_REGISTRATION"


async def test_repeating_and_doubling_quirks(small: World, b: SeosParticipant) -> None:
    a = await small.join(A, quirks=Quirks(repeat_message_guid=True))
    await a.submit(B, b.url, letter())
    assert "MessageGUID" in failure(await a.submit(B, b.url, letter()))
    a.quirks = Quirks(send_twice=True)
    request = letter()
    await a.submit(B, b.url, request)
    assert "MessageGUID" in a.books.sent[request.document.guid].failures[0]


async def test_nobody_listening_is_told_apart(a: SeosParticipant, b: SeosParticipant) -> None:
    url = b.url
    await b.stop()
    assert (await a.submit(B, url, letter())).trouble == "no connection"
    await b.start()
    assert b.url == url
    assert status(await a.submit(B, url, letter())) == "DS_WAIT_REGISTRATION"


async def test_without_a_client_certificate_there_is_no_talk(b: SeosParticipant) -> None:
    open_to_all = ssl.create_default_context()
    open_to_all.check_hostname = False
    open_to_all.verify_mode = ssl.CERT_NONE
    async with aiohttp.ClientSession() as session:
        with pytest.raises((aiohttp.ClientError, ssl.SSLError, ConnectionError)):
            await session.post(b.url, data=b"", ssl=open_to_all)


async def test_an_unreadable_call_is_a_fault(a: SeosParticipant, b: SeosParticipant) -> None:
    for text in ("", "<Message", "<Message/>"):
        assert (await a.post(b.url, text)).trouble.startswith("SOAP fault")


async def test_asking_for_a_document_by_guid_only(a: SeosParticipant, b: SeosParticipant) -> None:
    request = letter()
    await a.submit(B, b.url, request)
    assert status(await a.ask(B, b.url, DocumentId(guid=request.document.guid))) == (
        "DS_WAIT_REGISTRATION"
    )


async def test_only_the_recipient_may_tell_a_documents_state(
    small: World, a: SeosParticipant, b: SeosParticipant
) -> None:
    third = await small.join(
        Party(identifier="3", name="Трети", guid=Guid("33333333-3333-4333-8333-333333333333"))
    )
    request = letter()
    await a.submit(B, b.url, request)
    said = StatusResponse(document=request.document, status="DS_REGISTERED")
    assert "Документът не е намерен" in failure(await third.say(A, a.url, said))
    assert [s.status for s in a.books.sent[request.document.guid].seen] == ["DS_WAIT_REGISTRATION"]


async def test_the_office_registers_by_itself_after_a_while(
    a: SeosParticipant, b: SeosParticipant
) -> None:
    b.quirks = Quirks(registers_after=0.3)
    request = letter()
    assert status(await a.submit(B, b.url, request)) == "DS_WAIT_REGISTRATION"
    seen = await a.wait_for_status(request.document.guid, "DS_REGISTERED", 5)
    assert seen.pushed
    assert seen.number is not None


async def test_a_notice_may_come_twice(a: SeosParticipant, b: SeosParticipant) -> None:
    b.quirks = Quirks(notices_twice=True)
    request = letter()
    await a.submit(B, b.url, request)
    await b.register(request.document.guid, NUMBER)
    first, second = b.books.exchanges
    assert first.sent == second.sent


async def test_a_notice_may_go_back(a: SeosParticipant, b: SeosParticipant) -> None:
    request = letter()
    await a.submit(B, b.url, request)
    await b.register(request.document.guid, NUMBER)
    await b.claim(request.document.guid, "DS_WAIT_REGISTRATION")
    told = [s.status for s in a.books.sent[request.document.guid].seen if s.pushed]
    assert told == ["DS_REGISTERED", "DS_WAIT_REGISTRATION"]
    assert b.books.received[request.document.guid].status == "DS_REGISTERED"


@pytest.mark.parametrize(
    ("quirks", "trouble", "stored"),
    [
        (Quirks(reset_requests=1), "broken off", False),
        (Quirks(http_500_after=1), "HTTP 500", True),
        (Quirks(http_500=1, failure_status=503), "HTTP 503", False),
        (Quirks(soap_faults_after=1), "SOAP fault: Вътрешна грешка.", True),
    ],
)
async def test_troubles_before_and_after_taking_in(
    a: SeosParticipant, b: SeosParticipant, quirks: Quirks, trouble: str, *, stored: bool
) -> None:
    b.quirks = quirks
    request = letter()
    assert (await a.submit(B, b.url, request)).trouble == trouble
    assert (request.document.guid in b.books.received) is stored


async def test_answers_may_be_odd(a: SeosParticipant, b: SeosParticipant) -> None:
    b.quirks = Quirks(answer_status="DS_SOMETHING")
    assert (await a.submit(B, b.url, letter())).trouble == "unreadable answer"
    b.quirks = Quirks(early_number=True)
    early = await a.submit(B, b.url, letter())
    assert early.heard is not None
    assert isinstance(early.heard.body, StatusResponse)
    assert early.heard.body.status == "DS_WAIT_REGISTRATION"
    assert early.heard.body.document.number is not None
    b.quirks = Quirks(empty_answers=True)
    assert (await a.submit(B, b.url, letter())).answer == ""
    b.quirks = Quirks(errors=1, error="Друга грешка.")
    assert failure(await a.submit(B, b.url, letter())) == "Друга грешка."


async def test_troubles_may_spare_questions(a: SeosParticipant, b: SeosParticipant) -> None:
    b.quirks = Quirks(http_500=2, only_documents=True, wrong_answer_signature=True)
    request = letter()
    assert (await a.submit(B, b.url, request)).trouble == "HTTP 500"
    asked = await a.ask(B, b.url, request.document)
    assert status(asked) == "DS_NOT_FOUND"
    assert asked.judgement is not None
    assert asked.judgement.valid
    assert (await a.submit(B, b.url, request)).trouble == "HTTP 500"
