"""Reads CMS SignedData (RFC 5652) as it lies in a file: BER, indefinite lengths, octets in pieces.

ISDS cuts the content into 1000-byte pieces (facts 9.1), and a big message weighs 130 MB: the
content goes to a file as it is read, the rest is small. It must never judge what it reads.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

from depesha.errors import WireError

SMALL: Final = 2 * 1024 * 1024
"""Bytes of any part but the content: certificates and signer infos with their stamps."""
DEPTH: Final = 24
"""Levels within an indefinite length."""
PIECE: Final = 256 * 1024
DIGESTS: Final = {
    bytes.fromhex("06052b0e03021a"): "sha1",
    bytes.fromhex("0609608648016503040201"): "sha256",
    bytes.fromhex("0609608648016503040202"): "sha384",
    bytes.fromhex("0609608648016503040203"): "sha512",
}
"""Encoded object identifiers of the digests that are looked at."""
NULL: Final = b"\x05\0"
_SIGNED_DATA: Final = bytes.fromhex("06092a864886f70d010702")
DATA: Final = bytes.fromhex("06092a864886f70d010701")
TST_INFO: Final = bytes.fromhex("060b2a864886f70d0109100104")
_INTEGER, _OCTETS, _PIECES, _OID, _SEQUENCE, _SET = 0x02, 0x04, 0x24, 0x06, 0x30, 0x31
_FIRST, _SECOND = 0xA0, 0xA1
_CONSTRUCTED: Final = 0x20
_HIGH_TAG: Final = 0x1F
_INDEFINITE: Final = 0x80
_LENGTH_BYTES: Final = 6


class ContentBroken(WireError):  # noqa: N818 -- a fault of one part, told apart from the rest
    """The octets of the content are not laid out as they must be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """One signer info, taken apart but not understood: raw encodings."""

    version: int
    sid: bytes
    digest_algorithm: bytes
    attributes: bytes
    """The signed attributes with their outer tag; empty where there are none."""
    signature_algorithm: bytes
    signature: bytes
    unsigned: bytes
    """The unsigned attributes with their outer tag; empty where there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedFile:
    """A SignedData taken apart; its content lies where it was written."""

    version: int
    content_type: bytes
    """Encoded object identifier."""
    size: int
    digests: dict[str, bytes] = field(repr=False)
    """Of the content, by each digest that the file names before it."""
    certificates: tuple[bytes, ...] = field(repr=False)
    signers: tuple[Signer, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Head:
    tag: int
    end: int | None
    """Where the value ends; None for an indefinite length."""


class _Reader:
    """Reads tags and lengths one after the other."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        file.seek(0, 2)
        self._whole = file.tell()
        file.seek(0)
        self.at = 0

    def take(self, count: int) -> bytes:
        found = self._file.read(count)
        if len(found) != count:
            raise WireError("a signed file ends too early")
        self.at += count
        return found

    def peek(self) -> int:
        """Return the next tag without taking it; -1 at the end."""
        found = self._file.read(1)
        self._file.seek(self.at)
        return found[0] if found else -1

    def head(self) -> _Head:
        """Take a tag and a length."""
        tag, first = self.take(2)
        if tag & _HIGH_TAG == _HIGH_TAG:
            raise WireError("a signed file holds an unknown tag")
        if first < _INDEFINITE:
            return _Head(tag, self._ending(first))
        if first == _INDEFINITE:
            if not tag & _CONSTRUCTED:
                raise WireError("a signed file holds a value without an end")
            return _Head(tag, None)
        count = first - _INDEFINITE
        if count > _LENGTH_BYTES:
            raise WireError("a length in a signed file is too large")
        return _Head(tag, self._ending(int.from_bytes(self.take(count), "big")))

    def _ending(self, length: int) -> int:
        if self.at + length > self._whole:
            raise WireError("a signed file ends too early")
        return self.at + length

    def enter(self, *tags: int) -> _Head:
        """Take the head of an element that must have one of these tags."""
        head = self.head()
        if head.tag not in tags:
            raise WireError("a signed file is not laid out as CMS prescribes")
        return head

    def more(self, head: _Head) -> bool:
        """Tell whether an element holds another one."""
        return self.at < head.end if head.end is not None else self.peek() != 0

    def leave(self, head: _Head) -> None:
        """Come to the end of an element, and of nothing else."""
        if head.end is None:
            if self.take(2) != b"\0\0":
                raise WireError("a signed file is not laid out as CMS prescribes")
        elif self.at != head.end:
            raise WireError("a length in a signed file does not fit")

    def element(self, *tags: int, depth: int = 0) -> bytes:
        """Take a small element whole, as it is encoded."""
        start = self.at
        head = self.enter(*tags) if tags else self.head()
        if head.end is not None:
            if head.end - start > SMALL:
                raise WireError("a part of a signed file is too large")
            self.take(head.end - self.at)
            return self._since(start)
        if depth >= DEPTH:
            raise WireError("a signed file is nested too deeply")
        while self.more(head):
            self.element(depth=depth + 1)
            if self.at - start > SMALL:
                raise WireError("a part of a signed file is too large")
        self.leave(head)
        return self._since(start)

    def _since(self, start: int) -> bytes:
        self._file.seek(start)
        return self._file.read(self.at - start)

    def octets(self, into: BinaryIO, digests: dict[str, Any], depth: int = 0) -> int:
        """Copy an octet string, whole or in pieces, and return its size."""
        head = self.enter(_OCTETS, _PIECES)
        size = 0
        if head.tag == _OCTETS:
            size = left = (head.end or self.at) - self.at
            while left:
                piece = self.take(min(left, PIECE))
                left -= len(piece)
                into.write(piece)
                for digest in digests.values():
                    digest.update(piece)
            return size
        if depth > 1:
            raise WireError("a signed file is nested too deeply")
        while self.more(head):
            size += self.octets(into, digests, depth + 1)
        self.leave(head)
        return size

    def at_end(self) -> bool:
        return self.at == self._whole


