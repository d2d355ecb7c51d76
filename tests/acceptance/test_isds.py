"""S20 and the roads around it: data messages between two Czech offices, gateways as processes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest_asyncio

from depesha.adapters.isds.papers import verified
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.outbound import SignalKind
from depesha.schemas.proof_words import proof_word
from depesha.simulators import papers
from depesha.simulators.bodies import EMAIL, ISDS, PRIKLAD, VZOROV
from depesha.simulators.demo_mail import Letterbox, Operators
from depesha.simulators.demo_owners import owners_in, owners_out
from depesha.simulators.isds_quirks import Fault, FaultKind, IsdsQuirks
from tests.support.acceptance import depesha, run
from tests.support.boxes import Boxes, boxes, letter, today
from tests.support.country import CLOCK
from tests.support.reading import seen

DELIVERED = ("DELIVERED", "REGISTERED")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def offices(tmp_path_factory: object) -> AsyncIterator[Boxes]:
    async with boxes(tmp_path_factory.mktemp("isds") / "c") as made:  # type: ignore[attr-defined]  # pytest's own
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def roads(offices: Boxes) -> AsyncIterator[Boxes]:
    """Both offices, ISDS being well at the beginning of every test."""
    yield offices
    offices.country.isds.simulator.quirks = IsdsQuirks()
    await offices.mended()


async def test_s20_a_data_message_and_its_signed_answer(roads: Boxes, tmp_path: Path) -> None:
    """S20: given an incoming data message, then PID and delivery time are fixed, no moment leaves
    it without an owner; the signed answer goes out under the same reference number, the ZFO is
    kept bit by bit, and the delivery date shows.

    On the wire: what ISDS sealed and what both offices keep have the same digests; openssl and the
    product's own command accept the stored files. In the books: the register's fields stay as they
    were at intake, and each journey has one owner until its end.
    """
    question = letter(PRIKLAD, "OV 1/2026")
    asked = await roads.submit(question, roads.vzorov)
    shown = await roads.reaches(asked, roads.vzorov, *DELIVERED)
    sent = roads.message(shown)
    assert (shown["network"], len(roads.sent(VZOROV, question))) == (ISDS, 1)

    came = await roads.arrived(question.guid, roads.priklad)
    zfo = await roads.priklad.original(came["id"])
    assert hashlib.sha256(zfo).hexdigest() in roads.sealed
    assert await roads.contents(came, roads.priklad) == question.digests
    at_intake = came["filing"]
    assert sent.delivered_at is not None
    there = sent.delivered_at.replace(microsecond=sent.delivered_at.microsecond // 1000 * 1000)
    assert datetime.fromisoformat(at_intake["delivered_at"]) == there
    assert (at_intake["delivered_by"], at_intake["pid"]) == ("network", came["id"])
    assert at_intake["sender_reference"] == "OV 1/2026"

    await roads.priklad.register(came["id"], "UP 7/2026", today())
    numbered = await roads.reaches(asked, roads.vzorov, "REGISTERED")
    assert numbered["number"]["number"] == "UP 7/2026"
    content = papers.pdf("Answer", bytes(256) * 64)
    signer = roads.country.authority.issue(
        "Referent Příklad", eik=PRIKLAD.party.identifier, at=CLOCK.now()
    )
    files = (
        ("odpověď.pdf", papers.PDF, content),
        ("odpověď.pdf.p7s", papers.DETACHED, papers.detached(content, signer)),
    )
    parent = {"guid": question.guid, "number": "OV 1/2026", "date": today()}
    answer = letter(VZOROV, "UP 7/2026", *files, parent=parent, scan_instead="")
    answered = await roads.submit(answer, roads.priklad)
    back = roads.message(await roads.reaches(answered, roads.priklad, *DELIVERED))
    assert back.draft.texts["dmSenderRefNumber"].startswith("UP 7/2026 ")
    assert back.draft.texts["dmRecipientRefNumber"] == sent.draft.texts["dmSenderRefNumber"]
    assert [file.meta for file in back.files] == ["main", "signature"]
    got = await roads.arrived(answer.guid, roads.vzorov)
    assert got["envelope"]["parent"]["guid"] == question.guid
    assert got["filing"]["sender_reference"] == "UP 7/2026"
    assert [len(one["signatures"]) for one in got["attachments"]] == [0, 1]

    later = (await roads.priklad.close(came["id"], finished=True, reason="Vyřízeno."))["filing"]
    assert later["settlement"] == {"way": "closed", "reason": "Vyřízeno."}
    known = {"serial": {"number": "UP 7/2026", "date": today()}, "settlement": later["settlement"]}
    assert later == at_intake | known
    assert back.delivered_at is not None
    page = seen(await roads.priklad.proof(answered, "cs"))
    moment = back.delivered_at.astimezone(UTC).isoformat(" ", "seconds")[:19]
    assert f"{proof_word('note.delivered', 'cs')} {moment}" in page.text
    await _the_papers_hold(roads, asked, came["id"], zfo, tmp_path)
    assert owners_out(await roads.vzorov.events(asked))[-1] == "done"
    assert owners_in(await roads.priklad.events(came["id"]))[0] == "the registry"


async def _the_papers_hold(roads: Boxes, asked: str, came: str, zfo: bytes, folder: Path) -> None:
    """The message, and the delivery information on both sides, from the offices' own disks."""
    seals = roads.country.isds.seals
    heard = await roads.facts(asked, "HEARD", roads.vzorov)
    words = await roads.facts(came, "WORD_RECEIVED", roads.priklad)
    [received] = [one["original"] for one in words if one["word"] == "delivery-information"]
    of_sender = [one["original"] for one in heard if one["original"] in roads.sealed]
    kinds = set()
    authority = await asyncio.to_thread(seals.read_bytes)
    for body, digest in ((PRIKLAD, received), *((VZOROV, one) for one in of_sender)):
        assert digest in roads.sealed
        unpacked = folder / digest
        unpacked.mkdir()
        path = await roads.blob(body, digest)
        checked = await asyncio.to_thread(verified, path, unpacked, [authority], CLOCK.now())
        assert (checked.genuine, checked.flaws) == (True, ())
        assert checked.content is not None
        kinds.add(checked.content.kind.value)
    assert kinds == {"delivery", "SentMessage", "message"}  # the last one told the number
    path = folder / "zprava.zfo"
    await asyncio.to_thread(path.write_bytes, zfo)
    out = folder / "inside.xml"
    said = await run(
        *("openssl", "cms", "-verify", "-inform", "DER", "-in", path, "-out", out),
        *("-CAfile", seals, "-purpose", "any"),
    )
    assert said.status == 0, said.err
    assert (await depesha("zfo", "verify", path, "--trusted", seals)).status == 0


