"""The contract of `OutboundStore`, on the double and on SQLite."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from depesha.errors import (
    ConflictError,
    DepeshaError,
    LostLeaseError,
    UnknownMessageError,
    WrongStateError,
)
from depesha.schemas.dispatch import AttemptOutcome
from depesha.schemas.envelope import RegistrationNumber
from depesha.schemas.ids import MessageId
from depesha.schemas.message import Claim, EvidenceKind, NewTask, TaskKind
from depesha.schemas.outbound import (
    Ending,
    OutboundChanged,
    OutboundQuery,
    OutboundWord,
    Settlement,
    Submitted,
)
from depesha.schemas.outbound_lifecycle import Hearing, OutboundEvent, OutboundState
from depesha.schemas.route import ChannelHealth, Circuit
from tests.support.memory import BODIES, START, Body, body, digest_of, evidence, new_message, task
from tests.support.outbound_memory import (
    begun,
    dispatch_of,
    ended,
    move,
    new_outbound,
    out_id,
    said,
    signed,
    try_of,
)

S, E, A = OutboundState, OutboundEvent, AttemptOutcome
NUMBER = RegistrationNumber(number="ВХ-17", date=START.date())


@pytest.fixture(params=BODIES)
async def memory(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Body]:
    async with body(request.param, tmp_path) as opened:
        opened.clock.advance(3600)
        yield opened


async def claim(memory: Body, kind: TaskKind = TaskKind.DISPATCH, lease: float = 60) -> Claim:
    (taken,) = await memory.tasks.claim((kind,), 1, lease)
    return taken


async def sending(memory: Body, number: int = 1) -> Claim:
    """Bring a document as far as its first try; return the claim that holds its task."""
    await memory.outbound.submit(new_outbound(number))
    held = await claim(memory)
    await memory.outbound.change(signed(number, claim=held))
    await memory.outbound.change(begun(number, claim=held))
    return held


async def everything(memory: Body) -> tuple[Any, ...]:
    """What a failed step must leave as it was."""
    page = await memory.outbound.page(OutboundQuery())
    counts = await memory.store.counts()
    return (
        page,
        counts,
        await memory.journal.after(0, 1000),
        await memory.outbound.health(),
        await memory.tasks.parked(10),
    )


# --- submitting ---


async def test_a_submitted_document_is_read_back_whole(memory: Body) -> None:
    new = new_outbound(1)
    assert await memory.outbound.submit(new) == Submitted(message=new.message, repeated=False)
    assert await memory.outbound.get(out_id(1)) == new.message
    assert await memory.outbound.find_document(new.message.dispatch.document.guid) == new.message
    (row,) = await memory.journal.events(out_id(1))
    assert json.loads(row.body)["kind"] == "SUBMITTED"


async def test_a_submitted_document_has_an_owner_at_once(memory: Body) -> None:
    await memory.outbound.submit(new_outbound(1))
    held = await claim(memory)
    assert (held.message_id, held.attempts) == (out_id(1), 0)
    assert await memory.tasks.claim((TaskKind.DISPATCH, TaskKind.FOLLOW_UP), 5, 60) == ()


async def test_a_dispatch_that_comes_with_it_is_the_owner(memory: Body) -> None:
    due = NewTask(kind=TaskKind.DISPATCH, due_at=START + timedelta(hours=2))
    await memory.outbound.submit(new_outbound(1, tasks=(due,)))
    assert await memory.tasks.claim((TaskKind.DISPATCH,), 5, 60) == ()
    memory.clock.advance(3600)
    assert len(await memory.tasks.claim((TaskKind.DISPATCH,), 5, 60)) == 1


async def test_the_same_key_and_request_is_the_same_submission(memory: Body) -> None:
    await memory.outbound.submit(new_outbound(1))
    await memory.outbound.change(signed(1))
    again = new_outbound(1)
    again = replace(again, message=replace(again.message, id=out_id(9)))
    first = await memory.outbound.get(out_id(1))
    assert await memory.outbound.submit(again) == Submitted(message=first, repeated=True)
    assert first.state is S.SIGNED
    assert len(await memory.journal.after(0, 10)) == 2
    assert len(await memory.tasks.claim((TaskKind.DISPATCH,), 5, 60)) == 1


async def test_a_key_stands_for_one_request_and_one_actor(memory: Body) -> None:
    await memory.outbound.submit(new_outbound(1))
    before = await everything(memory)
    with pytest.raises(ConflictError):
        await memory.outbound.submit(new_outbound(2, idempotency_key="key-1"))
    assert await everything(memory) == before
    other = await memory.outbound.submit(
        new_outbound(2, idempotency_key="key-1", actor="token:other")
    )
    assert not other.repeated


async def test_a_document_leaves_under_one_key(memory: Body) -> None:
    await memory.outbound.submit(new_outbound(1))
    before = await everything(memory)
    with pytest.raises(ConflictError):
        await memory.outbound.submit(new_outbound(2, document=dispatch_of(1).document))
    assert await everything(memory) == before


async def test_only_a_fresh_document_is_submitted(memory: Body) -> None:
    new = new_outbound(1)
    for wrong in ({"state": S.SENDING}, {"attempts": (try_of(1),)}):
        with pytest.raises(WrongStateError):
            await memory.outbound.submit(replace(new, message=replace(new.message, **wrong)))
    assert await memory.journal.after(0, 10) == ()


async def test_of_submissions_at_once_under_one_key_one_is_stored(memory: Body) -> None:
    new = [
        replace(new_outbound(1), message=replace(new_outbound(1).message, id=out_id(100 + n)))
        for n in range(20)
    ]
    done = await asyncio.gather(*(memory.outbound.submit(one) for one in new))
    assert sum(not one.repeated for one in done) == 1
    assert len({one.message.id for one in done}) == 1


# --- steps ---


async def test_an_unknown_document_is_an_error(memory: Body) -> None:
    with pytest.raises(UnknownMessageError):
        await memory.outbound.get(out_id(9))
    with pytest.raises(UnknownMessageError):
        await memory.outbound.change(signed(9))
    assert await memory.outbound.find_document(dispatch_of(9).document.guid) is None


async def test_a_whole_journey_is_kept(memory: Body) -> None:
    held = await sending(memory)
    message = await memory.outbound.get(out_id(1))
    assert (message.state, message.release) == (S.SENDING, digest_of("release 1"))
    assert message.attempts == (replace(try_of(1), number=1),)
    late = START + timedelta(days=3)
    changed = await memory.outbound.change(
        ended(1, A.DELIVERED, reference="N-17", claim=held, follow_up_at=late)
    )
    assert (changed.message.state, changed.hearing) == (S.DELIVERED, Hearing.APPLIED)
    assert changed.message == await memory.outbound.get(out_id(1))
    await memory.tasks.finish(held)
    memory.clock.advance(3 * 86400)
    watch = await claim(memory, TaskKind.FOLLOW_UP)
    assert (watch.kind, watch.message_id) == (TaskKind.FOLLOW_UP, out_id(1))
    number = said(1, E.PEER_REGISTERED)
    changed = await memory.outbound.change(
        replace(
            number,
            word=OutboundWord(event=E.PEER_REGISTERED, number=NUMBER),
            claim=watch,
            ending=Ending.DONE,
        )
    )
    assert (changed.message.state, changed.message.number) == (S.REGISTERED, NUMBER)
    rows = [json.loads(row.body) for row in await memory.journal.events(out_id(1))]
    assert [(row["kind"], row["facts"].get("state")) for row in rows] == [
        ("SUBMITTED", None),
        ("SIGNED", "SIGNED"),
        ("ATTEMPT_BEGUN", "SENDING"),
        ("ATTEMPT_SETTLED", "DELIVERED"),
        ("HEARD", "REGISTERED"),
    ]
    assert rows[-1]["facts"]["hearing"] == "APPLIED"
    assert (await memory.store.counts()).tasks_due == 0
    assert await memory.journal.verify() == 5


async def test_a_word_is_judged_at_the_commit(memory: Body) -> None:
    """The recipient's number may overtake the answer to the sending itself."""
    held = await sending(memory)
    early = replace(
        said(1, E.PEER_REGISTERED), word=OutboundWord(event=E.PEER_REGISTERED, number=NUMBER)
    )
    await memory.outbound.change(early)
    changed = await memory.outbound.change(ended(1, A.UNCLEAR, claim=held))
    assert (changed.message.state, changed.hearing) == (S.REGISTERED, Hearing.NO_NEWS)
    assert changed.message.attempts[0].outcome is A.DELIVERED
    with pytest.raises(WrongStateError):
        await memory.outbound.change(begun(1, 2))


