"""The console's content pages as browsers meet them: truth, rights, deeds, hostile words."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from depesha.monitoring.console.access.routes import Door
from depesha.monitoring.console.pages.deeds import DEEDS
from depesha.monitoring.console.pages.routes import routes
from depesha.schemas.certificates import Use
from depesha.schemas.dispatch import AttemptOutcome
from depesha.schemas.envelope import Correspondent, Party, RegistrationNumber, Service
from depesha.schemas.facts import FileSignature
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import NewTask, TaskKind
from depesha.schemas.outbound_lifecycle import OutboundEvent, OutboundState
from depesha.schemas.people import PERMISSIONS, Action, Right, Role
from depesha.schemas.sentences import LANGUAGES
from depesha.schemas.surroundings import (
    CertificateEnd,
    DiskOutlook,
    PeerCertificates,
    Retention,
    ScannerState,
    Surroundings,
)
from depesha.schemas.verdict import Caution, CheckRecord, Passed, finding
from tests.support.console import Answer, Browser
from tests.support.console_pages import WIRE, House, busy, house
from tests.support.memory import START, arrival, envelope, guid_of, id_of
from tests.support.outbound_memory import begun, ended, new_outbound, out_id, said, signed

REASON = {"purpose": "fault", "ground": "ДЗ-7/2026"}
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus=alert(1) x='",
    "</textarea></title></pre><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "{{ 7*7 }}{% raw %}",
    "<!--<b>\u202e\u0000",
)
BAD = "|".join(HOSTILE)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as opened:
        yield opened


class Tags(HTMLParser):
    """Collects every tag with its attributes, as a browser would read them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def harmless(answer: Answer) -> None:
    """Check that nothing of a page acts by itself but what is ours."""
    for tag, attributes in Tags(answer.text).seen:
        assert tag not in {"img", "iframe", "object", "embed", "style", "base"}, tag
        assert not [name for name in attributes if name.startswith("on")], attributes
        assert "style" not in attributes
        if tag == "script":
            assert str(attributes["src"]).startswith("/static/")
        for name in ("href", "src", "action"):
            assert str(attributes.get(name) or "/").startswith(("/", "#")), attributes
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


def proper(answer: Answer, language: str) -> None:
    """Check what a screen reader needs: a language, one heading, landmarks, labels, no double."""
    tags = Tags(answer.text).seen
    assert ("html", {"lang": language}) in tags
    assert [tag for tag, _ in tags].count("h1") == 1
    assert [tag for tag, _ in tags].count("main") == 1
    ids = [a["id"] for _, a in tags if "id" in a]
    assert len(ids) == len(set(ids)), ids
    labelled = {a.get("for") for tag, a in tags if tag == "label"}
    for tag, a in tags:
        if tag in {"input", "select", "textarea"} and a.get("type") != "hidden":
            assert a.get("id") in labelled, a
        for name in ("aria-labelledby", "aria-describedby"):
            assert set(str(a.get(name) or "").split()) <= set(ids), a


# --- home ---


async def test_home_says_that_all_is_well_with_its_proofs(here: House) -> None:
    await here.admit(4)
    await here.outbound.submit(new_outbound(1))
    await here.outbound.change(signed(1))
    await here.outbound.change(begun(1, 1, "ssev", facts={"network": "ssev"}))
    outcome = {"network": "ssev", "outcome": "delivered"}
    await here.outbound.change(ended(1, AttemptOutcome.DELIVERED, facts=outcome))
    clerk = await here.visitor(Role.CLERK)
    text = (await clerk.get("/", **{"Accept-Language": "en"})).text
    assert 'class="sentence unproven"' in text
    assert "seal of the evidence, verification of the evidence." in text
    await here.parts.journal.seal()
    await here.parts.journal.verify()
    text = (await clerk.get("/", **{"Accept-Language": "en"})).text
    assert 'class="sentence good"' in text
    assert "2 of 2 networks proven" in text
    here.office.clock.advance(3599)
    text = (await clerk.get("/", **{"Accept-Language": "en"})).text
    assert 'class="sentence bad"' not in text


