"""Wire to words and back: every message, every status, every leniency of facts 13."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import get_args

import pytest

from depesha.adapters.seos.dates import read_date, read_moment, write_moment
from depesha.adapters.seos.mapping import SOFIA, Mapper
from depesha.adapters.seos.names import LOCAL_STATUSES, STATUSES
from depesha.adapters.seos.writing import (
    ErrorKind,
    Heading,
    write_error,
    write_inquiry,
    write_request,
    write_status,
)
from depesha.errors import WireError
from depesha.schemas import xml
from depesha.schemas.answer import DocumentStatus
from depesha.schemas.envelope import DocumentReference, Envelope, Party, RegistrationNumber
from depesha.schemas.ids import Guid
from tests.support.seos import (
    DOCUMENT,
    MESSAGE,
    NUMBER,
    A,
    B,
    attachment,
    document,
    envelope,
    full_envelope,
    heading,
)

CONTENTS = (b"hello", b"\x00\x01\x02" * 400)


def mapper(wire: bytes) -> Mapper:
    return Mapper(xml.parse(wire).root)


def read(wire: bytes, contents: tuple[bytes, ...] = ()) -> tuple[Envelope, list[str]]:
    m = mapper(wire)
    parts = m.attachments()
    assert len(parts) == len(contents)
    made = tuple(
        attachment(p.index, p.name, c, p.media_type) for p, c in zip(parts, contents, strict=True)
    )
    return m.envelope(m.header(), made), m.deviations


def test_a_full_request_comes_back_as_it_was() -> None:
    given = full_envelope(CONTENTS)
    found, deviations = read(write_request(heading(), given, CONTENTS), CONTENTS)
    assert found == given
    assert deviations == []


def test_a_bare_request_comes_back_with_its_fillers() -> None:
    given = envelope(kind="", comment="", subject="")
    found, _ = read(write_request(heading(), given, ()))
    assert (found.kind, found.comment, found.subject) == ("Писмо", "N/A", "")


@pytest.mark.parametrize("word", STATUSES)
def test_every_status_in_both_directions(word: str) -> None:
    reference = DocumentReference(guid=DOCUMENT, number=NUMBER)
    wire = write_status(
        heading(B, A),
        reference,
        STATUSES[word],
        reason="Не е от компетентността ни",
        expected_close=date(2026, 3, 16),
    )
    m = mapper(wire)
    assert m.header().kind == "status"
    assert (m.header().sender, m.header().recipient) == (B, A)
    found = m.status()
    assert found.document == reference
    assert found.status is STATUSES[word]
    assert (found.local_status, found.reason) == ("", "Не е от компетентността ни")
    assert found.expected_close == date(2026, 3, 16)
    assert f"<DocRegStatus>{word}<".encode() in wire


@pytest.mark.parametrize("word", sorted(LOCAL_STATUSES))
def test_a_peers_local_status_is_kept_aside(word: str) -> None:
    wire = write_status(heading(), DocumentReference(guid=DOCUMENT), DocumentStatus.REGISTERED)
    found = mapper(wire.replace(b"DS_REGISTERED", word.encode())).status()
    assert (found.status, found.local_status) == (DocumentStatus.WAITING, word)


def test_an_invented_status_cannot_be_read() -> None:
    wire = write_status(heading(), DocumentReference(guid=DOCUMENT), DocumentStatus.REGISTERED)
    with pytest.raises(WireError):
        mapper(wire.replace(b"DS_REGISTERED", b"DS_LOST")).status()


@pytest.mark.parametrize("kind", get_args(ErrorKind))
@pytest.mark.parametrize("failed", [MESSAGE, None])
def test_both_kinds_of_error(kind: ErrorKind, failed: Guid | None) -> None:
    m = mapper(write_error(heading(B, A), failed, " Неуспешен – <грешка> & още", kind))
    assert m.header().kind == "error"
    found = m.error()
    assert (found.failed, found.kind) == (failed, kind)
    assert found.description == "Неуспешен – <грешка> & още"


def test_an_empty_reference_in_an_error_is_none() -> None:
    wire = write_error(heading(B, A), MESSAGE, "x")
    m = mapper(
        wire.replace(b"<Error><MessageGUID>{" + MESSAGE.encode() + b"}", b"<Error><MessageGUID>")
    )
    assert m.error().failed is None
    broken = mapper(wire.replace(b"<Error><MessageGUID>{", b"<Error><MessageGUID>{x"))
    assert broken.error().failed is None
    assert broken.deviations == ["Error/MessageGUID: cannot be read"]


def test_an_inquiry_in_both_directions() -> None:
    m = mapper(write_inquiry(heading(), DocumentReference(guid=DOCUMENT, number=NUMBER)))
    assert m.header().kind == "inquiry"
    assert m.inquiry() == DocumentReference(guid=DOCUMENT, number=NUMBER)


def test_the_wire_form_is_strict() -> None:
    wire = write_request(heading(), full_envelope(CONTENTS), CONTENTS)
    assert wire.startswith(b'<?xml version="1.0" encoding="utf-8"?><Message xmlns="http://schemas')
    assert b"><" in wire
    assert all(not piece.isspace() for piece in wire.replace(b">", b"<").split(b"<") if piece)
    assert b"<Version>1.0</Version>" in wire
    assert b"<MessageDate>2026-03-02T10:15:30.1234560+02:00</MessageDate>" in wire
    assert b"<MessageGUID>{11111111-aaaa-4aaa-8aaa-000000000001}</MessageGUID>" in wire
    assert b"<GUID>{aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa}</GUID>" in wire
    order = [wire.index(tag) for tag in (b"<AttFileName", b"<AttBody", b"<AttMIMEType")]
    assert order == sorted(order)


def test_summer_has_its_own_offset() -> None:
    summer = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert write_moment(summer, SOFIA) == "2026-07-01T15:00:00.0000000+03:00"


def test_a_reason_is_cut_to_what_peers_take() -> None:
    wire = write_status(
        heading(),
        DocumentReference(guid=DOCUMENT),
        DocumentStatus.REJECTED,
        reason="причина " * 100,
    )
    assert len(mapper(wire).status().reason) <= 450


def test_a_text_that_xml_cannot_carry_is_our_own_error() -> None:
    with pytest.raises(WireError):
        write_error(heading(), None, "a\x00b")


def test_a_party_without_guid_cannot_be_written() -> None:
    nobody = Party(identifier="1", name="x")
    with pytest.raises(WireError):
        write_inquiry(
            Heading(
                transport_id=MESSAGE,
                created_at=datetime(2026, 1, 1, tzinfo=UTC),
                sender=nobody,
                recipient=A,
            ),
            DocumentReference(guid=DOCUMENT),
        )


# --- leniencies -----------------------------------------------------------------------------


def changed(old: bytes, new: bytes, wire: bytes | None = None) -> bytes:
    wire = document() if wire is None else wire
    assert old in wire
    return wire.replace(old, new)


def test_q9_guids_of_any_case_with_or_without_braces() -> None:
    wire = changed(b"{" + DOCUMENT.encode() + b"}", DOCUMENT.upper().encode())
    assert read(wire)[0].document.guid == DOCUMENT


@pytest.mark.parametrize("version", [b"1", b"188", b"", b"two"])
def test_q10_the_version_is_not_looked_at(version: bytes) -> None:
    assert read(changed(b"<Version>1.0<", b"<Version>" + version + b"<"))[1] == []


def test_q12_a_parent_that_repeats_the_document_is_none() -> None:
    own = document(parent=DocumentReference(guid=DOCUMENT, number=NUMBER))
    assert read(own)[0].parent is None


def test_an_unreadable_parent_is_none_and_noted() -> None:
    parent = DocumentReference(guid=Guid("eeeeeeee-5555-4555-8555-eeeeeeeeeeee"))
    wire = changed(b"{eeeeeeee-", b"{zzzzzzzz-", document(parent=parent))
    assert read(wire)[1] == ["DocParentID: cannot be read"]


def test_q14_a_number_is_opaque() -> None:
    odd = RegistrationNumber(number="97-0056 (рег. № 12/3)", date=date(2026, 3, 2))
    wire = document(document=DocumentReference(guid=DOCUMENT, number=odd))
    assert read(wire)[0].document.number == odd


def test_q15_an_empty_number_is_none() -> None:
    wire = changed("<DocNumber>РД-12-34<".encode(), b"<DocNumber><")
    assert read(wire)[0].document.number is None


URI = (
    '<DocumentURI xmlns:s="http://ereg.egov.bg/segment/0009-000001">'
    "<s:RegisterIndex>12</s:RegisterIndex><s:SequenceNumber>345</s:SequenceNumber>"
    "<s:ReceiptOrSigningDate>2026-03-02</s:ReceiptOrSigningDate></DocumentURI>"
)


def _with_uri(uri: str) -> bytes:
    wire = document(document=DocumentReference(guid=DOCUMENT))
    return changed(b"<DocID>", b"<DocID>" + uri.encode(), wire)


def test_a_uri_is_shown_as_index_and_sequence() -> None:
    number = RegistrationNumber(number="12-345", date=date(2026, 3, 2))
    assert read(_with_uri(URI))[0].document.number == number
    q16 = URI.replace("<s:", "<").replace("</s:", "</")
    assert read(_with_uri(q16))[0].document.number == number


def test_a_uri_without_a_day_is_left_out_and_noted() -> None:
    bare = URI[: URI.index("<s:Receipt")] + "</DocumentURI>"
    found, deviations = read(_with_uri(bare))
    assert found.document.number is None
    assert deviations == ["DocumentURI: has no day and was left out"]
    assert read(_with_uri("<DocumentURI/>"))[0].document.number is None


def test_q17_several_lists_are_merged() -> None:
    two = document(CONTENTS)
    split = changed(
        b"</Attachment><Attachment>",
        b"</Attachment></DocAttachmentList><DocAttachmentList><Attachment>",
        two,
    )
    assert [p.index for p in mapper(split).attachments()] == [1, 2]
    assert read(split, CONTENTS)[0] == read(two, CONTENTS)[0]


def test_q20_empty_lists_are_nothing() -> None:
    wire = changed(b"<DocAbout>", b"<DocCorrespondentList/><DocAttachmentList/><DocAbout>")
    found, _ = read(wire)
    assert (found.correspondents, found.attachments) == ((), ())


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-02T10:15:30.1234567+02:00", "2026-03-02T08:15:30.123456+00:00"),
        ("2026-03-02T10:15:30.123+02:00", "2026-03-02T08:15:30.123000+00:00"),
        ("2026-07-02T10:15:30+03:00", "2026-07-02T07:15:30+00:00"),
        ("2026-03-02T10:15:30Z", "2026-03-02T10:15:30+00:00"),
        ("  2026-03-02T10:15:30-01:30 ", "2026-03-02T11:45:30+00:00"),
    ],
)
def test_moments_with_any_fraction_and_offset(text: str, moment: str) -> None:
    assert read_moment(text) == datetime.fromisoformat(moment)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-03-02",
        "2026-02-30T10:00:00Z",
        "2026-03-02T25:00:00Z",
        "yesterday",
        "٢٠٢٦-03-02T10:15:30Z",
        "2026-03-02T10:15:30+99:00",
        "0000-01-01T00:00:00Z",
    ],
)
def test_other_moments_cannot_be_read(text: str) -> None:
    with pytest.raises(WireError):
        read_moment(text)


@pytest.mark.parametrize(
    "text", ["2026-03-02", "2026-03-02Z", "2026-03-02+02:00", "2026-03-02T00:00:00.0000000+02:00"]
)
def test_days_with_a_zone_or_a_time(text: str) -> None:
    assert read_date(text) == date(2026, 3, 2)


@pytest.mark.parametrize("text", ["", "02.03.2026", "2026-13-01", "2026-3-2"])
def test_other_days_cannot_be_read(text: str) -> None:
    with pytest.raises(WireError):
        read_date(text)


def test_q34_a_moment_without_offset_is_taken_as_sofias() -> None:
    wire = changed(b"10:15:30.1234560+02:00", b"10:15:30.1234560")
    found, deviations = read(wire)
    assert found.created_at.utcoffset() == timedelta(hours=2)
    assert deviations == ["MessageDate: has no offset; taken as the time of Sofia"]


def test_an_unreadable_deadline_is_left_out_and_noted() -> None:
    wire = changed(b"2026-03-16", b"soon", document(deadline=date(2026, 3, 16)))
    found, deviations = read(wire)
    assert found.deadline is None
    assert deviations == ["DocReqDateClose: cannot be read"]


def test_open_content_is_kept_whole_and_sent_again() -> None:
    data = b'<DocAddData xmlns:x="urn:x" a="1">text<x:y>&amp;</x:y>tail</DocAddData>'
    wire = changed(b"<DocAbout>", b"<DocAbout>", document(deadline=date(2026, 3, 16)))
    wire = changed(b"<DocReqDateClose>", data + b"<DocReqDateClose>", wire)
    found, _ = read(wire)
    again = write_request(heading(), found, ())
    assert read(again)[0] == found
    assert b"<x:y>&amp;</x:y>tail" in again


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<MessageType>MSG_DocumentRegistrationRequest<", b"<MessageType>MSG_Error<"),
        (b"<MessageType>MSG_DocumentRegistrationRequest<", b"<MessageType>MSG_Other<"),
        (b"<DocumentGUID>{dddddddd", b"<DocumentGUID>{"),
        (b"<MessageGUID>{11111111", b"<MessageGUID>{"),
        (b"<MessageDate>2026", b"<MessageDate>year"),
        (b"<DocDate>2026-03-02", b"<DocDate>2026-33-02"),
        (b"http://schemas.egov.bg/messaging/v1", b"http://schemas.egov.bg/messaging/v1/"),
        (b"<Body>", b"<Body><Error/>"),
        (b"DocumentRegistrationRequest>", b"DocumentRegistration>"),
        (b"<DocID>", b"<DocId>"),
        (b"<Identifier>000000001<", b"<Identifier><x/>000000001<"),
    ],
)
def test_what_is_needed_and_cannot_be_read_is_refused(old: bytes, new: bytes) -> None:
    wire = changed(old, new)
    if old == b"<DocID>":
        wire = wire.replace(b"</DocID>", b"</DocId>")
    with pytest.raises(WireError):
        read(wire)
