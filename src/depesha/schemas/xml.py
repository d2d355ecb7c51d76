"""The only XML parser of the house: no DTD, no entities, no network, one encoding, hard caps.

Everything that reads XML from outside goes through here. It must never resolve anything, and
must never say in an error what stood in a document.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from lxml import etree

from depesha.errors import ConfigurationError, StorageError, WireError

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
SLICE: Final = 256 * 1024
"""Bytes looked at without letting other threads run (about 0.1 ms)."""
DEVIATIONS: Final = 20
"""Deviations told of one document: more help nobody."""


@dataclass(slots=True)
class Document:
    """A parsed document; the tree is the very one that is verified and then read."""

    root: etree._Element


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
            _gate(_slices(source), len(source))
            root = etree.fromstring(source, _parser(encoding))
        else:
            with source.open("rb") as file:
                _gate(iter(lambda: file.read(SLICE), b""), source.stat().st_size)
            root = etree.parse(str(source), _parser(encoding)).getroot()
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise WireError("the document is not well-formed XML") from error
    except OSError as error:
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
    markup, equals = first.count(b"<"), first.count(b"=")
    for piece in slices:
        markup += piece.count(b"<")
        equals += piece.count(b"=")
        if markup > MARKUP or equals > EQUALS:
            break
    if markup > MARKUP:
        raise WireError("the document has too many elements")
    if equals > EQUALS:
        raise WireError("the document has too many attributes")


def _judge_prolog(head: bytes) -> None:
    """Look for a DTD where alone one may stand: libxml2 would expand its entities in attributes."""
    position = 3 if head.startswith(b"\xef\xbb\xbf") else 0
    while True:
        while head[position : position + 1].isspace():
            position += 1
        if head.startswith(b"<?", position):
            position = head.find(b"?>", position) + 2
        elif head.startswith(b"<!--", position):
            position = head.find(b"-->", position) + 3
        elif head.startswith(b"<!", position):
            raise WireError("the document carries a DTD")
        else:
            break
        if position < len("<?"):
            raise WireError("the document does not begin with its root element")
    if position >= PROLOG:
        raise WireError("the document does not begin with its root element")


def _judge(root: etree._Element) -> None:
    doctype: object | None = root.getroottree().docinfo.internalDTD
    if doctype is not None:
        raise WireError("the document carries a DTD")
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


def write_text(element: etree._Element, into: BinaryIO) -> None:
    """Write the text of an element as UTF-8 without making one large string of it."""
    etree.ElementTree(element).write(into, method="text", encoding="utf-8", with_tail=False)


def serialise(element: etree._Element) -> bytes:
    """Return our own document as UTF-8 with a declaration, on one line, nothing re-indented.

    Peers may drop whitespace before they verify (facts Q1), so none is put in.
    """
    body = etree.tostring(element, encoding="utf-8", xml_declaration=False, with_tail=False)
    return b'<?xml version="1.0" encoding="utf-8"?>' + body


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


class Schema:
    """An XSD of ours, ready to validate in any thread. Never reads outside its own folder."""

    def __init__(self, path: Path) -> None:
        """Load at once, so that a broken schema stops the start; raises `ConfigurationError`."""
        self._path = path.resolve()
        # libxml2's compiled schema may be shared, lxml's error log beside it may not.
        self._local = threading.local()
        self._validator()

    def deviations(self, document: Document) -> tuple[str, ...]:
        """Tell where a document departs from the schema: line, element, rule; never content."""
        validator = self._validator()
        if validator.validate(document.root):
            return ()
        entries = itertools.islice(iter(validator.error_log), DEVIATIONS)
        return tuple(dict.fromkeys(_deviation(entry) for entry in entries))

    def _validator(self) -> etree.XMLSchema:
        ready: etree.XMLSchema | None = getattr(self._local, "validator", None)
        if ready is not None:
            return ready
        parser = etree.XMLParser(no_network=True, load_dtd=False, resolve_entities=False)
        parser.resolvers.add(_OwnFolder(self._path.parent))
        try:
            made = etree.XMLSchema(etree.parse(str(self._path), parser))
        except (etree.LxmlError, OSError) as error:
            raise ConfigurationError(f"the schema {self._path.name} cannot be loaded") from error
        self._local.validator = made
        return made


def _deviation(entry: etree._LogEntry) -> str:
    message = str(entry.message)
    element = _ELEMENT.match(message)
    rule = str(entry.type_name).removeprefix("SCHEMAV_").replace("_", " ").lower()
    told = f"line {entry.line}: {element[1] if element else 'an element'}: {rule}"
    expected = _EXPECTED.search(message)
    if expected and "'" not in expected[1]:
        told += f", expected {_NAMESPACE.sub('', expected[1])}"
    return told


class _TextBelow:
    """A parser target that writes the text of one element, found by its path, and no more."""

    def __init__(self, path: Sequence[str], into: BinaryIO) -> None:
        self._path = tuple(path)
        self._into = into
        self._open: list[str] = []
        self._count = 0
        self.found = False

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:  # noqa: ARG002 -- lxml's call
        self._count += 1
        self._open.append(tag)
        if len(self._open) > DEPTH:
            raise WireError("the document is nested too deeply")
        if self._count > ELEMENTS:
            raise WireError("the document has too many elements")
        if self._inside():
            raise WireError("the text holds elements")
        if tuple(self._open) == self._path:
            if self.found:
                raise WireError("the text stands there twice")
            self.found = True

    def _inside(self) -> bool:
        return len(self._open) > len(self._path) and tuple(self._open[:-1]) == self._path

    def end(self, tag: str) -> None:  # noqa: ARG002 -- lxml's call
        self._open.pop()

    def data(self, text: str) -> None:
        if len(self._open) == len(self._path) and tuple(self._open) == self._path:
            self._into.write(text.encode("utf-8"))

    def doctype(self, name: str, public: str | None, system: str | None) -> NoReturn:  # noqa: ARG002 -- lxml's call
        raise WireError("the document carries a DTD")

    def close(self) -> bool:
        return self.found


def stream_text(source: Path, path: Sequence[str], into: BinaryIO) -> bool:
    """Write the text of the element at `path` (tags from the root on) as UTF-8, in small pieces.

    No tree is made, so that the memory needed does not grow with the text. Returns False where no
    such element stands. Raises `WireError` as `parse` does, and where the element holds elements;
    `into` may then hold a part of the text.
    """
    target = _TextBelow(path, into)
    parser = etree.XMLParser(
        target=target,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
        huge_tree=True,
    )
    try:
        with source.open("rb") as file:
            while chunk := file.read(_CHUNK):
                parser.feed(chunk)
        parser.close()
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise WireError("the document is not well-formed XML") from error
    return target.found
