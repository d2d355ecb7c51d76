"""Walks through a large XML file without a tree, and says at which byte each element stands.

For papers whose digest covers raw bytes of the file (ISDS facts 9.3): lxml does not tell offsets,
expat does. It keeps to the caps of `xml.py`, resolves nothing, and never says in an error what
stood in a document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, Final, NoReturn, Protocol
from xml.parsers import expat

from depesha.errors import StorageError, WireError
from depesha.schemas.xml import ATTRIBUTES, ATTRIBUTES_EACH, DEPTH, ELEMENTS, NAME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PIECE: Final = 64 * 1024
"""Bytes fed at once."""
TOKEN: Final = 256 * 1024
"""Bytes of one tag: expat reads an unfinished one again with every piece."""
_END_TAG: Final = 2 * NAME
"""Bytes of an end tag: a prefixed name and blanks."""


class Events(Protocol):
    """What is told while walking. Names are `{namespace}local`; `at` is the byte of the `<`."""

    def start(self, name: str, attributes: Mapping[str, str], at: int) -> None:
        """An element begins."""

    def end(self, name: str, at: int) -> None:
        """An element ends; `at` is where its end tag begins."""

    def text(self, data: str) -> None:
        """A piece of text; neighbouring pieces belong together."""


class _Walker:
    """The state between expat's calls."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._depth = self._elements = self._attributes = 0
        # expat must not believe a declaration: UTF-8 is ours to say, as in `xml.py`.
        self._parser = parser = expat.ParserCreate("utf-8", "}")
        parser.buffer_text = True
        parser.buffer_size = PIECE
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = events.text
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._doctype
        parser.ExternalEntityRefHandler = self._doctype
        self._fed = 0

    def feed(self, piece: bytes) -> None:
        self._parser.Parse(piece, False)  # noqa: FBT003 -- expat takes no keyword
        self._fed += len(piece)
        if self._fed - max(self._parser.CurrentByteIndex, 0) > TOKEN:
            raise WireError("a tag of the document is too long")

    def finish(self) -> None:
        self._parser.Parse(b"", True)  # noqa: FBT003 -- expat takes no keyword

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        self._attributes += len(attributes)
        if self._depth > DEPTH:
            raise WireError("the document is nested too deeply")
        if self._elements > ELEMENTS:
            raise WireError("the document has too many elements")
        if len(attributes) > ATTRIBUTES_EACH or self._attributes > ATTRIBUTES:
            raise WireError("the document has too many attributes")
        if len(name) > NAME or any(len(each) > NAME for each in attributes):
            raise WireError("a name is too long")
        given = {_clark(each): value for each, value in attributes.items()}
        self._events.start(_clark(name), given, self._parser.CurrentByteIndex)

    def _end(self, name: str) -> None:
        self._depth -= 1
        self._events.end(_clark(name), self._parser.CurrentByteIndex)

    def _doctype(self, *_: Any) -> NoReturn:
        raise WireError("the document carries a DTD")


def _clark(name: str) -> str:
    return "{" + name if "}" in name else name


def walk(source: Path, events: Events) -> None:
    """Tell `events` what stands in a file, in order. Memory does not grow with the file.

    Raises `WireError` for what is no well-formed UTF-8 XML, has a DTD or passes the caps (`events`
    may by then have been told of a part), and `StorageError` where the file cannot be read.
    """
    walker = _Walker(events)
    try:
        with source.open("rb") as file:
            while piece := file.read(PIECE):
                walker.feed(piece)
        walker.finish()
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise WireError("the document is not well-formed XML") from error
    except OSError as error:
        raise StorageError("a stored document cannot be read") from error


def end_of_tag(file: BinaryIO, at: int) -> int:
    """Return the byte after the end tag that begins at `at`; raise `WireError`."""
    file.seek(at)
    head = file.read(_END_TAG)
    stop = head.find(b">")
    if not head.startswith(b"</") or stop < 0:
        raise WireError("an element of the document has no end tag")
    return at + stop + 1
