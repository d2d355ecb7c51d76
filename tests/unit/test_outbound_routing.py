"""S9 to S13 as far as the plan decides them, and FBK-02 to -08."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from depesha.errors import Blame
from depesha.gateway.bars import ChannelPolicy, RoutingPolicy, Standing, reach_of
from depesha.gateway.explain import as_text, explain
from depesha.gateway.retry import SEOS
from depesha.gateway.routing import make_plan
from depesha.schemas.dispatch import Attempt, AttemptOutcome, Mark, Quality
from depesha.schemas.ids import Guid
from depesha.schemas.participant import Participant, ParticipantStatus
from depesha.schemas.route import (
    AlreadyThere,
    AskFirst,
    AskPerson,
    Bar,
    ChannelFacts,
    ChannelHealth,
    Circuit,
    NextStep,
    NoRoad,
    Plan,
    Reach,
    SendBy,
    WaitUntil,
)
from tests.support.outbound import ALL, NOW, PEER, attachment, attempt, channel, dispatch

POLICY = RoutingPolicy()
DOWN = ChannelHealth(
    network="seos",
    peer=PEER,
    circuit=Circuit.OPEN,
    failures=3,
    probe_at=NOW + timedelta(minutes=1),
    last_code="UNREACHABLE",
)
SSEV_DOWN = replace(DOWN, network="ssev", peer="")
NO_SSEV = (ALL[0], channel("ssev", reach=Reach.NOT_REGISTERED), ALL[2])


def plan(
    *attempts: Attempt,
    channels: tuple[ChannelFacts, ...] = ALL,
    health: tuple[ChannelHealth, ...] = (),
    policy: RoutingPolicy = POLICY,
    standing: Standing | None = None,
    **changes: object,
) -> Plan:
    standing = standing or Standing(attempts=attempts)
    return make_plan(dispatch(**changes), channels, health, policy, NOW, standing)


def bars(made: Plan, network: str) -> list[object]:
    return [b.reason for c in made.candidates if c.network == network for b in c.bars]


def deferred(number: int = 1, network: str = "seos", **changes: object) -> Attempt:
    facts = {"outcome": AttemptOutcome.DEFERRED, "blame": Blame.NETWORK, "settled_at": NOW}
    return attempt(number, network, **(facts | changes))


def test_the_first_choice_is_taken_and_is_no_fallback() -> None:
    assert plan().step == SendBy(network="seos")


def test_s10_seos_down_sends_by_ssev_and_returns_when_it_lives() -> None:
    made = plan(deferred(), health=(DOWN,))
    assert made.step == SendBy(network="ssev", fence=("attempt-1",), fallback=True)
    later = NOW + timedelta(minutes=2)
    back = make_plan(dispatch(), ALL, (DOWN,), POLICY, later)
    assert back.step == SendBy(network="seos", probe=True), "a probe, then the first choice again"


def test_s11_no_road_in_ssev_goes_by_signed_mail() -> None:
    assert plan(health=(DOWN,), channels=NO_SSEV).step == SendBy(network="email", fallback=True)
    assert plan(health=(DOWN, SSEV_DOWN)).step == SendBy(network="email", fallback=True)


def test_s12_personal_data_wait_instead_of_taking_mail() -> None:
    made = plan(health=(DOWN,), channels=NO_SSEV, marks=(Mark.PERSONAL_DATA,))
    assert made.step == WaitUntil(at=NOW + timedelta(minutes=1), stuck=True)
    assert bars(made, "email") == [Bar.PERSONAL_DATA]


def test_s13_a_try_that_may_have_got_through_is_asked_about_first() -> None:
    for outcome in (AttemptOutcome.UNCLEAR, None):
        made = plan(attempt(outcome=outcome), health=(DOWN,))
        assert made.step == AskFirst(attempt="attempt-1", network="seos")
    there = plan(deferred(), attempt(2, "ssev", outcome=AttemptOutcome.ACCEPTED))
    assert there.step == AlreadyThere(attempt="attempt-2", network="ssev")
    absent = attempt(outcome=AttemptOutcome.ABSENT, settled_at=NOW - timedelta(hours=1))
    assert plan(absent).step == SendBy(network="seos", fence=("attempt-1",))


def test_a_network_that_cannot_tell_leaves_it_to_a_person() -> None:
    mail = plan(attempt(1, "email", outcome=AttemptOutcome.UNCLEAR))
    assert mail.step == AskPerson(attempt="attempt-1", network="email", why="unclear")
    asked_out = attempt(outcome=AttemptOutcome.UNCLEAR, times_asked=POLICY.questions)
    assert isinstance(plan(asked_out).step, AskPerson)


def test_one_failed_try_waits_for_the_next_before_falling_back() -> None:
    """The network's own retries first; the next channel when patience ends."""
    made = plan(deferred())
    assert made.step == WaitUntil(at=NOW + timedelta(seconds=SEOS.delays[0]))
    impatient = plan(
        deferred(intended_at=NOW - timedelta(minutes=16)),
    )
    assert impatient.step == SendBy(network="ssev", fence=("attempt-1",), fallback=True)


def test_an_unknown_reach_is_no_reason_to_fall_back_yet() -> None:
    """SSEV facts 8.2: unclear → asked again, no fallback."""
    unknown = (channel("seos", reach=Reach.UNKNOWN), *ALL[1:])
    made = plan(channels=unknown)
    assert made.step == WaitUntil(at=NOW + POLICY.look_again)
    old = plan(channels=unknown, submitted_at=NOW - timedelta(hours=1))
    assert old.step == SendBy(network="ssev", fallback=True)


