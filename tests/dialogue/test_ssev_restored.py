"""SSEV after a restore: what the lost store opened is taken, and what it told is not told again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from depesha.adapters.ssev.assembly import ANSWERS, LEDGER
from depesha.adapters.ssev.ledger import Ledger, rewound
from depesha.schemas.answer import ErrorAnswer, Notice
from depesha.schemas.dispatch import Dispatch
from depesha.schemas.envelope import RegistrationNumber
from depesha.schemas.outcome import Deferred, Delivered, Unclear
from depesha.schemas.verdict import Rejection, finding
from tests.dialogue.test_ssev_receiving import NUMBER, notice_of, sent, two
from tests.support.restored import forgotten
from tests.support.ssev import CLOCK, Office, Stand, stand
from tests.support.ssev_channel import WAYS, House, running, state_folder

DAY = timedelta(days=1)


@pytest.fixture
async def plain(tmp_path: Path) -> AsyncIterator[Stand]:
    async with stand(tmp_path) as made:
        yield made


# --- what it opened ---------------------------------------------------------------------------


async def opened(made: Stand, sender: Office, to: Office, days: int) -> int:
    """Have a document sent, and opened, so many days ago."""
    _, message_id = await sent(made, sender, to)
    message = made.ssev.state.messages[message_id]
    await made.ssev.state.open_by_person(message_id, to.profile)
    message.sent_at -= days * DAY
    for copy in message.copies:
        assert copy.opened_at is not None
        copy.opened_at -= days * DAY
    return message_id


@pytest.mark.parametrize("way", WAYS)
async def test_what_was_opened_since_an_old_back_up_is_taken_however_long_ago(
    plain: Stand, tmp_path: Path, way: str
) -> None:
    """Opening is the legal receipt: of ten days lost, the first three count as well."""
    a, b = await two(plain)
    for days in (12, 9, 2):
        await opened(plain, a, b, days)
    now, form = CLOCK.now(), TypeAdapter(Ledger)
    kept = Ledger(started_at=now - 30 * DAY, swept_at=now - 10 * DAY)
    house = House(tmp_path / "house")
    file = state_folder(house, b) / LEDGER
    file.write_bytes(rewound(form.dump_json(kept), now - 10 * DAY))
    settings = {"sweep_seconds": 3600.0, "open_unchecked": way == "rest"}
    await plain.ssev.stop()
    async with running(plain, b, house, way, **settings) as channel:
        assert (await channel.receiver.poll(house)).trouble
    await plain.ssev.start()
    async with running(plain, b, house, way, **settings) as channel:
        assert (await channel.receiver.poll(house)).documents == 2
        assert (await channel.receiver.poll(house)).documents == 0
    assert form.validate_json(file.read_bytes()).gap is None, "once is enough"


# --- what it told -----------------------------------------------------------------------------

HOUR = timedelta(hours=1)
SENDER = "000000001"


def named(letter: Dispatch, number: str = NUMBER.number) -> Notice:
    """The notice of a number."""
    made = notice_of(SENDER, letter)
    told = replace(made.answer.document, number=RegistrationNumber(number=number, date=NUMBER.date))
    return replace(made, answer=replace(made.answer, document=told))


def lose(made: Stand, house: House, office: Office) -> None:
    """Put the store of yesterday back: it knows of no letter of twelve hours ago."""
    (state_folder(house, office) / ANSWERS).unlink(missing_ok=True)
    house.restoration = forgotten(CLOCK.now())
    for message in made.ssev.state.outbox(office.profile):
        message.sent_at -= 12 * HOUR


@pytest.mark.parametrize("way", WAYS)
async def test_a_number_told_in_the_forgotten_time_is_not_told_again(
    plain: Stand, tmp_path: Path, way: str
) -> None:
    a, b = await two(plain)
    letter, _ = await sent(plain, a, b)
    house = House(tmp_path / "house")
    unchecked = {"open_unchecked": way == "rest"}
    async with running(plain, b, house, way, **unchecked) as channel:
        await channel.receiver.poll(house)
        first = await channel.notifier.notify(named(letter))
        assert isinstance(first, Delivered)
    lose(plain, house, b)
    async with running(plain, b, house, way, **unchecked) as channel:
        assert await channel.notifier.notify(named(letter)) == first
        assert len(plain.ssev.state.messages) == 2


async def test_another_number_than_the_forgotten_one_is_told(plain: Stand, tmp_path: Path) -> None:
    a, b = await two(plain)
    letter, _ = await sent(plain, a, b)
    house = House(tmp_path / "house")
    async with running(plain, b, house) as channel:
        await channel.receiver.poll(house)
        first = await channel.notifier.notify(named(letter))
    lose(plain, house, b)
    async with running(plain, b, house) as channel:
        other = await channel.notifier.notify(named(letter, "ВХ-78"))
        assert isinstance(other, Delivered)
        assert other != first
        assert "ВХ-78" in plain.ssev.state.messages[int(other.reference)].subject
        assert await channel.notifier.notify(named(letter, "ВХ-78")) == other
    assert len(plain.ssev.state.messages) == 3


async def test_a_refusal_told_in_the_forgotten_time_is_not_told_again(
    plain: Stand, tmp_path: Path
) -> None:
    """The message itself is read again, and refused again."""
    a, b = await two(plain)
    house = House(tmp_path / "house")
    refusal = ErrorAnswer(finding=finding(Rejection.MESSAGE_TOO_LARGE, size=1, limit=1))
    house.answers.extend((refusal, refusal))
    ledger = state_folder(house, b) / LEDGER
    async with running(plain, b, house) as channel:
        await channel.receiver.poll(house)
        kept = ledger.read_bytes()
        await sent(plain, a, b)
        assert (await channel.receiver.poll(house)).documents == 1
    lose(plain, house, b)
    ledger.write_bytes(rewound(kept, CLOCK.now()))
    async with running(plain, b, house) as channel:
        report = await channel.receiver.poll(house)
        assert (report.documents, report.parked) == (1, 0)
    assert not house.answers
    assert len(plain.ssev.state.messages) == 2


async def test_a_forgotten_letter_is_looked_for_after_the_approval_if_it_was_doubted_before(
    plain: Stand, tmp_path: Path
) -> None:
    """However old the back-up is: doubts of months ago are not put by with old tries."""
    a, b = await two(plain)
    letter, _ = await sent(plain, a, b)
    another, _ = await sent(plain, a, b)
    house = House(tmp_path / "house")
    async with running(plain, b, house) as channel:
        await channel.receiver.poll(house)
        first = await channel.notifier.notify(named(letter))
    lose(plain, house, b)
    assert house.restoration is not None
    house.restoration = replace(house.restoration, knows_until=CLOCK.now() - 120 * DAY)
    await plain.ssev.stop()
    async with running(plain, b, house) as channel:
        for one in (letter, another):
            assert isinstance(await channel.notifier.notify(named(one)), Deferred)
    await plain.ssev.start()
    house.restoration = replace(house.restoration, approved_at=CLOCK.now())
    async with running(plain, b, house) as channel:
        assert await channel.notifier.notify(named(letter)) == first
    assert len(plain.ssev.state.messages) == 3


async def test_a_lost_store_may_have_been_at_work_until_the_restore(
    plain: Stand, tmp_path: Path
) -> None:
    a, b = await two(plain)
    letter, _ = await sent(plain, a, b)
    house = House(tmp_path / "house")
    house.restoration = forgotten(CLOCK.now())
    async with running(plain, b, house, absence_seconds=60.0) as channel:
        await channel.receiver.poll(house)
        assert isinstance(await channel.notifier.notify(named(letter)), Unclear)
        assert len(plain.ssev.state.messages) == 1
    async with running(plain, b, house) as channel:
        assert isinstance(await channel.notifier.notify(named(letter)), Delivered)
    assert len(plain.ssev.state.messages) == 2


@pytest.mark.parametrize("approved", [False, True], ids=["came later", "approved"])
async def test_what_no_lost_store_can_have_told_is_told_without_a_look(
    plain: Stand, tmp_path: Path, *, approved: bool
) -> None:
    """A look would find that it is too early to be sure."""
    a, b = await two(plain)
    letter, _ = await sent(plain, a, b)
    house = House(tmp_path / "house")
    now = CLOCK.now()
    house.restoration = forgotten(now if approved else now - 2 * HOUR)
    if approved:
        house.restoration = replace(house.restoration, approved_at=now)
    async with running(plain, b, house, absence_seconds=9 * 3600.0) as channel:
        await channel.receiver.poll(house)
        assert isinstance(await channel.notifier.notify(named(letter)), Delivered)
    assert len(plain.ssev.state.messages) == 2