async def test_home_names_the_worst_thing_with_deadline_and_button(here: House) -> None:
    await busy(here)
    here.office.clock.advance(3 * 3600)
    clerk = await here.visitor(Role.CLERK)
    text = (await clerk.get("/", **{"Accept-Language": "en"})).text
    top = text[text.index('id="sentence"') : text.index("</section>")]
    assert "The registry has given no number for too long" in top
    assert "overdue by" in top
    assert 'href="#registry"' in top
    assert text.count("does not add up") == 0
    order = [m for m in re.findall(r"<strong>([^<]+)</strong>", text) if "Depesha" not in m]
    assert order[1].startswith("It is unclear")
    assert "Агенция Образец, тел. 00 111 222" in text
    assert "cut off" in text


async def test_home_shows_scanners_certificates_disk_and_rules_in_four_languages(
    here: House,
) -> None:
    await here.admit(1)
    await here.admit(2, InboundState.REJECTED)
    here.around.append(
        Surroundings(
            at=START,
            scanners=(
                ScannerState(
                    alive=True,
                    engine="ClamAV <1.4.6>",
                    database="27838",
                    database_built=START - timedelta(hours=9),
                ),
                ScannerState(alive=False),
            ),
            certificates=(
                CertificateEnd(use=Use.SIGNING, subject=BAD, ends=START + timedelta(days=5)),
                CertificateEnd(use=Use.MAIL, subject="x", ends=START + timedelta(days=90)),
            ),
            peers=PeerCertificates(known=3, next_end=START + timedelta(days=50), next_of=BAD),
            disk=DiskOutlook(days_left=120.5, measured=timedelta(days=2)),
            retention=Retention(quarantine_days=33),
        )
    )
    clerk = await here.visitor(Role.CLERK)
    for language in LANGUAGES:
        answer = await clerk.get("/", **{"Accept-Language": language})
        harmless(answer)
        proper(answer, language)
        text = answer.text
        for one in ("ClamAV &lt;1.4.6&gt;", "27838", "120", "33", "90"):
            assert one in text, (language, one)
    for words in (
        "does not answer",
        "The disk lasts",
        "A certificate of ours ends",
        "Certificate: signing",
        "3 known",
        "Refused bytes are kept",
    ):
        assert words in text, words
    gates = text[text.index('id="gates"') : text.index('id="registry"')]
    assert "<dt>Passed</dt><dd>1</dd>" in gates


async def test_books_that_do_not_add_up_come_first(here: House) -> None:
    await busy(here)
    del here.state.messages[id_of(2)]
    del here.state.entries[id_of(2)]
    clerk = await here.visitor(Role.CLERK)
    text = (await clerk.get("/", **{"Accept-Language": "en"})).text
    top = text[text.index('id="sentence"') : text.index("</section>")]
    assert "books do not add up" in top
    assert 'class="sentence bad"' in text
    assert 'class="wrong"' in text


async def test_open_pages_hear_of_changes_and_nothing_else(here: House) -> None:
    clerk = await here.visitor(Role.CLERK)
    cookies = "; ".join(f"{k}={v}" for k, v in clerk.cookies.items())
    address = here.office.origin + "/changes"
    async with (
        aiohttp.ClientSession() as client,
        client.get(address, headers={"Cookie": cookies}) as answer,
    ):
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert await answer.content.readline() == b"retry: 5000\n"
        await here.admit(4)

        async def heard() -> bytes:
            while True:
                here.office.clock.advance(1)
                with_line = asyncio.ensure_future(answer.content.readline())
                done, _ = await asyncio.wait({with_line}, timeout=0.2)
                line = with_line.result() if done else b""
                with_line.cancel()
                if line.startswith(b"event"):
                    return line + await answer.content.readline()

        async with asyncio.timeout(10):
            told = await heard()
    assert re.fullmatch(rb"event: changed\ndata: \d+\n", told)


async def test_streams_end_when_the_console_closes(here: House) -> None:
    clerk = await here.visitor(Role.CLERK)
    waiting = asyncio.ensure_future(clerk.get("/changes"))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    here.parts.stopping.set()
    async with asyncio.timeout(5):
        assert (await waiting).status == 200


