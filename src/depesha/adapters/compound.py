"""Looks into old office files (OLE compound files) by their directory entries. Pure.

Entries are found by searching for their names at their fixed places, not by following the
file's own chains: office programs open files whose chains are broken, and so must we.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from depesha.schemas import mediatypes as mt

if TYPE_CHECKING:
    from depesha.adapters.zips import Bytes

_ENTRY = 128
_HITS = 10_000
"""False finds of one name after which a file is taken for what it pretends so hard to be."""
_STORAGE, _STREAM = 1, 2
_TYPES = (
    ("WordDocument", mt.DOC),
    ("Workbook", mt.XLS),
    ("Book", mt.XLS),
    ("PowerPoint Document", mt.PPT),
    ("__properties_version1.0", mt.MSG),
)
_MACRO_ENTRIES = ("_VBA_PROJECT", "VBA", "_VBA_PROJECT_CUR", "Macros")
_INSTALLER = bytes.fromhex("84100c0000000000c000000000000046")
"""Class id of a Windows installer package, as its root entry holds it."""
_VBA_INFO_ATOM = b"\x02\x00\x00\x04\x0c\x00\x00\x00"
"""Header of a presentation's VBAInfoAtom; its macro flag follows after four bytes."""
_FIB_MARK, _FIB_ENCRYPTED = 0xA5EC, 0x0100
_FILEPASS = b"\x2f\x00"
_START = 64
_OOXML_BY_EXTENSION = {"docx": mt.DOCX, "xlsx": mt.XLSX, "pptx": mt.PPTX}


@dataclass(frozen=True, slots=True)
class CompoundFacts:
    """What the directory of a compound file gives away."""

    kind: str
    macros: bool = False
    encrypted: bool = False


def look(data: Bytes, name: str) -> CompoundFacts:
    """Return kind, macros and encryption; `name` tells only what an encrypted package holds."""
    if _entry(data, "EncryptedPackage") >= 0:
        kind = _OOXML_BY_EXTENSION.get(mt.extension(name), mt.OLE)
        return CompoundFacts(kind=kind, encrypted=True)
    if data.find(_INSTALLER) >= 0:
        return CompoundFacts(kind=mt.MSI)
    macros = any(_entry(data, entry) >= 0 for entry in _MACRO_ENTRIES)
    for entry, kind in _TYPES:
        at = _entry(data, entry)
        if at >= 0:
            macros = macros or (kind == mt.PPT and _presentation_macros(data))
            encrypted = _encrypted(data, at, kind)
            return CompoundFacts(kind=kind, macros=macros, encrypted=encrypted)
    return CompoundFacts(kind=mt.OLE, macros=macros)


def _entry(data: Bytes, name: str) -> int:
    """Return the offset of a directory entry of this name, or -1."""
    wanted = name.encode("utf-16-le") + b"\x00\x00"
    length = struct.pack("<H", len(wanted))
    at = data.find(wanted)
    for _ in range(_HITS):
        if at < 0:
            return at
        entry = data[at : at + _ENTRY]
        placed = at % _ENTRY == 0 and len(entry) == _ENTRY
        if placed and entry[64:66] == length and entry[66] in {_STORAGE, _STREAM}:
            return at
        at = data.find(wanted, at + 1)
    return at


def _presentation_macros(data: Bytes) -> bool:
    at = data.find(_VBA_INFO_ATOM)
    for _ in range(_HITS):
        if at < 0 or data[at + 12 : at + 16] == b"\x01\x00\x00\x00":
            return at >= 0
        at = data.find(_VBA_INFO_ATOM, at + 1)
    return True


def _encrypted(data: Bytes, entry: int, kind: str) -> bool:
    """Read the password flag at the start of the main stream ([MS-DOC] FIB, [MS-XLS] FilePass)."""
    sector = struct.unpack("<L", data[entry + 116 : entry + 120])[0]
    shift = struct.unpack("<H", data[30:32])[0]
    at = (sector + 1) << min(shift, 16)
    start = data[at : at + _START]
    if len(start) < _START:
        return False
    if kind == mt.DOC:
        mark, flags = struct.unpack_from("<H8xH", start)
        return mark == _FIB_MARK and bool(flags & _FIB_ENCRYPTED)
    first_length = struct.unpack_from("<H", start, 2)[0]
    return kind == mt.XLS and start[4 + first_length : 6 + first_length] == _FILEPASS
