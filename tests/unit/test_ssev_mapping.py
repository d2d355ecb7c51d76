"""Our words as SSEV letters and back; pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from depesha.adapters.filestreams import StoredFile
from depesha.adapters.ssev import mapping
from depesha.adapters.ssev.mapping import Presence
from depesha.adapters.ssev.values import MessageFile, OpenedMessage, Row, Sought
from depesha.errors import WireError
from depesha.schemas.answer import DocumentStatus, StatusAnswer
from depesha.schemas.envelope import DocumentReference, Envelope, Party, RegistrationNumber
from depesha.schemas.ids import Digest, Guid, guid

A = Party(identifier="000000001", name="Община Пример")
B = Party(identifier="000000002", name="Агенция Образец")
DOC = Guid("12345678-1111-4111-8111-123456789abc")
NUMBER = RegistrationNumber(number="РД-12-34", date=date(2026, 3, 2))
AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def envelope(subject: str = "Искане за данни", comment: str = "") -> Envelope:
    return Envelope(
        network="ssev",
        transport_id=DOC,
        created_at=AT,
        sender=A,
        recipient=B,
        document=DocumentReference(guid=DOC, number=NUMBER),
        parent=DocumentReference(guid=Guid("99999999-1111-4111-8111-123456789abc")),
        kind="Писмо",
        subject=subject,
        comment=comment,
        deadline=date(2026, 4, 1),
    )


def opened(subject: str, text: str, **changes: object) -> OpenedMessage:
    made = OpenedMessage(
        message_id=17,
        sent_at=AT,
        received_at=AT,
        subject=subject,
        text=text,
        sender_name=A.name,
        sender_profile_id=1,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # any field, by name


@pytest.mark.parametrize(
    "comment", ["", "два\nреда", "-----END DEPESHA-----", "-----BEGIN DEPESHA-----\n{}", "x" * 4000]
)
def test_a_document_comes_back_as_it_left(comment: str) -> None:
    sent = envelope(comment=comment)
    letter = mapping.document_letter(sent)
    got = mapping.envelope_of(
        opened(letter.subject, letter.text), [], environment="t", sender=A, recipient=B
    )
    assert got.document == sent.document
    assert got.parent == sent.parent
    assert (got.subject, got.comment, got.deadline) == (sent.subject, comment, sent.deadline)


def test_the_subject_keeps_its_mark_within_the_limit() -> None:
    letter = mapping.document_letter(envelope(subject="дълга тема " * 100))
    assert len(letter.subject) <= 255
    assert mapping.marked(letter.subject) == DOC


def test_a_mark_alone_names_the_document() -> None:
    got = mapping.envelope_of(
        opened(f"Тема {mapping.marker(DOC)}", "само текст"),
        [],
        environment="t",
        sender=A,
        recipient=B,
    )
    assert got.document == DocumentReference(guid=DOC)
    assert got.subject == "Тема"
    assert got.document_comment == "само текст"


def test_a_plain_letter_gets_a_lasting_identity_and_the_files_number() -> None:
    file = MessageFile(blob_id=1, name="a.pdf", registration_number="АБ-7")
    stored = StoredFile(path=Path("x"), size=3, digest=Digest("0" * 64))
    message = opened("Тема", "текст", files=(file,))
    got = [
        mapping.envelope_of(message, [stored], environment=name, sender=A, recipient=B)
        for name in ("t", "t", "other")
    ]
    assert got[0] == got[1]
    assert got[0].document.guid != got[2].document.guid
    assert got[0].transport_id != got[0].document.guid
    assert guid(got[0].transport_id)[14] == "8"
    assert got[0].document.number == RegistrationNumber(number="АБ-7", date=date(2026, 3, 2))
    assert got[0].attachments[0].name == "a.pdf"
    with pytest.raises(WireError):
        mapping.envelope_of(message, [], environment="t", sender=A, recipient=B)


@pytest.mark.parametrize("status", list(DocumentStatus))
def test_a_status_comes_back_and_is_never_taken_for_a_document(status: DocumentStatus) -> None:
    answer = StatusAnswer(
        status=status, document=DocumentReference(guid=DOC, number=NUMBER), reason="без приложение"
    )
    letter = mapping.status_letter(answer)
    word = mapping.status_word(opened(letter.subject, letter.text))
    assert word is not None
    assert (word.status, word.document, word.reason) == (status, answer.document, answer.reason)
    document = mapping.document_letter(envelope())
    assert mapping.status_word(opened(document.subject, document.text)) is None


def test_two_blocks_or_broken_ones_say_nothing() -> None:
    text = mapping.document_letter(envelope()).text
    for damaged in (text + text, text.replace('"version": 1', '"version": 2'), "[" * 9000):
        got = mapping.envelope_of(
            opened("Тема", damaged), [], environment="t", sender=A, recipient=B
        )
        assert got.document.guid == mapping.document_guid("t", 17)


def test_a_look_up_proves_absence_only_where_it_was_complete() -> None:
    row = Row(message_id=1, sent_at=AT, subject="x")
    assert mapping.presence(Sought(found=(row,), complete=False)) is Presence.THERE
    assert mapping.presence(Sought(found=(), complete=True)) is Presence.ABSENT
    assert mapping.presence(Sought(found=(), complete=False)) is Presence.UNKNOWN
