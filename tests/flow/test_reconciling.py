"""A store put back from a back-up: what was sent in the gap is asked about, never sent again."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from depesha.adapters.memory.channel import BROKEN, Planned
from depesha.errors import DoubtfulError
from depesha.gateway.reconciling import Doubts
from depesha.schemas.answer import DocumentStatus
from depesha.schemas.dispatch import AttemptOutcome
from depesha.schemas.evidence import sha256
from depesha.schemas.outbound import Decision
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.outcome import PeerWord, Refused
from depesha.schemas.restoration import (
    Restoration,
    found_absent,
    load_restoration,
    restoration_bytes,
)
from depesha.schemas.route import Reach
from tests.flow.test_pauses import pause
from tests.flow.test_way_out import NUMBER
from tests.support.departing import THEM, Departing
from tests.support.memory import START

if TYPE_CHECKING:
    from pathlib import Path

    from depesha.adapters.memory.state import MemoryState
    from depesha.ports import Checkpoint
    from depesha.schemas.outbound import OutboundMessage


class House(Departing):
    """A house whose memory can be put back."""

    def boot(self, checkpoint: Checkpoint | None = None) -> None:
        super().boot(checkpoint)
        self.doubts = Doubts(planner=self.sending.planner)
        self.sending = replace(self.sending, doubts=self.doubts)
        self.following = replace(self.following, doubts=self.doubts)
        self.desk = replace(self.desk, doubts=self.doubts)

    def back_up(self) -> tuple[MemoryState, Restoration]:
        now = self.clock.now()
        made = Restoration(
            name="20260302T090000.000000Z",
            knows_until=now,
            restored_at=now,
            manifest=sha256(b"manifest"),
        )
        return copy.deepcopy(self.state), made

    def put_back(self, saved: tuple[MemoryState, Restoration]) -> None:
        self.clock.advance(3600)
        self.state = copy.deepcopy(saved[0])
        self.boot()
        self.doubts.restoration = replace(saved[1], restored_at=self.clock.now())

    async def now(self, message: OutboundMessage) -> OutboundMessage:
        return await self.desk.find(message.id)

    async def hours(self, count: int) -> None:
        """Let time pass, with everybody at work."""
        for _ in range(count * 4):
            await self.work()
            self.clock.advance(900)
        await self.work()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_what_was_sent_in_the_gap_is_asked_about_and_not_sent_again(house: House) -> None:
    message = await house.submit()
    saved = house.back_up()
    await house.work()
    assert house.seos.holds(message.dispatch.document.guid) == 1
    house.put_back(saved)
    await house.hours(2)
    after = await house.now(message)
    assert after.state is OutboundState.DELIVERED
    assert house.seos.holds(message.dispatch.document.guid) == 1
    assert house.ssev.questions == [], "the first network knew"


async def test_what_went_by_a_later_network_is_found_there(house: House) -> None:
    message = await house.submit()
    saved = house.back_up()
    house.seos.reaches[THEM.identifier] = Reach.AWAY
    await house.work()
    assert house.ssev.holds(message.dispatch.document.guid) == 1
    house.seos.reaches.clear()
    house.put_back(saved)
    await house.hours(2)
    after = await house.now(message)
    assert after.state is OutboundState.ACCEPTED
    assert [a.network for a in after.attempts] == ["seos", "ssev"]
    assert house.seos.holds(message.dispatch.document.guid) == 0
    assert house.ssev.holds(message.dispatch.document.guid) == 1


async def test_what_was_not_sent_goes_out_once_and_at_once(house: House) -> None:
    house.mail.reaches[THEM.identifier] = Reach.NOT_REGISTERED
    message = await house.submit()
    house.put_back(house.back_up())
    await house.work()
    after = await house.now(message)
    assert after.state is OutboundState.DELIVERED
    assert house.seos.holds(message.dispatch.document.guid) == 1
    assert [found_absent(a) for a in after.attempts] == [True, True, False]
    assert [len(c.questions) for c in (house.seos, house.ssev, house.mail)] == [1, 1, 0]


async def test_where_mail_may_have_carried_it_a_person_decides(house: House) -> None:
    message = await house.submit()
    saved = house.back_up()
    for network in (house.seos, house.ssev):
        network.reaches[THEM.identifier] = Reach.AWAY
    await house.work()
    assert house.mail.holds(message.dispatch.document.guid) == 1
    for network in (house.seos, house.ssev):
        network.reaches.clear()
    house.put_back(saved)
    await house.hours(2)
    after = await house.now(message)
    assert after.state is OutboundState.PARKED
    await house.desk.decide(message.id, Decision.RULE_THERE, "лежи в пощата им", "person:test")
    await house.hours(1)
    assert (await house.now(message)).state is OutboundState.DELIVERED
    copies = [n.holds(message.dispatch.document.guid) for n in (house.seos, house.ssev, house.mail)]
    assert copies == [0, 0, 1]


async def test_mail_of_the_second_gap_is_suspected_though_the_first_one_is_open(
    house: House,
) -> None:
    house.put_back(house.back_up())
    earlier = house.doubts.restoration
    assert earlier is not None
    house.seos.reaches[THEM.identifier] = Reach.NOT_REGISTERED
    message = await house.submit()
    state, made = house.back_up()
    house.ssev.reaches[THEM.identifier] = Reach.AWAY
    await house.work()
    assert house.mail.holds(message.dispatch.document.guid) == 1
    house.ssev.reaches.clear()
    house.put_back((state, replace(made, name="later").reaching_back(earlier)))
    await house.hours(2)
    assert (await house.now(message)).state is OutboundState.PARKED
    assert house.ssev.holds(message.dispatch.document.guid) == 0


async def test_a_person_who_knows_that_it_is_not_there_lets_it_go(house: House) -> None:
    message = await house.submit()
    house.put_back(house.back_up())
    await house.hours(1)
    assert (await house.now(message)).state is OutboundState.PARKED
    await house.desk.decide(message.id, Decision.RULE_ABSENT, "няма го никъде", "person:test")
    await house.work()
    assert (await house.now(message)).state is OutboundState.DELIVERED
    assert house.seos.holds(message.dispatch.document.guid) == 1


REFUSED = Refused(code="FORM", public="не става")


async def refused(house: House, *, document: bool) -> OutboundMessage:
    """Submit a document that its one network refuses: a person is to find another road."""
    for network in (house.ssev, house.mail):
        network.reaches[THEM.identifier] = Reach.NOT_REGISTERED
    house.seos.script.append(Planned(outcome=replace(REFUSED, document=document)))
    message = await house.submit()
    await house.work()
    assert (await house.now(message)).state is OutboundState.UNDELIVERABLE
    return message


async def resume(house: House, message: OutboundMessage) -> OutboundMessage:
    await house.desk.decide(message.id, Decision.RESUME, "поправено е", "person:test")
    await house.hours(1)
    return await house.now(message)


@pytest.mark.parametrize("document", [True, False])
async def test_what_was_resumed_in_the_gap_is_asked_about_when_it_is_resumed_again(
    house: House, *, document: bool
) -> None:
    message = await refused(house, document=document)
    saved = house.back_up()
    house.clock.advance(60)
    assert (await resume(house, message)).state is OutboundState.DELIVERED
    house.put_back(saved)
    await house.hours(1)
    assert (await house.now(message)).state is OutboundState.UNDELIVERABLE, "a person resumes it"
    assert (await resume(house, message)).state is OutboundState.DELIVERED
    assert house.seos.holds(message.dispatch.document.guid) == 1
    assert len(house.seos.questions) == 1


@pytest.mark.parametrize("document", [True, False])
async def test_what_may_have_been_sent_in_the_gap_is_not_returned_unasked(
    house: House, *, document: bool
) -> None:
    message = await refused(house, document=document)
    saved = house.back_up()
    house.clock.advance(60)
    await resume(house, message)
    house.put_back(saved)
    with pytest.raises(DoubtfulError, match="resumed"):
        await house.desk.decide(message.id, Decision.RETURN, "оттеглено", "person:test")
    assert (await house.now(message)).state is OutboundState.UNDELIVERABLE
    assert (await resume(house, message)).state is OutboundState.DELIVERED


@pytest.mark.parametrize("document", [True, False])
async def test_what_turned_out_to_be_nowhere_may_be_returned(
    house: House, *, document: bool
) -> None:
    message = await refused(house, document=document)
    house.put_back(house.back_up())
    house.seos.script.append(Planned(outcome=replace(REFUSED, document=document)))
    assert (await resume(house, message)).state is OutboundState.UNDELIVERABLE
    assert len(house.seos.questions) == 1
    after = await house.desk.decide(message.id, Decision.RETURN, "оттеглено", "person:test")
    assert after.state is OutboundState.RETURNED
    assert house.seos.holds(message.dispatch.document.guid) == 0


async def test_what_its_author_wants_back_is_asked_about_while_its_network_is_paused(
    house: House,
) -> None:
    message = await refused(house, document=True)
    house.put_back(house.back_up())
    await pause(house)
    assert (await resume(house, message)).state is OutboundState.DEFERRED
    assert len(house.seos.questions) == 1
    after = await house.desk.decide(message.id, Decision.RETURN, "оттеглено", "person:test")
    assert after.state is OutboundState.RETURNED
    assert house.seos.holds(message.dispatch.document.guid) == 0


async def test_what_was_only_submitted_at_the_back_up_is_not_returned_unasked(
    house: House,
) -> None:
    message = await house.submit()
    saved = house.back_up()
    await house.work()
    house.put_back(saved)
    with pytest.raises(DoubtfulError):
        await house.desk.decide(message.id, Decision.RETURN, "оттеглено", "person:test")
    await house.hours(1)
    assert (await house.now(message)).state is OutboundState.DELIVERED
    assert house.seos.holds(message.dispatch.document.guid) == 1


async def test_without_a_restore_and_after_its_approval_a_document_is_returned(
    house: House,
) -> None:
    house.put_back(house.back_up())
    assert house.doubts.restoration is not None
    approved = replace(house.doubts.restoration, approved_at=house.clock.now())
    for restoration in (approved, None):
        house.doubts.restoration = restoration
        house.clock.advance(60)
        message = await refused(house, document=True)
        after = await house.desk.decide(message.id, Decision.RETURN, "оттеглено", "person:test")
        assert after.state is OutboundState.RETURNED


async def test_an_unclear_try_at_the_back_up_is_asked_first_and_then_the_rest(
    house: House,
) -> None:
    house.mail.reaches[THEM.identifier] = Reach.NOT_REGISTERED
    house.seos.script.append(Planned(outcome=BROKEN, stored=False))
    message = await house.submit()
    await house.work()
    assert (await house.now(message)).state is OutboundState.UNCLEAR
    saved = house.back_up()
    house.clock.advance(60)
    await house.work()
    assert house.seos.holds(message.dispatch.document.guid) == 0
    await house.hours(1)
    assert house.seos.holds(message.dispatch.document.guid) == 1
    house.put_back(saved)
    await house.hours(2)
    assert (await house.now(message)).state is OutboundState.DELIVERED
    assert house.seos.holds(message.dispatch.document.guid) == 1


async def test_a_network_that_is_silent_keeps_the_document_from_leaving(house: House) -> None:
    house.mail.reaches[THEM.identifier] = Reach.NOT_REGISTERED
    message = await house.submit()
    saved = house.back_up()
    await house.work()
    house.seos.down = True
    house.put_back(saved)
    await house.hours(3)
    assert (await house.now(message)).state is OutboundState.UNCLEAR
    assert house.ssev.holds(message.dispatch.document.guid) == 0, "no fallback in doubt"
    house.seos.down = False
    await house.hours(5)
    assert (await house.now(message)).state is OutboundState.DELIVERED
    assert house.seos.holds(message.dispatch.document.guid) == 1


async def test_the_registrys_repeat_of_what_the_store_forgot_is_asked_about_first(
    house: House,
) -> None:
    saved = house.back_up()
    dispatch, contents = house.dispatch()
    await house.desk.submit(dispatch, contents, "token:test")
    await house.work()
    house.put_back(saved)
    repeated = replace(dispatch, submitted_at=house.clock.now())
    again = (await house.desk.submit(repeated, contents, "token:test")).message
    await house.hours(1)
    after = await house.now(again)
    assert after.state is OutboundState.DELIVERED
    assert house.seos.holds(dispatch.document.guid) == 1
    assert len(house.seos.tries) == 1


async def test_a_new_document_goes_though_mail_cannot_be_asked(house: House) -> None:
    house.put_back(house.back_up())
    message = await house.submit()
    await house.work()
    assert (await house.now(message)).state is OutboundState.DELIVERED
    for network in (house.seos, house.ssev):
        network.reaches[THEM.identifier] = Reach.NOT_REGISTERED
    by_mail = await house.submit()
    await house.work()
    assert (await house.now(by_mail)).state is OutboundState.PARKED, "mail is its one road"


async def test_an_approved_restore_doubts_nothing_new(house: House) -> None:
    house.put_back(house.back_up())
    assert house.doubts.restoration is not None
    house.doubts.restoration = replace(
        house.doubts.restoration, approved_at=house.clock.now() - timedelta(seconds=1)
    )
    message = await house.submit()
    await house.work()
    after = await house.now(message)
    assert [a.outcome for a in after.attempts] == [AttemptOutcome.DELIVERED]
    assert house.seos.questions == []


async def test_a_number_that_came_in_the_gap_is_asked_for_at_once(house: House) -> None:
    message = await house.submit()
    await house.work()
    saved = house.back_up()
    house.seos.word = PeerWord(status=DocumentStatus.REGISTERED, number=NUMBER)
    house.put_back(saved)
    assert (await house.now(message)).state is OutboundState.DELIVERED
    for task in house.state.tasks.values():
        task.due_at = house.clock.now()  # as the restore itself does
    await house.work()
    after = await house.now(message)
    assert (after.state, after.number) == (OutboundState.REGISTERED, NUMBER)


async def test_without_a_restore_nothing_is_suspected(house: House) -> None:
    message = await house.submit()
    await house.work()
    assert len((await house.now(message)).attempts) == 1


def test_a_restoration_reads_back() -> None:
    house = Restoration(
        name="n",
        knows_until=START,
        restored_at=START,
        manifest=sha256(b"m"),
        rewound=("ssev-receiver.json",),
    )
    assert load_restoration(restoration_bytes(house)) == house
    later = replace(house, knows_until=START + timedelta(days=1)).reaching_back(house)
    assert (later.knows_until, later.backed_up_at) == (START, START + timedelta(days=1))
    assert load_restoration(restoration_bytes(later)) == later


def test_a_restoration_that_an_earlier_release_wrote_reads_well() -> None:
    house = Restoration(name="n", knows_until=START, restored_at=START, manifest=sha256(b"m"))
    told = json.loads(restoration_bytes(house))
    del told["backed_up_at"]
    assert load_restoration(json.dumps(told).encode()) == house
