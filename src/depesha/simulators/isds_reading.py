"""How the simulated ISDS reads a request: leniently, as the real one does (facts 2).

An empty element counts as not given, order does not matter. It judges single values only.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import pybase64
from lxml import etree

from depesha.schemas.wire.isds import V20, XOP, XSI
from depesha.simulators.isds_pieces import PRAGUE
from depesha.simulators.isds_store import FileStore
from depesha.simulators.isds_words import RefusalError

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}")
_TRUE: Final = frozenset({"true", "1"})
_FALSE: Final = frozenset({"false", "0"})
_INCLUDE: Final = f"{{{XOP}}}Include"
_PART: Final = 4 * 192 * 1024
"""Characters decoded at once: a multiple of four."""


class Call:
    """An element of a request and the binary parts that came beside it."""

    def __init__(self, element: etree._Element, parts: Mapping[str, Path]) -> None:
        self._element = element
        self._parts = parts

    @property
    def name(self) -> str:
        """Local name."""
        return etree.QName(self._element).localname

    @property
    def in_service(self) -> bool:
        """Whether it stands in the service's namespace."""
        return etree.QName(self._element).namespace == V20

    def attribute(self, name: str) -> str:
        """Return an attribute, empty where it is missing."""
        return self._element.get(name, "")

    def child(self, name: str) -> Call | None:
        """Return the first child of that name."""
        found = self._element.find(f"{{{V20}}}{name}")
        return None if found is None else Call(found, self._parts)

    def children(self, *names: str) -> list[Call]:
        """Return the children of these names in order."""
        tags = {f"{{{V20}}}{name}" for name in names}
        return [Call(child, self._parts) for child in self._element if child.tag in tags]

    def text(self, name: str) -> str | None:
        """Return a child's text; nil, empty and missing are None."""
        found = self._element.find(f"{{{V20}}}{name}")
        if found is None or found.get(f"{{{XSI}}}nil") in _TRUE:
            return None
        return found.text or None

    def integer(self, name: str) -> int | None:
        """Return a child's number; refuses 2010 what is none."""
        text = self.text(name)
        if text is None:
            return None
        if not _INTEGER.fullmatch(text.strip()):
            raise RefusalError("2010")
        return int(text)

    def flag(self, name: str) -> bool | None:
        """Return a child's boolean."""
        text = self.text(name)
        if text is None:
            return None
        if text.strip() not in _TRUE | _FALSE:
            raise RefusalError("2010")
        return text.strip() in _TRUE

    def moment(self, name: str) -> datetime | None:
        """Return a child's date-time; without an offset it is Prague's; refuses 2017."""
        text = self.text(name)
        if text is None:
            return None
        try:
            value = datetime.fromisoformat(text.strip())
        except ValueError:
            raise RefusalError("2017") from None
        return value if value.tzinfo else value.replace(tzinfo=PRAGUE)

    def content(self, files: FileStore) -> Path:
        """Return a file with this element's bytes: a part that came beside, or base64 within.

        An XML content is kept as its text. Refuses 2010 what is neither.
        """
        inner = self._element.find(f"{{{V20}}}dmXMLContent")
        if inner is not None and len(inner):
            return files.put(etree.tostring(inner[0], encoding="utf-8", with_tail=False))
        return self._binary(f"{{{V20}}}dmEncodedContent", files)

    def paper(self, name: str, files: FileStore) -> Path:
        """Return a file with the bytes of a child."""
        return self._binary(f"{{{V20}}}{name}", files)

    def _binary(self, tag: str, files: FileStore) -> Path:
        element = self._element.find(tag)
        if element is None:
            raise RefusalError("2010")
        include = element.find(_INCLUDE)
        if include is not None:
            name = unquote(include.get("href", "").removeprefix("cid:"))
            if name not in self._parts:
                raise RefusalError("2010")
            return self._parts[name]
        path = files.fresh()
        text = re.sub(r"\s+", "", element.text or "")
        try:
            with path.open("wb") as file:
                for start in range(0, len(text), _PART):
                    file.write(pybase64.b64decode(text[start : start + _PART], validate=True))
        except (binascii.Error, ValueError):
            path.unlink()
            raise RefusalError("2010") from None
        return path
