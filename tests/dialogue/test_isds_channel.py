"""ISDS behind the ports, both ways between two boxes of the simulator (S20, law 3, facts 12)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from depesha.adapters.isds import mapping
from depesha.adapters.isds.assembly import IsdsChannel
from depesha.adapters.isds.parties import party_guid
from depesha.adapters.isds.receiving import is_working
from depesha.adapters.isds.settings import Acknowledgement, IsdsPartnerSettings, WorkingTime
from depesha.adapters.memory.scanner import MemoryScanner
from depesha.adapters.memory.system import HandClock
from depesha.errors import WireError
from depesha.gateway.checks.chain import Chain, Result
from depesha.schemas.answer import DocumentStatus, ErrorAnswer, Notice, StatusAnswer
from depesha.schemas.dispatch import Dispatch
from depesha.schemas.envelope import DocumentReference, RegistrationNumber
from depesha.schemas.facts import Arrival
from depesha.schemas.outcome import Deferred, Delivered, Refused, Unclear
from depesha.schemas.policy import Policy
from depesha.schemas.steps import Step
from depesha.schemas.verdict import Rejection, finding
from depesha.simulators.isds_quirks import Fault, FaultKind, IsdsQuirks
from depesha.simulators.isds_values import BoxKind, Draft, Right, StoredFile
from tests.support.isds_channel import (
    CONTENT,
    OWN,
    CrashAt,
    Crashed,
    IsdsHouse,
    attempt_of,
    channel_of,
    document,
    running,
)
from tests.support.isds_client import CLOCK, Office, Stand, stand
from tests.support.memory import id_of

NUMBER = RegistrationNumber(number="MUUK 77/2026", date=CLOCK.now().date())
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Stand]:
    async with stand(tmp_path) as made:
        yield made
        assert made.isds.request_deviations == []


@pytest.fixture
async def houses(tmp_path: Path) -> AsyncIterator[tuple[IsdsHouse, IsdsHouse]]:
    made = IsdsHouse(tmp_path / "a"), IsdsHouse(tmp_path / "b")
    yield made
    for house in made:
        await house.threads.close()


def partner(other: Office, acknowledgement: Acknowledgement) -> tuple[IsdsPartnerSettings, ...]:
    return (
        IsdsPartnerSettings(
            identifier="000000002",
            name=other.box.name,
            box_id=other.box.box_id,
            acknowledgement=acknowledgement,
        ),
    )


def text(number: int) -> bytes:
    """A content of its own: the same one under the same number would be a repeat."""
    return b"%PDF-1.4\n" + str(number).encode()


async def send(channel: IsdsChannel, letter: Dispatch) -> str:
    prepared = await channel.outbound.prepare(letter, ())
    outcome = await channel.outbound.deliver(letter, attempt_of(prepared))
    assert isinstance(outcome, Delivered), outcome
    assert not outcome.proven
    return outcome.reference


def status(document: DocumentReference, number: RegistrationNumber | None = NUMBER) -> StatusAnswer:
    return StatusAnswer(
        status=DocumentStatus.REGISTERED,
        document=DocumentReference(guid=document.guid, number=number),
    )


def notice_of(arrival: Arrival, answer: StatusAnswer) -> Notice:
    assert arrival.envelope is not None
    return Notice(
        network="isds",
        message_id=id_of(1),
        original_sender=arrival.envelope.sender,
        original_recipient=arrival.envelope.recipient,
        answer=answer,
    )


# --- S20 ---------------------------------------------------------------------------------------


async def test_s20_a_filing_and_its_answer_under_the_same_number(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    ours, theirs = houses
    async with (
        running(place, place.sender, ours) as here,
        running(place, place.recipient, theirs) as there,
    ):
        letter = document(ours.blobs, "000000002", CONTENT, b"%PDF-1.4 druhy")
        dm_id = await send(here, letter)
        (report,) = await there.poll(theirs)
        assert (report.documents, report.parked, report.trouble) == (1, 0, "")
        (arrival,) = theirs.arrivals
        envelope = arrival.envelope
        assert envelope is not None
        assert envelope.document == replace(letter.document, number=envelope.document.number)
        assert (envelope.sender.identifier, envelope.recipient.identifier) == (
            "000000002",
            "00000001",
        )
        assert [f.digest for f in envelope.attachments] == [f.digest for f in letter.files]
        assert theirs.file(arrival) == CONTENT
        assert arrival.signature is not None
        assert (arrival.signature.finding, arrival.signature.by_network) == (None, True)
        assert arrival.deviations == ()
        # Delivery time and number are fixed at intake, and read the same from the stored paper.
        native = json.loads(envelope.extra)
        message = place.isds.state.messages[dm_id]
        assert message.delivered_at is not None
        assert datetime.fromisoformat(native["delivered_at"]) == message.delivered_at.replace(
            microsecond=message.delivered_at.microsecond // 1000 * 1000
        )
        assert envelope.created_at == datetime.fromisoformat(native["delivered_at"])
        original = theirs.blobs.path(arrival.original)
        assert original is not None
        assert original.read_bytes()[0] == 0x30
        again = there.extractor.read(original, arrival.received_at)
        assert again == arrival
        # The answer goes out under the sender's own reference number.
        answer = document(theirs.blobs, "000000002", parent=envelope.document)
        reply_id = await send(there, answer)
        sent = place.isds.state.messages[reply_id].draft.texts
        assert sent["dmRecipientRefNumber"] == native["sender_reference"]
        assert native["sender_reference"] == mapping.reference_of(letter.document)
        await here.poll(ours)
        (back,) = ours.arrivals
        assert back.envelope is not None
        assert back.envelope.parent is not None
        assert back.envelope.parent.guid == letter.document.guid
        assert back.envelope.document.guid == answer.document.guid


async def test_what_is_taken_in_is_marked_and_proved(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    ours, theirs = houses
    async with (
        running(place, place.sender, ours) as here,
        running(place, place.recipient, theirs) as there,
    ):
        dm_id = await send(here, document(ours.blobs, "000000002"))
        await there.poll(theirs)
        assert place.isds.state.messages[dm_id].marked
        (row,) = theirs.rows("WORD_RECEIVED")
        told = json.loads(row)["facts"]
        assert told["name"] == dm_id
        proof = theirs.blobs.path(told["original"])
        assert proof is not None
        assert (await there.poll(theirs))[0].documents == 0
        assert place.isds.calls["SignedMessageDownload"] == 1


async def test_a_big_message_goes_both_ways(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    ours, theirs = houses
    content = b"%PDF-1.4\n" + bytes(21_000_000)
    async with (
        running(place, place.sender, ours) as here,
        running(place, place.recipient, theirs) as there,
    ):
        letter = document(ours.blobs, "000000002", content)
        dm_id = await send(here, letter)
        assert place.isds.state.messages[dm_id].big
        await there.poll(theirs)
        (arrival,) = theirs.arrivals
        assert theirs.file(arrival) == content
        assert json.loads(arrival.envelope.extra)["big"] if arrival.envelope else False
        with (place.folder / "taken").open("wb") as into:
            original = theirs.blobs.path(arrival.original)
            assert original is not None
            there.extractor.extract(original, 1, into)
        assert (place.folder / "taken").read_bytes() == content
        await here.poll(ours)
        assert [type(r.outcome) for r in ours.reports] == [Delivered, Delivered]


# --- what became of ours -------------------------------------------------------------------------


async def test_states_are_told_with_the_papers_that_prove_them(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    ours, theirs = houses
    async with running(place, place.sender, ours) as here:
        dm_id = await send(here, document(ours.blobs, "000000002"))
        assert (await here.poll(ours))[0].reported == 2
        for report in ours.reports:
            assert report.name == dm_id
            assert isinstance(report.outcome, Delivered)
            assert report.outcome.proven  # to an authority, delivery into the box is the receipt
            path = ours.blobs.path(report.original)
            assert path is not None
            assert path.read_bytes()[0] == 0x30
        assert json.loads(report.outcome.receipt)["events"][-1]["event"] == "EV5"
        assert (await here.poll(ours))[0].reported == 0
        async with running(place, place.recipient, theirs) as there:
            await there.poll(theirs)
        assert (await here.poll(ours))[0].reported == 1
        last = ours.reports[-1].outcome
        assert isinstance(last, Delivered)
        assert json.loads(last.receipt)["state"] == 6
        assert json.loads(last.receipt)["events"][-1]["event"] == "EV11"
        calls = place.isds.calls["GetDeliveryInfo"]
        await here.poll(ours)
        assert place.isds.calls["GetDeliveryInfo"] == calls  # its way has ended


async def test_fiction_delivers_after_ten_days(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    ours, _ = houses
    company = place.isds.people.add("Firma Vzor", BoxKind.PO, ic="00000009")
    async with running(place, place.sender, ours) as here:
        await send(here, document(ours.blobs, company.box_id))
        await here.poll(ours)
        outcomes = [r.outcome for r in ours.reports]
        assert [o.proven for o in outcomes if isinstance(o, Delivered)] == [False, False]
        place.isds.pass_time(timedelta(days=11))
        await here.poll(ours)
        last = ours.reports[-1].outcome
        assert isinstance(last, Delivered)
        assert last.proven
        assert json.loads(last.receipt)["state"] == 5


async def test_malware_and_a_closed_box_are_refusals(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    ours, _ = houses
    place.isds.quirks = IsdsQuirks(delivery_seconds=0.2)
    async with running(place, place.sender, ours) as here:
        infected = document(ours.blobs, "000000002", EICAR)
        files = (replace(infected.files[0], name="priloha.txt", media_type="text/plain"),)
        infected = replace(infected, files=files)
        bad = await send(here, infected)
        gone = await send(here, document(ours.blobs, "000000002"))
        place.isds.state.close_box(place.recipient.box)
        await CLOCK.sleep(0.25)
        await here.poll(ours)
        by_name = {report.name: report.outcome for report in ours.reports}
        infection, closing = by_name[bad], by_name[gone]
        assert isinstance(infection, Refused)
        assert (infection.code, infection.document) == ("INFECTED", True)
        assert isinstance(closing, Refused)
        assert (closing.code, closing.document) == ("UNDELIVERABLE", False)


async def test_a_paper_that_may_not_be_fetched_hides_no_state(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    ours, _ = houses
    operation = "SignedSentMessageDownload"
    barred = Fault(kind=FaultKind.REFUSE, operation=operation, code="1004", times=9)
    place.isds.quirks = IsdsQuirks(faults=(barred,))
    async with running(place, place.sender, ours) as here:
        await send(here, document(ours.blobs, "000000002"))
        assert (await here.poll(ours))[0].reported == 1
        assert ("isds.sent", "ISDS_1004") in ours.observer.named("trouble")


async def test_a_lost_answer_is_found_and_watched(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    ours, _ = houses
    place.isds.quirks = IsdsQuirks(faults=(Fault(kind=FaultKind.LOST, operation="CreateMessage"),))
    async with running(place, place.sender, ours) as here:
        letter = document(ours.blobs, "000000002")
        prepared = await here.outbound.prepare(letter, ())
        attempt = attempt_of(prepared)
        assert isinstance(await here.outbound.deliver(letter, attempt), Unclear)
    async with running(place, place.sender, ours) as here:  # after a restart
        found = await here.outbound.inquire(letter, attempt)
        assert isinstance(found, Delivered)
        assert found.proven
        second = await here.outbound.deliver(letter, replace(attempt, id="two", number=2))
        assert isinstance(second, Delivered)
        assert second.reference == found.reference
        assert place.isds.calls["CreateMessage"] == 1


async def test_rules_for_attachments_are_kept_before_anything_leaves(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    ours, _ = houses
    async with running(place, place.sender, ours) as here:
        letter = document(ours.blobs, "000000002")
        program = replace(letter, files=(replace(letter.files[0], name="program.exe"),))
        with pytest.raises(WireError) as refused:
            await here.outbound.prepare(program, ())
        assert refused.value.facts["breach"] == "KIND_NOT_TAKEN"
        signed = document(ours.blobs, "000000002", b"0\x80signature", CONTENT)
        names = ("dopis.pdf.p7s", "dopis.pdf")
        files = tuple(replace(f, name=n) for f, n in zip(signed.files, names, strict=True))
        dm_id = await send(here, replace(signed, files=files))
        sent = place.isds.state.messages[dm_id].files
        assert [(f.name, f.meta) for f in sent] == [
            ("dopis.pdf", "main"),
            ("dopis.pdf.p7s", "signature"),
        ]
        assert sent[1].parent_guid == sent[0].guid != ""


# --- crashes and broken papers -----------------------------------------------------------------


@pytest.mark.parametrize("step", [Step.BYTES_READ, Step.ORIGINAL_KEPT, Step.ANSWERED])
async def test_a_death_between_fetch_and_store_loses_and_doubles_nothing(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse], step: Step
) -> None:
    ours, theirs = houses
    async with running(place, place.sender, ours) as here:
        dm_id = await send(here, document(ours.blobs, "000000002"))
    channel = channel_of(place, place.recipient, theirs, checkpoint=CrashAt(step))
    await channel.start()
    with pytest.raises(Crashed):
        await channel.poll(theirs)
    await channel.close()
    assert not place.isds.state.messages[dm_id].marked  # only what is stored is marked
    async with running(place, place.recipient, theirs) as there:
        await there.poll(theirs)
        await there.poll(theirs)
    assert len(theirs.arrivals) == 1
    assert place.isds.state.messages[dm_id].marked


async def test_a_long_paper_that_lies_here_is_not_fetched_again(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    ours, theirs = houses
    content = b"%PDF-1.4\n" + bytes(300_000)
    async with running(place, place.sender, ours) as here:
        await send(here, document(ours.blobs, "000000002", content))
    for _ in range(3):  # one that dies of its message again and again fills no disk
        channel = channel_of(place, place.recipient, theirs, checkpoint=CrashAt(Step.ORIGINAL_KEPT))
        await channel.start()
        with pytest.raises(Crashed):
            await channel.poll(theirs)
        await channel.close()
    assert place.isds.calls["SignedMessageDownload"] == 1
    async with running(place, place.recipient, theirs) as there:
        await there.poll(theirs)
    (arrival,) = theirs.arrivals
    assert theirs.file(arrival) == content
    assert place.isds.calls["SignedMessageDownload"] == 1


async def test_a_noted_paper_that_is_gone_or_old_is_fetched_again(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    ours, theirs = houses
    content = b"%PDF-1.4\n" + bytes(300_000)
    async with running(place, place.sender, ours) as here:
        await send(here, document(ours.blobs, "000000002", content))
    clock = HandClock(CLOCK.now())

    async def dying() -> int:
        step = CrashAt(Step.ORIGINAL_KEPT)
        channel = channel_of(place, place.recipient, theirs, checkpoint=step, clock=clock)
        await channel.start()
        with pytest.raises(Crashed):
            await channel.poll(theirs)
        await channel.close()
        return place.isds.calls["SignedMessageDownload"]

    assert await dying() == 1
    for digest in list(theirs.blobs.put_at):
        theirs.blobs.remove(digest)  # as the sweeper does
    assert await dying() == 2
    clock.advance(13 * 3600)  # it might be swept any moment
    assert await dying() == 3
    assert await dying() == 3


async def test_a_noted_paper_that_cannot_be_read_is_fetched_again(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    ours, theirs = houses
    async with (
        running(place, place.sender, ours) as here,
        running(place, place.recipient, theirs) as there,
    ):
        for number in range(2):
            await send(here, document(ours.blobs, "000000002", text(number) + bytes(300_000)))
        fault = Fault(kind=FaultKind.OTHER_MESSAGE, operation="SignedMessageDownload")
        place.isds.quirks = IsdsQuirks(faults=(fault,))
        await there.poll(theirs)
        assert [parked.reason for parked in there.receivers[0].parked()] == ["OTHER_PAPER"]
        await there.poll(theirs)
        assert len(theirs.arrivals) == 2


async def test_who_was_overtaken_while_it_fetched_puts_nothing_by(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    """ADR 0012: another gateway has read the list meanwhile, and this one knows old things."""
    ours, theirs = houses
    async with (
        running(place, place.sender, ours) as here,
        running(place, place.recipient, theirs) as frozen,
        running(place, place.recipient, theirs) as other,
    ):
        await frozen.poll(theirs)
        await other.poll(theirs)
        await send(here, document(ours.blobs, "000000002", b"%PDF-1.4\n" + bytes(300_000)))
        (report,) = await frozen.poll(theirs)
        assert (report.documents, report.trouble) == (0, "STORAGE")
        assert frozen.receivers[0].parked() == ()
        await frozen.poll(theirs)
        assert len(theirs.arrivals) == 1


async def test_a_full_disk_stops_the_poll_and_nothing_is_marked(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    ours, theirs = houses
    async with running(place, place.sender, ours) as here:
        dm_ids = [await send(here, document(ours.blobs, "000000002", text(n))) for n in range(4)]
    theirs.failing = 3
    async with running(place, place.recipient, theirs) as there:
        (report,) = await there.poll(theirs)
        assert (report.documents, report.trouble) == (0, "STORAGE")
        assert not any(place.isds.state.messages[i].marked for i in dm_ids)
        for _ in range(3):
            await there.poll(theirs)
        assert len(theirs.arrivals) == 4
        assert there.receivers[0].parked() == ()


@pytest.mark.parametrize(
    "kind", [FaultKind.BAD_SIGNATURE, FaultKind.BAD_CONTENT, FaultKind.BAD_HASH]
)
async def test_a_broken_paper_is_fetched_again_and_then_refused(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse], kind: FaultKind
) -> None:
    ours, theirs = houses
    async with (
        running(place, place.sender, ours) as here,
        running(place, place.recipient, theirs) as there,
    ):
        fault = Fault(kind=kind, operation="SignedMessageDownload", times=1)
        place.isds.quirks = IsdsQuirks(faults=(fault,))
        await send(here, document(ours.blobs, "000000002"))
        await there.poll(theirs)
        (arrival,) = theirs.arrivals
        assert arrival.signature is not None
        assert arrival.signature.finding is None
        place.isds.quirks = IsdsQuirks(faults=(replace(fault, times=2),))
        await send(here, document(ours.blobs, "000000002"))
        theirs.answers.append(
            ErrorAnswer(finding=finding(Rejection.SIGNATURE_INVALID), transport_id=None)
        )
        await there.poll(theirs)
        broken = theirs.arrivals[-1].signature
        assert broken is not None
        assert broken.finding is not None
        assert broken.finding.reason is Rejection.SIGNATURE_INVALID
        parts = {"bad signature": "SIGNATURE", "bad content": "CONTENT", "bad hash": "HASH"}
        assert dict(broken.finding.facts)["part"] == parts[kind.value]
        assert place.isds.calls["CreateMessage"] == 2  # nobody is told anything


async def test_another_messages_paper_is_not_taken(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    ours, theirs = houses
    async with (
        running(place, place.sender, ours) as here,
        running(place, place.recipient, theirs) as there,
    ):
        for number in range(2):
            await send(here, document(ours.blobs, "000000002", text(number)))
        fault = Fault(kind=FaultKind.OTHER_MESSAGE, operation="SignedMessageDownload")
        place.isds.quirks = IsdsQuirks(faults=(fault,))
        (report,) = await there.poll(theirs)
        assert (report.documents, report.parked) == (1, 1)
        assert there.receivers[0].parked()[0].reason == "OTHER_PAPER"
        assert (await there.poll(theirs))[0].parked == 0
        assert len(theirs.arrivals) == 2


# --- lists -------------------------------------------------------------------------------------


async def test_every_poll_is_bounded_and_nothing_is_missed(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    _, theirs = houses
    boxes = place.sender.box.box_id, place.recipient.box.box_id
    place.isds.fill(*boxes, 11, over=timedelta(minutes=50))
    bounds = {"messages_per_poll": 4, "page_size": 2, "list_pages": 3}
    async with running(place, place.recipient, theirs, **bounds) as there:
        taken = []
        for _ in range(3):
            place.isds.calls.clear()
            (report,) = await there.poll(theirs)
            taken.append((report.documents, report.more))
            assert place.isds.calls["GetListOfReceivedMessages"] <= 3
        assert taken == [(4, True), (4, True), (3, False)]
        assert (await there.poll(theirs))[0].documents == 0
    numbers = [json.loads(a.envelope.extra)["dm_id"] for a in theirs.arrivals if a.envelope]
    assert len(set(numbers)) == 11


async def test_a_crowd_of_one_moment_does_not_stop_the_list(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    _, theirs = houses
    boxes = place.sender.box.box_id, place.recipient.box.box_id
    place.isds.fill(*boxes, 7, over=timedelta())
    bounds = {"messages_per_poll": 2, "page_size": 2, "list_pages": 1}
    async with running(place, place.recipient, theirs, **bounds) as there:
        for _ in range(5):
            await there.poll(theirs)
        assert len(theirs.arrivals) == 7


async def test_what_comes_to_light_late_is_found_within_the_overlap(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    ours, theirs = houses
    async with (
        running(place, place.sender, ours) as here,
        running(place, place.recipient, theirs) as there,
    ):
        await send(here, document(ours.blobs, "000000002"))
        await there.poll(theirs)
        place.isds.fill(
            place.sender.box.box_id, place.recipient.box.box_id, 1, over=timedelta(hours=3)
        )
        (report,) = await there.poll(theirs)
        assert report.documents == 1


async def test_what_others_had_marked_before_is_theirs(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    _, theirs = houses
    boxes = place.sender.box.box_id, place.recipient.box.box_id
    old, _ = place.isds.fill(*boxes, 2, over=timedelta(days=2))
    await place.recipient.client.received()
    await place.recipient.client.mark_downloaded(old.message_id)
    async with running(place, place.recipient, theirs) as there:
        assert (await there.poll(theirs))[0].documents == 1


async def test_the_gateways_own_checks_take_a_good_message_and_refuse_a_broken_one(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    ours, theirs = houses
    async with (
        running(place, place.sender, ours) as here,
        running(place, place.recipient, theirs) as there,
    ):
        chain = Chain(
            directories={"isds": there.directory},
            store=theirs.store,
            blobs=theirs.blobs,
            scanner=MemoryScanner(),
            clock=CLOCK,
            observer=theirs.observer,
            policy=Policy(own_identifiers=frozenset({OWN}), own_guids=frozenset()),
        )
        await send(here, document(ours.blobs, "000000002"))
        fault = Fault(kind=FaultKind.BAD_STAMP, operation="SignedMessageDownload", times=2, skip=1)
        place.isds.quirks = IsdsQuirks(faults=(fault,))
        await there.poll(theirs)
        company = place.isds.people.add("Firma Vzor", BoxKind.PO)
        place.isds.fill(company.box_id, place.recipient.box.box_id, 1, over=timedelta())
        await there.poll(theirs)
        good, broken = theirs.arrivals
        fresh = replace(theirs.arrivals[0])
        empty = IsdsHouse(place.folder / "empty")
        chain._store = empty.store
        assert (await chain.examine(fresh, CLOCK.now())).outcome is Result.PASSED, good
        refused = (await chain.examine(broken, CLOCK.now())).rejection
        assert refused is not None
        assert (refused.reason, dict(refused.facts)["part"]) == (
            Rejection.SIGNATURE_INVALID,
            "STAMP",
        )


# --- what is people's ---------------------------------------------------------------------------


async def test_what_is_for_own_hands_waits_for_a_person(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    ours, theirs = houses
    async with running(place, place.sender, ours, personal_delivery=True) as here:
        dm_id = await send(here, document(ours.blobs, "000000002"))
    async with running(place, place.recipient, theirs) as there:
        (report,) = await there.poll(theirs)
        await there.poll(theirs)
        assert (report.documents, report.parked) == (0, 1)
        assert theirs.parked == [
            (f"isds:{place.recipient.box.box_id}:{dm_id}", "PERSONAL_DELIVERY")
        ]
        assert place.isds.calls["SignedMessageDownload"] == 0
    async with running(place, place.recipient, theirs, personal_messages=True) as there:
        assert (await there.poll(theirs))[0].documents == 1


async def test_what_the_log_in_may_not_read_waits_for_a_person(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    ours, theirs = houses
    login = place.isds.people._logins[-1]
    login.rights = Right.GATEWAY & ~Right.READ_ALL
    async with running(place, place.sender, ours, personal_delivery=True) as here:
        await send(here, document(ours.blobs, "000000002"))
    async with running(place, place.recipient, theirs, personal_messages=True) as there:
        assert (await there.poll(theirs))[0].parked == 1
        assert theirs.parked[0][1] == "ISDS_1004"


async def test_words_of_the_system_itself_are_kept_and_no_submission(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    _, theirs = houses
    content = b"<html><body><p>Zprava systemu</p></body></html>"
    file = StoredFile(
        path=place.isds.files.put(content),
        size=len(content),
        name="zprava.html",
        mime="text/html",
        meta="main",
    )
    to = place.recipient.box.box_id
    place.isds.state.put(
        "aaaaaaa", Draft(recipient=to, annotation="Zmena"), (file,), place.isds.clock.now()
    )
    place.isds.state.settle()
    async with running(place, place.recipient, theirs) as there:
        (report,) = await there.poll(theirs)
        assert (report.documents, report.parked, report.trouble) == (0, 0, "")
        assert [reason for _, reason in theirs.parked] == ["SYSTEM_MESSAGE"]
        (row,) = theirs.rows("PARKED")
        assert theirs.blobs.path(json.loads(row)["facts"]["original"]) is not None
        await there.poll(theirs)
        assert len(theirs.parked) == 1


async def test_a_blocked_download_is_never_asked_for_again(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    ours, theirs = houses
    async with running(place, place.sender, ours) as here:
        blocked = await send(here, document(ours.blobs, "000000002"))
        await send(here, document(ours.blobs, "000000002"))
    place.isds.quirks = IsdsQuirks(blocked=frozenset({blocked}))
    async with running(place, place.recipient, theirs) as there:
        for _ in range(3):
            await there.poll(theirs)
        assert len(theirs.arrivals) == 1
        assert theirs.parked[0][1] == "ISDS_3022"
        assert place.isds.calls["SignedMessageDownload"] == 2


async def test_a_refused_log_in_stops_until_the_password_is_mended(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    _, theirs = houses
    channel = channel_of(place, place.recipient, theirs)
    secret = place.folder / f"state-{place.recipient.box.box_id}" / "password"
    good = secret.read_text()
    secret.write_text("spatne heslo")
    settings = channel._environment.settings
    channel = IsdsChannel(replace(channel._environment, settings=settings))
    await channel.start()
    for _ in range(4):
        (report,) = await channel.poll(theirs)
    assert report.trouble == "ISDS_LOGIN_REFUSED"
    assert place.isds.calls.total() == 1  # tried once and never again
    secret.write_text(good)
    await channel.tick(theirs)
    (report,) = await channel.poll(theirs)
    assert report.trouble == ""
    await channel.close()


# --- acknowledgement ----------------------------------------------------------------------------


async def test_a_partner_that_wants_to_hear_is_told_once_and_never_answers(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    ours, theirs = houses
    told = partner(place.sender, Acknowledgement.REPLY)
    back = partner(place.recipient, Acknowledgement.REPLY)
    async with (
        running(place, place.sender, ours, partners=back) as here,
        running(place, place.recipient, theirs, partners=told) as there,
    ):
        letter = document(ours.blobs, "000000002")
        await send(here, letter)
        await there.poll(theirs)
        (arrival,) = theirs.arrivals
        notice = notice_of(arrival, status(letter.document))
        lost = Fault(kind=FaultKind.LOST, operation="CreateMessage")
        place.isds.quirks = IsdsQuirks(faults=(lost,))
        assert isinstance(await there.notifier.notify(notice), Unclear)
        for _ in range(2):
            assert isinstance(await there.notifier.notify(notice), Delivered)
        assert place.isds.calls["CreateMessage"] == 2
        (sent,) = place.isds.state.sent(place.recipient.box.box_id)
        assert sent.draft.texts["dmSenderRefNumber"] == NUMBER.number
        assert sent.draft.texts["dmRecipientRefNumber"] == mapping.reference_of(letter.document)
        (report,) = await here.poll(ours)
        assert (report.words, report.documents) == (1, 0)
        (word,) = ours.notices
        assert (word.document.guid, word.status) == (
            letter.document.guid,
            DocumentStatus.REGISTERED,
        )
        assert word.document.number == NUMBER
        assert word.sender.identifier == "000000002"
        await there.poll(theirs)
        assert place.isds.calls["CreateMessage"] == 2  # nobody answers an answer


async def test_others_are_told_nothing(place: Stand, houses: tuple[IsdsHouse, IsdsHouse]) -> None:
    ours, theirs = houses
    async with (
        running(place, place.sender, ours) as here,
        running(place, place.recipient, theirs) as there,
    ):
        letter = document(ours.blobs, "000000002")
        await send(here, letter)
        await there.poll(theirs)
        notice = notice_of(theirs.arrivals[0], status(letter.document))
        assert await there.notifier.notify(notice) == Delivered()
        assert place.isds.calls["CreateMessage"] == 1


async def test_a_refusal_is_told_to_who_wants_to_hear(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    ours, theirs = houses
    async with (
        running(place, place.sender, ours) as here,
        running(
            place,
            place.recipient,
            theirs,
            partners=partner(place.sender, Acknowledgement.REPLY),
        ) as there,
    ):
        letter = document(ours.blobs, "000000002")
        await send(here, letter)
        theirs.answers.append(
            StatusAnswer(
                status=DocumentStatus.REJECTED,
                document=DocumentReference(guid=letter.document.guid),
                rejection=finding(Rejection.MALWARE_FOUND, malware="x"),
            )
        )
        outage = Fault(kind=FaultKind.OUTAGE, operation="CreateMessage")
        place.isds.quirks = IsdsQuirks(faults=(outage,))
        await there.poll(theirs)  # the reply is owed now, and told with the next poll
        await there.poll(theirs)
        await here.poll(ours)
        (word,) = ours.notices
        assert (word.status, word.reason) == (DocumentStatus.REJECTED, "důvod MALWARE_FOUND")
        await there.poll(theirs)
        assert len(place.isds.state.sent(place.recipient.box.box_id)) == 1


# --- whom it reaches, when it lists ---------------------------------------------------------------


async def test_whom_it_knows(place: Stand, houses: tuple[IsdsHouse, IsdsHouse]) -> None:
    ours, _ = houses
    city = place.isds.people.add("Statutární město Vzorov", ic="00000077")
    company = place.isds.people.add("Firma Vzor", BoxKind.PO, ic="00000078")
    other = place.isds.people.add("Firma Vzor, druhá", BoxKind.PO, ic="00000078")
    async with running(place, place.sender, ours) as here:
        by_ico = await here.outbound.facts(document(ours.blobs, "00000077"))
        assert by_ico.reach.value == "REGISTERED"
        dm_id = await send(here, document(ours.blobs, "00000077"))
        assert place.isds.state.messages[dm_id].recipient == city.box_id
        several = await here.outbound.facts(document(ours.blobs, "00000078"))
        assert several.reach.value == "NOT_REGISTERED"
        assert ("isds.lookup", "SEVERAL_BOXES") in ours.observer.named("trouble")
        place.isds.state.close_box(company)
        closed = await here.outbound.facts(document(ours.blobs, company.box_id))
        assert closed.reach.value == "INACTIVE"
        known = here.directory.by_identifier(other.box_id)
        assert known is not None
        assert here.directory.find(party_guid("test", other.box_id)) == known
        assert here.directory.find(party_guid("elsewhere", other.box_id)) is None
        assert [p.identifier for p in here.directory.search("město ukáz", 5)] == ["000000002"]
        assert here.directory.state().loaded_at is not None
        assert place.sender.box.box_id in await here.outbound.ping()


async def test_a_wrong_log_in_of_ours_is_our_fault(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    ours, _ = houses
    async with running(place, place.sender, ours) as here:
        letter = document(ours.blobs, "000000002")
        prepared = await here.outbound.prepare(letter, ())
        refused = Fault(kind=FaultKind.UNAUTHORIZED, operation="CreateMessage")
        place.isds.quirks = IsdsQuirks(faults=(refused,))
        outcome = await here.outbound.deliver(letter, attempt_of(prepared))
        assert isinstance(outcome, Deferred)
        assert outcome.blame.value == "ours"


def test_working_time_is_local() -> None:
    hours = WorkingTime(zone="Europe/Prague", weekdays=(0,), start=time(6), end=time(20))
    monday = datetime(2026, 7, 6, 4, 30, tzinfo=UTC)  # 06:30 in Prague
    assert is_working(hours, monday)
    assert not is_working(hours, monday - timedelta(hours=1))
    assert not is_working(hours, monday + timedelta(days=1))
    assert is_working(None, monday)


async def test_outside_of_the_working_time_nothing_is_listed(
    place: Stand, houses: tuple[IsdsHouse, IsdsHouse]
) -> None:
    _, theirs = houses
    now = CLOCK.now()
    never = WorkingTime(weekdays=((now.weekday() + 3) % 7,))
    async with running(place, place.recipient, theirs, working_time=never) as there:
        await there.poll(theirs)
        assert place.isds.calls["GetListOfReceivedMessages"] == 0


async def test_it_polls_when_it_is_time(place: Stand, houses: tuple[IsdsHouse, IsdsHouse]) -> None:
    _, theirs = houses
    clock = HandClock(CLOCK.now())
    async with running(place, place.recipient, theirs, clock=clock) as there:
        (receiver,) = there.receivers
        assert await receiver.tick(theirs) is not None
        clock.advance(5 * 60 + 10)
        assert await receiver.tick(theirs) is None  # a tenth of the interval is added by chance
        clock.advance(30)
        assert await receiver.tick(theirs) is not None
