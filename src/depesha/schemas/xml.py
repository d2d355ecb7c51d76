"""The only XML parser of the house: no DTD, no entities, no network, size and depth caps.

Everything that reads XML from outside goes through here. It must never resolve anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from lxml import etree

from depesha.errors import WireError

if TYPE_CHECKING:
    from pathlib import Path

DEPTH = 64
"""Levels of elements: the deepest known message has eleven."""
ELEMENTS = 200_000
"""Elements in one document: the whole participants' register has about 30,000."""


@dataclass(slots=True)
class Document:
    """A parsed document; the tree is the very one that is verified and then read."""

    root: etree._Element


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        remove_comments=True,
        remove_pis=True,
        huge_tree=True,
    )


def parse(source: bytes | Path) -> Document:
    """Parse bytes, or a file without reading it into memory first.

    Raises `WireError` for what is not well-formed, has a DTD, or passes the caps. Comments and
    processing instructions are dropped, so that no text node can be split by one.
    """
    try:
        if isinstance(source, bytes):
            root = etree.fromstring(source, _parser())
        else:
            root = etree.parse(str(source), _parser()).getroot()
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise WireError("the document is not well-formed XML") from error
    _judge(root)
    return Document(root)


def _judge(root: etree._Element) -> None:
    doctype: object | None = root.getroottree().docinfo.internalDTD
    if doctype is not None:
        raise WireError("the document carries a DTD")
    depth = 0
    count = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        if event == "end":
            depth -= 1
            continue
        depth += 1
        count += 1
        if depth > DEPTH:
            raise WireError("the document is nested too deeply")
        if count > ELEMENTS:
            raise WireError("the document has too many elements")


def write_text(element: etree._Element, into: BinaryIO) -> None:
    """Write the text of an element as UTF-8 without making one large string of it."""
    etree.ElementTree(element).write(into, method="text", encoding="utf-8", with_tail=False)
