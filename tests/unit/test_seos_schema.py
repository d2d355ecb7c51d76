"""The schema says what the facts say: names, order, cardinalities and values, typed here anew."""

from __future__ import annotations

import pytest
from lxml import etree

from depesha.adapters.seos.content import PIECE, Decoder
from depesha.adapters.seos.names import KINDS, STATUSES
from depesha.adapters.seos.writing import write_error, write_inquiry, write_request, write_status
from depesha.errors import WireError
from depesha.schemas import xml
from depesha.schemas.wire.seos import FOLDER, MESSAGING, Form, schema
from tests.support.seos import document, envelope, full_envelope, heading

XSD = "{http://www.w3.org/2001/XMLSchema}"
SIGNATURE = ("ds:Signature", "", "0", "1")

# Facts 3.1 to 3.13: (name, type, minOccurs, maxOccurs), in the order of the wire.
TABLE: dict[str, list[tuple[str, str, str, str]]] = {
    "Message": [("Header", "", "1", "1"), ("Body", "", "1", "1"), SIGNATURE],
    "Header": [
        ("Version", "xsd:string", "1", "1"),
        ("MessageType", "MessageType", "1", "1"),
        ("MessageDate", "xsd:dateTime", "1", "1"),
        ("Sender", "EntityNodeType", "1", "1"),
        ("Recipient", "EntityNodeType", "1", "1"),
        ("MessageGUID", "GUIDType", "1", "1"),
    ],
    "Body": [
        ("DocumentRegistrationRequest", "DocumentRegistrationRequestType", "1", "1"),
        ("DocumentStatusRequest", "DocumentStatusRequestType", "1", "1"),
        ("DocumentStatusResponse", "DocumentStatusResponseType", "1", "1"),
        ("Error", "ErrorMessageType", "1", "1"),
    ],
    "EntityNodeType": [
        ("Identifier", "xsd:string", "1", "1"),
        ("AdministrativeBodyName", "xsd:string", "1", "1"),
        ("GUID", "GUIDType", "1", "1"),
    ],
    "DocumentRegistrationRequestType": [
        ("Document", "DocumentType", "1", "1"),
        ("Comment", "xsd:string", "1", "1"),
    ],
    "DocumentType": [
        ("DocID", "DocumentIdentificationType", "1", "1"),
        ("DocParentID", "DocumentIdentificationType", "0", "1"),
        ("DocKind", "xsd:string", "1", "1"),
        ("DocCorrespondentList", "", "0", "1"),
        ("DocAttachmentList", "", "0", "1"),
        ("DocAbout", "xsd:string", "0", "1"),
        ("DocService", "ServiceItemType", "0", "1"),
        ("DocComment", "xsd:string", "0", "1"),
        ("DocAddData", "AdditionalDataType", "0", "1"),
        ("DocReqDateClose", "xsd:date", "0", "1"),
        ("DocAttentionTo", "xsd:string", "0", "1"),
        SIGNATURE,
    ],
    "DocCorrespondentList": [("Corespondent", "CorrespondentType", "1", "unbounded")],
    "DocAttachmentList": [("Attachment", "AttachmentFileType", "1", "unbounded")],
    "DocumentIdentificationType": [
        ("DocumentNumber", "DocumentNumberType", "1", "1"),
        ("DocumentURI", "seg:DocumentURI", "1", "1"),
        ("DocumentGUID", "GUIDType", "1", "1"),
    ],
    "DocumentNumberType": [
        ("DocNumber", "xsd:string", "1", "1"),
        ("DocDate", "xsd:date", "1", "1"),
    ],
    "CorrespondentType": [
        ("CorName", "xsd:string", "1", "1"),
        ("CorCity", "xsd:string", "1", "1"),
        ("CorAddress", "xsd:string", "0", "1"),
        ("CorEGN", "xsd:string", "0", "1"),
        ("CorIDCard", "xsd:string", "0", "1"),
        ("CorBULSTAT", "xsd:string", "0", "1"),
        ("CorEMail", "xsd:string", "0", "1"),
        ("CorPhone", "xsd:string", "0", "1"),
        ("CorMobilePhone", "xsd:string", "0", "1"),
        ("CorMOL", "xsd:string", "0", "1"),
        ("CorComment", "xsd:string", "0", "1"),
        ("CorKind", "CorrespondentKindType", "0", "1"),
    ],
    "AttachmentFileType": [
        ("AttFileName", "xsd:string", "1", "1"),
        ("AttBody", "xsd:base64Binary", "1", "1"),
        ("AttComment", "xsd:string", "0", "1"),
        ("AttMIMEType", "xsd:string", "1", "1"),
    ],
    "ServiceItemType": [
        ("ServiceName", "xsd:string", "1", "1"),
        ("ServiceType", "xsd:string", "1", "1"),
        ("ServiceCode", "xsd:string", "1", "1"),
    ],
    "DocumentStatusRequestType": [("DocID", "DocumentIdentificationType", "1", "1")],
    "DocumentStatusResponseType": [
        ("DocID", "DocumentIdentificationType", "1", "1"),
        ("DocRegStatus", "DocumentStatusType", "1", "1"),
        ("RejectionReason", "xsd:string", "0", "1"),
        ("DocExpectCloseDate", "xsd:date", "0", "1"),
        ("DocAddData", "AdditionalDataType", "0", "1"),
    ],
    "ErrorMessageType": [
        ("MessageGUID", "GUIDType", "0", "1"),
        ("ErrorType", "ErrorKindType", "1", "1"),
        ("ErrorDescription", "xsd:string", "1", "1"),
    ],
}
VALUES = {
    "MessageType": [
        "MSG_DocumentRegistrationRequest",
        "MSG_DocumentStatusRequest",
        "MSG_DocumentStatusResponse",
        "MSG_Error",
    ],
    "DocumentStatusType": [
        "DS_WAIT_REGISTRATION",
        "DS_REGISTERED",
        "DS_REJECTED",
        "DS_ALREADY_RECEIVED",
        "DS_NOT_FOUND",
        "DS_STOPPED",
        "DS_CLOSED",
    ],
    "ErrorKindType": ["ERR_INTERNAL", "ERR_EXTERNAL"],
    "CorrespondentKindType": ["Corr_Applicant", "Corr_Other"],
}
SEGMENT_TABLE = [
    ("RegisterIndex", "index:RegisterIndex", "0", "1"),
    ("SequenceNumber", "sequence:DocumentSequenceNumber", "0", "1"),
    ("ReceiptOrSigningDate", "day:DocumentReceiptOrSigningDate", "0", "1"),
]