def test_a_recipient_of_another_network_is_no_fallback() -> None:
    """SND-03: a person registered in SSEV only; nobody is signalled."""
    made = plan(channels=(channel("seos", reach=Reach.NOT_REGISTERED), *ALL[1:]))
    assert made.step == SendBy(network="ssev")


def test_fbk_08_a_fallback_may_need_a_yes() -> None:
    policy = RoutingPolicy(confirm_fallback=True)
    made = plan(health=(DOWN,), policy=policy)
    assert made.step == AskPerson(network="ssev", why="fallback", again_at=DOWN.probe_at)
    assert bars(made, "ssev") == [Bar.NEEDS_A_YES]
    yes = plan(health=(DOWN,), policy=policy, standing=Standing(fallback_confirmed=True))
    assert yes.step == SendBy(network="ssev", fallback=True)


def test_s9_a_refused_document_goes_nowhere_else_and_a_refused_message_does() -> None:
    refused = attempt(outcome=AttemptOutcome.REFUSED, settled_at=NOW, code="ERR")
    assert plan(refused).step == SendBy(network="ssev", fence=("attempt-1",), fallback=True)
    assert plan(replace(refused, document_refused=True)).step == NoRoad()


def test_a_persons_try_again_forgets_refusals_and_budgets_but_not_the_fence() -> None:
    refused = attempt(outcome=AttemptOutcome.REFUSED, document_refused=True)
    again = Standing(attempts=(refused,), resumed_at=NOW)
    assert plan(standing=again).step == SendBy(network="seos", fence=("attempt-1",))
    unclear = Standing(attempts=(attempt(outcome=None),), resumed_at=NOW)
    assert isinstance(plan(standing=unclear).step, AskFirst)


@pytest.mark.parametrize(
    ("blame", "tries", "step"),
    [(Blame.THEIRS, 7, NoRoad), (Blame.NETWORK, 7, WaitUntil), (Blame.NETWORK, 14, NoRoad)],
)
def test_faults_and_silence_have_budgets_of_their_own(
    blame: Blame, tries: int, step: type[NextStep]
) -> None:
    attempts = [deferred(n, blame=blame) for n in range(1, tries + 1)]
    assert isinstance(plan(*attempts, channels=ALL[:1]).step, step)


def test_size_and_floor_bar_for_good() -> None:
    small = (channel("seos", message_bytes=10 * 2**20), channel("email", growth_percent=137))
    big = (attachment(1, 6 * 2**20), attachment(2, 6 * 2**20))
    made = plan(channels=small, files=big, floor=Quality.REGISTERED_DELIVERY)
    assert made.step == NoRoad()
    assert bars(made, "seos") == [Bar.MESSAGE_TOO_LARGE]
    assert bars(made, "email") == [Bar.BELOW_FLOOR]
    tight = replace(small[1], message_bytes=13 * 2**20)
    assert bars(plan(channels=(tight,), files=big), "email") == [Bar.MESSAGE_TOO_LARGE]


def test_the_order_is_the_installations_and_unnamed_channels_are_not_used() -> None:
    policy = RoutingPolicy(channels=(ChannelPolicy(network="ssev", schedule=SEOS),))
    assert [c.network for c in plan(policy=policy).candidates] == ["ssev"]


@pytest.mark.parametrize(
    ("status", "reach"),
    [
        (ParticipantStatus.ACTIVE, Reach.REGISTERED),
        (ParticipantStatus.INACTIVE, Reach.INACTIVE),
        (ParticipantStatus.TEMPORARILY_INACTIVE, Reach.AWAY),
    ],
)
def test_the_register_tells_who_can_be_reached(status: ParticipantStatus, reach: Reach) -> None:
    """PRT-04."""
    peer = Participant(
        guid=Guid("33333333-3333-4333-8333-333333333333"),
        identifier=PEER,
        name="Агенция Образец",
        status=status,
        serial=None,
        url="https://agency.example/seos",
    )
    assert reach_of(peer) is reach
    assert reach_of(None) is Reach.NOT_REGISTERED


def test_an_explanation_names_every_channel_its_reasons_and_the_age_of_facts() -> None:
    channels = (replace(ALL[0], reach_as_of=NOW - timedelta(hours=30)), *NO_SSEV[1:])
    text = as_text(explain(plan(channels=channels, health=(DOWN,)), "bg"))
    assert text == (
        "Изпраща се сега по резервен път (мрежа: електронна поща);"
        " операторът на мрежата се уведомява.\n"
        "1. seos: не се ползва\n"
        "   - Каналът не работи и не се ползва (неуспехи: 3, код: UNREACHABLE,"
        " проба: 2026-03-02T09:01+00:00). → Каналът се пробва отново и се връща сам.\n"
        "   · Получателят в мрежата (състояние: регистриран, към: 2026-03-01T03:00+00:00).\n"
        "   · Тези сведения са остарели (възраст: 30 ч).\n"
        "2. ssev: не се ползва\n"
        "   - Получателят не е регистриран в тази мрежа."
        " → Получателят да се регистрира в мрежата.\n"
        "   · Получателят в мрежата (състояние: не е регистриран, към: 2026-03-02T09:00+00:00).\n"
        "3. email: избран\n"
        "   · Получателят в мрежата (състояние: регистриран, към: 2026-03-02T09:00+00:00)."
    )
