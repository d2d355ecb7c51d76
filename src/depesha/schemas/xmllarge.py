"""Parses a large document with one copy of its long base64 texts in memory instead of three.

The file is copied without those texts, each replaced by a mark; the one parser of `xml.py` makes a
tree of that; then each text is laid into its place in pieces. What is verified and read is that one
tree, and it is the tree of the whole document or none at all: wherever a text is not plainly the
whole content of an element that may be long, the document is parsed as any other.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from lxml import etree

from depesha.errors import StorageError, WireError
from depesha.schemas import xml
from depesha.schemas.xmlstream import divide, lay_out

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from depesha.schemas.ids import Digest

LARGE: Final = 8 * 1024 * 1024
"""Bytes of a document from which on this way is worth its trouble."""
LONG: Final = 1024 * 1024
"""Bytes of a text that is cut out."""
NODE: Final = 1024 * 1024
"""Bytes of one text node: canonical XML copies each node twice."""
MOST: Final = 1_000
"""Texts cut out of one document."""
_PIECE: Final = 256 * 1024
_LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_PLAIN: Final = _LETTERS + b"= \t\r\n"
"""What a text may hold: it is the same in the file, in the tree and in canonical form, but for
line ends, which XML makes line feeds (XML 1.0, 2.11)."""
_PADDING: Final = 2
_LINES: Final = 65_535
"""The last line that libxml2 counts."""


@dataclass(slots=True)
class Laid(xml.Document):
    """A document whose long texts stand in several nodes each; the same document otherwise."""


@dataclass(frozen=True, slots=True)
class _Run:
    """A text that was cut out: where it stands in the file."""

    start: int
    end: int
    lines: int
    """Line feeds within, put into the hollow copy so that every element keeps its line."""


def parse(source: Path, names: Collection[str], digest: Digest, spool: Callable[[], Path]) -> Laid:
    """Return `xml.parse(source)`, with long texts in several nodes (`xmlstream.texts`).

    `names` are the tags whose texts may be long, `digest` is the source's own (so that no document
    can hold the marks made of it), `spool` names a file for the hollow copy. Raises as `xml.parse`.
    """
    document = _without_copies(source, names, digest, spool)
    if document is not None:
        return document
    root = xml.parse(source).root
    for element in root.iter(*names):
        divide(element)
    return Laid(root)


def _without_copies(
    source: Path, names: Collection[str], digest: Digest, spool: Callable[[], Path]
) -> Laid | None:
    """Parse with the long texts set aside; None where that cannot be done beyond doubt."""
    hollow = spool()
    try:
        if source.stat().st_size < LARGE:
            return None
        with source.open("rb") as file:
            runs = _runs(file)
            if not runs:
                return None
            with hollow.open("wb") as into:
                _hollow(file, runs, digest, into)
            root = xml.parse(hollow).root
            places = _places(root, names, digest, runs)
            for place, run in zip(places or (), runs, strict=places is not None):
                place.text = None
                lay_out(place, _nodes(file, run))
    except WireError:
        return None  # the document itself shall say what is wrong with it
    except OSError as error:
        raise StorageError("a stored document cannot be read") from error
    finally:
        hollow.unlink(missing_ok=True)
    return None if places is None else Laid(root)


def _runs(file: BinaryIO) -> list[_Run]:
    """Find what stands between a `>` and the next `<`, is long, and is nothing but base64."""
    found: list[_Run] = []
    scan = _Scan()
    at = 0
    while piece := file.read(_PIECE):
        position = 0
        while position < len(piece):
            position = scan.step(piece, position, at, found)
        at += len(piece)
        if len(found) > MOST:
            return []
    return found


class _Scan:
    """The state of the search between two pieces."""

    def __init__(self) -> None:
        self._start = -1
        """Where the text in hand begins; -1: none is in hand."""
        self._lines = self._padding = 0

    def step(self, piece: bytes, position: int, at: int, found: list[_Run]) -> int:
        """Go on from `position` to the end of a text or of the piece; return where it came to."""
        if self._start < 0:
            opened = piece.find(b">", position)
            if opened < 0:
                return len(piece)
            self._start, self._lines, self._padding = at + opened + 1, 0, 0
            return opened + 1
        closed = piece.find(b"<", position)
        end = len(piece) if closed < 0 else closed
        text = piece[position:end]
        if not self._plain(text):
            self._start = -1
            return end
        if closed < 0:
            return end
        if at + end - self._start >= LONG:
            found.append(_Run(self._start, at + end, self._lines))
        self._start = -1
        return end

    def _plain(self, text: bytes) -> bool:
        if text.translate(None, _PLAIN):
            return False
        self._padding += text.count(b"=")
        self._lines += text.count(b"\n")
        return self._padding <= _PADDING


def _mark(digest: Digest, number: int, run: _Run) -> str:
    """A text that stands in no document whose digest this is, with the lines of what was cut."""
    return f"depesha-{digest}-{number}" + "\n" * run.lines


def _hollow(file: BinaryIO, runs: Sequence[_Run], digest: Digest, into: BinaryIO) -> None:
    """Copy the file with a mark, and line ends, in place of each text."""
    at = 0
    for number, run in enumerate(runs):
        _copy(file, at, run.start, into)
        into.write(_mark(digest, number, run).encode("ascii"))
        at = run.end
    _copy(file, at, None, into)


def _copy(file: BinaryIO, start: int, end: int | None, into: BinaryIO) -> None:
    file.seek(start)
    left = end - start if end is not None else None
    while piece := file.read(_PIECE if left is None else min(_PIECE, left)):
        into.write(piece)
        left = left - len(piece) if left is not None else None


def _places(
    root: etree._Element, names: Collection[str], digest: Digest, runs: Sequence[_Run]
) -> list[etree._Element] | None:
    """Return the elements whose whole content is a mark, in order; None unless all are there."""
    wanted = {_mark(digest, number, run): number for number, run in enumerate(runs)}
    places: dict[int, etree._Element] = {}
    for element in root.iter(*names):
        number = wanted.get(element.text or "")
        if number is not None and not len(element):
            places[number] = element
    return [places[number] for number in range(len(runs))] if len(places) == len(runs) else None


def _nodes(file: BinaryIO, run: _Run) -> Iterator[str]:
    """Yield a text as the parser would tell it: each line end is one line feed."""
    file.seek(run.start)
    left, cut = run.end - run.start, False
    while left:
        piece = file.read(min(NODE, left))
        if not piece:
            raise OSError("the file has become shorter")
        left -= len(piece)
        plain = piece[1:] if cut and piece.startswith(b"\n") else piece
        cut = piece.endswith(b"\r")
        if plain:
            yield plain.replace(b"\r\n", b"\n").replace(b"\r", b"\n").decode("ascii")


@contextmanager
def emptied(document: Laid, names: Collection[str]) -> Iterator[None]:
    """Let an empty element stand for each long one meanwhile: for a look at everything else.

    A validator joins the nodes of a text before it looks at it. The document says the same again
    afterwards, but nothing may be verified any more: namespaces may be declared elsewhere.
    """
    long = [e for e in document.root.iter(*names) if not len(e) and _several(e)]
    moved = [(element, _stand_in(element)) for element in long]
    try:
        yield
    finally:
        for element, stand_in in moved:
            _replace(stand_in, element)


def _stand_in(element: etree._Element) -> etree._Element:
    attributes = {str(name): str(value) for name, value in element.attrib.items()}
    made = etree.Element(element.tag, attributes, cast("dict[str, str]", element.nsmap))
    line = cast("int | None", element.sourceline)
    made.sourceline = min(line or 0, _LINES)  # type: ignore[assignment]  # lxml-stubs: no type
    made.tail = element.tail
    _replace(element, made)
    return made


def _replace(old: etree._Element, new: etree._Element) -> None:
    parent = old.getparent()
    if parent is not None:
        parent.replace(old, new)


_several = etree.XPath("count(text()) > 1")
