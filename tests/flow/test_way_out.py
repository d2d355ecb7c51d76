"""The way out over doubles: once, by the best network, with the truth about it (S2, S7–S13)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from depesha.adapters.memory.channel import BROKEN, FAULT, REFUSED, Planned
from depesha.adapters.memory.scanner import EICAR
from depesha.errors import Blame, ConflictError, DefectsError, WrongStateError
from depesha.schemas.answer import DocumentStatus
from depesha.schemas.dispatch import AttemptOutcome, Defect, Mark
from depesha.schemas.envelope import Party, RegistrationNumber
from depesha.schemas.message import EvidenceKind, TaskKind
from depesha.schemas.outbound import Decision, Settlement, SignalKind
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.outcome import Absent, PeerWord, Unclear
from depesha.schemas.route import Reach
from depesha.schemas.steps import OutboundStep
from tests.support.departing import THEM, Departing

if TYPE_CHECKING:
    from pathlib import Path

    from depesha.schemas.outbound import OutboundMessage
    from depesha.schemas.steps import AnyStep

NUMBER = RegistrationNumber(number="ВХ-77", date=date(2026, 3, 2))


@pytest.fixture
def house(tmp_path: Path) -> Departing:
    return Departing(tmp_path)


async def now(house: Departing, message: OutboundMessage) -> OutboundMessage:
    return await house.desk.find(message.id)


async def test_a_document_goes_by_the_first_network_and_waits_for_its_number(
    house: Departing,
) -> None:
    message = await house.submit()
    await house.work()
    after = await now(house, message)
    assert after.state is OutboundState.DELIVERED
    assert after.network == "seos"
    assert house.seos.holds(message.dispatch.document.guid) == 1
    assert await kinds_of(house, message) == [
        EvidenceKind.SUBMITTED,
        EvidenceKind.SIGNED,
        EvidenceKind.ATTEMPT_BEGUN,
        EvidenceKind.ATTEMPT_SETTLED,
    ]


async def test_a_number_told_at_once_is_kept(house: Departing) -> None:
    house.seos.word = PeerWord(status=DocumentStatus.REGISTERED, number=NUMBER)
    message = await house.submit()
    await house.work()
    after = await now(house, message)
    assert (after.state, after.number) == (OutboundState.REGISTERED, NUMBER)


async def test_what_breaks_a_rule_is_not_taken_and_all_defects_are_told(house: Departing) -> None:
    dispatch, _ = house.dispatch(subject=" ", files=(), kind="")
    with pytest.raises(DefectsError) as caught:
        await house.desk.submit(dispatch, (), "token:test")
    reasons = {defect.reason for defect in caught.value.defects}  # type: ignore[attr-defined]
    assert {Defect.CONTENT_MISSING, Defect.ATTACHMENT_MISSING, Defect.KIND_MISSING} <= reasons
    assert not house.state.evidence


async def test_the_same_key_is_the_same_submission(house: Departing) -> None:
    dispatch, contents = house.dispatch()
    first = await house.desk.submit(dispatch, contents, "token:test")
    again = await house.desk.submit(dispatch, contents, "token:test")
    assert (again.message.id, again.repeated) == (first.message.id, True)
    other, contents = house.dispatch(idempotency_key=dispatch.idempotency_key)
    with pytest.raises(ConflictError):
        await house.desk.submit(other, contents, "token:test")
    await house.work()
    assert len(house.seos.arrived) == 1


async def test_malware_found_late_returns_it_and_nothing_leaves(house: Departing) -> None:
    dispatch, contents = house.dispatch(EICAR)
    message = (await house.desk.submit(dispatch, contents, "token:test")).message
    await house.work()
    after = await now(house, message)
    assert after.state is OutboundState.RETURNED
    assert [d.reason for d in after.defects] == [Defect.FILE_INFECTED]
    assert not house.seos.tries


async def test_seos_down_falls_back_to_ssev_and_returns_when_it_lives(house: Departing) -> None:
    house.seos.down = True
    message = await house.submit()
    await house.work()
    assert (await now(house, message)).state is OutboundState.DEFERRED
    await house.live(timedelta(minutes=20))
    after = await now(house, message)
    assert (after.state, after.network) == (OutboundState.ACCEPTED, "ssev")
    assert SignalKind.FALLBACK in {signal.kind for signal in house.signals.told}
    assert {s.network for s in house.signals.told if s.kind is SignalKind.FALLBACK} == {"seos"}
    house.seos.down = False
    await house.live(timedelta(minutes=40))
    later = await house.submit()
    await house.work()
    assert (await now(house, later)).network == "seos"
    assert house.ssev.holds(message.dispatch.document.guid) == 1
    assert house.seos.holds(message.dispatch.document.guid) == 0


async def test_tries_on_a_dead_network_are_no_faults_of_the_task(house: Departing) -> None:
    """Else the first fault inside, after a long outage, would leave the document to a person."""
    house.seos.script.append(Planned(outcome=BROKEN))
    house.seos.answers.extend([BROKEN] * 3)
    message = await house.submit(channels=("seos",))
    await house.work()
    house.seos.down = True
    later = await house.submit(channels=("seos",))
    await house.live(timedelta(hours=3))
    assert (await now(house, message)).state is OutboundState.UNCLEAR
    assert (await now(house, later)).state is OutboundState.DEFERRED
    owners = [t for t in house.state.tasks.values() if t.kind is TaskKind.DISPATCH]
    assert [owner.attempts for owner in owners] == [0, 0]


async def test_not_in_ssev_goes_by_signed_mail(house: Departing) -> None:
    house.seos.down = True
    house.ssev.reaches[THEM.identifier] = Reach.NOT_REGISTERED
    message = await house.submit()
    await house.live(timedelta(minutes=20))
    after = await now(house, message)
    assert (after.state, after.network) == (OutboundState.ACCEPTED, "email")


async def test_personal_data_never_goes_by_mail_and_the_operator_is_told(house: Departing) -> None:
    house.seos.down = house.ssev.down = True
    message = await house.submit(marks=(Mark.PERSONAL_DATA,))
    await house.live(timedelta(hours=3))
    after = await now(house, message)
    assert after.state is OutboundState.DEFERRED
    assert not house.mail.tries
    assert SignalKind.STUCK in {signal.kind for signal in house.signals.told}
    house.seos.down = False
    await house.live(timedelta(hours=3))
    assert (await now(house, message)).state is OutboundState.DELIVERED


async def test_a_lost_answer_is_asked_about_and_nothing_is_sent_twice(house: Departing) -> None:
    house.seos.script.append(Planned(outcome=BROKEN, stored=True))
    message = await house.submit()
    await house.work()
    assert (await now(house, message)).state is OutboundState.UNCLEAR
    await house.live(timedelta(minutes=1))
    after = await now(house, message)
    assert after.state is OutboundState.DELIVERED
    assert house.seos.holds(message.dispatch.document.guid) == 1
    assert len(house.seos.tries) == 1


async def test_a_lost_request_is_sent_anew_only_after_it_was_asked_about(house: Departing) -> None:
    house.seos.script.append(Planned(outcome=BROKEN, stored=False))
    message = await house.submit()
    await house.live(timedelta(minutes=2))
    after = await now(house, message)
    assert after.state is OutboundState.DELIVERED
    assert [a.outcome for a in after.attempts] == [
        AttemptOutcome.ABSENT,
        AttemptOutcome.DELIVERED,
    ]
    first, second = after.attempts
    assert first.transport_id != second.transport_id
    assert first.fenced
    assert house.seos.holds(message.dispatch.document.guid) == 1


async def test_what_cannot_be_told_waits_for_a_person(house: Departing) -> None:
    house.seos.script.append(Planned(outcome=BROKEN, stored=False))
    house.seos.answers.extend([Unclear(code="NO", public="no")] * 30)
    message = await house.submit()
    await house.live(timedelta(hours=20), timedelta(minutes=5))
    after = await now(house, message)
    assert after.state is OutboundState.PARKED
    assert not house.ssev.tries
    assert not house.mail.tries
    house.seos.answers.clear()
    ruled = await house.desk.decide(message.id, Decision.RULE_ABSENT, "telephoned", "token:a")
    assert ruled.state is OutboundState.DEFERRED
    await house.live(timedelta(hours=2))
    # By another network, for this one was left alone after so many unclear answers.
    assert (await now(house, message)).attempts[-1].outcome is AttemptOutcome.ACCEPTED
    assert sum(len(channel.arrived) for channel in house.channels.values()) == 1


async def test_a_person_can_say_that_it_is_there(house: Departing) -> None:
    house.seos.script.append(Planned(outcome=BROKEN, stored=True))
    house.seos.answers.extend([Unclear(code="NO", public="no")] * 30)
    message = await house.submit()
    await house.live(timedelta(hours=20), timedelta(minutes=5))
    ruled = await house.desk.decide(message.id, Decision.RULE_THERE, "telephoned", "token:a")
    assert ruled.state is OutboundState.DELIVERED
    await house.live(timedelta(hours=2))
    assert house.seos.holds(message.dispatch.document.guid) == 1
    with pytest.raises(WrongStateError):
        await house.desk.decide(message.id, Decision.RESUME, "", "token:a")


async def test_a_refusal_by_the_channel_takes_the_next_one(house: Departing) -> None:
    house.seos.script.append(Planned(outcome=REFUSED))
    message = await house.submit()
    await house.work()
    after = await now(house, message)
    assert (after.state, after.network) == (OutboundState.ACCEPTED, "ssev")


async def test_a_document_refused_for_itself_goes_nowhere_else(house: Departing) -> None:
    house.seos.script.append(Planned(outcome=replace(REFUSED, document=True)))
    message = await house.submit()
    await house.work()
    assert (await now(house, message)).state is OutboundState.UNDELIVERABLE
    assert not house.ssev.tries


async def test_faults_have_a_budget_of_their_own(house: Departing) -> None:
    house.seos.script.extend([Planned(outcome=FAULT)] * 2)
    message = await house.submit()
    await house.live(timedelta(minutes=17))
    assert (await now(house, message)).state is not OutboundState.SUBMITTED
    assert sum(len(c.arrived) for c in house.channels.values()) == 1


async def test_no_answer_ends_with_a_telephone(house: Departing) -> None:
    house.seos.word = PeerWord(status=DocumentStatus.WAITING)
    message = await house.submit()
    await house.work()
    house.seos.answers.extend([Unclear(code="NO", public="no")] * 5)
    await house.live(timedelta(days=6), timedelta(hours=1))
    after = await now(house, message)
    assert after.state is OutboundState.DELIVERED
    assert len(after.questions) == 1
    assert after.person_told_at is not None
    parked = await house.tasks.parked(10)
    assert [row.message_id for row in parked] == [message.id]
    assert "+359 2 000 000" in parked[0].reason


async def test_a_person_is_asked_the_moment_an_answer_is_unclear(house: Departing) -> None:
    message = await house.submit()
    await house.work()
    house.seos.answers.append(Unclear(code="NO", public="no"))
    await house.live(timedelta(days=6), timedelta(hours=1))
    after = await now(house, message)
    assert [question.at for question in after.questions] == [after.person_told_at]


async def test_an_absence_after_a_receipt_is_never_sent_again_by_itself(house: Departing) -> None:
    message = await house.submit()
    await house.work()
    house.seos.answers.append(Absent())
    await house.live(timedelta(days=6), timedelta(hours=1))
    after = await now(house, message)
    assert after.state is OutboundState.DELIVERED
    assert len(house.seos.tries) == 1
    assert after.person_told_at is not None


async def test_a_plan_is_explained_without_a_trace(house: Departing) -> None:
    house.ssev.reaches[THEM.identifier] = Reach.NOT_REGISTERED
    dispatch, _ = house.dispatch()
    told = await house.desk.explain(dispatch, "en")
    assert [line.network for line in told.lines] == ["seos", "ssev", "email"]
    assert told.lines[0].taken
    assert told.lines[1].reasons
    assert not house.state.evidence


async def test_an_unknown_recipient_is_a_defect(house: Departing) -> None:
    stranger = Party(identifier="999999999", name="Непозната")
    for channel in house.channels.values():
        channel.reaches[stranger.identifier] = Reach.NOT_REGISTERED
    dispatch, contents = house.dispatch(recipient=stranger)
    with pytest.raises(DefectsError):
        await house.desk.submit(dispatch, contents, "token:test")


async def kinds_of(house: Departing, message: OutboundMessage) -> list[str]:
    return [json.loads(row.body)["kind"] for row in await house.journal.events(message.id)]


async def test_who_met_a_probe_goes_soon_after_it(house: Departing) -> None:
    peer, breakers = THEM.identifier, house.breakers
    failed = Settlement(attempt="a", outcome=AttemptOutcome.DEFERRED, blame=Blame.NETWORK)
    for _ in range(3):
        breakers.heard("seos", peer, house.clock.now(), failed)
    house.clock.advance(3600.0)
    breakers.begun("seos", peer, house.clock.now())  # by another worker, with another document
    message = await house.submit(channels=("seos",))
    await house.work()
    assert (await now(house, message)).state is OutboundState.DEFERRED
    arrived = Settlement(attempt="a", outcome=AttemptOutcome.DELIVERED)
    breakers.heard("seos", peer, house.clock.now(), arrived)
    await house.live(timedelta(seconds=10), timedelta(seconds=1))
    assert (await now(house, message)).state is OutboundState.DELIVERED


class DiesOnce:
    """`ports.Checkpoint` that dies at one step."""

    def __init__(self, step: OutboundStep) -> None:
        self.step = step

    def reached(self, step: AnyStep) -> None:
        if step is self.step:
            raise KeyboardInterrupt


async def test_with_the_outcome_the_sending_is_over(house: Departing) -> None:
    """One transaction: a death behind it leaves no task that would look again."""
    message = await house.submit()
    (claim,) = await house.tasks.claim((TaskKind.DISPATCH,), 1, 60.0)
    house.boot(DiesOnce(OutboundStep.OUTCOME_STORED))
    with pytest.raises(KeyboardInterrupt):
        await house.one(claim)
    assert (await now(house, message)).state is OutboundState.DELIVERED
    assert [task.kind for task in house.state.tasks.values()] == [TaskKind.FOLLOW_UP]
