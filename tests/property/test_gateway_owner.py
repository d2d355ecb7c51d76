"""Law 8 over any order of events: no message without an owner, no sender left without a word."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from depesha.adapters.memory.scanner import EICAR
from depesha.errors import Blame, WrongStateError
from depesha.schemas.answer import DocumentStatus, StatusAnswer
from depesha.schemas.envelope import DocumentReference, RegistrationNumber
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import EvidenceKind, NewEvidence, TaskKind
from depesha.schemas.outcome import Deferred, Refused, Unclear
from depesha.schemas.verdict import Held
from tests.support.house import PDF, House

if TYPE_CHECKING:
    from depesha.schemas.facts import Arrival
    from depesha.schemas.message import Message

S, T = InboundState, TaskKind
AWAY = Deferred(code="UNREACHABLE", public="nobody answers", blame=Blame.NETWORK)
BROKEN = Unclear(code="BROKEN_OFF", public="the exchange broke off")
NEVER = Refused(code="UNKNOWN_DOCUMENT", public="the peer knows it not")
WAITING = {DocumentStatus.WAITING, DocumentStatus.ALREADY_RECEIVED}
FINAL = {
    S.ACKNOWLEDGED,
    S.REFUSAL_ACKNOWLEDGED,
    S.REJECTED,
    S.CLOSED,
    S.STOPPED,
}

few = st.integers(min_value=1, max_value=3)
which = st.integers(min_value=0, max_value=5)
EVENTS = st.one_of(
    st.tuples(st.just("receive"), few, few, few, st.booleans(), st.integers(0, 5)),
    st.tuples(st.just("scanner"), st.sampled_from(["", "unavailable", "limits", "time"])),
    st.tuples(st.just("answers"), st.lists(st.sampled_from([AWAY, BROKEN, NEVER]), max_size=3)),
    st.tuples(st.sampled_from(["register", "refuse", "close", "stop", "release"]), which),
    st.tuples(st.just("work"), st.sampled_from([0, 20, 4000])),
    st.tuples(st.just("boot")),
)


def _arrival(house: House, count: int, event: tuple[object, ...]) -> Arrival:
    _, transport, document, content, numbered, infected = event
    assert isinstance(transport, int)
    assert isinstance(document, int)
    assert isinstance(content, int)
    data = PDF + f"{content}".encode() + (b"" if infected else EICAR)
    made = house.arrival(100 + count, data, transport=transport, document=document, content=content)
    if numbered or made.envelope is None:
        return made
    bare = DocumentReference(guid=made.envelope.document.guid)
    arrival = replace(made, envelope=replace(made.envelope, document=bare))
    house.originals.arrivals[arrival.original] = arrival
    return arrival


async def _decide(house: House, word: str, index: int) -> None:
    found = sorted(house.state.messages)
    if not found:
        return
    message = found[index % len(found)]
    number = RegistrationNumber(number=f"ВХ-{message[-4:]}", date=date(2026, 3, 3))
    try:
        if word == "register":
            await house.desk.register(message, number, "a")
        elif word == "refuse":
            await house.desk.refuse(message, "не е за нас", "a")
        elif word == "release":
            await house.desk.release(message, "прегледано", "a")
        else:
            await house.desk.close(message, finished=word == "close", reason="край", actor="a")
    except WrongStateError:
        return


async def _happen(house: House, count: int, event: tuple[object, ...]) -> None:
    match event:
        case ("receive", *_):
            await house.receive(_arrival(house, count, event))
        case ("scanner", str(failure)):
            house.scanner.failure = failure
        case ("answers", list(answers)):
            house.sender.answers = list(answers)
        case ("work", int(seconds)):
            house.clock.advance(seconds)
            await house.work()
        case ("boot",):
            house.boot()
        case (str(word), int(index)):
            await _decide(house, word, index)
        case _:
            raise AssertionError(event)


def _documents(message: Message) -> set[str]:
    assert message.envelope is not None
    return {message.envelope.document.guid, *message.other_documents}


def _heard(house: House) -> set[str]:
    """Documents whose sender was told a number, a refusal or an end: by a call or an answer."""
    answers = [said for said in house.said if isinstance(said, StatusAnswer)]
    words = [*answers, *house.sender.told]
    return {answer.document.guid for answer in words if answer.status not in WAITING}


def _owned(house: House) -> None:
    """Each message that is not at its end has work that is due once, or stands in a list."""
    tasks = list(house.state.tasks.values())
    told = _heard(house)
    for message in house.state.messages.values():
        own = [task for task in tasks if task.message_id == message.id]
        kinds = {task.kind for task in own}
        if message.state is S.HELD:  # in the list of what is held; and if it can end by itself:
            retried = any(isinstance(c.verdict, Held) and c.verdict.retry for c in message.checks)
            assert not retried or T.RECHECK in kinds
        elif message.state in {S.REGISTERED, S.REFUSED}:
            waiting = {task.payload["document"] for task in own if task.kind is T.NOTICE}
            assert message.envelope is not None
            assert message.envelope.document.guid in waiting
            assert _documents(message) <= waiting | told
        elif message.state is S.REJECTED and house.blobs.path(message.arrival.original):
            shared = any(
                other.arrival.original == message.arrival.original and other.state is not S.REJECTED
                for other in house.state.messages.values()
            )
            assert shared or T.QUARANTINE in kinds


async def _heal(house: House) -> None:
    """Everything works again, the registry and the people do their part."""
    house.scanner.failure = ""
    house.sender.answers = []
    for _ in range(6):
        house.clock.advance(1000)
        await house.work()
        for parked in await house.tasks.parked(100):
            word = NewEvidence(
                kind=EvidenceKind.UNPARKED,
                at=house.clock.now(),
                message_id=parked.message_id,
                actor="a",
            )
            await house.tasks.unpark(parked.task_id, word)
        for index, message in enumerate(sorted(house.state.messages)):
            state = house.state.messages[message].state
            if state in {S.HELD, S.ADMITTED}:
                await _decide(house, "release" if state is S.HELD else "register", index)
        await house.work()


async def _story(events: list[tuple[object, ...]], folder: Path) -> None:
    house = House(folder)
    for count, event in enumerate(events):
        await _happen(house, count, event)
        _owned(house)
    await _heal(house)
    assert {message.state for message in house.state.messages.values()} <= FINAL
    assert not house.state.tasks
    answers = [said for said in house.said if isinstance(said, StatusAnswer)]
    waiting = {answer.document.guid for answer in answers if answer.status in WAITING}
    assert waiting <= _heard(house)
    assert await house.journal.verify() >= len(house.state.messages)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(EVENTS, max_size=14))
def test_every_message_has_an_owner_and_every_sender_hears_the_end(
    events: list[tuple[object, ...]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_story(events, Path(folder)))
