"""What kind of file some bytes are, by the bytes themselves. Opens nothing but a fixed head.

Own rules stand before libmagic, which cannot name signed containers, macro documents or PDFs
with junk in front. Answers are names of `schemas.mediatypes` only. It never raises for bad
bytes and never trusts a file's name, but for one thing: a text by whose name a machine would
run it is taken for what that machine would take it.
"""

from __future__ import annotations

import re
import threading

import magic

from depesha.schemas import mediatypes as mt

HEAD = 8192
"""Bytes looked at by every rule but the PDF's and the containers' own."""
_PDF_JUNK = 1024
"""Readers accept a PDF header within this distance (ISO 32000-1, annex H)."""
OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SIGNED_DATA = bytes.fromhex("06092a864886f70d0107")
"""DER of 1.2.840.113549.1.7, the arc of CMS content types; the next byte says which."""
_MAGICS = (
    (b"%PDF-", mt.PDF),
    (b"{\\rt", mt.RTF),
    (b"PK\x03\x04", mt.ZIP),
    (b"PK\x05\x06", mt.ZIP),
    (OLE_MAGIC, mt.OLE),
    (b"7z\xbc\xaf\x27\x1c", mt.SEVEN_ZIP),
    (b"Rar!\x1a\x07", mt.RAR),
    (b"MSCF\x00\x00\x00\x00", mt.CAB),
    (b"\x1f\x8b", mt.GZIP),
    (b"\x7fELF", mt.ELF),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"L\x00\x00\x00\x01\x14\x02\x00", "application/x-ms-shortcut"),
    (b"ITSF", "application/vnd.ms-htmlhelp"),
)
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_CONTROL = bytes(b for b in range(32) if b not in b"\t\n\r\x0c\x1b\x1a")
_MAIL = re.compile(
    r"^(?:received|from|to|return-path|delivered-to|mime-version|date|message-id|subject"
    r"|content-type|x-[a-z-]+):",
    re.IGNORECASE | re.MULTILINE,
)
_MAIL_LINES = 3
_HTML = re.compile(r"<(?:!doctype\s+html|html|head|body|script|iframe)\b", re.IGNORECASE)
_XML = re.compile(r"<(?:\?xml|[A-Za-z_][\w.:-]*[\s>/])")
_PROLOG = re.compile(r"(?:<\?[^>]*\?>|<!--[^>]*-->|<!DOCTYPE[^>]*>|\s)*", re.IGNORECASE)
_SVG = re.compile(r"<(?:\w+:)?svg[\s>/]")
_BLANK_LINE = re.compile(r"\r?\n\r?\n")
_TAR_MAGIC = slice(257, 262)

_local = threading.local()


def detect(head: bytes, name: str) -> str:
    """Return the media type of a file from its first `HEAD` bytes; `name` only marks scripts."""
    if not head:
        return mt.EMPTY
    return _binary(head) or _text(head, name) or _by_libmagic(head)


def _binary(head: bytes) -> str:
    for start, kind in _MAGICS:
        if head.startswith(start):
            return kind
    if head[_TAR_MAGIC] == b"ustar":
        return mt.TAR
    if head.startswith(b"MZ") and not head[:64].isascii():
        return mt.EXE
    if _cms(head):
        return mt.CMS
    return mt.PDF if b"%PDF-" in head[:_PDF_JUNK] else ""


def _cms(head: bytes) -> bool:
    """SignedData (2) and EnvelopedData (3) in DER, BER or PEM; ISDS's ZFO is the first kind."""
    if head.startswith((b"-----BEGIN PKCS7-----", b"-----BEGIN CMS-----")):
        return True
    found = head.find(_SIGNED_DATA, 0, 32)
    end = found + len(_SIGNED_DATA)
    return head.startswith(b"0") and found > 0 and head[end : end + 1] in {b"\x02", b"\x03"}


def _text(head: bytes, name: str) -> str:
    """Text is what holds no control characters; its kind is told by how it begins."""
    text = _decoded(head)
    if text is None:
        return ""
    start = text.lstrip("\ufeff \t\r\n")
    if start.startswith("#!"):
        return "text/x-shellscript"
    script = mt.SCRIPT_EXTENSIONS.get(mt.extension(name))
    return script or _marked_up(start) or _named_text(start, name)


def _marked_up(start: str) -> str:
    if _HTML.match(start):
        return mt.HTML
    if _XML.match(start):
        prolog = _PROLOG.match(start)
        root = prolog.end() if prolog else 0
        return "image/svg+xml" if _SVG.match(start, root) else mt.XML
    if len(_MAIL.findall(_BLANK_LINE.split(start[:4096], 1)[0])) >= _MAIL_LINES:
        return mt.EML
    return "application/postscript" if start.startswith("%!PS") else ""


def _named_text(start: str, name: str) -> str:
    ending = mt.extension(name)
    if ending == "csv":
        return mt.CSV
    return mt.JSON if ending == "json" and start.startswith(("{", "[")) else mt.TEXT


def _decoded(head: bytes) -> str | None:
    """Return the head as text, or None where it is none: UTF-16 by its mark, UTF-8, or 1251."""
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return head.decode(encoding, errors="replace")
    if head.translate(None, _CONTROL) != head:
        return None
    try:
        return head.decode()
    except UnicodeDecodeError as error:
        if error.start > len(head) - 4:  # a character cut by the end of the head
            return head[: error.start].decode()
    text = head.decode("windows-1251", errors="replace")
    letters = sum(c.isalpha() or c.isspace() for c in text)
    return text if letters * 2 > len(text) else None


def _by_libmagic(head: bytes) -> str:
    handle: magic.Magic | None = getattr(_local, "handle", None)
    if handle is None:  # loading costs milliseconds and a handle serves one thread at a time
        handle = _local.handle = magic.Magic(mime=True)
    try:
        kind = mt.canonical(handle.from_buffer(head))
    except magic.MagicException:
        return mt.UNKNOWN
    if kind.startswith("text/") and kind not in mt.KNOWN:
        return mt.UNKNOWN
    return kind if kind in mt.KNOWN and kind != mt.EMPTY else mt.UNKNOWN
