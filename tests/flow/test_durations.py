"""How long documents take, and whose failures there are, as the way in and the way out tell it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from depesha.adapters.memory.channel import BROKEN, FAULT, REFUSED, Planned
from depesha.errors import UnreachableError
from depesha.schemas.answer import DocumentStatus
from depesha.schemas.envelope import RegistrationNumber
from depesha.schemas.lasting import Stage
from depesha.schemas.outcome import Deferred, Outcome, PeerWord
from tests.support.departing import Departing
from tests.support.house import House

if TYPE_CHECKING:
    from pathlib import Path

NUMBER = RegistrationNumber(number="ВХ-567", date=date(2026, 3, 3))
UNREACHABLE = Deferred(code="UNREACHABLE", public="nobody answers", blame=UnreachableError.blame)


async def waited(house: House) -> float:
    message = await house.desk.find(house.only())
    return (house.clock.now() - message.received_at).total_seconds()


async def test_the_way_in_tells_how_long_the_registry_and_the_sender_took(tmp_path: Path) -> None:
    house = House(tmp_path)
    await house.receive(house.arrival(1))
    house.clock.advance(600)
    await house.desk.register(house.only(), NUMBER, "token:registry")
    assert house.observer.named("lasted") == [("seos", Stage.REGISTERING, await waited(house))]
    house.sender.answers = [UNREACHABLE]
    await house.work()
    assert house.observer.named("failed") == [("seos", "in", "network")]
    house.clock.advance(60)
    await house.work()
    [_, taken] = house.observer.named("lasted")
    assert taken[:2] == ("seos", Stage.ACKNOWLEDGING)
    assert taken[2] == pytest.approx(60, abs=2)


async def test_a_refusal_of_the_registry_is_its_answer_too(tmp_path: Path) -> None:
    house = House(tmp_path)
    await house.receive(house.arrival(1))
    house.clock.advance(30)
    await house.desk.refuse(house.only(), "Не е за нас", "token:registry")
    assert house.observer.named("lasted") == [("seos", Stage.REGISTERING, await waited(house))]


async def test_the_way_out_tells_both_stretches_once(tmp_path: Path) -> None:
    house = Departing(tmp_path)
    house.seos.word = PeerWord(status=DocumentStatus.REGISTERED, number=NUMBER)
    await house.submit()
    house.clock.advance(7)
    await house.work()
    assert house.observer.named("lasted") == [
        ("seos", Stage.SENDING, 7.0),
        ("seos", Stage.CONFIRMING, 0.0),
    ]
    await house.work()
    assert len(house.observer.named("lasted")) == 2
    assert house.observer.named("failed") == []


@pytest.mark.parametrize(
    ("outcome", "blame"), [(FAULT, "theirs"), (BROKEN, "network"), (REFUSED, "theirs")]
)
async def test_a_failed_try_says_who_must_act(tmp_path: Path, outcome: Outcome, blame: str) -> None:
    house = Departing(tmp_path)
    house.seos.script.append(Planned(outcome=outcome))
    await house.submit()
    await house.work()
    assert house.observer.named("failed")[0] == ("seos", "out", blame)
