"""The printable proof: what it says in four languages, and what it never claims or lets in."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import hashlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from depesha.adapters.registry.markup import element, style
from depesha.adapters.registry.proof import SHEET, proof_page
from depesha.cli import run
from depesha.cli.client import LANGUAGES as SPOKEN
from depesha.errors import EvidenceError
from depesha.schemas.dispatch import AttemptOutcome, Defect
from depesha.schemas.envelope import DocumentReference, RegistrationNumber
from depesha.schemas.evidence import sha256
from depesha.schemas.facts import CertificateFacts, SignatureFacts
from depesha.schemas.ids import Digest, Guid, SerialNumber
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import EvidenceKind, Message, NewEvidence
from depesha.schemas.outbound import OutboundMessage
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.outbound_sentences import outbound_state_name
from depesha.schemas.proof_words import proof_catalogue, proof_word
from depesha.schemas.route import reasoned
from depesha.schemas.sentences import LANGUAGES
from tests.support import outbound as fictional
from tests.support.reading import Seen, seen
from tests.support.registry import TODAY, Api, running_api
from tests.support.registry_outbound import KEY, PDF, WORDS, form

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</td></tr></table><iframe src=//x.example>",
    "</title></style><style>@import url(//x.example)</style>",
    "<!--<script>",
    "]]><![CDATA[<b>",
    "<?xml version='1.0'?>",
    "&lt;b&gt;&#60;i&#62;",
    "javascript:alert(1)",
    "<a href='javascript:alert(1)'>x</a>",
    "<bdi><plaintext>",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "{0.__class__}%s",
    "<\u0000script>",
    "\ud800<b>",
    "\u202egpj.exe",
    "＜script＞",
    "<scr\u200bipt>",
    "\u2028<b>\u2029",
)
ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "strong", "section"),
    *("table", "tr", "th", "td", "bdi", "span", "code"),
}
ATTRIBUTES = {
    ("td", "data-label"),
    ("table", "class"),
    ("html", "lang"),
    ("meta", "charset"),
    ("meta", "http-equiv"),
    ("meta", "content"),
    ("th", "scope"),
    ("span", "class"),
    ("code", "class"),
}
UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path) as running:
        yield running


def harmless(page: bytes) -> Seen:
    found = seen(page)
    assert found.elements <= ELEMENTS
    assert found.attributes <= ATTRIBUTES
    assert found.oddities == []
    assert found.sheets == [SHEET]
    assert not UNSEEN.search(page.decode())
    return found


async def sent(api: Api, state: OutboundState, **more: Any) -> OutboundMessage:
    """A document with one try, and an answer to it in the journal."""
    tried = fictional.attempt(outcome=AttemptOutcome.DELIVERED, settled_at=fictional.NOW)
    message = api.outbound.put(state, **({"attempts": (tried,)} | more))
    for kind, facts in (
        (EvidenceKind.SUBMITTED, {}),
        (EvidenceKind.ATTEMPT_SETTLED, {"network": "seos", "attempt": tried.id, "code": "X1"}),
    ):
        await api.body.journal.record(
            NewEvidence(
                kind=kind,
                at=fictional.NOW,
                message_id=message.id,
                actor="token:registry/ivan",
                facts={**facts},
                wire=b"<answer/>" if facts else b"",
            )
        )
    return message


async def page_of(
    api: Api, identity: str, language: str = "en", who: str = "admin"
) -> tuple[Seen, Any]:
    headers = {"Accept-Language": language}
    status, page, response = await api.call(
        "GET", f"/messages/{identity}/proof", who, headers=headers
    )
    assert status == 200, page
    return harmless(page), response


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_proof_of_dispatch_says_who_what_when_how_and_the_answer(
    api: Api, language: str
) -> None:
    number = RegistrationNumber(number="ВХ-77", date=TODAY)
    message = await sent(
        api, OutboundState.REGISTERED, number=number, answered_at=fictional.NOW, release=Digest("e")
    )
    found, response = await page_of(api, message.id, language)
    assert found.values["html", "lang"] == response.headers["Content-Language"] == language
    dispatch, (tried,) = message.dispatch, message.attempts
    for words in (
        proof_word("title.dispatched", language),
        proof_word("lead.delivered", language),
        outbound_state_name(OutboundState.REGISTERED, language),
        dispatch.sender.name,
        dispatch.recipient.name,
        dispatch.recipient.identifier,
        dispatch.subject,
        "ВХ-77",
        dispatch.files[0].name,
        dispatch.files[0].digest,
        proof_word("outcome.DELIVERED", language),
        tried.transport_id,
        tried.payload,
        sha256(b"<answer/>"),
        proof_word("event.SUBMITTED", language),
    ):
        assert words in found.text, words
    seal = api.body.state.seals[-1]
    for code in (seal.root, seal.chain, seal.key, seal.signature):
        assert code in found.text
    assert "ivan" not in found.text
    assert fictional.dispatch().correspondents == dispatch.correspondents


async def test_nothing_runs_and_nothing_is_fetched(api: Api) -> None:
    message = await sent(api, OutboundState.DELIVERED)
    found, response = await page_of(api, message.id)
    digest = base64.b64encode(hashlib.sha256(found.sheets[0].encode()).digest()).decode()
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    # Saved to a disk, the page keeps what a page may say of itself.
    assert policy.startswith(found.values["meta", "content"])
    assert response.content_type == "text/html"
    assert response.charset == "utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(r"url\(|@import|https?:", found.sheets[0])


@pytest.mark.parametrize(
    ("state", "title", "lead"),
    [
        (OutboundState.ACCEPTED, "dispatched", "accepted"),
        (OutboundState.DECLINED, "dispatched", "declined"),
        (OutboundState.UNCLEAR, "undelivered", "unclear"),
        (OutboundState.PARKED, "undelivered", "unclear"),
        (OutboundState.SENDING, "undelivered", "unclear"),
        (OutboundState.DEFERRED, "undelivered", "absent"),
        (OutboundState.RETURNED, "undelivered", "absent"),
        (OutboundState.SUBMITTED, "undelivered", "absent"),
        (OutboundState.UNDELIVERABLE, "undelivered", "absent"),
    ],
)
async def test_it_never_claims_more_than_is_known(
    api: Api, state: OutboundState, title: str, lead: str
) -> None:
    message = await sent(api, state, defects=(reasoned(Defect.NUMBER_MISSING),), reason="Не.")
    found, _ = await page_of(api, message.id, "bg")
    assert proof_word(f"title.{title}", "bg") in found.words
    assert proof_word(f"lead.{lead}", "bg") in found.words
    assert "Документът няма регистрационен номер и дата." in found.text
    assert "Не." in found.words


@pytest.mark.parametrize(
    ("state", "lead"), [(InboundState.ADMITTED, "received"), (InboundState.REJECTED, "refused")]
)
async def test_a_received_document_has_its_proof_of_receipt(
    api: Api, state: InboundState, lead: str
) -> None:
    identity = await api.body.put(state)
    if state is InboundState.ADMITTED:
        number = {"number": "ВХ-5", "date": TODAY.isoformat()}
        await api.call("POST", f"/messages/{identity}/registration", json=number)
    message = await api.message(identity)
    found, _ = await page_of(api, identity, "uk", "inbox:read")
    envelope = message.envelope
    assert envelope is not None
    for words in (
        proof_word("title.received", "uk"),
        proof_word(f"lead.{lead}", "uk"),
        envelope.sender.name,
        envelope.transport_id,
        message.arrival.original,
        *(file.digest for file in envelope.attachments),
    ):
        assert words in found.text
    assert ("ВХ-5" in found.text) == (state is InboundState.ADMITTED)
    assert envelope.correspondents[0].name not in found.text


async def test_an_unread_message_has_one_too(api: Api) -> None:
    identity = await api.body.put()
    message = await api.message(identity)
    bare = replace(message, arrival=replace(message.arrival, envelope=None, signature=None))
    pack = await api.body.journal.pack(identity)
    assert message.arrival.original in harmless(proof_page(bare, pack, "cs", fictional.NOW)).text


async def test_each_direction_has_its_readers_and_each_print_is_evidence(api: Api) -> None:
    leaving, arrived = (await sent(api, OutboundState.DELIVERED)).id, await api.body.put()
    for identity, stranger, reader in (
        (leaving, "inbox:read", "send"),
        (arrived, "send", "inbox:read"),
    ):
        path = f"/messages/{identity}/proof"
        assert (await api.call("GET", path, stranger))[0] == 403
        assert (await api.call("GET", path, reader))[0] == 200
        body = json.loads((await api.body.journal.events(identity))[-1].body)
        assert (body["kind"], body["facts"]["what"]) == ("EXPORTED", "proof")


async def test_evidence_that_does_not_hold_proves_nothing(api: Api) -> None:
    message = await sent(api, OutboundState.DELIVERED)
    pack = await api.body.journal.pack(message.id)
    with pytest.raises(EvidenceError):
        proof_page(message, pack.replace(b"X1", b"X2"), "en", fictional.NOW)


# --- text from outside ---------------------------------------------------------------------------


def poisoned(value: Any, poison: str) -> Any:
    """Put the poison into every text of a value, however deep."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        kept = {"finding", "plan", "defects", "checks", "network"}
        return replace(
            value,
            **{name: poisoned(one, poison) for name, one in fields.items() if name not in kept},
        )
    if isinstance(value, tuple):
        return tuple(poisoned(one, poison) for one in value)
    if isinstance(value, str) and not isinstance(value, Enum):
        return poison
    return value