async def test_tasks_of_a_state_are_stored_with_its_entering(memory: Body) -> None:
    await sending(memory)
    tell = {S.DELIVERED: (task(TaskKind.WEBHOOK),), S.UNCLEAR: (task(TaskKind.SIGNAL),)}
    await memory.outbound.change(replace(ended(1, A.DELIVERED), on_entering=tell))
    (told,) = await memory.tasks.claim((TaskKind.WEBHOOK, TaskKind.SIGNAL), 5, 60)
    assert (told.kind, told.message_id) == (TaskKind.WEBHOOK, out_id(1))
    await memory.outbound.change(replace(said(1, E.PEER_WAITING), on_entering=tell))
    assert await memory.tasks.claim((TaskKind.WEBHOOK, TaskKind.SIGNAL), 5, 60) == ()


async def test_tasks_of_a_contradiction_are_stored_with_it(memory: Body) -> None:
    await sending(memory)
    await memory.outbound.change(ended(1, A.DELIVERED))
    ask = (task(TaskKind.QUESTION),)
    await memory.outbound.change(replace(said(1, E.PEER_WAITING), on_contradiction=ask))
    assert await memory.tasks.claim((TaskKind.QUESTION,), 5, 60) == ()
    changed = await memory.outbound.change(replace(said(1, E.ABSENT), on_contradiction=ask))
    assert changed.hearing is Hearing.CONTRADICTS
    assert (await claim(memory, TaskKind.QUESTION)).message_id == out_id(1)


