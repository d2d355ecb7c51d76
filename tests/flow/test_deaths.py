"""The process dies at each step, is started again, and ends in the same state with one number.

The same is done with real processes and SIGKILL by `make crash`; here every order is tried fast.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from depesha.schemas.answer import DocumentStatus
from depesha.schemas.envelope import RegistrationNumber
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.steps import AnyStep, Step
from tests.support.house import House

if TYPE_CHECKING:
    from pathlib import Path

NUMBER = RegistrationNumber(number="ВХ-567", date=date(2026, 3, 3))
OURS = (
    Step.CHECKED,
    Step.ANSWER_SIGNED,
    Step.STORED,
    Step.REGISTRATION_ASKED,
    Step.REGISTRATION_STORED,
    Step.NOTICE_CLAIMED,
    Step.NOTICE_TAKEN,
    Step.NOTICE_STORED,
)


class Death(BaseException):
    """The process is gone."""


class DiesAt:
    """Kills once, at one step."""

    def __init__(self, step: Step) -> None:
        self._step: Step | None = step

    def reached(self, step: AnyStep) -> None:
        if step is self._step:
            self._step = None
            raise Death


@pytest.mark.parametrize("step", OURS)
async def test_a_death_at_any_step_loses_nothing_and_doubles_nothing(
    step: Step, tmp_path: Path
) -> None:
    house = House(tmp_path)
    house.boot(DiesAt(step))
    arrival = house.arrival(1)
    died = 0

    async def surely(action: object) -> None:
        """Do it; where the process died, start it again and do it once more, as a caller would."""
        nonlocal died
        try:
            await action()  # type: ignore[operator]  # a coroutine function
        except Death:
            died += 1
            house.boot()
            house.clock.advance(600)  # the dead worker's lease ends
            await action()  # type: ignore[operator]  # the same

    await surely(lambda: house.receive(arrival))
    await surely(lambda: house.desk.register(house.only(), NUMBER, "token:registry"))
    await surely(house.work)

    assert died == 1, "the step was never reached: this test would prove nothing"
    done = await house.desk.find(house.only())
    assert (done.state, done.number) == (InboundState.ACKNOWLEDGED, NUMBER)
    assert {a.status for a in house.sender.told} == {DocumentStatus.REGISTERED}
    assert {a.document.number for a in house.sender.told} == {NUMBER}
    assert house.state.tasks == {}
    await house.journal.verify()
