"""Names that other people rely on: events, decisions, what OpenAPI says of both."""

from __future__ import annotations

import pytest

from depesha.adapters.registry.api import ALL_ROUTES
from depesha.adapters.registry.openapi import document
from depesha.gateway.tasks import EVENTS
from depesha.schemas.ids import MessageId
from depesha.schemas.outbound import Decision, OutboundMessage
from depesha.schemas.outbound_decisions import DECISION_EVENTS, possible_decisions
from depesha.schemas.outbound_events import DISPATCH_EVENTS, dispatch_event
from depesha.schemas.outbound_lifecycle import OWNERS, OutboundState, Owner
from tests.support import outbound as fictional


def test_every_event_has_its_webhook_in_the_document() -> None:
    named = set(document(ALL_ROUTES, "0")["webhooks"])
    assert set(EVENTS.values()) <= named
    assert set(DISPATCH_EVENTS.values()) <= named


def test_the_names_of_the_contract() -> None:
    assert list(DISPATCH_EVENTS.values()) == [
        f"dispatch.{name}"
        for name in (
            "accepted",
            "delivered",
            "registered",
            "declined",
            "deferred",
            "unclear",
            "parked",
            "undeliverable",
            "returned",
            "stopped",
            "closed",
        )
    ]


@pytest.mark.parametrize(
    ("state", "name"), [("PARKED", "dispatch.parked"), ("SIGNED", ""), ("?", "")]
)
def test_a_state_as_text_has_the_name_of_its_event(state: str, name: str) -> None:
    assert dispatch_event(state) == name


def test_every_decision_but_one_is_an_event() -> None:
    assert set(Decision) - set(DECISION_EVENTS) == {Decision.CONFIRM_FALLBACK}


def _in(state: OutboundState) -> OutboundMessage:
    return OutboundMessage(
        id=MessageId("0" * 32),
        state=state,
        dispatch=fictional.dispatch(),
        contents=(),
        actor="token:x",
        changed_at=fictional.NOW,
        attempts=(fictional.attempt(),),
    )


@pytest.mark.parametrize(
    "state",
    [s for s, owner in OWNERS.items() if owner is Owner.PERSON and s is not OutboundState.DECLINED],
)
def test_whatever_waits_for_a_person_can_be_decided(state: OutboundState) -> None:
    assert possible_decisions(_in(state))


@pytest.mark.parametrize("state", [s for s, owner in OWNERS.items() if owner is Owner.NOBODY])
def test_nothing_is_left_to_decide_where_all_is_over(state: OutboundState) -> None:
    assert Decision.RESUME not in possible_decisions(_in(state))
    assert Decision.RULE_ABSENT not in possible_decisions(_in(state))