def shown(poison: str) -> str:
    """As a reader sees it."""
    return UNSEEN.sub("\N{REPLACEMENT CHARACTER}", poison.replace("\ud800", "\ufffd"))


async def hostile_pack(api: Api, identity: Any, poison: str) -> bytes:
    facts = {
        name: poison.replace("\ud800", "?")
        for name in ("network", "attempt", "outcome", "status", "code", "original")
    }
    row = NewEvidence(
        kind=EvidenceKind.HEARD,
        at=fictional.NOW,
        message_id=identity,
        actor=facts["code"],
        facts={**facts},
    )
    await api.body.journal.record(row)
    return await api.body.journal.pack(identity)


@pytest.mark.parametrize("poison", HOSTILE)
async def test_no_text_of_a_document_of_ours_becomes_markup(api: Api, poison: str) -> None:
    message = await sent(
        api,
        OutboundState.DECLINED,
        number=RegistrationNumber(number="x", date=TODAY),
        reason="x",
        release=Digest("x"),
        defects=(reasoned(Defect.FILE_MACRO, index=1, file=poison),),
    )
    parent = DocumentReference(guid=Guid("x"), number=message.number)
    message = replace(
        message, dispatch=replace(message.dispatch, parent=parent, corrects=Guid("x"))
    )
    pack = await hostile_pack(api, message.id, poison)
    hostile: OutboundMessage = poisoned(message, poison)
    for language in LANGUAGES:
        found = harmless(proof_page(hostile, pack, language, fictional.NOW))
        # Not one is lost either: number twice, parties, kind, subject, file, codes …
        assert found.text.count(shown(poison)) >= 15


