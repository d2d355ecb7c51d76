"""Networks that a person paused: nothing leaves by them, what waits waits, and a restart forgets
nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from depesha.adapters.memory.channel import BROKEN, Planned
from depesha.errors import StorageError
from depesha.gateway.pauses import Pauses
from depesha.schemas.message import EvidenceKind, NewEvidence
from depesha.schemas.notes import Area
from depesha.schemas.outbound import SignalKind
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.pauses import Pause, Way, pause_bytes
from depesha.schemas.route import Bar, Reach
from tests.support.departing import THEM, Departing

if TYPE_CHECKING:
    from pathlib import Path

    from depesha.schemas.outbound import OutboundMessage


@pytest.fixture
def house(tmp_path: Path) -> Departing:
    return Departing(tmp_path)


def row(house: Departing) -> NewEvidence:
    return NewEvidence(
        kind=EvidenceKind.OPERATED,
        at=house.clock.now(),
        message_id=None,
        actor="person:operator",
        facts={},
    )


async def pause(
    house: Departing, network: str = "seos", way: Way = Way.SENDING, *, onward: bool = False
) -> Pause:
    made = Pause(
        network=network,
        way=way,
        since=house.clock.now(),
        login="operator",
        name="Лице Примерно",
        reason="подмяна на сертификат",
        onward=onward,
    )
    await house.notebook.write(Area.PAUSES, made.key, pause_bytes(made), row(house))
    house.clock.advance(1)
    return made


async def resume(house: Departing, made: Pause) -> None:
    await house.notebook.write(Area.PAUSES, made.key, None, row(house))
    house.clock.advance(1)


async def now(house: Departing, message: OutboundMessage) -> OutboundMessage:
    return await house.desk.find(message.id)


def tries(house: Departing) -> dict[str, int]:
    return {name: len(channel.tries) for name, channel in house.channels.items()}


async def test_nothing_leaves_by_a_paused_network_and_nothing_falls_back(house: Departing) -> None:
    made = await pause(house)
    message = await house.submit()
    await house.live(timedelta(hours=6), timedelta(minutes=5))
    waits = await now(house, message)
    assert waits.state is OutboundState.DEFERRED
    assert tries(house) == {"seos": 0, "ssev": 0, "email": 0}
    assert not house.signals.told, "nobody outside is told of what a person of ours did"
    await resume(house, made)
    await house.live(timedelta(minutes=7))
    after = await now(house, message)
    assert (after.state, after.network) == (OutboundState.DELIVERED, "seos")
    assert house.seos.holds(message.dispatch.document.guid) == 1


async def test_a_person_may_let_documents_take_the_next_network(house: Departing) -> None:
    await pause(house, onward=True)
    message = await house.submit()
    await house.work()
    assert (await now(house, message)).network == "ssev"
    assert tries(house) == {"seos": 0, "ssev": 1, "email": 0}
    assert SignalKind.FALLBACK not in {signal.kind for signal in house.signals.told}


async def test_that_is_his_yes_where_falling_back_asks_for_one(tmp_path: Path) -> None:
    house = Departing(tmp_path, confirm_fallback=True)
    await pause(house, onward=True)
    message = await house.submit()
    await house.work()
    assert (await now(house, message)).network == "ssev"


async def test_with_no_other_road_it_waits_without_a_word_outside(house: Departing) -> None:
    made = await pause(house, onward=True)
    message = await house.submit(channels=("seos",))
    await house.live(timedelta(hours=1), timedelta(minutes=5))
    assert (await now(house, message)).state is OutboundState.DEFERRED
    assert not house.signals.told
    await resume(house, made)
    await house.live(timedelta(minutes=7))
    assert (await now(house, message)).state is OutboundState.DELIVERED


async def test_a_pause_keeps_nothing_that_would_not_go_that_way(house: Departing) -> None:
    await pause(house)
    house.seos.reaches[THEM.identifier] = Reach.NOT_REGISTERED
    message = await house.submit()
    await house.work()
    assert (await now(house, message)).network == "ssev"


async def test_a_pause_of_a_later_choice_holds_up_nothing_else(house: Departing) -> None:
    await pause(house, "ssev")
    message = await house.submit()
    await house.work()
    assert (await now(house, message)).network == "seos"


async def test_after_a_restart_it_is_still_paused(house: Departing) -> None:
    made = await pause(house)
    message = await house.submit()
    await house.work()
    house.boot()
    await house.live(timedelta(hours=1), timedelta(minutes=5))
    assert tries(house)["seos"] == 0
    await resume(house, made)
    await house.live(timedelta(minutes=7))
    assert (await now(house, message)).state is OutboundState.DELIVERED


async def test_what_may_have_got_through_is_still_asked_about(house: Departing) -> None:
    house.seos.script.append(Planned(outcome=BROKEN, stored=True))
    message = await house.submit()
    await house.work()
    await pause(house)
    await house.live(timedelta(minutes=2))
    assert (await now(house, message)).state is OutboundState.DELIVERED
    assert len(house.seos.tries) == 1


@pytest.mark.parametrize(("language", "word"), [("en", "paused"), ("bg", "спряно")])
async def test_the_route_says_so(house: Departing, language: str, word: str) -> None:
    made = await pause(house)
    message = await house.submit()
    await house.work()
    told = await house.desk.explain_again(message.id, language)
    assert word in told.lines[0].reasons[0]
    assert made.reason not in repr(told)
    assert made.name not in repr(told)
    plan = (await now(house, message)).plan
    assert plan is not None
    assert [bar.reason for bar in plan.candidates[0].bars] == [Bar.PAUSED]
    dispatch, _ = house.dispatch()
    assert word in (await house.desk.explain(dispatch, language)).lines[0].reasons[0]


async def test_inboxes_rest_while_receiving_is_paused(house: Departing) -> None:
    looked = []

    async def look() -> None:
        looked.append(house.clock.now())

    job = house.pauses.heeding("ssev", look)
    await job()
    made = await pause(house, "ssev", Way.RECEIVING)
    await job()
    await Pauses(house.notebook, house.clock).heeding("ssev", look)()
    assert len(looked) == 1
    message = await house.submit(channels=("ssev",))
    await house.work()
    assert (await now(house, message)).network == "ssev", "sending does not rest with receiving"
    await resume(house, made)
    await job()
    assert len(looked) == 2


async def test_a_pause_that_cannot_be_read_is_not_guessed(house: Departing) -> None:
    await house.notebook.write(Area.PAUSES, "seos:sending", b"?", row(house))
    await house.submit()
    with pytest.raises(StorageError):
        await house.work()
    assert tries(house)["seos"] == 0
