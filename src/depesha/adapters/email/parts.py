"""Builds the parts of a mail: text, files with their names in every usual form, containers. Pure.

No text from outside ever becomes a header; everything is seven bits with CRLF line ends.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

import pybase64

from depesha.adapters.email.addresses import encoded

_MEDIA: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}")
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9._ ()+,@-]{1,60}")
_PIECE: Final = 60
"""Characters of one piece of a long parameter (RFC 2231, 3)."""


def mixed(parts: list[bytes], boundary: str) -> bytes:
    """Return a multipart/mixed of parts that come with their own headers."""
    start = f'Content-Type: multipart/mixed;\r\n boundary="{boundary}"\r\n\r\n'.encode()
    line = f"--{boundary}\r\n".encode()
    body = b"".join(line + part for part in parts)
    return start + body + f"--{boundary}--\r\n".encode()


def boundary_for(name: str) -> str:
    """Return a boundary that the mail's name decides; base64 can never contain it."""
    return "=_" + hashlib.sha256(name.encode()).hexdigest()[:40]


def text_part(text: str) -> bytes:
    """Return the part that people read."""
    head = (
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        "Content-Disposition: inline\r\n\r\n"
    )
    return head.encode() + _base64(text.replace("\n", "\r\n").encode())


def file_part(name: str, media_type: str, content: bytes) -> bytes:
    """Return an enclosed file; a media type in bad form, or one of containers, is not kept."""
    kind = media_type.split(";", maxsplit=1)[0].strip().lower()
    if _MEDIA.fullmatch(kind) is None or kind.startswith(("multipart/", "message/")):
        kind = "application/octet-stream"
    head = (
        f"Content-Type: {kind};\r\n {_name_parameter(name)}\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: attachment{_filename_parameter(name)}\r\n\r\n"
    )
    return head.encode("ascii") + _base64(content)


def _base64(content: bytes) -> bytes:
    return pybase64.encodebytes(content).replace(b"\n", b"\r\n")


def _name_parameter(name: str) -> str:
    """The old way, which every mail program knows: encoded words in quotes."""
    if _PLAIN_NAME.fullmatch(name):
        return f'name="{name}"'
    return 'name="' + encoded(name, used=8) + '"'


def _filename_parameter(name: str) -> str:
    """The standard way (RFC 2231), in pieces so that no line grows long."""
    if _PLAIN_NAME.fullmatch(name):
        return f';\r\n filename="{name}"'
    packed = quote(name, safe="")
    pieces = list(_pieces(packed))
    if len(pieces) == 1:
        return f";\r\n filename*=utf-8''{packed}"
    return "".join(
        f";\r\n filename*{index}*={chr(39).join(('utf-8', '', piece)) if not index else piece}"
        for index, piece in enumerate(pieces)
    )


def _pieces(packed: str) -> Iterator[str]:
    """Cut percent-encoded text, never within a `%XX`."""
    while len(packed) > _PIECE:
        cut = _PIECE
        while "%" in packed[cut - 2 : cut]:
            cut -= 1
        yield packed[:cut]
        packed = packed[cut:]
    yield packed