def read_signed(file: BinaryIO, content: BinaryIO) -> SignedFile:
    """Take a SignedData apart, its content into `content`.

    Raises `ContentBroken` where the octets of the content are wrong, `WireError` for the rest.
    """
    reader = _Reader(file)
    outer = reader.enter(_SEQUENCE)
    if reader.element(_OID) != _SIGNED_DATA:
        raise WireError("the file is no signed file")
    explicit = reader.enter(_FIRST)
    signed = reader.enter(_SEQUENCE)
    version = _number(reader.element(_INTEGER))
    digests = _digests(reader)
    content_type, size = _content(reader, content, digests)
    certificates: tuple[bytes, ...] = ()
    if reader.peek() == _FIRST:
        certificates = _members(reader, _FIRST)
    if reader.peek() == _SECOND:
        reader.element(_SECOND)  # revocation lists: taken from elsewhere
    infos = reader.enter(_SET)
    signers = []
    while reader.more(infos):
        signers.append(_signer(reader))
    for head in (infos, signed, explicit, outer):
        reader.leave(head)
    if not reader.at_end():
        raise WireError("a signed file is followed by something")
    return SignedFile(
        version=version,
        content_type=content_type,
        size=size,
        digests={name: digest.digest() for name, digest in digests.items()},
        certificates=certificates,
        signers=tuple(signers),
    )


def _digests(reader: _Reader) -> dict[str, Any]:
    found = {}
    for each in _members(reader, _SET):
        name = digest_name(each)
        found[name] = hashlib.new(name, usedforsecurity=False)
    return found


def digest_name(algorithm: bytes) -> str:
    """Return the digest that an encoded algorithm names, with NULL or without parameters."""
    told = value_of(algorithm).removesuffix(NULL)
    if algorithm[0] != _SEQUENCE or told not in DIGESTS:
        raise WireError("a signed file names an unknown digest")
    return DIGESTS[told]


def attributes_of(encoded: bytes) -> tuple[tuple[bytes, tuple[bytes, ...]], ...]:
    """Return the attributes of a set: encoded identifier, encoded values. Raises `WireError`."""
    reader = _Reader(io.BytesIO(encoded))
    head = reader.head()
    found = []
    while reader.more(head):
        one = reader.enter(_SEQUENCE)
        found.append((reader.element(_OID), _members(reader, _SET)))
        reader.leave(one)
    reader.leave(head)
    if not reader.at_end():
        raise WireError("attributes of a signed file are followed by something")
    return tuple(found)


def _content(reader: _Reader, into: BinaryIO, digests: dict[str, Any]) -> tuple[bytes, int]:
    encapsulated = reader.enter(_SEQUENCE)
    content_type = reader.element(_OID)
    explicit = reader.enter(_FIRST)
    try:
        size = reader.octets(into, digests)
        reader.leave(explicit)
        reader.leave(encapsulated)
    except WireError as error:
        raise ContentBroken(error.public) from error
    return content_type, size


def _members(reader: _Reader, tag: int) -> tuple[bytes, ...]:
    head = reader.enter(tag)
    found = []
    while reader.more(head):
        found.append(reader.element())
    reader.leave(head)
    return tuple(found)


def _signer(reader: _Reader) -> Signer:
    head = reader.enter(_SEQUENCE)
    version, sid = _number(reader.element(_INTEGER)), reader.element()
    digest = reader.element(_SEQUENCE)
    attributes = reader.element(_FIRST) if reader.peek() == _FIRST else b""
    algorithm, signature = reader.element(_SEQUENCE), reader.element(_OCTETS)
    unsigned = reader.element(_SECOND) if reader.more(head) else b""
    reader.leave(head)
    return Signer(
        version=version,
        sid=sid,
        digest_algorithm=digest,
        attributes=attributes,
        signature_algorithm=algorithm,
        signature=value_of(signature),
        unsigned=unsigned,
    )


def _number(encoded: bytes) -> int:
    return int.from_bytes(value_of(encoded), "big", signed=True)


def value_of(encoded: bytes) -> bytes:
    """Return the value of an element of definite length."""
    first = encoded[1]
    if first < _INDEFINITE:
        return encoded[2:]
    if first == _INDEFINITE:
        raise WireError("a signed file holds a value without an end")
    return encoded[2 + first - _INDEFINITE :]
