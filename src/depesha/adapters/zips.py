"""Reads a zip by its own directory, within caps, believing nothing it says about itself.

The standard library accepts overlapping entries and two names for one body; readers differ in
which of two contradicting headers they follow, and that is where harm hides. Here a zip that
contradicts itself is unsafe. Nothing is ever written anywhere.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from depesha.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from mmap import mmap

    Bytes = bytes | mmap

_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_COMMENT = 65_535
_MAX16, _MAX32 = 0xFFFF, 0xFFFFFFFF
_ENCRYPTED_FLAGS = 0x2041
"""Bits 0 (encrypted), 6 (strong) and 13 (directory masked)."""
_SIZES_FOLLOW = 0x0008
_LOCAL_MARK, _CENTRAL_MARK, _END_MARK = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_STORED, _DEFLATED, _AES = 0, 8, 99
_CHUNK = 256 * 1024
_BAD_PATH = re.compile(r"(?:^|[/\\])\.\.(?:[/\\]|$)|^[/\\]|^[A-Za-z]:|\x00")
_SYMLINK = 0xA000
_FILE_KIND = 0xF000


class UnsafeArchiveError(WireError):
    """The archive breaks a cap or contradicts itself; `rule` is the word for `ArchiveFacts`."""

    def __init__(self, rule: str) -> None:
        super().__init__("an archive is unsafe to open")
        self.rule = rule


class UnreadableArchiveError(WireError):
    """The archive is damaged or of a make that cannot be looked into."""


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of the directory."""

    name: str
    raw_name: bytes
    flags: int
    method: int
    packed: int
    size: int
    offset: int
    """Of its local header, from the start of the data."""
    mode: int

    @property
    def encrypted(self) -> bool:
        """True where its bytes cannot be read without a password."""
        return bool(self.flags & _ENCRYPTED_FLAGS) or self.method == _AES


class Zip:
    """A zip's members, their bodies proven to lie side by side; sizes are proven on reading."""

    def __init__(self, data: Bytes, max_members: int) -> None:
        """Read the directory; raise `UnsafeArchiveError` or `UnreadableArchiveError`."""
        self._data = data
        try:
            count, start, size, shift = _find_directory(data)
            if count > max_members:
                raise UnsafeArchiveError("count")
            self.members = _members(data, count, start, size, shift)
            self._bodies = self._lay_out(start)
            if data[:4] == _LOCAL_MARK:
                self._lay_bare(start)
                _judge_tail(data)
        except (struct.error, ValueError, OverflowError) as error:
            raise UnreadableArchiveError("the zip's directory cannot be read") from error
        self.names = {member.name: member for member in self.members}
        if len(self.names) != len(self.members):
            raise UnsafeArchiveError("lies")

    def _lay_out(self, end: int) -> dict[str, int]:
        """Check every local header and that no two entries share bytes; return body offsets."""
        bodies: dict[str, int] = {}
        free = 0
        for member in sorted(self.members, key=lambda each: each.offset):
            if member.offset < free:
                raise UnsafeArchiveError("overlap")
            body = _body(self._data, member)
            free = body + member.packed
            if free > end:
                raise UnsafeArchiveError("lies")
            bodies[member.name] = body
        return bodies

    def _lay_bare(self, end: int) -> None:
        """Refuse bodies that the directory does not name: other readers would find them."""
        free = 0
        for member in sorted(self.members, key=lambda each: each.offset):
            if self._data.find(_LOCAL_MARK, free, member.offset) >= 0:
                raise UnsafeArchiveError("lies")
            free = self._bodies[member.name] + member.packed
        if self._data.find(_LOCAL_MARK, free, end) >= 0:
            raise UnsafeArchiveError("lies")

    def chunks(self, member: Member) -> Iterator[bytes]:
        """Yield a member's content; raise once it is not exactly what the directory says."""
        body = self._bodies[member.name]
        if member.packed == member.size == 0:
            return
        if member.method == _STORED:
            if member.packed != member.size:
                raise UnsafeArchiveError("lies")
            for at in range(body, body + member.packed, _CHUNK):
                yield self._data[at : min(at + _CHUNK, body + member.packed)]
            return
        if member.method != _DEFLATED:
            raise UnreadableArchiveError("a member is packed in a way not known here")
        yield from self._inflate(member, body)

    def _inflate(self, member: Member, body: int) -> Iterator[bytes]:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        left = member.size
        at, end = body, body + member.packed
        pending = b""
        try:
            while not inflater.eof and (at < end or pending):
                if not pending:
                    pending = self._data[at : min(at + _CHUNK, end)]
                    at += len(pending)
                out = inflater.decompress(pending, min(left + 1, _CHUNK))
                pending = inflater.unconsumed_tail
                left -= len(out)
                if left < 0:
                    raise UnsafeArchiveError("lies")
                if out:
                    yield out
        except zlib.error as error:
            raise UnreadableArchiveError("a member is damaged") from error
        if not inflater.eof:
            raise UnreadableArchiveError("a member is cut off")
        if left:
            raise UnsafeArchiveError("lies")

    def read(self, name: str, bound: int) -> bytes:
        """Return a whole small member; empty where it is absent, encrypted or past `bound`."""
        member = self.names.get(name)
        if member is None or member.encrypted or member.size > bound:
            return b""
        return b"".join(self.chunks(member))


