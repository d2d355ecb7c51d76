"""Long texts laid out in pieces say the same, to a reader and to a signature."""

from __future__ import annotations

import pytest
from lxml import etree

from depesha.errors import WireError
from depesha.schemas import xml, xmlstream


@pytest.mark.parametrize("length", [0, 5, 9_999, 10_000, 10_001, 30_000, 30_007])
def test_a_divided_text_says_the_same(monkeypatch: pytest.MonkeyPatch, length: int) -> None:
    monkeypatch.setattr(xmlstream, "NODE", 10_000)
    text = ("Аб<&>\r\n" * 5_000)[:length]
    root = etree.Element("{urn:x}a")
    etree.SubElement(root, "b").text = text
    before = etree.tostring(root, method="c14n")
    xmlstream.divide(root[0])
    assert etree.tostring(root, method="c14n") == before
    found = xmlstream.texts(root[0])
    assert "".join(found) == text
    assert len(found) == max(1, -(-length // 10_000))
    assert xml.text(root[0]) == text


def test_an_element_that_holds_elements_is_left_alone() -> None:
    root = etree.Element("a")
    etree.SubElement(root, "b")
    xmlstream.divide(root)
    with pytest.raises(WireError):
        xmlstream.texts(root)