def _inside(owner: etree._Element) -> list[tuple[str, str, str, str]]:
    """The elements of a type, not of the types inside it."""
    found = []
    for element in owner.iter(f"{XSD}element"):
        around = next(a for a in element.iterancestors() if a.tag == f"{XSD}complexType")
        if around is owner:
            name = element.get("name") or element.get("ref") or ""
            occurs = element.get("minOccurs", "1"), element.get("maxOccurs", "1")
            found.append((name, element.get("type", ""), *occurs))
    return found


def _owner(root: etree._Element, name: str) -> etree._Element:
    found = root.find(f"{XSD}complexType[@name='{name}']")
    if found is None:
        found = root.find(f".//{XSD}element[@name='{name}']/{XSD}complexType")
    assert found is not None, name
    return found


@pytest.mark.parametrize("name", TABLE)
def test_elements_stand_in_the_order_of_the_facts(name: str) -> None:
    root = xml.parse(FOLDER / "messaging.xsd").root
    assert root.get("targetNamespace") == MESSAGING
    assert root.get("elementFormDefault") == "qualified"
    assert _inside(_owner(root, name)) == TABLE[name]


@pytest.mark.parametrize("name", VALUES)
def test_lists_hold_the_values_of_the_facts(name: str) -> None:
    root = xml.parse(FOLDER / "messaging.xsd").root
    found = root.findall(f"{XSD}simpleType[@name='{name}']/{XSD}restriction/{XSD}enumeration")
    assert [value.get("value") for value in found] == VALUES[name]


def test_our_tables_know_the_same_words() -> None:
    assert sorted(STATUSES) == sorted(VALUES["DocumentStatusType"])
    assert [kind.message_type for kind in KINDS.values()] == VALUES["MessageType"]


def test_the_segment_and_its_values() -> None:
    segment = xml.parse(FOLDER / "segment-0009-000001.xsd").root
    assert segment.get("targetNamespace") == "http://ereg.egov.bg/segment/0009-000001"
    assert _inside(_owner(segment, "DocumentURI")) == SEGMENT_TABLE
    for number, base in (
        ("1", "xsd:integer"),
        ("2", "batch:BatchNumber"),
        ("3", "xsd:integer"),
        ("4", "xsd:date"),
    ):
        root = xml.parse(FOLDER / f"value-0008-00000{number}.xsd").root
        assert root.get("targetNamespace") == f"http://ereg.egov.bg/value/0008-00000{number}"
        assert root.get("elementFormDefault") == "qualified"
        assert root.find(f"{XSD}element") is None
        restriction = root.find(f"{XSD}simpleType/{XSD}restriction")
        assert restriction is not None
        assert restriction.get("base") == base


