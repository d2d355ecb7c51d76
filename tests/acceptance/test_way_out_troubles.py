"""S10 to S13: networks fail, documents find another road or wait, and none is there twice."""

from __future__ import annotations

from typing import Any

import pytest

from depesha.schemas.outbound import SignalKind
from depesha.simulators.bodies import DOLINA, EMAIL, OBRAZETS, PRIMER, SEOS, SSEV
from depesha.simulators.demo_mail import read_box
from depesha.simulators.fault_proxy import Mode
from depesha.simulators.seos_documents import (
    ALREADY_RECEIVED,
    REGISTERED,
    WAITING,
    StatusResponse,
)
from depesha.simulators.seos_reading import read
from depesha.simulators.seos_signing import judge
from depesha.simulators.seos_soap import unwrap_answer, wrap_request
from tests.support.acceptance import curl
from tests.support.outgoing import HANDED_OVER, Paper, Post, paper, tries


def bytes_to_obrazets(roads: Post) -> int:
    return roads.country.wires[f"{SEOS}.{OBRAZETS.folder}"].wire.bytes_up


async def letters_about(roads: Post, document: Paper) -> int:
    """How many mails in the recipient's box name the document."""
    box = roads.country.mail.bodies[document.recipient.folder].box
    return sum(document.guid.encode() in mail for mail in await read_box(roads.country, box))


async def in_ssev(roads: Post, document: Paper) -> int:
    """How many messages in SSEV's own state hold the document's files."""
    state = roads.country.ssev.simulator.state
    outbox = state.outbox(roads.country.ssev.profiles[PRIMER.folder])
    files = [{blob.sha256.lower() for blob in state.blobs_of(message)} for message in outbox]
    return sum(document.digests <= found for found in files)


# --- S10: SEOS down ------------------------------------------------------------------------------


async def test_s10_seos_down_goes_by_ssev_and_returns_to_seos(roads: Post) -> None:
    """S10: given SEOS unreachable and an addressee in SSEV, when sending fails, then the same
    registered document goes by SSEV, the operator of the network is signalled, and new documents
    return to SEOS once it lives.

    On the wire: not one byte reaches the recipient by SEOS, SSEV's own state holds the files, the
    operator's mailbox the signal. In the books: same GUID and number at the recipient, once; its
    number comes back.
    """
    since, before = roads.operators.mark(SEOS), bytes_to_obrazets(roads)
    await roads.country.wires.cut(SEOS)
    document = paper(OBRAZETS)
    shown = await roads.sent(document)
    assert shown["network"] == SSEV
    assert {one for one in tries(shown) if one[0] == SEOS} == {(SEOS, "DEFERRED")}
    assert bytes_to_obrazets(roads) == before
    assert await in_ssev(roads, document) == 1
    assert await roads.operators.signalled(SEOS, since, SignalKind.FALLBACK, about=shown["id"])
    received = await roads.register(document.guid, "ВХ-10")
    assert received["receipt"]["network"] == SSEV
    assert received["envelope"]["document"]["number"]["number"] == document.number
    assert await roads.contents(received) == document.digests
    done = await roads.reaches(shown["id"], "REGISTERED")
    assert done["number"]["number"] == "ВХ-10"

    await roads.mended()
    following = paper(OBRAZETS)
    assert tries(await roads.sent(following)) == [(SEOS, "DELIVERED")]
    assert (await roads.arrived(following.guid))["receipt"]["network"] == SEOS
    assert len(await roads.at_recipient(document.guid)) == 1


# --- S11: SSEV no road either --------------------------------------------------------------------


async def test_s11_a_recipient_outside_ssev_gets_signed_mail(roads: Post) -> None:
    """S11: given the recipient is not in SSEV, then the document goes by e-mail with an electronic
    signature, again with a signal.

    On the wire: openssl accepts the very mail in the recipient's box, with the authority's
    certificate alone, and every file is in what was signed. In the books: one accepted try.
    """
    since = roads.operators.mark(SEOS)
    await roads.country.wires.cut(SEOS)
    document = paper(DOLINA)
    shown = await roads.sent(document)
    assert tries(shown)[-1] == (EMAIL, "ACCEPTED")
    assert SSEV not in [network for network, _ in tries(shown)]
    verified = await roads.letters.verified(DOLINA, document.guid)
    assert verified.said == "CMS Verification successful"
    assert document.digests <= set(verified.digests)
    assert await roads.operators.signalled(SEOS, since, SignalKind.FALLBACK, about=shown["id"])


async def test_s11_with_ssev_down_too_the_mail_is_a_document_at_its_recipient(
    roads: Post,
) -> None:
    """S11: given SSEV is down, then the document goes by e-mail with an electronic signature.

    On the wire: SEOS and SSEV refuse every connection; openssl accepts the mail. In the books: the
    recipient's gateway takes the mail in as the same document, and its number comes back by mail.
    """
    since = roads.operators.mark(SEOS)
    await roads.country.wires.cut(SEOS)
    await roads.country.wires.cut(SSEV)
    document = paper(OBRAZETS)
    shown = await roads.sent(document)
    assert shown["network"] == EMAIL
    assert await in_ssev(roads, document) == 0
    verified = await roads.letters.verified(OBRAZETS, document.guid)
    assert document.digests <= set(verified.digests)
    assert await roads.operators.signalled(SEOS, since, SignalKind.FALLBACK, about=shown["id"])
    received = await roads.register(document.guid, "ВХ-11")
    assert received["receipt"]["network"] == EMAIL
    assert received["envelope"]["document"]["number"]["number"] == document.number
    done = await roads.reaches(shown["id"], "REGISTERED")
    assert (done["state"], done["number"]["number"]) == ("REGISTERED", "ВХ-11")