# --- search ---


@pytest.mark.parametrize(
    "words", ["ПР-1", "преписка 1", "Община Пример 2.3.2026", "заявление", "ИЗХ-1"]
)
async def test_a_clerk_finds_by_what_he_knows(here: House, words: str) -> None:
    await busy(here)
    clerk = await here.visitor(Role.CLERK)
    answer = await clerk.get(f"/search?q={words}")
    assert "/documents/0000" in answer.text
    assert "words" not in here.office.last()
    assert words not in here.office.last()


async def test_search_narrows_and_refuses_nonsense(here: House) -> None:
    await busy(here)
    clerk = await here.visitor(Role.CLERK)
    found = {
        query: (await clerk.get(f"/search?{query}")).text.count('href="/documents/')
        for query in ("", "way=in", "way=out", "side=held", "network=ssev", "way=up&after=x&side=y")
    }
    assert found == {
        "": 11,
        "way=in": 5,
        "way=out": 6,
        "side=held": 1,
        "network=ssev": 1,
        "way=up&after=x&side=y": 11,
    }


# --- one document ---


async def test_one_time_line_across_attempts_and_networks(here: House) -> None:
    await busy(here)
    clerk = await here.visitor(Role.CLERK)
    page = await clerk.get(f"/documents/{out_id(1)}", **{"Accept-Language": "en"})
    story = page.text[page.text.index('id="story-title"') :]
    told = re.findall(r"<strong>([^<]+)</strong>", story)
    assert told[:6] == [
        "Submitted",
        "Files checked, release signed",
        "Attempt begun",
        "Attempt ended",
        "Attempt begun",
        "Attempt ended",
    ]
    assert "ИЗХ-1" in page.text
    assert page.text.count("SSEV") > 2
    looked = [r.body for r, _ in here.state.evidence if '"VIEWED"' in r.body]
    assert len(looked) == 1
    await clerk.get(f"/documents/{out_id(1)}")
    assert len([1 for r, _ in here.state.evidence if '"VIEWED"' in r.body]) == 1


async def test_every_check_has_its_verdict_and_sentence(here: House) -> None:
    await here.admit(1, InboundState.HELD)
    clerk = await here.visitor(Role.CLERK)
    page = await clerk.get(f"/documents/{id_of(1)}", **{"Accept-Language": "en"})
    checks = page.text[page.text.index('id="checks-title"') :]
    assert checks.count("<li class=") >= 9
    assert "SCANNER_UNAVAILABLE" in checks
    assert "What would help" in checks


async def test_an_operator_sees_how_it_stands_and_not_what_it_is(here: House) -> None:
    await busy(here)
    operator = await here.visitor(Role.OPERATOR)
    secret = ("Относно", "преписка", "Агенция", "ПР-1", "ИЗХ-", "Заявление", "00 111", "Не е за")
    for path in ("/", f"/documents/{id_of(1)}", *(f"/documents/{out_id(n)}" for n in range(1, 6))):
        page = await operator.get(path)
        text = page.text.replace("Община Пример", "", 1)  # our own name in the header
        assert page.status == 200
        assert not [word for word in (*secret, "Община Пример", "000000002") if word in text], path
    assert (await operator.get("/search?q=ПР-1")).status == 403
    assert (await operator.get(f"/documents/{out_id(1)}/letter")).status == 403


async def test_content_is_shown_after_purpose_and_ground_are_on_disk(here: House) -> None:
    await busy(here)
    operator = await here.visitor(Role.OPERATOR)
    row = next(r for r, wire in here.state.evidence if wire and r.message_id == out_id(1))
    path = f"/documents/{out_id(1)}/open/wire-{row.sequence}"
    assert "alert(1)" not in (await operator.get(path)).text
    without = await operator.submit(path, how="text", purpose="fault", ground="")
    assert without.status == 400
    assert "alert(1)" not in without.text
    shown = await operator.submit(path, how="text", **REASON)
    assert shown.status == 200
    assert unescape(shown.text).count(WIRE.decode()) == 1
    harmless(shown)
    opened = json.loads(here.office.last())
    assert opened["kind"] == "CONTENT_OPENED"
    assert opened["facts"] == {"part": f"wire-{row.sequence}", **REASON}
    await operator.get(path)
    saved = await operator.submit(path, how="file", **REASON)
    assert saved.text == WIRE.decode()
    assert saved.headers["Content-Type"] == "application/octet-stream"
    assert saved.headers["Content-Disposition"].startswith("attachment;")


