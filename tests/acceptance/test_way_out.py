"""S2, S7, S8, S9: a document leaves, or may not, and what its recipient says comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from depesha.schemas import mediatypes
from depesha.schemas.dispatch import Defect
from depesha.schemas.envelope import RegistrationNumber
from depesha.schemas.evidence import sha256
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.outbound_sentences import outbound_state_name, reason_sentence
from depesha.schemas.proof_words import proof_word
from depesha.schemas.route import reasoned
from depesha.simulators.bodies import IZVOR, OBRAZETS, PRIMER, SEOS
from depesha.simulators.registry import RegistryClient, RegistryProblemError
from depesha.simulators.seos_documents import (
    REGISTERED,
    StatusRequest,
    StatusResponse,
)
from depesha.simulators.seos_quirks import ALWAYS, Quirks
from depesha.simulators.seos_reading import read
from depesha.simulators.seos_signing import judge
from tests.support import contents as make
from tests.support.acceptance import Ran, depesha, letter, until
from tests.support.country import CLOCK, IDS
from tests.support.outgoing import PATIENCE, Post, paper, tries
from tests.support.reading import seen

PDF = mediatypes.PDF


# --- S2: out, good path --------------------------------------------------------------------------


async def test_s2_the_number_comes_back_by_itself_and_dispatch_can_be_printed(
    roads: Post, tmp_path: Path
) -> None:
    """S2: given a document with kind, short content, correspondent and a signed PDF, when it is
    sent, then the recipient's number is stored without anybody's hand, and a printable proof of
    dispatch exists.

    On the wire: the recipient's own signed notice DS_REGISTERED came in, kept byte for byte, and
    its signature holds. In the books: nobody asked the sender's gateway for anything in between.
    """
    person = {"name": "Иван Образец", "city": "Пример", "applicant": True}
    signed = (("писмо.pdf", PDF, make.signed_pdf()),)
    document = paper(OBRAZETS, files=signed, correspondents=[person], scan_instead="")
    wire = roads.country.wires[f"{SEOS}.{OBRAZETS.folder}"].wire
    before = wire.bytes_up
    shown = await roads.sent(document)
    assert (shown["network"], tries(shown)) == (SEOS, [(SEOS, "DELIVERED")])
    assert wire.bytes_up - before > len(signed[0][2])
    received = await roads.register(document.guid, "ВХ-2/2")
    assert await roads.contents(received) == document.digests

    done = await roads.reaches(shown["id"], "REGISTERED")
    assert done["number"] == {"number": "ВХ-2/2", "date": CLOCK.now().date().isoformat()}
    heard = await roads.facts(shown["id"], "HEARD")
    [notice] = [facts for facts in heard if facts["number"] == "ВХ-2/2"]
    text = (await roads.blob(PRIMER, notice["original"])).decode()
    told = read(text)
    assert isinstance(told.body, StatusResponse)
    assert (told.body.status, told.body.document.guid) == (REGISTERED, document.guid)
    assert told.header.sender.guid == OBRAZETS.party.guid
    assert judge(text).valid

    for language in ("bg", "cs", "uk", "en"):
        file = tmp_path / f"{language}.html"
        printed = await depesha(
            *("proof", "-c", roads.settings, shown["id"], "-o", file, "--language", language)
        )
        assert printed.status == 0, printed.err
        page = seen(file.read_bytes())
        for words in (
            proof_word("title.dispatched", language),
            PRIMER.party.name,
            OBRAZETS.party.name,
            document.number,
            "ВХ-2/2",
            *document.digests,
            done["attempts"][0]["transport_id"],
            notice["original"],
        ):
            assert words in page.text, (language, words)
        assert "Иван" not in page.text
        assert page.elements.isdisjoint({"script", "img", "link", "iframe"})


# --- S7: bad outgoing ----------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["bg", "cs"])
async def test_s7_what_may_not_leave_is_told_whole_in_the_authors_language(
    roads: Post, language: str
) -> None:
    """S7: given no content, no attachment, or a file outside the permitted kinds, then sending is
    blocked.

    On the wire: not one byte goes to the recipient. In the books: nothing is stored; the author
    reads every defect at once, each with what mends it.
    """
    wire = roads.country.wires[f"{SEOS}.{OBRAZETS.folder}"].wire
    before, (stored, _) = wire.bytes_up, await roads.sender.outbox(limit=200)
    nothing = paper(OBRAZETS, "", kind="", document={"guid": IDS.guid()})
    nothing.files = ()
    page = b"<html><body>x</body></html>"
    wrong = paper(OBRAZETS, "", files=(("страница.pdf", PDF, page),), scan_instead="")
    for document, expected in (
        (
            nothing,
            {
                Defect.NUMBER_MISSING,
                Defect.KIND_MISSING,
                Defect.CONTENT_MISSING,
                Defect.ATTACHMENT_MISSING,
            },
        ),
        (
            wrong,
            {Defect.CONTENT_MISSING, Defect.FILE_KIND_FORBIDDEN, Defect.SIGNATURE_MISSING},
        ),
    ):
        gateway = roads.country.gateways[PRIMER.folder]
        token = roads.country.tokens[PRIMER.folder]
        async with RegistryClient(gateway.registry_api, token, language=language) as author:
            with pytest.raises(RegistryProblemError) as refused:
                await author.submit(document.words, document.files, key=document.key)
        assert refused.value.status == 422
        told: list[dict[str, Any]] = refused.value.problem["defects"]
        assert {one["reason"] for one in told} == set(expected)
        assert all(one["remedy"] for one in told)
        for reason in expected - {Defect.FILE_KIND_FORBIDDEN}:
            sentence = reason_sentence(reasoned(reason), language, "clerk")
            assert sentence in [one["sentence"] for one in told]
    after, _ = await roads.sender.outbox(limit=200)
    assert len(after) == len(stored)
    assert wire.bytes_up == before


async def test_s7_without_a_signing_device_a_scan_goes_and_the_record_says_so(
    roads: Post, tmp_path: Path
) -> None:
    """S7: given the signing device fails, then a scan of the registered document may be sent and
    the record says so.

    The same unsigned file is refused without the reason and goes with it. In the books: the reason
    stands in the record, in the printed proof, and its digest in the evidence.
    """
    scan = tmp_path / "сканирано.pdf"
    scan.write_bytes(make.pdf())
    words: tuple[str, ...] = (
        "--to",
        OBRAZETS.party.identifier,
        "--number",
        f"ИЗХ-{IDS.guid()[:8]}",
    )
    words += ("--date", CLOCK.now().date().isoformat(), "--subject", "Скан", "--kind", "Писмо")
    bare = await depesha("send", "-c", roads.settings, scan, *words)
    assert bare.status == 1
    assert "scan" in bare.err or "скан" in bare.err.lower()
    assert bare.err.count("\n") == 1
    reason = "Устройството за подпис е повредено."
    sent = await depesha("send", "-c", roads.settings, scan, *words, "--scan-instead", reason)
    assert sent.status == 0, sent.err
    shown = await roads.reaches(sent.text.strip(), "DELIVERED", "REGISTERED")
    assert shown["scan_instead"] == reason
    [submitted] = await roads.facts(shown["id"], "SUBMITTED")
    assert submitted["scan_instead"] == sha256(reason.encode())
    assert reason in seen(await roads.sender.proof(shown["id"])).text
    assert (await roads.arrived(shown["document"]["guid"]))["state"] == "ADMITTED"


# --- S8: late answer -----------------------------------------------------------------------------


async def parked(roads: Post, *more: str) -> Ran:
    settings = roads.country.gateways[OBRAZETS.folder].settings
    return await depesha("parked", "list", "-c", settings, *more)


@pytest.mark.parametrize(
    "quirks",
    [Quirks(wrong_answer_signature=True), Quirks(lost_answers=ALWAYS)],
    ids=["unclear", "missing"],
)
async def test_s8_a_late_answer_is_asked_for_and_then_a_person_telephones(
    roads: Post, quirks: Quirks
) -> None:
    """S8: given a sent document without answer past the threshold, then a status query goes out;
    if its answer is unclear or missing, an operator task shows the peer's telephone from the
    participants' register. All this although the case is already closed.

    On the wire: the recipient hears a signed status question about this very document. In the
    books: the answering document's case is closed at once after sending; `depesha parked` shows the
    telephone; a late number still comes home and ends the task.
    """
    peer, ours = roads.izvor, roads.recipient
    question = letter("Питане")
    gateway = roads.country.gateways[OBRAZETS.folder]
    await peer.submit(OBRAZETS.party, gateway.seos_url, question)
    asked = await roads.arrived(question.document.guid)
    await ours.register(asked["id"], "ВХ-8", CLOCK.now().date())
    answer = paper(IZVOR, "Отговор", parent={"guid": question.document.guid})
    identity = await roads.submit(answer, by=ours)
    await roads.reaches(identity, "DELIVERED", by=ours)
    await ours.close(asked["id"], finished=True, reason="Отговорено")
    usual, peer.quirks = peer.quirks, quirks
    try:

        async def told() -> list[dict[str, Any]]:
            listed = (await parked(roads, "--json")).json["items"]
            return [task for task in listed if task["message_id"] == identity]

        [task] = await until(told, PATIENCE)
    finally:
        peer.quirks = usual
    questions = [
        wire
        for wire in peer.books.calls
        if isinstance((body := read(wire).body), StatusRequest)
        and body.document.guid == answer.guid
    ]
    assert questions
    assert all(judge(wire).valid for wire in questions)
    entry = roads.country.register.find(IZVOR.party.guid or IDS.guid())
    assert entry is not None
    assert entry.phone in task["reason"]
    assert IZVOR.party.name in task["reason"]
    assert entry.phone in (await parked(roads)).text
    assert (await ours.message(asked["id"]))["state"] == "CLOSED"
    assert (await ours.show(identity))["state"] == "DELIVERED"

    number = RegistrationNumber(number="Х-808", date=CLOCK.now().date())
    await peer.register(answer.guid, number)
    late = await roads.reaches(identity, "REGISTERED", by=ours)
    assert late["number"]["number"] == "Х-808"
    assert await told() == []


# --- S9: refused by the peer ---------------------------------------------------------------------


async def test_s9_a_declined_document_is_corrected_and_both_stand_in_the_history(
    roads: Post,
) -> None:
    """S9: given a refusal with reason, when the operator removes the reason, then the corrected
    document is resent, tied to the first, and the history shows both.

    On the wire: the recipient's signed DS_REJECTED with its reason, then a second registration
    request under a GUID of its own. In the books: the first stays declined with the reason, the
    second names it and is registered; the same GUID again is a conflict, not a second document.
    """
    peer = roads.izvor
    first = paper(IZVOR, "Без приложение")
    one = await roads.sent(first)
    await peer.reject(first.guid, "Липсва приложение 2.")
    declined = await roads.reaches(one["id"], "DECLINED")
    assert (declined["state"], declined["reason"]) == ("DECLINED", "Липсва приложение 2.")
    page = seen(await roads.sender.proof(one["id"])).text
    assert outbound_state_name(OutboundState.DECLINED, "bg") in page
    assert "Липсва приложение 2." in page

    again = paper(IZVOR, "С приложение")
    again.words["document"]["guid"] = first.guid
    with pytest.raises(RegistryProblemError) as conflict:
        await roads.submit(again)
    assert conflict.value.status == 409

    second = paper(IZVOR, "С приложение 2", corrects=first.guid)
    two = await roads.sent(second)
    await peer.register(second.guid, RegistrationNumber(number="Х-9", date=CLOCK.now().date()))
    mended = await roads.reaches(two["id"], "REGISTERED")
    assert (mended["corrects"], mended["number"]["number"]) == (first.guid, "Х-9")
    assert {first.guid, second.guid} <= set(peer.books.received)
    [submitted] = await roads.facts(two["id"], "SUBMITTED")
    assert submitted["corrects"] == first.guid
    assert first.guid in seen(await roads.sender.proof(two["id"])).text
    history = [m async for m in everything(roads)]
    states = {m["id"]: m["state"] for m in history}
    assert (states[one["id"]], states[two["id"]]) == ("DECLINED", "REGISTERED")


async def everything(roads: Post) -> AsyncIterator[dict[str, Any]]:
    after = ""
    while True:
        items, after = await roads.sender.outbox(after=after, limit=50)
        for one in items:
            yield one
        if not after:
            return