async def test_a_second_try_waits_for_the_end_of_the_first(memory: Body) -> None:
    held = await sending(memory)
    await memory.outbound.change(ended(1, A.UNCLEAR, claim=held))
    before = await everything(memory)
    for wrong in (begun(1, 2), move(1, E.ROUTED)):
        with pytest.raises((ConflictError, WrongStateError)):
            await memory.outbound.change(wrong)
    assert await everything(memory) == before
    await memory.outbound.change(ended(1, A.ABSENT, claim=held))
    after = await memory.outbound.change(begun(1, 2, "ssev", claim=held, fence=("try-1-1",)))
    assert [(a.number, a.fenced) for a in after.message.attempts] == [(1, True), (2, False)]


async def test_a_try_belongs_to_one_document(memory: Body) -> None:
    await sending(memory)
    await memory.outbound.submit(new_outbound(2))
    await memory.outbound.change(signed(2))
    before = await everything(memory)
    with pytest.raises(ConflictError):
        await memory.outbound.change(replace(begun(2), begin=try_of(1)))
    with pytest.raises(UnknownMessageError):
        await memory.outbound.change(ended(2, A.DELIVERED))
    assert await everything(memory) == before


async def test_a_step_that_fails_leaves_nothing(memory: Body) -> None:
    held = await sending(memory)
    before = await everything(memory)
    health = (ChannelHealth(network="seos", circuit=Circuit.OPEN),)
    more: dict[str, Any] = {"tasks": (task(),), "health": health, "claim": held}
    other = Settlement(attempt="other", outcome=A.REFUSED)
    for wrong in (
        move(1, E.SIGNED, ending=Ending.DONE, **more),
        move(1, settle=other, ending=Ending.PARKED, park_reason="x", **more),
        move(1, ending=Ending.LATER, **more),
    ):
        with pytest.raises(DepeshaError):
            await memory.outbound.change(wrong)
    assert await everything(memory) == before
    assert await memory.tasks.claim((TaskKind.NOTICE,), 5, 60) == ()
    await memory.tasks.finish(held)


# --- leases ---


async def test_a_lost_lease_undoes_the_whole_step(memory: Body) -> None:
    await memory.outbound.submit(new_outbound(1))
    late = await claim(memory, lease=10)
    memory.clock.advance(11)
    present = await claim(memory, lease=10)
    before = await everything(memory)
    for ending in Ending:
        with pytest.raises(LostLeaseError):
            await memory.outbound.change(signed(1, claim=late, ending=ending, due_at=START))
    assert await everything(memory) == before
    await memory.outbound.change(signed(1, claim=present))
    assert (await memory.outbound.get(out_id(1))).state is S.SIGNED


