"""The simulators' own SEOS messages: order, layouts, signatures, lenient reading."""

from __future__ import annotations

import subprocess
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from lxml import etree

from depesha.errors import PeerError, WireError
from depesha.schemas.envelope import Correspondent, Party, RegistrationNumber, Service
from depesha.schemas.ids import Guid
from depesha.schemas.wire.seos import FOLDER
from depesha.simulators.authority import Authority, Identity
from depesha.simulators.seos_documents import (
    DSIG,
    MESSAGING,
    SEGMENT,
    AddedData,
    Body,
    DocumentId,
    Enclosure,
    Failure,
    Header,
    RegistrationRequest,
    StatusRequest,
    StatusResponse,
    Uri,
)
from depesha.simulators.seos_reading import read
from depesha.simulators.seos_signing import ALGORITHMS, Hand, judge, sign, undeclared
from depesha.simulators.seos_soap import (
    unwrap_answer,
    unwrap_request,
    wrap_answer,
    wrap_fault,
    wrap_request,
)
from depesha.simulators.seos_writing import Spelling, build, timestamp

AT = datetime(2026, 3, 2, 10, 15, 30, 123456, tzinfo=timezone(timedelta(hours=2)))
A = Party(
    identifier="000000001", name="Община Пример", guid=Guid("aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa")
)
B = Party(
    identifier="0000000020001",
    name="Агенция Образец",
    guid=Guid("bbbbbbbb-2222-4222-8222-bbbbbbbbbbbb"),
)
HEADER = Header(
    message_guid=Guid("11111111-aaaa-4aaa-8aaa-000000000001"),
    created_at=AT,
    sender=A,
    recipient=B,
)
DOCUMENT = DocumentId(
    guid=Guid("dddddddd-4444-4444-8444-dddddddddddd"),
    number=RegistrationNumber(number="РД-12-34", date=date(2026, 3, 2)),
)
FULL = RegistrationRequest(
    document=DOCUMENT,
    parent=DocumentId(
        guid=Guid("eeeeeeee-5555-4555-8555-eeeeeeeeeeee"),
        uri=Uri(register_index=12, sequence_number=345, day=date(2026, 2, 1)),
    ),
    correspondents=(
        Correspondent(
            name="Измислена Личност",
            city="Непосочен",
            address="ул. Пример 1",
            personal_number="0000000000",
            identity_card="000000000",
            eik="0000000020001",
            email="delo@obrazets.example",
            phone="02 000 000",
            mobile_phone="088 000 000",
            responsible="Н. Н.",
            comment="бележка",
            applicant=True,
        ),
    ),
    enclosures=(
        Enclosure(
            name="pismo.pdf",
            content=b"%PDF-1.4 \x00\xff",
            media_type="application/pdf",
            comment="основен документ",
        ),
        Enclosure(name="a & <b>.txt", content="текст".encode(), media_type="text/plain"),
    ),
    subject="Искане за данни & още",
    service=Service(name="Справка", kind="Нормална", code="1234"),
    document_comment="към документа",
    added=AddedData(text="свободно", fields=(("Поле", "стойност"),)),
    deadline=date(2026, 3, 16),
    attention_to="отдел „Регистри“",
)
BODIES: tuple[Body, ...] = (
    FULL,
    StatusRequest(document=DOCUMENT),
    StatusResponse(
        document=DOCUMENT, status="DS_REJECTED", reason="не", expected_close=date(2026, 4, 1)
    ),
    Failure(description="Неуспешен", failed=HEADER.message_guid),
)


@pytest.fixture(scope="module")
def identity() -> Identity:
    authority = Authority.create("Пробен издател", at=datetime.now(UTC))
    return authority.issue("primer.example", eik="000000001", at=datetime.now(UTC))


@pytest.mark.parametrize("body", BODIES, ids=lambda b: type(b).__name__)
@pytest.mark.parametrize(
    "spelling",
    [Spelling(), Spelling(prefixes=True, upper_guids=True), Spelling(pretty=True)],
    ids=["dotnet", "php", "pretty"],
)
def test_what_is_written_is_read_back_the_same(body: Body, spelling: Spelling) -> None:
    heard = read(etree.tostring(build(HEADER, body, spelling), encoding="unicode"))
    assert heard.header == HEADER
    if spelling.pretty and isinstance(heard.body, RegistrationRequest):
        assert heard.body.enclosures == FULL.enclosures  # indentation enters only open content
    else:
        assert heard.body == body


def test_elements_stand_in_the_order_of_the_schema() -> None:
    root = build(HEADER, FULL)
    assert [etree.QName(e).localname for e in root] == ["Header", "Body"]
    document = root.find(".//{*}Document")
    assert document is not None
    assert [etree.QName(e).localname for e in document] == [
        "DocID",
        "DocParentID",
        "DocKind",
        "DocCorrespondentList",
        "DocAttachmentList",
        "DocAbout",
        "DocService",
        "DocComment",
        "DocAddData",
        "DocReqDateClose",
        "DocAttentionTo",
    ]
    attachment = document.find(".//{*}Attachment")
    assert attachment is not None
    assert [etree.QName(e).localname for e in attachment] == [
        "AttFileName",
        "AttBody",
        "AttComment",
        "AttMIMEType",
    ]


def test_the_parts_of_a_uri_are_in_the_segment_namespace() -> None:
    uri = build(HEADER, FULL).find(f".//{{{MESSAGING}}}DocumentURI")
    assert uri is not None
    assert [etree.QName(e).namespace for e in uri] == [SEGMENT] * 3


