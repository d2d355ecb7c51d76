"""What we say: every text has its fragment, its code and its length, and swaps the parties."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from depesha.adapters.seos import soap
from depesha.adapters.seos.mapping import Mapper
from depesha.adapters.seos.texts import (
    FRAGMENTS,
    OUR_FAULT,
    SENDERS_FAULT,
    error_text,
    rejection_text,
    told_by_peer,
)
from depesha.adapters.seos.writing import write_inquiry
from depesha.schemas import xml
from depesha.schemas.answer import (
    Answer,
    DocumentStatus,
    EmptyAnswer,
    ErrorAnswer,
    StatusAnswer,
    UnreadableAnswer,
)
from depesha.schemas.envelope import DocumentReference
from depesha.schemas.verdict import Hold, Reason, Rejection, finding
from depesha.schemas.wire.seos import Form, schema
from tests.support.seos import (
    DOCUMENT,
    MESSAGE,
    NOW,
    NUMBER,
    A,
    B,
    Bench,
    document,
    heading,
    sentence,
)

# Facts 7: the fragments other systems look for.
SEARCHED = {
    Rejection.TRANSPORT_ID_REUSED: "MessageGUID",
    Rejection.SIGNATURE_INVALID: "Електронният подпис",
    Rejection.SIGNATURE_MISSING: "Електронният подпис",
    Rejection.CERTIFICATE_OTHER: "различен от транспортния сертификат",
    Rejection.SENDER_UNKNOWN: "активен участник",
    Rejection.SENDER_INACTIVE: "активен участник",
    Rejection.RECIPIENT_NOT_OURS: "Получателят на съобщението",
}
CODES = {
    "MessageGUID": "MESSAGE_REPEATED",
    "Електронният подпис": "SIGNATURE_REFUSED",
    "различен от транспортния сертификат": "CERTIFICATE_REFUSED",
    "активен участник": "SENDER_REFUSED",
    "Получателят на съобщението": "RECIPIENT_REFUSED",
}


@pytest.mark.parametrize("reason", [*Rejection, *Hold])
def test_every_error_text_names_the_fault_and_the_code(reason: Reason) -> None:
    text = error_text(finding(reason), sentence(finding(reason)))
    start = OUR_FAULT if isinstance(reason, Hold) else SENDERS_FAULT
    assert text.startswith(start)
    assert text.endswith(f"[{reason}]")
    assert sentence(finding(reason)) in text


@pytest.mark.parametrize("reason", SEARCHED)
def test_the_fragment_that_peers_search_for_stands_there_alone(reason: Rejection) -> None:
    text = error_text(finding(reason), "")
    found = [fragment for fragment in CODES if fragment in text]
    assert found == [SEARCHED[reason]]
    assert told_by_peer(" " + text) == CODES[SEARCHED[reason]]


def test_no_other_reason_borrows_a_fragment() -> None:
    for reason, text in FRAGMENTS.items():
        if reason not in SEARCHED and not reason.startswith(("SIGNATURE", "CERTIFICATE")):
            assert [f for f in CODES if f in text] == [], reason


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "PEER_ERROR"),
        ("Object reference not set", "PEER_ERROR"),
        (" Неуспешен – Грешка при получателя. Документът не е намерен.", "UNKNOWN_DOCUMENT"),
        ("Документ с такъв номер не е открит", "UNKNOWN_DOCUMENT"),
        ("anything [DOCUMENT_UNKNOWN]", "UNKNOWN_DOCUMENT"),
    ],
)
def test_peers_texts_become_bounded_codes(text: str, code: str) -> None:
    assert told_by_peer(text) == code


def test_a_long_sentence_is_cut_and_keeps_its_code() -> None:
    text = rejection_text(finding(Rejection.MALWARE_FOUND), "дума " * 200)
    assert len(text) <= 450
    assert text.endswith("… [MALWARE_FOUND]")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, algorithms={"{" + (A.guid or "").upper() + "}": "rsa-sha256"})


async def said(bench: Bench, answer: Answer, wire: bytes | None = None) -> bytes:
    heard = bench.reader.incoming(soap.wrap_request(wire or document()), NOW)
    return await bench.replies.reply_to(heard)(answer)


async def test_a_status_goes_back_to_the_sender_signed_for_it(bench: Bench) -> None:
    answer = StatusAnswer(
        status=DocumentStatus.REGISTERED, document=DocumentReference(guid=DOCUMENT, number=NUMBER)
    )
    wire = await said(bench, answer)
    parsed = xml.parse(wire)
    mapper = Mapper(parsed.root)
    header = mapper.header()
    assert (header.sender, header.recipient) == (B, A)
    assert header.transport_id != MESSAGE
    assert header.created_at == NOW
    assert b"T11:00:00.0000000+02:00" in wire
    assert mapper.status().document.number == NUMBER
    assert bench.signer.algorithms == ["rsa-sha256"]
    again = await said(bench, answer)
    assert Mapper(xml.parse(again).root).header().transport_id != header.transport_id


async def test_an_error_names_the_failed_message(bench: Bench) -> None:
    answer = ErrorAnswer(finding=finding(Rejection.SIGNATURE_INVALID), transport_id=MESSAGE)
    parsed = xml.parse(await said(bench, answer))
    error = Mapper(parsed.root).error()
    assert (error.failed, error.kind) == (MESSAGE, "ERR_EXTERNAL")
    assert error.description.startswith("Неуспешен – Грешка при подателя")
    signature = parsed.root[-1]
    parsed.root.remove(signature)
    assert schema(Form.OFFICIAL).deviations(parsed) == ()


async def test_a_content_refusal_carries_its_reason(bench: Bench) -> None:
    answer = StatusAnswer(
        status=DocumentStatus.REJECTED,
        document=DocumentReference(guid=DOCUMENT),
        rejection=finding(Rejection.MALWARE_FOUND),
    )
    status = Mapper(xml.parse(await said(bench, answer)).root).status()
    assert status.status is DocumentStatus.REJECTED
    assert status.reason == sentence(finding(Rejection.MALWARE_FOUND)) + " [MALWARE_FOUND]"


async def test_nothing_to_say_is_nothing(bench: Bench) -> None:
    assert await said(bench, EmptyAnswer()) == b""


async def test_the_unreadable_is_told_by_a_fault(bench: Bench) -> None:
    for answer in (
        UnreadableAnswer(finding=finding(Rejection.NOT_XML)),
        ErrorAnswer(finding=finding(Rejection.NOT_XML)),
    ):
        wire = await said(bench, answer, b"<a>")
        assert soap.is_fault(wire)
        assert b"[NOT_XML]" in wire


async def test_a_misdirected_message_is_answered_as_ourselves(bench: Bench) -> None:
    wire = document().replace(b"bbbbbbbb-2222", b"bbbbbbbb-9999")
    answer = ErrorAnswer(finding=finding(Rejection.RECIPIENT_NOT_OURS), transport_id=MESSAGE)
    header = Mapper(xml.parse(await said(bench, answer, wire)).root).header()
    assert (header.sender, header.recipient) == (B, A)


async def test_of_several_bodies_the_one_written_to_answers(bench: Bench) -> None:
    bench.replies._own = (replace(A, name="Друго тяло"), B)
    answer = ErrorAnswer(finding=finding(Rejection.SIGNATURE_INVALID), transport_id=MESSAGE)
    assert Mapper(xml.parse(await said(bench, answer)).root).header().sender == B


async def test_an_inquiry_is_answered_to_who_asked(bench: Bench) -> None:
    asked = write_inquiry(heading(), DocumentReference(guid=DOCUMENT))
    answer = StatusAnswer(
        status=DocumentStatus.NOT_FOUND, document=DocumentReference(guid=DOCUMENT)
    )
    mapper = Mapper(xml.parse(await said(bench, answer, asked)).root)
    assert mapper.header().recipient == A
    assert mapper.status().status is DocumentStatus.NOT_FOUND
