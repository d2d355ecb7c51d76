"""Attacks below the document: TLS, HTTP and SOAP. None of these may be stored as anything good."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

from depesha.simulators.seos_soap import SERVICE, SOAP
from tests.attack import raw
from tests.attack.cases import Attempt, Case, words
from tests.attack.raw import HOST, XML, chunked, post, speak
from tests.attack.stand import Came, Stand, envelope, letter

MEBIBYTE: Final = 2**20
LIMIT: Final = 160 * MEBIBYTE
BLANKS: Final = 50_000_000
LAUGHS: Final = b"".join(
    b'<!ENTITY l%d "%b">' % (n, b"&l%d;" % (n - 1) * 10 if n else b"ha") for n in range(10)
)
REFUSED: Final = words("HTTP 400", "closed")
UNREAD: Final = words("NOT_XML")


def wire(*, large: bool = True) -> Iterator[Case]:
    """Yield every case; `large` adds those of 50 MB and more."""
    yield from _tls()
    yield from _envelopes()
    yield from _requests()
    yield from _bodies()
    yield from _heads()
    yield from _lengths()
    yield from _slow()
    if large:
        yield from _large()


def _case(layer: str, name: str, why: str, attempt: Attempt, expected: frozenset[str]) -> Case:
    return Case(layer=layer, name=name, why=why, attempt=attempt, expected=expected)


# --- TLS ------------------------------------------------------------------------------------


def _tls() -> Iterator[Case]:
    async def nobody(stand: Stand) -> Came:
        context = ssl.create_default_context(cafile=str(stand.keys("bare-1").trusted))
        return await _with(stand, context)

    async def selfmade(stand: Stand) -> Came:
        context = ssl.create_default_context(cafile=str(stand.keys("bare-1").trusted))
        keys = stand.country.folder / "attacker"
        await asyncio.to_thread(stand.attacker.write, keys, "attacker")
        context.load_cert_chain(keys / "attacker.cert.pem", keys / "attacker.key.pem")
        return await _with(stand, context)

    async def plain(stand: Stand) -> Came:
        door = raw.Door(port=stand.gateway.plan.partners_port, tls=None)
        return await speak(stand, post(envelope(b"<a/>")), door=door)

    async def noise(stand: Stand) -> Came:
        door = raw.Door(port=stand.gateway.plan.partners_port, tls=None)
        return await speak(stand, bytes(range(256)) * 64, door=door)

    closed = words("closed")
    yield _case("tls", "no-certificate", "anybody may write", nobody, closed)
    yield _case("tls", "foreign-authority", "a certificate of one's own", selfmade, closed)
    yield _case("tls", "plain-http", "no TLS at all", plain, closed)
    yield _case("tls", "noise", "the handshake fails badly", noise, closed)


async def _with(stand: Stand, context: ssl.SSLContext) -> Came:
    document = stand.message(letter())
    door = raw.Door(port=stand.gateway.plan.partners_port, tls=context)
    return await speak(stand, post(envelope(document)), door=door)


# --- SOAP -----------------------------------------------------------------------------------


def _posted(body: bytes) -> Attempt:
    async def attempt(stand: Stand) -> Came:
        return await stand.post(body)

    return attempt


def _good(before: bytes = b"", around: bytes = b"", padding: int = 0) -> Attempt:
    """Send a good message in a bad envelope; the padding makes it go by way of the disk."""

    async def attempt(stand: Stand) -> Came:
        document = stand.message(letter())
        spaces = b" " * padding
        return await stand.post(envelope(document, before=before, around=around + spaces))

    return attempt


def _envelopes() -> Iterator[Case]:
    doctypes = {
        "dtd": (b"<!DOCTYPE x>", "a DTD is read at all"),
        "billion-laughs": (
            b"<!DOCTYPE x [" + LAUGHS + b"]>",
            "a kilobyte grows to gigabytes",
        ),
        "external-entity": (
            b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
            "a file of ours is read",
        ),
        "external-dtd": (b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">', "we call the attacker"),
        "parameter-entity": (
            b'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p">%p;]>',
            "we call the attacker",
        ),
    }
    used = {"billion-laughs": b"<h>&l9;</h>", "external-entity": b"<h>&e;</h>"}
    for name, (doctype, why) in doctypes.items():
        inside = used.get(name, b"")
        for suffix, padding in (("", 0), ("-large", 2 * MEBIBYTE)):
            attempt = _good(doctype, inside, padding)
            yield _case("soap", f"{name}{suffix}", why, attempt, UNREAD)
    bombs = {
        "nesting": (b"<a>" * 100_000, "the stack overflows"),
        "nesting-large": (b"<a>" * 500_000, "the stack overflows"),
        "elements": (b"<a/>" * 250_000, "the tree takes all memory"),
        "attributes": (
            b"<a " + b" ".join(b'a%d=""' % n for n in range(50_000)) + b"/>",
            "looking for doubles is quadratic",
        ),
        "attributes-large": (
            b"<a " + b" ".join(b'a%d=""' % n for n in range(150_000)) + b"/>",
            "looking for doubles is quadratic",
        ),
        "namespaces": (
            b"<a " + b" ".join(b'xmlns:n%d="urn:%d"' % (n, n) for n in range(20_000)) + b"/>",
            "looking them up is quadratic",
        ),
        "name-long": (b"<" + b"n" * 2_000_000 + b"/>", "names are kept for ever"),
    }
    for name, (around, why) in bombs.items():
        yield _case("soap", name, why, _good(around=around), UNREAD)
    yield from _shapes()


def _call(inside: bytes) -> bytes:
    return (
        b'<s:Envelope xmlns:s="'
        + SOAP.encode()
        + b'" xmlns="'
        + SERVICE.encode()
        + b'" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><s:Body>'
        + inside
        + b"</s:Body></s:Envelope>"
    )


def _shapes() -> Iterator[Case]:
    one = b"<request>&lt;a/&gt;</request>"
    shapes = {
        "no-envelope": (b"<Message/>", "a document outside any call"),
        "no-body": (b'<s:Envelope xmlns:s="' + SOAP.encode() + b'"/>', "nothing to call"),
        "other-operation": (_call(b"<Delete>" + one + b"</Delete>"), "an operation of one's own"),
        "two-requests": (_call(b"<Submit>" + one + one + b"</Submit>"), "which one is judged?"),
        "request-absent": (_call(b"<Submit/>"), "nothing is taken for something"),
        "request-nil": (_call(b'<Submit><request i:nil="true"/></Submit>'), "nil is something"),
        "request-empty": (_call(b"<Submit><request/></Submit>"), "nothing is taken for something"),
        "request-blank": (_call(b"<Submit><request> </request></Submit>"), "blanks are a message"),
        "request-not-escaped": (
            _call(b"<Submit><request><a/></request></Submit>"),
            "two readers read two texts",
        ),
        "soap-1.2": (
            _call(b"<Submit/>").replace(SOAP.encode(), b"http://www.w3.org/2003/05/soap-envelope"),
            "another protocol",
        ),
        "two-roots": (_call(b"<Submit/>") * 2, "two readers read two calls"),
        "empty": (b"", "the reader fails badly"),
        "json": (b'{"request": "x"}', "the reader fails badly"),
        "multipart": (b"--b\r\nContent-Type: text/xml\r\n\r\n<a/>\r\n--b--", "another reading"),
        "nulls": (bytes(5_000), "text ends at a zero"),
        "utf-16": (_call(b"<Submit/>").decode().encode("utf-16"), "a filter reads other letters"),
        "utf-32-large": ((_call(b" " * 400_000)).decode().encode("utf-32"), "other letters"),
        "utf-7": (b'<?xml version="1.0" encoding="utf-7"?>+ADw-x+AD4-', "other letters"),
        "overlong": (_call(b"<Submit>\xc0\xbc</Submit>"), "an overlong less-than"),
        "overlong-large": (_call(b" " * 2_000_000 + b"\xc0\xbc"), "an overlong less-than"),
        "cut": (_call(one)[:-20], "half a call is taken for a whole one"),
        "cut-large": (_call(b" " * 2_000_000)[:-20], "half a call is taken for a whole one"),
    }
    for name, (body, why) in shapes.items():
        yield _case("soap", name, why, _posted(body), UNREAD)


# --- requests -------------------------------------------------------------------------------


def _requests() -> Iterator[Case]:
    for method in (b"PUT", b"DELETE", b"TRACE", b"PATCH", b"OPTIONS", b"HEAD", b"PROPFIND"):
        request = method + b" /seos HTTP/1.1\r\n" + HOST + b"\r\n"
        name = f"method-{method.decode().lower()}"
        yield _case(
            "http", name, "an unforeseen method does something", _raw(request), words("HTTP 405")
        )
    others = {
        "method-connect": (b"CONNECT evil.example:443 HTTP/1.1\r\n" + HOST, "we are a proxy"),
        "method-garbage": (b"P@ST\x7f /seos HTTP/1.1\r\n" + HOST, "the method is not looked at"),
        "method-long": (b"A" * 100_000 + b" / HTTP/1.1\r\n" + HOST, "the method has no end"),
        "http2-preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n", "another protocol"),
        "http-0.9": (b"POST /seos\r\n", "no version, no headers"),
        "http-9.9": (b"POST /seos HTTP/9.9\r\n" + HOST, "a version nobody knows"),
        "path-long": (b"POST /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST, "it has no end"),
        "path-null": (b"POST /\x00seos HTTP/1.1\r\n" + HOST, "text ends at a zero"),
        "path-space": (b"POST /a b HTTP/1.1\r\n" + HOST, "two readers split it in two ways"),
        "path-crlf": (b"POST /a\rX: y HTTP/1.1\r\n" + HOST, "a header is smuggled in"),
    }
    for name, (start, why) in others.items():
        expected = REFUSED | words("HTTP 404", "HTTP 405", "HTTP 414", "HTTP 505", "NOT_XML")
        yield _case("http", name, why, _raw(start + b"\r\n"), expected)
    paths = (
        b"/../../../etc/passwd",
        b"//evil.example/%2e%2e/x",
        b"/%00",
        b"/seos?wsdl=../../x",
        b"http://evil.example/",
        b"/?xsd=/etc/passwd",
        b"/;/..;/x",
        b"/\xff\xfe",
    )
    for number, path in enumerate(paths, start=1):
        request = b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n"
        yield _case(
            "http",
            f"path-trick-{number}",
            f"{path.decode('latin-1')[:40]} shows a file",
            _shown(request),
            words("nothing shown"),
        )
    bad_host = b'GET /seos?wsdl HTTP/1.1\r\nHost: "><x onload=1>evil.example\r\n\r\n'
    yield _case(
        "http",
        "host-into-wsdl",
        "what we serve carries the attacker's markup",
        _shown(bad_host),
        words("nothing shown"),
    )
    yield from _expectations()


def _raw(*pieces: bytes | float, hang_up: bool = False) -> Attempt:
    async def attempt(stand: Stand) -> Came:
        return await speak(stand, *pieces, hang_up=hang_up)

    return attempt


def _shown(request: bytes) -> Attempt:
    """Ask for something, and look whether anything but our own words came."""

    async def attempt(stand: Stand) -> Came:
        came = await speak(stand, request)
        harmless = not any(word in came.body for word in (b"root:", b"<x ", b"Traceback"))
        described = b"SEOS endpoint" in came.body or b"definitions" in came.body
        shown = came.http in {400, 404} or (came.http == 200 and described)
        said = "nothing shown" if harmless and shown else came.said
        return Came(http=came.http, said=said, body=came.body)

    return attempt


def _expectations() -> Iterator[Case]:
    body = envelope(b"<a/>")
    expect = b"Expect: 100-continue\r\n"
    announced = b"POST /seos HTTP/1.1\r\n" + HOST + XML + b"Content-Length: %d\r\n" % (LIMIT + 1)
    cases = {
        "expect-other": (post(body, b"Expect: 200-ok"), "an expectation nobody knows", {"417"}),
        "expect-list": (
            post(body, b"Expect: 100-continue, x"),
            "an expectation nobody knows",
            {"417"},
        ),
        "expect-too-large": (
            announced + expect + b"\r\n",
            "it is told to go on, whatever it brings",
            {"413"},
        ),
        "announced-too-large": (announced + b"\r\n", "a body past the limit is read", {"413"}),
        "announced-endless": (
            announced.replace(b"%d" % (LIMIT + 1), b"9" * 18) + b"\r\n",
            "numbers overflow",
            {"413", "400"},
        ),
    }
    for name, (request, why, statuses) in cases.items():
        expected = frozenset(f"HTTP {status}" for status in statuses)
        yield _case("http", name, why, _raw(request), expected)


# --- bodies ---------------------------------------------------------------------------------


def _encoded(coding: str, body: bytes) -> Attempt:
    async def attempt(stand: Stand) -> Came:
        return await speak(stand, post(body, b"Content-Encoding: " + coding.encode()))

    return attempt


def _bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    made = b"".join(packer.compress(bytes(MEBIBYTE)) for _ in range(size // MEBIBYTE))
    return made + packer.flush()


def _bodies() -> Iterator[Case]:
    plain = envelope(b"<a/>")
    refused = REFUSED | words("HTTP 408", "HTTP 413", "HTTP 415", "NOT_XML", "NOT_THE_SCHEMA")
    codings = {
        "gzip-lie": ("gzip", plain, "what is not packed is unpacked"),
        "gzip-cut": ("gzip", gzip.compress(plain)[:-12], "half is taken for the whole"),
        "gzip-twice": ("gzip, gzip", gzip.compress(gzip.compress(plain)), "two readers differ"),
        "deflate-lie": ("deflate", plain, "what is not packed is unpacked"),
        "br-lie": ("br", plain, "what is not packed is unpacked"),
        "zstd-lie": ("zstd", plain, "what is not packed is unpacked"),
        "coding-unknown": ("evil", plain, "a coding nobody knows"),
    }
    for name, (coding, body, why) in codings.items():
        yield _case("http", name, why, _encoded(coding, body), words("HTTP 415"))

    async def bomb(stand: Stand) -> Came:
        body = await asyncio.to_thread(_bomb, 1024 * MEBIBYTE)
        return await speak(stand, post(body, b"Content-Encoding: gzip"), patience=40)

    yield _case(
        "http",
        "gzip-bomb",
        "a megabyte grows to a gigabyte",
        bomb,
        words("HTTP 415"),
    )
    head = b"POST /seos HTTP/1.1\r\n" + HOST + XML + b"Transfer-Encoding: chunked\r\n\r\n"
    chunks = {
        "chunk-negative": b"-1\r\n" + plain + b"\r\n0\r\n\r\n",
        "chunk-not-hex": b"zz\r\n" + plain + b"\r\n0\r\n\r\n",
        "chunk-overflow": b"f" * 17 + b"\r\n" + plain,
        "chunk-prefix": b"0x10\r\n" + plain[:16] + b"\r\n0\r\n\r\n",
        "chunk-underscore": b"1_0\r\n" + plain[:16] + b"\r\n0\r\n\r\n",
        "chunk-longer": b"%x\r\n" % (len(plain) + 5) + plain + b"\r\n0\r\n\r\n",
        "chunk-extension": b"5;" + b"x" * 100_000 + b"\r\nhello\r\n0\r\n\r\n",
        "chunk-bare-lf": b"5\nhello\n0\n\n",
        "trailer-flood": chunked(plain, end=False) + b"0\r\n" + b"X: y\r\n" * 50_000 + b"\r\n",
    }
    for name, body in chunks.items():
        yield _case("http", name, "where the body ends is in doubt", _raw(head + body), refused)


# --- heads ----------------------------------------------------------------------------------


def _heads() -> Iterator[Case]:
    body = envelope(b"<a/>")
    heads = {
        "header-huge": (b"X: " + b"a" * 1_000_000, "memory fills before anybody looks"),
        "headers-many": (b"\r\n".join(b"X%d: y" % n for n in range(10_000)), "memory fills"),
        "header-null": (b"X: a\x00b", "text ends at a zero"),
        "header-no-colon": (b"just words", "two readers read two heads"),
        "header-name-space": (b"X : y", "two readers read two heads"),
        "header-folded": (b"X: a\r\n b", "two readers read two heads"),
        "header-bare-cr": (b"X: a\rY: b", "a header is smuggled in"),
        "header-name-empty": (b": y", "two readers read two heads"),
        "host-twice": (b"Host: evil.example", "two readers route in two ways"),
    }
    for name, (line, why) in heads.items():
        yield _case(
            "http", name, why, _raw(post(body, line)), REFUSED | words("HTTP 431", "NOT_XML")
        )


# --- lengths and smuggling ------------------------------------------------------------------


def _smuggling(*lines: bytes, tail: bytes = b"", one: bytes = b"1.1") -> Attempt:
    """A good message under a head that two readers understand in two ways, another one behind."""

    async def attempt(stand: Stand) -> Came:
        good = envelope(stand.message(letter()))
        hidden = post(envelope(stand.message(letter())))
        filled = [line.replace(b"LEN", b"%d" % len(good)) for line in lines]
        head = b"".join(line + b"\r\n" for line in filled)
        start = b"POST /seos HTTP/" + one + b"\r\n" + HOST + XML + head + b"\r\n"
        return await speak(stand, start + (tail or good) + hidden)

    return attempt


def _lengths() -> Iterator[Case]:
    te = b"Transfer-Encoding: "
    cases = {
        "length-twice": (b"Content-Length: 5", b"Content-Length: LEN"),
        "length-list": (b"Content-Length: 5, LEN",),
        "length-negative": (b"Content-Length: -1",),
        "length-plus": (b"Content-Length: +LEN",),
        "length-hex": (b"Content-Length: 0x10",),
        "length-underscore": (b"Content-Length: 1_0",),
        "length-words": (b"Content-Length: many",),
        "length-empty": (b"Content-Length: ",),
        "length-unicode": ("Content-Length: ١٠".encode(),),
        "length-and-chunked": (b"Content-Length: LEN", te + b"chunked"),
        "chunked-and-length": (te + b"chunked", b"Content-Length: 5"),
        "chunked-not-last": (te + b"chunked, identity",),
        "chunked-twice": (te + b"chunked", te + b"chunked"),
        "chunked-x": (te + b"xchunked",),
        "chunked-quoted": (te + b'"chunked"',),
        "chunked-tab": (b"Transfer-Encoding:\x0bchunked",),
        "chunked-folded": (b"Transfer-Encoding:\r\n chunked", b"Content-Length: LEN"),
        "chunked-hidden-name": (b"Transfer-Encoding : chunked", b"Content-Length: LEN"),
    }
    for name, lines in cases.items():
        yield _case(
            "smuggling",
            name,
            "a proxy before us sees another end of the message",
            _smuggling(*lines),
            REFUSED,
        )
    old = _smuggling(te + b"chunked", b"Content-Length: LEN", one=b"1.0")
    yield _case("smuggling", "chunked-http-1.0", "a proxy sees another end", old, REFUSED)

    async def short(stand: Stand) -> Came:
        good = envelope(stand.message(letter()))
        return await speak(stand, post(good).replace(b"Length: %d" % len(good), b"Length: 40"))

    yield _case(
        "http", "length-too-short", "the rest is a request of the attacker's", short, REFUSED
    )

    async def pipeline(stand: Stand) -> Came:
        return await speak(stand, post(envelope(b"<a/>")) * 50)

    yield _case(
        "http",
        "pipeline",
        "fifty requests at once take fifty places",
        pipeline,
        words("NOT_THE_SCHEMA"),
    )


# --- patience -------------------------------------------------------------------------------


def _slow() -> Iterator[Case]:
    body = envelope(b"<a/>")
    half = post(body)[:-30]
    dribble: list[bytes | float] = [post(body)[:200]]
    for _ in range(12):
        dribble += [b" ", 0.5]
    begun = b"POST /seos HTTP/1.1\r\n" + HOST
    heads: list[bytes | float] = [begun]
    for number in range(20):
        heads += [b"X%d: y\r\n" % number, 0.5]
    length = b"Content-Length: %d\r\n" % len(body)
    late = words("HTTP 408", "closed")
    cases: dict[str, tuple[list[bytes | float], str, frozenset[str]]] = {
        "body-stops": ([half], "a place is taken for ever", late),
        "body-dribbles": (dribble, "a place is taken for ever", late),
        "chunked-stops": (
            [begun + XML + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"],
            "a body without end",
            late,
        ),
        "head-dribbles": (heads, "a connection is taken for ever", late),
        "head-never": ([b""], "a connection is taken for ever", late),
        "expect-and-silence": (
            [begun + XML + length + b"Expect: 100-continue\r\n\r\n"],
            "it is told to go on and says nothing",
            late,
        ),
    }
    for name, (pieces, why, expected) in cases.items():
        yield Case(
            layer="slow", name=name, why=why, attempt=_raw(*pieces), expected=expected, patient=True
        )
    yield Case(
        layer="slow",
        name="body-cut",
        why="half a message is taken for a whole one",
        attempt=_raw(half, hang_up=True),
        expected=late,
        patient=True,
    )


# --- large ----------------------------------------------------------------------------------


def _large() -> Iterator[Case]:
    blanks = b" " * BLANKS
    places = {
        "blanks-before": blanks + _call(b"<Submit/>"),
        "blanks-inside": _call(blanks + b"<Submit/>" + blanks[:1000]),
        "blanks-in-tag": _call(b"<Submit" + blanks + b"/>"),
        "blanks-in-request": _call(b"<Submit><request>" + blanks + b"</request></Submit>"),
        "comments": _call(b"<!---->" * 2_000_000),
        "references": _call(b"<Submit><request>" + b"&lt;" * 12_000_000 + b"</request></Submit>"),
    }
    for name, body in places.items():
        yield _case("soap", f"{name}-50MB", "time or memory runs out", _posted(body), UNREAD)

    async def flood() -> AsyncIterator[bytes]:
        piece = b"%x\r\n%b\r\n" % (MEBIBYTE, b" " * MEBIBYTE)
        yield b"POST /seos HTTP/1.1\r\n" + HOST + XML + b"Transfer-Encoding: chunked\r\n\r\n"
        for _ in range(400):
            yield piece

    async def endless(stand: Stand) -> Came:
        return await raw.stream(stand, flood(), patience=40)

    yield _case(
        "http",
        "chunked-endless",
        "a body past the limit, never announced",
        endless,
        words("HTTP 413"),
    )
