"""Documents of ours to a simulated partner over TLS: every way it may answer, fail or lie.

What the channel says of each try is compared with what the partner really has in its books.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import fields, replace
from datetime import date
from pathlib import Path

import pytest

from depesha.adapters.seos.outbound import GROWTH
from depesha.errors import Blame, WireError
from depesha.schemas.answer import DocumentStatus
from depesha.schemas.dispatch import AttemptOutcome, Mark
from depesha.schemas.envelope import Party, RegistrationNumber
from depesha.schemas.evidence import sha256
from depesha.schemas.ids import Guid
from depesha.schemas.outcome import Absent, Deferred, Delivered, Refused, Unclear
from depesha.schemas.route import Reach
from depesha.simulators import seos_checks
from depesha.simulators.authority import Authority
from depesha.simulators.seos_documents import RegistrationRequest
from depesha.simulators.seos_entries import Entry
from depesha.simulators.seos_quirks import ALWAYS, Quirks
from depesha.simulators.tls import write_keys
from tests.support.seos_outbound import Gateway, gateway
from tests.support.simulators import CLOCK, A, B, world

TURNED_AWAY = "the other side does not let us connect"
NUMBER = RegistrationNumber(number="ВХ-567", date=date(2026, 3, 3))


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with world(tmp_path) as small:
        peer = await small.join(B)
        async with gateway(small, peer) as it:
            yield it


def _different(value: object) -> str | None:
    """Name a case by what differs from a well-behaved partner."""
    if not isinstance(value, Quirks):
        return None
    named = (f.name for f in fields(value) if getattr(value, f.name) != getattr(Quirks(), f.name))
    return "+".join(named) or "well-behaved"


async def test_the_partner_has_the_very_document(made: Gateway) -> None:
    document = made.letter("текст <&>\r\n".encode() * 40, subject="Относно <примера>")
    attempt = await made.begin(document)
    outcome = await made.channel.outbound.deliver(document, attempt)
    assert isinstance(outcome, Delivered)
    assert outcome.word is not None
    assert (outcome.word.status, outcome.word.number) == (DocumentStatus.WAITING, None)
    assert b"DS_WAIT_REGISTRATION" in outcome.receipt
    received = made.peer.books.received[document.document.guid]
    path = made.blobs.path(attempt.payload)
    assert path is not None
    assert received.wire.encode() == path.read_bytes()
    header, body = received.heard.header, received.heard.body
    assert isinstance(body, RegistrationRequest)
    assert (header.sender, header.recipient) == (A, B)
    assert header.message_guid == attempt.transport_id
    assert (body.document.guid, body.document.number) == (
        document.document.guid,
        document.document.number,
    )
    assert (body.subject, body.attention_to) == (document.subject, "отдел")
    assert [sha256(e.content) for e in body.enclosures] == [f.digest for f in document.files]


@pytest.mark.parametrize(
    ("quirks", "kind", "stored"),
    [
        (Quirks(), Delivered, True),
        (Quirks(php=True, certificates=1), Delivered, True),
        (Quirks(bom=True, declared_encoding="windows-1251", cdata=True), Delivered, True),
        (Quirks(algorithm="rsa-sha256", pretty=True), Delivered, True),
        (Quirks(empty_answers=True), Delivered, True),
        (Quirks(reset_requests=1), Unclear, False),
        (Quirks(lost_answers=1), Unclear, True),
        (Quirks(reset_answers=1), Unclear, True),
        (Quirks(slow_seconds=4.0), Unclear, True),
        (Quirks(slow_answer_seconds=4.0), Unclear, True),
        (Quirks(http_500=1), Deferred, False),
        (Quirks(http_500=ALWAYS), Deferred, False),
        (Quirks(http_500_after=1), Delivered, True),
        (Quirks(soap_faults=1), Deferred, False),
        (Quirks(soap_faults_after=1), Delivered, True),
        (Quirks(http_500=1, failure_status=503), Deferred, False),
        (Quirks(http_500=1, failure_status=413), Refused, False),
        (Quirks(http_500=1, failure_status=502), Unclear, False),
        (Quirks(http_500_after=1, failure_status=504), Unclear, True),
        (Quirks(wrong_answer_signature=True), Unclear, True),
        (Quirks(answer_status="DS_SOMETHING_NEW"), Unclear, True),
        (Quirks(answer_status="DS_SENT_FAILED"), Unclear, True),
        (Quirks(answer_status="DS_NOT_FOUND"), Unclear, True),
        (Quirks(answer_status="DS_REJECTED"), Delivered, True),
        (Quirks(answer_about=Guid("99999999-9999-4999-8999-999999999999")), Unclear, True),
        (Quirks(errors=1, error="InvalidReceiver"), Refused, False),
        (Quirks(errors=1, error="InvalidMessageSignature"), Refused, False),
        (Quirks(errors=1, error="DuplicateMessageGuid"), Unclear, False),
        (Quirks(errors=1, error=seos_checks.INTERNAL), Unclear, False),
        (Quirks(errors_after=1, error=seos_checks.INTERNAL), Unclear, True),
        (Quirks(errors_after=1, error="Database is locked"), Unclear, True),
        (Quirks(errors=1, wrong_answer_signature=True), Unclear, False),
    ],
    ids=_different,
)
async def test_the_outcome_is_never_against_the_truth(
    made: Gateway, quirks: Quirks, kind: type, *, stored: bool
) -> None:
    made.peer.quirks = quirks
    document = made.letter()
    attempt = await made.begin(document)
    outcome = await made.channel.outbound.deliver(document, attempt)
    assert isinstance(outcome, kind), outcome
    if quirks.slow_seconds:
        await CLOCK.sleep(2.5)
    assert (document.document.guid in made.peer.books.received) is stored
    if isinstance(outcome, Deferred):
        assert outcome.blame is Blame.THEIRS
    if isinstance(outcome, Unclear):
        made.peer.quirks = Quirks()
        answered = await made.channel.outbound.inquire(document, attempt)
        assert isinstance(answered, Delivered if stored else Absent), answered


async def test_a_number_beside_waiting_is_no_registration(made: Gateway) -> None:
    made.peer.quirks = Quirks(early_number=True)
    document = made.letter()
    outcome = await made.send(document)
    assert isinstance(outcome, Delivered)
    assert outcome.word is not None
    assert outcome.word.number is None
    assert b"97-0056" in outcome.receipt
    await made.peer.register(document.document.guid, NUMBER)
    answered = await made.channel.outbound.inquire(document, await made.begin(document))
    assert isinstance(answered, Delivered)
    assert answered.word is not None
    assert (answered.word.status, answered.word.number) == (DocumentStatus.REGISTERED, NUMBER)


async def test_the_same_bytes_again_are_asked_about_and_found(made: Gateway) -> None:
    document = made.letter()
    attempt = await made.begin(document)
    await made.channel.outbound.deliver(document, attempt)
    again = await made.channel.outbound.deliver(document, attempt)
    assert isinstance(again, Unclear)
    assert again.code == "MESSAGE_REPEATED"
    assert isinstance(await made.channel.outbound.inquire(document, attempt), Delivered)


async def test_the_same_document_again_is_known(made: Gateway) -> None:
    document = made.letter()
    await made.send(document)
    outcome = await made.send(document)
    assert isinstance(outcome, Delivered)
    assert outcome.word is not None
    assert outcome.word.status is DocumentStatus.ALREADY_RECEIVED


async def test_a_refusal_at_once_brings_its_reason(made: Gateway) -> None:
    document = made.letter()
    await made.send(document)
    made.peer.books.received[document.document.guid].status = "DS_REJECTED"
    made.peer.books.received[document.document.guid].reason = "Не е от нашата компетентност."
    outcome = await made.send(document)
    assert isinstance(outcome, Delivered)
    assert outcome.word is not None
    assert outcome.word.status is DocumentStatus.REJECTED
    assert outcome.word.reason == "Не е от нашата компетентност."


@pytest.mark.parametrize(
    ("outcome", "same"),
    [
        (AttemptOutcome.DEFERRED, True),
        (AttemptOutcome.ABSENT, False),
        (AttemptOutcome.REFUSED, False),
    ],
)
async def test_only_a_deferred_try_is_repeated_as_it_was(
    made: Gateway, outcome: AttemptOutcome, *, same: bool
) -> None:
    document = made.letter()
    first = replace(await made.begin(document), outcome=outcome)
    second = await made.begin(document, (first,))
    assert (second.payload == first.payload) is same
    assert (second.transport_id == first.transport_id) is same
    assert isinstance(await made.channel.outbound.deliver(document, second), Delivered)
    assert list(made.peer.books.received) == [document.document.guid]


async def test_lost_bytes_of_a_deferred_try_are_made_anew(made: Gateway) -> None:
    document = made.letter()
    first = replace(await made.begin(document), outcome=AttemptOutcome.DEFERRED)
    made.blobs.remove(first.payload)
    second = await made.begin(document, (first,))
    assert second.transport_id != first.transport_id
    assert isinstance(await made.channel.outbound.deliver(document, second), Delivered)


async def test_the_url_is_read_from_the_register_each_time(made: Gateway) -> None:
    document = made.letter()
    first = replace(await made.begin(document), outcome=AttemptOutcome.DEFERRED)
    made.peer.quirks = Quirks(path="/moved/")
    assert isinstance(await made.channel.outbound.deliver(document, first), Deferred)
    made.world.list(made.peer)
    await made.channel.directory.refresh()
    again = await made.begin(document, (first,))
    assert isinstance(await made.channel.outbound.deliver(document, again), Delivered)


@pytest.mark.parametrize(
    ("status", "reach", "tried"),
    [
        ("Active", Reach.REGISTERED, True),
        ("TemporarilyInactive", Reach.AWAY, True),
        ("Inactive", Reach.INACTIVE, False),
    ],
)
async def test_how_the_recipient_stands(
    made: Gateway, status: str, reach: Reach, *, tried: bool
) -> None:
    made.world.list(made.peer, status)
    await made.channel.directory.refresh()
    document = made.letter()
    facts = await made.channel.outbound.facts(document)
    assert (facts.reach, facts.reach_as_of) == (reach, made.channel.directory.state().loaded_at)
    outcome = await made.send(document)
    assert isinstance(outcome, Delivered if tried else Deferred)


async def test_a_recipient_that_left_the_register(made: Gateway) -> None:
    document = made.letter()
    attempt = await made.begin(document)
    stranger = replace(document, recipient=Party(identifier="999999999", name="Никой"))
    assert isinstance(await made.channel.outbound.deliver(stranger, attempt), Deferred)
    assert isinstance(await made.channel.outbound.inquire(stranger, attempt), Deferred)
    with pytest.raises(WireError):
        await made.channel.outbound.prepare(stranger, ())
    assert made.peer.books.calls == []


async def test_a_guid_of_another_network_does_not_mislead(made: Gateway) -> None:
    document = made.letter(recipient=replace(B, guid=A.guid))
    assert (await made.channel.outbound.facts(document)).reach is Reach.REGISTERED
    assert isinstance(await made.send(document), Delivered)


async def test_we_speak_only_as_ourselves(made: Gateway) -> None:
    document = made.letter(sender=Party(identifier="999999999", name="Никой"))
    with pytest.raises(WireError):
        await made.channel.outbound.prepare(document, ())


async def test_what_the_network_has_no_words_for(made: Gateway) -> None:
    with pytest.raises(WireError):
        await made.channel.outbound.prepare(made.letter(subject="a\x00b"), ())


async def test_limits_count_the_wire_and_are_set_by_partner(tmp_path: Path) -> None:
    async with world(tmp_path) as small:
        peer = await small.join(B)
        by_partner = {"{" + str(B.guid).upper() + "}": 0}
        async with gateway(small, peer, send_bytes=1000, send_bytes_to=by_partner) as made:
            other = Party(identifier="999999999", name="Никой")
            document = made.letter(marks=(Mark.PERSONAL_DATA,))
            facts = await made.channel.outbound.facts(document)
            assert (facts.message_bytes, facts.growth_percent) == (None, GROWTH)
            facts = await made.channel.outbound.facts(replace(document, recipient=other))
            assert (facts.message_bytes, facts.reach) == (1000, Reach.NOT_REGISTERED)


async def test_the_growth_covers_the_whole_envelope(made: Gateway) -> None:
    content = b"%PDF" * 100_000
    document = made.letter(content)
    attempt = await made.begin(document)
    path = made.blobs.path(attempt.payload)
    assert path is not None
    assert len(content) < path.stat().st_size * 1.01 < len(content) * GROWTH / 100


async def test_a_large_document_goes_in_pieces(made: Gateway) -> None:
    content = bytes(range(256)) * 16_000
    document = made.letter(content)
    assert isinstance(await made.send(document), Delivered)
    body = made.peer.books.received[document.document.guid].heard.body
    assert isinstance(body, RegistrationRequest)
    assert body.enclosures[0].content == content


async def test_who_refuses_our_certificate_has_surely_nothing(
    made: Gateway, tmp_path: Path
) -> None:
    """With TLS 1.3 the partner says so only after our first bytes."""
    (tmp_path / "elsewhere").mkdir()
    elsewhere = Authority.create("Друг издател", at=CLOCK.now())
    trusted = elsewhere.write(tmp_path / "elsewhere", at=CLOCK.now())
    keys = write_keys(made.peer.identity, tmp_path, "door", trusted)
    await made.peer.stop()
    program = await asyncio.create_subprocess_exec(
        *("openssl", "s_server", "-accept", str(made.peer._listener.port), "-Verify", "1"),
        *("-cert", str(keys.certificate), "-key", str(keys.key), "-CAfile", str(trusted)),
        "-verify_return_error",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert program.stdout is not None
    async for line in program.stdout:
        if line.startswith(b"ACCEPT"):
            break
    outcome = await made.send()
    if program.returncode is None:
        program.kill()
    await program.communicate()
    assert isinstance(outcome, Deferred), outcome
    assert (outcome.blame, outcome.public) == (Blame.NETWORK, TURNED_AWAY)


async def test_another_certificate_at_the_door_is_not_believed(made: Gateway) -> None:
    """The register names one serial; who answers with another is not whom we called."""
    stranger = made.world.authority.issue("друг", eik=B.identifier, at=CLOCK.now())
    made.world.register.put(
        Entry(party=B, serial=stranger.serial, url=made.peer.url, last_change=CLOCK.now())
    )
    await made.channel.directory.refresh()
    outcome = await made.send()
    assert isinstance(outcome, Unclear)
    assert outcome.code == "ANSWER_NOT_BELIEVED"
    assert ("trouble", "seos.answer", "ANSWER_NOT_BELIEVED") in made.observer.events
