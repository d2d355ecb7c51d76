"""How answers leave the simulated ISDS: envelopes, faults, MTOM, all of it streamed.

It writes what it is told; files are read while they are sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from aiohttp import web

from depesha.schemas.wire.isds import SOAP11, SOAP12, V20, XOP, XSI
from depesha.simulators.isds_pieces import FilePiece, Pen, Piece, Pieces, chunks

ROOT: Final = "rootpart"
_TYPES: Final = {SOAP11: "text/xml", SOAP12: "application/soap+xml"}
UNAUTHORIZED_PAGE: Final = "<html><body><h1>401 Unauthorized</h1></body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer, ready to be sent."""

    pieces: Pieces
    content_type: str
    status: int = 200
    done: bool = False
    """Whether the operation was carried out."""
    spent: tuple[Path, ...] = ()
    """Files to be removed once it was sent."""


def enveloped(soap: str, operation: str, inner: Pieces) -> Pieces:
    """Write the envelope around what stands in the operation's response."""
    pen = Pen()
    pen.open("SOAP-ENV:Envelope", **{"xmlns_SOAP-ENV": soap})
    pen.open("SOAP-ENV:Body")
    pen.open(f"p:{operation}Response", xmlns_p=V20, xmlns_xsi=XSI)
    pen.raw(inner)
    pen.close(f"p:{operation}Response", "SOAP-ENV:Body", "SOAP-ENV:Envelope")
    return pen.done()


def plain(soap: str, pieces: Pieces, *, status: int = 200, done: bool = False) -> Answer:
    """Return an envelope as one XML document."""
    kind = f"{_TYPES[soap]}; charset=utf-8"
    return Answer(pieces=pieces, content_type=kind, status=status, done=done)


def multipart(pieces: Pieces, boundary: str, *, done: bool) -> Answer:
    """Return an envelope whose files stand beside it (facts 8.4)."""
    words: list[Piece] = []
    files: list[FilePiece] = []
    for piece in pieces:
        if isinstance(piece, bytes):
            words.append(piece)
        else:
            files.append(piece)
            href = f"cid:{len(files)}@isds.example"
            words.append(f'<xop:Include xmlns:xop="{XOP}" href="{href}"/>'.encode())
    kind = 'application/xop+xml; charset=UTF-8; type="application/soap+xml"'
    made: list[Piece] = [_head(boundary, ROOT, kind, first=True), *words]
    for number, file in enumerate(files, 1):
        made.append(_head(boundary, f"{number}@isds.example", "application/octet-stream"))
        made.append(replace(file, raw=True))
    made.append(f"\r\n--{boundary}--\r\n".encode())
    content_type = (
        f'multipart/related; start="<{ROOT}>"; type="application/xop+xml"; '
        f'boundary="{boundary}"; start-info="application/soap+xml"'
    )
    return Answer(pieces=tuple(made), content_type=content_type, done=done)


def _head(boundary: str, name: str, kind: str, *, first: bool = False) -> bytes:
    line = "" if first else "\r\n"
    return (
        f"{line}--{boundary}\r\nContent-Id: <{name}>\r\nContent-Type: {kind}\r\n"
        "Content-Transfer-Encoding: binary\r\n\r\n"
    ).encode()


def fault(soap: str, status: int, code: str, words: str) -> Answer:
    """Return a fault in the given version of SOAP, its children unqualified in 1.1."""
    if soap == SOAP12:
        inner = (
            f"<e:Code><e:Value>e:{code}</e:Value></e:Code>"
            f'<e:Reason><e:Text xml:lang="cs">{escape(words)}</e:Text></e:Reason>'
        )
    else:
        inner = f"<faultcode>{escape(code)}</faultcode><faultstring>{escape(words)}</faultstring>"
    text = f'<e:Envelope xmlns:e="{soap}"><e:Body><e:Fault>{inner}</e:Fault></e:Body></e:Envelope>'
    return plain(soap, (text.encode(),), status=status)


def page(status: int, text: str) -> Answer:
    """Return an HTML page."""
    return Answer(pieces=(text.encode(),), content_type="text/html; charset=utf-8", status=status)


async def send(request: web.Request, answer: Answer, *, cut: bool = False) -> web.StreamResponse:
    """Send an answer; with `cut` about half of it, then the connection is broken.

    A caller that has gone meanwhile hears nothing, and that is its own affair.
    """
    response = web.StreamResponse(status=answer.status)
    response.headers["Content-Type"] = answer.content_type
    if answer.status == 401:  # noqa: PLR2004 -- Unauthorized
        response.headers["WWW-Authenticate"] = 'Basic realm="ISDS"'
    if answer.status == 302:  # noqa: PLR2004 -- Found
        response.headers["Location"] = "/as/login"
    with suppress(ConnectionResetError):
        await response.prepare(request)
        parts: Iterator[bytes] = chunks(answer.pieces)
        while part := await asyncio.to_thread(next, parts, b""):
            if cut:
                await response.write(part[: len(part) // 2])
                abort(request)
                return response
            await response.write(part)
        await response.write_eof()
    return response


def abort(request: web.Request) -> None:
    """Cut the connection without a word."""
    if request.transport is not None:
        request.transport.abort()
