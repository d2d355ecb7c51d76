"""Words of others stay words: the corpus in every field that somebody else writes, on every page.

Each page is read twice, once with plain words in the same fields and once with the corpus: it must
have the same bones, tag for tag and attribute for attribute, and links of ours alone.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator
from html import unescape
from itertools import zip_longest
from pathlib import Path

import pytest
import pytest_asyncio

from depesha.monitoring.console.access.cookies import form_token
from depesha.monitoring.console.access.routes import Route
from depesha.schemas.people import Role
from depesha.schemas.sentences import LANGUAGES
from tests.support.console import Browser
from tests.support.console_walk import Bones, Heard, Stand
from tests.support.console_walk import stand as standing

IN_MODULE = pytest.mark.asyncio(loop_scope="module")
SESSION = "depesha-session"
CORPUS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus=alert(1) x='",
    "</textarea></title></pre></p><svg/onload=alert(1)>",
    "</script><script src=//evil.example></script>",
    "javascript:alert(1)",
    "<a href=javascript:alert(1)>x</a>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<form action=//evil.example><button>",
    "{{ 7*7 }}{% raw %}{% endraw %}${7*7}#{7*7}",
    "%(x)s {x} {0.__class__}",
    "<!--<b>\u202e\u2066\u200b\u0000\u0007",
    "=1+1|'calc'!A0",
    "&lt;b&gt; &#60;b&#62; &amp;",
    "\r\nSet-Cookie: a=b\r\n\r\n<b>",
    "]]><b>--><b>",
    "\ufeff\uff1cscript\uff1e",
)
BAD = "|".join(CORPUS)
REASON = {"purpose": "inspection", "ground": "ДЗ-1/2026"}
TEMPLATES = Path("src/depesha/monitoring/console/templates")
EVERYBODY = (Role.CLERK, Role.OPERATOR, Role.AUDITOR, Role.SECURITY_ADMINISTRATOR)


def plain(_field: str) -> str:
    return "дума"


def hostile(_field: str) -> str:
    return BAD


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def harmless(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    async with standing(tmp_path_factory.mktemp("plain"), word=plain) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def planted(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    async with standing(tmp_path_factory.mktemp("hostile"), word=hostile) as made:
        yield made


def looks(stand: Stand) -> list[tuple[Route, str]]:
    return [
        (route, address)
        for route in stand.here.routes
        if route.method == "GET" and route.path != "/changes"
        for address in stand.places.addresses(route)
    ]


async def visitors(stand: Stand, language: str) -> list[Browser]:
    """All roles, once; in the other languages those who see most."""
    roles = tuple(Role) if language == "bg" else (Role.CLERK, Role.OPERATOR)
    known = [await stand.visitor(role) for role in roles]
    for browser in known:
        browser.headers["Accept-Language"] = language
    return known


@pytest.mark.parametrize("language", LANGUAGES)
@IN_MODULE
async def test_every_page_has_the_same_bones_whatever_others_write(
    harmless: Stand, planted: Stand, language: str
) -> None:
    reached = set()
    pairs = zip(await visitors(harmless, language), await visitors(planted, language), strict=True)
    for good, bad in pairs:
        for (_, address), (route, same) in zip(looks(harmless), looks(planted), strict=True):
            before = await harmless.asking.ask("GET", address, of=good)
            after = await planted.asking.ask("GET", same, of=bad)
            assert (before.status, before.location) == (after.status, after.location), same
            same_bones(before, after, f"{route.path} {same}")
            if "alert(1)" in unescape(after.text):
                reached.add(route.path)
    assert len(reached) >= 8, f"the corpus does not reach the pages: {reached}"


def same_bones(before: Heard, after: Heard, where: str) -> None:
    good, bad = Bones(before.text), Bones(after.text)
    for one, other in zip_longest(good.tags, bad.tags):
        assert one == other, (where, one, other)
    ours(bad, after, where)


def ours(bones: Bones, heard: Heard, where: str) -> None:
    """Nothing acts but what is ours, and nothing leads elsewhere."""
    for tag, name, value in bones.attributes:
        assert not name.startswith("on"), where
        assert name not in {"style", "srcdoc", "formaction", "xlink:href", "ping"}, where
        if name in {"href", "src", "action"}:
            assert re.match(r"(/(?!/)|#|\?)", value), (where, tag, value)
        if name == "content":
            assert "url" not in value.lower(), where
    assert {tag for tag, _ in bones.tags}.isdisjoint(
        {"img", "iframe", "object", "embed", "style", "base", "link-", "math", "video", "template"}
    ), where
    assert "!--" not in {tag for tag, _ in bones.tags}, where
    assert not re.search(r"\b49\b", "".join(re.findall(r"7\*7|49(?=\{)", heard.text)))
    assert "evil.example" not in [link.strip("/") for link in bones.links]
    unseen = {c for c in heard.text if c in "\u202e\u2066\u200b\u0000\u0007"}
    assert not unseen, (where, unseen)


@IN_MODULE
async def test_what_is_typed_comes_back_as_words(harmless: Stand, planted: Stand) -> None:
    """Search boxes, filters and forms that were wrong show what was typed."""
    quoted = "".join(f"%{byte:02X}" for byte in BAD.encode())
    for role in EVERYBODY:
        who, other = await harmless.visitor(role), await planted.visitor(role)
        for route in harmless.here.routes:
            if "{" in route.path or route.path in {"/changes", "/logout"}:
                continue
            if route.method == "GET":
                names: tuple[str, ...] = (
                    "q",
                    "network",
                    "side",
                    "way",
                    "after",
                    "who",
                    "document",
                    "deed",
                )
                names += ("since", "until", "done", "set", "page", "before", "id", "language")
                asked = "&".join(f"{name}={quoted}" for name in names)
                heard = await planted.asking.ask("GET", f"{route.path}?{asked}", of=other)
            else:
                fields = dict.fromkeys(FIELDS, BAD)
                token = form_token(who.cookies[SESSION])
                heard = await harmless.asking.ask(
                    "POST", route.path, of=who, token=token, fields=fields
                )
            assert heard.status < 500, route.path
            ours(Bones(heard.text), heard, f"{route.method} {route.path}")


FIELDS = (
    "account",
    "after",
    "city",
    "code",
    "contact",
    "days",
    "document",
    "ground",
    "holder",
    "key",
    "kind",
    "language",
    "login",
    "name",
    "new",
    "number",
    "old",
    "position",
    "provider-name",
    "purpose",
    "reason",
    "role-clerk",
    "scope-send",
    "since",
    "undertaking",
    "unit",
    "until",
    "who",
)


# --- bytes that are handed out or shown ---


@IN_MODULE
async def test_bytes_of_others_are_shown_as_text_or_handed_out_as_a_file(planted: Stand) -> None:
    clerk = await planted.visitor(Role.CLERK)
    token = form_token(clerk.cookies[SESSION])
    route = next(r for r in planted.here.routes if r.path == "/documents/{id}/open/{part}")
    shown = files = 0
    for address in planted.places.addresses(route):
        fields = {**REASON}
        heard = await planted.asking.ask("POST", address, of=clerk, token=token, fields=fields)
        if heard.status == 200 and heard.headers["Content-Type"].startswith("text/html"):
            ours(Bones(heard.text), heard, address)
            shown += "alert(1)" in unescape(heard.text)
        heard = await planted.asking.ask(
            "POST", address, of=clerk, token=token, fields={**fields, "how": "file"}
        )
        if heard.status == 200:
            files += 1
            as_file(heard)
    assert shown >= 2
    assert files >= 2


def as_file(heard: Heard) -> None:
    """A download can be nothing but a file: no page, no name that is a path, no script in it."""
    assert heard.headers["Content-Type"] == "application/octet-stream"
    assert heard.headers["X-Content-Type-Options"] == "nosniff"
    assert heard.headers["Cache-Control"] == "no-store"
    assert "sandbox" in heard.headers["Content-Security-Policy"]
    assert "default-src 'none'" in heard.headers["Content-Security-Policy"]
    named = re.fullmatch(
        r"attachment; filename(\*=UTF-8''[A-Za-z0-9%._~-]+|=\"[A-Za-z0-9._-]+\")",
        heard.headers["Content-Disposition"],
    )
    assert named, heard.headers["Content-Disposition"]
    assert not re.search(r"%2F|%5C|%0[AD0]", named[1], re.IGNORECASE)
    assert heard.cookies == []


@IN_MODULE
async def test_everything_that_is_handed_out_is_a_file(planted: Stand) -> None:
    """Letter, evidence pack, audit, seal."""
    auditor = await planted.visitor(Role.AUDITOR)
    token = form_token(auditor.cookies[SESSION])
    document = planted.places.values["/documents"][0]
    for address, more in (
        (f"/documents/{document}/letter", {}),
        (f"/documents/{document}/evidence", {}),
        ("/audit/file", {"form": "csv"}),
        ("/audit/file", {"form": "json"}),
    ):
        fields = {**REASON, **more}
        heard = await planted.asking.ask("POST", address, of=auditor, token=token, fields=fields)
        assert heard.status == 200, address
        as_file(heard)


@IN_MODULE
async def test_a_table_of_the_audit_holds_no_formula(planted: Stand) -> None:
    """In no cell, by whatever sign a table program parts its columns."""
    auditor = await planted.visitor(Role.AUDITOR)
    token = form_token(auditor.cookies[SESSION])
    document = planted.places.values["/documents"][0]
    grounds = ("=1+1", "+1", "-1", "@SUM(A1)", "ДЗ;=1+1", "\uff1d1+1", "ДЗ,=1+1", '"=1+1', "a\tb=1")
    for ground in grounds:
        fields = {"purpose": "inspection", "ground": ground}
        await planted.asking.ask(
            "POST", f"/documents/{document}/letter", of=auditor, token=token, fields=fields
        )
    fields = {**REASON, "form": "csv"}
    heard = await planted.asking.ask("POST", "/audit/file", of=auditor, token=token, fields=fields)
    text = heard.body.decode("utf-8-sig")
    assert "1+1" in text
    for line in csv.reader(io.StringIO(text)):
        for cell in line:
            assert not re.match(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20|]", cell), cell
    for sign in (",", ";", "\t"):  # as programs of other countries would part it
        for line in csv.reader(io.StringIO(text), delimiter=sign):
            for cell in line[1:]:
                assert not re.match(r"[=+\-@]", cell), (sign, cell)


@IN_MODULE
async def test_what_machines_read_is_no_page(planted: Stand) -> None:
    """The stream says numbers alone; health and metrics are data, and hold no word of others."""
    clerk = await planted.visitor(Role.CLERK)
    heard = await planted.asking.ask("GET", "/changes", of=clerk)
    assert heard.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert re.fullmatch(r"(retry: \d+|event: changed|data: \d+|:|\n)*", heard.text)
    for path, kind in (("/healthz", "application/json"), ("/readyz", "application/json")):
        told = await planted.asking.ask("GET", path)
        assert told.headers["Content-Type"].startswith(kind)
        assert "<" not in told.text
        json.loads(told.body)
    metrics = await planted.asking.ask("GET", "/metrics")
    assert metrics.headers["Content-Type"].startswith("text/plain")
    assert "alert" not in metrics.text


# --- templates ---


def test_templates_quote_every_attribute_and_mark_nothing_as_safe() -> None:
    for file in sorted(TEMPLATES.glob("*.html")):
        text = file.read_text("utf-8")
        marked = re.findall(r"[\w.]+\s*\|\s*safe|autoescape|Markup", text)
        assert marked in ([], ["picture|safe"]), file.name  # a drawing of our own library
        assert not re.search(r"\s(?!url=)[\w-]+=\s*\{\{", text), (
            f"an attribute without quotes in {file.name}"
        )
        assert not re.search(r"<script(?! src=\"\{\{ static\()", text), file.name
        assert not re.search(r"<style|style=|\son\w+=", text), file.name
