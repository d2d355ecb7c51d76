"""Any bytes give a document or a `WireError`, from memory and from a file alike."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from depesha.errors import WireError
from depesha.schemas import xml

WORDS = [
    "<a>",
    "</a>",
    "<b/>",
    "<!--",
    "-->",
    "<?p",
    "?>",
    "&lt;",
    "&#13;",
    "&x;",
    "<![CDATA[",
    "]]>",
    "]>",
    "'",
    "=",
    "я",
    "<!DOCTYPE",
]
PIECES = st.sampled_from(
    [
        *(word.encode() for word in WORDS),
        b"<?xml version='1.0'?>",
        b"<!DOCTYPE a>",
        b"<!ENTITY x 'y'>",
        b" xmlns:a='u'",
        b"<a b='1'>",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\x00",
        b" ",
    ]
)
DOCUMENTS = st.one_of(st.binary(max_size=300), st.lists(PIECES, max_size=20).map(b"".join))


def outcome(source: bytes | Path) -> str:
    try:
        return str(xml.parse(source).root.tag)
    except WireError as error:
        return error.public


@given(DOCUMENTS)
@settings(max_examples=400, deadline=None)
def test_any_bytes_give_a_document_or_a_wire_error(document: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(document)
        file.flush()
        assert outcome(document) == outcome(Path(file.name))
