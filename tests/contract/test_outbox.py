"""One suite for both bodies of `ports.Outbox`: the gateway's desk and the double for tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from depesha.adapters.memory.channel import BROKEN, Planned
from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.memory.outbox import MemoryOutbox
from depesha.adapters.memory.state import MemoryState
from depesha.errors import ConflictError, DefectsError, UnknownMessageError, WrongStateError
from depesha.gateway.submission import SubmissionPolicy, defects
from depesha.ports import Outbox
from depesha.schemas.dispatch import Attempt, AttemptOutcome, Defect
from depesha.schemas.evidence import sha256
from depesha.schemas.ids import MessageId
from depesha.schemas.outbound import Decision, OutboundMessage, OutboundQuery
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.route import RouteExplanation
from tests.support.departing import US, Departing

ACTOR = "token:registry"


@dataclass(kw_only=True)
class Body:
    """An outbox under test, and how a document of it is put into a state."""

    outbox: Outbox
    house: Departing
    state: MemoryState

    def put(self, message: OutboundMessage, state: OutboundState) -> None:
        """Put a document into a state, with one unclear try behind it."""
        attempt = Attempt(
            id="try-1",
            network="seos",
            number=1,
            transport_id=message.dispatch.document.guid,
            payload=sha256(b"bytes"),
            intended_at=message.changed_at,
            outcome=AttemptOutcome.UNCLEAR,
        )
        self.state.outbound[message.id] = replace(message, state=state, attempts=(attempt,))


@pytest.fixture(params=["double", "desk"])
def body(request: pytest.FixtureRequest, tmp_path: Path) -> Body:
    house = Departing(tmp_path)
    house.seos.script.append(Planned(outcome=BROKEN))
    if request.param == "desk":
        return Body(outbox=house.desk, house=house, state=house.state)
    state = MemoryState()
    policy = SubmissionPolicy(own_identifiers=frozenset({US.identifier}))
    explained: Callable[..., RouteExplanation] = lambda _dispatch, language: RouteExplanation(  # noqa: E731 - a line
        language=language, step="", lines=()
    )
    double = MemoryOutbox(
        state=state,
        clock=house.clock,
        ids=house.ids,
        observer=RecordingObserver(),
        judge=lambda dispatch, contents: defects(
            dispatch, contents, policy, house.clock.now().date(), recipient_known=True
        ),
        explained=explained,
    )
    return Body(outbox=double, house=house, state=state)


async def submitted(body: Body) -> OutboundMessage:
    dispatch, contents = body.house.dispatch()
    return (await body.outbox.submit(dispatch, contents, ACTOR)).message


async def test_a_document_is_stored_before_it_is_answered(body: Body) -> None:
    message = await submitted(body)
    assert message.state is OutboundState.SUBMITTED
    assert (await body.outbox.find(message.id)).dispatch == message.dispatch
    page = await body.outbox.page(OutboundQuery())
    assert [one.id for one in page.messages] == [message.id]


async def test_the_same_request_under_the_same_key_is_the_same_document(body: Body) -> None:
    dispatch, contents = body.house.dispatch()
    first = await body.outbox.submit(dispatch, contents, ACTOR)
    renamed = replace(dispatch, recipient=replace(dispatch.recipient, name="Ново име"))
    again = await body.outbox.submit(renamed, contents, ACTOR)
    assert (first.repeated, again.repeated) == (False, True)
    assert again.message.id == first.message.id


async def test_the_same_key_for_another_request_is_a_conflict(body: Body) -> None:
    dispatch, contents = body.house.dispatch()
    await body.outbox.submit(dispatch, contents, ACTOR)
    with pytest.raises(ConflictError):
        await body.outbox.submit(replace(dispatch, subject="Друго"), contents, ACTOR)


async def test_the_same_document_under_another_key_is_a_conflict(body: Body) -> None:
    dispatch, contents = body.house.dispatch()
    await body.outbox.submit(dispatch, contents, ACTOR)
    with pytest.raises(ConflictError):
        await body.outbox.submit(replace(dispatch, idempotency_key="other"), contents, ACTOR)


async def test_a_document_with_defects_leaves_nothing_behind(body: Body) -> None:
    dispatch, contents = body.house.dispatch(subject="")
    with pytest.raises(DefectsError) as caught:
        await body.outbox.submit(dispatch, contents, ACTOR)
    assert [one.reason for one in caught.value.defects] == [Defect.CONTENT_MISSING]  # type: ignore[attr-defined]
    assert not body.state.outbound
    assert not body.state.evidence
    await body.outbox.submit(replace(dispatch, subject="Сега има"), contents, ACTOR)


async def test_an_unknown_document_is_told_so(body: Body) -> None:
    with pytest.raises(UnknownMessageError):
        await body.outbox.find(MessageId("f" * 32))
    with pytest.raises(UnknownMessageError):
        await body.outbox.decide(MessageId("f" * 32), Decision.RESUME, "", ACTOR)


@pytest.mark.parametrize(
    ("state", "decision", "after"),
    [
        (OutboundState.UNDELIVERABLE, Decision.RESUME, OutboundState.DEFERRED),
        (OutboundState.UNDELIVERABLE, Decision.RETURN, OutboundState.RETURNED),
        (OutboundState.PARKED, Decision.ASK_AGAIN, OutboundState.UNCLEAR),
        (OutboundState.PARKED, Decision.RULE_ABSENT, OutboundState.DEFERRED),
        (OutboundState.PARKED, Decision.RULE_THERE, OutboundState.DELIVERED),
        (OutboundState.DEFERRED, Decision.CONFIRM_FALLBACK, OutboundState.DEFERRED),
    ],
)
async def test_a_decision_moves_it_once_and_a_repeat_is_the_same(
    body: Body, state: OutboundState, decision: Decision, after: OutboundState
) -> None:
    message = await submitted(body)
    body.put(message, state)
    decided = await body.outbox.decide(message.id, decision, "по телефона", ACTOR)
    rows = len(body.state.evidence)
    again = await body.outbox.decide(message.id, decision, "по телефона", ACTOR)
    assert decided.state is again.state is after
    assert len(body.state.evidence) == rows


@pytest.mark.parametrize(
    ("state", "decision"),
    [
        (OutboundState.SENDING, Decision.RETURN),
        (OutboundState.UNCLEAR, Decision.RULE_ABSENT),
        (OutboundState.REGISTERED, Decision.RESUME),
        (OutboundState.DELIVERED, Decision.ASK_AGAIN),
    ],
)
async def test_a_decision_that_does_not_follow_changes_nothing(
    body: Body, state: OutboundState, decision: Decision
) -> None:
    message = await submitted(body)
    body.put(message, state)
    rows = len(body.state.evidence)
    with pytest.raises(WrongStateError):
        await body.outbox.decide(message.id, decision, "", ACTOR)
    assert body.state.outbound[message.id].state is state
    assert len(body.state.evidence) == rows
