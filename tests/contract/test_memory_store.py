"""The contract of `MessageStore`, on the double and on SQLite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from depesha.errors import ConflictError, LostLeaseError, UnknownMessageError, WrongStateError
from depesha.schemas.envelope import Party
from depesha.schemas.facts import Arrival, Known, ScanResult, SignatureFacts
from depesha.schemas.ids import MessageId
from depesha.schemas.lifecycle import InboundEvent, InboundState
from depesha.schemas.message import Change, EvidenceKind, Message, Query, Stored, TaskKind
from depesha.schemas.verdict import Hold, Rejection, finding
from tests.support.memory import (
    BODIES,
    CHECKS,
    SENDER,
    START,
    Body,
    arrival,
    body,
    digest_of,
    envelope,
    evidence,
    guid_of,
    id_of,
    new_message,
    number_of,
    registration,
    step,
    task,
)


@pytest.fixture(params=BODIES)
async def memory(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Body]:
    async with body(request.param, tmp_path) as opened:
        yield opened


async def test_an_admitted_message_is_read_back_whole(memory: Body) -> None:
    new = new_message(1)
    assert await memory.store.admit(new) == Stored(message_id=id_of(1))
    assert await memory.store.get(id_of(1)) == Message(
        id=id_of(1),
        network="seos",
        state=InboundState.ADMITTED,
        received_at=new.arrival.received_at,
        arrival=new.arrival,
        checks=CHECKS,
        changed_at=new.evidence.at,
    )


async def test_an_unreadable_arrival_is_kept_too(memory: Body) -> None:
    came = Arrival(
        network="seos",
        received_at=START,
        original=digest_of("noise"),
        original_size=5,
        unreadable=finding(Rejection.NOT_XML, line=1),
    )
    await memory.store.admit(new_message(1, state=InboundState.REJECTED, arrived=came))
    assert (await memory.store.get(id_of(1))).arrival == came
    assert await memory.store.known(came) == ()


async def test_a_look_of_the_scanner_serves_once(memory: Body) -> None:
    came = arrival(1)
    seen = replace(came, scans=(ScanResult(index=1, engine="an engine"),))
    await memory.store.admit(replace(new_message(1), arrival=seen))
    assert (await memory.store.get(id_of(1))).arrival == came


async def test_an_unknown_message_is_an_error(memory: Body) -> None:
    with pytest.raises(UnknownMessageError):
        await memory.store.get(id_of(9))
    with pytest.raises(UnknownMessageError):
        await memory.store.change(registration(9, "1"))


async def test_a_state_that_is_never_first_is_refused(memory: Body) -> None:
    with pytest.raises(WrongStateError):
        await memory.store.admit(new_message(1, state=InboundState.REGISTERED))
    assert await memory.journal.after(0, 10) == ()


@pytest.mark.parametrize(
    ("second", "by"),
    [
        (arrival(2, envelope_=envelope(2, transport=1)), "transport"),
        (arrival(2, envelope_=envelope(2, document=1)), "document"),
        (arrival(2, content=1), "content"),
        (arrival(2, envelope_=envelope(2, document=1, network="ssev")), "document"),
        (arrival(2, content=1, envelope_=envelope(2, transport=1, document=1)), "transport"),
    ],
)
async def test_a_held_identity_admits_nothing(memory: Body, second: Arrival, by: str) -> None:
    await memory.store.admit(new_message(1))
    known = await memory.store.admit(new_message(2, arrived=second, tasks=(task(),)))
    assert known == Known(
        message_id=id_of(1),
        by=by,
        original=digest_of("original 1"),
        document=guid_of(1, 0xC),
        numbered=True,
    )
    with pytest.raises(UnknownMessageError):
        await memory.store.get(id_of(2))
    assert len(await memory.journal.after(0, 10)) == 1
    assert await memory.tasks.claim((TaskKind.NOTICE,), 10, 60) == ()
    counts = await memory.store.counts()
    assert counts.by_state == {"ADMITTED": 1}


def _unnumbered(number: int) -> Arrival:
    letter = envelope(number)
    bare = replace(letter, document=replace(letter.document, number=None))
    return arrival(number, content=1, envelope_=bare)


async def test_what_may_be_a_repeat_is_kept_beside_the_first_while_it_is_held(
    memory: Body,
) -> None:
    """Without the sender's number a person decides, and must find it to decide on it."""
    await memory.store.admit(new_message(1, arrived=_unnumbered(1)))
    taken = await memory.store.admit(new_message(2, arrived=_unnumbered(2)))
    assert isinstance(taken, Known)
    assert (taken.message_id, taken.by, taken.numbered) == (id_of(1), "content", False)
    held = new_message(2, arrived=_unnumbered(2), state=InboundState.HELD)
    assert await memory.store.admit(held) == Stored(message_id=id_of(2))
    known = await memory.store.known(_unnumbered(2))
    assert [(k.by, k.message_id) for k in known] == [
        ("transport", id_of(2)),
        ("document", id_of(2)),
        ("content", id_of(1)),
    ]
    await memory.store.change(step(2, InboundEvent.CHECKED_REJECTED, EvidenceKind.RECHECKED))
    assert [k.by for k in await memory.store.known(_unnumbered(2))] == ["content"]


