"""LAT-01 to -05 and S8: late, asked, then a person with the telephone; never a dead end."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from depesha.gateway.calendar import WorkingCalendar
from depesha.gateway.followup import (
    AWAITING,
    AskStatus,
    Awaited,
    FollowUpPolicy,
    LookAgain,
    NothingToDo,
    Telephone,
    Thresholds,
    follow_up,
)
from depesha.schemas.outbound import Question
from depesha.schemas.outbound_lifecycle import OWNERS, OutboundState, Owner
from depesha.schemas.outbound_sentences import say
from depesha.schemas.sentences import LANGUAGES

SOFIA = ZoneInfo("Europe/Sofia")
CALENDAR = WorkingCalendar(zone=SOFIA, holidays=frozenset({date(2026, 3, 3)}))
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=SOFIA)
LATE = datetime(2026, 3, 5, 9, 0, tzinfo=SOFIA)
"""Sixteen working hours later, Tuesday being a holiday."""
SENT = Awaited(
    state=OutboundState.DELIVERED,
    network="seos",
    peer="000000002",
    handed_over_at=MONDAY,
    can_ask=True,
    phone="02 000 0000",
)
USUAL = Thresholds()
THRESHOLDS = st.builds(
    lambda late, again, soon, unclear, waiting: Thresholds(
        late=timedelta(hours=late),
        again=timedelta(hours=again),
        unclear_again=timedelta(hours=soon),
        unclear=unclear,
        waiting=waiting,
    ),
    st.integers(1, 80),
    st.integers(1, 40),
    st.integers(1, 8),
    st.integers(1, 4),
    st.integers(1, 6),
)


def asked(answers: str) -> tuple[Question, ...]:
    """One question a day: `w` was answered "still waiting", `?` was not answered clearly."""
    return tuple(
        Question(at=LATE + timedelta(days=n), clear=answer == "w")
        for n, answer in enumerate(answers)
    )


def test_s8_a_late_answer_is_asked_for_and_then_telephoned() -> None:
    """S8: past the threshold a query; unclear → a task with the number from the register."""
    assert follow_up(SENT, USUAL, CALENDAR, MONDAY) == LookAgain(at=LATE)
    assert follow_up(SENT, USUAL, CALENDAR, LATE - timedelta(seconds=1)) == LookAgain(at=LATE)
    assert follow_up(SENT, USUAL, CALENDAR, LATE) == AskStatus()
    unclear = replace(SENT, questions=asked("?"))
    told = follow_up(unclear, USUAL, CALENDAR, LATE)
    assert told == Telephone(phone="02 000 0000", why="unclear", questions=1)
    assert "02 000 0000" in say("followup.unclear", "bg", {"phone": "02 000 0000"})


def test_a_clear_still_waiting_is_asked_again_later_and_telephoned_in_the_end() -> None:
    waiting = replace(SENT, questions=asked("w"))
    friday = datetime(2026, 3, 6, 9, tzinfo=SOFIA)
    assert follow_up(waiting, USUAL, CALENDAR, LATE) == LookAgain(at=friday)
    assert follow_up(waiting, USUAL, CALENDAR, friday) == AskStatus()
    five = replace(SENT, questions=asked("wwwww"))
    assert isinstance(follow_up(five, USUAL, CALENDAR, LATE), Telephone)


def test_what_cannot_be_asked_goes_to_a_person_when_late() -> None:
    mail = replace(SENT, network="email", can_ask=False, phone="")
    assert isinstance(follow_up(mail, USUAL, CALENDAR, MONDAY), LookAgain)
    told = follow_up(mail, USUAL, CALENDAR, LATE)
    assert told == Telephone(phone="", why="cannot be asked", questions=0)


def test_nobody_is_told_twice() -> None:
    told = replace(SENT, questions=asked("?"), person_told_at=LATE)
    assert follow_up(told, USUAL, CALENDAR, LATE + timedelta(days=9)) == NothingToDo()


@pytest.mark.parametrize("state", list(OutboundState))
def test_what_owes_an_answer_is_watched_and_nothing_else(state: OutboundState) -> None:
    """LAT-05: by delivery state alone, whatever the registry's case says."""
    watched = not isinstance(
        follow_up(replace(SENT, state=state), USUAL, CALENDAR, LATE), NothingToDo
    )
    assert watched == (OWNERS[state] is Owner.ANSWER) == (state in AWAITING)


def test_the_peers_own_threshold_comes_before_the_networks() -> None:
    """LAT-03: by channel and participant."""
    quick, slow = Thresholds(late=timedelta(hours=1)), Thresholds(late=timedelta(hours=80))
    policy = FollowUpPolicy(networks={"email": slow}, peers={"000000002": quick})
    assert policy.of("email", "000000002") is quick
    assert policy.of("email", "000000003") is slow
    assert policy.of("seos", "000000003") == USUAL


@given(THRESHOLDS, st.lists(st.booleans(), max_size=10), st.integers(0, 60 * 24 * 40))
def test_every_way_ends_with_a_person(
    thresholds: Thresholds, answers: list[bool], minutes: int
) -> None:
    """Law 8: asked at bounded times, a peer that never settles ends on a person's list."""
    awaited, now, script = SENT, MONDAY + timedelta(minutes=minutes), iter(answers)
    for _ in range(thresholds.waiting * (thresholds.unclear + 1) * 2 + 2):
        step = follow_up(awaited, thresholds, CALENDAR, now)
        match step:
            case LookAgain(at=at):
                assert at > now
                now = at
            case AskStatus():
                clear = next(script, False)
                awaited = replace(
                    awaited, questions=(*awaited.questions, Question(at=now, clear=clear))
                )
            case _:
                break
    assert isinstance(step, Telephone)
    assert step.questions >= 1


@given(THRESHOLDS, st.integers(0, 60 * 24 * 40), st.integers(0, 60 * 24 * 10))
def test_lateness_does_not_pass_away(thresholds: Thresholds, minutes: int, more: int) -> None:
    now = MONDAY + timedelta(minutes=minutes)
    if follow_up(SENT, thresholds, CALENDAR, now) == AskStatus():
        later = now + timedelta(minutes=more)
        assert follow_up(SENT, thresholds, CALENDAR, later) == AskStatus()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_persons_task_has_words(language: str) -> None:
    for why in ("unclear", "still waiting", "cannot be asked"):
        assert "555" in say(f"followup.{why}", language, {"phone": "555"})
