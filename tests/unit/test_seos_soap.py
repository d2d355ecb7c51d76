"""The SOAP layer: every way a string may come, in memory and from a file, the same both ways."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from depesha.adapters.seos import soap
from depesha.errors import PeerError, StorageError, WireError
from depesha.schemas.wire.seos import SERVICE

Unwrap = Callable[[bytes], bytes]
TEXT = '<?xml version="1.0" encoding="windows-1251"?><a b="1">Община &amp; още</a>'


def call(inner: str, *, prefix: str = "s", wrapper: str = "Submit") -> bytes:
    return (
        f'<{prefix}:Envelope xmlns:{prefix}="http://schemas.xmlsoap.org/soap/envelope/">'
        f"<{prefix}:Header/><{prefix}:Body>"
        f'<{wrapper} xmlns="{SERVICE}" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">'
        f"{inner}</{wrapper}></{prefix}:Body></{prefix}:Envelope>"
    ).encode()


def escaped(text: str) -> str:
    return soap.escape(text.encode()).decode()


@pytest.fixture(params=["memory", "file"])
def unwrap(request: pytest.FixtureRequest, tmp_path: Path) -> Unwrap:
    def in_memory(body: bytes) -> bytes:
        found = soap.unwrap_request(body, Path)
        assert isinstance(found, bytes)
        return found

    def from_file(body: bytes) -> bytes:
        source, into = tmp_path / "body", tmp_path / "document"
        source.write_bytes(body)
        try:
            found = soap.unwrap_request(source, lambda: into)
        except WireError:
            assert not into.exists()
            raise
        assert isinstance(found, Path)
        return found.read_bytes()

    return in_memory if request.param == "memory" else from_file


@pytest.mark.parametrize(
    "body",
    [
        soap.wrap_request(TEXT.encode()),
        call(f"<request>{escaped(TEXT)}</request>"),
        call(f"<request><![CDATA[{TEXT}]]></request>", prefix="SOAP-ENV"),
        call(f"<request>\ufeff{escaped(TEXT)}</request>"),
        call(f"<request>\r\n  {escaped(TEXT)}</request>"),
        call(f'<request xmlns="">{escaped(TEXT)}</request>'),
        call(f"<request><!-- x -->{escaped(TEXT)}</request>"),
        call(f"<!-- x -->\n<request>{escaped(TEXT[:20])}<![CDATA[{TEXT[20:]}]]></request>\n"),
        b'<?xml version="1.0" encoding="UTF-8"?>\n' + call(f"<request>{escaped(TEXT)}</request>"),
        b"\xef\xbb\xbf" + call(f"<request>{escaped(TEXT)}</request>"),
        call(f"<other><request>no</request></other><request>{escaped(TEXT)}</request>"),
    ],
)
def test_the_string_comes_out_as_it_was(unwrap: Unwrap, body: bytes) -> None:
    assert unwrap(body).decode() == TEXT


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no xml",
        call(""),
        call("<request/>"),
        call("<request></request>"),
        call("<request>  \n\ufeff </request>"),
        call('<request i:nil="true"/>'),
        call("<request><Message/></request>"),
        call("<request>a<b/>c</request>"),
        call("<request>a</request><request>b</request>"),
        call("<request>a & b</request>"),
        call("<request>x</request>", wrapper="Send"),
        call("<request>x</request>").replace(b"soap/envelope/", b"soap/envelope"),
        b'<!DOCTYPE a [<!ENTITY x "y">]>' + call("<request>&x;</request>"),
        call("<request>x</request>")[:-20],
        call("<request>" + "<a>" * 100 + "</a>" * 100 + "</request>"),
        call("<a/>" * 200_001 + "<request>x</request>"),
        call("<a " + " ".join(f'a{n}=""' for n in range(65)) + "/><request>x</request>"),
        call(
            "<a " + " ".join(f'xmlns:n{n}="urn:{n}"' for n in range(33)) + "/><request>x</request>"
        ),
        call(f"<{'n' * 1_001}/><request>x</request>"),
        call(f'<a {"n" * 1_001}=""/><request>x</request>'),
        call('<a b="" c=""/>' * 100_001 + "<request>x</request>"),
        call("<request>" + " " * 16_385 + escaped(TEXT) + "</request>"),
        call(f"<request>{' ' * 900_000}{escaped(TEXT)}</request>"),
    ],
)
def test_everything_else_is_unreadable(unwrap: Unwrap, body: bytes) -> None:
    with pytest.raises(WireError):
        unwrap(body)


def test_attributes_without_end_are_refused_before_they_are_read(tmp_path: Path) -> None:
    """One element may hold millions, and the parser keeps them all until it ends."""
    body = tmp_path / "body"
    body.write_bytes(call("<a " + " ".join(f'a{n}=""' for n in range(600_000)) + " "))
    with pytest.raises(WireError, match="too many attributes"):
        soap.unwrap_request(body, lambda: tmp_path / "into")


def test_a_large_string_is_the_same_from_a_file(unwrap: Unwrap) -> None:
    text = f"<a>{'QUJD' * 700_000}Я &amp; край</a>"
    assert unwrap(soap.wrap_request(text.encode())).decode() == text


@pytest.mark.parametrize("answer", [b"", TEXT.encode(), b"a\r\nb ]]> & <"])
def test_an_answer_comes_out_as_it_was(answer: bytes) -> None:
    body = soap.wrap_answer(answer)
    assert soap.unwrap_answer(body) == answer
    if not answer:
        assert b"<SubmitResult/>" in body


@pytest.mark.parametrize(
    "inner",
    ["", "<SubmitResult/>", '<SubmitResult i:nil="true"/>', "<SubmitResult> </SubmitResult>"],
)
def test_an_absent_answer_is_empty(inner: str) -> None:
    assert soap.unwrap_answer(b"\n" + call(inner, wrapper="SubmitResponse")) == b""


def test_a_fault_is_a_fault_on_both_sides() -> None:
    fault = soap.fault("Невалиден <документ>")
    assert soap.is_fault(fault)
    assert soap.wrap_answer(fault) == fault
    assert not soap.is_fault(soap.wrap_answer(b"x"))
    told = etree.fromstring(fault).findtext(".//faultstring")
    assert told == "Невалиден <документ>"
    with pytest.raises(PeerError):
        soap.unwrap_answer(fault)


def test_a_document_that_fills_the_disk_with_its_last_piece_leaves_nothing(tmp_path: Path) -> None:
    source, into = tmp_path / "body", tmp_path / "document"
    source.write_bytes(soap.wrap_request(TEXT.encode()))
    into.symlink_to("/dev/full")
    with pytest.raises(StorageError):
        soap.unwrap_request(source, lambda: into)
    assert not into.is_symlink()
