"""A document parsed with its long texts set aside is what the one parser makes of it.

Compared are tree, lines and verdicts of xmlsec: on whatever comes, on flipped bits, and on the
whole corpus of attacks.
"""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from depesha.errors import WireError
from depesha.schemas import xml, xmllarge, xmlstream
from depesha.schemas.evidence import sha256
from depesha.schemas.wire.seos import MESSAGING, Form, schema
from depesha.simulators.attacks import Attack, corpus
from tests.support.signatures import NOW, network, signed, verifier

BODY = f"{{{MESSAGING}}}AttBody"
OPEN = f'<m:Message xmlns:m="{MESSAGING}">'.encode()

ODD = (
    *("<!---->", "<!-- >AAAAAAAA< -->", "<![CDATA[AAAA]]>", "<![CDATA[>AAAAAAAAAAAA<]]>"),
    *("&#13;", "&#10;", "&amp;", ">", "<?x >AAAAAAAAAAAA?>", "<m:b/>", "а", "\x00", "]]>"),
)
text = st.text("AbZ9+/= \t\n\r", max_size=40)
content = st.one_of(
    text,
    text,
    st.sampled_from(ODD),
)
element = st.tuples(st.sampled_from(["m:AttBody", "m:b", "AttBody"]), st.lists(content, max_size=4))
between = st.sampled_from(["", "\n", " " * 30, "<!-- > -->", "\r\n", "AAAAAAAAAAAAAAAAAAAA"])


@pytest.fixture(autouse=True, scope="module")
def small() -> object:
    """Every document is large, every text long, every piece short."""
    patch = pytest.MonkeyPatch()
    for name, value in {"LARGE": 0, "LONG": 8, "NODE": 5, "_PIECE": 7}.items():
        patch.setattr(xmllarge, name, value)
    yield
    patch.undo()


def by_file(document: bytes, taken: list[int] | None = None) -> xml.Document:
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "source"
        source.write_bytes(document)
        made = xmllarge.parse(source, (BODY,), sha256(document), lambda: Path(name) / "hollow")
        assert list(Path(name).iterdir()) == [source]
    return made


def told(root: etree._Element) -> object:
    each = [(str(e.tag), e.sourceline, e.text or "", e.tail or "") for e in root.iter()]
    return etree.tostring(root, method="c14n"), each


def parsed(document: bytes) -> object:
    try:
        return told(xml.parse(document).root)
    except WireError as error:
        return str(error)


@settings(max_examples=600, deadline=None)
@given(
    before=between,
    elements=st.lists(st.tuples(element, between), max_size=4),
    after=between,
    head=st.sampled_from(["", "\ufeff", '<?xml version="1.0"?>', " " * 20, "<!-- > -->\n"]),
)
def test_whatever_comes_is_the_same_tree(
    head: str,
    before: str,
    elements: list[tuple[tuple[str, list[str]], str]],
    after: str,
) -> None:
    inside = "".join(f"<{name}>{''.join(parts)}</{name}>{tail}" for (name, parts), tail in elements)
    document = head.encode() + OPEN + (before + inside).encode() + b"</m:Message>" + after.encode()
    try:
        found: object = told(by_file(document).root)
    except WireError as error:
        found = str(error)
    assert found == parsed(document)


@pytest.mark.parametrize(
    "inside",
    ["AAAAAAAAAAAA", "AAAA\r\nAAAA\rAAAA\nAAA=", "AAAAAAAAAAAAAA==\r", "\r\n\r\r\nAAAAAAAAAA  "],
)
def test_a_plain_text_is_laid_in_pieces(inside: str) -> None:
    document = OPEN + f"<m:AttBody>{inside}</m:AttBody><m:b/>".encode() + b"</m:Message>"
    made = by_file(document)
    assert len(xmlstream.texts(made.root[0])) > 1
    assert told(made.root) == parsed(document)


@pytest.mark.parametrize(
    "inside",
    ["AAAAAAAAAAAA<!---->\n", "AAAAAAAAAAA&#13;", "А" * 12, "A=A=A=A=A=A=A=", "A>AAAAAAAAAAA"],
)
def test_any_other_text_takes_the_usual_way(inside: str) -> None:
    document = OPEN + f"<m:AttBody>{inside}</m:AttBody>".encode() + b"</m:Message>"
    made = by_file(document)
    assert len(xmlstream.texts(made.root[0])) == 1
    assert told(made.root) == parsed(document)


def test_no_document_can_hold_its_own_mark_in_place_of_a_text() -> None:
    """The mark of another document is a text like any other."""
    other = f"depesha-{sha256(b'other')}-0"
    document = OPEN + f"<m:AttBody>{other}</m:AttBody><!-- >AAAAAAAAAAAA< -->".encode()
    document += b"</m:Message>"
    assert told(by_file(document).root) == parsed(document)


@pytest.mark.usefixtures("longer")
@pytest.mark.parametrize("attributes", ["", ' odd="1"', ' xmlns:n="urn:n" n:a="b"'])
def test_the_schema_says_the_same_with_the_long_texts_set_aside(attributes: str) -> None:
    usual = good().replace(b"<AttBody>", f"\n<AttBody{attributes}>".encode())
    usual = usual.replace(b"</AttBody>", b"</AttBody>\n<Odd/>") if attributes else usual
    whole, made = xml.parse(usual), by_file(usual)
    before = told(made.root)
    assert isinstance(made, xmllarge.Laid)
    with xmllarge.emptied(made, (BODY,)):
        assert all(not element.text for element in made.root.iter(BODY))
        found = schema(Form.HOT).deviations(made)
    assert found == schema(Form.HOT).deviations(whole)
    assert bool(found) == bool(attributes)
    assert told(made.root) == before == told(whole.root)


# --- verdicts: texts longer than any of the signature's own are cut out ---------------------------


def verdicts(document: bytes) -> tuple[object, object]:
    """What comes of a document by bytes and by file: verdict, and what is read afterwards."""
    found: list[object] = []
    for parse in (xml.parse, by_file):
        try:
            made = parse(document)
        except WireError as error:
            found.append(str(error))
            continue
        facts = verifier().verify(made, [network().victim.serial], NOW)
        found.append((facts, told(made.root)))
    return found[0], found[1]


@pytest.fixture
def longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xmllarge, "LONG", 4_000)


@functools.cache
def good() -> bytes:
    return signed(size=4_000)


@functools.cache
def attacks() -> dict[str, Attack]:
    made = network()
    cases = corpus(
        good(), victim=made.victim, attacker=made.attacker, authority=made.authority, large=False
    )
    return {case.name: case for case in cases}


@pytest.mark.usefixtures("longer")
def test_the_good_document_is_good_both_ways() -> None:
    by_bytes, from_file = verdicts(good())
    assert by_bytes == from_file
    assert isinstance(by_bytes, tuple)
    assert by_bytes[0].finding is None
    body = next(by_file(good()).root.iter(BODY))
    assert len(xmlstream.texts(body)) > 1


@pytest.mark.usefixtures("longer")
def test_every_attack_has_the_same_verdict_both_ways() -> None:
    odd = [
        case.name for case in attacks().values() if len(set(map(repr, verdicts(case.document)))) > 1
    ]
    assert odd == []


@pytest.mark.usefixtures("longer")
def test_every_flipped_bit_has_the_same_verdict_both_ways() -> None:
    whole = good()
    step = max(1, len(whole) // 150)
    for at in range(0, len(whole), step):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << (at % 7)
        by_bytes, from_file = verdicts(bytes(flipped))
        assert by_bytes == from_file, at
