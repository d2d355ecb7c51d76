"""Sending by SSEV against the simulator: what is told of a try is what really is there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from depesha.adapters.ssev.outbound import SsevOutbound
from depesha.errors import Blame
from depesha.schemas.dispatch import Attempt, AttemptOutcome, Dispatch
from depesha.schemas.outcome import Absent, Deferred, Delivered, Refused, Unclear
from depesha.schemas.route import Reach
from depesha.simulators.ssev_files import EICAR
from depesha.simulators.ssev_quirks import SsevOperation, SsevQuirks
from depesha.simulators.ssev_values import Group
from tests.support.ssev import CLOCK, EVERY_QUIRK, Office, Stand, stand
from tests.support.ssev_channel import CONTENT, WAYS, blobs_in, document, outbound_of


class World:
    """Two offices, and the way out of the first."""

    def __init__(self, made: Stand, a: Office, b: Office, way: str, folder: Path) -> None:
        self.stand, self.a, self.b = made, a, b
        self.blobs = blobs_in(folder)
        self.channel: SsevOutbound = outbound_of(made, a, way, self.blobs)

    def letter(self, *contents: bytes) -> Dispatch:
        return document(self.blobs, self.a, self.b.profile.identifier, *contents)

    async def attempt(self, letter: Dispatch) -> Attempt:
        prepared = await self.channel.prepare(letter, ())
        return Attempt(
            id="one",
            network="ssev",
            number=1,
            transport_id=prepared.transport_id,
            payload=prepared.payload,
            intended_at=CLOCK.now(),
        )

    @property
    def held(self) -> int:
        return len(self.stand.ssev.state.inbox(self.b.profile))


@pytest.fixture(params=WAYS)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with stand(tmp_path, EVERY_QUIRK) as made:
        a = await made.join("000000001", "Община Пример", answer_seconds=1.0)
        b = await made.join("000000002", "Агенция Образец")
        await a.rest.ping()  # a token is there: a later fault meets the operation it is meant for
        yield World(made, a, b, request.param, tmp_path / "kept")


def at(operation: SsevOperation, **fault: float) -> SsevQuirks:
    return replace(EVERY_QUIRK, at=frozenset({operation}), **fault)  # type: ignore[arg-type]  # counts, by name


FAULTS = [
    *(
        at(operation, **{fault: 1})
        for operation in (SsevOperation.LOOKUP, SsevOperation.UPLOAD, SsevOperation.SEND)
        for fault in ("aborts", "unanswered", "cut_answers", "http_500", "soap_faults")
    ),
    at(SsevOperation.SEND, slow_seconds=1.5),
    at(SsevOperation.LOOKUP, slow_seconds=1.5),
    at(SsevOperation.VIEW, aborts=9),
    replace(EVERY_QUIRK, lost_answers=1),
    replace(EVERY_QUIRK, reset_answers=1),
    replace(EVERY_QUIRK, failed_answers=1),
    replace(EVERY_QUIRK, html_errors=True, http_500=1, at=frozenset({SsevOperation.SEND})),
    replace(EVERY_QUIRK, tsa_down=True),
    replace(EVERY_QUIRK, unauthorized=2),
]


def _name(quirks: SsevQuirks) -> str:
    plain = SsevQuirks()
    odd = [
        name
        for name in SsevQuirks.__slots__
        if getattr(quirks, name) not in {getattr(plain, name), getattr(EVERY_QUIRK, name)}
    ]
    return "-".join([*odd, *sorted(quirks.at)])


@pytest.mark.parametrize("fault", FAULTS, ids=_name)
async def test_what_is_told_of_a_try_is_true(world: World, fault: SsevQuirks) -> None:
    letter = world.letter()
    attempt = await world.attempt(letter)
    world.stand.ssev.quirks = fault
    outcome = await world.channel.deliver(letter, attempt)
    if SsevOperation.LOOKUP in fault.at or SsevOperation.UPLOAD in fault.at:
        assert not isinstance(outcome, Unclear)  # nothing of the message had left
    world.stand.ssev.quirks = EVERY_QUIRK
    match outcome:
        case Delivered():
            assert (world.held, outcome.proven) == (1, False)
        case Deferred() | Refused():
            assert world.held == 0
        case Unclear():
            answered = await world.channel.inquire(letter, attempt)
            assert isinstance(answered, Delivered if world.held else Absent)
            if isinstance(answered, Absent):
                again = replace(attempt, id="two", number=2, outcome=None)
                assert isinstance(await world.channel.deliver(letter, again), Delivered)
    assert world.held <= 1


async def test_malware_is_refused_for_what_it_is(world: World) -> None:
    world.stand.ssev.quirks = SsevQuirks()
    letter = world.letter(CONTENT, EICAR)
    outcome = await world.channel.deliver(letter, await world.attempt(letter))
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.document, world.held) == ("MALICIOUS", True, 0)


async def test_a_full_storage_waits_for_our_operator(tmp_path: Path) -> None:
    async with stand(tmp_path) as made:
        a = await made.join("000000001", "Община Пример")
        b = await made.join("000000002", "Агенция Образец")
        world = World(made, a, b, "rest", tmp_path / "kept")
        made.ssev.people.change(a.profile, quota=100)
        letter = world.letter()
        outcome = await world.channel.deliver(letter, await world.attempt(letter))
        assert isinstance(outcome, Deferred)
        assert (outcome.code, outcome.blame, world.held) == ("NO_SPACE", Blame.OURS, 0)


async def test_whom_it_reaches(world: World) -> None:
    letter = world.letter()
    people = world.stand.ssev.people
    people.change(world.b.profile, activated=False)
    off = (await world.channel.facts(letter)).reach
    people.change(world.b.profile, activated=True)
    assert (await world.channel.facts(letter)).reach is Reach.REGISTERED
    people.matrix[Group.ADMINISTRATION] = frozenset()
    barred = (await world.channel.facts(letter)).reach
    if world.channel._settings.soap is not None:  # which does not look at the matrix
        assert (off, barred) == (Reach.INACTIVE, Reach.REGISTERED)
    else:
        assert (off, barred) == (Reach.NOT_REGISTERED, Reach.NOT_PERMITTED)
    wild = replace(letter, recipient=replace(letter.recipient, identifier="00000000%"))
    assert (await world.channel.facts(wild)).reach is Reach.NOT_REGISTERED


async def test_what_was_found_out_is_told_again_with_its_age(tmp_path: Path) -> None:
    async with stand(tmp_path) as made:
        a = await made.join("000000001", "Община Пример")
        b = await made.join("000000002", "Агенция Образец")
        world = World(made, a, b, "soap", tmp_path / "kept")
        world.channel = outbound_of(made, a, "soap", world.blobs, reach_seconds=60.0)
        first = await world.channel.facts(world.letter())
        await made.ssev.stop()
        assert await world.channel.facts(world.letter()) == first


async def test_a_large_document_goes_by_rest_and_a_small_one_by_soap(tmp_path: Path) -> None:
    async with stand(tmp_path) as made:
        a = await made.join("000000001", "Община Пример")
        b = await made.join("000000002", "Агенция Образец")
        world = World(made, a, b, "both", tmp_path / "kept")
        world.channel = outbound_of(made, a, "both", world.blobs, soap_up_to_bytes=20_000)
        numbers = []
        for content in (CONTENT, CONTENT * 3):
            letter = world.letter(content)
            outcome = await world.channel.deliver(letter, await world.attempt(letter))
            assert isinstance(outcome, Delivered)
            message = made.ssev.state.messages[int(outcome.reference)]
            numbers += [blob.registration_number for blob in made.ssev.state.blobs_of(message)]
        assert numbers == ["ИЗХ-1", ""]  # REST has no place for it (facts 9, no. 14)


async def test_the_other_way_is_taken_where_one_is_not_there(tmp_path: Path) -> None:
    async with stand(tmp_path) as made:
        a = await made.join("000000001", "Община Пример")
        b = await made.join("000000002", "Агенция Образец")
        world = World(made, a, b, "both", tmp_path / "kept")
        for away in ("soap", "api"):
            await made.ssev.stop(away)
            letter = world.letter()
            outcome = await world.channel.deliver(letter, await world.attempt(letter))
            assert isinstance(outcome, Delivered), away
            assert "fails" in await world.channel.ping()
            await made.ssev.start(away)
        assert world.held == 2


async def test_origin_is_proven_and_opening_is_found(world: World) -> None:
    letter = world.letter()
    attempt = await world.attempt(letter)
    outcome = await world.channel.deliver(letter, attempt)
    assert isinstance(outcome, Delivered)
    assert (b'"NRO"' in outcome.receipt) is (world.channel._settings.soap is not None)
    sent = replace(attempt, outcome=AttemptOutcome.ACCEPTED, reference=outcome.reference)
    for tried in (attempt, sent):
        answered = await world.channel.inquire(letter, tried)
        assert isinstance(answered, Delivered)
        assert not answered.proven
    await world.stand.ssev.state.open_by_person(int(outcome.reference), world.b.profile)
    for tried in (attempt, sent):
        answered = await world.channel.inquire(letter, tried)
        assert isinstance(answered, Delivered)
        assert (answered.proven, answered.reference) == (True, outcome.reference)
