"""Laws 3 and 8 for the way out: unclear stays unclear until asked, and nothing is ownerless."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from depesha.errors import WrongStateError
from depesha.schemas.outbound_lifecycle import (
    ANSWERED,
    CONTRADICTIONS,
    HEARD,
    OUTBOUND,
    OUTBOUND_FIRST_STATES,
    OWNERS,
    PROOFS,
    Hearing,
    OutboundEvent,
    OutboundState,
    Owner,
    advance_outbound,
    judge_outbound,
)

S, E = OutboundState, OutboundEvent
STATES = st.sampled_from(list(S))
HEARD_EVENTS = st.sampled_from(sorted(HEARD))
AT_THE_PEER = {S.DELIVERED, S.REGISTERED, S.DECLINED, S.STOPPED, S.CLOSED}


def walk(events: list[OutboundEvent]) -> list[OutboundState]:
    """Take the events that follow, skip the others; a decision out of place must raise."""
    path = [S.SUBMITTED]
    for event in events:
        try:
            path.append(advance_outbound(path[-1], event))
        except WrongStateError:
            assert (path[-1], event) not in OUTBOUND
    return path


@given(st.lists(st.sampled_from(list(E)), max_size=40))
def test_a_try_without_outcome_is_never_taken_for_not_sent(events: list[OutboundEvent]) -> None:
    """Law 3: after SENDING or UNCLEAR nothing is sent before an outcome or an answer is known."""
    path = walk(events)
    may_be_there = False
    for before, after in pairwise(path):
        if before in {S.SENDING, S.UNCLEAR, S.PARKED} and after is S.ROUTED:
            pytest.fail("planned again without having asked")
        may_be_there = after in {S.SENDING, S.UNCLEAR, S.PARKED} or (
            may_be_there and after not in {S.DEFERRED, S.REFUSED}
        )
        if after is S.SENDING:
            assert before is S.ROUTED
        assert not (may_be_there and after in {S.RETURNED, S.UNDELIVERABLE})


FLAGS = st.fixed_dictionaries(dict.fromkeys(("tried", "this_try", "asked"), st.booleans()))


@given(STATES, HEARD_EVENTS, FLAGS)
def test_words_from_outside_never_raise_and_never_start_a_sending(
    state: OutboundState, event: OutboundEvent, flags: dict[str, bool]
) -> None:
    judged = judge_outbound(state, event, **flags)
    assert judged.state not in {S.SUBMITTED, S.SIGNED, S.ROUTED, S.SENDING} - {state}
    assert (judged.hearing is Hearing.APPLIED) == (judged.state is not state)
    if not flags["tried"]:
        assert judged.hearing is Hearing.NEVER_SENT


@given(STATES, st.lists(HEARD_EVENTS, max_size=12))
def test_hearing_the_same_words_twice_changes_nothing(
    state: OutboundState, events: list[OutboundEvent]
) -> None:
    """Every notice may come again (SEOS facts 6.6): the second is evidence only."""
    for event in events:
        state = judge_outbound(state, event).state
        assert judge_outbound(state, event).hearing is not Hearing.APPLIED


@given(st.lists(HEARD_EVENTS, max_size=20))
def test_a_number_is_never_lost_to_a_notice_nobody_asked_for(events: list[OutboundEvent]) -> None:
    """Facts 6.5: backward notices are evidence; REG-02: the recipient's number stands."""
    state = S.REGISTERED
    for event in events:
        state = judge_outbound(state, event).state
        assert state in {S.REGISTERED, S.STOPPED, S.CLOSED}


@given(st.sampled_from(sorted(PROOFS)), st.sampled_from(sorted(set(S) - {S.SUBMITTED, S.SIGNED})))
def test_a_proof_is_believed_whatever_we_thought(
    event: OutboundEvent, state: OutboundState
) -> None:
    """A document shown as failed and delivered after all is the worst of untruths."""
    judged = judge_outbound(state, event, this_try=False)
    assert judged.state in AT_THE_PEER | {S.ACCEPTED}


@given(STATES)
def test_failure_of_an_earlier_try_says_nothing_of_the_later_one(state: OutboundState) -> None:
    for event in (E.DEFERRED, E.REFUSED, E.UNCLEAR, E.ABSENT):
        assert judge_outbound(state, event, this_try=False).state is state


@given(STATES, st.sampled_from(sorted(set(E) - HEARD)))
def test_decisions_of_ours_are_not_heard(state: OutboundState, event: OutboundEvent) -> None:
    with pytest.raises(WrongStateError):
        judge_outbound(state, event)


@given(st.lists(st.tuples(HEARD_EVENTS, st.booleans()), max_size=20))
def test_what_was_received_is_never_sent_again_on_a_machines_word(
    words: list[tuple[OutboundEvent, bool]],
) -> None:
    """Law 3: a receipt and a later "not found" are for a person; only RULED_ABSENT sends again."""
    state = S.DELIVERED
    for event, asked in words:
        state = judge_outbound(state, event, asked=asked).state
        assert state in AT_THE_PEER


def test_every_state_is_reached_and_has_one_owner() -> None:
    """Law 8: no dead ends; a state that no event leaves is final or a person's."""
    reached = set(OUTBOUND_FIRST_STATES)
    while more := {new for (old, _), new in OUTBOUND.items() if old in reached} - reached:
        reached |= more
    assert reached == set(S) == set(OWNERS)
    stuck = {s for s in S if all(old is not s for old, _ in OUTBOUND)}
    assert all(OWNERS[s] in {Owner.NOBODY, Owner.PERSON} for s in stuck)
    for state, owner in OWNERS.items():
        decisions = {e for (old, e) in OUTBOUND if old is state} - set(PROOFS)
        if owner is Owner.TASK:
            assert decisions, state


def test_a_change_of_mind_is_believed_only_when_asked_for() -> None:
    for (state, event), new in ANSWERED.items():
        assert (state, event) not in OUTBOUND
        assert judge_outbound(state, event).state is state
        assert judge_outbound(state, event, asked=True).state is new
    assert CONTRADICTIONS.isdisjoint(OUTBOUND)