CONTENTS = (b"hello", b"")
WRITTEN = {
    "bare request": document(),
    "full request": write_request(heading(), full_envelope(CONTENTS), CONTENTS),
    "inquiry": write_inquiry(heading(), envelope().document),
    "error": write_error(heading(), None, "Неуспешен"),
} | {
    word: write_status(heading(), envelope().document, status, reason="защото")
    for word, status in STATUSES.items()
}


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("name", WRITTEN)
def test_all_we_write_is_valid_in_both_forms(form: Form, name: str) -> None:
    assert schema(form).deviations(xml.parse(WRITTEN[name])) == ()


BASE64 = {
    "plain": "QUJD",
    "empty": "",
    "blank": "  \n ",
    "one padding": "QUI=",
    "two paddings": "QQ==",
    "line breaks": "QUJD\nREVG\r\n",
    "blank inside a quantum": "QU JD",
    "no padding": "QQ",
    "one letter": "Q",
    "too much padding": "QQ===",
    "padding in the middle": "QQ==QUJD",
    "padding first": "====",
    "a foreign sign": "QU-D",
    "a foreign letter": "QUЯD",
    "an underscore": "QU_D",
    "bits that mean nothing": "QR==",
    "bits that mean nothing, one padding": "QUJ=",
    "split padding": "QQ= =",
}
LAXER = {
    "a no-break space": "QU\u00a0JD",
    "a hyphen": "QU-JD",
    "a letter": "QUЯJD",
    "four hyphens": "QU----JD",
}
"""libxml2 skips foreign signs, which XML Schema part 2 (3.2.16) does not allow; nor do we."""


@pytest.mark.parametrize("name", BASE64)
def test_the_decoder_judges_base64_as_the_official_schema_does(name: str) -> None:
    """Libraries trap 6: the hot form leaves AttBody to the decoder, with the same verdict."""
    tree = xml.parse(document((b"ABC",)))
    body = next(tree.root.iter(f"{{{MESSAGING}}}AttBody"))
    body.text = BASE64[name]
    official = not schema(Form.OFFICIAL).deviations(tree)
    assert not schema(Form.HOT).deviations(tree)
    for padded in ("", "QUJD" * 300_000):
        body.text = padded + BASE64[name]
        decoder = Decoder(body)
        try:
            content = decoder.whole() if decoder.small else b"".join(decoder.pieces())
        except WireError:
            assert not official
        else:
            assert official is decoder.canonical
            assert content.startswith(b"ABC" * 300_000 if padded else b"")


@pytest.mark.parametrize("name", LAXER)
def test_the_decoder_refuses_the_foreign_signs_libxml2_skips(name: str) -> None:
    tree = xml.parse(document((b"ABC",)))
    body = next(tree.root.iter(f"{{{MESSAGING}}}AttBody"))
    body.text = LAXER[name]
    assert not schema(Form.OFFICIAL).deviations(tree)
    with pytest.raises(WireError):
        Decoder(body).whole()


def test_padding_may_not_stand_at_the_end_of_a_piece() -> None:
    body = etree.Element("AttBody")
    body.text = "QUJD" * (PIECE // 4 - 1) + "QQ==" + "QUJD"
    with pytest.raises(WireError):
        list(Decoder(body).pieces())
    body.text = body.text[:-4] + " \n" * 10
    assert len(b"".join(Decoder(body).pieces())) == PIECE // 4 * 3 - 2


def test_the_schema_finds_a_missing_and_a_misplaced_element() -> None:
    bad = document().replace(b"<DocKind>", b"<DocKin>").replace(b"</DocKind>", b"</DocKin>")
    assert schema(Form.HOT).deviations(xml.parse(bad))
    both = document((b"x",)).replace(b"<Comment>N/A</Comment>", b"")
    assert schema(Form.HOT).deviations(xml.parse(both))


def test_segment_children_belong_to_the_segment() -> None:
    """Facts 3.8: in the messaging namespace they are wrong."""
    uri = b"<DocumentURI><RegisterIndex>12</RegisterIndex></DocumentURI><DocumentGUID>"
    wrong = document(document=envelope().parent or envelope().document)
    wrong = wrong.replace(
        wrong[wrong.index(b"<DocumentNumber>") : wrong.index(b"<DocumentGUID>")], b""
    )
    wrong = wrong.replace(b"<DocumentGUID>", uri, 1)
    assert schema(Form.HOT).deviations(xml.parse(wrong))
    right = wrong.replace(
        b"<RegisterIndex>12</RegisterIndex>",
        b'<RegisterIndex xmlns="http://ereg.egov.bg/segment/0009-000001">12</RegisterIndex>',
    )
    assert schema(Form.HOT).deviations(xml.parse(right)) == ()
