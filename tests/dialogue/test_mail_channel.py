"""Two bodies write to each other by signed mail: documents, states, errors, reports, and noise."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from depesha.adapters.email.smtp import Dispatch as Handing
from depesha.adapters.memory.directory import MemoryDirectory
from depesha.adapters.memory.scanner import MemoryScanner
from depesha.adapters.memory.state import MemoryState
from depesha.adapters.memory.store import MemoryStore
from depesha.errors import StorageError, WireError
from depesha.gateway.checks.chain import Chain, Result
from depesha.schemas.answer import DocumentStatus, ErrorAnswer, Notice, StatusAnswer
from depesha.schemas.dispatch import Attempt, AttemptOutcome, Dispatch
from depesha.schemas.envelope import Correspondent, DocumentReference, RegistrationNumber
from depesha.schemas.facts import Arrival
from depesha.schemas.ids import Digest, Guid, SerialNumber
from depesha.schemas.outbound import Signal, SignalKind
from depesha.schemas.outcome import Deferred, Delivered, Outcome, Refused, Unclear
from depesha.schemas.participant import Participant, ParticipantStatus
from depesha.schemas.policy import Policy
from depesha.schemas.route import Reach
from depesha.schemas.verdict import Rejection, finding
from depesha.simulators.authority import Authority
from depesha.simulators.mail_papers import issue_for_mail
from tests.support.mail import read
from tests.support.mail_house import AT_A, AT_B, OPERATOR, PDF, A, B, Body, Heard, Post, post

NUMBER = RegistrationNumber(number="ВХ-7", date=date(2026, 3, 3))


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Post]:
    async with post(tmp_path) as made:
        yield made


async def attempt(stand: Post, dispatch: Dispatch, earlier: tuple[Attempt, ...] = ()) -> Attempt:
    prepared = await stand.a.channel.outbound.prepare(dispatch, earlier)
    return Attempt(
        id="attempt-1",
        network="email",
        number=1 + len(earlier),
        transport_id=prepared.transport_id,
        payload=prepared.payload,
        intended_at=stand.clock.now(),
        reference=prepared.reference,
    )


async def send(stand: Post, dispatch: Dispatch | None = None) -> tuple[Attempt, Outcome]:
    dispatch = dispatch or stand.document()
    tried = await attempt(stand, dispatch)
    return tried, await stand.a.channel.outbound.deliver(dispatch, tried)


async def arrived(stand: Post, dispatch: Dispatch | None = None) -> Arrival:
    """Send a document and return what B makes of it."""
    await send(stand, dispatch)
    await stand.b.poll()
    (one,) = stand.b.heard.arrivals
    return one


async def examine(stand: Post, body: Body, arrival: Arrival) -> Result:
    chain = Chain(
        directories={"email": body.channel.directory},
        store=MemoryStore(MemoryState(), stand.clock),
        blobs=body.blobs,
        scanner=MemoryScanner(),
        clock=stand.clock,
        observer=body.observer,
        policy=Policy(own_identifiers=frozenset({body.party.identifier}), own_guids=frozenset()),
    )
    return (await chain.examine(arrival, stand.clock.now())).outcome


# --- there and back -------------------------------------------------------------------------


async def test_a_document_goes_there_and_its_number_comes_back(stand: Post) -> None:
    dispatch = stand.document(PDF, PDF + b"2")
    tried, outcome = await send(stand, dispatch)
    assert isinstance(outcome, Delivered)
    assert (outcome.proven, outcome.reference) == (False, tried.reference)

    await stand.b.poll()
    (arrival,) = stand.b.heard.arrivals
    envelope = arrival.envelope
    assert envelope is not None
    assert (envelope.network, envelope.transport_id) == ("email", tried.transport_id)
    assert (envelope.sender, envelope.recipient) == (A, B)
    assert envelope.document == dispatch.document
    assert envelope.attachments == dispatch.files
    assert (envelope.subject, envelope.document_comment) == (dispatch.subject, dispatch.text)
    assert [one.detected for one in arrival.contents] == ["application/pdf"] * 2
    assert arrival.signature is not None
    assert arrival.signature.finding is None
    assert await examine(stand, stand.b, arrival) is Result.PASSED

    stand.b.received.keep("0" * 31 + "1", arrival)
    number = DocumentReference(guid=envelope.document.guid, number=NUMBER)
    notice = Notice(
        network="email",
        message_id="0" * 31 + "1",
        original_sender=envelope.sender,
        original_recipient=envelope.recipient,
        answer=StatusAnswer(status=DocumentStatus.REGISTERED, document=number),
    )
    assert isinstance(await stand.b.channel.notifier.notify(notice), Delivered)
    await stand.a.poll()
    told = [(one.status, one.document) for one in stand.a.heard.notices]
    bare = DocumentReference(guid=envelope.document.guid)
    assert told == [(DocumentStatus.WAITING, bare), (DocumentStatus.REGISTERED, number)]
    assert {(one.sender, one.recipient) for one in stand.a.heard.notices} == {(B, A)}
    assert all(one.signature.finding is None for one in stand.a.heard.notices)


async def test_a_notice_is_a_reply_that_people_read_and_a_repeat_is_the_same(stand: Post) -> None:
    tried, _ = await send(stand)
    await stand.b.poll()
    (arrival,) = stand.b.heard.arrivals
    assert arrival.envelope is not None
    stand.b.received.keep("0" * 31 + "1", arrival)
    notice = Notice(
        network="email",
        message_id="0" * 31 + "1",
        original_sender=arrival.envelope.sender,
        original_recipient=arrival.envelope.recipient,
        answer=StatusAnswer(
            status=DocumentStatus.REJECTED,
            document=DocumentReference(guid=arrival.envelope.document.guid),
            reason="няма подпис",
        ),
    )
    for _ in range(2):
        await stand.b.channel.notifier.notify(notice)
    _, first, again = [read(m.content) for m in _letters(stand, AT_A)]
    assert first.answered_id == tried.reference
    assert (first.message_id, first.text) == (again.message_id, again.text)
    assert "Your document was not accepted." in first.text
    assert "няма подпис" in first.text


def _letters(stand: Post, address: str) -> list[Any]:
    """Return the mails in a box that no server wrote."""
    return [m for m in stand.domain.box(address).mails if b"MAILER-DAEMON" not in m.content]


def _openssl(mail: Path, authority: Path) -> subprocess.CompletedProcess[bytes]:
    command = ["openssl", "cms", "-verify", "-in", str(mail), "-CAfile", str(authority)]
    return subprocess.run(command, capture_output=True, check=False)


async def test_openssl_accepts_what_was_sent(stand: Post) -> None:
    await send(stand)
    (mail,) = stand.domain.box(AT_B).mails
    path = stand.folder / "mail.eml"
    path.write_bytes(mail.content)
    done = await asyncio.to_thread(_openssl, path, stand.folder / "ca.pem")
    assert done.returncode == 0, done.stderr


async def test_an_encrypted_letter_is_only_for_its_recipient(tmp_path: Path) -> None:
    person = Correspondent(name="Примерно лице", city="Примерово")
    async with post(tmp_path, encrypted=True) as stand:
        facts = await stand.a.channel.outbound.facts(stand.document())
        assert facts.growth_percent == 188
        arrival = await arrived(stand, stand.document(correspondents=(person,)))
        assert b"%PDF" not in stand.domain.box(AT_B).mails[0].content
        assert b"vnd.depesha" not in stand.domain.box(AT_B).mails[0].content
        assert arrival.envelope is not None
        assert arrival.envelope.correspondents == (person,)
        assert arrival.signature is not None
        assert arrival.signature.finding is None


async def test_files_come_out_of_the_original_again(stand: Post) -> None:
    arrival = await arrived(stand, stand.document(PDF, b"second"))
    path = stand.b.blobs.path(arrival.original)
    assert path is not None
    extractor = stand.b.channel.extractor
    into = BytesIO()
    extractor.extract(path, 2, into)
    assert into.getvalue() == b"second"
    with pytest.raises(WireError):
        extractor.extract(path, 3, into)
    assert extractor.read(path, arrival.received_at) == arrival


# --- once, whatever happens -------------------------------------------------------------------


async def test_a_doubled_delivery_is_one_document(stand: Post) -> None:
    stand.domain.smtp.faults.doubled = True
    await send(stand)
    assert len(stand.domain.box(AT_B).mails) == 2
    await stand.b.poll()
    first, second = stand.b.heard.arrivals
    assert first.original != second.original, "each copy has trace lines of its own"
    assert first.envelope is not None
    assert second.envelope is not None
    assert first.envelope.transport_id == second.envelope.transport_id
    assert first.envelope.document == second.envelope.document
    assert first.content_digest == second.content_digest


async def test_all_tries_are_one_letter_until_it_is_refused(stand: Post) -> None:
    dispatch = stand.document()
    first = await attempt(stand, dispatch)
    for outcome, same in (
        (AttemptOutcome.DEFERRED, True),
        (AttemptOutcome.ABSENT, True),
        (AttemptOutcome.REFUSED, False),
    ):
        again = await attempt(stand, dispatch, (replace(first, outcome=outcome),))
        assert (again.payload == first.payload) is same
        assert (again.reference == first.reference) is same
        assert dispatch.document.guid in again.reference


async def test_mails_are_looked_at_once_and_again_after_a_failure(stand: Post) -> None:
    await send(stand)
    stand.b.heard.failing = 1
    with pytest.raises(StorageError):
        await stand.b.poll()
    assert await stand.b.poll() == 1
    assert await stand.b.poll() == 0
    assert len(stand.b.heard.arrivals) == 1
    assert stand.domain.box(AT_B).mails[0].flags == {"\\Seen"}


async def test_a_mailbox_numbered_anew_doubles_no_answer(stand: Post) -> None:
    await send(stand)
    await stand.b.poll()
    answers = len(_letters(stand, AT_A))
    stand.domain.box(AT_B).renumber()
    assert await stand.b.poll() == 1
    assert len(stand.b.heard.arrivals) == 2, "the gateway knows it by its identities"
    assert len(_letters(stand, AT_A)) == answers


async def test_a_mail_that_cannot_be_fetched_stops_no_other(stand: Post) -> None:
    await send(stand)
    stand.domain.imap.faults.cut_in_fetch = True
    with pytest.raises(Exception, match="mailbox"):
        await stand.b.poll()
    stand.domain.imap.faults.cut_in_fetch = False
    await send(stand, stand.document(number="2"))
    await stand.b.poll()
    (one,) = stand.b.heard.arrivals
    assert one.envelope is not None
    assert one.envelope.document.guid.endswith("2")


# --- reports ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fate", "kind", "proven", "code"),
    [
        ("delivered", Delivered, True, ""),
        ("failed", Refused, None, "5.2.1"),
        ("relayed", Delivered, False, ""),
        ("oddly_failed", Unclear, None, "5.1.1"),
    ],
)
async def test_what_a_report_says_of_the_try(
    stand: Post, fate: str, kind: type, *, proven: bool | None, code: str
) -> None:
    fates = stand.domain.fates
    if fate == "failed":
        fates.failed[AT_B] = "5.2.1"
    elif fate == "oddly_failed":
        fates.oddly_failed.add(AT_B)
    elif fate == "relayed":
        stand.domain.boxes._boxes.pop(AT_B)
        fates.relayed.add(AT_B)
    tried, _ = await send(stand)
    await stand.a.poll()
    (report,) = stand.a.heard.reports
    assert (report.name, report.network, report.actor) == (tried.reference, "email", "mail-server")
    assert isinstance(report.outcome, kind)
    assert getattr(report.outcome, "proven", None) is proven
    assert getattr(report.outcome, "code", "") == code
    assert stand.a.blobs.path(report.original) is not None
    assert await stand.a.left() == (["UNCLEAR_BOUNCE"] if fate == "oddly_failed" else [])
    answered = await stand.a.channel.outbound.inquire(stand.document(), tried)
    assert type(answered) is kind


async def test_a_delay_never_says_that_it_was_not_taken(stand: Post) -> None:
    """ "Deferred" would let it be sent a second time, and the server has it."""
    stand.domain.fates.delayed[AT_B] = "4.2.1"
    await send(stand)
    await stand.a.poll()
    outcomes = [one.outcome for one in stand.a.heard.reports]
    assert [getattr(one, "proven", None) for one in outcomes] == [False, True]


async def test_a_report_settles_a_try_that_broke_off(stand: Post) -> None:
    stand.domain.smtp.faults.lost_after_dot = True
    tried, outcome = await send(stand)
    assert isinstance(outcome, Unclear)
    assert isinstance(await stand.a.channel.outbound.inquire(stand.document(), tried), Unclear)
    stand.domain.smtp.faults.lost_after_dot = False
    await stand.a.poll()
    (report,) = stand.a.heard.reports
    assert (report.name, type(report.outcome)) == (tried.reference, Delivered)


async def test_a_report_about_nothing_of_ours_is_left_to_a_person(stand: Post) -> None:
    stand.a.heard.known = False
    stand.domain.fates.failed[AT_B] = "5.2.1"
    await send(stand)
    await stand.a.poll()
    assert await stand.a.left() == ["REPORT_UNKNOWN"]


@pytest.mark.parametrize(
    ("switch", "value", "kind"),
    [
        ("closed", True, Deferred),
        ("cut_before_data", True, Deferred),
        ("recipient", "450 4.2.1 later", Deferred),
        ("recipient", "550 5.1.1 nobody", Refused),
        ("final", "452 4.3.1 full", Deferred),
        ("slow_seconds", 2.0, Unclear),
        ("lost_untaken", True, Unclear),
    ],
)
async def test_every_fault_of_the_server_is_told_truly(
    stand: Post, switch: str, value: object, kind: type
) -> None:
    setattr(stand.domain.smtp.faults, switch, value)
    _, outcome = await send(stand)
    assert isinstance(outcome, kind), outcome
    has = len(stand.domain.box(AT_B).mails)
    assert has == 0 or kind is Unclear


# --- who may speak ----------------------------------------------------------------------------


async def hand_in(stand: Post, content: bytes, sender: str = AT_A, to: str = AT_B) -> None:
    """Put any mail into a box, by the front door."""
    await stand.a.channel._submitter.send(
        Handing(sender=sender, recipient=to, content=content, envelope_id="x")
    )


def plain(subject: str = "hello", more: str = "") -> bytes:
    return (
        f"From: {AT_A}\r\nTo: {AT_B}\r\nSubject: {subject}\r\nMessage-ID: <p@x.example>\r\n"
        f"{more}\r\nwords\r\n"
    ).encode()


async def test_unsigned_mail_is_left_alone_and_named(stand: Post) -> None:
    await hand_in(stand, plain())
    await stand.b.poll()
    assert stand.b.heard == Heard()
    receiver = stand.b.channel.receiver
    assert receiver is not None
    (left,) = await receiver.left()
    assert (left.why, left.sender, left.subject) == ("UNSIGNED", AT_A, "hello")
    assert stand.domain.box(AT_B).mails[0].flags == set(), "people see it as unread"


async def test_automatic_replies_are_no_documents_and_get_no_answer(stand: Post) -> None:
    stand.domain.fates.away.add(AT_B)
    await send(stand)
    await stand.a.poll()
    assert not stand.a.heard.arrivals
    assert not stand.a.heard.notices
    assert ("email", "automatic reply") in stand.a.observer.named("word")
    assert await stand.a.left() == []


async def test_a_strangers_signature_is_no_partners(stand: Post) -> None:
    """Signed for our partner's address by an issuer nobody trusts: kept, refused, unanswered."""
    elsewhere = Authority.create("Чужд издател", at=stand.clock.now())
    forged = issue_for_mail(elsewhere, "a", AT_A, at=stand.clock.now(), key=stand.keys[AT_A])
    await _as(stand, forged)
    await send(stand)
    await stand.b.poll()
    (arrival,) = stand.b.heard.arrivals
    assert arrival.signature is not None
    assert arrival.signature.finding is not None
    assert arrival.signature.finding.reason is Rejection.CERTIFICATE_UNTRUSTED
    assert arrival.contents == ()
    assert await examine(stand, stand.b, arrival) is Result.REJECTED
    assert _letters(stand, AT_A) == [], "whoever forges a sender makes us write to nobody"


