"""Words that come later about a try whose message went out more than once under the same name."""

from __future__ import annotations

from pathlib import Path

import pytest

from depesha.adapters.memory.channel import UNREACHABLE, Planned
from depesha.schemas.answer import ErrorNotice
from depesha.schemas.dispatch import AttemptOutcome
from depesha.schemas.facts import SignatureFacts
from depesha.schemas.ids import Digest
from depesha.schemas.outbound import OutboundMessage, TryReport
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.outcome import Delivered, Outcome, Refused
from tests.support.departing import THEM, Departing


@pytest.fixture
def house(tmp_path: Path) -> Departing:
    return Departing(tmp_path)


async def second_try(house: Departing, network: str) -> OutboundMessage:
    """The first try reached nobody; the second one, the very same message, got through."""
    house.channels[network].script.append(Planned(outcome=UNREACHABLE))
    message = await house.submit(channels=(network,))
    await house.work()
    while (await house.desk.find(message.id)).state is OutboundState.DEFERRED:
        house.clock.advance(60.0)
        await house.work()
    after = await house.desk.find(message.id)
    assert after.attempts[0].transport_id == after.attempts[1].transport_id
    return after


def report(house: Departing, message: OutboundMessage, outcome: Outcome) -> TryReport:
    return TryReport(
        network="email",
        received_at=house.clock.now(),
        original=Digest("0" * 64),
        name=message.attempts[0].transport_id,
        outcome=outcome,
        actor="mail-server",
    )


async def test_a_delivery_report_is_about_the_try_that_left_last(house: Departing) -> None:
    message = await second_try(house, "email")
    assert await house.hearing.report(report(house, message, Delivered(proven=True)))
    after = await house.desk.find(message.id)
    assert after.state is OutboundState.DELIVERED
    assert [one.outcome for one in after.attempts] == [
        AttemptOutcome.DEFERRED,
        AttemptOutcome.DELIVERED,
    ]


async def test_a_bounce_after_a_repeated_try_is_believed(house: Departing) -> None:
    message = await second_try(house, "email")
    assert await house.hearing.report(report(house, message, Refused(code="5.2.2", public="back")))
    after = await house.desk.find(message.id)
    assert after.state is OutboundState.REFUSED
    assert [one.outcome for one in after.attempts] == [
        AttemptOutcome.DEFERRED,
        AttemptOutcome.REFUSED,
    ]


async def test_an_error_about_a_repeated_message_contradicts_its_delivery(house: Departing) -> None:
    message = await second_try(house, "seos")
    fault = ErrorNotice(
        network="seos",
        received_at=house.clock.now(),
        original=Digest("0" * 64),
        transport_id=house.ids.guid(),
        sender=THEM,
        recipient=message.dispatch.sender,
        signature=SignatureFacts(finding=None),
        failed=message.attempts[0].transport_id,
        kind="ERR_EXTERNAL",
        description="",
    )
    assert await house.hearing.fault(fault)
    asked = len(house.seos.questions)
    await house.work()
    assert len(house.seos.questions) == asked + 1, "the recipient is asked what stands"