async def test_a_held_message_may_not_take_a_numbered_ones_content(memory: Body) -> None:
    await memory.store.admit(new_message(1))
    second = new_message(2, arrived=arrival(2, content=1), state=InboundState.HELD)
    assert isinstance(await memory.store.admit(second), Known)


async def test_a_step_made_for_other_aliases_is_undone_whole(memory: Body) -> None:
    await memory.store.admit(new_message(1))
    alias = guid_of(77, 0xC)
    await memory.store.change(replace(step(1, None), other_document=alias))
    late = replace(registration(1, "РД-1", tasks=(task(),)), aliases=())
    with pytest.raises(ConflictError):
        await memory.store.change(late)
    assert (await memory.store.get(id_of(1))).number is None
    assert await memory.tasks.claim((TaskKind.NOTICE,), 10, 60) == ()
    await memory.store.change(replace(late, aliases=(alias,)))
    assert (await memory.store.get(id_of(1))).state is InboundState.REGISTERED


async def test_the_same_guids_of_another_sender_are_another_document(memory: Body) -> None:
    other = Party(identifier="000000009", name="Район Проба", guid=guid_of(9, 0xA))
    await memory.store.admit(new_message(1))
    second = arrival(2, envelope_=envelope(2, transport=1, document=1, sender=other))
    assert await memory.store.admit(new_message(2, arrived=second)) == Stored(message_id=id_of(2))


async def test_rejected_messages_hold_no_identity(memory: Body) -> None:
    await memory.store.admit(new_message(1, state=InboundState.REJECTED))
    assert await memory.store.known(arrival(1)) == ()
    mended = replace(new_message(1), id=id_of(2))
    assert await memory.store.admit(mended) == Stored(message_id=id_of(2))


async def test_a_message_rejected_later_lets_its_identities_go(memory: Body) -> None:
    await memory.store.admit(new_message(1, state=InboundState.HELD))
    await memory.store.change(replace(step(1, None), other_document=guid_of(7, 0xC)))
    await memory.store.change(step(1, InboundEvent.CHECKED_REJECTED, EvidenceKind.RECHECKED))
    assert await memory.store.known(arrival(1)) == ()
    alias = arrival(5, envelope_=envelope(5, document=7))
    assert await memory.store.known(alias) == ()
    assert isinstance(await memory.store.admit(replace(new_message(1), id=id_of(2))), Stored)


async def test_known_names_holders_in_order_of_strength(memory: Body) -> None:
    await memory.store.admit(new_message(1))
    await memory.store.admit(new_message(2))
    await memory.store.admit(new_message(3))
    mixed = arrival(9, content=1, envelope_=envelope(9, transport=3, document=2))
    known = await memory.store.known(mixed)
    assert [(k.by, k.message_id) for k in known] == [
        ("transport", id_of(3)),
        ("document", id_of(2)),
        ("content", id_of(1)),
    ]


async def test_an_alias_becomes_an_identity(memory: Body) -> None:
    await memory.store.admit(new_message(1))
    alias = guid_of(77, 0xC)
    message = await memory.store.change(
        replace(step(1, None, EvidenceKind.REPEATED), other_document=alias)
    )
    assert message.other_documents == (alias,)
    assert SENDER.guid is not None
    found = await memory.store.find_document("seos", SENDER.guid, alias)
    assert found == message
    again = arrival(5, envelope_=envelope(5, document=77))
    assert [k.by for k in await memory.store.known(again)] == ["document"]
    twice = await memory.store.change(
        replace(step(1, None, EvidenceKind.REPEATED), other_document=alias)
    )
    assert twice.other_documents == (alias,)


async def test_a_document_is_found_by_network_sender_and_guid(memory: Body) -> None:
    await memory.store.admit(new_message(1))
    assert SENDER.guid is not None
    found = await memory.store.find_document("seos", SENDER.guid, guid_of(1, 0xC))
    assert found is not None
    assert found.id == id_of(1)
    assert await memory.store.find_document("ssev", SENDER.guid, guid_of(1, 0xC)) is None
    assert await memory.store.find_document("seos", guid_of(5), guid_of(1, 0xC)) is None
    assert await memory.store.find_document("seos", SENDER.guid, guid_of(2, 0xC)) is None


