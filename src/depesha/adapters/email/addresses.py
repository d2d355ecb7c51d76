"""Mail addresses: read strictly, written safely. Pure.

What is not plainly one address is none: a guess here would let a letter go, or a signature
count, for somebody else.
"""

from __future__ import annotations

import re
from email.errors import MessageError
from email.header import Header, decode_header, make_header
from typing import Final

from depesha.errors import WireError

_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_ANGLE: Final = re.compile(r'\s*(?:"(?:[^"\\\r\n]|\\.)*"|[^"<>@,;:()\\\r\n]*)\s*<([^<>\s]+)>\s*')
_BARE: Final = re.compile(r"\s*([^<>\s,;:()\"]+)\s*")
_LOCAL_BYTES: Final = 64
_WHOLE_BYTES: Final = 254
_LINE: Final = 76


def address(text: str) -> str:
    """Return an address in its wire form: ASCII, domain in lower case; raise `WireError`.

    A domain in another script becomes its A-label. A local part in another script is refused:
    few servers carry it (RFC 6531), and a letter must arrive.
    """
    local, at, domain = text.strip().rpartition("@")
    try:
        plain = domain.encode("ascii" if domain.isascii() else "idna").decode().lower()
    except UnicodeError as error:
        raise WireError("a mail address has an unusable domain") from error
    right = at and _LOCAL.fullmatch(local) and len(local) <= _LOCAL_BYTES
    if not right or not all(_LABEL.fullmatch(label) for label in plain.split(".")):
        raise WireError("a mail address is not in the usual form")
    whole = f"{local}@{plain}"
    if len(whole) > _WHOLE_BYTES:
        raise WireError("a mail address is too long")
    return whole


def only_address(field: str) -> str:
    """Return the one address of a From or To field; empty where it is not plainly one."""
    match = _ANGLE.fullmatch(field) or _BARE.fullmatch(field)
    if match is None:
        return ""
    try:
        return address(match[1])
    except WireError:
        return ""


def same(one: str, other: str) -> bool:
    """Tell whether two addresses are one: domains compare without case, local parts do too.

    RFC 5321 lets a server part `A@x` from `a@x`; none known does, and certificates differ in case.
    """
    return bool(one) and one.lower() == other.lower()


def domain_of(text: str) -> str:
    """Return the domain of an address in wire form."""
    return text.rpartition("@")[2]


def one_line(text: str) -> str:
    """Return text fit for a header: every control or line character becomes a blank."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def encoded(text: str, used: int = 0) -> str:
    """Return text for a header body, in encoded words where it is not plain ASCII (RFC 2047).

    `used` are the columns that the field's name takes. Continuation lines begin with a blank.
    """
    clean = one_line(text)
    if clean.isascii() and "=?" not in clean and len(clean) + used <= _LINE:
        return clean
    return Header(clean, "utf-8", maxlinelen=_LINE, header_name="x" * max(0, used - 2)).encode(
        linesep="\r\n"
    )


def mailbox(name: str, where: str) -> str:
    """Return `name <address>` for a header; `where` must be in wire form."""
    shown = one_line(name)
    if not shown:
        return where
    if not shown.isascii() or "=?" in shown:
        return f"{encoded(shown, used=10)}\r\n <{where}>"
    quoted = shown.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"\r\n <{where}>'


def decoded(field: str) -> str:
    """Return a received header as text, its encoded words read; never raises."""
    try:
        text = str(make_header(decode_header(field)))
    except (LookupError, ValueError, MessageError):
        text = field
    return one_line(text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
