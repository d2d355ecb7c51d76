"""Whatever the networks do and wherever we die: one copy at most, and no untrue state (law 3)."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from depesha.adapters.memory.channel import BROKEN, FAULT, REFUSED, UNREACHABLE, Planned
from depesha.schemas.outbound_lifecycle import OWNERS, OutboundState, Owner
from depesha.schemas.outcome import Delivered, Unclear
from depesha.schemas.steps import AnyStep, OutboundStep
from tests.support.departing import Departing

if TYPE_CHECKING:
    from depesha.schemas.outbound import OutboundMessage

THERE = {
    OutboundState.ACCEPTED,
    OutboundState.DELIVERED,
    OutboundState.REGISTERED,
    OutboundState.DECLINED,
}
SURELY_NOT = {OutboundState.DEFERRED, OutboundState.REFUSED, OutboundState.UNDELIVERABLE}
TRIES = st.sampled_from(
    [
        Planned(outcome=UNREACHABLE),
        Planned(outcome=FAULT),
        Planned(outcome=REFUSED),
        Planned(outcome=BROKEN, stored=True),
        Planned(outcome=BROKEN, stored=False),
        Planned(outcome=Delivered()),
    ]
)
ANSWERS = st.sampled_from([UNREACHABLE, Unclear(code="NO", public="no")])


class DeathError(BaseException):
    """The process dies here."""


class DieAt:
    """`ports.Checkpoint` that dies at some of the moments it is told of."""

    def __init__(self, moments: list[int]) -> None:
        self.moments = list(moments)
        self.seen = 0

    def reached(self, step: AnyStep) -> None:
        self.seen += 1
        if isinstance(step, OutboundStep) and self.seen in self.moments:
            raise DeathError


@given(
    scripts=st.lists(st.lists(TRIES, max_size=4), min_size=3, max_size=3),
    answers=st.lists(ANSWERS, max_size=4),
    deaths=st.lists(st.integers(1, 30), max_size=4),
)
def test_one_copy_at_most_and_no_untrue_state(
    scripts: list[list[Planned]], answers: list[Unclear], deaths: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_lived(Path(folder), scripts, answers, deaths))


async def _lived(
    folder: Path, scripts: list[list[Planned]], answers: list[Unclear], deaths: list[int]
) -> None:
    house = Departing(folder)
    for channel, script in zip(house.channels.values(), scripts, strict=True):
        channel.script.extend(script)
    house.seos.answers.extend(answers)
    dispatch, contents = house.dispatch()
    checkpoint = DieAt(deaths)
    house.boot(checkpoint)
    # The registry does not know whether it was taken, so it asks again under the same key.
    message = None
    while message is None:
        try:
            message = (await house.desk.submit(dispatch, contents, "token:test")).message
        except DeathError:
            house.boot(checkpoint)
    for _ in range(60):
        try:
            await house.live(timedelta(hours=2), timedelta(minutes=10))
        except DeathError:
            house.boot(checkpoint)
            house.clock.advance(120.0)
    after = await house.desk.find(message.id)
    _judge(house, after)


def _judge(house: Departing, after: OutboundMessage) -> None:
    copies = sum(channel.holds(after.dispatch.document.guid) for channel in house.channels.values())
    assert copies <= 1
    if after.state in THERE:
        assert copies == 1
    if after.state in SURELY_NOT:
        assert copies == 0
    owned = [task for task in house.state.tasks.values() if task.message_id == after.id]
    if OWNERS[after.state] in {Owner.TASK, Owner.ANSWER}:
        assert owned, "nobody owns it"
    assert not house.state.messages