async def _as(stand: Post, identity: Any) -> None:
    from depesha.adapters.email.smime import MailSigner  # noqa: PLC0415 -- only here

    stand.a.channel.outbound._signer = MailSigner(
        key_pem=identity.key_pem, certificates_pem=identity.chain_pem, address=AT_A
    )


async def test_a_letter_that_speaks_for_another_body_is_forged(stand: Post) -> None:
    other = replace(A, identifier="000000009", name="Друга община")
    arrival = await arrived(stand, stand.document(sender=other))
    assert arrival.signature is not None
    assert arrival.signature.finding is not None
    assert arrival.signature.finding.reason is Rejection.CERTIFICATE_OTHER
    assert await examine(stand, stand.b, arrival) is Result.REJECTED


async def test_a_known_address_is_no_proof_for_a_body_that_is_no_partner(tmp_path: Path) -> None:
    async with post(tmp_path, partners=()) as stand:
        await send(stand)
        await stand.b.poll()
        assert stand.b.heard == Heard()
        assert await stand.b.left() == ["SENDER_UNKNOWN"]


async def test_the_registers_addresses_count_where_the_settings_say_so(tmp_path: Path) -> None:
    async with post(tmp_path, partners=()) as without:
        directory = MemoryDirectory(_registered(), clock=without.clock)
    other = tmp_path / "again"
    other.mkdir()
    changes: dict[str, Any] = {"register_addresses": True, "partners": ()}
    async with post(other, register=directory, **changes) as stand:
        arrival = await arrived(stand)
        assert await examine(stand, stand.b, arrival) is Result.PASSED
        facts = await stand.b.channel.outbound.facts(stand.document(to=A))
        assert (facts.reach, facts.reach_as_of) == (
            Reach.REGISTERED,
            directory.state().loaded_at,
        )


