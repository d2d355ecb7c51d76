"""Reads SOAP calls as the .NET serialiser does: in order, or silently not at all (facts 7.1).

The order comes from our own schema files; nothing here acts.
"""

from __future__ import annotations

import base64
import binascii
import functools
from typing import Final

from lxml import etree

from depesha.errors import WireError
from depesha.schemas import xml
from depesha.schemas.wire.ssev import CONTRACT, CONTRACT_XSD, DATA, FOLDER, XSI
from depesha.simulators.ssev_mtom import included

_XS: Final = "{http://www.w3.org/2001/XMLSchema}"
_NIL: Final = f"{{{XSI}}}nil"


@functools.cache
def operations() -> dict[str, tuple[str, ...]]:
    """Return each operation's parameters in wire order."""
    root = xml.parse(CONTRACT_XSD).root
    found = {e.get("name", ""): _names(e) for e in root.findall(f"{_XS}element")}
    return {name: order for name, order in found.items() if not name.endswith("Response")}


@functools.cache
def members(type_: str) -> tuple[str, ...]:
    """Return a data contract's members in wire order, those of its base first."""
    root = xml.parse(FOLDER / "data-contracts.xsd").root
    found = root.find(f"{_XS}complexType[@name='{type_}']")
    if found is None:
        raise WireError("no such data contract")
    base = found.find(f".//{_XS}extension")
    before = members(base.get("base", "").rpartition(":")[2]) if base is not None else ()
    return (*before, *_names(found))


def _names(element: etree._Element) -> tuple[str, ...]:
    return tuple(e.get("name", "") for e in element.findall(f".//{_XS}sequence/{_XS}element"))


class Parameters:
    """What a call says; what stands out of order or is nil is absent."""

    def __init__(self, found: dict[str, etree._Element], parts: dict[str, bytes]) -> None:
        self._found = found
        self._parts = parts

    @classmethod
    def of_call(cls, wrapper: etree._Element, parts: dict[str, bytes]) -> Parameters:
        """Read the parameters of an operation."""
        name = etree.QName(wrapper).localname
        return cls(_in_order(wrapper, CONTRACT, operations()[name]), parts)

    def text(self, name: str) -> str:
        """Return a text, empty where absent."""
        element = self._found.get(name)
        return "" if element is None else xml.text(element)

    def number(self, name: str) -> int:
        """Return a number, 0 where absent."""
        try:
            return int(self.text(name) or 0)
        except ValueError:
            raise WireError("a number cannot be read") from None

    def flag(self, name: str) -> bool:
        """Return a boolean, False where absent."""
        return self.text(name).strip() in {"true", "1"}

    def binary(self, name: str) -> bytes:
        """Return bytes, included or inline."""
        element = self._found.get(name)
        if element is None:
            return b""
        part = included(element, self._parts)
        if part is not None:
            return part
        try:
            return base64.b64decode(xml.text(element))
        except binascii.Error:
            raise WireError("binary content cannot be read") from None

    def inner(self, name: str, type_: str) -> Parameters | None:
        """Return a nested data contract, or None."""
        element = self._found.get(name)
        if element is None:
            return None
        return Parameters(_in_order(element, DATA, members(type_)), self._parts)

    def many(self, name: str, type_: str) -> list[Parameters]:
        """Return a list of nested data contracts."""
        element = self._found.get(name)
        items = [] if element is None else element.findall(f"{{{DATA}}}{type_}")
        return [Parameters(_in_order(e, DATA, members(type_)), self._parts) for e in items]


def _in_order(
    parent: etree._Element, namespace: str, order: tuple[str, ...]
) -> dict[str, etree._Element]:
    found: dict[str, etree._Element] = {}
    position = 0
    for element in parent:
        qualified = etree.QName(element)
        if qualified.namespace != namespace or qualified.localname not in order[position:]:
            continue
        position = order.index(qualified.localname) + 1
        if element.get(_NIL) not in {"true", "1"}:
            found[qualified.localname] = element
    return found