def is_hidden_in(data: Bytes) -> bool:
    """Tell whether a file of another kind can be opened as a zip too: its directory is found."""
    at = data.rfind(_END_MARK, max(0, len(data) - _COMMENT - _END.size))
    if at < 0 or len(data) - at < _END.size:
        return False
    size = _END.unpack(data[at : at + _END.size])[5]
    return size > 0 and data[max(0, at - size) : max(0, at - size) + 4] == _CENTRAL_MARK


def _judge_tail(data: Bytes) -> None:
    """Refuse a zip with something else behind its end, or another document in its remark."""
    at = data.rfind(_END_MARK, max(0, len(data) - _COMMENT - _END.size))
    remark = _END.unpack(data[at : at + _END.size])[7]
    end = at + _END.size + remark
    behind = data[end:].strip(b"\x00 \t\r\n")
    if behind or b"%PDF-" in data[at + _END.size : end]:
        raise UnsafeArchiveError("lies")


def _find_directory(data: Bytes) -> tuple[int, int, int, int]:
    """Return entry count, start and size of the directory, and the shift of all offsets."""
    at = data.rfind(b"PK\x05\x06", max(0, len(data) - _COMMENT - _END.size))
    if at < 0:
        raise UnreadableArchiveError("the zip has no directory")
    _, disk, first_disk, here, count, size, offset, _ = _END.unpack(data[at : at + _END.size])
    end = at
    if _MAX16 in {here, count} or _MAX32 in {size, offset}:
        locator_at = at - _END64_LOCATOR.size
        mark, _, end64_at, _ = _END64_LOCATOR.unpack(data[max(0, locator_at) : at])
        if mark != b"PK\x06\x07":
            raise UnreadableArchiveError("the zip's directory cannot be found")
        fields = _END64.unpack(data[end64_at : end64_at + _END64.size])
        if fields[0] != b"PK\x06\x06":
            raise UnreadableArchiveError("the zip's directory cannot be found")
        _, _, _, _, disk, first_disk, here, count, size, offset = fields
        end = end64_at
    if disk or first_disk or here != count:
        raise UnreadableArchiveError("the zip is a part of several")
    start = end - size
    shift = start - offset
    if start < 0 or shift < 0:
        raise UnsafeArchiveError("lies")
    return count, start, size, shift


def _members(data: Bytes, count: int, start: int, size: int, shift: int) -> list[Member]:
    members: list[Member] = []
    at, end = start, start + size
    while at < end:
        if len(members) >= count:
            raise UnsafeArchiveError("lies")
        fields = _CENTRAL.unpack(data[at : at + _CENTRAL.size])
        if fields[0] != b"PK\x01\x02":
            raise UnreadableArchiveError("the zip's directory is damaged")
        name_at = at + _CENTRAL.size
        extra_at = name_at + fields[10]
        at = extra_at + fields[11] + fields[12]
        raw_name = data[name_at:extra_at]
        extra = data[extra_at : extra_at + fields[11]]
        unpacked, packed, offset = _wide(extra, fields[9], fields[8], fields[16])
        encoding = "utf-8" if fields[3] & 0x800 else "cp437"
        name = raw_name.decode(encoding, errors="replace")
        if _BAD_PATH.search(name):
            raise UnsafeArchiveError("path")
        member = Member(
            name=name,
            raw_name=raw_name,
            flags=fields[3],
            method=fields[4],
            packed=packed,
            size=unpacked,
            offset=offset + shift,
            mode=fields[15] >> 16,
        )
        if member.mode & _FILE_KIND == _SYMLINK:
            raise UnsafeArchiveError("path")
        members.append(member)
    if len(members) != count:
        raise UnsafeArchiveError("lies")
    return members


def _wide(extra: bytes, unpacked: int, packed: int, offset: int) -> tuple[int, int, int]:
    """Replace full 32-bit fields by those of the zip64 extra field, in their fixed order."""
    values = [unpacked, packed, offset]
    if _MAX32 not in values:
        return unpacked, packed, offset
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            field = extra[at + 4 : at + 4 + length]
            wide = iter(struct.unpack(f"<{len(field) // 8}Q", field[: len(field) // 8 * 8]))
            values = [next(wide, v) if v == _MAX32 else v for v in values]
            return values[0], values[1], values[2]
        at += 4 + length
    raise UnreadableArchiveError("the zip's large sizes are missing")


def _body(data: Bytes, member: Member) -> int:
    """Return where a member's bytes begin; its two headers must tell the same story."""
    head_end = member.offset + _LOCAL.size
    fields = _LOCAL.unpack(data[member.offset : head_end])
    mark, _, flags, method, _, _, _, packed, size, name_length, extra_length = fields
    name = data[head_end : head_end + name_length]
    same = (
        mark == b"PK\x03\x04"
        and name == member.raw_name
        and method == member.method
        and flags & _ENCRYPTED_FLAGS == member.flags & _ENCRYPTED_FLAGS
    )
    sized = flags & _SIZES_FOLLOW or _MAX32 in {packed, size}
    if not same or not (sized or (packed == member.packed and size == member.size)):
        raise UnsafeArchiveError("lies")
    return head_end + int(name_length) + int(extra_length)
