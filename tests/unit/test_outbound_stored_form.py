"""What the store will keep of the way out reads back as it was written."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter

from depesha.errors import Blame
from depesha.gateway.bars import RoutingPolicy, Standing
from depesha.gateway.routing import make_plan
from depesha.schemas.dispatch import Attempt, AttemptOutcome, Dispatch, Mark, Quality
from depesha.schemas.route import ChannelHealth, Circuit, Plan
from tests.support.outbound import ALL, NOW, PEER, attempt, dispatch

FAILED = attempt(
    outcome=AttemptOutcome.DEFERRED, settled_at=NOW, blame=Blame.NETWORK, code="UNREACHABLE"
)
OPEN = ChannelHealth(
    network="seos",
    peer=PEER,
    circuit=Circuit.OPEN,
    failed_peers=(PEER,),
    probe_at=NOW + timedelta(minutes=1),
)


def a_plan(*attempts: Attempt, health: tuple[ChannelHealth, ...] = ()) -> Plan:
    return make_plan(dispatch(), ALL, health, RoutingPolicy(), NOW, Standing(attempts=attempts))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Dispatch, dispatch(marks=(Mark.PERSONAL_DATA,), floor=Quality.REGISTERED_DELIVERY)),
        (Attempt, FAILED),
        (Attempt, attempt()),
        (ChannelHealth, OPEN),
        (Plan, a_plan()),
        (Plan, a_plan(FAILED)),
        (Plan, a_plan(FAILED, health=(OPEN,))),
        (Plan, a_plan(attempt(outcome=AttemptOutcome.UNCLEAR))),
        (Plan, a_plan(attempt(network="email", outcome=AttemptOutcome.UNCLEAR))),
        (Plan, a_plan(attempt(outcome=AttemptOutcome.ACCEPTED))),
    ],
)
def test_stored_and_read_back(kind: type[Any], value: object) -> None:
    adapter = TypeAdapter(kind)
    assert adapter.validate_json(adapter.dump_json(value)) == value
