"""The only XML parser of the house: no DTD, no entities, no network, one encoding, hard caps.

Everything that reads XML from outside goes through here. It must never resolve anything, and
must never say in an error what stood in a document.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, Protocol, cast

from lxml import etree

from depesha.errors import ConfigurationError, StorageError, WireError

DECLARATION: Final = b'<?xml version="1.0" encoding="utf-8"?>'
"""Of every document of ours."""
DEPTH: Final = 64
"""Levels of elements: the deepest known message has eleven."""
ELEMENTS: Final = 200_000
"""Elements in one document: the whole participants' register has about 30,000."""
ATTRIBUTES_EACH: Final = 64
"""Attributes of one element: canonical XML sorts them by insertion, which is quadratic."""
ATTRIBUTES: Final = 200_000
"""Attributes of a whole document: RPC-encoded answers carry one per element."""
NAMESPACES: Final = 32
"""Namespaces in scope anywhere: canonical XML looks at all of them at every element."""
NAME: Final = 1_000
"""Characters of a name together with its namespace."""
PROLOG: Final = 16 * 1024
"""Bytes before the root element: a declaration and a remark or two."""
SMALL: Final = 1024 * 1024
"""Up to this size a document is parsed at once: its tree stays small whatever it holds."""
MARKUP: Final = 2 * ELEMENTS + 10_000
"""Characters `<` in a larger document, counted before a tree is built of it."""
EQUALS: Final = 2 * ATTRIBUTES + 100_000
"""Characters `=` in a larger document: attributes, declarations, and some in text."""
RARE: Final = 32
"""So many marks in one slice are looked for one by one."""
SLICE: Final = 256 * 1024
"""Bytes looked at without letting other threads run (about 0.1 ms)."""
DEVIATIONS: Final = 20
"""Deviations told of one document: more help nobody."""


@dataclass(slots=True)
class Document:
    """A parsed document; the tree is the very one that is verified and then read."""

    root: etree._Element
    small: bool = field(default=False, kw_only=True)
    """Parsed from at most `SMALL` bytes, and its tags alone prove the caps: the usual message."""


def _parser() -> etree.XMLParser:
    # The encoding is ours to say: what a declaration inside a decoded string claims is
    # meaningless (facts 2.3), and one encoding leaves no room for a second reading.
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
        huge_tree=True,
    )


def parse(source: bytes | Path) -> Document:
    """Parse UTF-8 bytes, or a file without reading it into memory first.

    Raises `WireError` for what is not well-formed UTF-8 XML, has a DTD, or passes the caps, and
    `StorageError` where the file cannot be read. Comments and processing instructions are
    dropped, so that no text node can be split by one. A leading byte order mark is tolerated;
    a declared encoding is not looked at.
    """
    try:
        if isinstance(source, bytes):
            _gate(_slices(source) if len(source) > SMALL else iter((source,)), len(source))
            root = etree.fromstring(source, _parser())
            if _plainly_small(source):
                _judge_type(root)
                return Document(root, small=len(source) <= SMALL)
        else:
            with source.open("rb") as file:
                _gate(iter(lambda: file.read(SLICE), b""), source.stat().st_size)
                file.seek(0)
                root = etree.parse(file, _parser()).getroot()
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise WireError("the document is not well-formed XML") from error
    except OSError as error:
        # lxml calls undecodable bytes of a file an OSError too, but one without a number.
        if error.errno is None:
            raise WireError("the document is not well-formed XML") from error
        raise StorageError("a stored document cannot be read") from error
    _judge(root)
    return Document(root)


def _slices(source: bytes) -> Iterator[bytes]:
    for start in range(0, len(source), SLICE):
        yield source[start : start + SLICE]


def _gate(slices: Iterator[bytes], size: int) -> None:
    """Refuse before parsing what would cost much memory or has a DTD."""
    first = next(slices, b"")
    _judge_prolog(first[:PROLOG])
    if size <= SMALL:
        return
    markup, equals = count(first, b"<"), count(first, b"=")
    for piece in slices:
        markup += count(piece, b"<")
        equals += count(piece, b"=")
        if markup > MARKUP or equals > EQUALS:
            break
    if markup > MARKUP:
        raise WireError("the document has too many elements")
    if equals > EQUALS:
        raise WireError("the document has too many attributes")