@pytest.mark.parametrize("poison", HOSTILE)
async def test_no_text_of_a_received_document_becomes_markup(api: Api, poison: str) -> None:
    identity = await api.body.put()
    message = await api.message(identity)
    certificate = CertificateFacts(
        serial=SerialNumber("x"),
        subject="x",
        issuer="x",
        not_before=fictional.NOW,
        not_after=fictional.NOW,
        fingerprint=Digest("x"),
    )
    facts = SignatureFacts(finding=None, algorithm="x", certificate=certificate)
    message = replace(
        message,
        arrival=replace(message.arrival, signature=facts),
        number=RegistrationNumber(number="x", date=TODAY),
        reason="x",
    )
    pack = await hostile_pack(api, identity, poison)
    hostile: Message = poisoned(message, poison)
    found = harmless(proof_page(hostile, pack, "bg", fictional.NOW))
    assert found.text.count(shown(poison)) >= 15


async def test_a_hostile_submission_comes_out_as_text_over_the_wire(api: Api) -> None:
    poison = "<img src=x onerror=alert(1)>'\""
    words = WORDS | {"subject": poison, "kind": poison, "scan_instead": poison}
    words |= {"document": {"number": poison[:28], "date": "2026-03-02"}}
    files = (("file", "<svg onload=alert(1)>.pdf", PDF),)
    status, taken, _ = await api.call("POST", "/messages", data=form(words, files), headers=KEY)
    assert status == 202, taken
    found, _ = await page_of(api, taken["id"])
    assert found.text.count(poison) == 3
    assert "<svg onload=alert(1)>.pdf" in found.text


@given(st.text())
def test_any_text_is_one_text_in_any_place(text: str) -> None:
    made = element("p", text, class_=text)
    found = seen(made.encode())
    assert (found.elements, found.oddities) == ({"p"}, [])
    assert set(found.attributes) == {("p", "class")}
    plain = [c for c in text if c.isalnum()]
    assert [c for c in found.text if c.isalnum()] == plain


def test_a_style_sheet_cannot_end_its_element() -> None:
    with pytest.raises(ValueError, match="style sheet"):
        style("p{}</style><script>")


# --- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_words_stand_in_all_languages(language: str) -> None:
    words = proof_catalogue(language)
    assert words.keys() == proof_catalogue("en").keys()
    assert all(words.values())
    needed = {f"event.{kind}" for kind in EvidenceKind}
    needed |= {f"outcome.{outcome}" for outcome in AttemptOutcome} | {"outcome.NONE"}
    assert needed <= words.keys()
    letters = re.compile("[а-яіїєґ]", re.IGNORECASE)
    for key, text in words.items():
        if key != "label.sha256" and not text.startswith("№"):
            assert (language in {"bg", "uk"}) == bool(letters.search(text)), key
    assert proof_word("title.received", "tlh") == proof_word("title.received", "en")


# --- the command ---------------------------------------------------------------------------------


async def test_the_command_prints_the_page_or_writes_a_file(
    api: Api, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    message = await sent(api, OutboundState.DELIVERED)
    where = ["--api", str(api.server.make_url("")), "--token", api.secrets["send"]]
    assert await asyncio.to_thread(run, ["proof", message.id, "--language", "cs", *where]) == 0
    assert "Doklad o odeslání" in harmless(capsysbinary.readouterr().out).text
    file = tmp_path / "proof.html"
    command = ["proof", message.id, "-o", str(file), "--language", "bg", *where]
    assert await asyncio.to_thread(run, command) == 0
    assert "Доказателство за изпращане" in harmless(file.read_bytes()).text
    assert await asyncio.to_thread(run, ["proof", "0" * 32, *where]) == 1
    assert SPOKEN == LANGUAGES
