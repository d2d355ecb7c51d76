"""The plan of channels: fenced, floored, barred, stable; every plan ends in exactly one step."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from depesha.errors import Blame
from depesha.gateway.bars import FOR_A_WHILE, RoutingPolicy, Standing
from depesha.gateway.explain import as_text, explain
from depesha.gateway.routing import GOT_THROUGH, make_plan, must_ask
from depesha.schemas.dispatch import Attempt, AttemptOutcome, Dispatch, Mark, Quality
from depesha.schemas.route import (
    AlreadyThere,
    AskFirst,
    AskPerson,
    ChannelFacts,
    ChannelHealth,
    Circuit,
    NoRoad,
    Plan,
    Reach,
    SendBy,
    WaitUntil,
)
from depesha.schemas.sentences import LANGUAGES
from tests.support.outbound import NOW, PEER, attachment, attempt, channel, dispatch

NETWORKS = ("seos", "ssev", "email")
LIMITS = st.none() | st.integers(0, 5000)
LATER = st.none() | st.integers(-3600, 3600).map(lambda s: NOW + timedelta(seconds=s))


@st.composite
def channel_facts(draw: st.DrawFn, network: str) -> ChannelFacts:
    return channel(
        network,
        quality=draw(st.sampled_from(list(Quality))),
        reach=draw(st.sampled_from(list(Reach))),
        reach_as_of=draw(LATER),
        message_bytes=draw(LIMITS),
        file_bytes=draw(LIMITS),
        files=draw(st.none() | st.integers(0, 3)),
        growth_percent=draw(st.sampled_from([100, 137])),
        can_ask=draw(st.booleans()),
        closed_until=draw(LATER),
    )


@st.composite
def situations(
    draw: st.DrawFn,
) -> tuple[Dispatch, tuple[ChannelFacts, ...], tuple[ChannelHealth, ...], RoutingPolicy, Standing]:
    networks = draw(st.lists(st.sampled_from(NETWORKS), unique=True))
    health = [
        ChannelHealth(
            network=network, peer=peer, circuit=circuit, probe_at=NOW + timedelta(seconds=seconds)
        )
        for network, peer, circuit, seconds in draw(
            st.lists(
                st.tuples(
                    st.sampled_from(NETWORKS),
                    st.sampled_from(["", PEER, "other"]),
                    st.sampled_from(list(Circuit)),
                    st.integers(-600, 600),
                ),
                max_size=4,
                unique_by=lambda one: one[:2],
            )
        )
    ]
    attempts = [
        attempt(
            number,
            network,
            intended_at=NOW - timedelta(minutes=60 - number),
            settled_at=NOW - timedelta(minutes=59 - number),
            outcome=outcome,
            blame=blame,
            times_asked=asked,
            fenced=fenced,
            document_refused=refused and outcome is AttemptOutcome.REFUSED,
        )
        for number, (network, outcome, blame, asked, fenced, refused) in enumerate(
            draw(
                st.lists(
                    st.tuples(
                        st.sampled_from(NETWORKS),
                        st.none() | st.sampled_from(list(AttemptOutcome)),
                        st.none() | st.sampled_from(list(Blame)),
                        st.integers(0, 12),
                        st.booleans(),
                        st.booleans(),
                    ),
                    max_size=6,
                )
            ),
            start=1,
        )
    ]
    sizes = draw(st.lists(st.integers(1, 3000), min_size=1, max_size=4))
    document = dispatch(
        submitted_at=NOW - timedelta(minutes=draw(st.integers(0, 60))),
        files=tuple(attachment(n, size) for n, size in enumerate(sizes, start=1)),
        marks=draw(st.sampled_from([(), (Mark.PERSONAL_DATA,)])),
        floor=draw(st.sampled_from(list(Quality))),
        channels=tuple(draw(st.sets(st.sampled_from(NETWORKS)))),
    )
    policy = RoutingPolicy(confirm_fallback=draw(st.booleans()))
    standing = Standing(
        attempts=tuple(attempts),
        fallback_confirmed=draw(st.booleans()),
        resumed_at=draw(st.none() | st.just(NOW)),
    )
    return (
        document,
        tuple(draw(channel_facts(n)) for n in networks),
        tuple(health),
        policy,
        standing,
    )


Situation = tuple[
    Dispatch, tuple[ChannelFacts, ...], tuple[ChannelHealth, ...], RoutingPolicy, Standing
]


def planned(situation: Situation) -> Plan:
    document, channels, health, policy, standing = situation
    return make_plan(document, channels, health, policy, NOW, standing)


def through(attempts: tuple[Attempt, ...]) -> bool:
    return any(one.outcome in GOT_THROUGH for one in attempts)


@given(situations())
def test_nothing_is_sent_while_a_try_may_have_got_through(situation: Situation) -> None:
    """Law 3 and S13: the fence."""
    step, attempts = planned(situation).step, situation[4].attempts
    if through(attempts):
        assert isinstance(step, AlreadyThere)
    elif must_ask(attempts):
        assert isinstance(step, AskFirst | AskPerson)
        assert step.attempt in {one.id for one in must_ask(attempts)}
    elif isinstance(step, SendBy):
        left = {one.id for one in attempts if not one.fenced}
        assert set(step.fence) == left, "every earlier try is marked before a new one begins"


@given(situations())
def test_what_is_sent_keeps_floor_marks_sizes_and_reach(situation: Situation) -> None:
    """FBK-07, S12 and the legal floor."""
    document, channels, health, _, _ = situation
    step = planned(situation).step
    if not isinstance(step, SendBy):
        return
    facts = next(one for one in channels if one.network == step.network)
    assert not (Mark.PERSONAL_DATA in document.marks and step.network == "email")
    assert facts.quality.reaches(document.floor)
    assert facts.reach is Reach.REGISTERED
    assert facts.closed_until is None or facts.closed_until <= NOW
    assert not document.channels or step.network in document.channels
    total = sum(file.size for file in document.files)
    assert facts.message_bytes is None or total <= facts.message_bytes
    for one in health:
        if one.network == step.network and one.peer in {"", PEER}:
            assert one.circuit is Circuit.CLOSED or (one.probe_at or NOW) <= NOW


@given(situations())
def test_the_plan_does_not_depend_on_the_order_of_what_is_known(situation: Situation) -> None:
    document, channels, health, policy, standing = situation
    turned = (document, channels[::-1], health[::-1], policy, standing)
    assert planned(situation) == planned(turned)


@given(situations())
def test_no_dead_ends(situation: Situation) -> None:
    """Law 8: a wait has a moment to come; no road means that every bar is there for good."""
    plan = planned(situation)
    if isinstance(plan.step, WaitUntil):
        assert plan.step.at > NOW
    if isinstance(plan.step, AskPerson) and plan.step.again_at is not None:
        assert plan.step.again_at > NOW
    if isinstance(plan.step, NoRoad):
        for candidate in plan.candidates:
            assert not candidate.holds
            assert any(bar.reason not in FOR_A_WHILE for bar in candidate.bars)
    assert [c.rank for c in plan.candidates] == list(range(1, len(plan.candidates) + 1))


@given(situations(), st.sampled_from(LANGUAGES))
def test_every_plan_can_be_told_in_every_language(situation: Situation, language: str) -> None:
    """Law 10: rule, facts, sentence, and what would make it pass."""
    plan = planned(situation)
    told = explain(plan, language)
    assert len(told.lines) == len(plan.candidates)
    for line, candidate in zip(told.lines, plan.candidates, strict=True):
        assert len(line.reasons) == len(line.remedies) == len(candidate.bars)
        assert line.taken == (isinstance(plan.step, SendBy) and plan.step.network == line.network)
    assert "{" not in as_text(told)
    assert "писмо.pdf" not in as_text(told), "no names of files"
