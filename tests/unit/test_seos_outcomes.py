"""Every kind of answer to a call of ours, and what it means: nothing unproved is believed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from depesha.adapters.seos import outcomes
from depesha.adapters.seos.calling import HttpAnswer
from depesha.adapters.seos.hearing import Call, Failed, Silence, Status, Unbelieved, hear
from depesha.adapters.seos.texts import told_of_ours
from depesha.adapters.seos.writing import write_error, write_inquiry, write_request, write_status
from depesha.errors import Blame
from depesha.schemas.answer import DocumentStatus
from depesha.schemas.envelope import DocumentReference, Party, RegistrationNumber
from depesha.schemas.ids import Guid
from depesha.schemas.outcome import Absent, Deferred, Delivered, PeerWord, Refused, Unclear
from depesha.schemas.verdict import Hold, Rejection, finding
from depesha.simulators import seos_checks
from tests.support.seos import (
    DOCUMENT,
    MESSAGE,
    NOW,
    A,
    B,
    NodSigner,
    NodVerifier,
    envelope,
    heading,
    participant,
)

OTHER = Guid("99999999-9999-4999-8999-999999999999")
THEIRS = RegistrationNumber(number="ВХ-567", date=date(2026, 3, 3))
BACK = heading(sender=B, recipient=A)
CALL = Call(us=A, partner=participant(B), document=DOCUMENT, transport_id=MESSAGE)


def signed(document: bytes) -> bytes:
    return NodSigner().sign(document, "rsa-sha1")


def status(word: DocumentStatus, number: RegistrationNumber | None = None) -> bytes:
    return signed(write_status(BACK, DocumentReference(guid=DOCUMENT, number=number), word))


def reworded(word: str) -> bytes:
    return status(DocumentStatus.WAITING).replace(b"DS_WAIT_REGISTRATION", word.encode())


def heard(answer: bytes, call: Call = CALL) -> object:
    return hear(answer, call, NodVerifier(), NOW)


# --- what is believed -----------------------------------------------------------------------


def test_an_empty_answer_says_nothing() -> None:
    assert heard(b"") == Silence()


@pytest.mark.parametrize("word", DocumentStatus)
def test_a_number_counts_only_beside_a_registration(word: DocumentStatus) -> None:
    found = heard(status(word, THEIRS))
    assert isinstance(found, Status)
    counts = word in {DocumentStatus.REGISTERED, DocumentStatus.STOPPED, DocumentStatus.CLOSED}
    assert found.word == PeerWord(status=word, number=THEIRS if counts else None)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"<html>502 Bad Gateway</html>", "ANSWER_NOT_READABLE"),
        (b"no xml at all", "ANSWER_NOT_READABLE"),
        (reworded("DS_SOMETHING_NEW"), "ANSWER_NOT_READABLE"),
        (reworded("DS_SENT_FAILED"), "LOCAL_STATUS"),
        (reworded("DS_TRY_SEND"), "LOCAL_STATUS"),
        (
            signed(write_status(BACK, DocumentReference(guid=OTHER), DocumentStatus.REGISTERED)),
            "ANSWER_ABOUT_ANOTHER",
        ),
        (signed(write_error(BACK, OTHER, "Възникна грешка.")), "ANSWER_ABOUT_ANOTHER"),
        (signed(write_inquiry(BACK, DocumentReference(guid=DOCUMENT))), "ANSWER_OUT_OF_PLACE"),
        (signed(write_request(BACK, envelope(), ())), "ANSWER_OUT_OF_PLACE"),
    ],
)
def test_what_is_not_believed(answer: bytes, code: str) -> None:
    assert heard(answer) == Unbelieved(code=code)


def test_an_answer_speaks_as_the_partner_and_to_us() -> None:
    neighbour = replace(B, guid=OTHER)
    stranger = Party(identifier="999999999", name="Друг", guid=OTHER)
    document = DocumentReference(guid=DOCUMENT)
    of_another = write_status(heading(neighbour, A), document, DocumentStatus.REGISTERED)
    to_another = write_status(heading(B, stranger), document, DocumentStatus.REGISTERED)
    assert heard(signed(of_another)) == Unbelieved(code="ANSWER_OF_ANOTHER")
    assert heard(signed(to_another)) == Unbelieved(code="ANSWER_NOT_TO_US")


def test_the_serial_is_that_of_whom_we_called() -> None:
    unknown = replace(CALL, partner=participant(B, serial=None))
    assert heard(status(DocumentStatus.REGISTERED), unknown) == Unbelieved(
        code="ANSWER_NOT_BELIEVED"
    )


def test_a_late_revocation_list_does_not_make_answers_unclear() -> None:
    late = NodVerifier(finding(Hold.REVOCATION_UNKNOWN))
    assert isinstance(hear(status(DocumentStatus.WAITING), CALL, late, NOW), Status)
    bad = NodVerifier(finding(Rejection.SIGNATURE_INVALID))
    assert isinstance(hear(status(DocumentStatus.WAITING), CALL, bad, NOW), Unbelieved)


@pytest.mark.parametrize("word", ["DS_MALWARE_CHECK", "DS_WAIT_PROCESSING", "DS_OPENED"])
def test_a_recipients_own_words_prove_that_it_has_the_document(word: str) -> None:
    assert heard(reworded(word)) == Status(word=PeerWord(status=DocumentStatus.WAITING))


# --- what it means for a submission -----------------------------------------------------------


def submission(answer: bytes) -> object:
    found = hear(answer, CALL, NodVerifier(), NOW)
    outcome = outcomes.of_submission(found, answer)
    assert outcome.receipt == answer
    return outcome


def test_silence_is_the_networks_receipt() -> None:
    assert submission(b"") == Delivered()


@pytest.mark.parametrize("word", [w for w in DocumentStatus if w is not DocumentStatus.NOT_FOUND])
def test_any_state_of_the_document_is_delivery(word: DocumentStatus) -> None:
    outcome = submission(status(word))
    assert isinstance(outcome, Delivered)
    assert outcome.proven
    assert outcome.word == PeerWord(status=word)


def test_not_found_is_no_answer_to_a_submission() -> None:
    assert isinstance(submission(status(DocumentStatus.NOT_FOUND)), Unclear)


def error(text: str) -> object:
    return submission(signed(write_error(BACK, MESSAGE, text)))


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("InvalidReceiver", "RECIPIENT_REFUSED"),
        ("InvalidSender", "SENDER_REFUSED"),
        ("InvalidMessageSignature", "SIGNATURE_REFUSED"),
        ("InvalidMessageSignatureCertificate", "CERTIFICATE_REFUSED"),
        ("UnknownType", "PEER_ERROR"),
    ],
)
def test_a_check_that_failed_there_is_a_refusal(key: str, code: str) -> None:
    outcome = error(seos_checks.failure(key))
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.document) == (code, False)


def test_a_repeated_message_guid_means_that_it_may_be_there() -> None:
    outcome = error(seos_checks.failure("DuplicateMessageGuid"))
    assert isinstance(outcome, Unclear)
    assert outcome.code == "MESSAGE_REPEATED"


@pytest.mark.parametrize(
    "text",
    [
        seos_checks.INTERNAL,
        seos_checks.failure("MissingIdentityForReceiverEIK"),
        "Database is locked",
        "",
        "  ",
    ],
)
def test_what_may_have_failed_after_storing_is_asked_about(text: str) -> None:
    assert isinstance(error(text), Unclear)


def test_who_is_blamed_is_read_from_the_whole_text() -> None:
    assert told_of_ours(" Неуспешен –  Грешка при\nподателя. Друго.").senders_fault
    assert not told_of_ours(seos_checks.RECIPIENTS_FAULT + seos_checks.SENDERS_FAULT).senders_fault


@pytest.mark.parametrize(
    ("code", "kind", "blame"),
    [
        (413, Refused, None),
        (404, Deferred, Blame.THEIRS),
        (403, Deferred, Blame.THEIRS),
        (302, Deferred, Blame.THEIRS),
        (503, Deferred, Blame.THEIRS),
        (202, Unclear, None),
        (204, Unclear, None),
        (502, Unclear, None),
        (504, Unclear, None),
        (520, Unclear, None),
    ],
)
def test_http_without_soap(code: int, kind: type, blame: Blame | None) -> None:
    outcome = outcomes.of_http(HttpAnswer(status=code, body=b"page"))
    assert isinstance(outcome, kind)
    assert outcome.receipt == b"page"
    assert getattr(outcome, "blame", None) is blame
    assert not outcomes.is_fault(code)


# --- what it means for a question -------------------------------------------------------------


def question(answer: bytes) -> object:
    return outcomes.of_question(hear(answer, CALL, NodVerifier(), NOW), answer)


def test_only_a_believed_word_is_absence() -> None:
    lost = status(DocumentStatus.NOT_FOUND)
    assert question(lost) == Absent(receipt=lost)
    forged = NodVerifier(finding(Rejection.SIGNATURE_INVALID))
    assert isinstance(outcomes.of_question(hear(lost, CALL, forged, NOW), lost), Unclear)
    text = seos_checks.failure("ErrorDocumentIsNotFound")
    assert isinstance(question(signed(write_error(BACK, MESSAGE, text))), Absent)
    assert isinstance(question(signed(write_error(BACK, None, text))), Unclear)


def test_a_question_is_answered_with_a_state() -> None:
    found = question(status(DocumentStatus.REGISTERED, THEIRS))
    assert isinstance(found, Delivered)
    assert found.word == PeerWord(status=DocumentStatus.REGISTERED, number=THEIRS)


@pytest.mark.parametrize(
    "answer", [b"", b"x", signed(write_error(BACK, MESSAGE, seos_checks.INTERNAL))]
)
def test_a_question_may_stay_open(answer: bytes) -> None:
    assert isinstance(question(answer), Unclear)


def test_an_error_without_a_reference_is_still_about_our_call() -> None:
    found = heard(signed(write_error(BACK, None, seos_checks.failure("InvalidSender"))))
    assert isinstance(found, Failed)
    assert not found.about_ours
