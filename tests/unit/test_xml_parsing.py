"""The one XML parser: what it refuses, what it reads, how it writes."""

import gzip
import io
from pathlib import Path

import pytest
from lxml import etree

from depesha.errors import ConfigurationError, StorageError, WireError
from depesha.schemas import xml

PLAIN = "<a xmlns='urn:a'><b>Искане</b></a>".encode()


def both(document: bytes, folder: Path) -> list[xml.Document | str]:
    """Parse from memory and from a file: the two ways must agree."""
    path = folder / "document.xml"
    path.write_bytes(document)
    results: list[xml.Document | str] = []
    for source in (document, path):
        try:
            results.append(xml.parse(source))
        except WireError as error:
            results.append(error.public)
    return results


@pytest.mark.parametrize(
    "document",
    [
        PLAIN,
        b"\xef\xbb\xbf" + PLAIN,
        b"<?xml version='1.0'?><!-- remark --><?pi x?>\n" + PLAIN,
        b"<?xml version='1.0' encoding='windows-1251'?>" + PLAIN,
        b"<?xml version='1.0' encoding='utf-16'?>" + PLAIN,
    ],
    ids=["plain", "mark", "remarks", "wrong-declaration", "impossible-declaration"],
)
def test_reads_utf8_whatever_is_declared(document: bytes, tmp_path: Path) -> None:
    for result in both(document, tmp_path):
        assert isinstance(result, xml.Document)
        assert xml.text(result.root[0]) == "Искане"


def test_comments_instructions_and_cdata_do_not_split_a_text() -> None:
    root = xml.parse(b"<a>x<!-- c -->y<?pi d?>z<![CDATA[<q>]]></a>").root
    assert xml.text(root) == "xyz<q>"


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (b"<!DOCTYPE a><a/>", "DTD"),
        (b"\n<!-- x --><!DOCTYPE a [<!ENTITY b 'c'>]><a x='&b;'/>", "DTD"),
        (b" " * 20_000 + b"<a/>", "begin"),
        (b"<!-- " + b"x" * 20_000 + b" --><a/>", "begin"),
        (b"<?xml version='1.0'", "begin"),
        (b"<!DOCTYPE a><a>never parsed, for it does not end", "DTD"),
        (b"<a>" + b"=" * 2_000_000 + b"</a>", "many attributes"),
        (b"<a>" * 65 + b"</a>" * 65, "nested"),
        (b"<a>" + b"<b/>" * xml.ELEMENTS + b"</a>", "many elements"),
        (b"<a " + b" ".join(b"a%d=''" % n for n in range(65)) + b"/>", "many attributes"),
        (b"<a>" + b"<b c='' d=''/>" * 100_001 + b"</a>", "many attributes"),
        (b"<a>" + b"<b c='' d='' e='' f=''/>" * 130_000 + b"</a>", "many attributes"),
        (b"<a " + b" ".join(b"xmlns:a%d='urn:a'" % n for n in range(33)) + b"/>", "namespaces"),
        (b"<a>" + b"<" + b"n" * 1_001 + b"/></a>", "name"),
        (b"<a " + b"n" * 1_001 + b"=''/>", "name"),
        (b"<a>", "well-formed"),
        (b"", "well-formed"),
        (b"<a>&unknown;</a>", "well-formed"),
        (b"<x:a/>", "well-formed"),
        ("<a>й</a>".encode("utf-16"), "well-formed"),
        ("<a>й</a>".encode("windows-1251"), "well-formed"),
        (b"<a>\x00</a>", "well-formed"),
    ],
)
def test_refuses(document: bytes, told: str, tmp_path: Path) -> None:
    results = both(document, tmp_path)
    assert results[0] == results[1]
    assert isinstance(results[0], str)
    assert told in results[0]


@pytest.mark.parametrize("space", ["", f" xmlns='urn:{'x' * 600}'"], ids=["bare", "in-a-namespace"])
@pytest.mark.parametrize("sign", [">", "&gt;"])
def test_a_long_name_is_found_whatever_hides_the_end_of_its_tag(sign: str, space: str) -> None:
    name = "n" * (xml.NAME + 1 - (600 if space else 0))
    for document in (
        f"<a><b c='{sign}' {name}='1'/></a>",
        f"<a><b c='{sign}'/><{name}/></a>",
        f"<a>{sign}<b>{sign}</b><{name} c='{sign}'></{name}></a>",
    ):
        if space and f" {name}=" in document:
            continue  # an attribute without a prefix is in no namespace
        with pytest.raises(WireError, match="name is too long"):
            xml.parse(document.replace("<a>", f"<a{space}>").encode())


