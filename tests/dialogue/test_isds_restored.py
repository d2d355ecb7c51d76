"""ISDS after a restore: what the lost store told by a data message is not told again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from depesha.adapters.isds.settings import Acknowledgement
from depesha.schemas.answer import DocumentStatus, Notice, StatusAnswer
from depesha.schemas.dispatch import Dispatch
from depesha.schemas.envelope import DocumentReference, RegistrationNumber
from depesha.schemas.outcome import Delivered, Unclear
from depesha.schemas.verdict import Rejection, finding
from tests.dialogue.test_isds_channel import NUMBER, notice_of, partner, send, status
from tests.support.isds_channel import IsdsHouse, document, running
from tests.support.isds_client import CLOCK, Stand, stand
from tests.support.restored import forgotten

HOUR = timedelta(hours=1)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Stand]:
    async with stand(tmp_path) as made:
        yield made
        assert made.isds.request_deviations == []


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[IsdsHouse]:
    made = IsdsHouse(tmp_path / "b")
    yield made
    await made.threads.close()


async def filed(place: Stand, folder: Path) -> Dispatch:
    """A document that lies in the recipient's box."""
    ours = IsdsHouse(folder / "a")
    async with running(place, place.sender, ours) as here:
        letter = document(ours.blobs, "000000002")
        await send(here, letter)
    await ours.threads.close()
    return letter


def answering(place: Stand) -> dict[str, object]:
    """Settings by which the sender wants to hear."""
    return {"partners": partner(place.sender, Acknowledgement.REPLY)}


def named(house: IsdsHouse, letter: Dispatch, number: RegistrationNumber = NUMBER) -> Notice:
    return notice_of(house.arrivals[0], status(letter.document, number))


def replies(place: Stand) -> list[str]:
    """The numbers that the recipient told."""
    sent = place.isds.state.sent(place.recipient.box.box_id)
    return [str(one.draft.texts.get("dmSenderRefNumber") or "") for one in sent]


def lose(place: Stand, house: IsdsHouse) -> None:
    """Put the store of yesterday back: it knows of no reply."""
    box_id = place.recipient.box.box_id
    (place.folder / f"state-{box_id}" / f"isds-{box_id}-answers.json").unlink(missing_ok=True)
    house.restoration = forgotten(CLOCK.now())


async def test_a_number_told_in_the_forgotten_time_is_not_told_again(
    place: Stand, house: IsdsHouse, tmp_path: Path
) -> None:
    letter = await filed(place, tmp_path)
    async with running(place, place.recipient, house, **answering(place)) as channel:
        await channel.poll(house)
        first = await channel.notifier.notify(named(house, letter))
        assert isinstance(first, Delivered)
    lose(place, house)
    async with running(place, place.recipient, house, **answering(place)) as channel:
        assert await channel.notifier.notify(named(house, letter)) == first
    assert replies(place) == [NUMBER.number]


async def test_another_number_than_the_forgotten_one_is_told(
    place: Stand, house: IsdsHouse, tmp_path: Path
) -> None:
    letter = await filed(place, tmp_path)
    async with running(place, place.recipient, house, **answering(place)) as channel:
        await channel.poll(house)
        await channel.notifier.notify(named(house, letter))
    lose(place, house)
    other = RegistrationNumber(number="MUUK 78/2026", date=NUMBER.date)
    async with running(place, place.recipient, house, **answering(place)) as channel:
        for _ in range(2):
            told = await channel.notifier.notify(named(house, letter, other))
            assert isinstance(told, Delivered)
    assert replies(place) == [NUMBER.number, other.number]


async def test_a_refusal_told_in_the_forgotten_time_is_not_told_again(
    place: Stand, house: IsdsHouse, tmp_path: Path
) -> None:
    """The message itself is read again, and refused again."""
    box_id = place.recipient.box.box_id
    ledger = place.folder / f"state-{box_id}" / f"isds-{box_id}.json"
    async with running(place, place.recipient, house, **answering(place)) as channel:
        await channel.poll(house)
        kept = ledger.read_bytes()
        letter = await filed(place, tmp_path)
        refusal = StatusAnswer(
            status=DocumentStatus.REJECTED,
            document=DocumentReference(guid=letter.document.guid),
            rejection=finding(Rejection.MALWARE_FOUND, malware="x"),
        )
        house.answers.extend((refusal, refusal))
        await channel.poll(house)
    assert len(replies(place)) == 1
    lose(place, house)
    ledger.write_bytes(kept)
    house.store = IsdsHouse(tmp_path / "lost").store
    async with running(place, place.recipient, house, **answering(place)) as channel:
        await channel.poll(house)
    assert not house.answers
    assert len(replies(place)) == 1


async def test_a_lost_store_may_have_been_at_work_until_the_restore(
    place: Stand, house: IsdsHouse, tmp_path: Path
) -> None:
    letter = await filed(place, tmp_path)
    house.restoration = forgotten(CLOCK.now())
    early = {**answering(place), "absence_seconds": 60.0}
    async with running(place, place.recipient, house, **early) as channel:
        await channel.poll(house)
        assert isinstance(await channel.notifier.notify(named(house, letter)), Unclear)
    assert replies(place) == []
    async with running(place, place.recipient, house, **answering(place)) as channel:
        assert isinstance(await channel.notifier.notify(named(house, letter)), Delivered)
    assert replies(place) == [NUMBER.number]


@pytest.mark.parametrize("approved", [False, True], ids=["came later", "approved"])
async def test_what_no_lost_store_can_have_told_is_told_without_a_look(
    place: Stand, house: IsdsHouse, tmp_path: Path, *, approved: bool
) -> None:
    """A look would find that it is too early to be sure."""
    letter = await filed(place, tmp_path)
    now = CLOCK.now()
    house.restoration = forgotten(now if approved else now - 2 * HOUR)
    if approved:
        house.restoration = replace(house.restoration, approved_at=now)
    late = {**answering(place), "absence_seconds": 9 * 3600.0}
    async with running(place, place.recipient, house, **late) as channel:
        await channel.poll(house)
        assert isinstance(await channel.notifier.notify(named(house, letter)), Delivered)
    assert replies(place) == [NUMBER.number]
