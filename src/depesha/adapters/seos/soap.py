"""The SOAP 1.1 layer of SEOS: one string in, one string out (facts 2). Wrapping and unwrapping.

It never looks into the string, and never makes one large string of a large body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final, cast

from depesha.errors import PeerError, StorageError, WireError
from depesha.schemas import xml
from depesha.schemas.wire.seos import SERVICE
from depesha.schemas.xmlstream import stream_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lxml.etree import _Element

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
ACTION: Final = "http://services.egov.bg/messaging/IEGovService/Submit"
CONTENT_TYPE: Final = "text/xml; charset=utf-8"

_BEFORE: Final = "\ufeff \t\r\n"
"""What may stand before the inner document: a byte order mark and blanks (facts 2.3)."""
_BLANK: Final = b" \t\r\n"
_MARK: Final = b"\xef\xbb\xbf"

_BLANKS: Final = 16 * 1024
"""Most of them that are taken: as many as the parser allows before a root element."""

_DECLARATION: Final = b'<?xml version="1.0" encoding="utf-8"?>'
_OPEN: Final = _DECLARATION + f'<s:Envelope xmlns:s="{SOAP}"><s:Body>'.encode()
_CLOSE: Final = b"</s:Body></s:Envelope>"
_FAULT: Final = _OPEN + b"<s:Fault>"


def unwrap_request(body: bytes | Path, spool: Callable[[], Path]) -> bytes | Path:
    """Return the document inside a call: in memory where the body was, else in a spooled file.

    What stands before the document's first character is left out. Raises `WireError` where the
    body is no SOAP call, or `request` is absent, nil, empty or holds elements (facts 2.1).
    """
    if isinstance(body, bytes):
        document = _inner(xml.parse(body).root, "Submit", "request")
    else:
        return _unwrap_file(body, spool())
    if not document:
        raise WireError("the call carries no message")
    return document


def _unwrap_file(body: Path, into: Path) -> Path:
    path = (
        (f"{{{SOAP}}}Envelope",),
        (f"{{{SOAP}}}Body",),
        (f"{{{SERVICE}}}Submit",),
        (f"{{{SERVICE}}}request", "request"),
    )
    done = False
    try:
        with into.open("wb") as file:
            trimmed = _Trimmed(file)
            # Only `write` is ever called on it.
            done = stream_text(body, path, cast("BinaryIO", trimmed)) and trimmed.begun
    except OSError as error:
        done = False  # the last piece is written by the closing of the file
        raise StorageError("a received document cannot be spooled") from error
    finally:
        if not done:
            into.unlink(missing_ok=True)
    if not done:
        raise WireError("the call carries no message")
    return into


class _Trimmed:
    """Leaves out what stands before the document's first character."""

    def __init__(self, into: BinaryIO) -> None:
        self._into = into
        self._left_out = 0
        self.begun = False

    def write(self, piece: bytes) -> int:
        """Write on."""
        if not self.begun:
            size = len(piece)
            piece = piece.decode("utf-8").lstrip(_BEFORE).encode("utf-8")
            self._left_out += size - len(piece)
            if self._left_out > _BLANKS:
                raise WireError("too much stands before the message")
            self.begun = bool(piece)
        return self._into.write(piece)


def _inner(root: _Element, wrapper: str, part: str) -> bytes:
    """Return the text of the wrapped part; empty where it is absent, nil or empty."""
    if root.tag != f"{{{SOAP}}}Envelope":
        raise WireError("the body is not a SOAP 1.1 envelope")
    body = root.find(f"{{{SOAP}}}Body")
    call = None if body is None else body.find(f"{{{SERVICE}}}{wrapper}")
    if call is None:
        raise WireError("the envelope does not hold what the service describes")
    parts = [p for p in call if p.tag in {f"{{{SERVICE}}}{part}", part}]
    if len(parts) > 1:
        raise WireError("the text stands there twice")
    if not parts:
        return b""
    text = xml.text_bytes(parts[0])
    start = _begin(text)
    return text[start:] if start else text


def _begin(text: bytes) -> int:
    """Return where the document begins: behind a byte order mark and blanks (facts 2.3)."""
    start = 0
    while start <= _BLANKS:
        if text.startswith(_MARK, start):
            start += len(_MARK)
        elif text[start : start + 1] and text[start] in _BLANK:
            start += 1
        else:
            return start
    raise WireError("too much stands before the message")


def unwrap_answer(body: bytes) -> bytes:
    """Return the document a peer answered with; empty for absent, nil and empty (facts 2.1).

    Raises `PeerError` for a fault, `WireError` for anything that is no SOAP answer.
    """
    root = xml.parse(body.lstrip()).root
    if root.find(f"{{{SOAP}}}Body/{{{SOAP}}}Fault") is not None:
        raise PeerError("the peer answered with a SOAP fault")
    return _inner(root, "SubmitResponse", "SubmitResult")


def escape(text: bytes) -> bytes:
    """Escape UTF-8 for the text of an element."""
    text = text.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")
    # A bare carriage return would arrive as a line feed and break a signature.
    return text.replace(b"\r", b"&#13;")


def wrap_request(document: bytes) -> bytes:
    """Return the envelope of a call."""
    return _wrap(b"Submit", b"request", document)


def request_ends() -> tuple[bytes, bytes]:
    """Return what stands before and after the escaped document of a call, to stream it between."""
    before, after = _wrap(b"Submit", b"request", b"-").split(b"-</request>")
    return before, b"</request>" + after


def wrap_answer(answer: bytes) -> bytes:
    """Return the envelope of an answer; a fault made by `fault` is one already."""
    return answer if is_fault(answer) else _wrap(b"SubmitResponse", b"SubmitResult", answer)


def _wrap(wrapper: bytes, part: bytes, document: bytes) -> bytes:
    opened = b"<" + wrapper + b' xmlns="' + SERVICE.encode() + b'">'
    if document:
        inner = b"<" + part + b">" + escape(document) + b"</" + part + b">"
    else:
        inner = b"<" + part + b"/>"
    return _OPEN + opened + inner + b"</" + wrapper + b">" + _CLOSE


def fault(text: str, *, ours: bool = False) -> bytes:
    """Return a SOAP 1.1 fault with a dull text; sent with HTTP 500 (facts 7, checks 1 and 2)."""
    code = b"s:Server" if ours else b"s:Client"
    told = escape(text.encode("utf-8"))
    said = b"<faultcode>" + code + b'</faultcode><faultstring xml:lang="bg">' + told
    return _FAULT + said + b"</faultstring></s:Fault>" + _CLOSE


def is_fault(answer: bytes) -> bool:
    """Tell whether an answer's bytes are a fault of our own making."""
    return answer.startswith(_FAULT)