@pytest.mark.parametrize("text", ["", "t" * 300, "t" * 256], ids=["bare", "long", "just short"])
@pytest.mark.parametrize("over", [0, 1])
def test_what_the_tags_alone_prove_is_what_the_walk_finds(text: str, over: int) -> None:
    """At each cap exactly, and one past it."""
    depth, many = xml.DEPTH + over, xml.ATTRIBUTES_EACH + over
    names = xml.NAMESPACES + over
    for document in (
        f"<e>{text}" * depth + f"{text}</e>" * depth,
        f"<e>{text}<f " + " ".join(f"a{n}='1'" for n in range(many)) + f"/>{text}</e>",
        f"<e>{text}<f " + " ".join(f"xmlns:a{n}='u{n}'" for n in range(names)) + f"/>{text}</e>",
    ):
        source = document.encode()
        if over:
            assert not xml._plainly_small(source)
            with pytest.raises(WireError):
                xml.parse(source)
        else:
            assert xml.parse(source).root.tag == "e"


def test_many_tags_cost_little_to_look_at() -> None:
    """A run of tags is never gone back over."""
    source = b"<a>" + b"<b/>" * 200_000 + b"</a>"
    assert not xml._plainly_small(source)
    assert not xml._plainly_small(b"<a>" + (b"<b>" + b"t" * 300 + b"</b>") * 2_000 + b"</a>")
    assert xml._plainly_small(b"<a>" + b"t" * 900_000 + b"</a>")


def test_a_dtd_that_slipped_through_the_gate_is_found_in_the_tree() -> None:
    root = etree.fromstring(b"<!DOCTYPE a><a/>")
    with pytest.raises(WireError, match="DTD"):
        xml._judge(root)


def test_namespaces_in_scope_add_up_along_the_path() -> None:
    one = b" ".join(b"xmlns:a%d='urn:a'" % n for n in range(20))
    two = b" ".join(b"xmlns:b%d='urn:b'" % n for n in range(20))
    assert len(xml.parse(b"<r><a " + one + b"/><b " + two + b"/></r>").root) == 2
    with pytest.raises(WireError, match="namespaces"):
        xml.parse(b"<r><a " + one + b"><b " + two + b"/></a></r>")


def test_a_large_text_is_no_attack() -> None:
    assert len(xml.text(xml.parse(b"<a>" + b"QUJD" * 5_000_000 + b"</a>").root)) == 20_000_000


@pytest.mark.parametrize("rare", [0, 1, xml.RARE - 1, xml.RARE, xml.RARE + 1, 500])
@pytest.mark.parametrize("between", [b"", b"x", b"abc" * 99])
def test_marks_are_counted_whether_rare_or_not(rare: int, between: bytes) -> None:
    piece = between + (b"<" + between) * rare
    assert xml.count(piece, b"<") == rare
    assert xml.count(piece, b"=") == 0


def test_a_missing_file_is_our_fault(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        xml.parse(tmp_path / "none.xml")


def test_compressed_files_are_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "document.xml"
    path.write_bytes(gzip.compress(PLAIN))
    with pytest.raises(WireError):
        xml.parse(path)


def test_text_refuses_elements_inside() -> None:
    with pytest.raises(WireError, match="elements"):
        xml.text(xml.parse(b"<a>x<b/>y</a>").root)
    assert xml.text(xml.parse(b"<a/>").root) == ""


def test_writes_text_and_documents_without_adding_anything() -> None:
    root = xml.parse(PLAIN).root
    into = io.BytesIO()
    xml.write_text(root[0], into)
    assert into.getvalue() == "Искане".encode()
    assert xml.serialise(root) == (
        '<?xml version="1.0" encoding="utf-8"?><a xmlns="urn:a"><b>Искане</b></a>'.encode()
    )


SCHEMA = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:a"
  xmlns:b="urn:b" elementFormDefault="qualified">
<xs:import namespace="urn:b" schemaLocation="{place}"/>
<xs:element name="R"><xs:complexType><xs:sequence><xs:element name="A" type="xs:int"/>
<xs:element ref="b:B" minOccurs="0"/><xs:element name="C" type="xs:string"/></xs:sequence>
</xs:complexType></xs:element></xs:schema>"""
IMPORTED = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:b">
<xs:element name="B" type="xs:string"/></xs:schema>"""


def schema(folder: Path, place: str) -> xml.Schema:
    own = folder / "own"
    own.mkdir()
    (own / "a.xsd").write_text(SCHEMA.format(place=place))
    (own / "b.xsd").write_text(IMPORTED)
    (folder / "b.xsd").write_text(IMPORTED)
    return xml.Schema(own / "a.xsd")


def test_schema_tells_deviations_without_content(tmp_path: Path) -> None:
    made = schema(tmp_path, "b.xsd")
    assert made.deviations(xml.parse(b"<R xmlns='urn:a'><A>1</A><C/></R>")) == ()
    told = made.deviations(xml.parse("<R xmlns='urn:a'><A>тайна</A>\n<D x='ЕГН'/></R>".encode()))
    assert told == (
        "line 1: A: cvc datatype valid 1 2 1",
        "line 2: D: element content, expected B, C",
    )


@pytest.mark.parametrize("place", ["../b.xsd", "http://schemas.example/b.xsd", "/etc/hostname"])
def test_schema_never_leaves_its_folder(place: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        schema(tmp_path, place)