async def test_a_kept_claim_stays_with_its_holder(memory: Body) -> None:
    held = await sending(memory)
    memory.clock.advance(30)
    assert await memory.tasks.claim((TaskKind.DISPATCH,), 5, 60) == ()
    await memory.tasks.finish(held)


@pytest.mark.parametrize(("tried", "attempts"), [(True, 1), (False, 0)])
async def test_a_claim_is_given_back_for_later(memory: Body, attempts: int, *, tried: bool) -> None:
    held = await sending(memory)
    later = START + timedelta(hours=2)
    await memory.outbound.change(
        ended(1, A.DEFERRED, claim=held, ending=Ending.LATER, due_at=later, tried=tried)
    )
    with pytest.raises(LostLeaseError):
        await memory.tasks.finish(held)
    memory.clock.advance(3599)
    assert await memory.tasks.claim((TaskKind.DISPATCH,), 5, 60) == ()
    memory.clock.advance(1)
    assert (await claim(memory)).attempts == attempts


async def test_a_claim_is_parked_for_a_person(memory: Body) -> None:
    await sending(memory)
    await memory.outbound.change(ended(1, A.ACCEPTED))
    watch = await claim(memory, TaskKind.FOLLOW_UP)
    row = move(1, kind=EvidenceKind.TELEPHONE, minutes=30)
    await memory.outbound.change(
        replace(row, claim=watch, ending=Ending.PARKED, park_reason="telephone")
    )
    (parked,) = await memory.tasks.parked(10)
    assert (parked.message_id, parked.reason) == (out_id(1), "telephone")
    assert parked.parked_at == START + timedelta(minutes=30)
    assert (await memory.outbound.get(out_id(1))).state is S.ACCEPTED
    blank = replace(evidence(1, EvidenceKind.UNPARKED), message_id=None)
    await memory.tasks.unpark(parked.task_id, blank)
    rows = [json.loads(one.body)["kind"] for one in await memory.journal.events(out_id(1))]
    assert rows[-1] == "UNPARKED"
    assert (await claim(memory, TaskKind.FOLLOW_UP)).task_id == watch.task_id


# --- owners (law 8) ---


async def owners(memory: Body) -> list[TaskKind]:
    """Every owning task that anybody may claim within a year."""
    memory.clock.advance(365 * 86400)
    found = await memory.tasks.claim((TaskKind.DISPATCH, TaskKind.FOLLOW_UP), 50, 1)
    return sorted(one.kind for one in found)


async def test_what_got_through_is_watched_and_no_longer_dispatched(memory: Body) -> None:
    held = await sending(memory)
    await memory.outbound.change(
        ended(1, A.DELIVERED, claim=held, ending=Ending.LATER, due_at=START)
    )
    assert await owners(memory) == [TaskKind.FOLLOW_UP]


async def test_what_bounced_is_dispatched_again(memory: Body) -> None:
    held = await sending(memory)
    await memory.outbound.change(ended(1, A.ACCEPTED, claim=held, ending=Ending.DONE))
    await memory.outbound.change(ended(1, A.REFUSED))
    assert await owners(memory) == [TaskKind.DISPATCH]


async def test_an_answer_ends_the_watch_even_where_a_person_has_it(memory: Body) -> None:
    held = await sending(memory)
    await memory.outbound.change(ended(1, A.DELIVERED, claim=held, ending=Ending.DONE))
    watch = await claim(memory, TaskKind.FOLLOW_UP)
    await memory.outbound.change(
        move(1, claim=watch, ending=Ending.PARKED, park_reason="telephone")
    )
    await memory.outbound.change(said(1, E.PEER_REGISTERED))
    assert await memory.tasks.parked(10) == ()
    assert await owners(memory) == []


async def test_a_step_done_too_early_still_has_an_owner(memory: Body) -> None:
    """A word may change the state under the hands of a worker that ends its task."""
    held = await sending(memory)
    await memory.outbound.change(ended(1, A.DEFERRED, claim=held, ending=Ending.DONE))
    assert await owners(memory) == [TaskKind.DISPATCH]


async def test_a_worker_about_to_end_its_task_does_not_take_the_next_owner_with_it(
    memory: Body,
) -> None:
    held = await sending(memory)
    await memory.outbound.change(ended(1, A.ACCEPTED, claim=held))
    await memory.outbound.change(ended(1, A.REFUSED))  # a bounce, before the worker's last word
    with pytest.raises(LostLeaseError):
        await memory.tasks.finish(held)
    assert await owners(memory) == [TaskKind.DISPATCH]


