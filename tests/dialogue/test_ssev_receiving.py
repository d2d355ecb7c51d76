"""Receiving by SSEV against the simulator: closed letters, broken fetches, crashes, answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from depesha.adapters.memory.blobs import MemoryBlobs
from depesha.adapters.ssev import mapping
from depesha.adapters.ssev.assembly import SsevChannel
from depesha.adapters.ssev.values import Letter, ProfileKind
from depesha.schemas.answer import DocumentStatus, ErrorAnswer, Notice, StatusAnswer
from depesha.schemas.dispatch import Attempt, Dispatch
from depesha.schemas.envelope import DocumentReference, RegistrationNumber
from depesha.schemas.ids import Guid
from depesha.schemas.outcome import Absent, Deferred, Delivered, Unclear
from depesha.schemas.steps import Step
from depesha.schemas.verdict import Rejection, finding
from depesha.simulators.ssev_people import FORM_TEMPLATE, form_field
from depesha.simulators.ssev_quirks import SsevOperation, SsevQuirks
from depesha.simulators.ssev_values import Draft, Group
from tests.support.memory import id_of
from tests.support.outbound import dispatch
from tests.support.ssev import CLOCK, EVERY_QUIRK, Office, Stand, stand
from tests.support.ssev_channel import (
    CONTENT,
    WAYS,
    CrashAt,
    Crashed,
    House,
    document,
    outbound_of,
    running,
)

NUMBER = RegistrationNumber(number="ВХ-77", date=dispatch().submitted_at.date())


@pytest.fixture
async def plain(tmp_path: Path) -> AsyncIterator[Stand]:
    async with stand(tmp_path) as made:
        yield made


async def two(made: Stand) -> tuple[Office, Office]:
    return (
        await made.join("000000001", "Община Пример"),
        await made.join("000000002", "Агенция Образец"),
    )


async def sent(made: Stand, sender: Office, to: Office, *contents: bytes) -> tuple[Dispatch, int]:
    """Send a document the way the gateway does."""
    blobs = MemoryBlobs(made.folder / f"out-{sender.profile.profile_id}", CLOCK)
    channel = outbound_of(made, sender, "soap", blobs)
    letter = document(blobs, sender, to.profile.identifier, *contents)
    prepared = await channel.prepare(letter, ())
    outcome = await channel.deliver(letter, attempt_of(prepared.transport_id, prepared.payload))
    assert isinstance(outcome, Delivered)
    return letter, int(outcome.reference)


def attempt_of(transport: Guid, payload: object) -> Attempt:
    return Attempt(
        id="one",
        network="ssev",
        number=1,
        transport_id=transport,
        payload=payload,  # type: ignore[arg-type]  # a digest, as prepared
        intended_at=CLOCK.now(),
    )


def opened_at(made: Stand, message_id: int) -> bool:
    return made.ssev.state.messages[message_id].copies[0].opened_at is not None


# --- the good way -----------------------------------------------------------------------------


@pytest.mark.parametrize("quirks", [SsevQuirks(), EVERY_QUIRK], ids=["plain", "every quirk"])
@pytest.mark.parametrize("way", WAYS)
async def test_a_document_comes_in_whole(tmp_path: Path, way: str, quirks: SsevQuirks) -> None:
    async with stand(tmp_path, quirks) as made:
        a, b = await two(made)
        letter, message_id = await sent(made, a, b, CONTENT, b"%PDF-1.4 second")
        house = House(tmp_path / "house")
        async with running(made, b, house, way, open_unchecked=way == "rest") as channel:
            report = await channel.receiver.poll(house)
            assert (report.documents, report.parked, report.trouble) == (1, 0, "")
            assert (await channel.receiver.poll(house)).documents == 0
            (arrival,) = house.arrivals
            envelope = arrival.envelope
            assert envelope is not None
            assert envelope.document == letter.document
            assert (envelope.sender.identifier, envelope.sender.name) == (
                "000000001",
                "Община Пример",
            )
            assert (envelope.subject, envelope.document_comment) == (letter.subject, letter.text)
            assert [f.digest for f in envelope.attachments] == [f.digest for f in letter.files]
            assert house.file(arrival, 1) == CONTENT
            assert house.file(arrival, 2) == b"%PDF-1.4 second"
            assert arrival.signature is not None
            assert arrival.signature.by_network
            assert arrival.content_digest is not None
            known = channel.directory.by_identifier("000000001")
            assert known is not None
            assert channel.directory.find(envelope.sender.guid or Guid("")) == known
            assert opened_at(made, message_id)


async def test_a_stored_original_is_read_again_as_it_was(plain: Stand, tmp_path: Path) -> None:
    a, b = await two(plain)
    await sent(plain, a, b)
    house = House(tmp_path / "house")
    async with running(plain, b, house) as channel:
        await channel.receiver.poll(house)
        (arrival,) = house.arrivals
        original = house.blobs.path(arrival.original)
        assert original is not None
        assert arrival.envelope is not None
        house.blobs.remove(arrival.envelope.attachments[0].digest)
        again = channel.extractor.read(original, arrival.received_at)
        assert again == arrival
        assert house.file(again) == CONTENT
        with (tmp_path / "taken").open("wb") as into:
            channel.extractor.extract(original, 1, into)
        assert (tmp_path / "taken").read_bytes() == CONTENT
        words = original.read_bytes()
        assert b"downloadLink" not in words
        assert b"message?t=" not in words


async def test_senders_are_known_after_a_restart(plain: Stand, tmp_path: Path) -> None:
    a, b = await two(plain)
    await sent(plain, a, b)
    house = House(tmp_path / "house")
    async with running(plain, b, house) as channel:
        assert channel.directory.state().loaded_at is None
        await channel.receiver.poll(house)
    await plain.ssev.stop()
    async with running(plain, b, house) as channel:
        known = channel.directory.by_identifier("000000001")
        assert known is not None
        assert channel.directory.state().loaded_at is not None
        assert channel.directory.search("община", 5) == (known,)
        assert (await channel.directory.refresh()).last_error
        assert channel.directory.by_identifier("000000001") == known


# --- what stays closed ------------------------------------------------------------------------


async def test_a_sender_that_is_not_welcome_is_never_opened(plain: Stand, tmp_path: Path) -> None:
    a, b = await two(plain)
    person = await plain.join("1234567890", "Лице Примерно", Group.INDIVIDUAL)
    off = await plain.join("000000003", "Закрито ведомство")
    ids = [
        await person.soap.send(
            Letter(subject="Жалба", text="да"),
            [],
            kind=ProfileKind.INSTITUTION,
            identifier="000000002",
        )
    ]
    _, gone = await sent(plain, off, b)
    plain.ssev.people.change(off.profile, activated=False)
    _, good = await sent(plain, a, b)
    house = House(tmp_path / "house")
    async with running(plain, b, house) as channel:
        report = await channel.receiver.poll(house)
        assert (report.documents, report.parked) == (1, 2)
        await channel.receiver.poll(house)
        assert [opened_at(plain, each) for each in (*ids, gone, good)] == [False, False, True]
        assert {each.name for each in channel.receiver.parked()} == {
            f"ssev:{ids[0]}",
            f"ssev:{gone}",
        }
        assert set(house.parked) == {
            (f"ssev:{ids[0]}", "SENDER_UNKNOWN"),
            (f"ssev:{gone}", "SENDER_UNKNOWN"),
        }
        assert len(house.parked) == 2  # told once, however often it is looked at
        await plain.ssev.state.open_by_person(ids[0], b.profile)
        report = await channel.receiver.poll(house)
        assert (report.documents, report.parked) == (0, 1)  # it is that person's now
        plain.ssev.people.change(off.profile, activated=True)
        assert (await channel.receiver.poll(house)).documents == 1


async def test_rest_alone_opens_nothing_unless_told_to(plain: Stand, tmp_path: Path) -> None:
    a, b = await two(plain)
    _, message_id = await sent(plain, a, b)
    house = House(tmp_path / "house")
    async with running(plain, b, house, "rest") as channel:
        assert (await channel.receiver.poll(house)).parked == 1
        assert house.parked == [(f"ssev:{message_id}", "SENDER_NOT_TOLD")]
        assert not opened_at(plain, message_id)


async def test_what_a_person_opened_since_the_start_is_taken_too(
    plain: Stand, tmp_path: Path
) -> None:
    a, b = await two(plain)
    _, before = await sent(plain, a, b)
    await plain.ssev.state.open_by_person(before, b.profile)
    house = House(tmp_path / "house")
    async with running(plain, b, house) as channel:
        assert (await channel.receiver.poll(house)).documents == 0
        _, after = await sent(plain, a, b)
        await plain.ssev.state.open_by_person(after, b.profile)
        assert (await channel.receiver.poll(house)).documents == 1


# --- what goes wrong while fetching -----------------------------------------------------------


async def test_what_soap_cannot_open_comes_by_rest_and_expired_links_are_made_anew(
    plain: Stand, tmp_path: Path
) -> None:
    a, b = await two(plain)
    up = await a.rest.upload(plain.file("заявление.pdf", CONTENT))
    draft = Draft(
        subject="Заявление",
        template_id=FORM_TEMPLATE,
        fields={form_field(6): "вид", form_field(8): [up.blob_id]},
        blobs=(up.blob_id,),
    )
    message = await plain.ssev.state.send(a.caller, (b.profile,), draft)
    house = House(tmp_path / "house")
    async with running(plain, b, house, "soap") as channel:
        assert (await channel.receiver.poll(house)).parked == 1
        assert not opened_at(plain, message.message_id)
    async with running(plain, b, house, "both") as channel:
        plain.ssev.quirks = SsevQuirks(link_seconds=0)
        report = await channel.receiver.poll(house)
        assert (report.documents, report.parked) == (0, 1)
        assert house.parked[-1] == (f"ssev:{message.message_id}", "LINK_EXPIRED")
        assert opened_at(plain, message.message_id)
        plain.ssev.quirks = SsevQuirks(
            dead_links=1, cut_downloads=1, cut_after=3000, corrupt_downloads=1
        )
        assert (await channel.receiver.poll(house)).documents == 1
        assert house.file(house.arrivals[0]) == CONTENT


async def test_one_message_that_cannot_be_fetched_keeps_no_other_waiting(
    plain: Stand, tmp_path: Path
) -> None:
    a, b = await two(plain)
    _, first = await sent(plain, a, b)
    await sent(plain, a, b)
    house = House(tmp_path / "house")
    plain.ssev.quirks = SsevQuirks(soap_faults=1, at=frozenset({SsevOperation.OPEN}))
    async with running(plain, b, house, park_first_seconds=3.0) as channel:
        report = await channel.receiver.poll(house)
        assert (report.documents, report.parked) == (1, 1)
        assert house.parked == [(f"ssev:{first}", "SERVER")]
        assert (await channel.receiver.poll(house)).documents == 0  # it rests
        await CLOCK.sleep(3.1)
        report = await channel.receiver.poll(house)
        assert (report.documents, report.parked) == (1, 0)
        assert len(house.arrivals) == 2


async def test_a_network_that_is_away_is_said_and_nothing_is_lost(
    plain: Stand, tmp_path: Path
) -> None:
    a, b = await two(plain)
    await sent(plain, a, b)
    house = House(tmp_path / "house")
    async with running(plain, b, house) as channel:
        await plain.ssev.stop("soap")
        assert (await channel.receiver.poll(house)).trouble == "UNREACHABLE"
        await plain.ssev.start("soap")
        plain.ssev.quirks = SsevQuirks(unanswered=1, at=frozenset({SsevOperation.OPEN}))
        assert (await channel.receiver.poll(house)).parked == 1
        assert (await channel.receiver.poll(house)).documents == 1
        assert (await channel.receiver.poll(house)).documents == 0


async def test_a_house_that_cannot_store_gets_it_again(plain: Stand, tmp_path: Path) -> None:
    a, b = await two(plain)
    await sent(plain, a, b)
    house = House(tmp_path / "house")
    house.failing = 1
    async with running(plain, b, house) as channel:
        assert (await channel.receiver.poll(house)).parked == 1
        await plain.ssev.stop("soap")  # it is kept here: nobody has to be asked again
        assert (await channel.receiver.poll(house)).documents == 1


@pytest.mark.parametrize("step", [Step.BYTES_READ, Step.ORIGINAL_KEPT, Step.ANSWERED])
@pytest.mark.parametrize("way", ["soap", "both", "rest"])
async def test_a_crash_between_opening_and_storing_loses_nothing(
    plain: Stand, tmp_path: Path, step: Step, way: str
) -> None:
    a, b = await two(plain)
    _, message_id = await sent(plain, a, b)
    house = House(tmp_path / "house")
    unchecked = {"open_unchecked": way == "rest"}
    with pytest.raises(Crashed):
        async with running(plain, b, house, way, checkpoint=CrashAt(step), **unchecked) as channel:
            await channel.receiver.poll(house)
    assert opened_at(plain, message_id)  # and so it is no longer among the new ones
    async with running(plain, b, house, way, **unchecked) as channel:
        await channel.receiver.poll(house)
        assert (await channel.receiver.poll(house)).documents == 0
    first, *more = house.arrivals
    assert len(more) == (step is Step.ANSWERED)
    assert all(again == first for again in more)  # so the gateway knows it for a repeat
    assert house.file(first) == CONTENT


# --- words, and answers to documents ----------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
async def test_a_number_goes_back_in_the_thread_and_is_never_answered(
    plain: Stand, tmp_path: Path, way: str
) -> None:
    a, b = await two(plain)
    letter, message_id = await sent(plain, a, b)
    here, there = House(tmp_path / "a"), House(tmp_path / "b")
    unchecked = {"open_unchecked": way == "rest"}
    async with (
        running(plain, a, here, way, **unchecked) as ours,
        running(plain, b, there, way, **unchecked) as theirs,
    ):
        await theirs.receiver.poll(there)
        (arrival,) = there.arrivals
        notice = notice_of(arrival.envelope.sender.identifier if arrival.envelope else "", letter)
        outcome = await theirs.notifier.notify(notice)
        assert isinstance(outcome, Delivered)
        reply = plain.ssev.state.messages[int(outcome.reference)]
        if way != "rest":
            assert reply.rnu == plain.ssev.state.messages[message_id].rnu
        again = await theirs.notifier.notify(notice)
        assert isinstance(again, Delivered)
        assert again.reference == outcome.reference

        report = await ours.receiver.poll(here)
        assert (report.documents, report.words) == (0, 1)
        (told,) = here.notices
        assert told.document == DocumentReference(guid=letter.document.guid, number=NUMBER)
        assert told.status is DocumentStatus.REGISTERED
        assert told.sender.identifier == "000000002"
        assert told.signature.by_network
        assert len(here.reports) == 1
        assert here.reports[0].name == str(message_id)
        assert here.reports[0].outcome == Delivered(
            receipt=here.blobs.path(here.reports[0].original).read_bytes(),  # type: ignore[union-attr]  # it is there
            proven=True,
            reference=str(message_id),
        )
        for _ in range(2):
            await theirs.receiver.poll(there)
            await ours.receiver.poll(here)
        assert len(here.reports) == 1
        assert (len(here.notices), len(there.notices), len(there.arrivals)) == (1, 0, 1)
        assert len(plain.ssev.state.messages) == 2


def notice_of(identifier: str, letter: Dispatch) -> Notice:
    return Notice(
        network="ssev",
        message_id=id_of(1),
        original_sender=replace(letter.sender, identifier=identifier),
        original_recipient=letter.recipient,
        answer=StatusAnswer(
            status=DocumentStatus.REGISTERED,
            document=DocumentReference(guid=letter.document.guid, number=NUMBER),
        ),
    )


@pytest.mark.parametrize(
    ("fault", "stored"),
    [
        (SsevQuirks(lost_answers=1), True),
        (SsevQuirks(aborts=1, at=frozenset({SsevOperation.SEND})), False),
    ],
    ids=["lost answer", "broken off"],
)
@pytest.mark.parametrize("way", WAYS)
async def test_an_unclear_notice_is_looked_for_before_it_is_told_again(
    plain: Stand, tmp_path: Path, way: str, fault: SsevQuirks, *, stored: bool
) -> None:
    a, b = await two(plain)
    letter, _ = await sent(plain, a, b)
    house = House(tmp_path / "house")
    unchecked = {"open_unchecked": way == "rest"}
    async with running(plain, b, house, way, **unchecked) as channel:
        await channel.receiver.poll(house)
        plain.ssev.quirks = fault
        notice = notice_of("000000001", letter)
        assert isinstance(await channel.notifier.notify(notice), Unclear)
        assert len(plain.ssev.state.messages) == 1 + stored
        plain.ssev.quirks = SsevQuirks()
    async with running(plain, b, house, way, absence_seconds=60.0, **unchecked) as channel:
        if not stored:  # after a restart, too, and not before it is sure
            assert isinstance(await channel.notifier.notify(notice), Unclear)
    async with running(plain, b, house, way, **unchecked) as channel:
        assert isinstance(await channel.notifier.notify(notice), Delivered)
    assert len(plain.ssev.state.messages) == 2
    letters = plain.ssev.state.inbox(a.profile)
    assert len(letters) == 1


async def test_a_refused_document_is_told_to_its_sender_once(plain: Stand, tmp_path: Path) -> None:
    a, b = await two(plain)
    letter, _ = await sent(plain, a, b)
    house, here = House(tmp_path / "house"), House(tmp_path / "a")
    house.answers.append(ErrorAnswer(finding=finding(Rejection.MESSAGE_TOO_LARGE, size=1, limit=1)))
    async with running(plain, b, house) as channel:
        plain.ssev.quirks = SsevQuirks(lost_answers=1)
        report = await channel.receiver.poll(house)
        assert (report.documents, report.parked) == (1, 1)
        assert house.parked[0][1] == "ANSWER_OWED"
        plain.ssev.quirks = SsevQuirks()
        for _ in range(2):
            report = await channel.receiver.poll(house)
            assert (report.documents, report.parked) == (0, 0)
    async with running(plain, a, here) as ours:
        await ours.receiver.poll(here)
        (told,) = here.notices
        assert (told.status, told.document.guid) == (
            DocumentStatus.REJECTED,
            letter.document.guid,
        )
        assert told.reason == "причина MESSAGE_TOO_LARGE"


async def test_a_forwarded_word_is_a_document_of_the_one_who_forwards(
    plain: Stand, tmp_path: Path
) -> None:
    a, b = await two(plain)
    c = await plain.join("000000003", "Община Извор")
    number = StatusAnswer(
        status=DocumentStatus.REGISTERED,
        document=DocumentReference(guid=dispatch().document.guid, number=NUMBER),
    )
    word = mapping.status_letter(number)
    kind = ProfileKind.INSTITUTION
    first = await a.soap.send(word, [], kind=kind, identifier="000000003")
    await plain.ssev.state.open_by_person(first, c.profile)
    await plain.ssev.state.forward(first, c.caller, b.profile, "за сведение")
    house = House(tmp_path / "house")
    async with running(plain, b, house) as channel:
        report = await channel.receiver.poll(house)
        assert (report.documents, report.words) == (1, 0)
        envelope = house.arrivals[0].envelope
        assert envelope is not None
        assert envelope.sender.identifier == "000000003"


async def until_reported(channel: SsevChannel, house: House, reports: int) -> int:
    """Poll until so many were reported; return how many openings the last poll told."""
    for _ in range(300):
        polled = await channel.receiver.poll(house)
        if len(house.reports) >= reports:
            return polled.opened_there
        await CLOCK.sleep(0.05)
    raise AssertionError("nothing was reported")


async def test_an_opening_is_reported_until_the_house_knows_the_try(
    plain: Stand, tmp_path: Path
) -> None:
    a, b = await two(plain)
    _, message_id = await sent(plain, a, b)
    house = House(tmp_path / "house")
    house.known_tries = False
    async with running(plain, a, house, "both") as channel:
        assert (await channel.receiver.poll(house)).opened_there == 0
        assert house.reports == []
        await plain.ssev.state.open_by_person(message_id, b.profile)
        # When a message is looked at again depends on its age, and so on how busy the machine is.
        await until_reported(channel, house, 1)
        house.known_tries = True
    async with running(plain, a, house, "rest") as channel:
        assert await until_reported(channel, house, 2) == 1
        assert (await channel.receiver.poll(house)).opened_there == 0
        assert len(house.reports) == 2


# --- asking too early -------------------------------------------------------------------------


async def test_absence_is_not_believed_while_the_service_may_be_at_work(
    plain: Stand, tmp_path: Path
) -> None:
    a, b = await two(plain)
    blobs = MemoryBlobs(tmp_path / "kept", CLOCK)
    channel = outbound_of(plain, a, "both", blobs, absence_seconds=0.8)
    letter = document(blobs, a, b.profile.identifier)
    prepared = await channel.prepare(letter, ())
    attempt = attempt_of(prepared.transport_id, prepared.payload)
    plain.ssev.quirks = SsevQuirks(aborts=1, at=frozenset({SsevOperation.SEND}))
    assert isinstance(await channel.deliver(letter, attempt), Unclear)
    answered = await channel.inquire(letter, attempt)
    assert isinstance(answered, Unclear)
    assert answered.code == "TOO_EARLY_TO_TELL"
    await CLOCK.sleep(0.9)
    assert isinstance(await channel.inquire(letter, attempt), Absent)


async def test_a_message_that_came_to_light_late_is_not_sent_again(
    plain: Stand, tmp_path: Path
) -> None:
    a, b = await two(plain)
    blobs = MemoryBlobs(tmp_path / "kept", CLOCK)
    channel = outbound_of(plain, a, "both", blobs)
    letter = document(blobs, a, b.profile.identifier)
    prepared = await channel.prepare(letter, ())
    attempt = attempt_of(prepared.transport_id, prepared.payload)
    plain.ssev.quirks = SsevQuirks(lost_answers=1)
    assert isinstance(await channel.deliver(letter, attempt), Unclear)
    again = replace(attempt, id="two", number=2)
    outcome = await channel.deliver(letter, again)
    assert isinstance(outcome, Delivered)
    assert len(plain.ssev.state.messages) == 1
    plain.ssev.quirks = SsevQuirks(aborts=1, at=frozenset({SsevOperation.OUTBOX}))
    third = replace(attempt, id="three", number=3)
    only_soap = outbound_of(plain, a, "soap", blobs)
    assert isinstance(await only_soap.deliver(letter, third), Deferred)
    assert len(plain.ssev.state.messages) == 1
