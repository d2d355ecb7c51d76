"""Long texts in small pieces: out of a file without a tree, and within a tree.

For a document that travels as a string inside another one, and for files inside a document
(SEOS). It must never resolve anything, never change what a text says, and keeps to the caps of
`xml.py`.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NoReturn, cast, overload

from lxml import etree

from depesha.errors import StorageError, WireError
from depesha.schemas.xml import (
    ATTRIBUTES,
    ATTRIBUTES_EACH,
    DECLARATION,
    DEPTH,
    ELEMENTS,
    EQUALS,
    MARKUP,
    NAME,
    NAMESPACES,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

PIECE: Final = 256 * 1024
"""Bytes fed at once."""
NODE: Final = 8 * 1024 * 1024
"""Characters of one text node after `divide`: canonical XML copies each node twice."""
_PART: Final = "depesha-part"
_FEW: Final = 3
"""Text nodes up to which an element has no long text: both are made at once."""


class _TextBelow:
    """A parser target that writes the text of one element, found by its path, and no more."""

    def __init__(self, path: Sequence[Collection[str]], into: BinaryIO) -> None:
        self._path = path
        self._into = into
        self._depth = 0
        self._followed = 0
        self._count = 0
        self._attributes = 0
        self._namespaces = 0
        self.found = False

    def start(
        self, tag: str | bytes, attributes: Mapping[str, str], namespaces: Mapping[str, str]
    ) -> None:
        """An element begins."""
        self._count += 1
        self._judge(tag, attributes, namespaces)
        if self._depth >= DEPTH:
            raise WireError("the document is nested too deeply")
        if self._count > ELEMENTS:
            raise WireError("the document has too many elements")
        if self._within():
            raise WireError("the text holds elements")
        if self._followed == self._depth < len(self._path) and tag in self._path[self._depth]:
            self._followed += 1
        self._depth += 1
        if self._within():
            if self.found:
                raise WireError("the text stands there twice")
            self.found = True

    def _judge(
        self, tag: str | bytes, attributes: Mapping[str, str], namespaces: Mapping[str, str]
    ) -> None:
        """Keep to the caps of `xml.py`; namespaces are counted where they are declared."""
        self._attributes += len(attributes)
        self._namespaces += len(namespaces)
        if len(attributes) > ATTRIBUTES_EACH or self._attributes > ATTRIBUTES:
            raise WireError("the document has too many attributes")
        if self._namespaces > NAMESPACES:
            raise WireError("the document declares too many namespaces")
        if len(tag) > NAME or any(len(name) > NAME for name in attributes):
            raise WireError("a name is too long")

    def _within(self) -> bool:
        return self._depth == self._followed == len(self._path)

    def end(self, tag: str | bytes) -> None:  # noqa: ARG002 -- lxml's call
        """An element ends."""
        self._depth -= 1
        self._followed = min(self._followed, self._depth)

    def data(self, data: str | bytes) -> None:
        """A piece of text."""
        if self._within():
            self._into.write(data.encode("utf-8") if isinstance(data, str) else data)

    def doctype(self, *_names: object) -> NoReturn:
        """A DTD begins."""
        raise WireError("the document carries a DTD")

    def comment(self, _text: str | bytes) -> None:
        """A comment, dropped as everywhere."""

    def close(self) -> bool:
        """The document ends."""
        return self.found


def stream_text(source: Path, path: Sequence[Collection[str]], into: BinaryIO) -> bool:
    """Write the text of the element at `path` as UTF-8, in small pieces.

    `path` gives, from the root on, the tags allowed at each level. No tree is made, so that the
    memory needed does not grow with the text. Returns False where no such element stands. Raises
    `WireError` as `xml.parse` does, and where the element holds elements or stands there twice;
    `into` may then hold a part of the text.
    """
    target = _TextBelow(path, into)
    parser = etree.XMLParser(
        # lxml gives a third argument, the namespaces declared; its type stubs know only two.
        target=cast("Any", target),
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
        huge_tree=True,
    )
    try:
        with source.open("rb") as file:
            for piece in _gated(file):
                parser.feed(piece)
        parser.close()
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise WireError("the document is not well-formed XML") from error
    except OSError as error:
        raise StorageError("a spooled document cannot be read") from error
    return target.found


def _gated(file: BinaryIO) -> Iterator[bytes]:
    """Refuse before the parser sees it what would cost it much memory in one element."""
    markup = equals = 0
    while piece := file.read(PIECE):
        markup += piece.count(b"<")
        equals += piece.count(b"=")
        if markup > MARKUP:
            raise WireError("the document has too many elements")
        if equals > EQUALS:
            raise WireError("the document has too many attributes")
        yield piece


def divide(element: etree._Element) -> None:
    """Lay a long text of an element out in several text nodes, one after the other.

    The document stays the same, its canonical form included, which is made node by node: what
    verifying needs besides the tree no longer grows with the text. `texts` reads it again.
    """
    text = element.text
    if text is None or len(text) <= NODE or len(element):
        return
    element.text = None
    for start in range(0, len(text), NODE):
        etree.SubElement(element, _PART).text = text[start : start + NODE]
    etree.strip_tags(element, _PART)


def lay_out(element: etree._Element, pieces: Iterable[str]) -> None:
    """Give an element a long text in pieces, each a text node of its own, as `divide` leaves it.

    The text need never stand in memory as one.
    """
    for piece in pieces:
        etree.SubElement(element, _PART).text = piece
    etree.strip_tags(element, _PART)


def serialise_large(element: etree._Element) -> bytes:
    """Return what `xml.serialise` returns, with one copy of it in memory instead of three."""
    written = io.BytesIO()
    written.write(DECLARATION)
    etree.ElementTree(element).write(
        written, encoding="utf-8", xml_declaration=False, with_tail=False
    )
    return written.getvalue()


def texts(element: etree._Element) -> Sequence[str]:
    """Return the text nodes of an element that may hold nothing else, each made when it is read.

    Raises `WireError` where elements stand inside, as `xml.text` does.
    """
    if len(element):
        raise WireError("an element holds elements where text alone may stand")
    count = int(cast("float", _count(element)))
    return cast("list[str]", _text_nodes(element)) if count < _FEW else _Nodes(element, count)


class _Nodes(Sequence[str]):
    """The text nodes of an element; none is kept, so that a long text is not there twice."""

    def __init__(self, element: etree._Element, count: int) -> None:
        self._element = element
        self._count = count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        """Return one of them, or some."""
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(self._count))]
        if not -self._count <= index < self._count:
            raise IndexError(index)
        return cast("list[str]", _node(self._element, n=index % self._count + 1))[0]


_text_nodes = etree.XPath("text()", smart_strings=False)
_count = etree.XPath("count(text())")
_node = etree.XPath("text()[$n]", smart_strings=False)