async def test_a_persons_decision_calls_the_next_step(memory: Body) -> None:
    held = await sending(memory)
    await memory.outbound.change(ended(1, A.REFUSED, claim=held))
    await memory.outbound.change(move(1, E.EXHAUSTED, claim=held, ending=Ending.DONE))
    assert await owners(memory) == []
    soon = memory.clock.now() + timedelta(minutes=5)
    await memory.outbound.change(move(1, E.RESUMED, dispatch_at=soon))
    assert await memory.tasks.claim((TaskKind.DISPATCH,), 5, 60) == ()
    memory.clock.advance(300)
    assert (await claim(memory)).message_id == out_id(1)


async def test_repeated_news_puts_nothing_off_and_calls_nothing(memory: Body) -> None:
    held = await sending(memory)
    day = memory.clock.now() + timedelta(days=1)
    await memory.outbound.change(
        ended(1, A.DELIVERED, claim=held, ending=Ending.DONE, follow_up_at=day)
    )
    for wished in (None, day + timedelta(days=9)):
        await memory.outbound.change(said(1, E.PEER_WAITING, follow_up_at=wished))
        assert await memory.tasks.claim((TaskKind.FOLLOW_UP,), 5, 60) == ()
    memory.clock.advance(86400)
    assert len(await memory.tasks.claim((TaskKind.FOLLOW_UP,), 5, 60)) == 1


async def sleeping(memory: Body) -> None:
    for _ in range(200):
        if memory.clock.sleepers:
            return
        await asyncio.sleep(0.005)
    pytest.fail("nobody sleeps")


@pytest.mark.parametrize("by", ["submission", "task", "owner", "later"])
async def test_who_waits_for_work_is_woken(memory: Body, by: str) -> None:
    held = None if by == "submission" else await sending(memory)
    waiting = asyncio.create_task(memory.tasks.wait(3600))
    await sleeping(memory)
    if by == "submission":
        await memory.outbound.submit(new_outbound(1))
    elif by == "task":
        await memory.outbound.change(move(1, tasks=(task(TaskKind.SIGNAL, due=90000),)))
    elif by == "owner":
        await memory.outbound.change(ended(1, A.DELIVERED))
    else:
        later = START + timedelta(days=9)
        await memory.outbound.change(move(1, claim=held, ending=Ending.LATER, due_at=later))
    await asyncio.wait_for(waiting, 5)


# --- looking ---


async def test_a_try_is_found_by_the_names_a_network_knows(memory: Body) -> None:
    await sending(memory)
    await memory.outbound.submit(new_outbound(2))
    await memory.outbound.change(signed(2))
    mail = try_of(2, network="email", reference="<2@example>")
    await memory.outbound.change(replace(begun(2), begin=mail))
    await memory.outbound.change(ended(1, A.ACCEPTED, reference="N-17"))

    async def found(network: str, name: str) -> MessageId | None:
        document = await memory.outbound.find_attempt(network, name)
        return None if document is None else document.id

    assert await found("seos", try_of(1).transport_id) == out_id(1)
    assert await found("seos", "N-17") == out_id(1)
    assert await found("email", "<2@example>") == out_id(2)
    assert await found("email", mail.transport_id) == out_id(2)
    assert await found("ssev", "N-17") is None
    assert await found("seos", "") is None


async def test_a_reference_given_twice_names_the_later_try(memory: Body) -> None:
    await sending(memory)
    await memory.outbound.change(ended(1, A.REFUSED, reference="N-17"))
    await memory.outbound.submit(new_outbound(2))
    await memory.outbound.change(signed(2))
    again = try_of(2, reference="N-17", intended_at=START + timedelta(hours=1))
    await memory.outbound.change(replace(begun(2), begin=again))
    found = await memory.outbound.find_attempt("seos", "N-17")
    assert found is not None
    assert found.id == out_id(2)


async def test_a_try_made_again_with_the_same_bytes_is_still_found(memory: Body) -> None:
    held = await sending(memory)
    await memory.outbound.change(ended(1, A.DEFERRED, claim=held))
    same = replace(try_of(1, 2), transport_id=try_of(1).transport_id, payload=try_of(1).payload)
    await memory.outbound.change(replace(begun(1, 2), begin=same))
    found = await memory.outbound.find_attempt("seos", same.transport_id)
    assert found is not None
    assert [one.transport_id for one in found.attempts] == [same.transport_id] * 2


