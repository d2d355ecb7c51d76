"""The reader: what it finds out of a body, what it keeps, and what it refuses to keep."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from depesha.adapters.memory.directory import MemoryDirectory
from depesha.adapters.seos import soap
from depesha.adapters.seos.reader import Heard
from depesha.adapters.seos.writing import write_error, write_inquiry, write_status
from depesha.errors import StorageError, WireError
from depesha.schemas.answer import DocumentStatus, ErrorNotice, Inquiry, StatusNotice
from depesha.schemas.envelope import DocumentReference
from depesha.schemas.evidence import sha256
from depesha.schemas.facts import Arrival, ContentFacts
from depesha.schemas.ids import Digest, SerialNumber
from depesha.schemas.policy import Limits
from depesha.schemas.steps import Step
from depesha.schemas.verdict import Hold, Rejection, finding
from tests.support.seos import (
    DOCUMENT,
    MESSAGE,
    NOW,
    NUMBER,
    SERIAL,
    A,
    B,
    Bench,
    document,
    envelope,
    heading,
    participant,
)

CONTENTS = (b"hello", b"%PDF-1.7 fictional" * 10)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def hear(bench: Bench, wire: bytes, serial: SerialNumber | None = None) -> Heard:
    return bench.reader.incoming(soap.wrap_request(wire), NOW, serial)


def arrival(bench: Bench, wire: bytes) -> Arrival:
    heard = hear(bench, wire)
    assert isinstance(heard, Arrival)
    return heard


def test_a_document_becomes_an_arrival_with_everything_kept(bench: Bench) -> None:
    wire = document(CONTENTS)
    heard = hear(bench, wire, SerialNumber("AB"))
    assert isinstance(heard, Arrival)
    assert heard.unreadable is None
    assert (heard.original, heard.original_size) == (sha256(wire), len(wire))
    assert heard.envelope == envelope(CONTENTS)
    assert heard.deviations == ()
    assert heard.transport_serial == "AB"
    assert heard.received_at == NOW
    assert [c.attachment for c in heard.contents] == list(envelope(CONTENTS).attachments)
    assert all(c.kept for c in heard.contents)
    for blob in (heard.original, *(a.digest for a in envelope(CONTENTS).attachments)):
        assert bench.blobs.path(blob) is not None
    assert bench.checkpoint.steps == [Step.ORIGINAL_KEPT]
    assert bench.verifier.asked == [(SERIAL,)]


def test_the_content_digest_is_the_third_identity(bench: Bench) -> None:
    first = arrival(bench, document(CONTENTS)).content_digest
    assert first is not None
    same = arrival(bench, document(CONTENTS, comment="другo")).content_digest
    assert same == first
    for other in (
        document(CONTENTS, subject="Друго"),
        document(CONTENTS[:1]),
        document(CONTENTS, document=DocumentReference(guid=DOCUMENT)),
        document(
            CONTENTS, document=DocumentReference(guid=DOCUMENT, number=replace(NUMBER, number="2"))
        ),
        document(CONTENTS, sender=A).replace(b">000000001<", b">000000009<"),
    ):
        assert arrival(bench, other).content_digest not in {first, None}
    assert arrival(bench, document()).content_digest is None


def test_a_large_body_is_read_from_its_file(bench: Bench, tmp_path: Path) -> None:
    big = bytes(range(256)) * 8_000
    wire = document((big, b"small"))
    spooled = tmp_path / "spool" / "body"
    spooled.write_bytes(soap.wrap_request(wire))
    heard = bench.reader.incoming(spooled, NOW)
    assert isinstance(heard, Arrival)
    assert heard.original == sha256(wire)
    assert [a.digest for a in heard.envelope.attachments] == [  # type: ignore[union-attr]
        sha256(big),
        sha256(b"small"),
    ]
    kept = bench.blobs.path(sha256(big))
    assert kept is not None
    assert kept.read_bytes() == big
    assert [p.name for p in (tmp_path / "spool").iterdir()] == ["body"]


@pytest.mark.parametrize("size", [101, 2_000_000])
def test_past_the_limit_nothing_is_kept(tmp_path: Path, size: int) -> None:
    bench = Bench(tmp_path, limits=Limits(attachment_bytes=100))
    big = b"x" * size
    heard = arrival(bench, document((big, b"y" * 100)))
    assert [(c.kept, c.attachment.size) for c in heard.contents] == [(False, size), (True, 100)]
    assert heard.contents[0].attachment.digest == sha256(big)
    assert bench.blobs.path(sha256(big)) is None
    assert list((tmp_path / "spool").iterdir()) == []


def test_too_many_attachments_are_measured_and_not_kept(tmp_path: Path) -> None:
    bench = Bench(tmp_path, limits=Limits(attachments=1))
    heard = arrival(bench, document(CONTENTS))
    assert heard.envelope == envelope(CONTENTS)
    assert heard.contents == ()
    assert bench.blobs.path(sha256(CONTENTS[0])) is None


def test_of_a_refused_signature_only_the_original_is_kept(bench: Bench) -> None:
    bench.verifier.fault = finding(Rejection.SIGNATURE_INVALID)
    heard = arrival(bench, document(CONTENTS))
    assert heard.signature is not None
    assert heard.signature.finding == finding(Rejection.SIGNATURE_INVALID)
    assert heard.envelope == envelope(CONTENTS)
    assert heard.contents == ()
    assert bench.blobs.path(sha256(CONTENTS[0])) is None
    assert bench.blobs.path(heard.original) is not None


def test_of_a_signature_that_waits_everything_is_kept(bench: Bench) -> None:
    bench.verifier.fault = finding(Hold.REVOCATION_UNKNOWN)
    assert len(arrival(bench, document(CONTENTS)).contents) == 2


def test_an_unknown_sender_cannot_have_the_right_certificate(bench: Bench) -> None:
    wire = document().replace(b"aaaaaaaa-1111", b"aaaaaaaa-9999")
    heard = arrival(bench, wire)
    assert heard.signature is not None
    assert heard.signature.finding == finding(Rejection.CERTIFICATE_OTHER)
    assert bench.verifier.asked == [()]


def test_without_a_register_the_signature_waits(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.reader._directory = MemoryDirectory(clock=bench.clock)
    heard = arrival(bench, document(CONTENTS))
    assert heard.signature is not None
    assert heard.signature.finding == finding(Hold.DIRECTORY_UNAVAILABLE)
    assert len(heard.contents) == 2


def test_line_breaks_in_base64_are_accepted(bench: Bench) -> None:
    wire = document((b"A" * 300,)).replace(b"QUFB", b"QUFB\r\n")
    heard = arrival(bench, wire)
    assert heard.envelope is not None
    assert heard.envelope.attachments[0].digest == sha256(b"A" * 300)


def test_bits_that_mean_nothing_are_a_deviation(bench: Bench) -> None:
    heard = arrival(bench, document((b"A",)).replace(b"QQ==", b"QR=="))
    assert heard.deviations == ("AttBody: the last base64 character has bits that mean nothing",)


@pytest.mark.parametrize("size", [4, 1_500_000])
def test_bad_base64_is_not_the_schema(bench: Bench, tmp_path: Path, size: int) -> None:
    wire = document((b"A" * size,)).replace(b"</AttBody>", b"*</AttBody>")
    heard = arrival(bench, wire)
    assert heard.unreadable == finding(
        Rejection.NOT_THE_SCHEMA, where="an attachment is not in base64"
    )
    assert heard.envelope is None
    assert bench.blobs.path(heard.original) is not None
    assert list((tmp_path / "spool").iterdir()) == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Rejection.NOT_XML),
        (b"nothing", Rejection.NOT_XML),
        (soap.wrap_request(b""), Rejection.NOT_XML),
        (soap.wrap_request(b"<a>"), Rejection.NOT_XML),
        (soap.wrap_request(document(subject="&").replace(b"&amp;", b"&")), Rejection.NOT_XML),
        (soap.wrap_request(b"<a/>"), Rejection.NOT_THE_SCHEMA),
        (soap.wrap_request(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'), Rejection.NOT_XML),
        (soap.wrap_request(document().replace(b"MSG_Doc", b"MSG_Dec")), Rejection.NOT_THE_SCHEMA),
    ],
)
def test_the_unreadable_is_kept_and_told(bench: Bench, body: bytes, reason: Rejection) -> None:
    heard = bench.reader.incoming(body, NOW)
    assert isinstance(heard, Arrival)
    assert heard.unreadable is not None
    assert heard.unreadable.reason is reason
    assert (heard.envelope, heard.signature, heard.contents) == (None, None, ())
    assert bench.blobs.path(heard.original) is not None


def test_a_false_declaration_and_a_mark_do_not_matter(bench: Bench) -> None:
    odd = b"\xef\xbb\xbf" + document(CONTENTS).replace(b'"utf-8"', b'"windows-1251"')
    heard = arrival(bench, odd)
    assert heard.envelope == envelope(CONTENTS)
    assert heard.original == sha256(odd.removeprefix(b"\xef\xbb\xbf"))


def test_schema_deviations_are_told_without_content(bench: Bench) -> None:
    heard = arrival(bench, document(subject="Тайна").replace(b"<Comment>N/A</Comment>", b""))
    assert heard.envelope is not None
    assert len(heard.deviations) == 1
    assert "Тайна" not in str(heard.deviations)


def test_an_inquiry(bench: Bench) -> None:
    heard = hear(bench, write_inquiry(heading(), DocumentReference(guid=DOCUMENT)), SERIAL)
    assert isinstance(heard, Inquiry)
    assert heard.document.guid == DOCUMENT
    assert (heard.sender, heard.recipient, heard.transport_id) == (A, B, MESSAGE)
    assert heard.signature.finding is None
    assert heard.transport_serial == SERIAL


def test_a_status_notice(bench: Bench) -> None:
    reference = DocumentReference(guid=DOCUMENT, number=NUMBER)
    heard = hear(bench, write_status(heading(), reference, DocumentStatus.REGISTERED))
    assert isinstance(heard, StatusNotice)
    assert (heard.document, heard.status) == (reference, DocumentStatus.REGISTERED)


def test_an_error_notice(bench: Bench) -> None:
    heard = hear(bench, write_error(heading(), DOCUMENT, "Неуспешен", "ERR_INTERNAL"))
    assert isinstance(heard, ErrorNotice)
    assert (heard.failed, heard.kind, heard.description) == (DOCUMENT, "ERR_INTERNAL", "Неуспешен")


def test_a_stored_original_reads_the_same_again(bench: Bench) -> None:
    first = arrival(bench, document(CONTENTS))
    path = bench.blobs.path(first.original)
    assert path is not None
    assert bench.reader.read(path, NOW) == first
    into = io.BytesIO()
    bench.reader.extract(path, 2, into)
    assert into.getvalue() == CONTENTS[1]
    for index in (0, 3):
        with pytest.raises(WireError):
            bench.reader.extract(path, index, into)


def test_a_recheck_allows_the_serials_of_before(bench: Bench) -> None:
    first = arrival(bench, document())
    path = bench.blobs.path(first.original)
    assert path is not None
    old = SerialNumber("01D")
    bench.directory._copy[A.guid or DOCUMENT] = participant(earlier_serials=(old,))
    bench.reader.read(path, NOW)
    hear(bench, document())
    assert bench.verifier.asked[1:] == [(SERIAL, old), (SERIAL,)]


def test_a_stored_inquiry_is_no_document(bench: Bench) -> None:
    wire = write_inquiry(heading(), DocumentReference(guid=DOCUMENT))
    digest = bench.blobs.put(wire)
    path = bench.blobs.path(digest)
    assert path is not None
    assert bench.reader.read(path, NOW).unreadable is not None


class Bursting:
    """An inspector with a fault of its own."""

    def inspect(self, *_: object) -> ContentFacts:
        raise RuntimeError("personal data")


def test_a_fault_of_ours_holds_the_message_and_is_told(bench: Bench) -> None:
    bench.reader._enclosures._inspector = Bursting()
    heard = arrival(bench, document(CONTENTS))
    assert heard.unreadable == finding(Hold.CHECK_FAILED_TO_RUN, check="reader")
    assert bench.observer.named("trouble") == [("seos.reader", "RuntimeError")]


def test_a_store_that_fails_is_not_hidden(bench: Bench, tmp_path: Path) -> None:
    def full(source: bytes | Path, *, durable: bool = True) -> Digest:
        raise StorageError("full")

    bench.blobs.put = full  # type: ignore[method-assign] # a disk that is full from now on
    with pytest.raises(StorageError):
        hear(bench, document())