async def test_the_whole_journey_keeps_number_and_times(memory: Body) -> None:
    await memory.store.admit(new_message(1))
    await memory.store.change(registration(1, "РД-1", tasks=(task(),)))
    (claim,) = await memory.tasks.claim((TaskKind.NOTICE,), 5, 60)
    message = await memory.store.change(step(1, InboundEvent.NOTICE_TAKEN, completes=claim))
    assert message == await memory.store.get(id_of(1))
    assert (message.state, message.number) == (InboundState.ACKNOWLEDGED, number_of("РД-1"))
    assert message.registered_at == START + timedelta(minutes=1)
    assert message.acknowledged_at == message.changed_at == START + timedelta(minutes=2)
    kinds = [record.body for record in await memory.journal.events(id_of(1))]
    assert [k for body in kinds for k in EvidenceKind if f'"kind":"{k}"' in body] == [
        EvidenceKind.RECEIVED,
        EvidenceKind.REGISTERED,
        EvidenceKind.NOTICE_TAKEN,
    ]
    assert (await memory.store.counts()).tasks_due == 0


async def test_the_first_notice_taken_sets_the_time(memory: Body) -> None:
    await memory.store.admit(new_message(1))
    await memory.store.change(registration(1, "РД-1"))
    first = await memory.store.change(step(1, InboundEvent.NOTICE_TAKEN))
    later = step(1, InboundEvent.NOTICE_TAKEN, at=START + timedelta(hours=1))
    assert (await memory.store.change(later)).acknowledged_at == first.acknowledged_at


async def test_a_step_that_does_not_follow_changes_nothing(memory: Body) -> None:
    await memory.store.admit(new_message(1))
    before = await memory.store.get(id_of(1))
    with pytest.raises(WrongStateError):
        await memory.store.change(
            replace(step(1, InboundEvent.CLOSED), tasks=(task(),), reason="край")
        )
    assert await memory.store.get(id_of(1)) == before
    assert len(await memory.journal.after(0, 10)) == 1
    assert await memory.tasks.claim((TaskKind.NOTICE,), 10, 60) == ()


async def test_a_lost_lease_undoes_the_whole_step(memory: Body) -> None:
    await memory.store.admit(new_message(1, tasks=(task(TaskKind.RECHECK),)))
    (late,) = await memory.tasks.claim((TaskKind.RECHECK,), 1, 10)
    memory.clock.advance(11)
    (present,) = await memory.tasks.claim((TaskKind.RECHECK,), 1, 10)
    with pytest.raises(LostLeaseError):
        await memory.store.change(replace(registration(1, "1"), completes=late))
    assert (await memory.store.get(id_of(1))).state is InboundState.ADMITTED
    await memory.store.change(replace(registration(1, "1"), completes=present))
    with pytest.raises(LostLeaseError):
        await memory.store.change(replace(step(1, None), completes=present))


async def test_a_step_that_does_not_follow_keeps_its_task(memory: Body) -> None:
    await memory.store.admit(new_message(1, tasks=(task(),)))
    (claim,) = await memory.tasks.claim((TaskKind.NOTICE,), 1, 10)
    with pytest.raises(WrongStateError):
        await memory.store.change(step(1, InboundEvent.NOTICE_TAKEN, completes=claim))
    await memory.tasks.finish(claim)


async def test_of_two_registrations_at_once_one_wins(memory: Body) -> None:
    await memory.store.admit(new_message(1))
    results = await asyncio.gather(
        *(memory.store.change(registration(1, f"РД-{n}")) for n in range(20)),
        return_exceptions=True,
    )
    won = [result for result in results if isinstance(result, Message)]
    assert len(won) == 1
    assert all(isinstance(r, WrongStateError) for r in results if not isinstance(r, Message))
    assert (await memory.store.get(id_of(1))).number == won[0].number


async def test_a_recheck_replaces_facts_and_verdicts(memory: Body) -> None:
    bare = replace(arrival(1), content_digest=None, signature=None)
    await memory.store.admit(new_message(1, state=InboundState.HELD, arrived=bare))
    assert [k.by for k in await memory.store.known(arrival(1))] == ["transport", "document"]
    change = Change(
        message_id=id_of(1),
        event=InboundEvent.CHECKED_PASSED,
        evidence=evidence(1, EvidenceKind.RECHECKED),
        checks=CHECKS[:3],
        arrival=arrival(1),
    )
    message = await memory.store.change(change)
    assert message == await memory.store.get(id_of(1))
    assert (message.arrival, message.checks) == (arrival(1), CHECKS[:3])
    assert [k.by for k in await memory.store.known(arrival(1))][-1] == "content"