def count(piece: bytes, mark: bytes) -> int:
    """Count a mark, thirty times as quick as `bytes.count` where it is rare, as in base64."""
    found, at = 0, piece.find(mark)
    while at >= 0:
        found += 1
        if found > RARE:
            return found + piece.count(mark, at + 1)
        at = piece.find(mark, at + 1)
    return found


def _judge_prolog(head: bytes) -> None:
    """Look for a DTD where alone one may stand: libxml2 would expand its entities in attributes."""
    position = 3 if head.startswith(b"\xef\xbb\xbf") else 0
    while position < len(head):
        if head[position : position + 1].isspace():
            position += 1
        elif head.startswith(b"<?", position):
            position = _after(head, b"?>", position)
        elif head.startswith(b"<!--", position):
            position = _after(head, b"-->", position)
        elif head.startswith(b"<!", position):
            raise WireError("the document carries a DTD")
        else:
            return
    if position >= PROLOG:
        raise WireError("the document does not begin with its root element")


def _after(head: bytes, end: bytes, start: int) -> int:
    found = head.find(end, start)
    return PROLOG if found < 0 else found + len(end)


_TAGS: Final = 2 * DEPTH
_RUN: Final = re.compile(
    rb"(?:<[^<>]{0,%d}+>[^<>]{0,256}+){1,%d}+"
    % (NAME // 2 - 1, _TAGS + 1)  # possessive: no way back
)
"""Tags, one after another, with no more than a little text behind each."""


def _plainly_small(source: bytes) -> bool:
    """Tell whether its tags alone prove the caps on depth, numbers and names: the usual message.

    Each level of nesting takes two tags, each attribute an equals sign within one. Where a single
    `>` follows each `<` before the next one, it ends the tag, for no tag may hold a `<`. A name
    and its namespace stand in two tags at most. Saves a walk that costs as much as parsing; a long
    text, an attachment mostly, is skipped, and what a short one holds counts as if it were a tag's.
    """
    find, whole = source.find, len(source)
    runs: list[bytes] = []
    start = find(b"<")
    while start >= 0:
        run = _RUN.match(source, start)
        if run is None or len(runs) > _TAGS:
            return False
        runs.append(run[0])
        start = find(b"<", run.end())
        if find(b">", run.end(), start if start >= 0 else whole) >= 0:
            return False
    told = b"".join(runs)
    return (
        told.count(b"<") <= _TAGS
        and told.count(b"=") <= ATTRIBUTES_EACH
        and told.count(b"xmlns") <= NAMESPACES
    )


def _judge_type(root: etree._Element) -> None:
    doctype: object | None = root.getroottree().docinfo.internalDTD
    if doctype is not None:
        raise WireError("the document carries a DTD")


def _judge(root: etree._Element) -> None:
    _judge_type(root)
    depth = count = attributes = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if event == "end":
            depth -= 1
            continue
        depth += 1
        count += 1
        attributes += _judge_element(element)
        if depth > DEPTH:
            raise WireError("the document is nested too deeply")
        if count > ELEMENTS:
            raise WireError("the document has too many elements")
        if attributes > ATTRIBUTES:
            raise WireError("the document has too many attributes")


def _judge_element(element: etree._Element) -> int:
    attributes = len(element.attrib)
    if attributes > ATTRIBUTES_EACH:
        raise WireError("an element has too many attributes")
    if len(element.nsmap) > NAMESPACES:
        raise WireError("the document declares too many namespaces")
    if len(element.tag) > NAME:
        raise WireError("a name is too long")
    if attributes and any(len(name) > NAME for name in element.attrib):
        raise WireError("a name is too long")
    return attributes


def text(element: etree._Element) -> str:
    """Return the whole text of an element that may hold nothing else; empty for none.

    Raises `WireError` where elements stand inside: a reader that took the first piece only
    would read something else than was signed.
    """
    if len(element):
        raise WireError("an element holds elements where text alone may stand")
    return element.text or ""


def text_bytes(element: etree._Element) -> bytes:
    """Return the same as `text` in UTF-8, without making a string of it in between."""
    if len(element):
        raise WireError("an element holds elements where text alone may stand")
    return etree.tostring(element, method="text", encoding="utf-8", with_tail=False)


def write_text(element: etree._Element, into: BinaryIO) -> None:
    """Write the text of an element, elements inside included, as UTF-8 in small pieces.

    Needs the text once more in memory while it writes; lxml's own text output needs it twice.
    """
    for node in cast("Iterator[str]", element.itertext()):
        starts = range(0, len(node), SLICE)
        into.writelines(node[start : start + SLICE].encode() for start in starts)


def serialise(element: etree._Element) -> bytes:
    """Return our own document as UTF-8 with a declaration, on one line, nothing re-indented.

    Peers may drop whitespace before they verify (facts Q1), so none is put in.
    """
    body = etree.tostring(element, encoding="utf-8", xml_declaration=False, with_tail=False)
    return DECLARATION + body


class _OwnFolder(etree.Resolver):
    """Lets a schema import from its own folder and from nowhere else."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def resolve(  # type: ignore[override]  # lxml-stubs lack the context argument
        self, system_url: str, _public_id: str, context: object
    ) -> object:
        """Return the file's content; raise for anything outside the folder."""
        name = Path(system_url.removeprefix("file://"))
        path = (name if name.is_absolute() else self._folder / name).resolve()
        if not path.is_relative_to(self._folder):
            raise ConfigurationError("a schema refers to something outside its folder")
        return self.resolve_string(path.read_bytes(), context, base_url=str(path))


_EXPECTED: Final = re.compile(r"Expected is(?: one of)? \( (.{1,2000}) \)\.")
_ELEMENT: Final = re.compile(r"Element '(?:\{[^{}']{0,300}\})?([A-Za-z_][\w.\-]{0,60})'")
_NAMESPACE: Final = re.compile(r"\{[^{}]*\}")


class _Entry(Protocol):
    """One line of lxml's error log."""

    line: int
    message: str
    type_name: str


class Schema:
    """An XSD of ours, ready to validate in any thread. Never reads outside its own folder."""

    def __init__(self, path: Path, *, retype: Mapping[str, str] | None = None) -> None:
        """Load at once, so that a broken schema stops the start; raises `ConfigurationError`.

        `retype` gives elements another type by name, for a form that is quicker to validate.
        """
        self._path = path.resolve()
        self._retype = dict(retype or {})
        # libxml2's compiled schema may be shared, lxml's error log beside it may not.
        self._local = threading.local()
        self._validator()

    def deviations(self, document: Document) -> tuple[str, ...]:
        """Tell where a document departs from the schema: line, element, rule; never content."""
        validator = self._validator()
        if validator.validate(document.root):
            return ()
        log = cast("Sequence[_Entry]", validator.error_log)
        entries = (log[index] for index in range(min(len(log), DEVIATIONS)))
        return tuple(dict.fromkeys(_deviation(entry) for entry in entries))

    def _validator(self) -> etree.XMLSchema:
        ready: etree.XMLSchema | None = getattr(self._local, "validator", None)
        if ready is not None:
            return ready
        parser = etree.XMLParser(no_network=True, load_dtd=False, resolve_entities=False)
        parser.resolvers.add(_OwnFolder(self._path.parent))
        try:
            tree = etree.parse(str(self._path), parser)
            for element in tree.iter("{http://www.w3.org/2001/XMLSchema}element"):
                if element.get("name", "") in self._retype:
                    element.set("type", self._retype[element.get("name", "")])
            made = etree.XMLSchema(tree)
        except (etree.LxmlError, OSError) as error:
            raise ConfigurationError(f"the schema {self._path.name} cannot be loaded") from error
        self._local.validator = made
        return made


def _deviation(entry: _Entry) -> str:
    message = entry.message
    element = _ELEMENT.match(message)
    rule = entry.type_name.removeprefix("SCHEMAV_").replace("_", " ").lower()
    told = f"line {entry.line}: {element[1] if element else 'an element'}: {rule}"
    expected = _EXPECTED.search(message)
    if expected and "'" not in expected[1]:
        told += f", expected {_NAMESPACE.sub('', expected[1])}"
    return told
