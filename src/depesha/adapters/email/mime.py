"""Takes a received mail apart, byte-exactly, within caps. Pure; nothing is decoded or believed.

The standard parser descends by recursion and normalises as it goes; what was signed must be seen
as it came. So the cutting is ours, and only small header blocks go to the standard library.
"""

from __future__ import annotations

import binascii
import quopri
import re
from dataclasses import dataclass, field
from email.errors import MessageError
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import Compat32
from email.utils import collapse_rfc2231_value
from typing import Final

import pybase64

from depesha.adapters.email.addresses import decoded
from depesha.errors import TooLargeError, WireError

BOUNDARY_CHARACTERS: Final = 70


class _AsItCame(Compat32):
    """Gives every field as it came: eight-bit text stays readable instead of becoming `?`."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        """Return the value unchanged."""
        del name
        return value


PARSER: Final = BytesHeaderParser(policy=_AsItCame())
"""Reads one header block."""
_NO_CHARSETS: Final = frozenset({"", "idna", "punycode", "undefined", "unicode-escape"})
"""Codecs of Python that are no charsets of mail, some of them slow on purpose-made bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How much of a mail is looked at; beyond, it is refused."""

    mail_bytes: int = 64 * 1024 * 1024
    part_bytes: int = 100 * 1024 * 1024
    """One decoded part."""
    depth: int = 12
    parts: int = 300
    """All entities, containers included."""
    header_bytes: int = 128 * 1024
    """One header block."""
    header_fields: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One MIME entity: its headers, and where its bytes lie."""

    headers: Message = field(repr=False)
    raw: bytes = field(repr=False)
    """The whole mail (shared by all entities); this one is `raw[start:end]`."""
    start: int
    body: int
    end: int
    children: tuple[Entity, ...] = ()
    closed: bool = True
    """False: a multipart without its final boundary, or with none that can be used."""

    @property
    def media_type(self) -> str:
        """In lower case, without parameters; `text/plain` where none is told."""
        return self.headers.get_content_type()

    @property
    def name(self) -> str:
        """File name as its sender wrote it, untrusted; empty where there is none."""
        return file_name(self.headers)

    def whole(self) -> bytes:
        """Return the entity's exact bytes: what a signature covers."""
        return self.raw[self.start : self.end]

    def content(self, limit: int) -> bytes:
        """Return the decoded body; raise `TooLargeError` or `WireError`."""
        if self.end - self.body > 2 * limit + 1024:
            raise TooLargeError("a part of a mail passes the permitted size")
        done = _decoded(self.raw[self.body : self.end], self.encoding)
        if len(done) > limit:
            raise TooLargeError("a part of a mail passes the permitted size")
        return done

    @property
    def encoding(self) -> str:
        """Content-Transfer-Encoding in lower case."""
        return one(self.headers, "content-transfer-encoding").strip().lower() or "7bit"


def one(headers: Message, name: str) -> str:
    """Return a field's value where it stands exactly once; empty otherwise."""
    values = headers.get_all(name, [])
    return str(values[0]) if len(values) == 1 else ""


def parameter(headers: Message, name: str, field_name: str = "content-type") -> str:
    """Return a parameter of a field; empty where it is missing or cannot be read."""
    try:
        value = headers.get_param(name, "", header=field_name)
        return collapse_rfc2231_value(value) if isinstance(value, tuple) else str(value)
    except (LookupError, ValueError, TypeError, MessageError):
        return ""  # the library stumbles over numbered pieces that contradict one another


def file_name(headers: Message) -> str:
    """Return the name a part gives itself, whichever of the usual ways it takes."""
    name = parameter(headers, "filename", "content-disposition") or parameter(headers, "name")
    return decoded(name)


def canonical(raw: bytes) -> bytes:
    """Return a mail with CRLF line ends where it came with bare LF throughout (a saved file)."""
    return raw if b"\r\n" in raw[: 64 * 1024] else raw.replace(b"\n", b"\r\n")