async def test_200_admissions_at_once_hold_each_identity_once(memory: Body) -> None:
    numbers = [n % 120 for n in range(200)]
    new = [
        replace(new_message(1000 + i, arrived=arrival(n)), id=id_of(1000 + i))
        for i, n in enumerate(numbers)
    ]
    results = await asyncio.gather(*(memory.store.admit(n) for n in new))
    stored = {r.message_id for r in results if isinstance(r, Stored)}
    assert len(stored) == 120
    assert {r.message_id for r in results if isinstance(r, Known)} <= stored
    assert (await memory.store.counts()).by_state == {"ADMITTED": 120}
    for n in range(120):
        assert {k.message_id for k in await memory.store.known(arrival(n))} <= stored
    assert await memory.journal.verify() == 120


async def test_pages_follow_each_other_without_gap_or_overlap(memory: Body) -> None:
    for n in range(1, 8):
        state = InboundState.HELD if n % 3 == 0 else InboundState.ADMITTED
        await memory.store.admit(new_message(n, state=state))

    async def walk(query: Query) -> list[MessageId]:
        seen: list[MessageId] = []
        while True:
            page = await memory.store.page(query)
            seen += [message.id for message in page.messages]
            assert len(page.messages) <= query.limit
            if not page.next:
                return seen
            query = replace(query, after=page.next)

    everyone = [id_of(n) for n in range(1, 8)]
    held, admitted = [id_of(3), id_of(6)], [id_of(n) for n in (1, 2, 4, 5, 7)]
    assert await walk(Query(limit=3)) == everyone
    assert await walk(Query(limit=7)) == everyone
    assert await walk(Query(limit=1, states=(InboundState.HELD,))) == held
    both = (InboundState.HELD, InboundState.ADMITTED, InboundState.HELD)
    assert await walk(Query(limit=2, states=both)) == everyone
    assert await walk(Query(limit=2, states=(InboundState.ADMITTED,))) == admitted
    assert await walk(Query(states=(InboundState.CLOSED,))) == []
    assert (await memory.store.page(Query(limit=7))).next == ""
    assert (await memory.store.page(Query(limit=6))).next == id_of(6)


async def test_counts_tell_what_stands_where(memory: Body) -> None:
    empty = await memory.store.counts()
    assert (empty.by_state, empty.oldest_waiting, empty.oldest_due) == ({}, None, None)
    for n in (1, 2, 3):
        await memory.store.admit(new_message(n, tasks=(task(due=n * 10),)))
    await memory.store.admit(new_message(4, state=InboundState.HELD))
    await memory.store.change(registration(1, "1"))
    memory.clock.advance(25)
    counts = await memory.store.counts()
    assert counts.by_state == {"ADMITTED": 2, "HELD": 1, "REGISTERED": 1}
    assert counts.oldest_waiting == arrival(2).received_at
    assert (counts.tasks_due, counts.oldest_due) == (2, START + timedelta(seconds=10))
    (claim,) = await memory.tasks.claim((TaskKind.NOTICE,), 1, 60)
    await memory.tasks.park(claim, "няма отговор", evidence(1, EvidenceKind.PARKED))
    counts = await memory.store.counts()
    assert (counts.tasks_due, counts.parked) == (1, 1)


async def test_the_unproved_hold_no_identity_and_of_two_only_one_is_admitted_later(
    memory: Body,
) -> None:
    """Law 4: a forger takes nothing; two rechecks at once cannot both admit the same document."""
    proved = arrival(1)
    unproved = replace(
        proved, signature=SignatureFacts(finding=finding(Hold.DIRECTORY_UNAVAILABLE))
    )
    for number in (1, 2):
        new = new_message(number, state=InboundState.HELD, arrived=unproved)
        assert isinstance(await memory.store.admit(new), Stored)
    assert await memory.store.known(proved) == ()
    passed = step(1, InboundEvent.CHECKED_PASSED, EvidenceKind.RECHECKED)
    await memory.store.change(replace(passed, arrival=proved))
    (*_, document, _content) = await memory.store.known(proved)
    assert document.message_id == id_of(1)
    late = step(2, InboundEvent.CHECKED_PASSED, EvidenceKind.RECHECKED)
    with pytest.raises(ConflictError):
        await memory.store.change(replace(late, arrival=proved))
    assert (await memory.store.get(id_of(2))).state is InboundState.HELD
