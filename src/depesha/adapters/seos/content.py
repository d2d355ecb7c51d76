"""Decodes an attachment: base64 out of a parsed message, whole or in pieces (facts 3.10). Pure.

The hot schema leaves `AttBody` to this decoder, so it must refuse whatever base64Binary refuses.
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Final

import pybase64

from depesha.errors import WireError
from depesha.schemas.xmlstream import texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

PIECE: Final = 1024 * 1024
"""Characters decoded at once; up to this size a content stays in memory as a whole."""
NOT_CANONICAL: Final = "AttBody: the last base64 character has bits that mean nothing"
_BLANK: Final = b" \t\r\n"


class Decoder:
    """Decodes one content; `canonical` is false afterwards where its last bits mean nothing."""

    def __init__(self, body: _Element) -> None:
        self._texts = texts(body)
        self.canonical = True

    @property
    def small(self) -> bool:
        """True where the whole content may be held in memory."""
        length = 0
        return all((length := length + len(text)) <= PIECE for text in self._texts)

    def whole(self) -> bytes:
        """Return the content; raise `WireError` where it is not base64."""
        text = "".join(self._texts)
        try:
            content = pybase64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            # Line breaks are rare, and are worth a second look only then.
            return b"".join(self.pieces())
        self._judge_end(text[-4:].encode("ascii"))
        return content

    def pieces(self) -> Iterator[bytes]:
        """Yield the content in pieces of up to 768 KiB; raise `WireError` where it is not base64.

        Pieces before the fault may have been yielded.
        """
        rest = last = b""
        for bare in self._bare_slices():
            # Padding may stand only at the very end.
            if last.endswith(b"="):
                raise WireError("an attachment is not in base64")
            piece = rest + bare
            cut = len(piece) - len(piece) % 4
            piece, rest = piece[:cut], piece[cut:]
            if piece:
                last = piece[-4:]
                yield _decode(piece)
        if rest:
            raise WireError("an attachment is not in base64")
        self._judge_end(last)

    def _bare_slices(self) -> Iterator[bytes]:
        for text in self._texts:
            for start in range(0, len(text), PIECE):
                bare = _bare(text[start : start + PIECE])
                if bare:
                    yield bare

    def _judge_end(self, quantum: bytes) -> None:
        if quantum.endswith(b"="):
            self.canonical = pybase64.b64encode(_decode(quantum)) == quantum


def _bare(text: str) -> bytes:
    try:
        return text.encode("ascii").translate(None, _BLANK)
    except UnicodeEncodeError as error:
        raise WireError("an attachment is not in base64") from error


def _decode(piece: bytes) -> bytes:
    try:
        return pybase64.b64decode(piece, validate=True)
    except (binascii.Error, ValueError) as error:
        raise WireError("an attachment is not in base64") from error