async def test_originals_and_files_are_opened_too(here: House) -> None:
    message = await here.admit(1)
    letter = here.state.messages[message].envelope
    assert letter is not None
    here.desk.contents[letter.attachments[0].digest] = b"%PDF file"
    clerk = await here.visitor(Role.CLERK)
    for part, bytes_ in (("original", "<original>1</original>"), ("attachment-1", "%PDF file")):
        await clerk.get(f"/documents/{message}/open/{part}")
        saved = await clerk.submit(f"/documents/{message}/open/{part}", how="file", **REASON)
        assert saved.text == bytes_
    before = len(here.state.evidence)
    for part in ("wire-999", "heard-1", "try-1", "original-2", "..", "attachment-"):
        answer = await clerk.submit(f"/documents/{message}/open/{part}", how="file", **REASON)
        assert answer.status == 404, part
    assert len(here.state.evidence) == before


async def test_refused_bytes_are_not_opened_here(here: House) -> None:
    message = await here.admit(3, InboundState.REJECTED)
    clerk = await here.visitor(Role.CLERK)
    assert "/open/original" not in (await clerk.get(f"/documents/{message}")).text
    await clerk.get("/account")
    for part in ("original", "attachment-1"):
        path = f"/documents/{message}/open/{part}"
        assert (await clerk.submit(path, how="file", **REASON)).status == 400


async def test_evidence_and_letter_are_handed_out_and_noted(here: House) -> None:
    await busy(here)
    clerk = await here.visitor(Role.CLERK)
    await clerk.get(f"/documents/{out_id(1)}/evidence")
    pack = await clerk.submit(f"/documents/{out_id(1)}/evidence", **REASON)
    assert json.loads(pack.text)["message_id"] == out_id(1)
    for language, word in (("", "С уважение"), ("cs", "S pozdravem"), ("uk", "З повагою")):
        page = await clerk.get(f"/documents/{out_id(1)}/letter?language={language}")
        assert word in page.text
    saved = await clerk.submit(f"/documents/{out_id(1)}/letter", **REASON)
    assert "ИЗХ-1" in saved.text
    assert "Относно" not in saved.text
    reports = [json.loads(r.body)["facts"].get("report") for r, _ in here.state.evidence]
    assert [one for one in reports if one] == ["evidence-pack", "peer-letter"]


# --- deeds ---


@pytest.mark.parametrize(
    ("deed", "document", "fields", "after"),
    [
        ("register", id_of(2), {"number": "ВХ-7", "date": "2026-03-02"}, InboundState.REGISTERED),
        ("refuse", id_of(2), {"reason": "не е за нас"}, InboundState.REFUSED),
        ("release", id_of(1), {"reason": "проверено"}, InboundState.ADMITTED),
        ("refuse-held", id_of(1), {"reason": "опасно"}, InboundState.REFUSED),
        ("finish", id_of(4), {"reason": "решено"}, InboundState.CLOSED),
        ("stop", id_of(4), {"reason": "оттеглено"}, InboundState.STOPPED),
        ("rule-there", out_id(2), {"reason": "потвърдено"}, OutboundState.DELIVERED),
        ("rule-absent", out_id(2), {"reason": "няма го"}, OutboundState.DEFERRED),
        ("ask-again", out_id(2), {"reason": "питай"}, OutboundState.UNCLEAR),
    ],
)
async def test_a_deed_says_its_effect_and_is_done(
    here: House, deed: str, document: Any, fields: dict[str, str], after: str
) -> None:
    await busy(here)
    clerk = await here.visitor(Role.CLERK)
    path = f"/documents/{document}/do/{deed}"
    assert f'href="{path}"' in (await clerk.get(f"/documents/{document}")).text
    page = await clerk.get(path)
    assert 'id="effect"' in page.text
    proper(page, "bg")
    empty = await clerk.submit(path)
    assert empty.status == 400
    done = await clerk.submit(path, **fields)
    assert done.location == f"/documents/{document}?done={deed}"
    found = here.state.messages.get(document) or here.state.outbound[document]
    assert found.state == after
    assert '"actor":"person:clerk"' in here.office.last()
    assert 'role="status"' in (await clerk.get(done.location)).text


