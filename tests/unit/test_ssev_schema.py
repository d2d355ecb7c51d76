"""Our WSDL and XSD of SSEV: complete, in wire order, and what we write is valid against them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import zeep
from lxml import etree

from depesha.adapters.ssev import soap_messages
from depesha.adapters.ssev.values import Letter, OutgoingFile
from depesha.schemas import xml
from depesha.schemas.ids import Digest
from depesha.schemas.wire import ssev
from depesha.schemas.xml import Document
from depesha.simulators.ssev_soap_reading import members, operations

XS = "{http://www.w3.org/2001/XMLSchema}"


def test_every_operation_of_the_facts_is_described_and_zeep_reads_it() -> None:
    make: Any = zeep.Client  # zeep's own types cover a part of it only
    client = make(str(ssev.SERVICE_WSDL))
    described = set(client.service._operations)
    assert len(described) == 26
    assert described == set(operations())


@pytest.mark.parametrize("file", ["data-contracts.xsd", "subjects.xsd"])
def test_members_stand_in_alphabetical_order(file: str) -> None:
    for type_ in xml.parse(ssev.FOLDER / file).root.findall(f"{XS}complexType"):
        names = [e.get("name", "") for e in type_.findall(f".//{XS}sequence/{XS}element")]
        if "k__BackingField" in names[0]:
            names = [n for n in names if "Subject" not in n]  # sic: SubjectEGN before Subject
        assert names == sorted(names), type_.get("name")


def test_members_of_the_base_come_first() -> None:
    order = members("DcMessageDetails")
    assert order.index("Title") < order.index("AttachedDocuments") < order.index("MessageText")


def test_our_letter_is_valid_and_in_order(tmp_path: Path) -> None:
    file = OutgoingFile(
        name="писмо.pdf",
        media_type="application/pdf",
        path=tmp_path / "f",
        size=3,
        digest=Digest("0" * 64),
        registration_number="РД-1",
    )
    message, parts = soap_messages.letter(Letter(subject="Тема", text="Текст"), [file])
    envelope = soap_messages.call(
        "SendMessage",
        (
            ("message", message),
            ("receiverType", "Institution"),
            ("receiverUniqueIdentifier", "000000002"),
            ("operatorEGN", None),
        ),
    )
    assert [part.content_id for part in parts] == ["file1@depesha.example"]
    include = next(envelope.iter(f"{{{ssev.XOP}}}Include"))
    content = include.getparent()
    assert content is not None
    content.remove(include)
    content.text = "AAAA"  # what a receiver sees in place of the reference
    body = xml.parse(etree.tostring(soap_messages.body_of(envelope))).root
    assert ssev.schema().deviations(Document(body)) == ()


def test_the_schema_refuses_another_order() -> None:
    wrong = (
        f'<t:GetSentMessageStatus xmlns:t="{ssev.CONTRACT}"><t:operatorEGN/>'
        "<t:messageId>1</t:messageId></t:GetSentMessageStatus>"
    )
    assert ssev.schema().deviations(xml.parse(wrong.encode()))
