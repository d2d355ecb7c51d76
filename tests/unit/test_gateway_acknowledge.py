"""What a sender is told in each state: the table of the facts file, sections 6 to 8."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from depesha.gateway import acknowledge
from depesha.schemas.answer import DocumentStatus, ErrorAnswer, StatusAnswer, UnreadableAnswer
from depesha.schemas.envelope import DocumentReference, Envelope, Party, RegistrationNumber
from depesha.schemas.evidence import sha256
from depesha.schemas.facts import Arrival
from depesha.schemas.ids import guid, message_id
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import Message
from depesha.schemas.verdict import CheckRecord, Rejected, Rejection, finding

NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)
DOCUMENT = guid("{dddddddd-4444-4444-8444-dddddddddddd}")
NUMBER = RegistrationNumber(number="ВХ-567", date=date(2026, 3, 3))

ENVELOPE = Envelope(
    network="seos",
    transport_id=guid("{11111111-aaaa-4aaa-8aaa-000000000001}"),
    created_at=NOW,
    sender=Party(
        identifier="000000001",
        name="Община Пример",
        guid=guid("{aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa}"),
    ),
    recipient=Party(
        identifier="0000000020001",
        name="Агенция Образец",
        guid=guid("{bbbbbbbb-2222-4222-8222-bbbbbbbbbbbb}"),
    ),
    document=DocumentReference(guid=DOCUMENT),
    kind="Писмо",
)
ARRIVAL = Arrival(
    network="seos", received_at=NOW, original=sha256(b"x"), original_size=1, envelope=ENVELOPE
)


def message(state: InboundState, *, number: RegistrationNumber | None = None) -> Message:
    refusal = Rejected(finding=finding(Rejection.MALWARE_FOUND, name="Eicar"))
    checks = (CheckRecord(check="malware", verdict=refusal, seconds=0.1),)
    return Message(
        id=message_id("0" * 32),
        network="seos",
        state=state,
        received_at=NOW,
        arrival=ARRIVAL,
        checks=checks if state is InboundState.REJECTED else (),
        changed_at=NOW,
        number=number,
        reason="не е от компетентността ни" if "REFUS" in state else "",
    )


@pytest.mark.parametrize(
    ("state", "numbered", "status"),
    [
        (InboundState.ADMITTED, False, DocumentStatus.WAITING),
        (InboundState.HELD, False, DocumentStatus.WAITING),
        (InboundState.REGISTERED, True, DocumentStatus.REGISTERED),
        (InboundState.ACKNOWLEDGED, True, DocumentStatus.REGISTERED),
        (InboundState.REFUSED, False, DocumentStatus.REJECTED),
        (InboundState.REFUSAL_ACKNOWLEDGED, False, DocumentStatus.REJECTED),
        (InboundState.REJECTED, False, DocumentStatus.REJECTED),
        (InboundState.CLOSED, True, DocumentStatus.CLOSED),
        (InboundState.STOPPED, True, DocumentStatus.STOPPED),
    ],
)
def test_each_state_is_told_by_one_status_and_the_number_only_when_there_is_one(
    state: InboundState, status: DocumentStatus, *, numbered: bool
) -> None:
    told = acknowledge.status_of(message(state, number=NUMBER if numbered else None), DOCUMENT)
    assert told.status is status
    assert (told.document.number == NUMBER) is numbered
    assert told.document.guid == DOCUMENT


def test_a_waiting_message_tells_no_number_even_if_one_were_there() -> None:
    """Facts Q15: a number in a waiting answer is no registration, so none is ever written."""
    told = acknowledge.status_of(message(InboundState.ADMITTED, number=NUMBER), DOCUMENT)
    assert told.document.number is None


def test_the_same_message_again_is_told_waiting_a_new_one_already_received() -> None:
    """Facts 8 and 15; DUP-06."""
    first = message(InboundState.ADMITTED)
    same = acknowledge.repeated(first, ARRIVAL, "transport")
    other = acknowledge.repeated(first, ARRIVAL, "document")
    assert isinstance(same, StatusAnswer)
    assert isinstance(other, StatusAnswer)
    assert same.status is DocumentStatus.WAITING
    assert other.status is DocumentStatus.ALREADY_RECEIVED


@pytest.mark.parametrize("by", ["transport", "document", "content"])
def test_a_repeat_of_a_registered_message_gets_the_number_already_given(by: str) -> None:
    told = acknowledge.repeated(message(InboundState.REGISTERED, number=NUMBER), ARRIVAL, by)
    assert isinstance(told, StatusAnswer)
    assert (told.status, told.document.number) == (DocumentStatus.REGISTERED, NUMBER)


def test_a_repeat_by_content_is_answered_under_its_own_document_guid() -> None:
    other = guid("{dddddddd-4444-4444-8444-eeeeeeeeeeee}")
    envelope = replace(ENVELOPE, document=DocumentReference(guid=other))
    arrival = replace(ARRIVAL, envelope=envelope)
    told = acknowledge.repeated(message(InboundState.REGISTERED, number=NUMBER), arrival, "content")
    assert isinstance(told, StatusAnswer)
    assert told.document == DocumentReference(guid=other, number=NUMBER)


@pytest.mark.parametrize("reason", list(Rejection))
def test_a_refusal_is_told_as_a_status_of_the_document_or_as_an_error_of_the_message(
    reason: Rejection,
) -> None:
    told = acknowledge.refused(ARRIVAL, finding(reason))
    if reason in acknowledge.ABOUT_THE_DOCUMENT:
        assert isinstance(told, StatusAnswer)
        assert told.status is DocumentStatus.REJECTED
        assert told.document.number is None
    else:
        assert isinstance(told, ErrorAnswer)
        assert told.transport_id == ENVELOPE.transport_id


def test_what_cannot_be_read_gets_the_networks_lowest_refusal() -> None:
    told = acknowledge.refused(replace(ARRIVAL, envelope=None), finding(Rejection.NOT_XML))
    assert isinstance(told, UnreadableAnswer)


def test_the_registered_notice_tells_the_number_even_when_the_case_is_closed_by_then() -> None:
    closed = message(InboundState.CLOSED, number=NUMBER)
    told = acknowledge.notice(closed, DocumentStatus.REGISTERED, DOCUMENT)
    assert (told.answer.status, told.answer.document.number) == (DocumentStatus.REGISTERED, NUMBER)
    ended = acknowledge.notice(closed, DocumentStatus.CLOSED, DOCUMENT)
    assert ended.answer.status is DocumentStatus.CLOSED