def _registered() -> Participant:
    return Participant(
        guid=Guid("aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa"),
        identifier=A.identifier,
        name=A.name,
        status=ParticipantStatus.ACTIVE,
        serial=SerialNumber("1"),
        url="https://a.example/",
        email=AT_A,
    )


# --- answers ------------------------------------------------------------------------------------


async def test_a_refusal_is_told_as_an_error_in_the_senders_language(stand: Post) -> None:
    tried = await attempt(stand, stand.document())
    stand.b.heard.answer = ErrorAnswer(
        finding=finding(Rejection.RECIPIENT_NOT_OURS), transport_id=tried.transport_id
    )
    await stand.a.channel.outbound.deliver(stand.document(), tried)
    await stand.b.poll()
    await stand.a.poll()
    (fault,) = stand.a.heard.faults
    assert (fault.failed, fault.sender) == (tried.transport_id, B)
    assert fault.description
    assert "could not be taken" in read(_letters(stand, AT_A)[0].content).text


async def test_without_receipts_nothing_is_answered(tmp_path: Path) -> None:
    async with post(tmp_path, receipts=False) as stand:
        await arrived(stand)
        assert _letters(stand, AT_A) == []


async def test_an_answer_that_cannot_be_handed_in_is_tried_again(stand: Post) -> None:
    await send(stand)
    stand.domain.smtp.faults.sender = "451 4.3.0 later"
    await stand.b.poll()
    stand.domain.smtp.faults.sender = ""
    receiver = stand.b.channel.receiver
    assert receiver is not None
    assert receiver._places is not None
    again = receiver._places.again
    assert [one.tries for one in again.values()] == [1]
    now = stand.clock.now()
    receiver._places = replace(
        receiver._places, again={uid: replace(one, due_at=now) for uid, one in again.items()}
    )
    await stand.b.poll()
    assert len(_letters(stand, AT_A)) == 1
    assert receiver._places.again == {}


