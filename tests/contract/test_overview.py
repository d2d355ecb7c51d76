"""The contract of `Overview`, on the double and on real databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from depesha.errors import UnknownMessageError
from depesha.schemas.dispatch import AttemptOutcome, Quality
from depesha.schemas.envelope import RegistrationNumber
from depesha.schemas.lifecycle import InboundEvent, InboundState
from depesha.schemas.message import Change, EvidenceKind, NewMessage, TaskKind
from depesha.schemas.outbound import Ending, OutboundWord
from depesha.schemas.outbound_lifecycle import OutboundEvent, OutboundState
from depesha.schemas.overview import (
    BalanceIn,
    BalanceOut,
    Direction,
    GateCount,
    LineQuery,
    Need,
    PeerQuery,
)
from depesha.schemas.route import AskPerson, ChannelHealth, Circuit, Plan
from tests.support.memory import (
    BODIES,
    START,
    Body,
    arrival,
    body,
    evidence,
    guid_of,
    id_of,
    new_message,
    number_of,
    registration,
    step,
    task,
)
from tests.support.outbound_memory import begun, ended, move, new_outbound, out_id, said, signed

DAY = START.replace(hour=0)
E, A, In, Out = OutboundEvent, AttemptOutcome, InboundState, OutboundState


@pytest.fixture(params=BODIES)
async def memory(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Body]:
    async with body(request.param, tmp_path) as opened:
        opened.clock.advance(3600)
        yield opened


def received(
    number: int, state: InboundState = In.ADMITTED, *checks: str, network: str = "seos"
) -> NewMessage:
    """A message with the row the gateway writes for it."""
    came = replace(arrival(number), network=network)
    new = new_message(number, state=state, arrived=came)
    row = evidence(
        number,
        EvidenceKind.RECEIVED,
        network=network,
        state=str(state),
        checks=list(checks or ("malware:passed",)),
    )
    return replace(new, evidence=replace(row, wire=b"<answer/>"))


async def names(memory: Body, **query: object) -> list[str]:
    page = await memory.overview.lines(LineQuery(**query))  # type: ignore[arg-type]  # its fields
    return [str(line.document.id) for line in page.lines]


# --- home -----------------------------------------------------------------------------------


async def test_an_empty_house_is_told_as_empty(memory: Body) -> None:
    home = await memory.overview.home(DAY)
    assert (home.needs, home.need_counts) == ((), ())
    assert [(s.network, s.last_alive, s.in_today) for s in home.strips] == [
        ("seos", None, 0),
        ("ssev", None, 0),
    ]
    assert (home.balance.received, home.balance.sent, home.balance.adds_up) == ((), (), True)
    assert (home.sealing.rows, home.sealing.seal, home.horizon.oldest) == (0, None, None)


async def test_what_was_received_stands_somewhere(memory: Body) -> None:
    await memory.store.admit(received(1))
    await memory.store.admit(received(2))
    await memory.store.admit(received(3, In.HELD, "malware:held:SCANNER_UNAVAILABLE"))
    await memory.store.admit(received(4, In.REJECTED, "signature:rejected:SIGNATURE_INVALID"))
    await memory.store.admit(received(5, network="ssev"))
    await memory.store.change(registration(1, "ВХ-1"))
    home = await memory.overview.home(DAY)
    assert home.balance.received == (
        BalanceIn(network="seos", received=4, registered=1, refused=1, held=1, waiting=1),
        BalanceIn(network="ssev", received=1, registered=0, refused=0, held=0, waiting=1),
    )
    assert home.balance.adds_up
    assert (home.gates.received, home.gates.held, home.gates.rejected) == (5, 1, 1)
    assert home.gates.reasons == (
        GateCount(check="malware", kind="held", reason="SCANNER_UNAVAILABLE", count=1),
        GateCount(check="signature", kind="rejected", reason="SIGNATURE_INVALID", count=1),
    )
    assert home.gates.last_scanned == START
    assert home.registry.last_number == START + timedelta(minutes=1)
    seos = home.strips[0]
    assert (seos.in_today, seos.last_in, seos.oldest_waiting_in) == (4, START, START)
    assert (len(seos.hours_in), seos.hours_in[-2:]) == (24, (4, 0))


async def test_another_day_is_another_balance(memory: Body) -> None:
    await memory.store.admit(received(1))
    home = await memory.overview.home(DAY + timedelta(days=1))
    assert (home.balance.received, home.gates.received) == ((), 0)
    assert (await memory.overview.home(DAY)).balance.received[0].received == 1


async def test_a_row_without_its_message_does_not_add_up(memory: Body) -> None:
    await memory.journal.record(evidence(None, EvidenceKind.RECEIVED, network="seos"))
    balance = (await memory.overview.home(DAY)).balance
    assert (balance.received[0].received, balance.adds_up) == (1, False)


async def test_a_document_moves_to_the_network_of_its_latest_try(memory: Body) -> None:
    for number in (1, 2, 3):
        await memory.outbound.submit(new_outbound(number))
    facts = {"network": "seos", "plan": ["send:seos", "seos:taken", "ssev:open"]}
    for number in (1, 2):
        await memory.outbound.change(signed(number))
        await memory.outbound.change(begun(number, facts=facts))
    refused = {"network": "seos", "outcome": "refused"}
    await memory.outbound.change(ended(1, A.REFUSED, facts=refused))
    again = {"network": "ssev", "plan": ["send:ssev", "seos:REFUSED_BEFORE", "ssev:taken"]}
    await memory.outbound.change(begun(1, 2, "ssev", facts=again))
    delivered = {"network": "ssev", "outcome": "delivered"}
    await memory.outbound.change(ended(1, A.DELIVERED, 2, facts=delivered))
    home = await memory.overview.home(DAY)
    assert home.balance.sent == (
        BalanceOut(network="", sent=1, confirmed=0, refused=0, unclear=0, waiting=1),
        BalanceOut(network="seos", sent=1, confirmed=0, refused=0, unclear=0, waiting=1),
        BalanceOut(network="ssev", sent=1, confirmed=1, refused=0, unclear=0, waiting=0),
    )
    assert (home.balance.submitted, home.balance.adds_up) == (3, True)
    seos, ssev = home.strips
    assert (seos.out_today, seos.fallbacks_today) == (2, 0)
    assert (seos.last_out, seos.last_failure is not None) == (None, True)
    assert (ssev.out_today, ssev.fallbacks_today) == (1, 1)
    assert ssev.last_out == ssev.last_alive != None  # noqa: E711 -- one chain says it all
    assert seos.oldest_waiting_out == START + timedelta(seconds=2)


async def test_a_networks_health_is_told(memory: Body) -> None:
    await memory.outbound.submit(new_outbound(1))
    health = ChannelHealth(
        network="ssev", circuit=Circuit.OPEN, last_code="TIMEOUT", probe_at=START, last_alive=START
    )
    await memory.outbound.change(signed(1, health=(health,)))
    strip = (await memory.overview.home(DAY)).strips[1]
    told = (strip.circuit, strip.last_code, strip.probe_at, strip.last_alive)
    assert told == (Circuit.OPEN, "TIMEOUT", START, START)


async def test_a_repeat_counts_as_such(memory: Body) -> None:
    await memory.store.admit(received(1))
    again = evidence(1, EvidenceKind.REPEATED, network="seos", at=START + timedelta(minutes=5))
    await memory.journal.record(again)
    home = await memory.overview.home(DAY)
    assert (home.gates.repeated, home.gates.received) == (1, 1)
    assert home.strips[0].last_alive == START + timedelta(minutes=5)


async def test_what_needs_a_person_comes_by_deadline(memory: Body) -> None:
    await memory.store.admit(received(1, In.HELD))
    for number in (1, 2, 3, 4):
        await memory.outbound.submit(new_outbound(number))
        await memory.outbound.change(signed(number))
    for number in (1, 2):
        await memory.outbound.change(begun(number))
        await memory.outbound.change(ended(number, A.UNCLEAR))
    await memory.outbound.change(move(2, E.GIVEN_UP_ASKING, minutes=3))
    await memory.outbound.change(move(3, E.EXHAUSTED, minutes=4))
    step = AskPerson(why="fallback", network="ssev")
    plan = Plan(made_at=START, step=step, candidates=(), floor=Quality.SIGNED_MAIL)
    await memory.outbound.change(move(4, E.DEFERRED, plan=plan, minutes=5))
    home = await memory.overview.home(DAY)
    assert [(item.need, item.document and item.document.id) for item in home.needs] == [
        (Need.CONFIRM_FALLBACK, out_id(4)),
        (Need.UNCLEAR, out_id(2)),
        (Need.HELD, id_of(1)),
        (Need.UNDELIVERABLE, out_id(3)),
        (Need.ASKING, out_id(1)),
    ]
    assert home.needs[1].since == START + timedelta(minutes=3)
    assert home.needs[1].deadline == START + timedelta(minutes=3, hours=2)
    assert {one.need: one.count for one in home.need_counts} == dict.fromkeys(
        (Need.HELD, Need.UNCLEAR, Need.ASKING, Need.UNDELIVERABLE, Need.CONFIRM_FALLBACK), 1
    )
    await memory.outbound.change(move(4, fallback_confirmed=True, minutes=6))
    needs = (await memory.overview.home(DAY)).needs
    assert Need.CONFIRM_FALLBACK not in {item.need for item in needs}


async def test_what_was_decided_needs_nobody(memory: Body) -> None:
    await memory.store.admit(received(1, In.HELD))
    await memory.store.change(step(1, InboundEvent.RELEASED, EvidenceKind.RELEASED))
    assert (await memory.overview.home(DAY)).needs == ()


async def test_a_held_message_stays_held_since_it_came(memory: Body) -> None:
    await memory.store.admit(received(1, In.HELD))
    await memory.store.change(step(1, InboundEvent.CHECKED_HELD, EvidenceKind.RECHECKED))
    (item,) = (await memory.overview.home(DAY)).needs
    assert (item.need, item.since) == (Need.HELD, START)


async def test_a_declined_document_is_off_the_list_once_it_is_mended(memory: Body) -> None:
    await memory.outbound.submit(new_outbound(1))
    await memory.outbound.change(signed(1))
    await memory.outbound.change(begun(1))
    await memory.outbound.change(said(1, E.PEER_DECLINED, minutes=2))
    (item,) = (await memory.overview.home(DAY)).needs
    assert (item.need, item.since) == (Need.DECLINED, START + timedelta(minutes=2))
    declined = new_outbound(1).message.dispatch.document.guid
    await memory.outbound.submit(new_outbound(2, corrects=declined))
    assert (await memory.overview.home(DAY)).needs == ()
    (line,) = (await memory.overview.lines(LineQuery(states=(Out.DECLINED,)))).lines
    assert line.need is None


async def test_a_refusal_that_somebody_has_seen_needs_nobody(memory: Body) -> None:
    for number in (1, 2):
        await memory.outbound.submit(new_outbound(number))
        await memory.outbound.change(signed(number))
        await memory.outbound.change(begun(number))
        await memory.outbound.change(said(number, E.PEER_DECLINED, minutes=number))
    row = evidence(1, EvidenceKind.ATTENDED)
    await memory.notebook.write("seen", out_id(1), b"{}", row)
    home = await memory.overview.home(DAY)
    assert [item.document and item.document.id for item in home.needs] == [out_id(2)]
    assert [(one.need, one.count) for one in home.need_counts] == [(Need.DECLINED, 1)]
    (line,) = (await memory.overview.lines(LineQuery(states=(Out.DECLINED,), limit=1))).lines
    assert line.need is Need.DECLINED
    await memory.notebook.write("seen", out_id(1), None, row)
    assert len((await memory.overview.home(DAY)).needs) == 2


async def test_parked_work_tells_its_reason(memory: Body) -> None:
    refused = received(1, In.REJECTED)
    await memory.store.admit(replace(refused, tasks=(task(TaskKind.NOTICE),)))
    (notice,) = await memory.tasks.claim((TaskKind.NOTICE,), 1, 60)
    await memory.tasks.park(notice, "nobody takes it", evidence(1, EvidenceKind.PARKED))
    await memory.outbound.submit(new_outbound(1))
    await memory.outbound.change(signed(1))
    await memory.outbound.change(begun(1))
    await memory.outbound.change(ended(1, A.DELIVERED, follow_up_at=START))
    (look,) = await memory.tasks.claim((TaskKind.FOLLOW_UP,), 1, 60)
    await memory.outbound.change(
        move(
            1,
            kind=EvidenceKind.TELEPHONE,
            minutes=9,
            claim=look,
            ending=Ending.PARKED,
            park_reason="ring 02 000 000",
        )
    )
    needs = (await memory.overview.home(DAY)).needs
    assert [(item.need, item.task_kind, item.reason) for item in needs] == [
        (Need.TASK_PARKED, TaskKind.NOTICE, "nobody takes it"),
        (Need.LATE_ANSWER, TaskKind.FOLLOW_UP, "ring 02 000 000"),
    ]
    assert [item.document and item.document.id for item in needs] == [id_of(1), out_id(1)]


async def test_no_more_of_a_need_is_listed_than_asked_for(memory: Body) -> None:
    for number in (1, 2, 3):
        await memory.store.admit(received(number, In.HELD))
    home = await memory.overview.home(DAY, most=2)
    assert len(home.needs) == 2
    assert [one.count for one in home.need_counts] == [3]


async def test_a_silent_registry_needs_a_person(memory: Body) -> None:
    await memory.store.admit(received(1))
    await memory.store.admit(received(2))
    assert [n.need for n in (await memory.overview.home(DAY)).needs] == [Need.REGISTRY_SILENT]
    await memory.store.change(registration(1, "ВХ-1"))
    assert (await memory.overview.home(DAY)).needs == ()
    memory.clock.advance(7200)
    (item,) = (await memory.overview.home(DAY)).needs
    assert (item.need, item.since) == (Need.REGISTRY_SILENT, START + timedelta(minutes=1))


async def test_seals_and_the_last_verification_are_told(memory: Body) -> None:
    await memory.store.admit(received(1))
    seal = await memory.journal.seal()
    assert (await memory.overview.home(DAY)).sealing.verified_at is None
    await memory.journal.verify()
    sealing = (await memory.overview.home(DAY)).sealing
    assert (sealing.rows, sealing.seal, sealing.verified_rows) == (1, seal, 1)
    assert sealing.verified_at == memory.clock.now()
    await memory.journal.record(evidence(1))
    await memory.journal.seal()
    assert [one.number for one in await memory.overview.seals()] == [2, 1]
    assert await memory.overview.seals(before=2) == (seal,)


# --- lists and search -----------------------------------------------------------------------


async def test_both_directions_stand_in_one_list_newest_first(memory: Body) -> None:
    await memory.store.admit(received(1))
    await memory.outbound.submit(new_outbound(1))
    await memory.store.admit(received(2, In.HELD, network="ssev"))
    assert await names(memory) == [id_of(2), out_id(1), id_of(1)]
    assert await names(memory, direction=Direction.IN) == [id_of(2), id_of(1)]
    assert await names(memory, networks=("ssev",)) == [id_of(2)]
    assert await names(memory, states=(In.ADMITTED, Out.SUBMITTED)) == [out_id(1), id_of(1)]
    assert await names(memory, peer="000000002") == [out_id(1)]
    assert await names(memory, peer="000000001", states=(In.HELD,)) == [id_of(2)]
    assert await names(memory, peer="nobody") == []


@pytest.mark.parametrize("words", ["", "преписка"])
async def test_pages_follow_each_other(memory: Body, words: str) -> None:
    for number in range(1, 6):
        await memory.store.admit(received(number))
    found, after = [], ""
    for _ in range(3):
        page = await memory.overview.lines(LineQuery(words=words, limit=2, after=after))
        found += [line.document.id for line in page.lines]
        after = page.next
    assert found == [id_of(number) for number in (5, 4, 3, 2, 1)]
    assert after == ""


@pytest.mark.parametrize(
    "words",
    [
        "ПР-7",
        "пр7",
        "ПР-7/02.03.2026",
        "02.03.2026 пр-7",
        "2026-03-02 пр-7",
        "Относно преписка 7",
        "ОТНОСНО   7",
        "община пример 7",
        "000000001 7",
        "преп 7",
        "заявление 7",
        str(guid_of(7, 0xC)),
        "{" + str(guid_of(7, 0xB)).upper() + "}",
        str(id_of(7)),
        arrival(7).original,
        arrival(7).original[:10].upper(),
        "ВХ-204/02.03.2026",
        "вх204",
    ],
)
async def test_it_is_found_by_what_a_clerk_knows(memory: Body, words: str) -> None:
    for number in (6, 7, 8):
        await memory.store.admit(received(number))
        await memory.store.change(registration(number, f"ВХ-{197 + number}"))
    assert await names(memory, words=words) == [id_of(7)]


@pytest.mark.parametrize(
    "words", ["няма", "пр-7 няма", "7 8", "31.02.2026", "пр", "—", '"', "7 AND NOT 8", "*", "a:b"]
)
async def test_what_is_not_there_is_not_found(memory: Body, words: str) -> None:
    for number in (7, 8):
        await memory.store.admit(received(number))
    assert await names(memory, words=words) == [] or words == "пр"


async def test_a_document_of_ours_is_found_by_either_number_and_by_its_tries(memory: Body) -> None:
    for number in (1, 2):
        await memory.outbound.submit(new_outbound(number))
        await memory.outbound.change(signed(number))
        await memory.outbound.change(begun(number))
    peers = RegistrationNumber(number="ВХ-17-204", date=date(2026, 3, 4))
    word = OutboundWord(event=E.PEER_REGISTERED, number=peers)
    await memory.outbound.change(move(1, kind=EvidenceKind.HEARD, word=word, minutes=3))
    for words in ("изх-1", "ВХ-17-204/04.03.2026", "04.03.2026 агенция"):
        assert await names(memory, words=words) == [out_id(1)]
    assert await names(memory, words="агенция образец") == [out_id(2), out_id(1)]
    assert await names(memory, words=str(guid_of(201, 0xE))) == [out_id(2)]


async def test_a_later_name_does_not_make_two_lines(memory: Body) -> None:
    await memory.store.admit(received(1))
    for number in range(12):
        alias = Change(
            message_id=id_of(1),
            event=None,
            evidence=evidence(1, EvidenceKind.REPEATED),
            other_document=guid_of(number, 0xF),
        )
        await memory.store.change(alias)
    assert await names(memory, words="преписка") == [id_of(1)]
    for number in (0, 11):
        assert await names(memory, words=str(guid_of(number, 0xF))) == [id_of(1)]


# --- one document, work, peers, quarantine ----------------------------------------------------


async def test_a_story_tells_every_row_and_all_work(memory: Body) -> None:
    await memory.store.admit(replace(received(1), tasks=(task(TaskKind.NOTICE, due=9),)))
    await memory.store.admit(received(2))
    await memory.store.change(registration(1, "ВХ-1"))
    seal = await memory.journal.seal()
    await memory.journal.record(evidence(1, EvidenceKind.VIEWED, attachment=1))
    story = await memory.overview.story(id_of(1))
    assert story.document == await memory.store.get(id_of(1))
    assert [(e.sequence, e.kind) for e in story.events] == [
        (1, EvidenceKind.RECEIVED),
        (3, EvidenceKind.REGISTERED),
        (4, EvidenceKind.VIEWED),
    ]
    assert story.events[0].wire is not None
    assert (story.events[2].facts, story.events[2].at) == ({"attachment": 1}, START)
    assert seal is not None
    assert (story.sealed_to, story.more_events) == (seal.last, False)
    (work,) = story.tasks
    assert (work.kind, work.due_at, work.leased) == (
        TaskKind.NOTICE,
        START + timedelta(seconds=9),
        False,
    )


async def test_a_story_of_ours_holds_its_tries(memory: Body) -> None:
    await memory.outbound.submit(new_outbound(1))
    story = await memory.overview.story(out_id(1))
    assert story.document == await memory.outbound.get(out_id(1))
    assert [work.kind for work in story.tasks] == [TaskKind.DISPATCH]
    with pytest.raises(UnknownMessageError):
        await memory.overview.story(id_of(99))


async def test_the_queue_is_told_by_its_ages(memory: Body) -> None:
    tasks = tuple(task(TaskKind.NOTICE, due=due) for due in (10, 20, 9000, 9500))
    await memory.store.admit(replace(received(1), tasks=tasks))
    await memory.tasks.claim((TaskKind.NOTICE,), 1, 60)
    ages = {age.kind: age for age in await memory.overview.queue()}
    assert set(ages) == set(TaskKind)
    notices = ages[TaskKind.NOTICE]
    assert (notices.due, notices.due_since) == (1, START + timedelta(seconds=20))
    assert (notices.in_hand, notices.next_due) == (1, START + timedelta(seconds=9000))
    assert (notices.parked, notices.parked_since) == (0, None)


async def test_peers_are_told_with_their_traffic(memory: Body) -> None:
    await memory.store.admit(received(1))
    await memory.store.admit(received(2))
    await memory.store.admit(received(3, In.REJECTED))
    await memory.outbound.submit(new_outbound(1))
    health = ChannelHealth(network="seos", peer="000000002", failures=3, last_code="REFUSED")
    await memory.outbound.change(signed(1, health=(health,)))
    first, second = await memory.overview.peers(PeerQuery())
    assert (first.peer, first.received, first.last_received, first.sent) == (
        "000000001",
        2,
        START,
        0,
    )
    assert (second.peer, second.received, second.sent) == ("000000002", 0, 1)
    assert [(c.network, c.failures, c.last_code) for c in second.channels] == [
        ("seos", 3, "REFUSED")
    ]
    assert await memory.overview.peers(PeerQuery(limit=1)) == (first,)
    assert await memory.overview.peers(PeerQuery(after=first.peer)) == (second,)
    assert await memory.overview.peers(PeerQuery(peer=second.peer)) == (second,)


async def test_refused_bytes_are_listed_until_they_are_shredded(memory: Body) -> None:
    digests = [memory.blobs.put(f"refused {number}".encode()) for number in range(3)]
    came = replace(arrival(1), original=digests[1])
    await memory.store.admit(new_message(1, state=In.REJECTED, arrived=came))
    memory.clock.advance(600)
    for number, digest in enumerate(digests):
        memory.quarantine.seal(digest, START + timedelta(days=number))
    page = await memory.overview.quarantine(limit=2)
    assert [item.digest for item in page.items] == digests[:2]
    assert [item.message and item.message.id for item in page.items] == [None, id_of(1)]
    rest = await memory.overview.quarantine(after=page.next)
    assert ([item.digest for item in rest.items], rest.next) == (digests[2:], "")
    assert (await memory.overview.home(DAY)).horizon.next_shredding == START


async def test_a_number_is_known_from_its_own_transaction_on(memory: Body) -> None:
    await memory.store.admit(received(1))
    assert await names(memory, words="вх-999") == []
    await memory.store.change(registration(1, "ВХ-999"))
    assert await names(memory, words="вх-999") == [id_of(1)]
    assert number_of("ВХ-999").number == "ВХ-999"