async def test_a_deed_on_a_page_grown_old_changes_nothing(here: House) -> None:
    await busy(here)
    clerk = await here.visitor(Role.CLERK)
    path = f"/documents/{id_of(1)}/do/refuse-held"
    await clerk.get(path)
    await here.desk.release(id_of(1), "друг", "person:other")
    before = len(here.state.evidence)
    assert (await clerk.submit(path, reason="късно")).status == 400
    assert (await clerk.get(path)).status == 400
    assert here.state.messages[id_of(1)].state is InboundState.ADMITTED
    assert len(here.state.evidence) == before


async def test_a_note_and_parked_work(here: House) -> None:
    await busy(here)
    both = await here.visitor(Role.CLERK, Role.OPERATOR, login="both")
    await both.get(f"/documents/{id_of(1)}/do/note")
    assert (await both.submit(f"/documents/{id_of(1)}/do/note", **REASON)).status == 303
    assert '"report":"note"' in here.office.last()
    task = next(t.task_id for t in here.state.tasks.values() if t.parked_at)
    assert (await both.get(f"/tasks/{task}/unpark")).status == 200
    assert (await both.submit(f"/tasks/{task}/unpark")).location.startswith("/documents/")
    assert here.state.tasks[task].parked_at is None
    assert (await both.get(f"/tasks/{task}/unpark")).status == 404


# --- security ---


def _address(path: str, document: str) -> str:
    return path.replace("{id}", document).replace("{part}", "original").replace("{task}", "1")


@pytest.mark.parametrize("role", list(Role))
async def test_every_page_by_every_role(here: House, role: Role) -> None:
    """The right of a route decides before anything is looked at; each refusal is written down."""
    await busy(here)
    visitor = await here.visitor(role)
    open_to = {a for a, right in PERMISSIONS[role].items() if right is not Right.NO}
    await visitor.get("/account")
    for route in routes(here.parts):
        assert isinstance(route.needs, Action)
        if route.path == "/changes":
            continue
        path = _address(route.path, id_of(1))
        before = here.office.kinds().count("PERMISSION_DENIED")
        if route.method == "GET":
            answer = await visitor.get(path)
            await visitor.get("/account")
        else:
            answer = await visitor.submit(path)
        denied = here.office.kinds().count("PERMISSION_DENIED") - before
        assert (answer.status == 403) is (route.needs not in open_to), path
        assert denied == (1 if route.needs not in open_to else 0), path
        assert answer.status < 500


async def test_no_stranger_and_no_foreign_form_gets_in(here: House) -> None:
    await busy(here)
    stranger = Browser(here.office)
    clerk = await here.visitor(Role.CLERK)
    await clerk.get("/account")
    before = len(here.state.evidence)
    for route in routes(here.parts):
        assert route.needs is not Door.ANYBODY
        path = _address(route.path, id_of(1))
        if route.method == "GET":
            assert (await stranger.get(path)).location.startswith("/login?next=")
        else:
            assert (await clerk.post(path, REASON)).status == 403
            foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
            fields = {"form_token": clerk.form_token, **REASON}
            assert (await clerk.post(path, fields, foreign)).status == 403
    assert len(here.state.evidence) == before


