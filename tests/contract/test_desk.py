"""One suite for `ports.Desk`, run on every body in `tests.support.registry.DESKS`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from depesha.errors import ConflictError, UnknownMessageError, WrongStateError
from depesha.schemas.ids import MessageId
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import Query
from tests.support.registry import DESKS, FILES, NUMBER, DeskBody

ACTOR = "token:sample"
OTHER = replace(NUMBER, number="ВХ-568/02.03.2026")
NOBODY = MessageId("0" * 32)


@pytest.fixture(params=list(DESKS))
async def body(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DeskBody]:
    async with DESKS[request.param](tmp_path) as made:
        yield made


async def kinds(body: DeskBody, message_id: MessageId) -> list[tuple[str, str]]:
    rows = [json.loads(record.body) for record in await body.journal.events(message_id)]
    return [(row["kind"], row["actor"]) for row in rows]


async def test_a_page_is_oldest_first_and_goes_on_after_its_cursor(body: DeskBody) -> None:
    given = [await body.put() for _ in range(3)]
    first = await body.desk.page(Query(states=(InboundState.ADMITTED,), limit=2))
    rest = await body.desk.page(Query(states=(InboundState.ADMITTED,), limit=2, after=first.next))
    assert [m.id for m in first.messages] == given[:2]
    assert first.next == given[1]
    assert [m.id for m in rest.messages] == given[2:]
    assert rest.next == ""


async def test_a_page_holds_only_the_states_asked_for(body: DeskBody) -> None:
    admitted, held = await body.put(), await body.put(InboundState.HELD)
    only = await body.desk.page(Query(states=(InboundState.HELD,)))
    both = await body.desk.page(Query())
    assert [m.id for m in only.messages] == [held]
    assert [m.id for m in both.messages] == [admitted, held]


async def test_an_unknown_message_is_said_to_be_unknown(body: DeskBody) -> None:
    desk = body.desk
    for asked in (
        desk.find(NOBODY),
        desk.register(NOBODY, NUMBER, ACTOR),
        desk.refuse(NOBODY, "няма", ACTOR),
        desk.close(NOBODY, finished=True, reason="няма", actor=ACTOR),
        desk.release(NOBODY, "няма", ACTOR),
        desk.attachment(NOBODY, 1, ACTOR),
    ):
        with pytest.raises(UnknownMessageError):
            await asked


async def test_registering_commits_number_time_and_evidence(body: DeskBody) -> None:
    identity = await body.put()
    message, first = await body.desk.register(identity, NUMBER, ACTOR)
    assert first
    assert message.state is InboundState.REGISTERED
    assert message.number == NUMBER
    assert message.registered_at is not None
    assert message.registered_at != message.received_at
    assert await body.desk.find(identity) == message
    assert (await kinds(body, identity))[-1] == ("REGISTERED", ACTOR)


async def test_the_same_number_again_is_the_same_answer_and_no_second_row(body: DeskBody) -> None:
    identity = await body.put()
    message, _ = await body.desk.register(identity, NUMBER, ACTOR)
    before = await kinds(body, identity)
    assert await body.desk.register(identity, NUMBER, "token:another") == (message, False)
    assert await kinds(body, identity) == before


@pytest.mark.parametrize("other", [OTHER, replace(NUMBER, date=date(2026, 3, 3))])
async def test_another_number_is_a_conflict_and_changes_nothing(
    body: DeskBody, other: object
) -> None:
    assert isinstance(other, type(NUMBER))
    identity = await body.put()
    message, _ = await body.desk.register(identity, NUMBER, ACTOR)
    before = await kinds(body, identity)
    with pytest.raises(ConflictError):
        await body.desk.register(identity, other, ACTOR)
    assert await body.desk.find(identity) == message
    assert await kinds(body, identity) == before


async def test_of_two_numbers_at_once_exactly_one_stands(body: DeskBody) -> None:
    identity = await body.put()
    results = await asyncio.gather(
        *(body.desk.register(identity, n, ACTOR) for n in (NUMBER, OTHER)), return_exceptions=True
    )
    conflicts = [r for r in results if isinstance(r, ConflictError)]
    winners = [r[0].number for r in results if isinstance(r, tuple)]
    assert len(conflicts) == 1
    assert winners == [(await body.desk.find(identity)).number]
    assert [kind for kind, _ in await kinds(body, identity)].count("REGISTERED") == 1


async def test_the_same_number_many_times_at_once_is_one_registration(body: DeskBody) -> None:
    identity = await body.put()
    results = await asyncio.gather(*(body.desk.register(identity, NUMBER, ACTOR) for _ in range(5)))
    assert sorted(first for _, first in results) == [False] * 4 + [True]


@pytest.mark.parametrize("state", [InboundState.HELD, InboundState.REJECTED])
async def test_only_an_admitted_message_may_be_registered(
    body: DeskBody, state: InboundState
) -> None:
    identity = await body.put(state)
    before = await kinds(body, identity)
    with pytest.raises(WrongStateError):
        await body.desk.register(identity, NUMBER, ACTOR)
    assert (await body.desk.find(identity)).number is None
    assert await kinds(body, identity) == before


@pytest.mark.parametrize("state", [InboundState.ADMITTED, InboundState.HELD])
async def test_a_waiting_or_held_message_may_be_refused_with_a_reason(
    body: DeskBody, state: InboundState
) -> None:
    identity = await body.put(state)
    message = await body.desk.refuse(identity, "Сгрешен адресат", ACTOR)
    assert message.state is InboundState.REFUSED
    assert message.reason == "Сгрешен адресат"
    assert (await kinds(body, identity))[-1] == ("REFUSED", ACTOR)
    assert await body.desk.refuse(identity, "Сгрешен адресат", ACTOR) == message
    with pytest.raises(WrongStateError):
        await body.desk.refuse(identity, "Друга причина", ACTOR)


async def test_a_registered_message_cannot_be_refused(body: DeskBody) -> None:
    identity = await body.put()
    message, _ = await body.desk.register(identity, NUMBER, ACTOR)
    with pytest.raises(WrongStateError):
        await body.desk.refuse(identity, "късно", ACTOR)
    assert await body.desk.find(identity) == message


@pytest.mark.parametrize(
    ("finished", "state"), [(True, InboundState.CLOSED), (False, InboundState.STOPPED)]
)
async def test_the_case_of_a_registered_message_ends_once(
    body: DeskBody, *, finished: bool, state: InboundState
) -> None:
    identity = await body.put()
    with pytest.raises(WrongStateError):
        await body.desk.close(identity, finished=finished, reason="край", actor=ACTOR)
    await body.desk.register(identity, NUMBER, ACTOR)
    message = await body.desk.close(identity, finished=finished, reason="край", actor=ACTOR)
    assert message.state is state
    assert message.number == NUMBER
    again = await body.desk.close(identity, finished=finished, reason="край", actor=ACTOR)
    assert again == message
    with pytest.raises(WrongStateError):
        await body.desk.close(identity, finished=not finished, reason="край", actor=ACTOR)
    assert await body.desk.register(identity, NUMBER, ACTOR) == (message, False)


async def test_a_released_message_waits_for_the_registry(body: DeskBody) -> None:
    identity = await body.put(InboundState.HELD)
    message = await body.desk.release(identity, "Проверено от служител", ACTOR)
    assert message.state is InboundState.ADMITTED
    assert (await kinds(body, identity))[-1] == ("RELEASED", ACTOR)
    assert (await body.desk.register(identity, NUMBER, ACTOR))[1]


async def test_a_message_that_never_was_held_is_not_released(body: DeskBody) -> None:
    identity = await body.put(InboundState.REJECTED)
    with pytest.raises(WrongStateError):
        await body.desk.release(identity, "Проверено", ACTOR)


async def test_an_attachment_is_given_byte_for_byte_and_its_opening_written_down(
    body: DeskBody,
) -> None:
    identity = await body.put()
    for index, content in enumerate(FILES.values(), 1):
        file = await body.desk.attachment(identity, index, ACTOR)
        with file:
            assert file.read() == content
    assert (await kinds(body, identity))[-2:] == [("VIEWED", ACTOR)] * 2


@pytest.mark.parametrize("index", [0, 3, -1])
async def test_an_attachment_that_is_not_there_is_unknown(body: DeskBody, index: int) -> None:
    identity = await body.put()
    before = await kinds(body, identity)
    with pytest.raises(UnknownMessageError):
        await body.desk.attachment(identity, index, ACTOR)
    assert await kinds(body, identity) == before
