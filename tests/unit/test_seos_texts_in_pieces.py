"""Long texts laid out in pieces say the same, to a reader and to a signature."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree

from depesha.adapters import signing
from depesha.adapters.seos import writing
from depesha.errors import StorageError, WireError
from depesha.schemas import xml, xmlstream
from depesha.simulators.authority import Authority, Identity
from tests.support.seos import NOW, A, document, envelope, heading


@pytest.fixture(scope="module")
def identity() -> Identity:
    authority = Authority.create("Example eDoc CA", at=NOW - timedelta(days=1))
    return authority.issue("primer.example", eik=A.identifier, at=NOW - timedelta(days=1))


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


@pytest.mark.parametrize("pieces", [(), ("аб",), ("а<", "&б", "\r\n]]>")])
def test_a_text_given_in_pieces_is_the_same_document(pieces: tuple[str, ...]) -> None:
    whole, laid = etree.Element("{urn:x}a"), etree.Element("{urn:x}a")
    etree.SubElement(whole, "b").text = "".join(pieces) or None
    xmlstream.lay_out(etree.SubElement(laid, "b"), pieces)
    assert xml.serialise(laid) == xml.serialise(whole)
    assert xmlstream.serialise_large(laid) == xml.serialise(whole)


def test_a_request_from_files_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = [bytes(range(256)) * 40, b"x" * 3, b"y" * 7]
    files = [tmp_path / str(number) for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    words = envelope(contents)
    whole = writing.write_request(heading(), words, contents)
    monkeypatch.setattr(writing, "PIECE", 3)
    monkeypatch.setattr(writing, "LARGE", 10)
    assert writing.write_request(heading(), words, files) == whole


def test_a_file_that_is_gone_is_our_fault(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        writing.write_request(heading(), envelope((b"x",)), [tmp_path / "gone"])


def test_a_large_document_is_signed_as_any_other(
    monkeypatch: pytest.MonkeyPatch, identity: Identity
) -> None:
    signer = signing.XmlSigner(identity)
    usual = signer.sign(document((b"x" * 30_000,)), "rsa-sha256")
    monkeypatch.setattr(signing, "NODE", 10_000)
    monkeypatch.setattr(xmlstream, "NODE", 10_000)
    assert signer.sign(document((b"x" * 30_000,)), "rsa-sha256") == usual
