"""Hypothesis strategies: good messages mutated before and after signing, and plain nonsense.

A drawn `Shot` is the whole HTTP body; the same seed draws the same shots, but for the moment of
writing and the keys of the country.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from hypothesis import strategies as st
from lxml import etree

from depesha.schemas.envelope import Correspondent, Party, RegistrationNumber
from depesha.schemas.ids import Guid
from depesha.simulators import papers
from depesha.simulators.authority import Identity
from depesha.simulators.seos_documents import (
    MESSAGING,
    Body,
    DocumentId,
    Enclosure,
    Failure,
    Header,
    RegistrationRequest,
    StatusRequest,
    StatusResponse,
)
from depesha.simulators.seos_signing import ALGORITHMS, Hand, sign, write
from depesha.simulators.seos_writing import Spelling, build
from tests.attack.stand import MARKED_EGN, MARKED_NAME, envelope
from tests.support import contents as make

EXE: Final = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff" + bytes(400)
FILES: Final = (
    papers.pdf("a"),
    papers.docx("а"),
    papers.csv(3),
    papers.EICAR,
    make.zip_of({"a.txt": b"words"}),
    make.zip_of({"a.exe": EXE}),
    make.docx(macros=True),
    make.overlapping_zip(),
    make.ole("WordDocument"),
    EXE,
    b"",
    b"words",
    b"\x00\xff" * 50,
)
NAMES: Final = (
    "pismo.pdf",
    "a.docx",
    "../../x",
    "",
    " ",
    ".",
    "CON",
    "a\u202efdp.exe",
    "a" * 300,
    "п.txt",
    "a/b\\c.pdf",
    "a\nb",
    "<b>&amp;",
    "%s%n",
    "';--",
)
WORDS: Final = (
    "",
    " ",
    "0",
    "-1",
    "99999999999999999999",
    "1e9",
    "true",
    "nil",
    "null",
    "{}",
    "[]",
    "DS_REGISTERED",
    "DS_REJECTED",
    "DS_SENT",
    "MSG_Error",
    "MSG_DocumentStatusRequest",
    "MSG_DocumentRegistrationRequest",
    "MSG_DocumentStatusResponse",
    "ERR_INTERNAL",
    "2026-01-01",
    "2026-02-31",
    "0001-01-01",
    "9999-12-31",
    "2026-01-01T00:00:00",
    "0001-01-01T00:00:00.0000000+14:00",
    "9999-12-31T23:59:59.9999999-14:00",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:00:00+99:99",
    "٢٠٢٦-٠١-٠١",
    "-0001-01-01",
    "{00000000-0000-0000-0000-000000000000}",
    "00000000-0000-0000-0000-000000000000",
    "{aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa",
    "000000001",
    "0000000020001",
    "AAAA",
    "AA==",
    "A",
    "\ufeff",
    "\u2028",
    "\ud7ff",
    "\U0001f600",
    "a\u0301" * 20,
    "x" * 5_000,
)
TAGS: Final = (
    "Message",
    "Header",
    "Body",
    "Version",
    "MessageType",
    "Sender",
    "GUID",
    "MessageGUID",
    "DocumentRegistrationRequest",
    "DocumentStatusRequest",
    "Document",
    "DocID",
    "DocumentGUID",
    "DocAttachmentList",
    "Attachment",
    "AttBody",
    "AttFileName",
    "Signature",
    "Reference",
    "Error",
    "Evil",
)
KNOWN: Final = tuple(Guid(f"{n:08x}-0000-4000-8000-000000000000") for n in range(4))
"""Identities that come again and again."""

legal = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
texts = st.one_of(st.sampled_from(WORDS), st.text(legal, max_size=40))
names = st.one_of(st.sampled_from(NAMES), st.text(legal, max_size=30))
guids = st.one_of(st.uuids().map(lambda one: Guid(str(one))), st.sampled_from(KNOWN))
fresh = st.uuids().map(lambda one: Guid(str(one)))
days = st.one_of(st.dates(), st.sampled_from((date(2026, 1, 1), date(1, 1, 1))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Who writes to whom, and when; all shots of a worker are in one scene."""

    sender: Party
    recipient: Party
    identity: Identity
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One HTTP body and where it came from."""

    kind: str
    body: bytes


# --- values ---------------------------------------------------------------------------------


files = st.builds(
    Enclosure,
    name=names,
    content=st.one_of(st.sampled_from(FILES), st.binary(max_size=200)),
    media_type=st.one_of(st.sampled_from((papers.PDF, papers.TEXT, "", "a/b/c", "x" * 300)), texts),
    comment=st.none() | texts,
)
numbers = st.builds(RegistrationNumber, number=texts, date=days)
documents = st.builds(DocumentId, guid=guids, number=st.none() | numbers)
people = st.builds(
    Correspondent,
    name=st.just(MARKED_NAME),
    city=texts,
    personal_number=st.just(MARKED_EGN),
    applicant=st.booleans(),
)
plain_files = st.builds(Enclosure, name=st.just("pismo.pdf"), content=st.sampled_from(FILES[:3]))
plain = st.builds(
    RegistrationRequest,
    document=st.builds(DocumentId, guid=fresh),
    subject=st.text(legal, max_size=20),
    correspondents=st.tuples(people),
    enclosures=st.lists(plain_files, max_size=2).map(tuple),
)
wild = st.builds(
    RegistrationRequest,
    document=documents,
    kind=texts,
    parent=st.none() | documents,
    correspondents=st.lists(people, max_size=2).map(tuple),
    enclosures=st.lists(files, max_size=3).map(tuple),
    subject=st.none() | texts,
    document_comment=st.none() | texts,
    deadline=st.none() | days,
    attention_to=st.none() | texts,
    comment=texts,
)
bodies: st.SearchStrategy[Body] = st.one_of(
    plain,
    wild,
    st.builds(StatusRequest, document=documents),
    st.builds(
        StatusResponse,
        document=documents,
        status=texts,
        reason=st.none() | texts,
        expected_close=st.none() | days,
    ),
    st.builds(Failure, description=texts, failed=st.none() | guids, kind=texts),
)
hands = st.builds(
    Hand,
    algorithm=st.sampled_from(sorted(ALGORITHMS)),
    prefix=st.sampled_from(("", "ds", "ns3")),
    certificates=st.integers(0, 3),
    wrapped_value=st.booleans(),
    broken=st.sampled_from((False, False, False, True)),
    bom=st.booleans(),
    declared_encoding=st.sampled_from(("utf-8", "UTF-16", "windows-1251", "x")),
)
spellings = st.builds(
    Spelling,
    prefixes=st.booleans(),
    upper_guids=st.booleans(),
    pretty=st.booleans(),
    attachment_line=st.sampled_from((0, 0, 76)),
)


# --- mutations ------------------------------------------------------------------------------

Change = Callable[[etree._Element, etree._Element, str, str], None]


def _remove(one: etree._Element, _other: etree._Element, _word: str, _tag: str) -> None:
    parent = one.getparent()
    if parent is not None:
        parent.remove(one)


def _double(one: etree._Element, _other: etree._Element, _word: str, _tag: str) -> None:
    if one.getparent() is not None:
        one.addnext(deepcopy(one))


def _move(one: etree._Element, other: etree._Element, _word: str, _tag: str) -> None:
    if one.getparent() is not None and one not in other.iterancestors() and one is not other:
        other.append(one)


def _swap(one: etree._Element, _other: etree._Element, _word: str, _tag: str) -> None:
    after = one.getnext()
    if after is not None:
        after.addnext(one)


def _retext(one: etree._Element, _other: etree._Element, word: str, _tag: str) -> None:
    one.text = _written(word)


def _rename(one: etree._Element, _other: etree._Element, _word: str, tag: str) -> None:
    one.tag = f"{{{MESSAGING}}}{tag}"


def _estrange(one: etree._Element, _other: etree._Element, _word: str, tag: str) -> None:
    one.tag = f"{{urn:example:{len(tag)}}}{tag}"


def _insert(one: etree._Element, _other: etree._Element, word: str, tag: str) -> None:
    etree.SubElement(one, f"{{{MESSAGING}}}{tag}").text = _written(word)


def _attribute(one: etree._Element, _other: etree._Element, word: str, tag: str) -> None:
    one.set(tag, _written(word))


def _comment(one: etree._Element, _other: etree._Element, _word: str, tag: str) -> None:
    one.insert(0, etree.Comment(tag))


def _instruction(one: etree._Element, _other: etree._Element, _word: str, tag: str) -> None:
    one.append(etree.ProcessingInstruction(tag, "x"))


def _wrap(one: etree._Element, _other: etree._Element, _word: str, tag: str) -> None:
    parent = one.getparent()
    if parent is not None:
        box = etree.Element(f"{{{MESSAGING}}}{tag}")
        parent.replace(one, box)
        box.append(one)


def _rebase(one: etree._Element, _other: etree._Element, word: str, _tag: str) -> None:
    one.text = base64.b64encode(word.encode()).decode()[: len(word)]


CHANGES: Final[tuple[Change, ...]] = (
    _remove,
    _double,
    _move,
    _swap,
    _retext,
    _retext,
    _rename,
    _estrange,
    _insert,
    _attribute,
    _comment,
    _instruction,
    _wrap,
    _rebase,
)
places = st.integers(0, 200)
mutations = st.lists(
    st.tuples(st.sampled_from(CHANGES), places, places, texts, st.sampled_from(TAGS)), max_size=4
)


def _written(word: str) -> str:
    """XML holds no control characters."""
    return "".join(c for c in word if c in "\t\n\r" or ord(c) >= 32)


def mutate(
    root: etree._Element, changes: list[tuple[Change, int, int, str, str]]
) -> etree._Element:
    """Apply the changes in place; the root itself may get children, text and attributes only."""
    for change, first, second, word, tag in changes:
        elements = [one for one in root.iter() if isinstance(one.tag, str)]
        one, other = elements[first % len(elements)], elements[second % len(elements)]
        change(one, other, word, tag)
    return root


# --- shots ----------------------------------------------------------------------------------


@st.composite
def shots(draw: st.DrawFn, scene: Scene) -> Shot:
    """Draw one HTTP body."""
    kind = draw(st.sampled_from(KINDS))
    return Shot(kind=kind, body=draw(MAKERS[kind](scene)))


@st.composite
def _message(draw: st.DrawFn, scene: Scene, *, before: bool, after: bool) -> bytes:
    """A message, mutated before or after it is signed."""
    header = Header(
        message_guid=draw(fresh if not before else guids),
        created_at=scene.at,
        sender=scene.sender,
        recipient=scene.recipient,
    )
    body = draw(bodies if before or after else plain)
    root = build(header, body, draw(spellings))
    if before:
        mutate(root, draw(mutations))
    hand = draw(hands if before or after else st.just(Hand()))
    text = sign(root, scene.identity, hand)
    if after:
        text = write(mutate(root, draw(mutations)), hand)
    return text.encode("utf-8", "replace")


def _good(scene: Scene) -> st.SearchStrategy[bytes]:
    return _message(scene, before=False, after=False).map(envelope)


def _resigned(scene: Scene) -> st.SearchStrategy[bytes]:
    return _message(scene, before=True, after=False).map(envelope)


def _altered(scene: Scene) -> st.SearchStrategy[bytes]:
    return _message(scene, before=False, after=True).map(envelope)


def _both(scene: Scene) -> st.SearchStrategy[bytes]:
    return _message(scene, before=True, after=True).map(envelope)


@st.composite
def _cut(draw: st.DrawFn, source: st.SearchStrategy[bytes]) -> bytes:
    """Bytes removed, doubled, changed or put in, anywhere."""
    data = draw(source)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(0, len(data) - 1)))
        length = draw(st.sampled_from((0, 1, 2, 10, 200)))
        new = draw(st.one_of(st.binary(max_size=8), st.sampled_from(PIECES)))
        data = data[:start] + new + data[start + length :]
    return data


PIECES: Final = (
    b"",
    b"\x00",
    b"\xff\xfe",
    b"&#0;",
    b"&lt;",
    b"<",
    b">",
    b"]]>",
    b"<![CDATA[",
    b"<!--",
    b"-->",
    b"<!DOCTYPE a>",
    b"&x;",
    b"<?x?>",
    b"\xef\xbb\xbf",
    b"\r",
    b"&#13;",
    b"&amp;#0;",
    b"=",
    b'"',
)


def _cut_envelope(scene: Scene) -> st.SearchStrategy[bytes]:
    return _cut(_good(scene))


def _cut_document(scene: Scene) -> st.SearchStrategy[bytes]:
    return _cut(_message(scene, before=False, after=False)).map(envelope)


def _trees(_: Scene) -> st.SearchStrategy[bytes]:
    return _tree.map(etree.tostring).map(envelope)


def _bare_trees(_: Scene) -> st.SearchStrategy[bytes]:
    return _tree.map(etree.tostring)


def _noise(_: Scene) -> st.SearchStrategy[bytes]:
    return st.one_of(
        st.binary(max_size=500),
        st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace")),
        st.binary(max_size=300).map(envelope),
    )


@st.composite
def _recoded(draw: st.DrawFn, scene: Scene) -> bytes:
    """A good call in another encoding, declared or not."""
    text = draw(_good(scene)).decode()
    name = draw(
        st.sampled_from(("utf-16", "utf-16-le", "utf-32", "windows-1251", "cp500", "utf-7"))
    )
    declared = text.replace('encoding="utf-8"', f'encoding="{name}"', draw(st.integers(0, 1)))
    return declared.encode(name, "xmlcharrefreplace")


@st.composite
def _enveloped(draw: st.DrawFn, scene: Scene) -> bytes:
    """A mutated SOAP envelope around a good message."""
    root = etree.fromstring(draw(_good(scene)))
    return etree.tostring(mutate(root, draw(mutations)), encoding="utf-8", xml_declaration=True)


def _element(tag: str, text: str, children: list[etree._Element]) -> etree._Element:
    made = etree.Element(tag)
    made.text = _written(text)
    made.extend(children)
    return made


tags = st.sampled_from(TAGS).flatmap(
    lambda tag: st.sampled_from((f"{{{MESSAGING}}}{tag}", tag, f"{{urn:example:x}}{tag}"))
)
_leaf = st.builds(_element, tags, texts, st.just([]))
_tree = st.recursive(
    _leaf,
    lambda inner: st.builds(_element, tags, texts, st.lists(inner, max_size=4)),
    max_leaves=12,
)
MAKERS: Final[dict[str, Callable[[Scene], st.SearchStrategy[bytes]]]] = {
    "good": _good,
    "mutated, then signed": _resigned,
    "signed, then mutated": _altered,
    "mutated, signed, mutated": _both,
    "bytes of the envelope": _cut_envelope,
    "bytes of the document": _cut_document,
    "envelope mutated": _enveloped,
    "other encoding": _recoded,
    "random XML in a call": _trees,
    "random XML": _bare_trees,
    "noise": _noise,
}
KINDS: Final = (
    "good",
    "mutated, then signed",
    "mutated, then signed",
    "mutated, then signed",
    "signed, then mutated",
    "signed, then mutated",
    "mutated, signed, mutated",
    "bytes of the envelope",
    "bytes of the document",
    "bytes of the document",
    "envelope mutated",
    "other encoding",
    "random XML in a call",
    "random XML",
    "noise",
)
"""Drawn from; what reaches deeper stands more often."""
