"""The state of a document as an attachment: what is written is read, anything else is none."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from depesha.adapters.isds import statuswords
from depesha.schemas.answer import DocumentStatus, StatusAnswer
from depesha.schemas.envelope import DocumentReference, RegistrationNumber
from depesha.schemas.ids import Guid

GUID = Guid("11111111-1111-4111-8111-111111111111")


@given(status=st.sampled_from(DocumentStatus), reason=st.text(max_size=60), numbered=st.booleans())
def test_what_is_written_is_read(*, status: DocumentStatus, reason: str, numbered: bool) -> None:
    number = RegistrationNumber(number="MUUK <1> & 2", date=date(2026, 7, 1)) if numbered else None
    answer = StatusAnswer(
        status=status,
        document=DocumentReference(guid=GUID, number=number),
        reason=reason,
        expected_close=date(2026, 8, 1) if numbered else None,
    )
    read = statuswords.read(statuswords.write(answer))
    assert read is not None
    assert (read.document, read.status) == (answer.document, status)
    assert read.expected_close == answer.expected_close


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"%PDF-1.4",
        b"<documentStatus/>",
        b'<x xmlns="urn:depesha:isds:document-status:1"/>',
        b'<documentStatus xmlns="urn:depesha:isds:document-status:1"/>',
        b'<documentStatus xmlns="urn:depesha:isds:document-status:1"><document>x</document>',
        b"<!DOCTYPE a [<!ENTITY b 'urn:depesha:isds:document-status:1'>]><a>&b;</a>",
    ],
)
def test_anything_else_is_no_such_word(content: bytes) -> None:
    assert statuswords.read(content) is None
