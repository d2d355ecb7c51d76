"""The way in, from arrival to the number told, over doubles and a hand-moved clock.

Scenarios S1, S3, S4, S6, S21 of the demands, on the inbound side.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from depesha.adapters.memory.scanner import EICAR
from depesha.errors import ConflictError, StorageError, UnreachableError, WrongStateError
from depesha.schemas.answer import DocumentStatus, ErrorAnswer, StatusAnswer
from depesha.schemas.envelope import RegistrationNumber
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import TaskKind, rejection_of, warnings_of
from depesha.schemas.outcome import Deferred, Delivered, Refused
from depesha.schemas.verdict import Caution, Rejection, finding
from tests.support.house import PDF, House

if TYPE_CHECKING:
    from pathlib import Path

NUMBER = RegistrationNumber(number="ВХ-567", date=date(2026, 3, 3))
UNREACHABLE = Deferred(code="UNREACHABLE", public="nobody answers", blame=UnreachableError.blame)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def status(answer: object) -> DocumentStatus:
    assert isinstance(answer, StatusAnswer), answer
    return answer.status


async def test_s1_a_good_document_is_registered_and_its_number_told(house: House) -> None:
    assert status(await house.receive(house.arrival(1))) is DocumentStatus.WAITING
    found = await house.desk.find(house.only())
    assert found.state is InboundState.ADMITTED
    assert house.sender.told == []

    changed, first = await house.desk.register(found.id, NUMBER, "token:registry")
    assert (changed.state, first) == (InboundState.REGISTERED, True)
    assert await house.work() == 1

    told = house.sender.told
    assert [(a.status, a.document.number) for a in told] == [(DocumentStatus.REGISTERED, NUMBER)]
    done = await house.desk.find(found.id)
    assert done.state is InboundState.ACKNOWLEDGED
    assert done.received_at != done.registered_at
    journey = [json.loads(r.body)["kind"] for r in await house.journal.events(found.id)]
    assert journey == ["RECEIVED", "REGISTERED", "NOTICE_TAKEN"]
    assert await house.journal.verify() > 0


async def test_s20_the_networks_time_of_delivery_is_fixed_at_intake(house: House) -> None:
    """The chained row of the intake holds it, under the identifier that never changes."""
    arrival = house.arrival(1)
    assert arrival.envelope is not None
    delivered = arrival.received_at - timedelta(hours=14)
    envelope = replace(arrival.envelope, delivered_at=delivered)
    await house.receive(replace(arrival, envelope=envelope))
    found = await house.desk.find(house.only())
    assert found.envelope is not None
    assert found.envelope.delivered_at == delivered
    [row] = [json.loads(r.body) for r in await house.journal.events(found.id)]
    assert row["kind"] == "RECEIVED"
    assert row["facts"]["delivered_at"] == delivered.isoformat()


async def test_a_number_stands_once(house: House) -> None:
    """REG-04: a repeat is the same, another number is a conflict, and only one notice goes."""
    await house.receive(house.arrival(1))
    found = house.only()
    await house.desk.register(found, NUMBER, "a")
    _, again = await house.desk.register(found, NUMBER, "a")
    assert again is False
    with pytest.raises(ConflictError):
        await house.desk.register(found, replace(NUMBER, number="ВХ-568"), "a")
    await house.work()
    assert len(house.sender.told) == 1


@pytest.mark.parametrize(
    ("again", "waiting", "later"),
    [
        ({"transport": 1, "document": 1}, DocumentStatus.WAITING, DocumentStatus.REGISTERED),
        (
            {"transport": 2, "document": 1},
            DocumentStatus.ALREADY_RECEIVED,
            DocumentStatus.REGISTERED,
        ),
        (
            {"transport": 2, "document": 2, "content": 1},
            DocumentStatus.ALREADY_RECEIVED,
            DocumentStatus.REGISTERED,
        ),
    ],
    ids=["same message", "same document", "same content"],
)
async def test_s3_a_repeat_is_not_stored_and_hears_what_stands(
    house: House, again: dict[str, int], waiting: DocumentStatus, later: DocumentStatus
) -> None:
    """DUP-01, DUP-06: each of the three identities tells."""
    await house.receive(house.arrival(1, content=1, transport=1, document=1))
    repeat = house.arrival(1 if "content" not in again else 3, **{"content": 1, **again})
    assert status(await house.receive(repeat)) is waiting
    found = house.only()
    await house.desk.register(found, NUMBER, "a")
    answer = await house.receive(repeat)
    assert isinstance(answer, StatusAnswer)
    assert (answer.status, answer.document.number) == (later, NUMBER)
    assert house.only() == found


async def test_a_repeat_by_content_hears_the_number_under_its_own_guid_too(house: House) -> None:
    await house.receive(house.arrival(1, content=1))
    other = house.arrival(2, content=1)
    await house.receive(other)
    await house.desk.register(house.only(), NUMBER, "a")
    await house.work()
    assert other.envelope is not None
    first = house.arrival(1, content=1)
    assert first.envelope is not None
    told = {answer.document.guid for answer in house.sender.told}
    assert told == {first.envelope.document.guid, other.envelope.document.guid}
    assert (await house.desk.find(house.only())).state is InboundState.ACKNOWLEDGED


async def test_s4_malware_is_refused_with_its_name_and_a_mended_document_may_come(
    house: House,
) -> None:
    answer = await house.receive(house.arrival(1, PDF + EICAR))
    assert isinstance(answer, StatusAnswer)
    assert answer.status is DocumentStatus.REJECTED
    assert answer.rejection is not None
    assert answer.rejection.reason is Rejection.MALWARE_FOUND
    refused = await house.desk.find(house.only())
    assert refused.state is InboundState.REJECTED
    mended = house.arrival(1, PDF, transport=9)
    assert status(await house.receive(mended)) is DocumentStatus.WAITING
    assert len(house.state.messages) == 2


async def test_refused_bytes_are_sealed_after_their_rest(house: House) -> None:
    infected = house.arrival(1, PDF + EICAR)
    await house.receive(infected)
    assert await house.work() == 0
    assert house.blobs.path(infected.original) is not None
    house.clock.advance(600)
    assert await house.work(TaskKind.QUARANTINE) == 1
    assert house.blobs.path(infected.original) is None
    assert house.blobs.path(infected.contents[0].attachment.digest) is None


async def test_s5_a_document_meant_for_another_body_is_refused_as_an_error(house: House) -> None:
    good = house.arrival(1)
    assert good.envelope is not None
    other = replace(good.envelope.recipient, identifier="999999999")
    lost = replace(good, envelope=replace(good.envelope, recipient=other))
    answer = await house.receive(lost)
    assert isinstance(answer, ErrorAnswer)
    assert answer.finding.reason is Rejection.RECIPIENT_NOT_OURS


async def test_s6_a_soft_defect_travels_with_the_document(house: House) -> None:
    """RCV-21, CHK-02: never a refusal."""
    deviating = replace(house.arrival(1), deviations=("Header: unknown element",))
    assert status(await house.receive(deviating)) is DocumentStatus.WAITING
    found = await house.desk.find(house.only())
    assert found.state is InboundState.ADMITTED
    reasons = {w.reason for w in warnings_of(found.checks)}
    assert Caution.SCHEMA_DEVIATION in reasons


async def test_a_silent_scanner_holds_and_the_queue_looks_again_until_it_speaks(
    house: House,
) -> None:
    """Law 1: the sender hears "waiting" and the registry sees nothing until a verdict is had."""
    house.scanner.failure = "unavailable"
    assert status(await house.receive(house.arrival(1))) is DocumentStatus.WAITING
    held = house.only()
    assert (await house.desk.find(held)).state is InboundState.HELD
    with pytest.raises(WrongStateError):
        await house.desk.register(held, NUMBER, "a")
    for _ in range(5):
        assert await house.work(TaskKind.RECHECK) == 1
        assert (await house.desk.find(held)).state is InboundState.HELD
        house.clock.advance(1000)
    house.scanner.failure = ""
    await house.work(TaskKind.RECHECK)
    assert (await house.desk.find(held)).state is InboundState.ADMITTED


async def test_a_held_message_found_infected_later_is_refused_and_its_sender_told(
    house: House,
) -> None:
    house.scanner.failure = "time"
    await house.receive(house.arrival(1, PDF + EICAR))
    house.scanner.failure = ""
    await house.work(TaskKind.RECHECK)
    found = await house.desk.find(house.only())
    assert found.state is InboundState.REJECTED
    await house.work(TaskKind.NOTICE)
    (told,) = house.sender.told
    assert told.status is DocumentStatus.REJECTED
    assert told.rejection == rejection_of(found.checks)


async def test_a_held_message_whose_bytes_are_damaged_here_is_refused_by_nobody(
    house: House,
) -> None:
    """The sender's document was good: our disk's fault ends with a person, not as a refusal."""
    house.scanner.failure = "unavailable"
    arrival = house.arrival(1)
    await house.receive(arrival)
    house.originals.arrivals[arrival.original] = replace(
        arrival,
        original=arrival.contents[0].attachment.digest,
        envelope=None,
        unreadable=finding(Rejection.NOT_XML),
    )
    with pytest.raises(StorageError):
        await house.work(TaskKind.RECHECK)
    assert (await house.desk.find(house.only())).state is InboundState.HELD


async def test_a_person_may_release_or_refuse_what_is_held(house: House) -> None:
    house.scanner.failure = "limits"
    await house.receive(house.arrival(1))
    await house.receive(house.arrival(2))
    first, second = sorted(house.state.messages)
    released = await house.desk.release(first, "прегледано", "token:clerk")
    assert released.state is InboundState.ADMITTED
    refused = await house.desk.refuse(second, "нечетливо", "token:clerk")
    assert refused.state is InboundState.REFUSED
    await house.work(TaskKind.NOTICE)
    assert [a.reason for a in house.sender.told] == ["нечетливо"]
    assert (await house.desk.find(second)).state is InboundState.REFUSAL_ACKNOWLEDGED


async def test_s21_without_the_registry_nothing_is_acknowledged_and_nothing_is_lost(
    house: House,
) -> None:
    for number in range(1, 8):
        await house.receive(house.arrival(number))
    house.clock.advance(49 * 3600)
    await house.work()
    assert house.sender.told == []
    for found in sorted(house.state.messages):
        assert (await house.desk.find(found)).state is InboundState.ADMITTED
        own = replace(NUMBER, number=f"ВХ-{found[-2:]}")
        await house.desk.register(found, own, "token:registry")
    await house.work()
    assert len(house.sender.told) == len(house.state.messages) == 7


async def test_a_notice_is_told_until_it_is_taken(house: House) -> None:
    house.sender.answers = [UNREACHABLE] * 5
    await house.receive(house.arrival(1))
    await house.desk.register(house.only(), NUMBER, "a")
    for tries in range(1, 7):
        await house.work()
        assert len(house.sender.told) == tries
        house.clock.advance(24 * 3600)
    assert (await house.desk.find(house.only())).state is InboundState.ACKNOWLEDGED


async def test_a_notice_nobody_takes_ends_with_a_person_and_may_be_told_again(
    house: House,
) -> None:
    """Law 8: never in silence."""
    house.sender.answers = [UNREACHABLE] * 14
    await house.receive(house.arrival(1))
    await house.desk.register(house.only(), NUMBER, "a")
    for _ in range(20):
        await house.work()
        house.clock.advance(200 * 3600)
    (parked,) = await house.tasks.parked(10)
    assert parked.kind is TaskKind.NOTICE
    assert (await house.desk.find(house.only())).state is InboundState.REGISTERED


async def test_a_notice_refused_by_the_peer_is_parked_at_once(house: House) -> None:
    house.sender.answers = [Refused(code="UNKNOWN_DOCUMENT", public="the peer knows it not")]
    await house.receive(house.arrival(1))
    await house.desk.register(house.only(), NUMBER, "a")
    await house.work()
    (parked,) = await house.tasks.parked(10)
    assert parked.reason == "the peer knows it not"


async def test_the_end_of_a_case_is_told_after_its_number(house: House) -> None:
    house.sender.answers = [UNREACHABLE]
    await house.receive(house.arrival(1))
    found = house.only()
    await house.desk.register(found, NUMBER, "a")
    await house.work()
    await house.desk.close(found, finished=True, reason="", actor="a")
    for _ in range(4):
        await house.work()
        house.clock.advance(60)
    told = [answer.status for answer in house.sender.told]
    assert told == [
        DocumentStatus.REGISTERED,
        DocumentStatus.REGISTERED,
        DocumentStatus.CLOSED,
    ]
    assert (await house.desk.find(found)).state is InboundState.CLOSED


async def test_the_end_of_a_case_keeps_its_tries_however_long_the_number_takes(
    house: House,
) -> None:
    """LAT-05: it waits for the number without wearing itself out, and follows it closely."""
    house.sender.answers = [UNREACHABLE] * 9
    await house.receive(house.arrival(1))
    found = house.only()
    await house.desk.register(found, NUMBER, "a")
    await house.desk.close(found, finished=True, reason="", actor="a")
    while house.sender.answers:
        await house.work()
        house.clock.advance(3600)
    house.sender.answers = [Delivered(), UNREACHABLE]
    told = len(house.sender.told)
    for _ in range(100):
        await house.work()
        house.clock.advance(3600)
    assert [answer.status for answer in house.sender.told[told:]] == [
        DocumentStatus.REGISTERED,
        DocumentStatus.CLOSED,
        DocumentStatus.CLOSED,
    ]
    assert await house.tasks.parked(10) == ()


async def test_the_end_of_a_case_follows_its_number_within_seconds(house: House) -> None:
    await house.receive(house.arrival(1))
    found = house.only()
    house.sender.answers = [UNREACHABLE]
    await house.desk.register(found, NUMBER, "a")
    await house.desk.close(found, finished=True, reason="", actor="a")
    for _ in range(25):
        await house.work()
        house.clock.advance(1)
    assert house.sender.told[-1].status is DocumentStatus.CLOSED


async def test_an_attachment_lost_in_a_power_cut_is_taken_out_of_the_original(
    house: House,
) -> None:
    data = PDF + b"unlike any other"
    arrival = house.arrival(1, data)
    await house.receive(arrival)
    house.blobs.remove(arrival.contents[0].attachment.digest)
    with await house.desk.attachment(house.only(), 1, "token:registry") as file:
        assert file.read() == data


async def test_webhooks_hear_of_each_step_once_it_is_durable(house: House) -> None:
    house.hooks.wanted = frozenset({"message.admitted", "message.acknowledged"})
    house.hooks.answers = [UNREACHABLE]
    await house.receive(house.arrival(1))
    await house.work()
    house.clock.advance(10)
    await house.desk.register(house.only(), NUMBER, "a")
    await house.work()
    await house.work()
    heard = [event["type"] for _, event in house.hooks.heard]
    assert heard == ["message.admitted", "message.admitted", "message.acknowledged"]
    deliveries = [delivery for delivery, _ in house.hooks.heard]
    assert deliveries[0] == deliveries[1] != deliveries[2]
    first, again, _ = (event for _, event in house.hooks.heard)
    assert first == again  # though it stands elsewhere by now
    assert first["state"] == "ADMITTED"


async def test_a_recheck_writes_down_what_each_check_said(house: House) -> None:
    house.scanner.failure = "unavailable"
    await house.receive(house.arrival(1))
    house.scanner.failure = ""
    await house.work(TaskKind.RECHECK)
    found = await house.desk.find(house.only())
    received, rechecked = (
        json.loads(r.body)["facts"]["checks"] for r in await house.journal.events(found.id)
    )
    assert [line.split(":")[0] for line in rechecked] == [c.check for c in found.checks]
    assert len(rechecked) == len(received)
    assert [line for line in received if line not in rechecked] != []
    assert all(":passed" in line for line in rechecked)