async def test_words_end_where_they_arrive(stand: Post) -> None:
    """No answer is answered: after two looks on both sides nothing is under way any more."""
    await send(stand)
    for _ in range(3):
        await stand.b.poll()
        await stand.a.poll()
    assert len(_letters(stand, AT_A)) == len(_letters(stand, AT_B)) == 1
    assert await stand.a.poll() == await stand.b.poll() == 0


# --- what else the channel tells --------------------------------------------------------------


async def test_limits_are_the_settings_until_the_server_speaks(stand: Post) -> None:
    before = await stand.a.channel.outbound.facts(stand.document())
    assert (before.limits_as_of, before.can_ask, before.growth_percent) == (None, False, 137)
    stand.domain.smtp.faults.size_limit = 100_000
    await stand.a.channel.start()
    after = await stand.a.channel.outbound.facts(stand.document())
    assert after.limits_as_of is not None
    assert after.message_bytes is not None
    assert before.message_bytes is not None
    assert 60_000 < after.message_bytes < 100_000 < before.message_bytes
    largest = b"x" * (after.message_bytes * 100 // after.growth_percent)
    _, outcome = await send(stand, stand.document(largest))
    assert isinstance(outcome, Delivered), "what passes the bar is taken"


async def test_what_is_too_large_is_not_written(stand: Post) -> None:
    huge = stand.document()
    (file,) = huge.files
    huge = replace(huge, files=(replace(file, size=26_000_000),))
    with pytest.raises(WireError):
        await stand.a.channel.outbound.prepare(huge, ())
    lost = replace(huge, files=(replace(file, digest=Digest("e" * 64)),))
    with pytest.raises(StorageError):
        await stand.a.channel.outbound.prepare(lost, ())


async def test_an_operator_is_told_once_in_words_without_names(stand: Post) -> None:
    box = stand.domain.box(OPERATOR, "x")
    signal = Signal(
        kind=SignalKind.FALLBACK,
        network="seos",
        at=stand.clock.now(),
        message_id="0" * 32,
        instead="ssev",
        code="UNREACHABLE",
        peer=B.identifier,
    )
    signals = stand.a.channel.signals
    for _ in range(2):
        assert isinstance(await signals.tell(signal), Delivered)
    first, again = [read(mail.content) for mail in box.mails]
    assert first.message_id == again.message_id
    assert first.subject == "СЕОС: Документ беше изпратен по друг канал"
    for word in ("СЕОС", "ССЕВ", "UNREACHABLE", B.identifier, "0" * 32):
        assert word in first.text
    assert isinstance(await signals.tell(replace(signal, network="isds")), Delivered)
    assert len(box.mails) == 2
    stand.domain.smtp.faults.closed = True
    assert isinstance(await signals.tell(signal), Deferred)


async def test_a_letter_of_a_person_is_a_document_with_an_identity_of_its_own(stand: Post) -> None:
    """Signed in a mail program: no machine part, an answer to a letter of ours."""
    from tests.support.mail import written  # noqa: PLC0415 -- only here

    made = written()
    boundary = b"--=_x\r\n"
    entity = (
        b'Content-Type: multipart/mixed; boundary="=_x"\r\n\r\n'
        + boundary
        + b"Content-Type: text/plain; charset=utf-8\r\n\r\nHello,\r\nsee below.\r\n"
        + boundary
        + b'Content-Type: application/pdf; name="a.pdf"\r\n'
        + b"Content-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQK\r\n"
        + b"--=_x--\r\n"
    )
    answered = f"<22222222-1111-4111-8111-000000000000.1@{AT_B.partition('@')[2]}>"
    headers = (
        f"From: {AT_A}\r\nTo: {AT_B}\r\nSubject: An answer\r\nMessage-ID: <one@a.example>\r\n"
        f"In-Reply-To: {answered}\r\nDate: Mon, 02 Mar 2026 10:00:00 +0200\r\n"
        "MIME-Version: 1.0\r\n"
    ).encode()
    letter = replace(made, headers=headers, entity=entity, message_id="<one@a.example>")
    content = stand.a.channel.outbound._signer.sign(letter)
    await hand_in(stand, content)
    await stand.b.poll()
    (arrival,) = stand.b.heard.arrivals
    envelope = arrival.envelope
    assert envelope is not None
    assert (envelope.sender, envelope.recipient, envelope.subject) == (A, B, "An answer")
    assert envelope.parent == DocumentReference(guid=Guid("22222222-1111-4111-8111-000000000000"))
    assert [file.name for file in envelope.attachments] == ["a.pdf"]
    assert envelope.document_comment.splitlines()[0] == "Hello,"
    await hand_in(stand, content)
    await stand.b.poll()
    again = stand.b.heard.arrivals[1].envelope
    assert again is not None
    assert (again.document, again.transport_id) == (envelope.document, envelope.transport_id)
    await stand.a.poll()
    assert [one.status for one in stand.a.heard.notices] == [DocumentStatus.WAITING] * 2
