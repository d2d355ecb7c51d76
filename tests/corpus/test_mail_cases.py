"""No nasty mail crashes the reader, passes its caps, or is believed where it lies."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from depesha.errors import WireError
from tests.corpus.mails.cases import CASES, Case
from tests.support.mail import NOW, read, reader, signed

FAMILIES = re.findall(r"`([a-z]+)`", (Path(__file__).parent / "mails/README.md").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_nasty_mail_is_read_for_what_it_is(case: Case) -> None:
    if case.refused:
        with pytest.raises(WireError):
            read(case.raw)
    else:
        assert case.holds(read(case.raw)), read(case.raw)


def test_every_family_of_the_page_has_its_cases() -> None:
    names = {case.name.partition("-")[0] for case in CASES}
    assert {family for family in FAMILIES if family != "cases"} <= names


@given(st.data())
def test_damaged_mails_raise_nothing_but_wire_errors(data: st.DataObject) -> None:
    raw = bytearray(signed())
    for place in data.draw(st.lists(st.integers(0, len(raw) - 1), min_size=1, max_size=8)):
        raw[place] = data.draw(st.integers(0, 255))
    whole = bytes(raw[: data.draw(st.integers(0, len(raw)))])
    try:
        mail = reader().read(whole, NOW)
    except WireError:
        return
    if mail.signature is not None and mail.signature.finding is None:
        assert mail.machine is not None, "what a good signature covers is whole"


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        read(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + raw)
    except WireError:
        return