async def test_isds_down_goes_by_signed_mail_and_returns(roads: Boxes) -> None:
    """Given ISDS unreachable, when sending fails, then the same document goes by signed mail, the
    operator of ISDS is signalled, and new documents return to ISDS once it lives.

    On the wire: ISDS itself holds nothing of it, openssl accepts the mail. In the books: the
    recipient has the document once, by mail.
    """
    operators = Operators(roads.country, CLOCK, VZOROV)
    since = operators.mark(ISDS)
    await roads.country.wires.cut(ISDS)
    document = letter(PRIKLAD, "OV 2/2026")
    identity = await roads.submit(document, roads.vzorov)
    shown = await roads.reaches(identity, roads.vzorov, "ACCEPTED", *DELIVERED)
    assert shown["network"] == EMAIL
    assert {one["outcome"] for one in shown["attempts"] if one["network"] == ISDS} <= {"DEFERRED"}
    came = await roads.arrived(document.guid, roads.priklad)
    assert came["receipt"]["network"] == EMAIL
    assert came["filing"]["delivered_by"] == "gateway"
    assert await roads.contents(came, roads.priklad) == document.digests
    assert roads.sent(VZOROV, document) == []
    assert await operators.signalled(ISDS, since, SignalKind.FALLBACK, about=identity)
    letters = Letterbox(roads.country, CLOCK)
    mail = await letters.verified(PRIKLAD, document.guid)
    assert set(document.digests) <= set(mail.digests)

    await roads.mended()
    following = letter(PRIKLAD, "OV 3/2026")
    done = await roads.reaches(
        await roads.submit(following, roads.vzorov), roads.vzorov, "ACCEPTED", *DELIVERED
    )
    assert done["network"] == ISDS
    assert (await roads.arrived(following.guid, roads.priklad))["receipt"]["network"] == ISDS


async def test_a_lost_answer_makes_no_second_message(roads: Boxes) -> None:
    """Given that ISDS took a message and its answer was lost, then the list of sent messages is
    asked, and neither a second message nor a mail leaves."""
    lost = Fault(kind=FaultKind.LOST, operation="CreateMessage")
    roads.country.isds.simulator.quirks = IsdsQuirks(faults=(lost,))
    document = letter(PRIKLAD, "OV 4/2026")
    identity = await roads.submit(document, roads.vzorov)
    shown = await roads.reaches(identity, roads.vzorov, *DELIVERED)
    assert [one["network"] for one in shown["attempts"]] == [ISDS]
    [there] = roads.sent(VZOROV, document)
    assert shown["attempts"][0]["reference"] == there.message_id
    came = await roads.arrived(document.guid, roads.priklad)
    assert came["state"] == InboundState.ADMITTED


async def test_a_file_of_25_mb_goes_as_a_big_message(roads: Boxes) -> None:
    """Given a document that the ordinary service does not take, then it goes as a big message."""
    content = papers.pdf("Plan", bytes(range(256)) * 100_000)
    document = letter(PRIKLAD, "OV 5/2026", ("plán.pdf", papers.PDF, content))
    identity = await roads.submit(document, roads.vzorov)
    sent = roads.message(await roads.reaches(identity, roads.vzorov, *DELIVERED))
    assert sent.big
    came = await roads.arrived(document.guid, roads.priklad)
    assert await roads.contents(came, roads.priklad) == document.digests
    assert came["original_sha256"] in roads.sealed
