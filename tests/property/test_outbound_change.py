"""Laws 3 and 8 where they are written down: whatever is tried, heard or decided, in any order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from depesha.errors import Blame, ConflictError, UnknownMessageError, WrongStateError
from depesha.schemas.dispatch import Attempt, AttemptOutcome
from depesha.schemas.envelope import RegistrationNumber
from depesha.schemas.ids import MessageId
from depesha.schemas.message import EvidenceKind, NewEvidence, NewTask, TaskKind
from depesha.schemas.outbound import OutboundChange, OutboundMessage, OutboundWord, Settlement
from depesha.schemas.outbound_change import apply_outbound, due_later
from depesha.schemas.outbound_lifecycle import (
    HEARD,
    OWNERS,
    Hearing,
    OutboundEvent,
    OutboundState,
    Owner,
)
from depesha.schemas.outbound_owner import OWNING, OwningTask, owner_due, owning_kind, upkeep
from tests.support.outbound import NOW, attempt, dispatch

S, E, A = OutboundState, OutboundEvent, AttemptOutcome
UNSETTLED = {None, A.UNCLEAR}
AT_THE_PEER = {S.DELIVERED, S.REGISTERED, S.DECLINED, S.STOPPED, S.CLOSED}
SURELY_NOT_THERE = {S.DEFERRED, S.REFUSED, S.ROUTED, S.UNDELIVERABLE, S.RETURNED}
DECISIONS = sorted(set(E) - HEARD - {E.ATTEMPT_BEGUN})
OF_A_TRY = {
    E.ACCEPTED: A.ACCEPTED,
    E.DELIVERED: A.DELIVERED,
    E.DEFERRED: A.DEFERRED,
    E.REFUSED: A.REFUSED,
    E.UNCLEAR: A.UNCLEAR,
    E.ABSENT: A.ABSENT,
}
NUMBER = RegistrationNumber(number="ВХ-1", date=NOW.date())
FAULTS = (ConflictError, UnknownMessageError, WrongStateError)


def document(**changes: object) -> OutboundMessage:
    made = OutboundMessage(
        id=MessageId("0" * 31 + "1"),
        state=S.SUBMITTED,
        dispatch=dispatch(),
        contents=(),
        actor="token:test",
        changed_at=NOW,
    )
    return replace(made, **changes)  # type: ignore[arg-type] # the test names real fields


def change(at: datetime = NOW, **changes: object) -> OutboundChange:
    made = OutboundChange(
        message_id=MessageId("0" * 31 + "1"),
        evidence=NewEvidence(
            kind=EvidenceKind.HEARD, at=at, message_id=None, actor="gateway", facts={"a": 1}
        ),
    )
    return replace(made, **changes)  # type: ignore[arg-type] # the test names real fields


@dataclass(frozen=True)
class Op:
    """One step that somebody might ask for."""

    kind: str
    event: OutboundEvent = E.ROUTED
    which: int = 0
    """Which try it speaks of; 0: the document as a whole."""
    asked: bool = False
    settled: bool = True
    numbered: bool = False


decisions = st.builds(Op, kind=st.just("decide"), event=st.sampled_from(DECISIONS))
begins = st.just(Op(kind="begin"))
words = st.builds(
    Op,
    kind=st.just("word"),
    event=st.sampled_from(sorted(HEARD)),
    which=st.integers(0, 3),
    asked=st.booleans(),
    numbered=st.booleans(),
)
careless = st.one_of(
    st.builds(
        Op, kind=st.just("settle"), event=st.sampled_from(list(OF_A_TRY)), which=st.integers(1, 3)
    ),
    words.map(lambda op: replace(op, settled=False)),
    st.just(Op(kind="begin without its event")),
)
START = [Op(kind="decide", event=E.SIGNED), Op(kind="begin")]


def asked_for(op: Op, message: OutboundMessage, number: int) -> OutboundChange:
    """Put a step as the gateway would."""
    at = NOW + timedelta(minutes=number)
    tries = message.attempts
    named = tries[min(op.which, len(tries)) - 1].id if op.which and tries else ""
    settle = None
    if op.event in OF_A_TRY and op.settled:
        named = named or (tries[-1].id if tries else "")
        settle = Settlement(
            attempt=named, outcome=OF_A_TRY[op.event], blame=Blame.NETWORK, asked=op.asked
        )
    match op.kind:
        case "decide":
            return change(at, events=(op.event,))
        case "begin":
            new = attempt(len(tries) + 1, ("seos", "ssev", "email")[len(tries) % 3])
            return change(at, events=(E.ROUTED, E.ATTEMPT_BEGUN), begin=new)
        case "begin without its event":
            return change(at, begin=attempt(len(tries) + 1))
        case "settle":
            return change(at, settle=settle)
        case _:
            word = OutboundWord(
                event=op.event,
                attempt=named,
                asked=op.asked,
                number=NUMBER if op.numbered else None,
            )
            return change(at, word=word, settle=settle if named else None)


def walk(ops: list[Op]) -> list[tuple[OutboundMessage, OutboundChange, OutboundMessage]]:
    """Take the steps that follow; the others must leave nothing."""
    message, taken = document(), []
    for number, op in enumerate(START + ops):
        wanted = asked_for(op, message, number)
        try:
            after = apply_outbound(message, wanted).message
        except FAULTS:
            continue
        taken.append((message, wanted, after))
        message = after
    return taken


@given(st.lists(st.one_of(decisions, begins, words, careless), max_size=25))
def test_never_two_tries_that_may_both_be_under_way(ops: list[Op]) -> None:
    for _before, _change, after in walk(ops):
        assert sum(one.outcome in UNSETTLED for one in after.attempts) <= 1
        assert len({one.id for one in after.attempts}) == len(after.attempts)
        assert [one.number for one in after.attempts] == list(range(1, len(after.attempts) + 1))


@given(st.lists(st.one_of(decisions, begins, words, careless), max_size=25))
def test_what_got_through_is_sent_again_only_on_a_persons_ruling(ops: list[Op]) -> None:
    there = False
    for _before, wanted, after in walk(ops):
        if E.RULED_ABSENT in wanted.events:
            there = False
        if wanted.begin is not None:
            assert not there
        there = (
            there
            or after.state in AT_THE_PEER
            or any(one.outcome is A.DELIVERED for one in after.attempts)
        )


@given(st.lists(st.one_of(decisions, begins, words), max_size=25))
def test_what_is_shown_as_not_there_has_no_try_that_may_be_there(ops: list[Op]) -> None:
    """Otherwise the document is either sent twice or never again."""
    for _before, _change, after in walk(ops):
        if after.state in SURELY_NOT_THERE:
            assert all(
                one.outcome in {A.DEFERRED, A.REFUSED, A.ABSENT} for one in after.attempts
            ), after.state
            assert after.handed_over_at is None


@given(st.lists(st.one_of(decisions, begins, words, careless), max_size=25))
def test_evidence_tells_the_state_and_what_became_of_the_word(ops: list[Op]) -> None:
    message = document()
    for number, op in enumerate(START + ops):
        wanted = asked_for(op, message, number)
        try:
            applied = apply_outbound(message, wanted)
        except FAULTS:
            continue
        facts = applied.evidence.facts
        assert facts["a"] == 1
        assert facts["state"] == applied.message.state
        assert (facts.get("hearing") is None) == (wanted.word is None)
        assert facts.get("hearing") == applied.hearing
        assert applied.message.changed_at == wanted.evidence.at
        message = applied.message


@given(st.lists(st.one_of(begins, words), max_size=15), words)
def test_the_same_word_twice_changes_nothing_more(ops: list[Op], last: Op) -> None:
    message = walk(ops)[-1][2]
    once = apply_outbound(message, asked_for(last, message, 50)).message
    again = apply_outbound(once, asked_for(last, once, 51))
    assert again.hearing is not Hearing.APPLIED
    assert again.message.state is once.state
    assert again.message.number == once.number


@given(st.lists(st.one_of(decisions, begins, words), max_size=15))
def test_a_number_once_known_is_never_forgotten(ops: list[Op]) -> None:
    for before, _change, after in walk(ops):
        assert before.number is None or after.number is not None


@given(st.lists(st.one_of(decisions, begins, words), max_size=15))
def test_tasks_of_a_state_come_once_with_its_entering(ops: list[Op]) -> None:
    tell = {s: (NewTask(kind=TaskKind.WEBHOOK, due_at=NOW, payload={"to": s}),) for s in S}
    ask = (NewTask(kind=TaskKind.QUESTION, due_at=NOW),)
    message = document()
    for number, op in enumerate(START + ops):
        wanted = replace(asked_for(op, message, number), on_entering=tell, on_contradiction=ask)
        try:
            applied = apply_outbound(message, wanted)
        except FAULTS:
            continue
        entered = () if applied.message.state is message.state else tell[applied.message.state]
        questions = ask if applied.hearing is Hearing.CONTRADICTS else ()
        assert applied.tasks == (*entered, *questions)
        message = applied.message


# --- the owner of every state ---


standing = st.lists(
    st.builds(
        OwningTask,
        task_id=st.integers(1, 9),
        kind=st.sampled_from(OWNING),
        due_at=st.integers(-5, 5).map(lambda n: NOW + timedelta(minutes=n)),
        leased=st.booleans(),
    ),
    max_size=2,
    unique_by=(lambda t: t.task_id, lambda t: t.kind),
)
STATES = st.sampled_from(list(S))


def kept(
    tasks: list[OwningTask], before: OutboundState | None, after: OutboundState
) -> list[OwningTask]:
    """Do as a store does."""
    needed = upkeep(before, after, tasks, NOW)
    due = dict(needed.due)
    left = [
        replace(t, due_at=due[t.task_id], leased=False) if t.task_id in due else t
        for t in tasks
        if t.task_id not in needed.remove
    ]
    added = [
        OwningTask(task_id=100 + n, kind=new.kind, due_at=new.due_at, leased=False)
        for n, new in enumerate(needed.add)
    ]
    return left + added


@given(STATES | st.none(), STATES, standing)
def test_every_step_leaves_exactly_one_owner(
    before: OutboundState | None, after: OutboundState, tasks: list[OwningTask]
) -> None:
    """A worker that still holds a task of the wrong kind finds nothing to do, and ends it."""
    left = kept(tasks, before, after)
    kind = owning_kind(after)
    right = [task for task in left if task.kind is kind]
    assert len(right) == (OWNERS[after] in {Owner.TASK, Owner.ANSWER})
    assert all(task.leased for task in left if task.kind is not kind)
    entering = before is None or owning_kind(before) is not kind
    assert not (entering and any(task.leased for task in right))


@given(STATES, standing)
def test_what_is_due_is_never_put_off(state: OutboundState, tasks: list[OwningTask]) -> None:
    at = {task.task_id: task.due_at for task in tasks}
    for task in kept(tasks, state, state):
        assert task.task_id >= 100 or task.leased or task.due_at <= at[task.task_id]
    later = upkeep(state, state, tasks, NOW, NOW + timedelta(days=1))
    assert not later.due


def test_a_waiting_owner_is_called_when_the_state_moves_on() -> None:
    waiting = OwningTask(
        task_id=1, kind=TaskKind.DISPATCH, due_at=NOW + timedelta(hours=1), leased=False
    )
    assert upkeep(S.UNCLEAR, S.DEFERRED, [waiting], NOW).due == ((1, NOW),)
    assert upkeep(S.DEFERRED, S.DEFERRED, [waiting], NOW).due == ()
    soon = NOW + timedelta(minutes=1)
    assert upkeep(S.DEFERRED, S.DEFERRED, [waiting], NOW, soon).due == ((1, soon),)
    mine = replace(waiting, own=True)
    assert upkeep(S.UNCLEAR, S.DEFERRED, [mine], NOW, soon).due == ()
    parked = replace(waiting, parked=True)
    assert upkeep(S.UNCLEAR, S.DEFERRED, [parked], NOW, soon).due == ()


# --- single rules ---


def sent(**changes: object) -> OutboundMessage:
    return document(state=S.SENDING, attempts=(attempt(),), **changes)


def settled(outcome: AttemptOutcome) -> OutboundMessage:
    done: Attempt = attempt(outcome=outcome)
    return document(state=S.DEFERRED, attempts=(done,))


def test_a_try_begins_with_its_event_and_the_event_with_a_try() -> None:
    ready = document(state=S.ROUTED)
    for wrong in (change(begin=attempt()), change(events=(E.ATTEMPT_BEGUN,))):
        with pytest.raises(WrongStateError):
            apply_outbound(ready, wrong)
    unsayable = attempt(outcome=A.REFUSED, settled_at=NOW)
    after = apply_outbound(ready, change(events=(E.ROUTED,), begin=unsayable)).message
    assert (after.state, after.attempts[0].outcome) == (S.ROUTED, A.REFUSED)
    with pytest.raises(WrongStateError):
        apply_outbound(ready, change(events=(E.ATTEMPT_BEGUN,), begin=unsayable))


def test_the_same_try_begins_once() -> None:
    with pytest.raises(ConflictError):
        apply_outbound(
            settled(A.DEFERRED), change(events=(E.ROUTED, E.ATTEMPT_BEGUN), begin=attempt())
        )


def test_a_clear_end_is_not_made_unclear() -> None:
    unclear = Settlement(attempt="attempt-1", outcome=A.UNCLEAR, asked=True, reference="17")
    for outcome in (A.DEFERRED, A.REFUSED, A.ABSENT, A.ACCEPTED, A.DELIVERED):
        one = apply_outbound(settled(outcome), change(settle=unclear)).message.attempts[0]
        assert (one.outcome, one.reference) == (outcome, "17")


def test_questions_are_counted_anew_where_a_person_wants_it() -> None:
    asked = document(state=S.PARKED, attempts=(attempt(outcome=A.UNCLEAR, times_asked=7),))
    again = Settlement(attempt="attempt-1", outcome=A.UNCLEAR, asked_from_zero=True)
    word = OutboundWord(event=E.UNCLEAR, attempt="attempt-1")
    after = apply_outbound(asked, change(word=word, settle=again)).message
    assert (after.state, after.attempts[0].times_asked) == (S.UNCLEAR, 0)
    more = replace(again, asked_from_zero=False, asked=True)
    assert apply_outbound(after, change(settle=more)).message.attempts[0].times_asked == 1


def test_a_persons_yes_calls_the_next_step() -> None:
    yes = change(fallback_confirmed=True)
    assert owner_due(yes, S.DEFERRED) == NOW
    later = NOW + timedelta(days=1)
    assert owner_due(replace(yes, dispatch_at=later), S.DEFERRED) == later
    assert owner_due(change(), S.DEFERRED) is None
    assert owner_due(yes, S.PARKED) is None


def test_a_persons_ruling_holds_for_every_try() -> None:
    tries = (
        attempt(1, outcome=A.DEFERRED),
        attempt(2, outcome=A.ACCEPTED),
        attempt(3, outcome=A.DELIVERED),
    )
    there = document(state=S.DELIVERED, attempts=tries, handed_over_at=NOW)
    after = apply_outbound(there, change(events=(E.RULED_ABSENT,))).message
    assert [one.outcome for one in after.attempts] == [A.DEFERRED, A.ABSENT, A.ABSENT]
    assert after.handed_over_at is None


def test_the_follow_up_counts_from_the_handing_over_that_stands() -> None:
    mailed = document(state=S.ACCEPTED, attempts=(attempt(outcome=A.ACCEPTED),), handed_over_at=NOW)
    bounced = Settlement(attempt="attempt-1", outcome=A.REFUSED)
    word = OutboundWord(event=E.REFUSED, attempt="attempt-1")
    after = apply_outbound(mailed, change(word=word, settle=bounced)).message
    assert (after.state, after.handed_over_at) == (S.REFUSED, None)


def test_a_proof_of_an_earlier_try_is_taken_back_with_it() -> None:
    """It stood as accepted because of the first try; the second one's end says nothing of that."""
    tries = (attempt(1, outcome=A.ACCEPTED), attempt(2, outcome=A.DEFERRED))
    mailed = document(state=S.ACCEPTED, attempts=tries, handed_over_at=NOW)
    bounced = Settlement(attempt="attempt-1", outcome=A.REFUSED)
    word = OutboundWord(event=E.REFUSED, attempt="attempt-1")
    applied = apply_outbound(mailed, change(word=word, settle=bounced))
    assert (applied.hearing, applied.message.state) == (Hearing.APPLIED, S.REFUSED)


def test_a_task_given_back_needs_its_time() -> None:
    assert due_later(change(due_at=NOW)) == NOW
    with pytest.raises(WrongStateError):
        due_later(change())
