"""Single steps of the way out that the rules name, and the words that lead to them."""

from __future__ import annotations

import pytest

from depesha.errors import Blame, WrongStateError
from depesha.schemas.answer import DocumentStatus
from depesha.schemas.outbound_lifecycle import (
    OUTBOUND,
    Hearing,
    OutboundEvent,
    OutboundState,
    advance_outbound,
    event_of,
    event_of_status,
    judge_outbound,
    outbound_diagram,
)
from depesha.schemas.outcome import Deferred, Delivered, Outcome, Refused, Unclear

S, E = OutboundState, OutboundEvent


def test_s2_the_good_path() -> None:
    state = S.SUBMITTED
    for event in (E.SIGNED, E.ROUTED, E.ATTEMPT_BEGUN, E.DELIVERED):
        state = advance_outbound(state, event)
    assert state is S.DELIVERED
    assert advance_outbound(state, E.PEER_REGISTERED) is S.REGISTERED


def test_a_crash_while_sending_is_unclear() -> None:
    """Law 3: there is no way from SENDING back to a plan without an outcome."""
    assert advance_outbound(S.SENDING, E.UNCLEAR) is S.UNCLEAR
    for event in (E.ROUTED, E.ATTEMPT_BEGUN, E.RETURNED, E.EXHAUSTED, E.ABSENT):
        with pytest.raises(WrongStateError):
            advance_outbound(S.SENDING, event)


def test_s9_a_declined_document_stays_declined_and_a_mended_one_is_a_new_document() -> None:
    assert advance_outbound(S.DELIVERED, E.PEER_DECLINED) is S.DECLINED
    assert not [e for (s, e) in OUTBOUND if s is S.DECLINED]


@pytest.mark.parametrize(
    ("state", "event", "asked", "after", "hearing"),
    [
        (S.REGISTERED, E.PEER_WAITING, False, S.REGISTERED, Hearing.NO_NEWS),
        (S.CLOSED, E.PEER_REGISTERED, False, S.CLOSED, Hearing.NO_NEWS),
        (S.REGISTERED, E.PEER_DECLINED, False, S.REGISTERED, Hearing.CONTRADICTS),
        (S.REGISTERED, E.PEER_DECLINED, True, S.DECLINED, Hearing.APPLIED),
        (S.DECLINED, E.PEER_REGISTERED, False, S.DECLINED, Hearing.CONTRADICTS),
        (S.DECLINED, E.PEER_REGISTERED, True, S.REGISTERED, Hearing.APPLIED),
        (S.DELIVERED, E.PEER_CLOSED, False, S.CLOSED, Hearing.APPLIED),
        (S.DELIVERED, E.DEFERRED, False, S.DELIVERED, Hearing.NO_NEWS),
        (S.DELIVERED, E.ABSENT, True, S.DELIVERED, Hearing.CONTRADICTS),
        (S.DELIVERED, E.REFUSED, False, S.DELIVERED, Hearing.CONTRADICTS),
        (S.ACCEPTED, E.REFUSED, False, S.REFUSED, Hearing.APPLIED),
        (S.UNDELIVERABLE, E.PEER_REGISTERED, False, S.REGISTERED, Hearing.APPLIED),
        (S.SENDING, E.PEER_REGISTERED, False, S.REGISTERED, Hearing.APPLIED),
        (S.UNCLEAR, E.ABSENT, True, S.DEFERRED, Hearing.APPLIED),
    ],
)
def test_late_and_backward_words_are_judged_by_the_table(
    state: OutboundState,
    event: OutboundEvent,
    asked: object,
    after: OutboundState,
    hearing: Hearing,
) -> None:
    judged = judge_outbound(state, event, asked=bool(asked))
    assert (judged.state, judged.hearing) == (after, hearing)


def test_a_word_about_what_never_left_is_not_believed() -> None:
    judged = judge_outbound(S.ROUTED, E.PEER_REGISTERED, tried=False)
    assert (judged.state, judged.hearing) == (S.ROUTED, Hearing.NEVER_SENT)


@pytest.mark.parametrize(
    ("outcome", "event"),
    [
        (Delivered(), E.DELIVERED),
        (Delivered(proven=False), E.ACCEPTED),
        (Deferred(code="X", public="", blame=Blame.NETWORK), E.DEFERRED),
        (Refused(code="X", public=""), E.REFUSED),
        (Unclear(code="X", public=""), E.UNCLEAR),
    ],
)
def test_outcomes_are_events(outcome: Outcome, event: OutboundEvent) -> None:
    assert event_of(outcome) is event


def test_statuses_of_the_recipient_are_events() -> None:
    """SEOS facts 4.2 and 8: "already received" is success of delivery."""
    told = {status: event_of_status(status, asked=False) for status in DocumentStatus}
    assert told[DocumentStatus.ALREADY_RECEIVED] is E.PEER_WAITING
    assert told[DocumentStatus.NOT_FOUND] is None
    assert event_of_status(DocumentStatus.NOT_FOUND, asked=True) is E.ABSENT
    assert len(set(told.values())) == 6


def test_the_diagram_shows_every_state() -> None:
    drawn = outbound_diagram()
    assert all(state in drawn for state in S)
    assert "SENDING --> UNCLEAR: UNCLEAR" in drawn
    assert "TRIED --> REGISTERED: PEER_REGISTERED" in drawn
