"""SOAP messages with binary parts of the simulated SSEV: multipart/related in and out (facts 7.1).

In memory and simple: the service's own limit is 50 MiB. It looks into no part.
"""

from __future__ import annotations

from email.message import Message as Headers
from typing import Final
from urllib.parse import unquote

from lxml import etree

from depesha.errors import WireError
from depesha.schemas.wire.ssev import XOP

ROOT: Final = "http://tempuri.org/0"


def split(content_type: str, body: bytes) -> tuple[bytes, dict[str, bytes]]:
    """Return the envelope and the parts by content id; plain text/xml has none."""
    header = Headers()
    header["Content-Type"] = content_type
    if header.get_content_type() != "multipart/related":
        return body, {}
    boundary = header.get_param("boundary")
    start = header.get_param("start")
    if not isinstance(boundary, str):
        raise WireError("the message names no boundary")
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("ascii"))
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):  # noqa: PLR2004 -- before, one, after
        raise WireError("the message is not closed")
    parts = [_part(piece) for piece in pieces[1:-1]]
    wanted = start.strip("<>") if isinstance(start, str) else parts[0][0]
    found = dict(parts)
    return found.pop(wanted), found


def _part(piece: bytes) -> tuple[str, bytes]:
    head, blank, content = piece.partition(b"\r\n\r\n")
    if not blank:
        raise WireError("a part has no header")
    names = (line.partition(":") for line in head.decode("latin-1").split("\r\n"))
    fields = {name.strip().lower(): value.strip() for name, _, value in names}
    return fields.get("content-id", "").strip("<>"), content


def included(element: etree._Element, parts: dict[str, bytes]) -> bytes | None:
    """Return the bytes that an element includes by reference, or None where it does not."""
    include = element.find(f"{{{XOP}}}Include")
    if include is None:
        return None
    name = unquote(include.get("href", "").removeprefix("cid:"))
    try:
        return parts[name]
    except KeyError:
        raise WireError("a part is missing") from None


class Parts:
    """Collects binary content while an answer is written."""

    def __init__(self, inline_below: int) -> None:
        self.inline_below = inline_below
        self._contents: list[bytes] = []

    def add(self, content: bytes) -> str:
        """Keep a part; return its content id."""
        self._contents.append(content)
        return f"http://tempuri.org/{len(self._contents)}/638000000000000000"

    def join(self, envelope: bytes, boundary: str) -> tuple[str, bytes]:
        """Return content type and body of the whole answer."""
        kind = 'application/xop+xml;charset=utf-8;type="text/xml"'
        body = bytearray(_head(boundary, ROOT, "8bit", kind) + envelope)
        for number, content in enumerate(self._contents, 1):
            name = f"http://tempuri.org/{number}/638000000000000000"
            body += b"\r\n" + _head(boundary, name, "binary", "application/octet-stream")
            body += content
        body += f"\r\n--{boundary}--\r\n".encode()
        return (
            f'multipart/related; type="application/xop+xml";start="<{ROOT}>"'
            f';boundary="{boundary}";start-info="text/xml"'
        ), bytes(body)


def _head(boundary: str, name: str, encoding: str, kind: str) -> bytes:
    return (
        f"--{boundary}\r\nContent-ID: <{name}>\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\nContent-Type: {kind}\r\n\r\n"
    ).encode()