def test_the_date_has_seven_digits_and_an_offset() -> None:
    assert timestamp(AT) == "2026-03-02T10:15:30.1234560+02:00"


def _xmlsec1(text: str, identity: Identity, folder: Path) -> bool:
    certificate, document = folder / "c.pem", folder / "d.xml"
    certificate.write_bytes(identity.certificate_pem)
    document.write_bytes(undeclared(text))
    done = subprocess.run(
        ["xmlsec1", "--verify", "--pubkey-cert-pem", str(certificate), str(document)],
        capture_output=True,
        check=False,
        timeout=30,
    )
    return done.returncode == 0


HANDS = {
    **{name: (Hand(algorithm=name), Spelling()) for name in ALGORITHMS},
    "reference node": (Hand(certificates=2), Spelling()),
    "php": (Hand(prefix="ns3"), Spelling(prefixes=True, upper_guids=True)),
    "pretty, wrapped, marked": (
        Hand(wrapped_value=True, bom=True, declared_encoding="windows-1251"),
        Spelling(pretty=True, attachment_line=76),
    ),
}


@pytest.mark.parametrize("name", HANDS)
def test_debians_xmlsec1_verifies_what_we_sign(
    name: str, identity: Identity, tmp_path: Path
) -> None:
    hand, spelling = HANDS[name]
    text = sign(build(HEADER, FULL, spelling), identity, hand)
    assert _xmlsec1(text, identity, tmp_path)
    judgement = judge(text)
    assert judgement.valid
    assert judgement.algorithm == hand.algorithm
    assert judgement.serial == identity.serial


def test_a_broken_signature_is_broken_for_both(identity: Identity, tmp_path: Path) -> None:
    text = sign(build(HEADER, FULL), identity, Hand(broken=True))
    assert not _xmlsec1(text, identity, tmp_path)
    assert not judge(text).valid


def test_the_reference_layout_is_the_one_of_the_published_messages(identity: Identity) -> None:
    root = build(HEADER, FULL)
    text = sign(root, identity, Hand(certificates=2))
    assert text.startswith('<?xml version="1.0" encoding="utf-8"?><Message ')
    assert "\n" not in text
    signature = root[-1]
    assert signature.nsmap[None] == DSIG
    assert [etree.QName(e).localname for e in signature] == [
        "SignedInfo",
        "SignatureValue",
        "KeyInfo",
    ]
    data = signature.find(f"{{{DSIG}}}KeyInfo/{{{DSIG}}}X509Data")
    assert data is not None
    assert [etree.QName(e).localname for e in data] == [
        "X509IssuerSerial",
        "X509Certificate",
        "X509Certificate",
    ]
    assert signature.findtext(f".//{{{DSIG}}}X509SerialNumber") == str(
        identity.certificate.serial_number
    )
    assert len(signature.findtext(f"{{{DSIG}}}SignatureValue") or "") == 344
    assert len(signature.findtext(f".//{{{DSIG}}}DigestValue") or "") == 28


def test_a_message_without_a_signature_is_not_valid() -> None:
    assert not judge(etree.tostring(build(HEADER, FULL), encoding="unicode")).valid


def test_an_unknown_algorithm_is_refused(identity: Identity) -> None:
    with pytest.raises(WireError):
        sign(build(HEADER, FULL), identity, Hand(algorithm="hmac-sha1"))


@pytest.mark.parametrize("text", ["", "просто", "\ufeff<a>&amp;]]&gt;</a>", "два\nреда"])
def test_the_string_survives_the_envelope(text: str) -> None:
    assert unwrap_request(wrap_request(text)) == text
    assert unwrap_request(wrap_request(text, cdata=True)) == text
    assert unwrap_answer(wrap_answer(text)) == text


def test_an_absent_string_is_told_from_an_empty_one() -> None:
    assert unwrap_request(wrap_request(None)) is None
    assert unwrap_answer(wrap_answer(None)) is None
    nil = wrap_answer("").replace(
        b"<SubmitResult></SubmitResult>",
        b'<SubmitResult xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>',
    )
    assert b"i:nil" in nil
    assert unwrap_answer(nil) is None


def test_a_fault_is_the_peers_error() -> None:
    with pytest.raises(PeerError):
        unwrap_answer(wrap_fault("не става"))


@pytest.mark.parametrize(
    "change",
    [
        ("<DocRegStatus>DS_REJECTED", "<DocRegStatus>DS_SENT"),
        ("2026-04-01", "вчера"),
        ("{dddddddd", "dddd"),
        ("DocID>", "DocIdentity>"),
    ],
)
def test_what_is_not_of_the_classes_is_an_error(change: tuple[str, str]) -> None:
    text = etree.tostring(build(HEADER, BODIES[2]), encoding="unicode").replace(*change)
    with pytest.raises(WireError):
        read(text)


@pytest.mark.parametrize("body", BODIES, ids=lambda b: type(b).__name__)
@pytest.mark.parametrize("php", [False, True])
def test_every_signed_document_is_valid_by_the_schema(
    body: Body, identity: Identity, *, php: bool
) -> None:
    text = sign(
        build(HEADER, body, Spelling(prefixes=php, upper_guids=php)),
        identity,
        Hand(prefix="ns3" if php else "", certificates=2),
    )
    schema = etree.XMLSchema(etree.parse(str(FOLDER / "messaging.xsd")))
    schema.assertValid(etree.fromstring(undeclared(text)))