# --- S12: fallback barred ------------------------------------------------------------------------


async def test_s12_personal_data_never_leave_by_mail(roads: Post) -> None:
    """S12: given a document with personal data for a third party and the rule against e-mail, when
    both networks fail, then no e-mail leaves, the document waits and the operator is told.

    On the wire: no mail about it in the recipient's box, while the operator's signal, sent by the
    same mail server, is there. In the books: no try by e-mail, the bar is named; when SEOS lives
    again the document is there once.
    """
    since = roads.operators.mark(SEOS)
    await roads.country.wires.cut(SEOS)
    await roads.country.wires.cut(SSEV)
    document = paper(OBRAZETS, marks=["PERSONAL_DATA"])
    identity = await roads.submit(document)
    assert await roads.operators.signalled(SEOS, since, SignalKind.STUCK, about=identity)
    shown = await roads.reaches(identity, "DEFERRED")
    assert shown["state"] == "DEFERRED"
    assert EMAIL not in [network for network, _ in tries(shown)]
    route = await roads.sender.explain(message_id=identity)
    [mail] = [line for line in route["lines"] if line["network"] == EMAIL]
    assert not mail["taken"]
    assert any("лични данни" in reason for reason in mail["reasons"])
    assert await letters_about(roads, document) == 0

    await roads.mended()
    done = await roads.reaches(identity, *HANDED_OVER)
    assert done["network"] in {SEOS, SSEV}
    assert (await roads.arrived(document.guid))["receipt"]["network"] == done["network"]
    assert await letters_about(roads, document) == 0


# --- S13: both roads deliver ---------------------------------------------------------------------


async def delivered_late(roads: Post, shown: dict[str, Any]) -> StatusResponse:
    """Let the reviving SEOS hand over the very request that the first try made."""
    begun = await roads.facts(shown["id"], "ATTEMPT_BEGUN")
    held = next(facts for facts in begun if facts["network"] == SEOS)
    wire = (await roads.blob(PRIMER, held["payload"])).decode()
    url = roads.country.gateways[OBRAZETS.folder].direct_url
    status, raw = await curl(roads.keys(PRIMER), url, wrap_request(wire, cdata=False))
    assert status == 200
    text = unwrap_answer(raw) or ""
    assert judge(text).valid
    body = read(text).body
    assert isinstance(body, StatusResponse)
    return body


@pytest.mark.parametrize("registered_first", [False, True], ids=["waiting", "registered"])
async def test_s13_a_late_delivery_beside_the_fallback_is_the_same_document(
    roads: Post, *, registered_first: bool
) -> None:
    """S13: given delivery by fallback and a late delivery of the same document by the reviving
    SEOS, then the receiving side registers one and the sender's record shows one delivered
    document.

    On the wire: the exact signed bytes of the first try arrive after all, and the answer is that
    the document is there, with its number once it has one. In the books: one message at the
    recipient, one number, one try that got through at the sender.
    """
    await roads.country.wires.cut(SEOS)
    document = paper(OBRAZETS)
    shown = await roads.sent(document)
    assert shown["network"] == SSEV
    await roads.arrived(document.guid)
    if registered_first:
        await roads.register(document.guid, "ВХ-13")
        await roads.reaches(shown["id"], "REGISTERED")
    await roads.mended()
    told = await delivered_late(roads, shown)
    if registered_first:
        assert told.status == REGISTERED
        assert told.document.number is not None
        assert told.document.number.number == "ВХ-13"
    else:
        assert told.status in {ALREADY_RECEIVED, WAITING}
        await roads.register(document.guid, "ВХ-13")
    await one_document(roads, shown["id"], document)


async def one_document(roads: Post, identity: str, document: Paper) -> None:
    """The recipient holds it once under ВХ-13, and the sender's record shows one delivery."""
    done = await roads.reaches(identity, "REGISTERED")
    assert (done["state"], done["number"]["number"]) == ("REGISTERED", "ВХ-13")
    got_through = [one for one in tries(done) if one[1] in {"ACCEPTED", "DELIVERED"}]
    assert len(got_through) == 1
    [message] = await roads.at_recipient(document.guid)
    assert message["number"]["number"] == "ВХ-13"
    assert [row["state"] for row in await ours(roads, document)] == ["REGISTERED"]


async def ours(roads: Post, document: Paper) -> list[dict[str, Any]]:
    """The sender's own records of a document."""
    found, after = [], ""
    while True:
        items, after = await roads.sender.outbox(after=after, limit=50)
        found += [one for one in items if one["document"]["guid"] == document.guid]
        if not after:
            return found


async def test_s13_a_person_who_is_wrong_makes_no_second_document(roads: Post) -> None:
    """S13: SEOS delivered and its answer was lost; a person, asked, says wrongly that it is not
    there, and SSEV delivers it again.

    On the wire: the request arrived whole by SEOS, its answer and every answer to a question did
    not come back. In the books: still one registration, and the sender learns its number.
    """
    wire = roads.country.wires[f"{SEOS}.{OBRAZETS.folder}"]
    await wire.set(Mode.RESET_AFTER_REQUEST)
    document = paper(OBRAZETS)
    identity = await roads.submit(document)
    await roads.arrived(document.guid)
    await wire.cut()
    parked = await roads.reaches(identity, "PARKED")
    assert tries(parked) == [(SEOS, "UNCLEAR")]
    assert await in_ssev(roads, document) == 0
    await roads.sender.decide(identity, "rule_absent", "По телефона: няма го.")
    shown = await roads.reaches(identity, *HANDED_OVER)
    assert shown["network"] == SSEV
    await roads.register(document.guid, "ВХ-13")
    await one_document(roads, identity, document)