async def _hostile(here: House) -> None:
    """Every field that a peer controls holds the whole corpus."""
    bad = Party(identifier=BAD, name=BAD, guid=guid_of(1, 0xA))
    number = RegistrationNumber(number=BAD, date=START.date())
    letter = envelope(1)
    letter = replace(
        letter,
        sender=bad,
        recipient=bad,
        document=replace(letter.document, number=number),
        parent=replace(letter.document, number=number),
        kind=BAD,
        subject=BAD,
        comment=BAD,
        document_comment=BAD,
        attention_to=BAD,
        correspondents=(Correspondent(name=BAD, city=BAD),),
        service=Service(name=BAD, kind=BAD, code=BAD),
        attachments=tuple(
            replace(a, name=BAD, media_type=BAD, comment=BAD) for a in letter.attachments
        ),
        sender_mark=BAD,
        own_mark=BAD,
        extra=BAD,
    )
    came = arrival(1, envelope_=letter)
    signature = came.signature
    assert signature is not None
    assert signature.certificate is not None
    came = replace(
        came,
        signature=replace(signature, certificate=replace(signature.certificate, subject=BAD)),
        contents=tuple(
            replace(c, detected=BAD, signatures=(FileSignature(form=BAD, signer=BAD),))
            for c in came.contents
        ),
    )
    task = NewTask(kind=TaskKind.NOTICE, due_at=START, payload={})
    message = await here.admit(1, InboundState.HELD, came, (task,))
    warned = Passed(warnings=(finding(Caution.SCHEMA_DEVIATION, where=BAD, name=BAD),))
    check = CheckRecord(check="structure", verdict=warned, seconds=0.1)
    here.state.messages[message] = replace(
        here.state.messages[message], checks=(check,), reason=BAD, number=number
    )
    await here.park(1, BAD)
    await here.outbound.submit(new_outbound(1, recipient=bad, subject=BAD, kind=BAD, text=BAD))
    await here.outbound.change(signed(1))
    await here.outbound.change(begun(1))
    facts = {"code": BAD, "local_status": BAD, BAD: BAD, "number": BAD, "outcome": BAD}
    told = ended(1, AttemptOutcome.DELIVERED, reference=BAD, facts=facts, wire=BAD.encode())
    await here.outbound.change(told)
    await here.outbound.change(said(1, OutboundEvent.PEER_DECLINED, reason=BAD, facts=facts))


async def test_hostile_words_stay_words_on_every_page(here: House) -> None:
    await _hostile(here)
    both = await here.visitor(Role.CLERK, Role.OPERATOR, login="both")
    seen = 0
    for route in routes(here.parts):
        if route.method != "GET" or route.path == "/changes":
            continue
        for document in (id_of(1), out_id(1)):
            answer = await both.get(_address(route.path, document))
            assert answer.status in {200, 400, 404}, route.path
            harmless(answer)
            assert "{{ 7*7 }}" in answer.text or "7*7" not in answer.text
            seen += "alert(1)" in unescape(answer.text)
    assert seen > 10, "the corpus does not reach the pages"
    search = await both.get("/search?q=" + "%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert "&#34;&gt;&lt;script&gt;" in search.text
    harmless(search)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_pages_speak_four_languages_to_screen_readers(here: House, language: str) -> None:
    await busy(here)
    here.office.clock.advance(3 * 3600)
    both = await here.visitor(Role.CLERK, Role.OPERATOR, login="both")
    both.headers["Accept-Language"] = language
    task = next(t.task_id for t in here.state.tasks.values() if t.parked_at)
    for path in (
        "/",
        "/search?q=преписка",
        *(f"/documents/{id_of(n)}" for n in range(1, 6)),
        *(f"/documents/{out_id(n)}" for n in range(1, 7)),
        f"/documents/{out_id(2)}/explain",
        f"/documents/{out_id(2)}/letter",
        f"/documents/{id_of(1)}/open/original",
        f"/documents/{id_of(1)}/evidence",
        f"/documents/{id_of(1)}/do/release",
        f"/tasks/{task}/unpark",
    ):
        answer = await both.get(path)
        assert answer.status == 200, path
        proper(answer, language)


def test_every_deed_has_a_place() -> None:
    assert len({deed.name for deed in DEEDS}) == len(DEEDS)