def parse(raw: bytes, caps: Caps) -> Entity:
    """Cut a mail with CRLF line ends; raise `TooLargeError` or `WireError`. Takes a thread."""
    if len(raw) > caps.mail_bytes:
        raise TooLargeError("a mail passes the permitted size")
    return _Cutter(raw, caps).entity(0, len(raw), 0)


class _Cutter:
    def __init__(self, raw: bytes, caps: Caps) -> None:
        self._raw = raw
        self._caps = caps
        self._seen = 0

    def entity(self, start: int, end: int, depth: int) -> Entity:
        self._seen += 1
        if self._seen > self._caps.parts or depth > self._caps.depth:
            raise TooLargeError("a mail has too many parts, or parts too deep in one another")
        headers, body = self._headers(start, end)
        if not headers.get_content_type().startswith("multipart/"):
            return Entity(headers=headers, raw=self._raw, start=start, body=body, end=end)
        places, closed = self._places(_boundary(headers), body, end)
        return Entity(
            headers=headers,
            raw=self._raw,
            start=start,
            body=body,
            end=end,
            children=tuple(self.entity(first, last, depth + 1) for first, last in places),
            closed=closed,
        )

    def _headers(self, start: int, end: int) -> tuple[Message, int]:
        raw = self._raw
        if raw.startswith(b"\r\n", start, end) or start >= end:
            return PARSER.parsebytes(b""), min(start + 2, end)
        stop = raw.find(b"\r\n\r\n", start, end)
        last = end if stop < 0 else stop + 2
        if last - start > self._caps.header_bytes:
            raise TooLargeError("the headers of a mail pass the permitted size")
        try:
            headers = PARSER.parsebytes(raw[start:last])
        except (ValueError, LookupError, MessageError) as error:
            raise WireError("the headers of a mail cannot be read") from error
        if len(headers) > self._caps.header_fields:
            raise TooLargeError("a mail has too many header fields")
        return headers, end if stop < 0 else stop + 4

    def _places(self, boundary: bytes, body: int, end: int) -> tuple[list[tuple[int, int]], bool]:
        """Return where each part begins and ends: its last CRLF belongs to the boundary."""
        if not boundary:
            return [], False
        line = re.compile(rb"\r\n--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r\n|\Z)")
        places: list[tuple[int, int]] = []
        begun = -1
        # The blank line before the body ends in the CRLF that the first boundary needs.
        for match in line.finditer(self._raw, max(0, body - 2), end):
            if begun >= 0:
                places.append((begun, max(begun, match.start())))
            if match[1]:
                return places, True
            if len(places) >= self._caps.parts:
                raise TooLargeError("a mail has too many parts")
            begun = min(match.end() + 2, end)
        if begun >= 0:
            places.append((begun, end))
        return places, False


def _boundary(headers: Message) -> bytes:
    if len(headers.get_all("content-type", [])) != 1:
        return b""
    text = parameter(headers, "boundary").rstrip()
    if not text.isascii() or not 0 < len(text) <= BOUNDARY_CHARACTERS:
        return b""
    return text.encode("ascii")


def _decoded(body: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        packed = body.translate(None, b"\r\n\t ")
        try:
            return pybase64.b64decode(packed, validate=True)
        except (binascii.Error, ValueError) as error:
            raise WireError("a part of a mail is not the base64 it says") from error
    if encoding == "quoted-printable":
        return quopri.decodestring(body)
    if encoding in {"7bit", "8bit", "binary"}:
        return body
    raise WireError("a part of a mail has an unknown encoding")


def text_of(entity: Entity, limit: int) -> str:
    """Return a text part as text, its line ends LF; unknown charsets are read as UTF-8."""
    content = entity.content(limit)
    charset = parameter(entity.headers, "charset").lower().replace("_", "-")
    try:
        text = content.decode("utf-8" if charset in _NO_CHARSETS else charset, "replace")
    except (LookupError, ValueError):
        text = content.decode("utf-8", "replace")
    return text.replace("\r\n", "\n")
