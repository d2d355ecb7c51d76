"""Attacks on the registry API and on the operators' listener."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any, Final

from tests.attack.cases import Attempt, Case, words
from tests.attack.raw import HOST, operators, registry, speak
from tests.attack.stand import Came, Stand

UNKNOWN: Final = words("UNKNOWN_MESSAGE", "NOT_FOUND")
_ID: Final = "0" * 32


def interfaces() -> Iterator[Case]:
    """Yield every case; the one that locks an address out of the API comes last."""
    yield from _tokens()
    yield from _paths()
    yield from _inputs()
    yield from _bytes()
    yield from _operators()
    yield _guessing()


def _case(layer: str, name: str, why: str, attempt: Attempt, expected: frozenset[str]) -> Case:
    return Case(layer=layer, name=name, why=why, attempt=attempt, expected=expected)


def _called(method: str, path: str, *, token: bool = True, **options: Any) -> Attempt:
    async def attempt(stand: Stand) -> Came:
        headers = {**(stand.token if token else {}), **options.get("headers", {})}
        rest = {key: value for key, value in options.items() if key != "headers"}
        return await stand.ask(method, stand.api + path, headers=headers, **rest)

    return attempt


def _tokens() -> Iterator[Case]:
    shut = words("UNAUTHENTICATED")
    cases: dict[str, dict[str, str]] = {
        "token-none": {},
        "token-wrong": {"Authorization": "Bearer dep_wrong"},
        "token-empty": {"Authorization": "Bearer "},
        "token-basic": {"Authorization": "Basic YWRtaW46YWRtaW4="},
        "token-sql": {"Authorization": "Bearer ' OR 1=1 --"},
        "token-long": {"Authorization": "Bearer dep_" + "a" * 7_000},
    }
    for name, headers in cases.items():
        attempt = _called("GET", "/inbox", token=False, headers=headers)
        yield _case("registry", name, "anybody reads the letters", attempt, shut)
    query = _called("GET", "/inbox?access_token=dep_x", token=False)
    yield _case("registry", "token-in-query", "tokens end up in logs", query, shut)

    async def twice(stand: Stand) -> Came:
        own = f"Authorization: {stand.token['Authorization']}\r\n".encode()
        head = b"GET /api/v1/inbox HTTP/1.1\r\n" + HOST + b"Authorization: Bearer x\r\n" + own
        return await speak(stand, head + b"\r\n", door=registry(stand))

    yield _case("registry", "token-twice", "two readers take two tokens", twice, shut)

    async def weak(stand: Stand) -> Came:
        token = await stand.gateway.token("only-participants", ("participants:read",))
        headers = {"Authorization": f"Bearer {token}"}
        await asyncio.sleep(1.2)  # the file of tokens is looked at once a second
        reading = await stand.ask("GET", f"{stand.api}/inbox", headers=headers)
        body = {"number": "ВХ-1", "date": "2026-01-01"}
        url = f"{stand.api}/messages/{stand.waiting.id}/registration"
        writing = await stand.ask("POST", url, headers=headers, json=body)
        parked = await stand.ask("GET", f"{stand.api}/parked", headers=stand.token)
        same = reading.code == writing.code == parked.code
        return writing if same else Came(http=reading.http, said="a scope was not kept")

    yield _case(
        "registry", "scope-wrong", "a token does more than it may", weak, words("FORBIDDEN")
    )


def _paths() -> Iterator[Case]:
    tricks = {
        "id-sql": "/messages/1'%20OR%20'1'='1",
        "id-union": "/messages/x'%20UNION%20SELECT%20*%20FROM%20tokens--",
        "id-long": "/messages/" + "a" * 6_000,
        "id-upper": "/messages/" + "A" * 32,
        "id-null": "/messages/%00" + "0" * 31,
        "id-traversal": "/messages/..%2f..%2f..%2fetc%2fpasswd",
        "id-unicode": "/messages/" + "١" * 32,
        "index-traversal": f"/messages/{_ID}/attachments/..%2f..%2fetc%2fpasswd",
        "index-dots": f"/messages/{_ID}/attachments/../../../../etc/passwd",
        "index-negative": f"/messages/{_ID}/attachments/-1",
        "index-huge": f"/messages/{_ID}/attachments/" + "9" * 400,
        "index-unicode": f"/messages/{_ID}/attachments/١",
        "problem-traversal": "/problems/..%2f..%2fetc%2fpasswd",
    }
    for name, path in tricks.items():
        why = "an identity becomes a query or a path"
        yield _case("registry", name, why, _called("GET", path), UNKNOWN)

    async def index(stand: Stand) -> Came:
        return await stand.ask(
            "GET", f"{stand.api}/messages/{stand.kept.id}/attachments/999999", headers=stand.token
        )

    async def zero(stand: Stand) -> Came:
        return await stand.ask(
            "GET", f"{stand.api}/messages/{stand.kept.id}/attachments/0", headers=stand.token
        )

    yield _case("registry", "index-past-end", "another message's file", index, UNKNOWN)
    yield _case("registry", "index-zero", "the last file instead of none", zero, UNKNOWN)
    queries = {
        "cursor-sql": "/inbox?after=x'%20OR%201=1--",
        "state-sql": "/inbox?state=ADMITTED'%20OR%201=1--",
        "limit-huge": "/inbox?limit=" + "9" * 40,
        "wait-endless": "/inbox?wait=inf",
        "wait-nan": "/inbox?wait=nan",
        "query-twice": "/inbox?limit=1&limit=200",
        "query-unknown": "/inbox?debug=1",
        "states-many": "/inbox?" + "&".join(["state=HELD"] * 100),
        "search-lines": "/participants?q=a%0d%0aX:y",
    }
    for name, path in queries.items():
        yield _case(
            "registry", name, "a query does what it may not", _called("GET", path), words("INVALID")
        )
    yield _case(
        "registry",
        "method",
        "an unforeseen method",
        _called("DELETE", "/inbox"),
        words("WRONG_METHOD"),
    )
    override = _called(
        "GET", f"/messages/{_ID}/refusal", headers={"X-HTTP-Method-Override": "POST"}
    )
    yield _case(
        "registry",
        "method-override",
        "a header becomes the method",
        override,
        words("WRONG_METHOD"),
    )


def _decided(what: str, data: bytes, *expected: str, **headers: str) -> Attempt:
    """Decide about the waiting message, and see that it waits afterwards."""

    async def attempt(stand: Stand) -> Came:
        sent = {"Content-Type": "application/json", **stand.token, **headers}
        url = f"{stand.api}/messages/{stand.waiting.id}/{what}"
        came = await stand.ask("POST", url, data=data, headers=sent)
        state = (await stand.get(f"/messages/{stand.waiting.id}"))["state"]
        return came if state == "ADMITTED" else Came(http=came.http, said=f"it became {state}")

    return attempt


def _inputs() -> Iterator[Case]:
    number = '{"number": %s, "date": "2026-01-01"}'
    deep = b'{"reason":' + b"[" * 7_000 + b"]" * 7_000 + b"}"
    cases: dict[str, tuple[str, bytes, str]] = {
        "number-crlf": ("registration", (number % '"a\\r\\nX: y"').encode(), "INVALID"),
        "number-null": ("registration", (number % '"a\\u0000b"').encode(), "INVALID"),
        "number-surrogate": ("registration", (number % '"\\ud800"').encode(), "INVALID"),
        "number-long": ("registration", (number % json.dumps("a" * 5_000)).encode(), "INVALID"),
        "number-blank": ("registration", (number % '"  "').encode(), "INVALID"),
        "number-list": ("registration", (number % '["a"]').encode(), "INVALID"),
        "date-impossible": ("registration", b'{"number":"1","date":"2026-02-31"}', "INVALID"),
        "date-huge": ("registration", b'{"number":"1","date":9e999}', "INVALID"),
        "reason-crlf": ("refusal", b'{"reason":"a\\rX: y\\u0085"}', "INVALID"),
        "reason-escape": ("refusal", b'{"reason":"\\u001b[2J"}', "INVALID"),
        "reason-long": ("refusal", json.dumps({"reason": "a" * 451}).encode(), "INVALID"),
        "member-unknown": ("refusal", b'{"reason":"a","state":"ADMITTED"}', "INVALID"),
        "member-twice": ("refusal", b'{"reason":"a","reason":"b"}', "MALFORMED"),
        "members-many": (
            "refusal",
            json.dumps({str(n): n for n in range(1_000)}).encode(),
            "MALFORMED",
        ),
        "json-deep": ("refusal", deep, "MALFORMED"),
        "json-nan": ("refusal", b'{"reason": NaN}', "MALFORMED"),
        "json-broken": ("refusal", b'{"reason": "a', "MALFORMED"),
        "json-not-utf-8": ("refusal", b'{"reason": "\xff\xfe"}', "MALFORMED"),
        "json-utf-16": ("refusal", '{"reason": "a"}'.encode("utf-16"), "MALFORMED"),
        "json-number-huge": ("refusal", b'{"reason": ' + b"9" * 9_000 + b"}", "MALFORMED"),
        "json-too-large": ("refusal", json.dumps({"reason": "a" * 200_000}).encode(), "TOO_LARGE"),
    }
    for name, (what, data, code) in cases.items():
        both = words("INVALID", "MALFORMED") if code != "TOO_LARGE" else words(code)
        yield _case(
            "registry",
            name,
            "what it says reaches the register or a peer",
            _decided(what, data),
            both,
        )
    odd = {
        "type-text": {"Content-Type": "text/plain"},
        "type-form": {"Content-Type": "application/x-www-form-urlencoded"},
        "type-charset": {"Content-Type": "application/json; charset=utf-7"},
        "packed": {"Content-Encoding": "gzip"},
    }
    for name, headers in odd.items():
        yield _case(
            "registry",
            name,
            "another reading of the same bytes",
            _decided("refusal", b'{"reason":"a"}', **headers),
            words("MEDIA_TYPE", "MALFORMED", "HTTP 400"),
        )
    user = _called("GET", "/inbox", headers={"Depesha-User": "x<script>" + "a" * 100})
    yield _case("registry", "user-markup", "another name in the evidence", user, words("INVALID"))


def _bytes() -> Iterator[Case]:
    def said(*pieces: bytes | float) -> Attempt:
        async def attempt(stand: Stand) -> Came:
            own = f"Authorization: {stand.token['Authorization']}\r\n".encode()
            filled = [p.replace(b"TOKEN", own) if isinstance(p, bytes) else p for p in pieces]
            return await speak(stand, *filled, door=registry(stand))

        return attempt

    post = b"POST /api/v1/messages/" + _ID.encode() + b"/refusal HTTP/1.1\r\n" + HOST + b"TOKEN"
    json_type = b"Content-Type: application/json\r\n"
    flood = post + json_type + b"Transfer-Encoding: chunked\r\n\r\n"
    both = post + json_type + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"
    header = b"GET /api/v1/inbox HTTP/1.1\r\n" + HOST + b"TOKENX: " + b"a" * 200_000 + b"\r\n\r\n"
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    yield _case(
        "registry",
        "json-streamed",
        "a body past the limit, never announced",
        said(flood, *([chunk] * 20)),
        words("TOO_LARGE"),
    )
    yield _case(
        "registry",
        "length-and-chunked",
        "a proxy sees another end",
        said(both),
        words("HTTP 400", "closed"),
    )
    yield _case(
        "registry",
        "header-huge",
        "memory fills",
        said(header),
        words("HTTP 400", "HTTP 431", "closed"),
    )
    slow = said(post + json_type + b"Content-Length: 50\r\n\r\n{")
    yield Case(
        layer="registry",
        name="body-stops",
        why="a place is taken for ever",
        attempt=slow,
        expected=words("TIMED_OUT", "HTTP 408", "closed"),
        patient=True,
    )


def _operators() -> Iterator[Case]:
    def asked(method: str, path: str, **options: Any) -> Attempt:
        async def attempt(stand: Stand) -> Came:
            return await stand.ask(method, stand.gateway.operators + path, **options)

        return attempt

    yield _case(
        "operators",
        "unknown-path",
        "something else is shown",
        asked("GET", "/debug"),
        words("HTTP 404"),
    )
    yield _case(
        "operators",
        "traversal",
        "a file is shown",
        asked("GET", "/metrics/..%2f..%2fetc%2fpasswd"),
        words("HTTP 404"),
    )
    yield _case(
        "operators",
        "post",
        "something is changed",
        asked("POST", "/readyz", data=b"x"),
        words("HTTP 405"),
    )
    yield _case(
        "operators",
        "registry-path",
        "the API by a side door",
        asked("GET", "/api/v1/inbox"),
        words("HTTP 404"),
    )

    async def huge(stand: Stand) -> Came:
        request = b"GET /metrics HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 500_000 + b"\r\n\r\n"
        return await speak(stand, request, door=operators(stand))

    async def dribble(stand: Stand) -> Came:
        pieces: list[bytes | float] = [b"GET /metrics HTTP/1.1\r\n"]
        for number in range(20):
            pieces += [b"X%d: y\r\n" % number, 0.5]
        return await speak(stand, *pieces, door=operators(stand))

    yield _case(
        "operators", "header-huge", "memory fills", huge, words("HTTP 400", "HTTP 431", "closed")
    )
    yield Case(
        layer="operators",
        name="head-dribbles",
        why="a connection is taken for ever",
        attempt=dribble,
        expected=words("HTTP 408", "closed"),
        patient=True,
    )


def _guessing() -> Case:
    async def guess(stand: Stand) -> Came:
        came = Came(http=0, said="never slowed down")
        for number in range(40):
            headers = {"Authorization": f"Bearer dep_{number:040d}"}
            came = await stand.ask("GET", f"{stand.api}/inbox", headers=headers)
            if came.http == 429:
                break
        own = await stand.ask("GET", f"{stand.api}/inbox", headers=stand.token)
        return came if own.http == 200 else Came(http=own.http, said="the registry is locked out")

    return _case(
        "registry",
        "token-guessing",
        "tokens are tried until one fits",
        guess,
        words("TOO_MANY_ATTEMPTS"),
    )