async def test_pages_follow_each_other_without_gap_or_overlap(memory: Body) -> None:
    for n in range(1, 8):
        await memory.outbound.submit(new_outbound(n))
        if n % 3 == 0:
            await memory.outbound.change(signed(n))

    async def walk(query: OutboundQuery) -> list[MessageId]:
        seen: list[MessageId] = []
        while True:
            page = await memory.outbound.page(query)
            seen += [message.id for message in page.messages]
            assert len(page.messages) <= query.limit
            if not page.next:
                return seen
            query = replace(query, after=page.next)

    everyone = [out_id(n) for n in range(1, 8)]
    rest = [out_id(n) for n in (1, 2, 4, 5, 7)]
    assert await walk(OutboundQuery(limit=3)) == everyone
    assert await walk(OutboundQuery(limit=7)) == everyone
    assert await walk(OutboundQuery(limit=1, states=(S.SIGNED,))) == [out_id(3), out_id(6)]
    assert await walk(OutboundQuery(limit=2, states=(S.SUBMITTED,))) == rest
    both = OutboundQuery(limit=2, states=(S.SUBMITTED, S.SIGNED))
    assert await walk(both) == everyone
    assert await walk(OutboundQuery(states=(S.PARKED,))) == []


async def test_counts_tell_how_documents_of_ours_stand(memory: Body) -> None:
    counts = await memory.store.counts()
    assert (counts.outbound_by_state, counts.oldest_outbound) == ({}, None)
    held = await sending(memory)
    await memory.outbound.submit(new_outbound(2))
    await memory.outbound.submit(new_outbound(3))
    counts = await memory.store.counts()
    assert counts.outbound_by_state == {"SENDING": 1, "SUBMITTED": 2}
    assert counts.oldest_outbound == START + timedelta(seconds=1)
    assert counts.by_state == {}
    await memory.outbound.change(ended(1, A.ACCEPTED, claim=held))
    await memory.outbound.change(move(2, E.RETURNED))
    counts = await memory.store.counts()
    assert counts.outbound_by_state == {"ACCEPTED": 1, "RETURNED": 1, "SUBMITTED": 1}
    assert counts.oldest_outbound == START + timedelta(seconds=3)


async def test_both_directions_share_ids_journal_and_tasks(memory: Body) -> None:
    await memory.store.admit(new_message(1, tasks=(task(),)))
    await memory.outbound.submit(new_outbound(1))
    claims = await memory.tasks.claim((TaskKind.NOTICE, TaskKind.DISPATCH), 5, 60)
    assert {one.message_id for one in claims} == {new_message(1).id, out_id(1)}
    with pytest.raises(UnknownMessageError):
        await memory.store.get(out_id(1))
    with pytest.raises(UnknownMessageError):
        await memory.outbound.get(new_message(1).id)
    assert await memory.journal.verify() == 2


async def test_health_is_kept_as_last_written(memory: Body) -> None:
    await sending(memory)
    assert await memory.outbound.health() == ()

    def health(failures: int, at: datetime | None = None) -> tuple[ChannelHealth, ...]:
        whole = ChannelHealth(network="seos", failures=failures, opened_at=at)
        return (whole, replace(whole, peer="000000002", failed_peers=("000000002",)))

    await memory.outbound.change(move(1, health=health(1)))
    opened = health(5, START)
    changed = await memory.outbound.change(
        move(1, health=(*opened, ChannelHealth(network="email")))
    )
    assert isinstance(changed, OutboundChanged)
    assert await memory.outbound.health() == (ChannelHealth(network="email"), *opened)


async def test_many_steps_at_once_stay_one_chain(memory: Body) -> None:
    numbers = range(1, 41)
    await asyncio.gather(*(memory.outbound.submit(new_outbound(n)) for n in numbers))
    await asyncio.gather(*(memory.outbound.change(signed(n)) for n in numbers))
    done = await asyncio.gather(
        *(memory.outbound.change(begun(n)) for n in numbers for _ in range(2)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, OutboundChanged) for one in done) == 40
    assert (await memory.store.counts()).outbound_by_state == {"SENDING": 40}
    assert await memory.journal.verify() == 120
