"""Looks into PDF and RTF for passwords and hidden programs. Pure; parses neither whole."""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING

from depesha.adapters.filetypes import OLE_MAGIC
from depesha.adapters.mapped import matches

if TYPE_CHECKING:
    from depesha.adapters.zips import Bytes

_ENCRYPT = re.compile(rb"/Encrypt\s*(?:\d+\s+\d+\s+R|<<)")
_OBJECT_BYTES = 8 * 1024 * 1024
_OBJECTS = 1000
_HEX = re.compile(rb"[0-9a-fA-F\s]+")
_PROGRAMS = (
    b"Package\x00",
    b"Equation.",
    b"Shell.Explorer",
    b"ScriptBridge",
    b"htmlfile",
    b"OLE2Link",
    "_VBA_PROJECT".encode("utf-16-le"),
    "Ole10Native".encode("utf-16-le"),
)
"""What embedded objects that run something are made of."""


def pdf_encrypted(data: Bytes) -> bool:
    """Tell whether a PDF asks for a password (its trailer is never compressed itself)."""
    return any(True for _ in matches(_ENCRYPT, b"/Encrypt", data))


def rtf_programs(data: Bytes) -> bool:
    r"""Tell whether an RTF carries an embedded object that can run (AVM-03).

    Objects that are pictures of tables pass; one that hides its bytes among control words, or
    that is linked to somewhere, does not.
    """
    if data.find(b"\\objupdate") >= 0 or data.find(b"\\objautlink") >= 0:
        return True
    at = data.find(b"\\objdata")
    for _ in range(_OBJECTS):
        if at < 0:
            return False
        end = data.find(b"}", at)
        if end < 0 or end - at > _OBJECT_BYTES or _runs(data[at + 8 : end]):
            return True
        at = data.find(b"\\objdata", end)
    return True  # nobody writes that many by hand


def _runs(body: bytes) -> bool:
    if _HEX.fullmatch(body) is None:
        return True
    digits = b"".join(body.split())
    content = binascii.unhexlify(digits[: len(digits) // 2 * 2])
    if any(mark in content for mark in _PROGRAMS):
        return True
    return OLE_MAGIC not in content
